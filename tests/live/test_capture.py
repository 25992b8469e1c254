"""trawl capture on real interfaces: its packets are those that a tcpdump beside it
wrote, its account adds up, and nothing stays behind."""
import json
import os
import pathlib
import pty
import re
import resource
import signal
import socket
import struct
import subprocess
import threading

import pytest

from net import LIMIT, MARK, Net, Tcpdump, Trawl, ip, query, read_pcap, wait_line

TRAWL = os.environ["TRAWL_BIN"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces")

ETH_A = bytes.fromhex("020000000001")
ETH_B = bytes.fromhex("020000000002")


@pytest.fixture
def net():
    n = Net()
    yield n
    n.close()


def udp(payload, sport=1000, dport=2000, src="192.0.2.2", dst="192.0.2.1"):
    u = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    return ipv4(17, u, src, dst)


def ipv4(proto, payload, src="192.0.2.2", dst="192.0.2.1"):
    h = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0,
                    socket.inet_aton(src), socket.inet_aton(dst))
    s = sum(struct.unpack("!10H", h))
    s = (s & 0xffff) + (s >> 16)
    s = ~((s & 0xffff) + (s >> 16)) & 0xffff
    return h[:10] + struct.pack("!H", s) + h[12:] + payload


def eth(kind, payload, tags=()):
    t = b"".join(struct.pack("!HH", tpid, vid) for tpid, vid in tags)
    return b"\xff" * 6 + ETH_B + t + struct.pack("!H", kind) + payload


def transfer(net, size=3 << 20):
    """A TCP connection from b to a with real segmentation offload."""
    with net.socket(net.a, socket.AF_INET, socket.SOCK_STREAM) as server, \
            net.socket(net.b, socket.AF_INET, socket.SOCK_STREAM) as client:
        server.bind(("192.0.2.1", 0))
        server.listen(1)
        client.connect(server.getsockname())
        conn = server.accept()[0]
        conn.settimeout(LIMIT)
        t = threading.Thread(target=lambda: (client.sendall(bytes(size)), client.shutdown(socket.SHUT_WR)))
        t.start()
        got = 0
        while piece := conn.recv(1 << 20):
            got += len(piece)
        conn.close()
        t.join()
        assert got == size


def ping(net):
    net.run(net.b, "ping", "-c", 5, "-i", 0.01, "192.0.2.1")
    net.run(net.b, "ping", "-c", 5, "-i", 0.01, "2001:db8:0::1")


def frames(*all_frames):
    def send(net):
        s = net.raw(net.b, "vb")
        for f in all_frames:
            s.send(f)
        s.close()
    return send


VXLAN = eth(0x800, udp(struct.pack("!II", 0x08000000, 42 << 8) + eth(0x800, udp(b"inside")), 5555, 4789))
DNS = eth(0x800, udp(bytes.fromhex("1234010000010000000000000765786d616d706c65036f72670000010001"), 5353, 53))

TRAFFIC = {
    "ping": (ping, "icmp[icmptype] == icmp-echo or icmp[icmptype] == icmp-echoreply or "
                   "icmp6[icmp6type] == icmp6-echo or icmp6[icmp6type] == icmp6-echoreply"),
    "tcp": (transfer, "tcp"),
    "vlan": (frames(*[eth(0x800, udp(bytes([i]) * 20), [(0x8100, 100 + i)]) for i in range(20)]), "vlan"),
    "qinq": (frames(*[eth(0x800, udp(bytes([i]) * 20), [(0x88a8, 7), (0x8100, 100 + i)])
                      for i in range(20)]), "vlan"),
    "vxlan": (frames(*[VXLAN] * 5), "udp port 4789"),
    "dns": (frames(*[DNS] * 5), "udp port 53"),
    "fragments": (lambda net: net.run(net.b, "ping", "-c", 3, "-i", 0.01, "-s", 4000, "192.0.2.1"),
                  "ip proto 1"),
}


def of_interest(data, expression, tmp_path):
    """Frames of a capture that pass a filter, judged by tcpdump on the file, and the mark not."""
    f = tmp_path / "in.pcap"
    f.write_bytes(data)
    p = subprocess.run(["tcpdump", "-r", f, "-w", "-", expression], capture_output=True, check=True,
                       timeout=LIMIT)
    return [x for x in read_pcap(p.stdout) if MARK not in x[0]]


