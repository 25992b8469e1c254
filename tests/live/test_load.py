"""trawl capture under load: the account adds up against the sender's count, and nothing stays behind."""
import ctypes
import os
import re
import struct
import subprocess
import time

import pytest

from net import LIMIT, Net, Trawl, query

TRAWL = os.environ["TRAWL_BIN"]
PKTSEND = os.environ["TRAWL_PKTSEND"]
ROUNDS = 500

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces")


@pytest.fixture
def net():
    n = Net()
    yield n
    n.close()


def send(net, dev="vb", count=1000, size=64, pps=0, flows=10):
    out = net.run(net.b, PKTSEND, dev, count, size, pps, flows).stdout.decode()
    assert out.startswith(f"sent {count} "), out


def numbers(said):
    """{'seen': 10, 'kept': 9, 'dropped': 1, ...} of the account's first line."""
    line = next(l for l in said.splitlines() if " seen = " in l)
    return {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", line)}


def test_every_packet_of_a_burst_is_accounted_for(net, tmp_path):
    came = [net.counters(net.a, "va")[0]]
    t = Trawl(net, TRAWL, "-i", "va", "-Q", "in", "--dir", tmp_path / "d", "--buffer-total", "1M")
    came.append(net.counters(net.a, "va")[0])
    send(net, count=300000)
    came.append(net.counters(net.a, "va")[0])
    status = t.stop()
    came.append(net.counters(net.a, "va")[0])
    n = numbers(t.said)
    assert n["seen"] == n["kept"] + n["dropped"]
    # the kernel itself sends some, also while the capture begins and ends
    assert 300000 <= came[2] - came[1] <= n["seen"] <= came[3] - came[0]
    assert status == (3 if n["dropped"] else 0)
    p = subprocess.run([TRAWL, "query", "--dir", tmp_path / "d", "G.Flows().RawPackets()", "--format", "pcap"],
                       capture_output=True, timeout=LIMIT)
    assert p.returncode == status, p.stderr
    assert len(p.stdout) == 24 + n["kept"] * 16 + sum_of_frames(p.stdout)


def sum_of_frames(data):
    at = total = 0
    at = 24
    while at < len(data):
        caplen = int.from_bytes(data[at + 8:at + 12], "little")
        total += caplen
        at += 16 + caplen
    return total


def test_nothing_is_lost_at_a_rate(net, tmp_path):
    """Each frame carries its number: all are there, in order, byte for byte."""
    t = Trawl(net, TRAWL, "-i", "va", "-Q", "in", "--dir", tmp_path / "d", "udp dst port 9")
    send(net, count=50000, size=512, pps=50000)
    assert t.stop() == 0, t.said
    got = query(TRAWL, tmp_path / "d", "G.Flows().RawPackets()")
    assert [int.from_bytes(f[42:50], "big") for f, _ in got] == list(range(50000))
    first = got[0][0]
    assert all(len(f) == 512 and n == 512 and f[50:] == first[50:] for f, n in got)


def test_fifty_interfaces(tmp_path):
    net = Net(pairs=50)
    try:
        t = Trawl(net, TRAWL, "-i", "va*", "--dir", tmp_path / "d", "udp dst port 9")
        for i in range(50):
            send(net, dev=f"vb{i or ''}", count=i + 1, flows=1)
        assert t.stop() == 0, t.said
        assert numbers(t.said)["kept"] == 50 * 51 // 2
        p = subprocess.run([TRAWL, "flows", "--dir", tmp_path / "d", "--fields", "interface,ab_packets"],
                           capture_output=True, timeout=LIMIT, check=True)
        rows = dict(l.split(",") for l in p.stdout.decode().split()[1:])
        assert rows == {f"va{i or ''}": str(i + 1) for i in range(50)}
    finally:
        net.close()


def test_two_threads_give_the_flows_of_one(net, tmp_path):
    import socket
    args = ["-i", "va", "-Q", "in", "udp dst port 9"]
    one = Trawl(net, TRAWL, *args[:-1], "--dir", tmp_path / "one", args[-1])
    two = Trawl(net, TRAWL, *args[:-1], "--dir", tmp_path / "two", "--threads", 2, args[-1])
    s = net.raw(net.b, "vb")
    for i in range(2000):
        ip = bytearray(bytes.fromhex("450000210001000040110000") +
                       socket.inet_aton(f"198.51.{i % 50}.1") + socket.inet_aton("192.0.2.1"))
        total = sum(int.from_bytes(ip[k:k + 2], "big") for k in range(0, 20, 2))
        total = (total & 0xffff) + (total >> 16)
        ip[10:12] = (~total & 0xffff).to_bytes(2, "big")
        s.send(b"\xff" * 6 + b"\x02\0\0\0\0\x02" + b"\x08\0" + bytes(ip) +
               (1000 + i % 7).to_bytes(2, "big") + b"\0\x09\0\x0d\0\0hello")
    s.close()
    assert one.stop() == 0, one.said
    assert two.stop() == 0, two.said

    def rows(folder):
        fields = "network_a,network_b,transport_a,transport_b,ab_packets,ab_bytes,community_id"
        p = subprocess.run([TRAWL, "flows", "--dir", folder, "--fields", fields], capture_output=True,
                           timeout=LIMIT, check=True)
        return sorted(p.stdout.decode().split())

    assert rows(tmp_path / "one") == rows(tmp_path / "two")
    assert len(rows(tmp_path / "one")) == 1 + 350
    assert {d.name for d in (tmp_path / "two" / "capture").iterdir()} >= {"0", "1"}


def bpf_objects():
    """Numbers of our programs and maps in the kernel, by bpf(2): names as the opener gives them."""
    libc, found = ctypes.CDLL(None), []
    bpf = lambda command, attr: libc.syscall(321, command, attr, len(attr))
    for next_id, by_id, at, name in ((11, 13, 64, b"trawl_filter"), (12, 14, 24, b"trawl_counters")):
        attr, n = ctypes.create_string_buffer(16), 0
        while bpf(next_id, attr) == 0:
            number = attr.raw[4:8]
            attr[0:4] = number  # go on from there
            one = ctypes.create_string_buffer(number, 12)
            fd = bpf(by_id, one)
            if fd < 0:
                continue
            info = ctypes.create_string_buffer(256)
            ask = ctypes.create_string_buffer(struct.pack("<IIQ", fd, 256, ctypes.addressof(info)), 16)
            bpf(15, ask)  # BPF_OBJ_GET_INFO_BY_FD
            os.close(fd)
            n += info.raw[at:at + 15].startswith(name[:15])
        found.append(n)
    return found


def left(net):
    """Processes of ours, packet sockets of the namespace."""
    names = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            exe = os.readlink(f"/proc/{pid}/exe")
        except OSError:
            continue
        if exe.startswith(os.path.dirname(TRAWL) + "/trawl"):
            names.append(pid)
    sockets = net.run(net.a, "cat", "/proc/net/packet").stdout.count(b"\n")
    return names, sockets


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="number of bpf(2)")
def test_rounds_leave_nothing(net, tmp_path):
    before, objects = left(net), bpf_objects()
    one = Trawl(net, TRAWL, "-i", "va", "udp dst port 9")
    assert bpf_objects() == [n + 1 for n in objects]
    assert left(net) != before
    one.stop()
    for i in range(ROUNDS // 10):
        together = [Trawl(net, TRAWL, "-i", "va", "--dir", tmp_path / f"{k}", "udp dst port 9", wait=False)
                    for k in range(10)]
        for t in together:
            t.p.send_signal(2)
        for t in together:
            t.wait()
    assert left(net) == before
    # The kernel frees programs and maps a little after their last user.
    end = time.monotonic() + LIMIT
    while bpf_objects() != objects and time.monotonic() < end:
        os.sched_yield()
    assert bpf_objects() == objects
