"""How trawl capture and its neighbours take what they are given: what cannot be is said, with
the right status, and nothing is done; names of interfaces do not drive a terminal."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from net import LIMIT, Net, Trawl, ip, read_pcap, wait_line

TRAWL = os.environ["TRAWL_BIN"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces")
EVIL = "\x1b[31mz"


@pytest.fixture(scope="module")
def net():
    n = Net()
    yield n
    n.close()


def capture(net, *args, netns=None):
    cmd = ["ip", "netns", "exec", netns or net.a, TRAWL, "capture", *map(str, args)]
    p = subprocess.run(cmd, capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT, text=True)
    return p.returncode, p.stderr


@pytest.mark.parametrize("args,word", [
    (["-w", "/dev/null", "--name", "x"], "--name means nothing without --dir"),
    (["-w", "/dev/null", "--quota", "1G"], "--quota means nothing without --dir"),
    (["-w", "/dev/null", "--idle", "5s"], "--idle means nothing without --dir"),
    (["--rawpacket-limit", "5"], "--rawpacket-limit means nothing without --dir"),
    (["--threads", "2"], "--threads means nothing without --dir"),
    (["-F", "pcap"], "--file-type means nothing without --write"),
    (["--rawpacket-limit", "x", "--dir", "/nonexist/d"], "'x' is neither a number nor 'all'"),
    (["--dir", "/nonexist/d", "--name", ""], "--name: the name of a capture has 1 to"),
    (["--dir", "/nonexist/d", "--name", "n" * 4000], "--name: the name of a capture has 1 to"),
    (["-i", ""], "-i: '' cannot be the name of an interface"),
    (["-i", "a/b"], "-i: 'a/b' cannot be the name of an interface"),
    (["-i", "x" * 16], "-i: 'xxxxxxxxxxxxxxxx' cannot be the name of an interface: it has 16 bytes, "
                       "and those have at most 15"),
    (["-i", "x" * 100000], "it has 100000 bytes, and those have at most 15"),
    (["-i", "netns:/x"], "is not of the form netns:NAME/INTERFACE"),
    (["-i", f"netns:{'a' * 120000}/x"], "names a network namespace by 120000 bytes, and names have at most 255"),
    (["tcp " * 20000], "the expression has 80000 bytes, more than 65536"),
    (["vlan and " + "len > 5 and " * 2000 + "tcp"], "are more than 1000"),
    (["-w", ""], "-w: a file without a name"),
], ids=lambda x: (" ".join(x) if isinstance(x, list) else x)[:30])
def test_bad_usage(net, args, word):
    """Status 2, and the reason is there whole however long what it is about was."""
    status, said = capture(net, *args)
    assert (status, word in said) == (2, True), said[:1000]
    assert len(said) < 600


@pytest.mark.parametrize("text,word", [
    ("inbound", "inbound/outbound not supported on Ethernet (column 1); option -Q in (or out)"),
    ("vlan and outbound", "option -Q in (or out)"),
    ("ifname va", "option -i chooses interfaces"),
    ("type mgt", "802.11 link-layer types supported only on 802.11"),
])
def test_filters_that_nothing_could_pass(net, text, word):
    status, said = capture(net, "-i", "va", "--duration", "1s", text)
    assert (status, word in said) == (2, True), said


def test_broadcasts_of_the_interface(net, tmp_path):
    """192.0.2.0/24 on va: as tcpdump on it, which asks for the netmask, too."""
    out = tmp_path / "o.pcap"
    t = Trawl(net, TRAWL, "-i", "va", "-w", out, "udp and ip broadcast")
    with net.socket(net.a, socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"va")
        for to in ("192.0.2.255", "192.0.2.254", "255.255.255.255", "192.0.2.2"):
            s.sendto(to.encode(), (to, 9))
    assert t.stop() == 0, t.said
    assert [f[42:].decode() for f, _ in read_pcap(out.read_bytes())] == ["192.0.2.255", "255.255.255.255"]
    status, said = capture(net, "-i", "lo", "-i", "vb", "ip broadcast", netns=net.b)
    assert status == 2 and "needs one netmask, and 'lo' has /8, 'vb' /24" in said, said
    ip("link", "add", "plain", "type", "veth", "peer", "name", "plain2", netns=net.b)
    status, said = capture(net, "-i", "plain", "ip broadcast", netns=net.b)
    assert status == 2 and "no interface has an IPv4 address" in said, said


@pytest.mark.parametrize("path,word", [
    ("/nonexist/x.pcapng", "cannot create a file in '/nonexist': there is no such folder"),
    ("/nonexist/" + "y" * 3000, "there is no such folder"),
    ("y" * 3000, "is too long"),
    ("/dev/null/", "is a folder"),
], ids=lambda x: x[:30])
def test_files_that_cannot_be(net, path, word):
    status, said = capture(net, "-i", "va", "-w", path)
    assert (status, word in said) == (1, True), said
    assert not pathlib.Path("/nonexist").exists()


def test_others_file_says_whose(net):
    """As root one would not expect that root's own file cannot be written."""
    folder = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp"))
    try:
        folder.chmod(0o1777)
        (folder / "file").write_text("of root")
        (folder / "file").chmod(0o644)
        status, said = capture(net, "-i", "va", "-w", folder / "file")
        assert status == 1
        assert re.search(r"as user (trawl|nobody), who this capture runs as: the file belongs to root "
                         r"\(mode 0644\)", said), said
        assert (folder / "file").read_text() == "of root"
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("names", [["va", "va"], ["v*", "va"], ["va", "v*", "any", "va"]])
def test_the_same_interface_twice(net, tmp_path, names):
    args = [x for n in names for x in ("-i", n)]
    t = Trawl(net, TRAWL, *args, "-w", tmp_path / "o.pcap", "udp port 9")
    net.mark()
    assert t.stop() == 0, t.said
    assert re.search(r"\b1 kept\b", t.said), t.said