@pytest.mark.parametrize("name", TRAFFIC)
def test_folder_has_what_tcpdump_saw(net, tmp_path, name):
    send, expression = TRAFFIC[name]
    folder = tmp_path / "d"
    ref = Tcpdump(net, net.a, "va")
    t = Trawl(net, TRAWL, "-i", "va", "--dir", folder)
    send(net)
    net.mark()
    want = of_interest(ref.until_mark(), expression, tmp_path)
    assert t.stop() == 0, t.said
    got = query(TRAWL, folder, f"G.Flows().RawPackets().BPF('{expression}')")
    got = [x for x in got if MARK not in x[0]]
    assert want
    # Two CPUs may hand what they send and receive at once to two taps in two orders.
    assert sorted(got) == sorted(want)
    assert ", 0 dropped" in t.said


@pytest.mark.parametrize("suffix", ["pcap", "pcapng"])
def test_file_has_what_tcpdump_saw(net, tmp_path, suffix):
    out = tmp_path / f"out.{suffix}"
    expression = "tcp or udp port 9"
    ref = Tcpdump(net, net.a, "va", expression)
    t = Trawl(net, TRAWL, "-i", "va", "-w", out, expression)
    transfer(net)
    net.mark()
    want = of_interest(ref.until_mark(), "tcp", tmp_path)
    assert t.stop() == 0, t.said
    p = subprocess.run(["tcpdump", "-r", out, "-w", "-"], capture_output=True, check=True)
    assert sorted(x for x in read_pcap(p.stdout) if MARK not in x[0]) == sorted(want)
    assert out.stat().st_mode & 0o777 == 0o600


def test_account_adds_up(net, tmp_path):
    """seen = kept + filtered, against the number that was sent."""
    t = Trawl(net, TRAWL, "-i", "va", "-w", tmp_path / "o.pcapng", "-Q", "in", "udp dst port 2000")
    before = net.counters(net.a, "va")[0]
    frames(*[eth(0x800, udp(b"x" * 30, 1, 2000 + i % 2)) for i in range(1000)])(net)
    after = net.counters(net.a, "va")[0]
    assert t.stop() == 0, t.said
    m = re.search(r"(\d+) seen = (\d+) kept, (\d+) filtered, 0 dropped", t.said)
    assert m, t.said
    seen, kept, filtered = map(int, m.groups())
    assert kept == 500
    assert seen == kept + filtered
    assert seen >= after - before >= 1000


def test_ends_by_itself(net, tmp_path):
    t = Trawl(net, TRAWL, "-i", "va", "-c", 7, "-w", tmp_path / "o.pcap", "udp port 2000")
    frames(*[eth(0x800, udp(b"x"))] * 20)(net)
    assert t.wait() == 0
    assert len(read_pcap((tmp_path / "o.pcap").read_bytes())) == 7
    t = Trawl(net, TRAWL, "-i", "va", "--duration", "1s", "-w", tmp_path / "p.pcap")
    assert t.wait() == 0


def test_ends_at_the_packet_also_with_threads(net, tmp_path):
    """All threads find packets at once, and together keep one."""
    t = Trawl(net, TRAWL, "-i", "va", "-c", 1, "--threads", 4, "--dir", tmp_path / "d", "udp port 2000")
    t.p.send_signal(signal.SIGSTOP)
    frames(*[eth(0x800, udp(b"x", 1000, 2000, f"192.0.2.{i}")) for i in range(10, 250)])(net)
    t.p.send_signal(signal.SIGCONT)
    assert t.wait() == 0, t.said
    assert re.search(r" seen = 1 kept, .*, 0 dropped; 1 flows", t.said), t.said


def test_lines(net):
    t = Trawl(net, TRAWL, "-i", "va", "--utc", "-c", 2, "udp port 2000", stdout=subprocess.PIPE)
    frames(*[eth(0x800, udp(b"abc"))] * 2)(net)
    assert t.wait() == 0
    lines = t.out.decode().splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{6} va +In +IP 192\.0\.2\.2\.1000 > 192\.0\.2\.1\.2000: UDP, length 3",
                        lines[0]), lines


def test_reader_gone(net):
    """Closed output ends the capture quietly, as with any Unix tool."""
    t = Trawl(net, TRAWL, "-i", "va", "udp port 2000", stdout=subprocess.PIPE)
    t.p.stdout.close()
    frames(*[eth(0x800, udp(b"abc"))] * 2)(net)
    t.p.stdout = None
    assert t.wait() == 0, t.said


