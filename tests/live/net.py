"""Two network namespaces joined by a veth pair, and what tests do there.

Everything waits for events (a line, a packet, the end of a process) with a bound;
nothing sleeps."""
import contextlib
import ctypes
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time

LIMIT = 30  # seconds that anything may take
MARK = b"the last packet of this test"
libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # programs would ignore it as 'nohup' does, that the tests may run under


def ip(*args, netns=None):
    cmd = ["ip"] + (["-n", netns] if netns else []) + [str(a) for a in args]
    subprocess.run(cmd, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)


@contextlib.contextmanager
def inside(netns):
    """What is opened here belongs to the namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{netns}", os.O_RDONLY)
    try:
        if libc.setns(there, 0):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(home, 0)
        os.close(there)
        os.close(home)


class Net:
    """a (192.0.2.1, 2001:db8::1) and b (.2, ::2), on interfaces va and vb."""

    def __init__(self, pairs=1):
        self.a, self.b = f"tr{os.getpid()}a", f"tr{os.getpid()}b"
        self.processes = []
        ip("netns", "add", self.a)
        ip("netns", "add", self.b)
        for n in (self.a, self.b):
            # No chatter that nobody sent: no autoconfiguration, no duplicate detection.
            self.run(n, "sysctl", "-q", "-w", "net.ipv6.conf.all.accept_dad=0",
                     "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.autoconf=0",
                     "net.ipv6.conf.default.autoconf=0",
                     "net.ipv6.conf.default.router_solicitations=0")
            ip("link", "set", "lo", "up", netns=n)
        for i in range(pairs):
            self.add_pair(i)

    def add_pair(self, i=0):
        va, vb = (f"va{i or ''}", f"vb{i or ''}")
        ip("link", "add", va, "netns", self.a, "type", "veth", "peer", "name", vb, "netns", self.b)
        for n, dev, last in ((self.a, va, 1), (self.b, vb, 2)):
            ip("addr", "add", f"192.0.{2 + i}.{last}/24", "dev", dev, netns=n)
            ip("addr", "add", f"2001:db8:{i}::{last}/64", "dev", dev, "nodad", netns=n)
            ip("link", "set", dev, "up", netns=n)

    def run(self, netns, *cmd, **kw):
        return subprocess.run(["ip", "netns", "exec", netns, *map(str, cmd)], check=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, **kw)

    def start(self, netns, *cmd, **kw):
        p = subprocess.Popen(["ip", "netns", "exec", netns, *map(str, cmd)],
                             stdin=subprocess.DEVNULL, **kw)
        self.processes.append(p)
        return p

    def raw(self, netns, dev):
        """A socket that sends frames as they are."""
        with inside(netns):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind((dev, 0))
        return s

    def socket(self, netns, *args):
        with inside(netns):
            s = socket.socket(*args)
        s.settimeout(LIMIT)
        return s

    def mark(self):
        """Sends the last packet, from b to a."""
        s = self.socket(self.b, socket.AF_INET, socket.SOCK_DGRAM)
        s.sendto(MARK, ("192.0.2.1", 9))
        s.close()

    def counters(self, netns, dev):
        path = f"/sys/class/net/{dev}/statistics/"
        out = self.run(netns, "cat", path + "rx_packets", path + "tx_packets").stdout
        return tuple(map(int, out.split()))

    def close(self):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
            p.wait()
            for f in (p.stdout, p.stderr):
                if f:
                    f.close()
        for n in (self.a, self.b):
            subprocess.run(["ip", "netns", "del", n], check=False, timeout=LIMIT)


def wait_line(stream, word):
    """Reads lines until one has 'word'; gives all of them."""
    end, got = time.monotonic() + LIMIT, b""
    while word.encode() not in got:
        left = end - time.monotonic()
        assert left > 0 and select.select([stream], [], [], left)[0], f"no '{word}' in: {got!r}"
        piece = os.read(stream.fileno(), 65536)
        assert piece, f"ended without '{word}': {got!r}"
        got += piece
    return got.decode(errors="replace")


class Tcpdump:
    """tcpdump beside it, read through a pipe so that we know what it has."""

    def __init__(self, net, netns, dev, *args):
        self.p = net.start(netns, "tcpdump", "-i", dev, "-U", "--immediate-mode", "-s", 0, "-Z", "root",
                           "-B", 65536, "-w", "-", *args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_line(self.p.stderr, "listening on")
        self.data, self.marked = b"", threading.Event()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        while piece := os.read(self.p.stdout.fileno(), 1 << 20):
            self.data += piece
            if MARK in self.data[-len(piece) - len(MARK):]:
                self.marked.set()

    def until_mark(self):
        """The whole capture, once the mark was in it."""
        assert self.marked.wait(LIMIT), "no mark"
        return self.stop()

    def stop(self):
        self.p.send_signal(signal.SIGINT)
        self.reader.join(LIMIT)
        self.p.wait(LIMIT)
        return self.data


def read_pcap(data):
    """(frame, length on the wire) of each record of a little-endian pcap."""
    out, at = [], 24
    assert data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"), data[:4]
    while at < len(data):
        caplen, length = struct.unpack_from("<II", data, at + 8)
        out.append((data[at + 16:at + 16 + caplen], length))
        at += 16 + caplen
    return out


class Trawl:
    """A trawl capture in namespace a, from its first packet to its last."""

    def __init__(self, net, binary, *args, netns=None, wait=True, **kw):
        self.binary = binary
        self.p = net.start(netns or net.a, binary, "capture", *args, stderr=subprocess.PIPE, **kw)
        self.said = wait_line(self.p.stderr, "capturing on") if wait else ""

    def heard(self):
        """What it has said since the last time, or says within 10 ms."""
        if not select.select([self.p.stderr], [], [], 0.01)[0]:
            return b""
        piece = os.read(self.p.stderr.fileno(), 65536)
        self.said += piece.decode(errors="replace")
        return piece

    def stop(self, sig=signal.SIGINT):
        """The exit status; 'said' is all of stderr."""
        self.p.send_signal(sig)
        return self.wait()

    def wait(self):
        out, err = self.p.communicate(timeout=LIMIT)
        self.said += err.decode(errors="replace")
        self.out = out
        return self.p.returncode


def query(binary, folder, text):
    """Frames that a query on a folder gives, as read_pcap()."""
    p = subprocess.run([binary, "query", "--dir", folder, text, "--format", "pcap"],
                       capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT)
    assert p.returncode == 0, p.stderr.decode()
    return read_pcap(p.stdout)
