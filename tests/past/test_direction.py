"""What a frame's link type does not tell cannot be asked for: tcpdump refuses it, and so does
trawl, where otherwise the filter would let nothing pass, whatever else it says.  Where some link
types tell it, the answer is right for these, and says what it lacks."""
import os
import struct
import subprocess

import pytest

TRAWL = os.environ["TRAWL_BIN"]
ETHERNET, COOKED = 1, 113
TEXTS = ["inbound", "outbound", "inbound or net 192.0.2", "not outbound", "ifindex 3 or tcp"]


def run(*args):
    return subprocess.run([TRAWL, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def ip(last):
    return bytes.fromhex("450000140001000040fd0000c0000201c00002") + bytes([last])


def write(path, linktype, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, linktype))
        for i, p in enumerate(frames):
            f.write(struct.pack("<IIII", 1790000000 + i, 0, len(p), len(p)) + p)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("direction")
    write(tmp / "eth.pcap", ETHERNET, [b"\2" * 12 + b"\x08\x00" + ip(i) for i in range(5)])
    # tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html: type 0 was sent to us, 4 by us
    write(tmp / "sll.pcap", COOKED, [struct.pack(">HHH8sH", 4 * (i % 3 == 0), 1, 6, b"\2" * 8, 0x800) + ip(i)
                                     for i in range(7)])
    subprocess.run([os.environ["TRAWL_PAST_MAKE"], str(tmp / "d")], check=True)
    return tmp


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("command", [
    ["past", "--count", "-r", "eth.pcap"], ["past", "--count", "--dir", "d"], ["flows", "-r", "eth.pcap"],
    ["flows", "-r", "eth.pcap", "--format", "json"]])
def test_refused(files, text, command):
    assert subprocess.run(["tcpdump", "-nr", files / "eth.pcap", text], capture_output=True, check=False).returncode
    p = subprocess.run([TRAWL, *command, text], cwd=files, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    said = p.stderr.decode()
    assert (p.returncode, p.stdout) == (2, b""), said
    assert said.startswith("trawl %s: filter: for link type Ethernet: " % command[0]), said
    assert "(column " in said


@pytest.mark.parametrize("source", [["-r", "eth.pcap"], ["--dir", "d"]])
def test_query(files, source):
    p = subprocess.run([TRAWL, "query", *source, "G.Flows().RawPackets().BPF('inbound or ip')", "--format", "jsonl"],
                       cwd=files, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert (p.returncode, p.stdout) == (2, b""), p.stderr
    assert b"for link type Ethernet: inbound" in p.stderr


@pytest.mark.parametrize("text", ["inbound", "outbound", "inbound or net 192.0.2", "outbound and ip"])
def test_cooked(files, text):
    """Their header tells: as many as tcpdump finds."""
    want = subprocess.run(["tcpdump", "-nr", files / "sll.pcap", text], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True).stdout.count(b"\n")
    assert 0 < want
    p = run("past", "--count", "-r", files / "sll.pcap", text)
    assert p.stdout.startswith(b"%d packets," % want) and not p.stderr, p.stderr
    assert p.returncode == 0


def test_some(files):
    """Of both kinds: what is said of one, and why not of the other."""
    p = run("past", "--count", "-r", files / "sll.pcap", "-r", files / "eth.pcap", "outbound")
    assert p.stdout.startswith(b"3 packets,"), p.stdout
    said = p.stderr.decode()
    assert p.returncode == 3, said
    assert said.count("for link type Ethernet: ") == 1 and "no packet of those passes" in said, said
    p = run("past", "--count", "-r", files / "sll.pcap", "-r", files / "eth.pcap", "ip and less 1")
    assert (p.returncode, p.stdout, p.stderr) == (0, b"0 packets, 0 bytes\n", b"")