@pytest.mark.parametrize("to", ["-", "/dev/stdout"])
def test_no_packets_to_a_terminal(net, to):
    main, terminal = pty.openpty()
    p = subprocess.run(["ip", "netns", "exec", net.a, TRAWL, "capture", "-i", "va", "-c", "1", "-w", to],
                       stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.PIPE, timeout=LIMIT)
    os.close(terminal)
    os.close(main)
    assert p.returncode == 2
    assert f"-w {to}: that is a terminal".encode() in p.stderr and b"-w FILE" in p.stderr, p.stderr


def test_hangup_ends_it_properly(net, tmp_path):
    out = tmp_path / "o.pcap"
    t = Trawl(net, TRAWL, "-i", "va", "-w", out, "udp port 2000")
    frames(*[eth(0x800, udp(b"x"))] * 5)(net)
    assert t.stop(signal.SIGHUP) == 0, t.said
    assert " 5 kept" in t.said and len(read_pcap(out.read_bytes())) == 5


def test_hangup_that_is_ignored_stays_so(net, tmp_path):
    """nohup trawl capture ..."""
    t = Trawl(net, TRAWL, "-i", "va", "-c", 3, "-w", tmp_path / "o.pcap", "udp port 2000",
              preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    t.p.send_signal(signal.SIGHUP)
    frames(*[eth(0x800, udp(b"x"))] * 3)(net)
    assert t.wait() == 0, t.said
    assert " 3 kept" in t.said


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))


def test_largest_file_allowed(net, tmp_path):
    """ulimit -f: what files may not hold is lost to the disk, and said."""
    t = Trawl(net, TRAWL, "-i", "va", "--dir", tmp_path / "d", "udp port 2000", preexec_fn=small_files)
    frames(*[eth(0x800, udp(bytes(1000)))] * 200)(net)
    assert t.stop() == 3, t.said
    m = re.search(r" = (\d+) kept(?:, \d+ filtered)?, (\d+) dropped \(ring 0, disk (\d+), limit 0\)", t.said)
    assert m and int(m[1]) + int(m[2]) == 200 and int(m[2]) == int(m[3]) > 0, t.said


def test_full_output_is_said(net):
    with open("/dev/full", "wb") as full:
        t = Trawl(net, TRAWL, "-i", "va", "udp port 2000", stdout=full)
        frames(eth(0x800, udp(b"abc")))(net)
        assert t.wait() == 1
    assert "trawl: cannot write: No space left on device" in t.said
    assert re.search(r"0 kept(, \d+ filtered)?, 1 dropped \(ring 0, disk 1, limit 0\)", t.said), t.said