def test_default_route_of_ipv6(net, tmp_path):
    status, said = capture(net, "-w", tmp_path / "o.pcap")
    assert status == 1 and "there is no default route" in said
    ip("-6", "route", "add", "unreachable", "default", "metric", "1", netns=net.a)
    ip("-6", "route", "add", "default", "via", "2001:db8:0::2", "metric", "50", netns=net.a)
    try:
        t = Trawl(net, TRAWL, "-w", tmp_path / "o.pcap")
        assert t.stop() == 0
        assert "capturing on va, the default route's interface" in t.said
    finally:
        ip("-6", "route", "del", "default", "via", "2001:db8:0::2", netns=net.a)
        ip("-6", "route", "del", "unreachable", "default", netns=net.a)


def test_names_do_not_drive_the_terminal(net, tmp_path):
    """Lines, what is said of interfaces and at start and end, errors."""
    ip("link", "add", EVIL, "type", "veth", "peer", "name", "other", netns=net.a)
    ip("link", "set", "other", "up", netns=net.a)
    try:
        t = Trawl(net, TRAWL, "-i", EVIL, "-i", "va", "udp", stdout=subprocess.PIPE, wait=False)
        t.said += wait_line(t.p.stderr, "capturing on")
        ip("link", "set", EVIL, "up", netns=net.a)
        t.said += wait_line(t.p.stderr, "is up")
        s = net.socket(net.a, socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, EVIL.encode())
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.sendto(b"x", ("255.255.255.255", 9))
        s.close()
        line = wait_line(t.p.stdout, "UDP")
        assert t.stop() == 0
        for text in (line, t.said):
            assert "\x1b" not in text and r"\x1b[31mz" in text, text
        assert re.search(r"^trawl:   \\x1b\[31mz: \d+ seen", t.said, re.M), t.said
        status, said = capture(net, "-i", "va", "-i", "\x1b]x")
        assert status == 1 and r"there is no interface '\x1b]x'" in said and "\x1b" not in said
    finally:
        ip("link", "del", EVIL, netns=net.a)


@pytest.mark.parametrize("name", ["capture", "other"])
def test_second_writer_is_told_of_the_first(net, tmp_path, name):
    t = Trawl(net, TRAWL, "-i", "va", "--dir", tmp_path / "d")
    status, said = capture(net, "-i", "va", "--dir", tmp_path / "d", "--name", name)
    assert t.stop() == 0
    assert status == 1 and re.search(r"process \d+ writes '.*': give each capture a folder of its own", said), said


def test_folder_without_a_capture(tmp_path):
    """Not an empty answer."""
    for cmd in (["query", "G.Flows()"], ["flows"]):
        p = subprocess.run([TRAWL, cmd[0], "--dir", tmp_path, *cmd[1:]], capture_output=True, text=True,
                           timeout=LIMIT)
        assert p.returncode == 1 and p.stdout == ""
        assert f"there is no capture in '{tmp_path}'" in p.stderr and "*.jrn" in p.stderr


def test_reason_once_below_the_table(net):
    cmd = ["ip", "netns", "exec", net.a, "setpriv", "--bounding-set=-net_raw", TRAWL, "interfaces"]
    p = subprocess.run([*cmd, "--format", "table"], capture_output=True, text=True, timeout=LIMIT)
    assert p.returncode == 0
    assert p.stderr.count("CAP_NET_RAW") == 1 and "CAP_NET_RAW" not in p.stdout
    assert re.search(r"^va .* no ", p.stdout, re.M), p.stdout
    p = subprocess.run([*cmd, "--format", "json"], capture_output=True, text=True, timeout=LIMIT)
    assert p.stdout.count("CAP_NET_RAW") == 2 and p.stderr == ""  # lo and va


def test_numbers_when_asked(net, tmp_path):
    """At any time, and at once: answered once a second, the capture would end before the last one."""
    t = Trawl(net, TRAWL, "-i", "va", "-w", tmp_path / "o.pcap", "--duration", "8s")
    for _ in range(10):
        t.p.send_signal(signal.SIGUSR1)
        said = wait_line(t.p.stderr, "dropped")
        assert re.search(r"\d+ packets?, \d+ packets/s, (\d+ |\d+\.\d k)bit/s, 0 dropped", said), said
    assert t.stop() == 0


def test_asked_before_it_captures(net, tmp_path):
    """A named pipe without a reader holds it up before it captures."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    p = net.start(net.a, TRAWL, "capture", "-i", "va", "-w", fifo, stderr=subprocess.PIPE)
    waiting = pathlib.Path(f"/proc/{p.pid}/wchan")
    end = time.monotonic() + LIMIT
    while "fifo" not in waiting.read_text() and "wait_for_partner" not in waiting.read_text():
        assert time.monotonic() < end and p.poll() is None
    p.send_signal(signal.SIGUSR1)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        wait_line(p.stderr, "dropped")
    finally:
        p.send_signal(signal.SIGINT)
        os.close(reader)
    assert p.wait(LIMIT) in (0, 1)
