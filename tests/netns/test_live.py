"""The live source between network namespaces, driven through livecap.c.

What is captured is compared with what was sent, with what a tcpdump on the same interface
wrote, and with the sender's count.  Nothing waits but for an event, each within LIMIT."""
import collections
import fcntl
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest

pytest.importorskip("scapy")
from scapy.all import (Dot1AD, Dot1Q, Ether, ICMP, IP, IPv6, Raw, TCP, UDP, fragment,  # noqa: E402
                       raw)
from scapy.utils import RawPcapNgReader, RawPcapReader  # noqa: E402

BIN = os.environ.get("TRAWL_LIVECAP", "")
SEND = os.environ.get("TRAWL_PKTSEND", "")
LIMIT = 30
MARK = b"this frame ends a test"
UP, DOWN, GONE = 0, 1, 2


def can():
    if os.geteuid() != 0:
        return "needs root"
    for tool in ("ip", "tcpdump"):
        if not shutil.which(tool):
            return f"needs {tool}"
    p = subprocess.run(["ip", "netns", "add", f"trl{os.getpid()}"], capture_output=True, text=True)
    if p.returncode:
        return "cannot make network namespaces: " + p.stderr.strip()
    subprocess.run(["ip", "netns", "del", f"trl{os.getpid()}"], check=True)
    return ""


WHY_NOT = can()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")


def run(*cmd):
    return subprocess.run(list(map(str, cmd)), check=True, capture_output=True, text=True,
                          timeout=LIMIT).stdout


class Net:
    """Namespaces a and b with va (10.8.0.1) and vb (10.8.0.2) between them."""

    def __init__(self):
        self.a, self.b = f"tl{os.getpid()}a", f"tl{os.getpid()}b"
        for n in (self.a, self.b):
            run("ip", "netns", "add", n)
            # Nothing but what the test sends.
            run("ip", "netns", "exec", n, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                "net.ipv6.conf.default.disable_ipv6=1")
        self.pair("va", "vb")
        run("ip", "-n", self.a, "addr", "add", "10.8.0.1/24", "dev", "va")
        run("ip", "-n", self.b, "addr", "add", "10.8.0.2/24", "dev", "vb")
        for n, dev, peer in ((self.a, "va", "02:00:00:00:00:02"), (self.b, "vb", "02:00:00:00:00:01")):
            other = "10.8.0.2" if dev == "va" else "10.8.0.1"
            run("ip", "-n", n, "neigh", "replace", other, "lladdr", peer, "nud", "permanent",
                "dev", dev)

    def pair(self, va, vb):
        run("ip", "link", "add", va, "netns", self.a, "address", "02:00:00:00:00:01", "type", "veth",
            "peer", "name", vb, "netns", self.b, "address", "02:00:00:00:00:02")
        run("ip", "-n", self.a, "link", "set", va, "up")
        run("ip", "-n", self.b, "link", "set", vb, "up")

    def inside(self, ns, *cmd, **kw):
        return subprocess.Popen(["ip", "netns", "exec", ns, *map(str, cmd)], **kw)

    def frames(self, ns, dev, *frames):
        """Sends frames as they are, in order."""
        with Inside(ns):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with s:
            s.bind((dev, 0))
            for f in frames:
                s.send(f if isinstance(f, bytes) else raw(f))

    def pktsend(self, dev, count, size=100, pps=0, flows=1):
        """From a; returns how many were sent, by the sender's own word."""
        p = self.inside(self.a, SEND, dev, count, size, pps, flows, stdout=subprocess.PIPE,
                        text=True)
        out, _ = p.communicate(timeout=LIMIT)
        assert p.returncode == 0
        return int(out.split()[1])

    def close(self):
        for n in (self.a, self.b):
            subprocess.run(["ip", "netns", "del", n], capture_output=True)


class Inside:
    """What this thread opens belongs to a namespace."""

    def __init__(self, ns):
        self.ns = ns

    def enter(self, fd):
        import ctypes
        if ctypes.CDLL(None, use_errno=True).setns(fd, 0):
            raise OSError(ctypes.get_errno(), "setns")

    def __enter__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.ns}", os.O_RDONLY)
        self.enter(there)
        os.close(there)

    def __exit__(self, *_):
        self.enter(self.home)
        os.close(self.home)