@pytest.fixture
def small_disk(tmp_path):
    """A folder with room for 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], check=True, timeout=LIMIT)
    yield folder
    subprocess.run(["umount", folder], check=True, timeout=LIMIT)


def send_until_read(net, t, frame, word):
    """Sends until the capture says the word, a hundred at a time; gives how many."""
    sent = 0
    with net.raw(net.b, "vb") as s:
        while word.encode() not in t.heard():
            assert t.p.poll() is None, t.said
            for _ in range(100):
                s.send(frame)
            sent += 100
    return sent


def full_disk_for_a_while(net, disk, *args):
    """A capture to a disk that is full, and then is not; gives what was sent, kept and lost."""
    filler = disk / "filler"
    filler.write_bytes(bytes(3 << 20))
    t = Trawl(net, TRAWL, "-i", "va", *args, "udp port 2000")
    sent = send_until_read(net, t, eth(0x800, udp(bytes(1000))), "no packets are kept")
    filler.unlink()
    sent += send_until_read(net, t, eth(0x800, udp(b"after")), "packets are kept again")
    frames(*[eth(0x800, udp(b"last", 1001))] * 3)(net)
    assert t.stop() == 3, t.said
    assert t.said.count("No space left on device: no packets are kept until that is mended") == 1
    assert t.said.count("packets are kept again") == 1
    m = re.search(r"(\d+) seen = (\d+) kept(?:, (\d+) filtered)?, (\d+) dropped "
                  r"\(ring 0, disk (\d+), limit 0\)", t.said)
    assert m, t.said
    seen, kept, filtered, dropped, by_disk = (int(x or 0) for x in m.groups())
    assert dropped == by_disk > 0 and seen == kept + filtered + dropped
    assert kept + dropped == sent + 3
    return sent, kept, dropped


@pytest.mark.parametrize("threads", [1, 2])
def test_full_disk_for_a_while(net, small_disk, threads):
    """Nothing is kept while the disk is full, all of it is counted, and then it goes on."""
    folder = small_disk / "d"
    sent, kept, disk = full_disk_for_a_while(net, small_disk, "--dir", folder, "--threads", threads)
    # Another reader finds as many, whole.
    whole = 0
    for f in folder.rglob("*.pcapng"):
        p = subprocess.run(["capinfos", "-Mcr", f], capture_output=True, check=True, timeout=LIMIT)
        whole += int(re.search(rb"Number of packets: +(\d+)", p.stdout)[1])
    assert whole == kept
    p = subprocess.run([TRAWL, "query", "--dir", folder, "G.Flows().RawPackets()", "--format", "pcap"],
                       capture_output=True, timeout=LIMIT)
    assert p.returncode == 3
    gaps = re.findall(rb"(\d+) packets missing between .*: they could not be written", p.stderr)
    assert sum(map(int, gaps)) == disk, p.stderr
    got = [f for f, _ in read_pcap(p.stdout)]
    assert len(got) == kept
    assert sum(b"last" in f for f in got) == 3
    # The flows go on, and count what was not kept, too.
    p = subprocess.run([TRAWL, "flows", "--dir", folder, "--fields", "ab_packets,raw_packets", "--format",
                        "csv"], capture_output=True, timeout=LIMIT)
    rows = [list(map(int, x.split(","))) for x in p.stdout.decode().split()[1:]]
    assert sum(r[0] for r in rows) == sent + 3
    assert sum(r[1] for r in rows) == kept


def test_time_without_the_interface_is_said(net, tmp_path):
    """An answer about the time while it was down, or had been removed, is incomplete."""
    folder = tmp_path / "d"
    t = Trawl(net, TRAWL, "-i", "va", "--dir", folder, "udp port 2000")
    net.mark()
    for change, words in ((("link", "set", "va", "down"), "is down since"),
                          (("link", "set", "va", "up"), "is up, after")):
        ip(*change, netns=net.a)
        t.said += wait_line(t.p.stderr, words)
    ip("link", "del", "va", netns=net.a)
    t.said += wait_line(t.p.stderr, "was removed")
    net.add_pair()
    t.said += wait_line(t.p.stderr, "is back, after")
    frames(eth(0x800, udp(b"abc")))(net)
    assert t.stop() == 0, t.said
    p = subprocess.run([TRAWL, "query", "--dir", folder, "G.Flows()", "--format", "json"],
                       capture_output=True, timeout=LIMIT)
    assert p.returncode == 3
    assert b"the interface was away" in p.stderr
    gaps = [g for g in json.loads(p.stdout)["coverage"]["gaps"] if g["why"] == "away"]
    assert len(gaps) == 2
    assert gaps[0]["from"] < gaps[0]["to"] <= gaps[1]["from"] < gaps[1]["to"]


def test_account_of_two_interfaces(net, tmp_path):
    """Packets of two interfaces that come in turns are all seen."""
    net.add_pair(1)
    t = Trawl(net, TRAWL, "-i", "va", "-i", "va1", "-w", tmp_path / "x.pcapng", "udp port 2000")
    t.p.send_signal(signal.SIGSTOP)
    with net.raw(net.b, "vb") as one, net.raw(net.b, "vb1") as two:
        for _ in range(2000):
            one.send(eth(0x800, udp(b"one")))
            two.send(eth(0x800, udp(b"two")))
    t.p.send_signal(signal.SIGCONT)
    assert t.stop() == 0, t.said
    m = re.search(r"(\d+) seen = 4000 kept(?:, (\d+) filtered)?, 0 dropped", t.said)
    assert m, t.said
    assert int(m[1]) == 4000 + int(m[2] or 0)


def test_too_many_flows_are_said(net, tmp_path):
    """128 have room; each of the other 72 makes one end early, whose packets go on elsewhere."""
    t = Trawl(net, TRAWL, "-i", "va", "--dir", tmp_path / "d", "--max-flows", 128, "udp port 2000")
    frames(*[eth(0x800, udp(b"x", 3000 + i)) for i in range(200)])(net)
    assert t.stop() == 3
    assert "200 flows, 72 of them ended early for want of room" in t.said


def account(said):
    """(kept, dropped) of the account's line; only the disk may have dropped some."""
    m = re.search(r"(\d+) seen = (\d+) kept(?:, (\d+) filtered)?(?:, (\d+) left when it ended)?, "
                  r"(\d+) dropped(?: \(ring 0, disk (\d+), limit 0\))?$", said, re.M)
    assert m, said
    seen, kept, filtered, left, dropped, disk = (int(x or 0) for x in m.groups())
    assert seen == kept + filtered + left + dropped and dropped == disk
    return kept, dropped


