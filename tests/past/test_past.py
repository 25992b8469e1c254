"""'trawl past' gives the packets that tcpdump finds in all segments merged, for every
expression of tests/filter: another program, another interpreter, no index and no rows."""
import os
import pathlib
import pty
import re
import shutil
import struct
import subprocess

import pytest

TRAWL = os.environ["TRAWL_BIN"]
EXPRESSIONS = pathlib.Path(__file__).resolve().parent.parent / "filter" / "expressions.txt"
NS = 10 ** 9
USAGE = 2
INCOMPLETE = 3  # a capture was killed, and that is said

MORE = ["host %s and %s" % (a, b) for a in ("192.0.2.1", "198.51.100.2", "203.0.113.3", "2001:db8::1", "2001:db8::2")
        for b in ("tcp", "udp", "port 80", "port 53", "not port 443", "icmp", "vlan", "not ip", "dst port 4789", "src port 80")]
MORE += ["vlan and " + m for m in MORE]


def expressions():
    for line in EXPRESSIONS.read_text().splitlines():
        if line and line[0] not in "#!":
            yield line[2:] if line[0] == "~" else line
    yield from MORE


def records(data):
    """Of a classic capture with nanoseconds: (time, length, bytes)."""
    if not data:
        return []
    order = "<" if data[:4] == b"\x4d\x3c\xb2\xa1" else ">"
    at, out = 24, []
    while at < len(data):
        sec, ns, cap, length = struct.unpack_from(order + "IIII", data, at)
        out.append((sec * NS + ns, length, data[at + 16:at + 16 + cap]))
        at += 16 + cap
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("past")
    subprocess.run([os.environ["TRAWL_PAST_MAKE"], str(tmp / "d")], check=True)
    segments = sorted(str(p) for p in (tmp / "d").glob("*/*/*.pcapng"))
    assert len(segments) > 5
    subprocess.run(["mergecap", "-F", "nsecpcap", "-w", str(tmp / "all.pcap"), *segments], check=True)
    return tmp