class Cap:
    """A running livecap."""

    def __init__(self, *args):
        self.p = subprocess.Popen([BIN, *map(str, args)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self.line() == "ready"

    def line(self):
        assert select.select([self.p.stdout], [], [], LIMIT)[0], "livecap does not answer"
        return self.p.stdout.readline().rstrip("\n")

    def ask(self, what):
        self.p.stdin.write(what + "\n")
        return json.loads(self.line())

    def until(self, n):
        r = self.ask(f"until {n}")
        assert r["packets"] >= n, r
        return r

    def wait(self, cond):
        """Asks until the answer is as wanted; each asking lets it look at events."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            r = self.ask("ledger")
            if cond(r):
                return r
        raise AssertionError(r)

    def stop(self):
        r = self.ask("stop")
        assert self.p.wait(LIMIT) == 0
        for i in r["ifaces"]:
            assert i["seen"] == (i["given"] + i["own"] + i["filtered"] + i["dropped"] +
                                 i["waiting"]), i
        return r

    def close(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        self.p.stdin.close()
        self.p.stdout.close()


class Dump:
    """A tcpdump beside it, read as it writes until it has the last frame."""

    def __init__(self, net, ns, dev, *args):
        self.p = net.inside(ns, "tcpdump", "-i", dev, "-U", "--immediate-mode", "-B", "65536", "-s", "0",
                            "-w", "-", *args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while b"listening on" not in self.p.stderr.readline():
            assert self.p.poll() is None
        self.data = b""
        self.t = threading.Thread(target=self.read)
        self.t.start()

    def read(self):
        while MARK not in self.data[-262144:]:
            more = os.read(self.p.stdout.fileno(), 1 << 20)
            if not more:
                return
            self.data += more
        self.p.terminate()
        while True:
            more = os.read(self.p.stdout.fileno(), 1 << 20)
            if not more:
                return
            self.data += more

    def packets(self, tmp_path):
        self.t.join(LIMIT)
        assert not self.t.is_alive()
        self.p.wait(LIMIT)
        self.p.stdout.close()
        self.p.stderr.close()
        f = tmp_path / "dump.pcap"
        f.write_bytes(self.data)
        return [(bytes(d), m.wirelen) for d, m in RawPcapReader(str(f))]


def read(path):
    return [(bytes(d), m.wirelen) for d, m in RawPcapNgReader(str(path))]


def names(path):
    """Name of the interface of each packet, from the file."""
    out = run("tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.interface_name")
    return out.split()


@pytest.fixture
def net():
    n = Net()
    yield n
    n.close()


@pytest.fixture
def cap():
    caps = []

    def make(*args):
        caps.append(Cap(*args))
        return caps[-1]
    yield make
    for c in caps:
        c.close()


def eth(*layers, payload=b"x" * 40):
    p = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
    for layer in layers:
        p = p / layer
    return raw(p / Raw(payload))


# To nobody's address: there are no answers.
U = (IP(src="10.0.0.1", dst="10.0.0.2"), UDP(sport=7, dport=9))
LAST = eth(*U, payload=MARK)


def assert_same(ours, theirs):
    assert collections.Counter(ours) == collections.Counter(theirs)


FRAMES = {
    "plain": [eth(*U), eth(*U, payload=b"y" * 1400)],
    "vlan": [eth(Dot1Q(vlan=5, prio=3), *U), eth(Dot1Q(vlan=0), *U), eth(Dot1Q(vlan=4095, id=1), *U)],
    "qinq": [eth(Dot1AD(vlan=100), Dot1Q(vlan=200), *U), eth(Dot1Q(vlan=1), Dot1Q(vlan=2), *U),
             eth(Dot1Q(vlan=1), Dot1Q(vlan=2), Dot1Q(vlan=3), *U)],
    "short": [LAST[:14] + b"", LAST[:15], LAST[:20]],
    "arp": [b"\xff" * 6 + LAST[6:12] + b"\x08\x06" + b"\0" * 28],
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("dev", ["va", "vb"])
def test_bytes_as_tcpdump_and_as_sent(net, cap, tmp_path, kind, dev):
    ns = net.a if dev == "va" else net.b
    dump = Dump(net, ns, dev)
    c = cap("-w", tmp_path / "o.pcapng", f"netns:{ns}/{dev}")
    net.frames(net.a, "va", *FRAMES[kind], LAST)
    c.until(len(FRAMES[kind]) + 1)
    r = c.stop()
    ours = read(tmp_path / "o.pcapng")
    assert ours == [(f, len(f)) for f in FRAMES[kind] + [LAST]]
    assert_same(ours, dump.packets(tmp_path))
    assert r["in" if dev == "vb" else "out"] == len(ours)


def test_jumbo(net, cap, tmp_path):
    for n, d in ((net.a, "va"), (net.b, "vb")):
        run("ip", "-n", n, "link", "set", d, "mtu", 9000)
    frames = [eth(Dot1Q(vlan=7), *U, payload=b"j" * 8900), eth(*U, payload=b"j" * 8950)]
    c = cap("-w", tmp_path / "o.pcapng", f"netns:{net.b}/vb")
    net.frames(net.a, "va", *frames, LAST)
    c.until(3)
    c.stop()
    assert read(tmp_path / "o.pcapng") == [(f, len(f)) for f in frames + [LAST]]


def transfer(net, size):
    with Inside(net.b):
        server = socket.create_server(("10.8.0.2", 5000))
    with Inside(net.a):
        client = socket.socket()
    got = []

    def serve():
        s, _ = server.accept()
        n = 0
        while True:
            d = s.recv(1 << 20)
            if not d:
                break
            n += len(d)
        got.append(n)
        s.close()
    t = threading.Thread(target=serve)
    t.start()
    client.connect(("10.8.0.2", 5000))
    client.sendall(b"s" * size)
    client.close()
    t.join(LIMIT)
    server.close()
    assert got == [size]


@pytest.mark.parametrize("dev", ["va", "vb"])
def test_tcp_super_frames(net, cap, tmp_path, dev):
    ns = net.a if dev == "va" else net.b
    dump = Dump(net, ns, dev)
    c = cap("-w", tmp_path / "o.pcapng", f"netns:{ns}/{dev}")
    size = 3_000_000
    transfer(net, size)
    net.frames(net.a, "va", LAST)
    theirs = dump.packets(tmp_path)
    c.until(len(theirs))
    r = c.stop()
    ours = read(tmp_path / "o.pcapng")
    assert_same(ours, theirs)
    # RFC 9293: payload of a packet is at most the MSS, 1500 - 20 - 32 with time stamps; each has
    # headers of 14 + 20 + 32.
    data = [n for f, n in ours if f[23] == 6 and n > 66]
    assert r["supers"] > 0 and max(data) > 1514
    assert r["supers"] == sum(n > 1514 for n in data)
    assert r["wire_packets"] == len(ours) + sum(-(-(n - 66) // 1448) - 1 for n in data)
    assert r["wire_bytes"] == sum(n for _, n in ours) + 66 * (r["wire_packets"] - len(ours))
    assert r["todo"] > 0  # veth leaves checksums to the receiver
    payload = sum(n - 66 for n in data)
    assert payload >= size


def test_snaplen(net, cap, tmp_path):
    c = cap("-s", 60, "-w", tmp_path / "o.pcapng", f"netns:{net.b}/vb")
    frames = [eth(*U, payload=b"z" * 500), eth(Dot1Q(vlan=5), *U, payload=b"z" * 500), eth(*U, payload=b"")]
    net.frames(net.a, "va", *frames)
    c.until(3)
    r = c.stop()
    assert read(tmp_path / "o.pcapng") == [(f[:60], len(f)) for f in frames]
    assert r["ifaces"][0]["cut"] == 0


def test_snaplen_shorter_than_addresses(net, cap, tmp_path):
    c = cap("-s", 8, "-w", tmp_path / "o.pcapng", f"netns:{net.b}/vb")
    frames = [eth(Dot1Q(vlan=5), *U), eth(*U)]
    net.frames(net.a, "va", *frames)
    c.until(2)
    c.stop()
    assert read(tmp_path / "o.pcapng") == [(f[:8], len(f)) for f in frames]


@pytest.mark.parametrize("classic", [False, True])
@pytest.mark.parametrize("direction,expected", [("in", (1, 0)), ("out", (0, 2)), ("", (1, 2))])
def test_direction(net, cap, direction, expected, classic):
    opts = (["-d", direction] if direction else []) + (["-c"] if classic else [])
    c = cap(*opts, f"netns:{net.a}/va")
    net.frames(net.a, "va", eth(*U), eth(*U))
    net.frames(net.b, "vb", eth(*U))
    c.until(sum(expected))
    r = c.stop()
    assert (r["in"], r["out"]) == expected
    assert r["ifaces"][0]["seen"] == sum(expected)


@pytest.mark.parametrize("direction", ["", "in", "out"])
def test_loopback_gives_each_frame_once(net, cap, direction):
    run("ip", "-n", net.a, "link", "set", "lo", "up")
    c = cap(*(["-d", direction] if direction else []), f"netns:{net.a}/lo")
    with Inside(net.a):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    r = socket.SOCK_DGRAM
    for _ in range(5):
        s.sendto(b"x", ("127.0.0.1", 9))
    s.close()
    # Each is answered: port unreachable.
    c.until(10)
    r = c.stop()
    assert r["packets"] == 10


MIX = [eth(*U), eth(IP(src="10.0.0.1", dst="10.0.0.2"), UDP(sport=7, dport=10)),
       eth(Dot1Q(vlan=5), *U), eth(Dot1Q(vlan=6), IP(), UDP(dport=10)),
       eth(Dot1AD(vlan=5), Dot1Q(vlan=9), *U), eth(IP(src="10.0.0.1", dst="10.0.0.2"), ICMP())]
FILTERS = ["udp port 9", "vlan 5", "vlan 5 and udp port 9", "icmp", "not vlan", "vlan and vlan 9",
           "ether[12:2] = 0x8100", "len > 90", "udp port 9 or (vlan and udp port 9)", "", "ip6"]


@pytest.mark.parametrize("classic", [False, True])
@pytest.mark.parametrize("expr", FILTERS)
def test_filter_as_on_the_file(net, cap, tmp_path, expr, classic):
    """What passes live is what tcpdump passes on a file of the frames as on the wire."""
    from scapy.utils import wrpcap
    wrpcap(str(tmp_path / "in.pcap"), [Ether(f) for f in MIX])
    run("tcpdump", "-r", tmp_path / "in.pcap", "-w", tmp_path / "want.pcap", *([expr] if expr else []))
    want = [bytes(d) for d, _ in RawPcapReader(str(tmp_path / "want.pcap"))]
    c = cap("-f", expr, *(["-c"] if classic else []), "-w", tmp_path / "o.pcapng",
            f"netns:{net.b}/vb")
    net.frames(net.a, "va", *MIX)
    i = c.wait(lambda r: r["ifaces"][0]["waiting"] == 0 and r["packets"] == len(want))["ifaces"][0]
    i = c.stop()["ifaces"][0]
    assert [f for f, _ in read(tmp_path / "o.pcapng")] == want
    if i["seen_known"]:
        assert (i["seen"], i["filtered"]) == (len(MIX), len(MIX) - len(want))
    else:
        assert classic and expr


def test_own_mark_is_counted_not_given(net, cap):
    c = cap("-m", 4711, "-f", "udp", f"netns:{net.a}/va")
    with Inside(net.a):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, 36, 4711)  # SO_MARK
    with Inside(net.b):
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("10.8.0.2", 9))  # else there would be answers
    for _ in range(7):
        s.sendto(b"own", ("10.8.0.2", 9))
    for _ in range(3):
        t.sendto(b"other", ("10.8.0.2", 9))
    c.until(3)
    i = c.stop()["ifaces"][0]
    assert (i["own"], i["given"], i["seen"]) == (7, 3, 10)
    for x in (s, t, sink):
        x.close()


@pytest.mark.parametrize("expr,part", [("", 1), ("udp src port 1024", 2)])
def test_ledger_of_a_starved_reader(net, cap, expr, part):
    c = cap("-B", 600000, "-f", expr, f"netns:{net.b}/vb")
    c.ask("stall")
    sent = net.pktsend("va", 100000, size=200, flows=2)
    mid = c.ask("ledger")["ifaces"][0]
    assert sent == 100000
    assert mid["seen"] == sent and mid["given"] == 0 and mid["waiting"] > 0
    assert mid["waiting"] + mid["dropped"] == sent // part and mid["freezes"] >= 1
    c.ask("go")
    i = c.stop()["ifaces"][0]
    assert i["seen"] == sent and i["filtered"] == sent - sent // part
    assert i["given"] == mid["waiting"] and i["waiting"] == 0
    assert i["dropped"] > 0 and i["rx"] == sent


def numbers(path):
    return [int.from_bytes(f[42:50], "big") for f, _ in read(path)]


def test_ring_grows_without_losing_or_doubling(net, cap, tmp_path):
    c = cap("-B", 64 << 20, "-w", tmp_path / "o.pcapng", f"netns:{net.b}/vb")
    start = c.ask("ledger")["ifaces"][0]["ring"]
    c.ask("stall")
    net.pktsend("va", 30000, size=200)  # of 16 MB more than half
    p = net.inside(net.a, SEND, "va", 10000, 200, 5000, stdout=subprocess.DEVNULL)
    c.ask("go")  # it grows while they come, slowly enough for the rest of the first ring
    c.until(40000)
    p.wait(LIMIT)
    # The second one may have all that the first one leaves: it could not grow again.
    grown = c.wait(lambda r: r["ifaces"][0]["ring"] == (64 << 20) - start)  # the first one is gone
    i = c.stop()["ifaces"][0]
    assert i["grown"] >= 1, grown
    assert (i["given"], i["dropped"], i["seen"]) == (40000, 0, 40000)
    assert numbers(tmp_path / "o.pcapng") == list(range(30000)) + list(range(10000))


@pytest.mark.parametrize("args,dev,expected", [((), "vb", 1), (("-p",), "vb", 0), ((), "any", 0)])
def test_promiscuous(net, cap, args, dev, expected):
    def mode():
        return json.loads(run("ip", "-n", net.b, "-d", "-j", "link", "show", "vb"))[0]["promiscuity"]
    c = cap(*args, f"netns:{net.b}/{dev}")
    assert mode() == expected
    c.stop()
    assert mode() == 0


def test_interface_down_and_up(net, cap):
    c = cap(f"netns:{net.b}/vb")
    net.frames(net.a, "va", eth(*U))
    c.until(1)
    run("ip", "-n", net.b, "link", "set", "vb", "down")
    c.wait(lambda r: r["ifaces"][0]["state"] == DOWN)
    run("ip", "-n", net.b, "link", "set", "vb", "up")
    c.wait(lambda r: r["ifaces"][0]["state"] == UP)
    net.frames(net.a, "va", eth(*U))
    c.until(2)
    r = c.stop()
    assert "is down since" in r["notes"][0] and "is up, after" in r["notes"][1]


def test_interface_is_down_at_the_start(net, cap):
    run("ip", "-n", net.b, "link", "set", "vb", "down")
    c = cap(f"netns:{net.b}/vb")
    assert c.ask("ledger")["ifaces"][0]["state"] == DOWN
    run("ip", "-n", net.b, "link", "set", "vb", "up")
    c.wait(lambda r: r["ifaces"][0]["state"] == UP)
    net.frames(net.a, "va", eth(*U))
    c.until(1)
    c.stop()


def test_interface_renamed(net, cap):
    c = cap(f"netns:{net.b}/vb")
    run("ip", "-n", net.b, "link", "set", "vb", "down")
    run("ip", "-n", net.b, "link", "set", "vb", "name", "renamed", "up")
    c.wait(lambda r: r["ifaces"][0]["name"] == "renamed" and r["ifaces"][0]["state"] == UP)
    net.frames(net.a, "va", eth(*U))
    c.until(1)
    # Another one of the old name is not what was asked for.
    net.pair("vx", "vb")
    net.frames(net.a, "vx", eth(*U))
    net.frames(net.a, "va", eth(*U))
    c.until(2)
    r = c.stop()
    assert len(r["ifaces"]) == 1 and r["packets"] == 2
    assert any("was renamed to 'renamed'" in n for n in r["notes"])


def test_interface_removed_and_back(net, cap, tmp_path):
    c = cap("-w", tmp_path / "o.pcapng", f"netns:{net.b}/vb")
    net.frames(net.a, "va", eth(*U), eth(*U))
    c.until(2)
    for n in range(3):
        run("ip", "-n", net.b, "link", "del", "vb")
        r = c.wait(lambda r: r["ifaces"][0]["state"] == GONE)
        assert r["ifaces"][0]["ifindex"] == 0
        net.pair("va", "vb")
        c.wait(lambda r: r["ifaces"][0]["state"] == UP)
        net.frames(net.a, "va", eth(*U))
        c.until(3 + n)
    r = c.stop()
    assert len(r["ifaces"]) == 1
    i = r["ifaces"][0]
    assert (i["seen"], i["given"], i["rx"]) == (5, 5, 5)
    notes = [n for n in r["notes"] if "removed" in n or "back" in n]
    assert "was removed at" in notes[0] and "is back, after" in notes[1] and len(notes) == 6
    assert len(read(tmp_path / "o.pcapng")) == 5


def test_what_was_in_the_ring_of_a_removed_interface_is_given(net, cap):
    c = cap(f"netns:{net.b}/vb")
    c.ask("stall")
    net.pktsend("va", 1000)
    run("ip", "-n", net.b, "link", "del", "vb")
    c.ask("go")
    c.until(1000)
    i = c.wait(lambda r: r["ifaces"][0]["state"] == GONE)["ifaces"][0]
    assert (i["given"], i["dropped"]) == (1000, 0)
    c.wait(lambda r: r["ifaces"][0]["ring"] == 0)
    c.stop()


def test_interfaces_join(net, cap):
    c = cap(f"netns:{net.b}/w*")
    assert c.ask("ledger")["ifaces"] == []
    net.pair("x1", "w1")
    c.wait(lambda r: [i["name"] for i in r["ifaces"]] == ["w1"])
    net.pair("x2", "other")
    net.pair("x3", "w3")
    r = c.wait(lambda r: [i["name"] for i in r["ifaces"]] == ["w1", "w3"])
    net.frames(net.a, "x1", eth(*U))
    net.frames(net.a, "x2", eth(*U))
    net.frames(net.a, "x3", eth(*U))
    c.until(2)
    r = c.stop()
    assert [i["given"] for i in r["ifaces"]] == [1, 1]


def test_any_with_fifty_interfaces(net, cap, tmp_path):
    batch = "".join(f"link add p{i} type veth peer name q{i} netns {net.b}\n" for i in range(50))
    subprocess.run(["ip", "-n", net.a, "-b", "-"], input=batch, text=True, check=True, timeout=LIMIT)
    for n, x in ((net.a, "p"), (net.b, "q")):
        subprocess.run(["ip", "-n", n, "-b", "-"], text=True, check=True, timeout=LIMIT,
                       input="".join(f"link set {x}{i} up\n" for i in range(50)))
    c = cap("-w", tmp_path / "o.pcapng", f"netns:{net.b}/any")
    for k in range(4):
        for i in range(50):
            net.frames(net.a, f"p{i}", eth(*U, payload=bytes([i, k]) * 30))
    c.until(200)
    r = c.stop()
    assert len(r["ifaces"]) >= 51  # and vb, lo
    by_name = {i["name"]: i for i in r["ifaces"]}
    assert all(by_name[f"q{i}"]["given"] == 4 for i in range(50))
    got = list(zip(names(tmp_path / "o.pcapng"), read(tmp_path / "o.pcapng")))
    assert len(got) == 200
    assert all(name == f"netns:{net.b}/q{f[42]}" for name, (f, _) in got)


def test_many_join_later(net, cap):
    """Those of the start leave room for them."""
    c = cap(f"netns:{net.b}/any")
    batch = "".join(f"link add p{i} type veth peer name q{i} netns {net.b}\n" for i in range(60))
    subprocess.run(["ip", "-n", net.a, "-b", "-"], input=batch, text=True, check=True, timeout=LIMIT)
    r = c.wait(lambda r: len(r["ifaces"]) >= 62)
    assert sum(i["ring"] for i in r["ifaces"]) <= 256 << 20
    run("ip", "-n", net.a, "link", "set", "p59", "up")
    run("ip", "-n", net.b, "link", "set", "q59", "up")
    c.wait(lambda r: [i["state"] for i in r["ifaces"] if i["name"] == "q59"] == [UP])
    net.frames(net.a, "p59", eth(*U))
    c.until(1)
    r = c.stop()
    up = [n for n in r["notes"] if "q59' is up" in n]
    assert len(up) == 1 and float(up[0].split()[-2]) < LIMIT


def test_several_namespaces_at_once(net, cap):
    c = cap(f"netns:{net.a}/va", f"netns:{net.b}/vb")
    net.frames(net.a, "va", eth(*U))
    c.until(2)
    r = c.stop()
    assert [(i["name"], i["netns"], i["given"]) for i in r["ifaces"]] == [
        ("va", net.a, 1), ("vb", net.b, 1)]


@pytest.mark.parametrize("args,text", [
    (("nosuchif",), "there is no interface 'nosuchif'"),
    (("netns:nosuchns/any",), "cannot enter the network namespace 'nosuchns'"),
    (("netns:x",), "is not of the form netns:NAME/INTERFACE"),
    (("an-interface-name-too-long",), "cannot be the name of an interface"),
    (("-B", "1000", "lo"), "raise --buffer-total"),
])
def test_start_fails_with_a_sentence(args, text):
    p = subprocess.run([BIN, *args], capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL)
    assert p.returncode == 1 and text in p.stdout


def pairs(frames):
    """Unordered pairs of addresses."""
    return {frozenset((f[26:30], f[30:34])) for f, _ in frames}


def test_threads_share_frames_by_addresses(net, cap, tmp_path):
    frames = []
    for i in range(64):
        a, b = f"10.1.0.{i}", f"10.2.{i}.1"
        frames += [eth(IP(src=a, dst=b), UDP(sport=1, dport=2)), eth(IP(src=b, dst=a), UDP(sport=2, dport=1)),
                   *(raw(p) for p in fragment(Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01") /
                                              IP(src=a, dst=b, id=i) / UDP(sport=5, dport=6) /
                                              Raw(b"f" * 300), 128))]
    c = cap("-j", 2, "-w", tmp_path / "o", f"netns:{net.b}/vb")
    net.frames(net.a, "va", *frames)
    r = c.stop()
    one, two = read(tmp_path / "o.0"), read(tmp_path / "o.1")
    assert_same([f for f, _ in one + two], frames)
    assert not pairs(one) & pairs(two)
    assert len(pairs(one)) > 10 and len(pairs(two)) > 10
    assert r["ifaces"][0]["given"] == len(frames)


def numbered(thread, threads, first, count):
    """Frames between 16 pairs of addresses that one of the threads gets, with their numbers."""
    hosts = [(a, b) for a in range(1, 200) for b in (1, 2)
             if (((0x0a010000 + a + 0x0a020000 + b) * 0x9e3779b1 & 0xffffffff) >> 16) % threads == thread]
    out = []
    for i in range(first, first + count):
        a, b = hosts[i % 16]
        out.append(b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0" +
                   struct.pack("!BBHHHBBHIIHHHHQ", 0x45, 0, 1400, 0, 0, 64, 17, 0, 0x0a010000 + a,
                               0x0a020000 + b, 1, 2, 1380, 0, i) + bytes(1364))
    return out


@pytest.mark.parametrize("thread", [0, 1, 2])
def test_ring_of_a_thread_grows_without_losing_or_doubling(net, cap, tmp_path, thread):
    """One replaces its ring while frames for all come, also such as have no addresses or are
    too short for the program that shares them out: these are the first one's."""
    odd = [eth(payload=b"\0" * 30), bytes(12) + b"\x08\0\x45"]  # no address; cut
    c = cap("-j", 3, "-B", 96 << 20, "-w", tmp_path / "o", f"netns:{net.b}/vb")
    c.ask("stall")
    parked = time.monotonic()
    sent = [8000 if t == thread else 0 for t in range(3)]
    net.frames(net.a, "va", *numbered(thread, 3, 0, 8000))  # of 16 MB more than half
    while time.monotonic() < parked + 0.06:  # it looks at its ring when the last look is 50 ms ago
        net.frames(net.a, "va", *numbered(thread, 3, sent[thread], 1))
        sent[thread] += 1
    c.ask("go")
    for k in range(60):
        batch = []
        for t in range(3):
            batch += numbered(t, 3, sent[t], 50)
            sent[t] += 50
        net.frames(net.a, "va", *batch, *odd)
        c.until(sum(sent) + 2 * k)
    i = c.stop()["ifaces"][0]
    assert i["grown"] >= 1 and i["dropped"] == 0
    assert i["given"] == i["seen"] == sum(sent) + 120
    for t in range(3):
        got = [f for f, _ in read(tmp_path / f"o.{t}")]
        assert [int.from_bytes(f[42:50], "big") for f in got if len(f) == 1414] == list(range(sent[t]))
        assert sum(len(f) < 1414 for f in got) == (120 if t == 0 else 0)


def test_threads_follow_events(net, cap, tmp_path):
    c = cap("-j", 3, "-w", tmp_path / "o", f"netns:{net.b}/any")
    run("ip", "-n", net.b, "link", "del", "vb")
    net.pair("va", "vb")
    net.pair("x1", "w1")
    frames = [eth(IP(src=f"10.1.0.{i}", dst="10.2.0.1"), UDP()) for i in range(60)]
    # There is no way to ask it in between: what it gives afterwards tells.
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        net.frames(net.a, "x1", *frames)
        if sum(os.path.getsize(tmp_path / f"o.{t}") for t in range(3)) > 60 * 60:
            break
    r = c.stop()
    w1 = [i for i in r["ifaces"] if i["name"] == "w1"]
    assert len(w1) == 1 and w1[0]["given"] > 0


class Typed:
    """An interface of any hardware type, on which frames of any protocol come in: a tun device
    that says it is another.  What it gives the kernel is what a driver of that type gives."""

    def __init__(self, ns, hatype):
        with Inside(ns):
            self.fd = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(self.fd, 0x400454ca, struct.pack("16sH", b"typed0", 0x0001))  # IFF_TUN
            fcntl.ioctl(self.fd, 0x400454cd, hatype)  # TUNSETLINK
        run("ip", "-n", ns, "link", "set", "typed0", "up")

    def give(self, protocol, frame):
        os.write(self.fd, struct.pack("!HH", 0, protocol) + frame)


@pytest.fixture
def typed(net):
    made = []

    def make(hatype):
        made.append(Typed(net.b, hatype))
        return made[-1]
    yield make
    for t in made:
        os.close(t.fd)


# linux/can.h: the identifier is in the host's byte order.
CAN = [
    (0x0c, struct.pack("=IBBBB8s", 0x123, 3, 0, 0, 0, b"abc")),
    (0x0c, struct.pack("=IBBBB8s", 0x81234567, 8, 0, 0, 0, b"extended")),
    (0x0d, struct.pack("=IBBBB64s", 0x456, 12, 5, 0, 0, b"fd, fast")),  # FDF, BRS
    (0x0e, struct.pack("=IBBHI", 0x7ff | 5 << 16, 0x80, 3, 20, 0x11223344) + b"x" * 20),
]


def test_can_as_tcpdump(net, cap, typed, tmp_path):
    dev = typed(280)  # ARPHRD_CAN
    dump = Dump(net, net.b, "typed0")
    c = cap("-w", tmp_path / "o.pcapng", f"netns:{net.b}/typed0")
    for protocol, frame in CAN:
        dev.give(protocol, frame)
    dev.give(0x0e, struct.pack("=IBBHI", 1, 0x80, 0, 64, 0) + MARK)
    c.until(len(CAN) + 1)
    c.stop()
    got = read(tmp_path / "o.pcapng")
    assert got[2][0][5] == 5
    got[2] = (got[2][0][:5] + b"\0" + got[2][0][6:], got[2][1])  # libpcap 1.10.3 clears those flags
    assert got == dump.packets(tmp_path)
    assert got[0][0][:4] == b"\0\0\x01\x23"  # the network's order, by the link type's page
    assert run("capinfos", "-E", tmp_path / "o.pcapng").split()[-1] == "SocketCAN"


def test_can_kinds_that_drivers_do_not_mark(net, cap, typed, tmp_path):
    """tcpdump.org/linktypes/LINKTYPE_CAN_SOCKETCAN.html: FD and XL have their bit, classic none."""
    dev = typed(280)
    c = cap("-w", tmp_path / "o.pcapng", f"netns:{net.b}/typed0")
    dev.give(0x0c, struct.pack("=IBBBB8s", 1, 8, 0xff, 0, 0, b"classic"))
    dev.give(0x0d, struct.pack("=IBBBB64s", 2, 64, 1, 0, 0, b"fd"))
    dev.give(0x0e, struct.pack("=IBBHI", 3, 0, 0, 20, 0) + b"x" * 20)
    c.until(3)
    c.stop()
    assert [f[:6].hex() for f, _ in read(tmp_path / "o.pcapng")] == [
        "000000010800", "000000024005", "000000038000"]


def test_can_filter_as_on_the_file(net, cap, typed, tmp_path):
    dev = typed(280)
    c = cap("-f", "link[3] == 0x23", "-w", tmp_path / "o.pcapng", f"netns:{net.b}/typed0")
    for protocol, frame in CAN:
        dev.give(protocol, frame)
    c.until(1)
    i = c.stop()["ifaces"][0]
    assert (i["seen"], i["given"], i["filtered"]) == (4, 1, 3)
    assert read(tmp_path / "o.pcapng")[0][0][:4] == b"\0\0\x01\x23"


def test_ppp_is_cooked(net, cap, typed, tmp_path):
    """PPP's driver shows no link header: the protocol is the kernel's word, as tcpdump has it."""
    dev = typed(512)  # ARPHRD_PPP
    dump = Dump(net, net.b, "typed0")
    c = cap("-w", tmp_path / "o.pcapng", f"netns:{net.b}/typed0")
    dev.give(0x0800, raw(IP(src="10.1.1.1", dst="10.1.1.2") / UDP(sport=1, dport=2) / Raw(b"ppp")))
    dev.give(0x86dd, raw(IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=1, dport=2)))
    dev.give(0x0009, b"\xc0\x21\x01\x01\x00\x04")  # ETH_P_PPP_MP's number, LCP
    dev.give(0x0800, raw(IP(src="10.1.1.1", dst="10.1.1.2") / UDP(sport=1, dport=2) / Raw(MARK)))
    c.until(4)
    c.stop()
    got, ref = read(tmp_path / "o.pcapng"), dump.packets(tmp_path)
    # LINKTYPE_LINUX_SLL2 begins with the protocol, LINKTYPE_LINUX_SLL ends with it.
    assert [(f[:2], f[20:]) for f, _ in got] == [(f[14:16], f[16:]) for f, _ in ref]
    assert {f[8:10] for f, _ in got} == {b"\x02\x00"}  # ARPHRD_PPP
    assert run("tshark", "-r", tmp_path / "o.pcapng", "-Y", "udp", "-T", "fields", "-e",
               "udp.dstport").split() == ["2"] * 3


def test_tun_is_raw_ip(net, cap, tmp_path):
    run("ip", "-n", net.b, "tuntap", "add", "mode", "tun", "tun0")
    run("ip", "-n", net.b, "link", "set", "tun0", "up")
    run("ip", "-n", net.b, "addr", "add", "10.77.0.1/24", "dev", "tun0")
    with Inside(net.b):
        tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH", b"tun0", 0x1001))  # IFF_TUN, no header
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    c = cap("-f", "udp", "-w", tmp_path / "o.pcapng", f"netns:{net.b}/tun0")
    inward = raw(IP(src="10.77.0.2", dst="10.77.0.1") / UDP(sport=3, dport=4) / Raw(b"in"))
    os.write(tun, inward)
    s.sendto(b"out", ("10.77.0.2", 9))
    c.until(2)
    r = c.stop()
    got = [f for f, _ in read(tmp_path / "o.pcapng")]
    assert got[0] == inward and IP(got[1])[UDP].dport == 9
    assert (r["in"], r["out"]) == (1, 1)
    os.close(tun)
    s.close()