def packets_of(path):
    """How many there are, as another reader finds it; it must find the file whole."""
    p = subprocess.run(["capinfos", "-Mcr", path], capture_output=True, check=True, timeout=LIMIT)
    assert b"cut short" not in p.stderr + p.stdout
    return int(re.search(rb"Number of packets: +(\d+)", p.stdout)[1])


@pytest.mark.parametrize("suffix", ["pcap", "pcapng"])
def test_full_disk_for_a_while_with_a_file(net, small_disk, suffix):
    """Kept is what is in the file, which goes on when there is room again."""
    out = small_disk / f"o.{suffix}"
    _, kept, _ = full_disk_for_a_while(net, small_disk, "-w", out)
    assert packets_of(out) == kept
    p = subprocess.run(["tcpdump", "-r", out, "-w", "-", "udp src port 1001"], capture_output=True, check=True,
                       timeout=LIMIT)
    assert len(read_pcap(p.stdout)) == 3


@pytest.mark.parametrize("suffix", ["pcap", "pcapng"])
def test_largest_file_allowed_with_a_file(net, tmp_path, suffix):
    out = tmp_path / f"o.{suffix}"
    t = Trawl(net, TRAWL, "-i", "va", "-w", out, "udp port 2000", preexec_fn=small_files)
    frames(*[eth(0x800, udp(bytes(1000)))] * 200)(net)
    assert t.stop() == 3, t.said
    kept, dropped = account(t.said)
    assert kept + dropped == 200 and kept == packets_of(out) > 0


def test_full_device_keeps_nothing(net):
    with open("/dev/full", "wb") as full:
        t = Trawl(net, TRAWL, "-i", "va", "-w", "-", "udp port 2000", stdout=full)
        frames(*[eth(0x800, udp(b"abc"))] * 4)(net)
        assert t.wait() == 1
    assert "trawl: cannot write 'standard output': No space left on device" in t.said
    assert account(t.said)[0] == 0 and account(t.said)[1] > 0


def test_reader_leaves(net):
    """What the pipe did not take is not kept; that nobody wanted it is no failure."""
    t = Trawl(net, TRAWL, "-i", "va", "-w", "-", "udp port 2000", stdout=subprocess.PIPE)
    t.p.stdout.close()
    t.p.stdout = None
    frames(*[eth(0x800, udp(b"abc"))] * 4)(net)
    assert t.wait() == 0, t.said
    assert account(t.said)[0] == 0


@pytest.mark.parametrize("output", [["-w", "-"], []])
@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGINT, signal.SIGTERM], []])
def test_reader_stands_still(net, output, signals):
    """It ends nevertheless, by signals or --duration, and accounts for what was not read."""
    here, there = os.pipe()
    t = Trawl(net, TRAWL, "-i", "va", *output, *(() if signals else ("--duration", "1s")), "udp port 2000",
              stdout=there)
    os.close(there)
    frames(*[eth(0x800, udp(bytes(1000)))] * 5000)(net)
    for s in signals:
        t.p.send_signal(s)
    assert t.wait() == 3, t.said
    kept, dropped = account(t.said)
    assert dropped > 0
    assert "nobody read it when the capture ended" in t.said
    os.set_blocking(here, False)
    got = os.read(here, 1 << 20)
    os.close(here)
    if output:
        assert got.startswith(b"\x0a\x0d\x0d\x0a")
        assert kept == got.count(bytes(1000))


def test_process_has_no_privilege(net, tmp_path):
    t = Trawl(net, TRAWL, "-i", "va", "--dir", tmp_path / "d")
    status = pathlib.Path(f"/proc/{child_of(t)}/status").read_text()
    assert t.stop() == 0, t.said
    assert re.search(r"^CapEff:\s+0+$", status, re.M)
    assert re.search(r"^CapPrm:\s+0+$", status, re.M)
    assert re.search(r"^CapBnd:\s+0+$", status, re.M)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    assert re.search(r"^Seccomp:\s+2$", status, re.M)
    assert not re.search(r"^Uid:\s+0", status, re.M)