def past(folder, *args):
    p = subprocess.run([TRAWL, "past", "--dir", str(folder / "d"), "-F", "pcap", "-w", "-", *args],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if b"the expression can match no packet" in p.stderr:
        return []
    if p.returncode == USAGE:  # frames do not tell it: tcpdump refuses, too
        assert b"filter: for link type Ethernet: " in p.stderr and not p.stdout, p.stderr.decode()
        return []
    assert p.returncode in (0, INCOMPLETE), p.stderr.decode()
    return records(p.stdout)


def tcpdump(folder, *args):
    cmd = ["tcpdump", "-nr", str(folder / "all.pcap")]
    p = subprocess.run([*cmd, "--time-stamp-precision=nano", "-w", "-", *args],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if p.returncode:  # it may only refuse what it cannot look for in such a file
        assert subprocess.run([*cmd, "-d", *args], capture_output=True, check=False).returncode, p.stderr
    return records(p.stdout)


def test_all_expressions(folder):
    texts = list(expressions())
    assert len(texts) >= 500
    everything, matching = tcpdump(folder), 0
    assert len(everything) == 2400
    for text in texts:
        want, got = tcpdump(folder, "--", text), past(folder, "--", text)
        assert [g[0] for g in got] == sorted(g[0] for g in got), text
        assert sorted(got) == sorted(want), text
        matching += 0 < len(want) < len(everything)
    assert matching > 100  # else nothing was shown


def test_everything(folder):
    assert sorted(past(folder)) == sorted(tcpdump(folder))


@pytest.mark.parametrize("text", ["", "udp", "host 192.0.2.1"])
def test_times(folder, text):
    filters = [text] if text else []
    every = tcpdump(folder, *filters)
    first, last = min(p[0] for p in every), max(p[0] for p in every)
    begin, end = first + (last - first) // 3, first + (last - first) // 2
    stamp = ["%d.%09d" % divmod(t, NS) for t in (begin, end)]
    want = sorted(p for p in every if begin <= p[0] <= end)
    assert want and len(want) < len(every)
    assert sorted(past(folder, "..".join(stamp), *filters)) == want
    assert sorted(past(folder, *filters, "--from", stamp[0], "--to", stamp[1])) == want
    assert sorted(past(folder, stamp[0] + "..", *filters)) == sorted(p for p in every if p[0] >= begin)
    assert sorted(past(folder, ".." + stamp[1], *filters)) == sorted(p for p in every if p[0] <= end)
    assert past(folder, "-10m..now", *filters) == []  # the frames are of another year
    p = subprocess.run([TRAWL, "past", "--dir", str(folder / "d"), "--count", "..".join(stamp), *filters],
                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    assert p.stdout.decode() == "%d packets, %d bytes\n" % (len(want), sum(w[1] for w in want))


def test_folder_and_file_print_the_same(folder):
    lines = []
    for args in (("--dir", str(folder / "d")), ("-r", str(folder / "all.pcap"))):
        p = subprocess.run([TRAWL, "past", *args, "--utc", "udp port 53"], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, check=False)
        assert p.returncode in (0, INCOMPLETE), p.stderr.decode()
        lines.append(p.stdout.decode().splitlines())
    # interfaces of the folder have no names, and files tell no direction
    assert sorted(line.replace("?", "").split() for line in lines[0]) == sorted(line.replace("?", "").split() for line in lines[1])
    assert len(lines[0]) > 5


def test_explain(folder):
    p = subprocess.run([TRAWL, "past", "--dir", str(folder / "d"), "--count", "--explain", "host 192.0.2.77"],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    said = p.stderr.decode()
    assert p.returncode in (0, INCOMPLETE), said
    assert p.stdout.decode() == "0 packets, 0 bytes\n"
    assert "trawl: runs: 3 in the folder" in said and " never, " in said
    # of the finished capture's flows some may match (ARP with other hardware), not many
    tested = int(said.split("packets: ")[1].split()[0])
    assert 1200 <= tested < 1500, said


@pytest.mark.parametrize("to", ["-", "/dev/stdout", "its name"])
def test_no_packets_to_a_terminal(to):
    """As for capture, and before anything is looked for."""
    main, terminal = pty.openpty()
    to = os.ttyname(terminal) if to == "its name" else to
    p = subprocess.run([TRAWL, "past", "--dir", "missing", "-w", to], stdin=subprocess.DEVNULL, stdout=terminal,
                       stderr=subprocess.PIPE, check=False)
    os.close(terminal)
    os.close(main)
    assert p.returncode == 2 and f"-w {to}: that is a terminal".encode() in p.stderr, p.stderr
    assert b"-w FILE" in p.stderr


def test_help_has_options_where_they_belong():
    text = subprocess.run([TRAWL, "past", "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
    parts = {part.split("\n")[0]: re.findall(r"^ {2,6}(-.*?)(?: {2,}|$)", part, re.M) for part in text.split("\n\n")}
    assert parts["Time"] == ["--from TIME", "--to TIME"]
    assert "-n, --numeric" in parts["Output"]


@pytest.mark.parametrize("source", ["--dir", "-r"])
def test_range_is_from_and_to(folder, source):
    """In one word or in two options: the same times, those of day among them."""
    what = [source, str(folder / ("d" if source == "--dir" else "all.pcap")), "--utc"]

    def ask(*args):
        p = subprocess.run([TRAWL, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return p.returncode, p.stdout, p.stderr.decode().replace("--from:", "").replace("--to:", "")

    for begin, end in (("14:13", "14:14"), ("14:13:21", "14:13:23"), ("0:00", ""), ("", "23:59:59"), ("14h13m", "+1m"),
                       ("2026-09-21T14:13:21", "14:14"), ("-1h", "now")):
        one = ask("past", *what, f"{begin}..{end}", "udp")
        options = [*(["--from", begin] if begin else []), *(["--to", end] if end else [])]
        assert one == ask("past", *what, *options, "udp"), (begin, end)
        assert one[0] in (0, INCOMPLETE), one
        for other in (["flows"], ["query", "G.Flows()"]):
            assert ask(*other, *what, *options)[0] in (0, INCOMPLETE)
    if source == "-r":  # their first packet is of 14:13:20
        every = len(tcpdump(folder, "udp"))
        assert every > 20
        assert ask("past", *what, "--from", "14:13", "--to", "14:14", "udp")[1].count(b"\n") == every
        assert ask("past", *what, "--from", "14:13:22", "udp")[1].count(b"\n") < every


@pytest.mark.parametrize("word, said", [
    ("now..-10m", "time range 'now..-10m': it ends before it begins"),
    ("25:00..", "time range: '25:00' is not a time: there is no hour 25"),
    ("-10m", "'-10m' is no time range: '-10m..' is one from then on"),
])
def test_wrong_ranges(folder, word, said):
    p = subprocess.run([TRAWL, "past", "--dir", str(folder / "d"), word], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, check=False)
    assert (p.returncode, p.stdout) == (2, b"")
    assert p.stderr.decode().startswith("trawl past: " + said), p.stderr


def test_lost_with_the_machine(folder, tmp_path):
    """The killed capture's last file loses its end, as a power cut leaves it: how many packets of
    those it had written for good are gone is said, and what is there is given."""
    shutil.copytree(folder / "d" / "killed", tmp_path / "d" / "killed")
    segments = sorted((tmp_path / "d").glob("*/*/*.pcapng"))

    def counts():
        return [subprocess.run(["tcpdump", "-nr", str(s), "--time-stamp-precision=nano", "-w", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               check=False).stdout for s in segments]

    def ask(*args):
        p = subprocess.run([TRAWL, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert p.returncode == INCOMPLETE, p.stderr.decode()
        return p.stdout.decode(), p.stderr.decode()

    what = ["--dir", str(tmp_path / "d")]
    out, said = ask("past", *what, "--count")
    assert out.startswith("1200 packets,") and " gone " not in said, said
    size = segments[-1].stat().st_size
    for keep in (size - 1, size // 2, 5000):
        os.truncate(segments[-1], keep)
        there = sum(len(records(c)) for c in counts())
        assert there < 1200
        sentence = re.compile(r"%d packets? gone that (was|were) kept before it was killed" % (1200 - there))
        out, said = ask("past", *what, "--count")
        assert out.startswith("%d packets," % there), said
        assert len(sentence.findall(said)) == 1, said
        assert len(sentence.findall(ask("past", *what, "--count", "host 192.0.2.1")[1])) == 1
        # they were the last ones
        early = subprocess.run([TRAWL, "past", *what, "--count", "..2026-09-21T14:13:21Z"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, check=False)
        assert not sentence.search(early.stderr.decode()), early.stderr


def blocks(path):
    """Of a pcapng file: where packets begin."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:
            yield at
        at += length


def test_damage_is_said_once(folder, tmp_path):
    """With file and place, however often it is met."""
    shutil.copytree(folder / "d" / "finished", tmp_path / "d" / "finished")
    segment = sorted((tmp_path / "d").glob("*/*/*.pcapng"))[1]
    at = list(blocks(segment))
    with open(segment, "r+b") as f:
        for i in (3, 5, 8):
            f.seek(at[i])
            f.write(b"\xff")
    p = subprocess.run([TRAWL, "past", "--dir", str(tmp_path / "d"), "--count", "--explain"], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, check=False)
    said = p.stderr.decode()
    assert (p.returncode, p.stdout.split()[0]) == (INCOMPLETE, b"1197"), said
    assert said.count("damaged") == 1, said
    assert f"3 packets in {segment.name}, the first at {at[3]}, are damaged\n" in said, said
    numbers = list(map(int, re.findall(r"\d+", said.split("segments: ")[1].split("\n")[0])))
    assert numbers[0] == sum(numbers[1:-1]), said

    rows = sorted((tmp_path / "d").glob("*/*/*.fseg"))[0]
    with open(rows, "r+b") as f:
        f.seek(rows.stat().st_size // 2)
        was = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([was[0] ^ 0x55]))
    p = subprocess.run([TRAWL, "flows", "--dir", str(tmp_path / "d"), "--fields", "all"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, check=False)
    said = p.stderr.decode()
    assert p.returncode == INCOMPLETE and said.count(rows.name + " at 8 cannot be read") == 1, said
