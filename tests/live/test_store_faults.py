"""What befalls a capture to a folder besides being killed (test_store_kill.py): a second writer, a helper that
is gone, a disk that fails, readers whose files go while they read, many flows at once.  Packets are told by the
numbers that pktsend gives them."""
import errno
import fcntl
import json
import mmap
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import threading
import time

import pytest

from net import LIMIT, Net, Trawl, wait_line

TRAWL = os.environ["TRAWL_BIN"]
PKTSEND = os.environ["TRAWL_PKTSEND"]
MIB = 1 << 20

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces")


@pytest.fixture
def net():
    n = Net()
    yield n
    n.close()


def capture(net, folder, *args, **kw):
    return Trawl(net, TRAWL, "-i", "va", "-Q", "in", "--dir", folder, *args, "udp dst port 9", **kw)


def send(net, count, size=600, pps=0, flows=10):
    out = net.run(net.b, PKTSEND, "vb", count, size, pps, flows).stdout.decode()
    assert out.startswith(f"sent {count} "), out


def run(*args, status=(0,)):
    p = subprocess.run([TRAWL, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT,
                       check=False)
    assert p.returncode in status, (args, p.returncode, p.stderr.decode())
    return p


def numbers(data):
    """Of the frames in a pcap."""
    at, got = 24, []
    while at + 16 <= len(data):
        caplen = int.from_bytes(data[at + 8:at + 12], "little")
        if at + 16 + caplen > len(data):
            break
        got.append(int.from_bytes(data[at + 58:at + 66], "big"))
        at += 16 + caplen
    return got


def past(folder, *args, status=(0,)):
    p = run("past", "--dir", folder, "-F", "pcap", "-w", "-", *args, status=status)
    return numbers(p.stdout), p.stderr.decode()


def account(said):
    """{'seen': 10, 'kept': 9, 'dropped': 1, ...} of the account's first line, which adds up."""
    line = next(l for l in said.splitlines() if " seen = " in l)
    n = {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", line)}
    n.update({word: int(n) for word, n in re.findall(r"(ring|disk|limit) (\d+)", line)})
    assert n["seen"] == n["kept"] + n["dropped"] + n.get("filtered", 0), line
    return n


def wait_for(folder, count, rows=-1):
    """Until a running capture has as many in its files."""
    end = time.monotonic() + LIMIT
    while len(past(folder)[0]) < count or len(run("flows", "--dir", folder, "--fields", "uuid").stdout.split()) <= rows:
        assert time.monotonic() < end


def test_two_writers(net, tmp_path):
    """Whatever the second one calls itself it is refused, and told by whom."""
    folder = tmp_path / "d"
    t = capture(net, folder, "--name", "one")
    second = ["ip", "netns", "exec", net.a, TRAWL, "capture", "-i", "va", "--dir", folder, "-c", "1"]
    for name in ("one", "two"):
        p = subprocess.run([*second, "--name", name], capture_output=True, timeout=LIMIT, check=False)
        assert p.returncode == 1
        assert f"process {t.p.pid} writes '{folder}/one/0'" in p.stderr.decode()
    send(net, 100)
    wait_for(folder, 100)
    # While the first one is being killed the other one is refused, or is the one; then it is.
    others = []
    thread = threading.Thread(target=lambda: others.extend(
        subprocess.run([*second, "--duration", "1ms"], capture_output=True, timeout=LIMIT, check=False)
        for _ in range(5)))
    thread.start()
    t.p.kill()
    t.p.wait(LIMIT)
    thread.join(LIMIT)
    for p in others:
        assert p.returncode in (0, 1)
        assert p.returncode == 0 or re.search(rb"process \d+ writes|another process writes", p.stderr), p.stderr
    again = capture(net, folder)
    send(net, 50)
    assert again.stop() == 0, again.said
    got, _ = past(folder, "udp dst port 9", status=(3,))
    assert got == [*range(100), *range(50)]


def children(pid):
    return [int(x) for x in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_helper_is_killed(net, tmp_path):
    """Without it no file can be made: what has no place any more is said and counted, what was kept stays."""
    folder = tmp_path / "d"
    t = capture(net, folder, "--quota", "16M")
    opener, = children(t.p.pid)
    send(net, 1000)
    wait_for(folder, 1000)
    os.kill(opener, signal.SIGKILL)
    send(net, 20000, pps=20000)  # more than a segment
    status = t.stop()
    assert status == 1 and "No such process: no packets are kept until that is mended" in t.said
    n = account(t.said)
    assert n["dropped"] == n["disk"] > 0 and n["kept"] >= 1000, t.said
    got, said = past(folder, status=(3,))
    assert len(got) == n["kept"] and got[:1000] == list(range(1000)), said


class Shim:
    """As in tests/store/faults.py: the numbers that are shared with faults_shim."""
    NAMES = ("ops", "code", "first", "times", "calls", "failed", "short", "used", "most")

    def __init__(self, path):
        path.write_bytes(bytes(4096))
        path.chmod(0o666)
        with open(path, "r+b") as f:
            self.numbers = mmap.mmap(f.fileno(), 4096)
        self.env = {**os.environ, "LD_PRELOAD": os.environ["TRAWL_FAULTS_SHIM"], "FAULTS_SHIM": str(path)}

    def set(self, **values):
        for name, n in values.items():
            struct.pack_into("<Q", self.numbers, 8 * self.NAMES.index(name), n)


WRITE, CUT, SYNC = 2, 4, 8


@pytest.mark.parametrize("ops,short,code,words", [
    (WRITE, 0, errno.EIO, "cannot write packets: Input/output error"),
    (WRITE | CUT, 1, errno.ENOSPC, "cannot write packets: No space left on device"),
    (WRITE | CUT, 0, errno.EROFS, "cannot write packets: Read-only file system"),
])
def test_disk_fails_for_a_while(net, tmp_path, ops, short, code, words):
    """It is said, what comes is counted, and once the disk takes something packets are kept again."""
    folder, shim = tmp_path / "d", Shim(tmp_path / "shim")
    t = capture(net, folder, env=shim.env)
    send(net, 100)
    shim.set(ops=ops, short=short, code=code, times=1 << 60)
    sent = 100
    while words.encode() not in t.heard():
        send(net, 100)
        sent += 100
    shim.set(ops=0)
    while b"packets are kept again" not in t.heard():
        send(net, 100)
        sent += 100
    send(net, 77)
    assert t.stop() == 3, t.said
    assert t.said.count("no packets are kept until that is mended") == 1
    n = account(t.said)
    assert n["kept"] + n["disk"] == sent + 77 and n["disk"] == n["dropped"] > 0
    got, said = past(folder, status=(3,))
    assert len(got) == n["kept"] and got[:100] == list(range(100)) and got[-77:] == list(range(77))
    assert f": {n['disk']} packets missing between" in said and "they could not be written" in said
    rows = run("flows", "--dir", folder, "--format", "csv", "--fields", "ab_packets,raw_packets").stdout.split()[1:]
    rows = [list(map(int, r.split(b","))) for r in rows]
    assert [sum(r[0] for r in rows), sum(r[1] for r in rows)] == [sent + 77, n["kept"]]


def test_disk_does_not_hold_what_it_took(net, tmp_path):
    """fdatasync(2) fails for a sealed segment: that is said, and the exit status."""
    folder, shim = tmp_path / "d", Shim(tmp_path / "shim")
    t = capture(net, folder, "--quota", "16M", env=shim.env)
    shim.set(ops=SYNC, code=errno.EIO, times=1)
    send(net, 8000)
    t.said += wait_line(t.p.stderr, "the disk does not hold what it took: Input/output error")
    while b"packets are kept again" not in t.heard():
        send(net, 10)
    assert t.stop() in (1, 3), t.said
    n = account(t.said)
    assert len(past(folder, status=(0, 3))[0]) == n["kept"]


@pytest.fixture
def mounted(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", folder], check=True, timeout=LIMIT)
    yield folder
    subprocess.run(["umount", folder], check=True, timeout=LIMIT)


def test_read_only(net, mounted):
    """What is kept can be read, and nothing is written."""
    folder = mounted / "d"
    t = capture(net, folder)
    send(net, 100)
    assert t.stop() == 0, t.said
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True, timeout=LIMIT)
    assert past(folder)[0] == list(range(100))
    assert len(run("flows", "--dir", folder, "--format", "csv", "--fields", "uuid").stdout.split()) == 11
    p = subprocess.run(["ip", "netns", "exec", net.a, TRAWL, "capture", "-i", "va", "--dir", folder],
                       capture_output=True, timeout=LIMIT, check=False)
    assert p.returncode == 1 and b"Read-only file system" in p.stderr


@pytest.fixture
def failing(tmp_path):
    """(folder, what makes the kernel find an error in its ext4, which makes it read-only whoever has files open
    there, what mounts it anew as it is on the disk)."""
    folder, image = tmp_path / "disk", tmp_path / "image"
    folder.mkdir()
    image.write_bytes(b"")
    os.truncate(image, 64 * MIB)

    def call(*args, status=(0,)):
        p = subprocess.run([*map(str, args)], capture_output=True, text=True, timeout=LIMIT, check=False)
        if p.returncode not in status:
            raise OSError(f"{args[0]}: {p.stderr.strip()}")
        return p.stdout.strip()

    loop = None
    try:
        call("mkfs.ext4", "-q", "-F", "-e", "remount-ro", image)
        loop = call("losetup", "--find", "--show", image)
        call("mount", "-t", "ext4", loop, folder)
    except OSError as e:
        if loop:
            call("losetup", "--detach", loop)
        pytest.skip(f"no ext4 on a loop device: {e}")
    trigger = pathlib.Path(f"/sys/fs/ext4/{pathlib.Path(loop).name}/trigger_fs_error")

    def again():
        # A copy: where a process began meanwhile in a view of the mounts of its own, the first one is still in use.
        copy = tmp_path / "copy"
        call("umount", folder)
        copy.unlink(missing_ok=True)
        shutil.copyfile(image, copy)
        call("e2fsck", "-f", "-y", copy, status=(0, 1))  # 1: errors were mended
        call("mount", "-t", "ext4", "-o", "loop,ro", copy, folder)

    try:
        if not trigger.exists():
            pytest.skip("this kernel's ext4 cannot be told to find an error")
        yield folder, lambda: trigger.write_text("1"), again
    finally:
        call("umount", folder)
        call("losetup", "--detach", loop)


def test_read_only_with_files_open(net, failing):
    """It is said, what comes is counted, and what was kept is there, also when all is read from the disk again."""
    disk, fail, again = failing
    folder = disk / "d"
    t = capture(net, folder, "--update", "1s")
    send(net, 5000)
    wait_for(folder, 5000, 10)
    subprocess.run(["sync", "-f", disk], check=True, timeout=LIMIT)
    fail()
    sent = 5000
    while "cannot write packets: Read-only file system" not in t.said:
        send(net, 100)
        sent += 100
        t.heard()
    send(net, 50)
    assert t.stop() == 1, t.said  # the run's end could not be written
    assert t.said.count("no packets are kept until that is mended") == 1, t.said
    n = account(t.said)
    assert n["kept"] + n["disk"] == sent + 50 and n["disk"] == n["dropped"] >= 50, t.said
    for _ in range(2):
        got, said = past(folder, status=(3,))
        assert got[:5000] == list(range(5000)) and len(got) >= n["kept"] and "killed" in said, said
        p = run("store", "check", folder, status=(0,))
        assert b"killed: the last beat was at" in p.stdout and b"no damage" in p.stdout, p.stdout
        rows = run("flows", "--dir", folder, "--format", "csv", "--fields", "ab_packets", status=(3,)).stdout.split()
        assert sum(map(int, rows[1:])) >= 5000
        again()


def test_quota_at_any_moment(net, mounted):
    """What the file system has used, asked as often as can be, is never more than the quota."""
    before, most, folder, quota = os.statvfs(mounted), 0, mounted / "d", 16 * MIB
    t = capture(net, folder, "--quota", quota, "--update", "1s")
    sender = net.start(net.b, PKTSEND, "vb", 80000, 600, 40000, 2000, stdout=subprocess.PIPE)
    while sender.poll() is None:
        most = max(most, before.f_bfree - os.statvfs(mounted).f_bfree)
    assert t.stop() == 0, t.said
    files = 40  # each wastes less than a block
    assert len(list(folder.rglob("*"))) < files
    assert quota * 7 // 8 < most * before.f_bsize <= quota + files * before.f_bsize


def test_readers_of_what_goes(net, tmp_path):
    """Slow readers, whose files are removed to make room: what they give is right, in order and once, and they
    say what is missing."""
    folder = tmp_path / "d"
    t = capture(net, folder, "--quota", "16M", "--update", "1s")
    send(net, 20000, flows=2000)
    wait_for(folder, 20000, 2000)
    readers = []
    for args in (["past", "-F", "pcap", "-w", "-"],
                 ["flows", "--format", "csv", "--fields", "uuid,transport_a,ab_packets"],
                 ["query", "G.Flows().RawPackets()", "--format", "pcap"]):
        p = subprocess.Popen([TRAWL, *args, "--dir", folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        fcntl.fcntl(p.stdout, fcntl.F_SETPIPE_SZ, 4096)
        first = os.read(p.stdout.fileno(), 100)  # it has begun, and waits
        assert first
        readers.append((p, first))
    send(net, 80000, pps=40000, flows=2000)
    answers = []
    for p, first in readers:
        out, err = p.communicate(timeout=LIMIT)
        answers.append((first + out, err.decode(), p.returncode))
    assert t.stop() == 0, t.said
    for data, said, status in (answers[0], answers[2]):
        got = numbers(data)
        assert got == sorted(set(got)) and set(got) <= set(range(20000))
        whole = got == list(range(20000))
        assert status == (0 if whole else 3) and whole != ("gone" in said or "removed" in said), (len(got), said)
    assert answers[0][2] == 3  # else nothing was shown
    data, said, status = answers[1]
    rows = [line.split(",") for line in data.decode().split()[1:]]
    assert status in (0, 3) and len({r[0] for r in rows}) == len(rows)
    assert {int(r[1]) for r in rows} <= set(range(1024, 3024)) and all(0 < int(r[2]) <= 10 for r in rows)
    assert status == 3 or len(rows) == 2000, said


def test_many_flows_at_once(net, tmp_path):
    """As many as there are ports, as fast as they can be sent: each has its row, with all of its packets."""
    folder, count = tmp_path / "d", 60000
    t = capture(net, folder)
    send(net, 2 * count, size=60, flows=count)
    status = t.stop()
    n = account(t.said)
    p = run("flows", "--dir", folder, "--format", "csv", "--fields", "transport_a,ab_packets", status=(status,))
    lines = p.stdout.split()[1:]
    rows = dict(map(int, line.split(b",")) for line in lines)
    assert len(rows) == len(lines)
    assert sum(rows.values()) == n["kept"]
    if not n["dropped"]:
        assert rows == {1024 + i: 2 for i in range(count)}


def test_stats_of_a_failing_disk_are_in_its_lines(net, tmp_path):
    """What the machine-readable lines say of it."""
    folder, shim = tmp_path / "d", Shim(tmp_path / "shim")
    t = capture(net, folder, "--stats", "jsonl", env=shim.env)
    shim.set(ops=WRITE, code=errno.EIO, times=1 << 60)
    send(net, 100)
    end, lost = time.monotonic() + LIMIT, 0
    while lost == 0 and time.monotonic() < end:
        send(net, 100)
        t.heard()
        lines = [json.loads(x) for x in t.said.splitlines() if x[:1] + x[-1:] == "{}"]
        lost = lines[-1]["dropped_disk"] if lines else 0
    assert lost > 0, t.said
    shim.set(ops=0)
    t.stop()