def child_of(t):
    """'ip netns exec' becomes the program: the process is ours."""
    return t.p.pid


def test_headers_only(net, tmp_path):
    t = Trawl(net, TRAWL, "-i", "va", "--dir", tmp_path / "d", "--headers-only", "udp port 2000")
    frames(eth(0x800, udp(b"secret" * 20)))(net)
    assert t.stop() == 0, t.said
    got = query(TRAWL, tmp_path / "d", "G.Flows().RawPackets()")
    assert [(len(f), n) for f, n in got] == [(14 + 20 + 8, 14 + 20 + 8 + 120)]
    for f in (tmp_path / "d").rglob("*"):
        assert not f.is_file() or b"secret" not in f.read_bytes()


@pytest.mark.parametrize("limit,kept", [("0", 0), ("2", 4), ("all", 10)])
def test_rawpacket_limit(net, tmp_path, limit, kept):
    t = Trawl(net, TRAWL, "-i", "va", "--dir", tmp_path / "d", "--rawpacket-limit", limit, "udp")
    frames(*[eth(0x800, udp(b"x", 1000 + i % 2)) for i in range(10)])(net)
    assert t.stop() == 0, t.said
    out = subprocess.run([TRAWL, "query", "--dir", tmp_path / "d", "G.Flows().RawPackets()",
                          "--format", "pcap"], capture_output=True, timeout=LIMIT)
    assert len(read_pcap(out.stdout)) == kept
    rows = subprocess.run([TRAWL, "flows", "--dir", tmp_path / "d", "--fields", "ab_packets"],
                          capture_output=True, timeout=LIMIT)
    assert rows.stdout.decode().split() == ["ab_packets", "5", "5"]


def test_hostile_frames(net, tmp_path):
    """Random, cut, deeply nested, long and tiny frames crash nothing, and each is counted."""
    import random
    r = random.Random(1)
    nested = b"x"
    for _ in range(40):
        nested = ipv4(4, nested)
    many = [eth(0x800, nested), eth(0x800, nested[:100]), eth(0x86dd, b""), eth(0x8100, b"")]
    for _ in range(500):
        many.append(eth(r.choice([0x800, 0x86dd, 0x8100, 0x88a8, 0x8847, 0x8864, r.randrange(65536)]),
                        r.randbytes(r.randrange(0, 1400))))
    full = eth(0x800, nested)
    many += [full[:n] for n in range(14, len(full), 7)]
    # As large as an interface sends: 64 KiB and the link header.
    for n, dev in ((net.a, "va"), (net.b, "vb")):
        ip("link", "set", dev, "mtu", 65535, netns=n)
    many += [eth(k, r.randbytes(65535)) for k in (0x800, 0x86dd, 0x8847, 0x88a8, 0x900)]
    many += [eth(0x800, udp(bytes(65507))), eth(0x800, udp(b""))]
    ref = Tcpdump(net, net.a, "va", "-Q", "in")
    t = Trawl(net, TRAWL, "-i", "va", "-Q", "in", "--dir", tmp_path / "d")
    frames(*many)(net)
    net.mark()
    want = [f for f, _ in read_pcap(ref.until_mark()) if f[6:12] == ETH_B]
    assert t.stop() == 0, t.said
    got = query(TRAWL, tmp_path / "d", "G.Flows().RawPackets()")
    assert [f for f, _ in got if f[6:12] == ETH_B] == want
    # The kernel drops frames that end where a VLAN tag should be before anybody sees them.
    assert len(many) - 8 <= len(want) <= len(many)


def test_no_such_interface(net):
    p = subprocess.run(["ip", "netns", "exec", net.a, TRAWL, "capture", "-i", "nosuch"],
                       capture_output=True, timeout=LIMIT)
    assert p.returncode == 1
    assert b"nosuch" in p.stderr


def test_bad_filter_points_at_it(net):
    p = subprocess.run(["ip", "netns", "exec", net.a, TRAWL, "capture", "-i", "va", "tcp prot 80"],
                       capture_output=True, timeout=LIMIT)
    assert p.returncode == 2
    assert b"syntax error at 'prot'" in p.stderr and b"    ^" in p.stderr
