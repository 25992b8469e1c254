"""A folder of captures whose writers and readers are killed with SIGKILL at random moments under load.

What was sent is known (pktsend numbers its frames), what was acknowledged stands in the lines of
'--stats jsonl': what they call kept is in the files.  Times of packets are the kernel's, so the time at
which a sender was started tells its packets from those before.  TRAWL_KILLS: how many moments (40)."""
import concurrent.futures
import json
import os
import random
import select
import signal
import struct
import subprocess
import time

import pytest

from net import LIMIT, Net, Trawl

TRAWL = os.environ["TRAWL_BIN"]
PKTSEND = os.environ["TRAWL_PKTSEND"]
KILLS = int(os.environ.get("TRAWL_KILLS", "40"))
LANES = 5
SIZE = 600
PPS = 20000
NS = 10 ** 9
COMPLETE = (0, 3)  # exit statuses of an answer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces")


def ones_complement(data):
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    s = (s & 0xffff) + (s >> 16)
    return ~((s & 0xffff) + (s >> 16)) & 0xffff


def head(flows):
    """What stands before the number in frames of pktsend (its comment), by number modulo flows."""
    ip = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45, 0, SIZE - 14, 0, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2"))
    ip[10:12] = ones_complement(bytes(ip)).to_bytes(2, "big")
    eth = bytes.fromhex("020000000002" "020000000001" "0800")
    return [eth + bytes(ip) + struct.pack("!HHHH", 1024 + i, 9, SIZE - 34, 0) for i in range(flows)]


