"""What 'trawl capture --dir' removes for --keep-packets, --keep-flows, --min-free and --quota: only what is to go, the
oldest first, never what is being written; and what it says when it may not.  The runs that are there before are
faults_make's, whose files get the ages that a test wants; the clock by which files age is set ahead by faults_shim."""
import collections
import ctypes
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import time

import pytest

from net import LIMIT, Net, Trawl

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "store"))
import faults  # noqa: E402
from faults import Made, Shim  # noqa: E402

TRAWL = os.environ["TRAWL_BIN"]
PKTSEND = os.environ["TRAWL_PKTSEND"]
MIB = 1 << 20
HOUR = 3600
RETRY = 61  # seconds after which a removal that failed is tried again (store/retain.h), and some
IN_DELETE = 0x200
libc = ctypes.CDLL(None, use_errno=True)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces")


@pytest.fixture
def net():
    n = Net()
    yield n
    n.close()


class Watch:
    """Names of files that are removed below a folder, in order."""

    def __init__(self, folder):
        self.fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self.at, self.gone = {}, []
        for d in folder.glob("*/*"):
            self.at[libc.inotify_add_watch(self.fd, os.fsencode(d), IN_DELETE)] = d.relative_to(folder)

    def look(self):
        try:
            data, at = os.read(self.fd, 1 << 20), 0
        except BlockingIOError:
            return self.gone
        while at < len(data):
            wd, _, _, size = struct.unpack_from("<iIII", data, at)
            self.gone.append(str(self.at[wd] / data[at + 16:at + 16 + size].rstrip(b"\0").decode()))
            at += 16 + size
        return self.gone

    def close(self):
        os.close(self.fd)


def capture(net, folder, *args, shim=None, **kw):
    env = {**os.environ, **(shim.env if shim else {})}
    return Trawl(net, TRAWL, "-i", "va", "-Q", "in", "--dir", folder, *args, "udp dst port 9", env=env, **kw)


def send(net, count, size=600, pps=0):
    out = net.run(net.b, PKTSEND, "vb", count, size, pps, 10).stdout.decode()
    assert out.startswith(f"sent {count} "), out


