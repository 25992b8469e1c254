"""A capture must not feed on itself: packets that there are only because packets are
captured are counted as own, and not kept."""
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from net import LIMIT, Net, inside, Trawl, read_pcap, wait_line

TRAWL = os.environ["TRAWL_BIN"]
FORWARD = pathlib.Path(__file__).with_name("forward.py")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces")
PINGS = 20


@pytest.fixture
def net():
    n = Net()
    yield n
    n.close()


class Receiver:
    """A TCP server in b, which keeps what it is sent."""

    def __init__(self, net):
        self.server = net.socket(net.b, socket.AF_INET, socket.SOCK_STREAM)
        self.server.bind(("192.0.2.2", 0))
        self.server.listen(1)
        self.port = self.server.getsockname()[1]
        self.data, self.more = b"", threading.Condition()
        self.thread = threading.Thread(target=self.receive)
        self.thread.start()

    def receive(self):
        try:
            conn = self.server.accept()[0]
        except OSError:
            return
        conn.settimeout(LIMIT)
        while piece := conn.recv(65536):
            with self.more:
                self.data += piece
                self.more.notify()
        conn.close()

    def has(self, packets):
        """Waits for so many packets."""
        with self.more:
            assert self.more.wait_for(lambda: len(whole(self.data)) >= packets, LIMIT), len(self.data)

    def all(self):
        self.thread.join(LIMIT)
        assert not self.thread.is_alive()
        self.server.close()
        return self.data


def whole(data):
    """Its complete packets, where it may end anywhere."""
    at = 24
    while at + 16 <= len(data) and at + 16 + struct.unpack_from("<I", data, at + 8)[0] <= len(data):
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
    return read_pcap(data[:at]) if at <= len(data) else []


def ledger(said):
    m = re.search(r"(\d+) seen = (\d+) kept(?:, (\d+) filtered)?(?:, (\d+) own)?", said)
    assert m, said
    return tuple(int(x or 0) for x in m.groups())


def ping(net):
    net.run(net.b, "ping", "-c", PINGS, "-i", 0.01, "192.0.2.1")


def until(t, is_there):
    """The numbers of each second, from now until they are as wanted."""
    text, lines, end = b"", [], time.monotonic() + LIMIT
    while not is_there(lines):
        assert time.monotonic() < end, lines
        text += os.read(t.p.stderr.fileno(), 65536)
        lines = [json.loads(x) for x in text.split(b"\n")[:-1] if x.startswith(b"{")]
    return lines


def start(net, receiver, when, way="pipe"):
    """trawl | forward.py, in a: the reader, and the file that trawl writes to."""
    if way == "pipe":
        theirs, ours = os.pipe()
    else:
        with inside(net.a):
            a, b = socket.socketpair()
        theirs, ours = a.detach(), b.detach()
    cmd = ["ip", "netns", "exec", net.a, sys.executable, FORWARD, "192.0.2.2", str(receiver.port), when]
    reader = subprocess.Popen(cmd, stdin=theirs, stderr=subprocess.PIPE)
    net.processes.append(reader)
    os.close(theirs)
    if when == "now":
        wait_line(reader.stderr, "connected")
    return ours


@pytest.mark.parametrize("way", ["pipe", "local"])
def test_reader_that_sends_on(net, way):
    """Every ping is captured once, and the packets that carry them away are not."""
    r = Receiver(net)
    ours = start(net, r, "now", way)
    t = Trawl(net, TRAWL, "-i", "va", "-F", "pcap", "-w", "-", "tcp or icmp", stdout=ours)
    os.close(ours)
    ping(net)
    r.has(2 * PINGS)
    ping(net)
    t.p.send_signal(signal.SIGINT)
    t.said += t.p.stderr.read().decode()
    assert t.p.wait(LIMIT) == 0
    frames = read_pcap(r.all())
    _, kept, _, own = ledger(t.said)
    assert len(frames) == kept == 4 * PINGS, t.said
    assert own > 0


def test_reader_that_connects_later(net):
    """Once it has been found, nothing more comes: two seconds with the same number."""
    r = Receiver(net)
    ours = start(net, r, "late")
    t = Trawl(net, TRAWL, "-i", "va", "-F", "pcap", "-w", "-", "--stats", "jsonl", "tcp or icmp",
              stdout=ours)
    os.close(ours)
    ping(net)
    lines = until(t, lambda v: len(v) > 2 and v[-1]["own"] and len({x["kept"] for x in v[-3:]}) == 1)
    before = lines[-1]["kept"], lines[-1]["own"]
    ping(net)
    until(t, lambda v: v and v[-1]["own"] > before[1])
    t.p.send_signal(signal.SIGINT)
    said = t.p.stderr.read().decode()
    assert t.p.wait(LIMIT) == 0
    _, kept, _, own = ledger(said)
    assert kept == before[0] + 2 * PINGS
    assert own > before[1]
    assert len(read_pcap(r.all())) == kept


def test_output_that_is_a_connection(net):
    r = Receiver(net)
    s = net.socket(net.a, socket.AF_INET, socket.SOCK_STREAM)
    s.connect(("192.0.2.2", r.port))
    s.setblocking(True)
    t = Trawl(net, TRAWL, "-i", "va", "-F", "pcap", "-w", "-", "tcp or icmp", stdout=s.fileno())
    s.close()
    ping(net)
    r.has(2 * PINGS)
    ping(net)
    t.p.send_signal(signal.SIGINT)
    t.said += t.p.stderr.read().decode()
    assert t.p.wait(LIMIT) == 0
    _, kept, _, own = ledger(t.said)
    assert len(read_pcap(r.all())) == kept == 4 * PINGS
    assert own > 0


def test_ssh_session_behind_sudo(net, tmp_path):
    """sudo takes SSH_CONNECTION out of the environment; those who started it have it."""
    server = net.socket(net.b, socket.AF_INET, socket.SOCK_STREAM)
    server.bind(("192.0.2.2", 0))
    server.listen(1)
    ssh = net.socket(net.a, socket.AF_INET, socket.SOCK_STREAM)
    ssh.connect(server.getsockname())
    peer = server.accept()[0]
    text = "{} {} {} {}".format(*server.getsockname(), *ssh.getsockname())
    script = 'env -u SSH_CONNECTION "$@"; exit $?'
    p = net.start(net.a, "sh", "-c", script, "sh", TRAWL, "capture", "-i", "va", "-w", tmp_path / "o.pcap",
                  "tcp or icmp", stderr=subprocess.PIPE, env={**os.environ, "SSH_CONNECTION": text})
    said = wait_line(p.stderr, "capturing on")
    peer.sendall(b"typed")
    assert ssh.recv(5) == b"typed"
    ping(net)
    child = pathlib.Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text().split()[0]
    os.kill(int(child), signal.SIGINT)
    said += p.stderr.read().decode()
    assert p.wait(LIMIT) == 0, said
    _, kept, _, own = ledger(said)
    assert len(read_pcap((tmp_path / "o.pcap").read_bytes())) == kept == 2 * PINGS
    assert own >= 2
    for s in (server, ssh, peer):
        s.close()
