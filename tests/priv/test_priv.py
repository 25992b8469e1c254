"""Who may do what, seen from outside: probe does with priv.h what it is told, and
this looks at its /proc entry, at the opener's, and at the files.

What is expected comes from the manual pages (capabilities(7), proc(5), seccomp(2),
sudo(8)) and from docs/privileges.md, which is the promise."""
import errno
import grp
import os
import pathlib
import pwd
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPENER = pathlib.Path(os.environ["TRAWL_OPENER"])
PROBE = pathlib.Path(os.environ["TRAWL_PROBE"])
TRAWL = pathlib.Path(os.environ["TRAWL_BIN"])
SANITIZED = os.environ.get("TRAWL_SANITIZE", "none") != "none"

PACKET, ROUTE, NETNS, BPF, MARK, GRANT, FILES, READERS = (1 << i for i in range(8))
# linux/capability.h
CAP = {"DAC_OVERRIDE": 1 << 1, "DAC_READ_SEARCH": 1 << 2, "SYS_PTRACE": 1 << 19,
       "NET_ADMIN": 1 << 12, "NET_RAW": 1 << 13, "SYS_ADMIN": 1 << 21,
       "BPF": 1 << 39}
SOME_UID, SOME_GID = 4711, 4712  # nobody's here

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
needs_plain_build = pytest.mark.skipif(SANITIZED, reason="sanitizers make their own system calls")
pytestmark = needs_root


def caps_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {line.split(":")[0]: line.split(":")[1].split() for line in text.splitlines()}


def our_caps():
    return int(caps_of("self")["CapPrm"][0], 16)


def need_cap(*names):
    """Containers have root without some of them."""
    lacking = [n for n in names if not our_caps() & CAP[n]]
    if lacking:
        pytest.skip("root without CAP_" + ", CAP_".join(lacking))


def as_user(uid, gid, groups=()):
    def change():
        os.setgroups(list(groups))
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    return change


class Refused(Exception):
    def __init__(self, answer):
        super().__init__(answer)
        code, _, self.text = answer.partition(" ")
        self.errno = -int(code)