def run(*args, **kw):
    return subprocess.run([TRAWL, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, **kw)


def answer(*args):
    p = run(*args)
    assert p.returncode in COMPLETE, (args, p.returncode, p.stderr.decode())
    return p


class Lane:
    """One folder, its pair of interfaces, and what was sent there at each moment."""

    def __init__(self, net, folder, number):
        self.rnd = random.Random(number)
        self.net, self.folder, self.pair = net, folder, str(number or "")
        # With 20000 there is a block of rows each second.
        self.flows, self.threads = ((100, 1), (3000, 1), (20000, 1), (100, 2), (500, 1))[number % 5]
        self.heads = head(self.flows)
        self.moments = []  # [begin, sent at most, ends(), nothing was dropped]

    def packets(self):
        """Of each moment the numbers of its packets, in order; all bytes of each are checked."""
        p = answer("past", "--dir", self.folder, "-F", "pcap", "-w", "-")
        return self.sorted_out(p.stdout), p.stderr.decode()

    def sorted_out(self, data):
        got = [[] for _ in self.moments]
        m, at, before, rest = -1, 24, 0, bytes(SIZE - 50)
        assert len(data) <= 24 or data[:4] == b"\x4d\x3c\xb2\xa1"
        while at < len(data):
            sec, ns, caplen, length = struct.unpack_from("<IIII", data, at)
            frame, ts = data[at + 16:at + 16 + caplen], sec * NS + ns
            at += 16 + caplen
            assert ts >= before, "not in the order of time"
            before = ts
            while m + 1 < len(self.moments) and ts >= self.moments[m + 1][0]:
                m += 1
            n = int.from_bytes(frame[42:50], "big")
            assert m >= 0 and length == SIZE and n < self.moments[m][1], (m, n)
            assert frame == self.heads[n % self.flows] + n.to_bytes(8, "big") + rest, (m, n)
            got[m].append(n)
        return got

    def rows(self, since):
        """Of the flows that end since then: {moment: {source port: packets}}; no uuid comes twice."""
        p = answer("flows", "--dir", self.folder, "--format", "csv", "--fields", "uuid,start,transport_a,ab_packets",
                   "--from", "%d.%09d" % divmod(since, NS))
        seen, got = set(), {}
        for line in p.stdout.decode().split()[1:]:
            uuid, start, port, count = line.split(",")
            sec, ns = start.split(".")
            ts = int(sec) * NS + int(ns)
            m = max((i for i, x in enumerate(self.moments) if x[0] <= ts), default=-1)
            assert m >= 0 and uuid not in seen, line
            seen.add(uuid)
            of = got.setdefault(m, {})
            assert port not in of, line  # the sender's flows do not pause
            of[port] = int(count)
            n = int(port) - 1024
            assert 0 <= n < self.flows
            assert int(count) <= len(range(n, self.moments[m][1], self.flows)), line
        return got

    def ends(self, numbers, whole):
        """{class: the last number}: of one thread's packets none is missing between the first and the last,
        of several threads' none of one flow's."""
        step = self.flows if self.threads > 1 else 1
        ends = {}
        for n in numbers:
            assert n > ends.get(n % step, -1) and not (whole and n % step in ends and n - ends[n % step] != step), n
            ends[n % step] = n
        return ends

    def check(self, lines):
        """After a kill: 'lines' are what --stats said."""
        now = len(self.moments) - 1
        kept = [(l["time_ns"], l["kept"]) for l in lines]
        whole = not any(l["dropped_ring"] for l in lines)
        self.moments[now][3] = whole
        got, said = self.packets()
        for m, numbers in enumerate(got):
            ends = self.ends(numbers, self.moments[m][3])
            if m == now:
                self.moments[m][2] = ends
            assert all(self.moments[m][2][c] == n for c, n in ends.items()), f"moment {m} had others before"
            assert not numbers or numbers[0] == 0 or "removed by a limit, or by hand" in said, (m, numbers[0])
        if whole and kept and kept[-1][1]:
            step = self.flows if self.threads > 1 else 1
            assert sum(n // step + 1 for n in self.moments[now][2].values()) >= kept[-1][1], said
        rows = self.rows(self.moments[now][0]).get(now, {})
        if len(kept) > 2:
            # Between the last line and the last but two was a beat, before which each flow had a row
            # that was a second old at most.
            assert len(rows) >= min(kept[-3][1], self.flows)
            assert sum(rows.values()) >= max((k for t, k in kept if t <= kept[-3][0] - NS), default=0)
        return len(kept)

    def capture(self, **kw):
        return Trawl(self.net, TRAWL, "-i", "va" + self.pair, "-Q", "in", "--dir", self.folder, "--quota",
                     "%dM" % (16 * self.threads), "--threads", self.threads, "--update", "1s", "--stats", "jsonl",
                     "udp dst port 9", start_new_session=True, **kw)

    def kill_reader(self):
        """A reader of the running capture, killed somewhere; or one that is let be: its answer holds."""
        args = self.rnd.choice([["past", "-F", "pcap", "-w", "-"], ["flows", "--format", "csv"]])
        p = subprocess.Popen([TRAWL, *args, "--dir", self.folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        if self.rnd.random() < 0.5:
            select.select([p.stdout], [], [], self.rnd.random() * 0.02)
            p.kill()
        data, said = p.communicate(timeout=LIMIT)
        assert p.returncode in (*COMPLETE, -signal.SIGKILL), (args, p.returncode)
        if args[0] == "past" and p.returncode in COMPLETE:
            # What is removed between two reads leaves a hole, which is said.
            whole = p.returncode == 0 or b" is gone" not in said
            for m, numbers in enumerate(self.sorted_out(data)):
                self.ends(numbers, whole and self.moments[m][3] and m + 1 < len(self.moments))

    def listen(self, t, seconds):
        """What it says in that time, with readers coming and going."""
        end, said = time.monotonic() + seconds, b""
        while (left := end - time.monotonic()) > 0:
            if select.select([t.p.stderr], [], [], min(left, 0.2))[0]:
                piece = os.read(t.p.stderr.fileno(), 65536)
                assert piece, said
                said += piece
            if self.rnd.random() < 0.2:
                self.kill_reader()
        return said

    def moment(self):
        how = self.rnd.choice(["start", "run", "run", "run", "run", "end"])
        t = self.capture(wait=how != "start")
        self.moments.append([time.time_ns(), 10 * LIMIT * PPS, {}, True])
        s, said = None, b""
        if how == "start":
            select.select([], [], [], self.rnd.random() * 0.3)
        else:
            s = self.net.start(self.net.b, PKTSEND, "vb" + self.pair, self.moments[-1][1], SIZE, PPS, self.flows,
                               stdout=subprocess.DEVNULL)
            said = self.listen(t, self.rnd.random() * (5 if self.rnd.random() < 0.2 else 1.5))
        if how == "end":
            t.p.send_signal(signal.SIGINT)
            select.select([], [], [], self.rnd.random() * 0.05)
        if self.rnd.random() < 0.5:
            t.p.kill()
        else:
            os.killpg(t.p.pid, signal.SIGKILL)
        if s:
            s.kill()
            s.wait(LIMIT)
        t.p.wait(LIMIT)
        said += t.p.stderr.read()
        t.p.stderr.close()
        if self.rnd.random() < 0.5:
            again = self.capture()  # at once, and it finds the folder free
            again.p.kill()
            again.p.wait(LIMIT)
            again.p.stderr.close()
        return self.check([json.loads(x) for x in said.decode().splitlines() if x[:1] + x[-1:] == "{}"])

    def go(self, kills):
        return [self.moment() for _ in range(kills)]


@pytest.fixture
def net():
    n = Net(pairs=LANES)
    yield n
    n.close()


def test_kill(net, tmp_path):
    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        lanes = [Lane(net, tmp_path / str(i), i) for i in range(LANES)]
        kills = [len(range(i, KILLS, LANES)) for i in range(LANES)]
        lines = [n for r in pool.map(Lane.go, lanes, kills) for n in r]
    assert len(lines) == KILLS
    assert sum(n > 2 for n in lines) >= KILLS // 20  # else little was shown
