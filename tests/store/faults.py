"""Folders of faults_make, and what a true answer from one is: the content of every packet and row is
known from how it makes them, not from what trawl said of them before."""
import mmap
import os
import pathlib
import signal
import struct
import subprocess
import tempfile

import pytest

TRAWL = os.environ["TRAWL_BIN"]
MAKE = os.environ["TRAWL_FAULTS_MAKE"]
SHIM = os.environ["TRAWL_FAULTS_SHIM"]
LIMIT = 60  # seconds that anything may take
NS = 10 ** 9
START = 1790000000 * NS
OK, INCOMPLETE = 0, 3  # exit statuses of an answer
SIZE = 60


class Made:
    """One run in a folder."""

    def __init__(self, folder, flows=40, packets=4000, seconds=1300, segment=100000, end="finish", quota=0,
                 name="c", empty=0, sets=(), shim=None):
        self.folder, self.flows, self.n, self.killed = folder, flows, packets, end == "kill"
        self.step = seconds * NS // packets
        self.of = [[] for _ in range(flows)]  # numbers of each flow's packets
        for i in range(packets):
            self.of[self.flow(i)].append(i)
        self.sets = dict(sets)  # {number of a packet: seconds}: how far the clock is set before it
        args = [folder, name, flows, packets, seconds, segment, end, quota, empty, *("%d:%d" % x for x in sets)]
        shim_env = shim.env if shim else {"LD_PRELOAD": SHIM}
        p = subprocess.run([MAKE, *map(str, args)], check=False, timeout=LIMIT, capture_output=True, text=True,
                           env={**os.environ, **shim_env})
        self.said, words = p.stderr, p.stdout.split()
        # What became of the packets; {}: it could not begin.
        self.report = dict(zip(words[::2], map(int, words[1::2])))
        if shim and p.returncode == -signal.SIGABRT and not self.report:
            assert "store_open" in p.stderr or "store_stream_new" in p.stderr, p.stderr
        else:
            assert p.returncode == (-signal.SIGKILL if self.killed else 0), p.stderr

    def flow(self, i):
        return i % (self.flows // 2) + (0 if i < self.n // 2 else self.flows // 2)

    def time(self, i):
        return START + i * self.step + sum(NS * by for at, by in self.sets.items() if at <= i)

    def frame(self, i):
        udp = struct.pack("!HHHH", 1000 + self.flow(i), 9, SIZE - 34, 0)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, SIZE - 14, 0, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
        return bytes.fromhex("000000000002" "000000000001" "0800") + ip + udp + bytes(10) + i.to_bytes(8, "big")

    def packets(self, data, wrong=0):
        """Numbers of the packets in a pcap, in the order of time; each is true, but as many as 'wrong'."""
        at, got, before = 24, [], 0
        order = "<" if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xd4\xc3\xb2\xa1") else ">"
        unit = 1 if 0xa1b23c4d == struct.unpack_from(order + "I", data)[0] else 1000
        while at < len(data):
            sec, part, caplen, length = struct.unpack_from(order + "IIII", data, at)
            frame, ts = data[at + 16:at + 16 + caplen], sec * NS + part * unit
            at += 16 + caplen
            i = int.from_bytes(frame[-8:], "big")
            if not (i < self.n and frame == self.frame(i) and length == SIZE and ts // unit == self.time(i) // unit):
                assert wrong, (i, ts, length, frame.hex())
                wrong -= 1
                continue
            assert ts >= before, "not in the order of time"
            before = ts
            got.append(i)
        assert len(set(got)) == len(got), "a packet is there twice"
        return got

    def rows(self, text):
        """{flow: packets} of CSV rows ROW_FIELDS; each is what the flow was at some time."""
        got, uuids = {}, {}
        for line in text.split()[1:]:
            uuid, start, last, port, packets, size = line.split(",")
            flow, packets = int(port) - 1000, int(packets)
            assert 0 <= flow < self.flows and flow not in got, line
            assert 0 < packets <= len(self.of[flow]), line
            times = [self.time(self.of[flow][0]), self.time(self.of[flow][packets - 1])]
            assert [start, last] == ["%d.%09d" % divmod(t, NS) for t in times], line
            assert int(size) == packets * SIZE, line
            got[flow], uuids[flow] = packets, uuid
        return got, uuids


class Shim:
    """The numbers that are shared with faults_shim."""
    NAMES = ("ops", "code", "first", "times", "calls", "failed", "short", "used", "most", "ahead")
    OPS = {"create": 1, "write": 2, "cut": 4, "sync": 8, "rename": 16, "unlink": 32, "mkdir": 64}

    def __init__(self, path, **numbers):
        with open(path, "wb") as f:
            f.write(bytes(4096))
        with open(path, "r+b") as f:
            self.numbers = mmap.mmap(f.fileno(), 4096)
        self.env = {"LD_PRELOAD": SHIM, "FAULTS_SHIM": str(path)}
        for name, n in numbers.items():
            self[name] = n

    def __getitem__(self, name):
        return struct.unpack_from("<Q", self.numbers, 8 * self.NAMES.index(name))[0]

    def __setitem__(self, name, n):
        struct.pack_into("<Q", self.numbers, 8 * self.NAMES.index(name), n)


def stamps(data):
    """(seconds, ns) of the packets in a pcap."""
    at = 24
    while at < len(data):
        sec, ns, caplen, _ = struct.unpack_from("<IIII", data, at)
        yield sec, ns
        at += 16 + caplen


@pytest.fixture
def quick_folder(tmp_path):
    """In memory where there is such a place: files that are written over and over wait for no disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="trawl-test-", dir="/dev/shm") as folder:
        yield pathlib.Path(folder)


def bytes_of(folder):
    return sum(f.stat().st_size for f in pathlib.Path(folder).rglob("*") if f.is_file())


ROW_FIELDS = "uuid,start,last,transport_a,ab_packets,ab_bytes"


def run(*args):
    p = subprocess.run([TRAWL, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT,
                       check=False)
    assert p.returncode in (OK, INCOMPLETE), (args, p.returncode, p.stderr.decode(errors="replace"))
    return p


def past(folder, *args):
    return run("past", "--dir", folder, "-F", "pcap", "-w", "-", *args)


def rows(folder, *args):
    return run("flows", "--dir", folder, "--format", "csv", "--fields", ROW_FIELDS, *args)


def query(folder, text):
    return run("query", "--dir", folder, text, "--format", "pcap")