class Probe:
    def __init__(self, *args, env=None, before=None, exe=PROBE, prefix=(), cwd=None, keep=None):
        """args: of probe; without any it finds the opener itself."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SUDO_")}
        self.process = subprocess.Popen(
            [*prefix, str(exe), *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**clean, **(env or {})}, preexec_fn=before,
            cwd=cwd, pass_fds=() if keep is None else (keep,))
        try:
            self.answer()
        except BaseException:
            self.process.kill()
            self.process.communicate()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    @property
    def pid(self):
        return self.process.pid

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise EOFError(self.process.stderr.read())
        if not line.startswith("ok "):
            raise Refused(line.rstrip("\n"))
        return line[3:].rstrip("\n")

    def do(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def opener(self):
        return int(pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.process.stderr.close()


def refused(probe, line, code):
    with pytest.raises(Refused) as e:
        probe.do(line)
    assert e.value.errno == code, str(e.value)
    return e.value.text


def gone(fd, seconds=30):
    """Waits for the end of the process behind a pidfd; whether it came."""
    p = select.poll()
    p.register(fd, select.POLLIN)
    return bool(p.poll(seconds * 1000))


@pytest.fixture
def place():
    """A folder that everybody may enter, with copies of the programs: a build folder
    may be where only its owner goes."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="trawl-priv-", dir="/var/tmp"))
    path.chmod(0o755)
    for exe in (PROBE, OPENER):
        shutil.copy(exe, path / exe.name)
        (path / exe.name).chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def netns():
    name = f"trawl-priv-{os.getpid()}"
    p = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if p.returncode:
        pytest.skip("no network namespaces: " + p.stderr.strip())
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def expected_user():
    for name in ("trawl", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    pytest.skip("neither a user 'trawl' nor 'nobody'")


# Who the processes are

def test_dropped_process_holds_nothing():
    user = expected_user()
    with Probe(OPENER) as p:
        p.do("drop capture")
        s = caps_of(p.pid)
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd"):
            assert int(s[name][0], 16) == 0, name
        assert s["NoNewPrivs"] == ["1"]
        assert s["Seccomp"] == ["2"]
        assert s["Uid"] == [str(user.pw_uid)] * 4
        assert s["Gid"] == [str(user.pw_gid)] * 4
        assert s["Groups"] == []


@needs_plain_build
def test_dropped_process_is_not_dumpable():
    with Probe(OPENER) as p:
        p.do("drop none")
        # proc(5): the files of a process that is not dumpable belong to root.
        assert os.stat(f"/proc/{p.pid}/environ").st_uid == 0


def test_opener_holds_only_its_table():
    names = ("NET_RAW", "SYS_ADMIN", "BPF", "DAC_OVERRIDE", "DAC_READ_SEARCH", "SYS_PTRACE")
    need_cap(*names)
    user = expected_user()
    table = sum(CAP[n] for n in names)
    with Probe(OPENER) as p:
        s = caps_of(p.opener())
        assert int(s["CapPrm"][0], 16) == table
        for name in ("CapInh", "CapEff", "CapAmb", "CapBnd"):
            assert int(s[name][0], 16) == 0, name
        assert s["NoNewPrivs"] == ["1"]
        assert s["Seccomp"] == ["2"]
        assert s["Uid"] == [str(user.pw_uid)] * 4
        # Nothing of the user's own needs help, so it goes when grants end.
        p.do("drop capture")
        assert int(caps_of(p.opener())["CapPrm"][0], 16) == table & ~CAP["DAC_OVERRIDE"]


def test_forgone_features_take_their_capabilities_along():
    need_cap("NET_RAW", "SYS_ADMIN", "BPF")
    held = lambda p: int(caps_of(p.opener())["CapPrm"][0], 16)
    with Probe(OPENER) as p:
        p.do("drop capture")
        assert held(p) & CAP["SYS_PTRACE"] and held(p) & CAP["DAC_READ_SEARCH"]
        p.do(f"forgo {READERS}")
        assert not held(p) & (CAP["SYS_PTRACE"] | CAP["DAC_READ_SEARCH"])
        refused(p, "readers", errno.EPERM)
        assert held(p) & CAP["SYS_ADMIN"]
        p.do(f"forgo {NETNS}")
        assert not held(p) & CAP["SYS_ADMIN"]
        p.do("packet")
        assert "forgone" in refused(p, "packet some", errno.EPERM)
        p.do(f"forgo {BPF}")
        refused(p, "filter ok", errno.EPERM)
        # A mark needs it as well.
        p.do(f"forgo {PACKET}")
        assert held(p) == CAP["NET_RAW"]
        refused(p, "packet", errno.EPERM)
        assert p.do("mark 5") == "5"
        p.do(f"forgo {MARK}")
        assert held(p) == 0
        refused(p, "mark 6", errno.EPERM)


def test_sudo_names_the_user():
    uid, gid = SOME_UID, SOME_GID
    with Probe(OPENER, env={"SUDO_UID": str(uid), "SUDO_GID": str(gid)}) as p:
        assert p.do("user") == f"{uid} {gid} #{uid}"
        p.do("drop capture")
        for pid in (p.pid, p.opener()):
            assert caps_of(pid)["Uid"] == [str(uid)] * 4
            assert caps_of(pid)["Gid"] == [str(gid)] * 4


def test_sudo_by_root_names_nobody():
    user = expected_user()
    with Probe(OPENER, env={"SUDO_UID": "0", "SUDO_GID": "0"}) as p:
        assert p.do("user").split()[0] == str(user.pw_uid)


@pytest.mark.parametrize("uid", ["-1", "4294967295", "x", "", "1000 "])
def test_sudo_nonsense_is_refused(uid):
    with pytest.raises(Refused, match="SUDO_UID"):
        Probe(OPENER, env={"SUDO_UID": uid, "SUDO_GID": "1"})


def test_sudo_counts_for_root_only(place):
    env = {"SUDO_UID": "1", "SUDO_GID": "1"}
    with Probe(env=env, before=as_user(SOME_UID, SOME_GID), exe=place / "probe") as p:
        assert p.do("user").split()[:2] == [str(SOME_UID), str(SOME_GID)]


def test_user_trawl_comes_before_nobody(place):
    need_cap("SYS_ADMIN")
    passwd = place / "passwd"
    passwd.write_text("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
                      f"trawl:x:{SOME_UID}:{SOME_GID}::/:/bin/false\n")
    inside = f'mount --bind {passwd} /etc/passwd && exec "$0" "$@"'
    with Probe(OPENER, prefix=["unshare", "--mount", "sh", "-c", inside]) as p:
        assert p.do("user") == f"{SOME_UID} {SOME_GID} trawl"


def test_root_of_a_user_namespace_stays_himself(place):
    prefix = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces")
    with Probe(prefix=prefix, exe=place / "probe") as p:
        assert p.do("user").split()[0] == "0"
        p.do("packet")
        p.do("drop capture")
        assert int(caps_of(p.pid)["CapPrm"][0], 16) == 0


def test_not_while_threads_run():
    if SANITIZED:
        pytest.skip("sanitizers have threads of their own")
    with Probe(OPENER) as p:
        assert "threads" in refused(p, "drop_threaded", errno.EBUSY)


# Files

def test_folder_below_one_that_only_root_enters(tmp_path):
    need_cap("DAC_OVERRIDE")
    top = tmp_path / "top"
    top.mkdir(mode=0o700)
    env = {"SUDO_UID": str(SOME_UID), "SUDO_GID": str(SOME_GID)}
    with Probe(OPENER, env=env) as p:
        assert p.do(f"grant {top}/out") == "0"
        p.do("drop capture")
        p.do("create 0 one new")
        p.do("write hello")
        assert p.do("mkdir 0 sub 0700") == "1"
        p.do("create 1 two new")
        p.do("rename 1 two three")
        p.do("dirfd 1")
    out = top / "out"
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert (out / "one").read_text() == "hello"
    assert [x.name for x in (out / "sub").iterdir()] == ["three"]
    for path in (out, out / "one", out / "sub", out / "sub" / "three"):
        s = path.stat()
        assert (s.st_uid, s.st_gid) == (SOME_UID, SOME_GID), path
    assert top.stat().st_uid == 0


def test_folder_that_belongs_to_root(tmp_path):
    """Root said so, so new files go there; what is there is not touched by a process
    that parses, unless it is the user's."""
    need_cap("DAC_OVERRIDE")
    top = tmp_path / "top"
    top.mkdir(mode=0o700)
    (top / "roots").write_text("precious")
    (top / "before").write_text("of an earlier run")
    with Probe(OPENER) as p:
        p.do(f"grant {top}")
        p.do("create 0 before trunc")
        p.do("drop capture")
        p.do("create 0 mine new")
        p.do("write mine")
        refused(p, "create 0 mine new", errno.EEXIST)
        p.do("create 0 mine trunc")
        p.do("write again")
        for line in ("create 0 roots trunc", "create 0 roots write", "create 0 roots read",
                     "unlink 0 roots", "rename 0 roots other", "rename 0 mine roots"):
            refused(p, line, errno.EACCES)
        p.do("create 0 gone new")
        p.do("unlink 0 gone")
        p.do("mkdir 0 folder 0700")
        p.do("dirclose 1")
        p.do("rmdir 0 folder")
        assert int(caps_of(p.opener())["CapPrm"][0], 16) & CAP["DAC_OVERRIDE"]
        p.do("dirclose 0")
        assert not int(caps_of(p.opener())["CapPrm"][0], 16) & CAP["DAC_OVERRIDE"]
        refused(p, "create 0 late new", errno.EBADF)
    assert sorted(x.name for x in top.iterdir()) == ["before", "mine", "roots"]
    assert (top / "roots").read_text() == "precious"
    assert (top / "before").read_text() == ""
    assert (top / "mine").read_text() == "again"
    assert (top / "mine").stat().st_uid == expected_user().pw_uid


def test_others_files_in_roots_folder(tmp_path):
    """Not even before parsing: who planted them waits for what is written there."""
    need_cap("DAC_OVERRIDE")
    top = tmp_path / "top"
    top.mkdir(mode=0o755)
    planted = top / "planted"
    planted.touch(mode=0o600)
    os.chown(planted, SOME_UID, SOME_GID)
    (top / "file").write_text("two names")
    os.link(top / "file", top / "linked")
    with Probe(OPENER) as p:
        p.do(f"grant {top}")
        refused(p, "create 0 planted trunc", errno.EACCES)
        refused(p, "create 0 linked trunc", errno.EACCES)
    assert (top / "linked").read_text() == "two names"


def test_only_plain_names_and_plain_files(tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    outside = tmp_path / "outside"
    outside.write_text("outside")
    outside.chmod(0o666)
    tmp_path.chmod(0o755)
    (top / "link").symlink_to(outside)
    (top / "dangling").symlink_to(tmp_path / "new")
    (top / "folderlink").symlink_to(tmp_path)
    (top / "folder").mkdir()
    os.mkfifo(top / "fifo")
    with Probe(OPENER) as p:
        assert p.do(f"grant {top}") == "0"
        for name in (".", "..", "../outside", "/etc/passwd", "folder/x", "./x", "x/"):
            refused(p, f"create 0 {name} trunc", errno.EINVAL)
            refused(p, f"mkdir 0 {name} 0700", errno.EINVAL)
            refused(p, f"unlink 0 {name}", errno.EINVAL)
            refused(p, f"rmdir 0 {name}", errno.EINVAL)
            refused(p, f"rename 0 {name} y", errno.EINVAL)
            refused(p, f"rename 0 y {name}", errno.EINVAL)
        for way in ("new", "trunc", "write", "read"):
            for name in ("link", "dangling"):
                refused(p, f"create 0 {name} {way}", errno.ELOOP)
            refused(p, f"create 0 fifo {way}", errno.EINVAL)
        refused(p, "create 0 folder read", errno.EISDIR)
        with pytest.raises(Refused):
            p.do("mkdir 0 folderlink 0700")
        refused(p, "create 0 " + "x" * 256 + " new", errno.ENAMETOOLONG)
        p.do("create 0 " + "x" * 255 + " new")
        for way in ("path", "tmp"):
            refused(p, f"create 0 x {way}", errno.EINVAL)
        refused(p, "mkdir 0 x 04755", errno.EINVAL)
        for number in (1, -1, 2048, 1 << 31):
            refused(p, f"create {number} x new", errno.EBADF)
    assert outside.read_text() == "outside"
    assert not (tmp_path / "new").exists()


def test_grants_end_with_the_drop(tmp_path):
    with Probe(OPENER) as p:
        p.do("drop capture")
        assert "refused" in refused(p, f"grant {tmp_path}", errno.EPERM)
        refused(p, "create 0 x new", errno.EBADF)


def test_grants_that_cannot_be(tmp_path, place):
    (tmp_path / "file").touch()
    tmp_path.chmod(0o755)
    with Probe(OPENER) as p:
        refused(p, f"grant {tmp_path}/file", errno.ENOTDIR)
        refused(p, f"grant {tmp_path}/a/b", errno.ENOENT)
        assert "there is no folder" in refused(p, f"grant {tmp_path}/a there", errno.ENOENT)
        assert not (tmp_path / "a").exists()
        refused(p, "grant /proc/sys", errno.EACCES)
    with Probe(exe=place / "probe", before=as_user(SOME_UID, SOME_GID)) as p:
        refused(p, "grant /etc", errno.EACCES)
        refused(p, "grant /root/x", errno.EACCES)


def test_ordinary_users_files(place):
    home = place / "home"
    home.mkdir()
    os.chown(home, SOME_UID, SOME_GID)
    with Probe(exe=place / "probe", before=as_user(SOME_UID, SOME_GID), cwd=home) as p:
        p.do("grant out")
        p.do("drop capture")
        p.do("create 0 one new")
    assert (home / "out/one").stat().st_uid == SOME_UID


def test_many_folders(tmp_path):
    with Probe(OPENER) as p:
        p.do(f"grant {tmp_path}")
        for i in range(1, 2048):
            assert p.do(f"mkdir 0 d{i} 0700") == str(i)
        refused(p, "mkdir 0 more 0700", errno.EMFILE)
        p.do("dirclose 5")
        assert p.do("mkdir 0 more 0700") == "5"


# Readers of a pipe

def listening():
    """A TCP server, and the inode of a socket that is connected to it."""
    s = socket.create_server(("127.0.0.1", 0))
    c = socket.create_connection(s.getsockname())
    return s, c, os.fstat(c.fileno()).st_ino


@pytest.mark.parametrize("user", ["root", "caller"])
@pytest.mark.parametrize("way", ["pipe", "chain", "local"])
def test_sockets_of_those_who_read(tmp_path, user, way):
    """Of the process that reads, by its pipe or local socket, or behind one more pipe; a
    process that merely holds the end to write has nothing to do with it."""
    if user == "root":
        need_cap("SYS_PTRACE", "DAC_READ_SEARCH")
    before = as_user(SOME_UID, SOME_GID) if user == "caller" else None
    env = {"SUDO_UID": str(SOME_UID), "SUDO_GID": str(SOME_GID)} if user == "caller" else {}
    server, client, inode = listening()
    other = socket.create_connection(server.getsockname())
    if way == "local":
        ours, theirs = socket.socketpair()
        ours, theirs = ours.detach(), theirs.detach()
        peer = os.fstat(theirs).st_ino
    else:
        theirs, ours = os.pipe()
        peer = 0
    os.set_inheritable(ours, True)
    cmd = ["sleep", "60"]
    started = []
    if way == "chain":
        between = os.pipe()
        started.append(subprocess.Popen(cmd, stdin=theirs, stdout=between[1], preexec_fn=before))
        started.append(subprocess.Popen(cmd, stdin=between[0], stdout=subprocess.DEVNULL,
                                        pass_fds=[client.fileno()], preexec_fn=before))
        os.close(between[0])
        os.close(between[1])
    else:
        started.append(subprocess.Popen(cmd, stdin=theirs, stdout=subprocess.DEVNULL,
                                        pass_fds=[client.fileno()], preexec_fn=before))
    started.append(subprocess.Popen(cmd, pass_fds=[ours, other.fileno()], preexec_fn=before))
    os.close(theirs)
    try:
        with Probe(OPENER, env=env, keep=ours) as p:
            p.do("drop capture")
            assert str(inode) in p.do(f"readers {ours} {peer}").split()
            assert str(os.fstat(other.fileno()).st_ino) not in p.do(f"readers {ours} {peer}").split()
            refused(p, f"readers {ours} {0 if peer else 1}", errno.EINVAL)
    finally:
        for x in started:
            x.kill()
            x.wait()
        os.close(ours)
        for s in (server, client, other):
            s.close()


# Sockets

@pytest.mark.parametrize("first", ["packet", "drop"])
def test_packet_socket_of_a_named_namespace(netns, first):
    need_cap("NET_RAW", "SYS_ADMIN")
    with Probe(OPENER) as p:
        assert netns in p.do("netns").split()
        if first == "drop":
            p.do("drop capture")
        p.do(f"packet {netns}")
        p.do("bind 1")  # lo, in every namespace
        send = ("import socket\n"
                "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto("
                "b'marked-datagram', ('127.0.0.1', 9))")
        subprocess.run(["ip", "netns", "exec", netns, "/usr/bin/python3", "-c", send], check=True)
        # Ethernet 14, IPv4 20, UDP 8, and what was sent
        assert p.do("receive marked-datagram") == str(14 + 20 + 8 + 15)
        # The next one is ours again.
        p.do("route")
        net = os.stat(f"/proc/{p.opener()}/ns/net").st_ino
        assert net == os.stat("/proc/self/ns/net").st_ino


def test_namespaces_by_plain_name_only(netns):
    need_cap("SYS_ADMIN")
    with Probe(OPENER) as p:
        for name in (".", "..", f"../netns/{netns}", f"/run/netns/{netns}", "a/b"):
            refused(p, f"packet {name}", errno.EINVAL)
        refused(p, "packet nowhere", errno.ENOENT)
        # Files of other kinds in that folder are no namespaces.
        fake = pathlib.Path("/run/netns") / f"{netns}-file"
        link = pathlib.Path("/run/netns") / f"{netns}-link"
        fake.touch()
        link.symlink_to("/proc/self/ns/net")
        try:
            refused(p, f"packet {fake.name}", errno.EINVAL)
            refused(p, f"packet {link.name}", errno.ELOOP)
        finally:
            fake.unlink()
            link.unlink()


def test_filter_counts(netns):
    need_cap("NET_RAW", "SYS_ADMIN", "BPF")
    with Probe(OPENER) as p:
        p.do("drop capture")
        p.do(f"packet {netns}")
        p.do("bind 1")
        counters = p.do("filter ok").split()[1]
        before = int(p.do(f"counter {counters}"))
        send = ("import socket\n"
                "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                "for i in range(10): s.sendto(b'counted', ('127.0.0.1', 9))")
        subprocess.run(["ip", "netns", "exec", netns, "/usr/bin/python3", "-c", send], check=True)
        # Each out and in; port unreachable comes back, as often as ICMP's limit allows.
        assert int(p.do(f"counter {counters}")) - before >= 20


@pytest.mark.parametrize("kind,reason", [
    ("endless", "unreachable insn"),  # the verifier's word, kernel/bpf/verifier.c
    ("map", "names a map"),
    ("helper", "calls what it may not"),
    ("kfunc", "calls what it may not"),
    ("btf", "refers to the kernel"),
    ("half", "half of one"),
])
def test_filters_that_are_refused(kind, reason):
    need_cap("BPF")
    with Probe(OPENER) as p:
        p.do("drop capture")
        assert reason in refused(p, f"filter {kind}", errno.EINVAL)


# Without privilege

def test_sentence_for_an_ordinary_user(place):
    with Probe(exe=place / "probe", before=as_user(SOME_UID, SOME_GID)) as p:
        text = refused(p, "packet", errno.EPERM)
        assert "capturing packets needs CAP_NET_RAW" in text
        assert "sudo" in text and "tools/install" in text and "usermod -aG trawl" in text
        assert "CAP_BPF" in refused(p, f"missing {BPF}", errno.EPERM)
        assert "CAP_SYS_ADMIN" in refused(p, "packet some", errno.EPERM)
        p.do(f"missing {ROUTE | GRANT | FILES}")
        p.do("route")
        p.do("drop capture")
        s = caps_of(p.pid)
        assert int(s["CapPrm"][0], 16) == int(s["CapEff"][0], 16) == 0
        assert (s["NoNewPrivs"], s["Seccomp"]) == (["1"], ["2"])


def test_sentence_for_one_who_may_not_run_the_opener(place):
    (place / "trawl-opener").chmod(0o750)
    os.chown(place / "trawl-opener", 0, grp.getgrnam("daemon").gr_gid)
    with Probe(exe=place / "probe", before=as_user(SOME_UID, SOME_GID)) as p:
        text = refused(p, "packet", errno.EPERM)
        assert f"sudo usermod -aG daemon #{SOME_UID}" in text
        p.do("route")
        p.do("drop capture")


def test_sentence_without_an_opener(place):
    (place / "trawl-opener").unlink()
    with Probe(exe=place / "probe") as p:
        assert "trawl-opener" in refused(p, "packet", errno.EPERM)


def test_sentence_for_root_without_capabilities(place):
    prefix = ["setpriv", "--bounding-set=-net_raw"]
    with Probe(exe=place / "probe", prefix=prefix) as p:
        assert "container" in refused(p, "packet", errno.EPERM)


def test_opener_of_another_version(place):
    (place / "trawl-opener").write_text("#!/usr/bin/python3\nimport socket\n"
                                        "s = socket.socket(fileno=3)\ns.recv(9999)\n"
                                        "s.send(b'TRO0' + bytes(600))\n")
    with pytest.raises(Refused, match="another version"):
        Probe(exe=place / "probe")


def test_opener_that_dies(place):
    (place / "trawl-opener").write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(Refused, match="has ended"):
        Probe(exe=place / "probe")


def test_by_hand():
    p = subprocess.run([OPENER], capture_output=True, text=True)
    assert p.returncode == 2
    assert p.stderr == "trawl-opener is started by trawl, not by hand\n"


def installed(place, *args):
    """tools/install for the group 'daemon', which every Debian has."""
    (place / "trawl").touch()
    p = subprocess.run([ROOT / "tools/install", "--build", place, "--group", "daemon",
                        "--prefix", place / "usr", *args], capture_output=True, text=True)
    assert p.returncode == 0, p.stdout + p.stderr
    return p.stdout


def test_members_of_the_group_capture(place, netns):
    need_cap("NET_RAW", "SYS_ADMIN", "BPF")
    if not shutil.which("setcap", path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
        pytest.skip("no setcap")
    group = grp.getgrnam("daemon").gr_gid
    installed(place)
    opener = place / "usr/libexec/trawl-opener"
    s = opener.stat()
    assert (s.st_uid, s.st_gid, stat.S_IMODE(s.st_mode)) == (0, group, 0o750)
    shutil.copy(place / "probe", place / "usr/bin/probe")
    with Probe(exe=place / "usr/bin/probe", before=as_user(SOME_UID, SOME_GID, [group])) as p:
        p.do(f"missing {PACKET | NETNS | BPF | MARK}")
        assert int(caps_of(p.opener())["CapEff"][0], 16) == 0
        p.do("drop capture")
        p.do(f"packet {netns}")
        p.do("bind 1")
        p.do("filter ok")
        assert p.do("mark 9") == "9"
        assert caps_of(p.opener())["Uid"] == [str(SOME_UID)] * 4
        refused(p, "grant /etc", errno.EPERM)
    with Probe(exe=place / "usr/bin/probe", before=as_user(SOME_UID, SOME_GID)) as p:
        assert "members of group 'daemon'" in refused(p, "packet", errno.EPERM)


def test_install_and_uninstall(place):
    before = sorted(x.name for x in place.iterdir())
    said = installed(place, "--no-namespaces")
    assert "trawl-opener" in said and "cap_net_raw" in said and "sys_admin" not in said
    assert stat.S_IMODE((place / "usr/bin/trawl").stat().st_mode) == 0o755
    said = installed(place, "--uninstall")
    assert "trawl-opener" in said
    assert not [x for x in (place / "usr").rglob("*") if x.is_file()]
    assert set(before) <= {x.name for x in place.iterdir()}


def test_staged_install_touches_nothing_else(place):
    stage = place / "stage"
    installed(place, "--destdir", stage)
    assert (stage / str(place / "usr").lstrip("/") / "libexec/trawl-opener").exists()
    assert not (place / "usr").exists()


# Life and death

def test_killed_client_takes_the_opener_along():
    p = Probe(OPENER)
    p.do("drop capture")
    opener = os.pidfd_open(p.opener())
    os.kill(p.pid, signal.SIGKILL)
    assert gone(opener)
    os.close(opener)
    p.process.communicate()
    assert p.process.returncode == -signal.SIGKILL


def test_signals_of_a_terminal_pass_the_opener_by(tmp_path):
    with Probe(OPENER) as p:
        p.do(f"grant {tmp_path}")
        opener = p.opener()
        assert os.getpgid(opener) != os.getpgid(p.pid)
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE,
                  signal.SIGUSR1, signal.SIGTSTP):
            os.kill(opener, s)
        p.do("create 0 last new")


def test_dead_opener_is_an_error():
    with Probe(OPENER) as p:
        os.kill(p.opener(), signal.SIGKILL)
        assert "has ended" in refused(p, "packet", errno.EPIPE)
        refused(p, "packet", errno.EPIPE)


def test_opener_has_no_descriptors_of_ours(tmp_path):
    """A reader of our pipes must see their end when we close them."""
    inherited = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(inherited, True)
    with Probe(OPENER) as p:
        p.do("packet")
        p.do("route")
        p.do("forgo 0")  # answered once what was given before is closed
        links = {fd.name: os.readlink(fd) for fd in pathlib.Path(f"/proc/{p.opener()}/fd").iterdir()}
    os.close(inherited)
    assert [links.pop(str(n)) for n in range(3)] == ["/dev/null"] * 3
    assert sorted(x.split(":")[0] for x in links.values()) == ["net", "socket"]


def test_many_rounds_leave_nothing(netns):
    with Probe(OPENER) as p:
        fds = lambda: sorted(os.readlink(f) for f in pathlib.Path(f"/proc/{p.pid}/fd").iterdir())
        before = fds()
        p.do(f"rounds 500 {OPENER} {netns}")
        assert fds() == before
        children = pathlib.Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text().split()
        assert len(children) == 1


# After the drop

@pytest.mark.parametrize("what", ["thread", "memory", "time", "fstat", "flags", "limit 0", "affinity 0"])
def test_what_works_after_the_drop(what):
    with Probe(OPENER) as p:
        p.do("drop capture")
        p.do(f"try {what}")
        p.do("packet")


@needs_plain_build
@pytest.mark.parametrize("what", ["open /etc/passwd", "socket", "run", "stat /etc/passwd",
                                  "stat_empty /etc/passwd", "statx /etc/passwd", "pair"])
def test_what_is_refused_after_the_drop(what):
    with Probe(OPENER) as p:
        p.do(f"try {what}")
        p.do("drop capture")
        refused(p, f"try {what}", errno.EPERM)
        p.do("user")


def test_reader_opens_for_reading_only(tmp_path):
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o666)
    for x in [tmp_path, *tmp_path.parents][:-2]:
        x.chmod(0o755)
    with Probe(OPENER) as p:
        p.do("drop reader")
        p.do(f"try open {file}")
        if not SANITIZED:
            refused(p, f"try openw {file}", errno.EPERM)


def test_descriptor_state_after_the_drop():
    with Probe(OPENER) as p:
        p.do("drop capture")
        assert p.do("try fstat") == "1"  # a pipe it is


# fcntl(2): F_SETOWN, F_SETSIG and O_ASYNC make a descriptor signal any process of the user.
# prlimit(2), sched_setaffinity(2): of any process of the user; 1 stands for another.
@needs_plain_build
@pytest.mark.parametrize("what,number", [("exec", 59), ("setuid", 105), ("setown 1", 72),
                                         ("setsig", 72), ("async", 72), ("limit 1", 302),
                                         ("affinity 1", 203)])
def test_what_kills_after_the_drop(what, number):
    if os.uname().machine != "x86_64":
        pytest.skip("numbers of system calls are x86-64's")
    p = Probe(OPENER)
    p.do("drop capture")
    p.process.stdin.write(f"try {what}\n")
    p.process.stdin.flush()
    _, stderr = p.process.communicate(timeout=30)
    assert p.process.returncode == -signal.SIGSYS
    assert f"trawl: {number}: system call not allowed" in stderr
