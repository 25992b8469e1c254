"""The oracle is seen failing: a program that reports the flows of a small
capture rightly passes, one that is wrong in one value is found out."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/oracle.d"))

import compare  # noqa: E402
import known  # noqa: E402

pytestmark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """(capture, what trawl says of it)."""
    folder = tmp_path_factory.mktemp("oracle")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    path = folder / "tour.pcap"
    subprocess.run([sys.executable, ROOT / "tests/data/make_tour.py", path], check=True)
    out = subprocess.run([compare.program(), "flows", "-r", path, "--format", "csv", "--fields",
                          ",".join(compare.FLOW_FIELDS)], capture_output=True, text=True, check=True)
    return path, out.stdout


def say(tmp_path, monkeypatch, csv, status=0):
    """A program in trawl's place that prints this."""
    (tmp_path / "rows").write_text(csv)
    program = tmp_path / "trawl"
    program.write_text(f"#!/bin/sh\ncat '{tmp_path}/rows'\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setenv("TRAWL_BIN", str(program))


def test_right(tour, tmp_path, monkeypatch):
    say(tmp_path, monkeypatch, tour[1])
    rows, packets, found = compare.compare(tour[0])
    assert (len(rows), packets, found) == (18, 72, [])


def change(csv, match, column, value):
    """The rows with one value changed in the first row that contains 'match'."""
    lines = csv.splitlines()
    n = next(i for i, l in enumerate(lines) if match in l)
    cells = lines[n].split(",")
    cells[compare.FLOW_FIELDS.index(column)] = value
    lines[n] = ",".join(cells)
    return "\n".join(lines) + "\n"


# Packet numbers: counted in the capture, see tests/data/make_tour.py.
@pytest.mark.parametrize("match, column, value, what, number", [
    (",40001,", "ab_packets", "2", "sums", 0),
    (",40001,", "ba_bytes", "92", "sums", 0),
    (",40001,", "ba_packets", "0", "counts", 1),
    (",40001,", "transport_a", "40009", "tuples", 1),
    (",50003,", "transport_b", "23", "tuples", 43),
    (",50001,", "rtt_ns", "12500001", "rtt", 4),
    (",50001,", "rtt_ns", "", "rtt", 4),
    (",50003,", "rtt_ns", "", "rtt", 44),
    (",77,", "rtt_ns", "12250001", "echo", 39),
    (",77,", "rtt_ns", "", "echo", 39),
    (",50001,", "community_id", "1:x", "community", 3),
    (",77,", "community_id", "1:x", "community", 39),
])
def test_wrong(tour, tmp_path, monkeypatch, match, column, value, what, number):
    say(tmp_path, monkeypatch, change(tour[1], match, column, value))
    found = compare.compare(tour[0])[2]
    assert (what, number) in [(d.what, d.number) for d in found], found


def test_missing_flow(tour, tmp_path, monkeypatch):
    lines = [l for l in tour[1].splitlines() if ",50002," not in l]
    say(tmp_path, monkeypatch, "\n".join(lines) + "\n")
    assert {d.what for d in compare.compare(tour[0])[2]} == {"sums", "tuples"}


@pytest.mark.parametrize("status", [2, 139])
def test_crash(tour, tmp_path, monkeypatch, status):
    say(tmp_path, monkeypatch, "", status)
    assert [d.what for d in compare.compare(tour[0])[2]] == ["run"]


PAGE = f"""# x
{known.MARKER}

| file | what | packets | who is right | why |
|---|---|---|---|---|
| a.pcap | rtt | 3, 7-9 | trawl | y |
| b.pcap | sums | - | trawl | y |

# z
| c.pcap | rtt | 1 | trawl | not in the table |
"""


@pytest.mark.parametrize("file, what, number, explained", [
    ("a.pcap", "rtt", 3, True), ("a.pcap", "rtt", 8, True), ("a.pcap", "rtt", 4, False),
    ("a.pcap", "echo", 3, False), ("b.pcap", "rtt", 3, False), ("a.pcap", "rtt", 0, False),
    ("b.pcap", "sums", 0, True), ("c.pcap", "rtt", 1, False),
])
def test_known(tmp_path, file, what, number, explained):
    page = tmp_path / "accuracy.md"
    page.write_text(PAGE)
    got = known.explains(known.read(page), file, compare.Difference(what, number, ""))
    assert bool(got) == explained


def test_known_refuses_what_it_cannot_read(tmp_path):
    page = tmp_path / "accuracy.md"
    page.write_text(PAGE.replace("| rtt | 3,", "| odd | 3,"))
    with pytest.raises(ValueError):
        known.read(page)