def wait(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end


def made(folder, *args, name, **kw):
    """A run that the user whom the capture runs as may remove."""
    m = Made(folder, *args, name=name, **kw)
    folder.chmod(0o777)
    for f in (folder / name, *(folder / name).rglob("*")):
        f.chmod(0o777 if f.is_dir() else 0o666)
    return m


def aged(folder, hours):
    """{name: hours} of the files of a run: the n-th of a kind is one hour younger than the one before it."""
    ages, count = {}, collections.Counter()
    now = time.time()
    for f in sorted(folder.glob("*/*/*")):
        n = re.fullmatch(r"[0-9a-f]{16}(?:-(\d{6}))?(\..*)", f.name)
        kind = (f.parent, ".pcapng" if n[2] == ".pidx" else n[2])
        count[kind] += n[2] != ".pidx"
        first = hours[f.parent.parent.name]
        # A segment's index comes first by name, and is none younger.
        age = first - max(count[kind] - (n[2] != ".pidx"), 0)
        os.utime(f, (now - age * HOUR,) * 2)
        ages[str(f.relative_to(folder))] = age
    # An index is written with its segment.
    for name in ages:
        if name.endswith(".pidx"):
            segment = folder / name.replace(".pidx", ".pcapng")
            os.utime(folder / name, (segment.stat().st_mtime,) * 2)
            ages[name] = ages[name.replace(".pidx", ".pcapng")]
    return ages


@pytest.fixture
def runs(tmp_path):
    """Two runs of four segments each, 'a' from 10.5 to 7.5 hours ago, 'b' from 9 to 6; and their ages."""
    for name in "ab":
        made(tmp_path / "d", name=name)
    return tmp_path / "d", aged(tmp_path / "d", {"a": 10.5, "b": 9})


def kinds(names, *ends):
    return [n for n in names if n.endswith(ends)]


def left(folder, name):
    return {str(f.relative_to(folder)) for f in folder.glob(f"{name}/*/*")}


def old(ages, hours, *ends):
    """Names of the files with these ends that are older, the oldest first."""
    return sorted((n for n in kinds(ages, *ends) if ages[n] > hours), key=lambda n: -ages[n])


@pytest.mark.parametrize("unit", ["8.25h", "495m", "29700s", "29700"])
def test_keep_packets(net, runs, tmp_path, unit):
    """Segments with their indexes, the oldest of all runs first; rows stay, and what is written."""
    folder, ages = runs
    shim = Shim(tmp_path / "shim")
    before = {str(f.relative_to(folder)) for f in folder.glob("*/*/*")}
    watch = Watch(folder)
    t = capture(net, folder, "--name", "new", "--keep-packets", unit, shim=shim)
    send(net, 10)
    shim["ahead"] = 100  # beyond the first minute, in which nothing goes where nobody keeps the clock
    want = old(ages, 8.25, ".pcapng")
    assert [n[0] for n in want] == ["a", "a", "b", "a"]
    wait(lambda: len(kinds(watch.look(), ".pcapng")) >= len(want) and len(watch.gone) >= 2 * len(want))
    assert t.stop() == 0, t.said
    gone = watch.look()
    watch.close()
    assert kinds(gone, ".pcapng") == want
    assert gone == [x for n in want for x in (n, n.replace(".pcapng", ".pidx"))]
    assert {n for n in left(folder, "a") | left(folder, "b")} == before - set(gone)
    assert len(list((folder / "new").rglob("*.pcapng"))) == 1 and "cannot remove" not in t.said
    # Answers say what is not there any more.
    p = faults.past(folder)
    assert p.returncode == 3 and p.stderr.count(b"removed") >= 2, p.stderr


def test_keep_flows(net, runs, tmp_path):
    """Rows go for their own age, and packets for theirs; a journal when nothing else of its run is there."""
    folder, ages = runs
    shim = Shim(tmp_path / "shim")
    watch = Watch(folder)
    t = capture(net, folder, "--name", "new", "--keep-flows", "1h", shim=shim)
    shim["ahead"] = 100
    want = old(ages, 1, ".fseg")
    assert len(want) == 2
    wait(lambda: len(watch.look()) >= len(want))
    assert t.stop() == 0, t.said
    assert watch.look() == want  # all packets are there: so are the journals
    t = capture(net, folder, "--name", "new", "--keep-flows", "1h", "--keep-packets", "1h", shim=shim)
    shim["ahead"] = 200
    wait(lambda: not left(folder, "a") and not left(folder, "b"))
    assert t.stop() == 0, t.said
    gone = watch.look()
    watch.close()
    for name in "ab":
        assert [n for n in gone if n[0] == name][-1].endswith(".jrn")
    assert len(list((folder / "new").rglob("*.jrn"))) == 2


@pytest.fixture
def disk(tmp_path):
    """A file system of 64 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", folder], check=True, timeout=LIMIT)
    yield folder
    subprocess.run(["umount", folder], check=True, timeout=LIMIT)


def free(folder):
    s = os.statvfs(folder)
    return s.f_bavail * s.f_frsize


@pytest.mark.parametrize("limit,least", [("40M", 40 * MIB), ("50%", 32 * MIB), ("40960K", 40 * MIB)])
def test_min_free(net, disk, limit, least):
    """As many go as are needed, and no more than a little head room (a sixteenth) and a segment."""
    folder = disk / "d"
    made(folder, 1000, 500000, 60, 2 * MIB, name="a")
    assert free(disk) < least - 4 * MIB
    segments = sorted(n for n in left(folder, "a") if n.endswith(".pcapng"))
    watch = Watch(folder)
    t = capture(net, folder, "--name", "new", "--min-free", limit)
    wait(lambda: free(disk) >= least + least // 16)
    assert t.stop() == 0, t.said
    gone = kinds(watch.look(), ".pcapng")
    watch.close()
    assert gone == segments[:len(gone)] and 0 < len(gone) < len(segments)
    assert free(disk) < least + least // 16 + 3 * MIB
    assert kinds(left(folder, "a"), ".jrn") and kinds(left(folder, "a"), ".fseg")


def test_quota_removes_the_oldest_run_first(net, tmp_path):
    """By age, not by name; and what other programs put there counts, and stays."""
    folder = tmp_path / "d"
    for name in "ab":
        made(folder, 1000, 70000, 60, MIB, name=name)
    ages = aged(folder, {"a": 20, "b": 40})
    (folder / "mine").write_bytes(bytes(2 * MIB))
    watch = Watch(folder)
    t = capture(net, folder, "--name", "new", "--quota", "20M")
    send(net, 15000, pps=30000)
    assert t.stop() == 0, t.said
    gone = kinds(watch.look(), ".pcapng")
    watch.close()
    want = old(ages, 0, ".pcapng")
    assert gone == want[:len(gone)] and gone[0][0] == "b" and len(gone) >= 3
    assert faults.bytes_of(folder) <= 20 * MIB and (folder / "mine").stat().st_size == 2 * MIB
    assert list((folder / "new").rglob("*.pcapng"))


@pytest.mark.parametrize("option,value,said", [
    ("--quota", "15M", "--quota: a quota of 15728640 bytes is too small: 16 MiB are the least"),
    ("--quota", "1X", "--quota: '1X' is not a size"),
    ("--quota", "-1", "--quota: '-1' is not a size"),
    ("--keep-packets", "-1h", "--keep-packets: "),
    ("--keep-packets", "1 day", "--keep-packets: '1 day' is not a duration"),
    ("--keep-flows", "x", "--keep-flows: 'x' is not a duration"),
    ("--min-free", "200%", "--min-free keeps 0% to 90% of the disk, not '200%'"),
    ("--min-free", "91%", "--min-free keeps 0% to 90% of the disk, not '91%'"),
    ("--min-free", "-5%", "--min-free keeps 0% to 90% of the disk, not '-5%'"),
    ("--min-free", "%", "--min-free keeps 0% to 90% of the disk, not '%'"),
    ("--min-free", "18446744073709551617%", "--min-free keeps 0% to 90% of the disk"),
    ("--min-free", "much", "--min-free: 'much' is not a size"),
    ("--min-free", "", "--min-free: '' is not a size"),
])
def test_bad_values(tmp_path, option, value, said):
    """Bad usage, before anything is made."""
    p = subprocess.run([TRAWL, "capture", "-i", "lo", "--dir", tmp_path / "d", option, value, "-c", "1", "--duration",
                        "1ms"], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert p.returncode == 2 and said in p.stderr and "try 'trawl capture --help'" in p.stderr, p.stderr
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("option", ["--quota=16M", "--keep-packets=1h", "--keep-flows=1h", "--min-free=1%"])
def test_only_with_a_folder(option):
    p = subprocess.run([TRAWL, "capture", "-i", "lo", option, "--duration", "1ms"], capture_output=True, text=True,
                       timeout=LIMIT, check=False)
    assert p.returncode == 2 and "--dir" in p.stderr, p.stderr


def immutable(path, on=True):
    subprocess.run(["chattr", "+i" if on else "-i", path], check=True, timeout=LIMIT, capture_output=True)


@pytest.fixture
def fixed():
    """Makes files that nobody can remove, until the test is over."""
    paths = []

    def fix(path):
        try:
            immutable(path)
        except (subprocess.CalledProcessError, FileNotFoundError) as e:
            pytest.skip(f"no file here can be made immutable: {e}")
        paths.append(path)

    yield fix
    for path in paths:
        if path.exists():
            immutable(path, False)


def lines(t):
    t.heard()
    return [json.loads(x) for x in t.said.splitlines() if x[:1] + x[-1:] == "{}"]


def test_a_file_that_cannot_be_removed(net, runs, tmp_path, fixed):
    """Said once with its name and the reason, counted, and tried again each minute; other runs go on."""
    folder, ages = runs
    shim = Shim(tmp_path / "shim")
    want = old(ages, 1, ".pcapng")
    stuck = folder / want[0]
    fixed(stuck)
    t = capture(net, folder, "--name", "new", "--keep-packets", "1h", "--stats", "jsonl", shim=shim)
    said = f"cannot remove '{want[0]}', which is to go: Operation not permitted; it is tried again every minute"
    shim["ahead"] = 100
    wait(lambda: not kinds(left(folder, "b"), ".pcapng") and lines(t) and lines(t)[-1]["unremoved"] == 1)
    assert len(kinds(left(folder, "a"), ".pcapng")) == 4
    immutable(stuck, False)
    n = len(lines(t))
    wait(lambda: len(lines(t)) >= n + 3)  # seconds
    assert stuck.exists()  # it is not tried over and over
    shim["ahead"] += RETRY
    wait(lambda: not kinds(left(folder, "a"), ".pcapng"))
    wait(lambda: lines(t)[-1]["unremoved"] == 0)
    assert t.stop() == 0, t.said
    assert t.said.count("cannot remove") == t.said.count(said) == 1, t.said
    assert t.said.count("what could not be removed is gone") == 1, t.said
    assert "could not be removed" not in t.said.split("is gone")[1]


def test_what_stays_at_the_end(net, runs, tmp_path, fixed):
    """The account has it, and the exit status, also with -q."""
    folder, ages = runs
    shim = Shim(tmp_path / "shim")
    fixed(folder / old(ages, 1, ".pcapng")[0])
    t = capture(net, folder, "--name", "new", "--keep-packets", "1h", "--stats", "jsonl", "-q", shim=shim, wait=False)
    wait(lambda: lines(t))
    shim["ahead"] = 100
    wait(lambda: lines(t)[-1]["unremoved"])
    assert t.stop() == 3
    assert "1 files that were to go could not be removed" in t.said, t.said


def test_quota_holds_where_the_oldest_cannot_be_removed(net, tmp_path, fixed):
    """What came later goes instead, until it can be."""
    folder, shim = tmp_path / "d", Shim(tmp_path / "shim")
    made(folder, 1000, 110000, 60, MIB, name="a")
    segments = sorted((folder / "a").rglob("*.pcapng"))
    fixed(segments[0])
    t = capture(net, folder, "--name", "new", "--quota", "16M", "--update", "1s", shim=shim)
    send(net, 30000, pps=30000)
    wait(lambda: t.heard() is not None and "cannot remove" in t.said)
    first = min((folder / "new").rglob("*.pcapng"))
    assert not first.name.endswith("-000001.pcapng") and segments[0].exists() and segments[-1].exists()
    assert faults.bytes_of(folder) <= 16 * MIB
    immutable(segments[0], False)
    shim["ahead"] += RETRY
    send(net, 10000, pps=30000)
    wait(lambda: t.heard() is not None and "what could not be removed is gone" in t.said)
    assert t.stop() == 0, t.said
    assert not segments[0].exists() and faults.bytes_of(folder) <= 16 * MIB
    assert t.said.count("Operation not permitted") == 1, t.said


def test_above_the_quota_from_the_beginning(net, tmp_path, fixed):
    folder = tmp_path / "d"
    made(folder, 1000, 220000, 60, MIB, name="a")
    first = sorted((folder / "a").rglob("*.pcapng"))[0]
    fixed(first)
    p = subprocess.run([TRAWL, "capture", "-i", "lo", "--dir", folder, "--quota", "16M", "--duration", "1ms"],
                       capture_output=True, text=True, timeout=LIMIT, check=False)
    assert p.returncode == 1
    assert f"'{folder}' is above its quota, but '{first.relative_to(folder)}' there cannot be removed: " \
           "Operation not permitted" in p.stderr, p.stderr
