"""Folders of other versions of the formats: those of version 1 that tests/data keeps are read as ever
(tests/golden has the answers), and what a later version wrote is refused by name, not misread."""
import pathlib
import shutil
import struct

import pytest

import faults
from faults import INCOMPLETE, NS, START, Made
from fseg_read import crc32c

DATA = pathlib.Path(__file__).parents[1] / "data"


def only(folder, pattern):
    """The first of them."""
    f, *_ = sorted(pathlib.Path(folder).glob(f"*/*/*{pattern}"))
    return f


def later_record(path):
    """The version is what the first record begins with: an int in journals, u16 in indexes; 127 is both."""
    data = bytearray(path.read_bytes())
    size = struct.unpack_from("<I", data, 12)[0]
    data[20] = 127
    data[16:20] = struct.pack("<I", crc32c(bytes(data[8:16] + data[20:20 + size])))
    path.write_bytes(data)


def later_block(path):
    """All blocks of a flow segment."""
    data = bytearray(path.read_bytes())
    at = 8
    while at < len(data):
        assert data[at:at + 4] == b"tfsb"
        data[at + 4:at + 6] = struct.pack("<H", 127)
        data[at + 44:at + 48] = struct.pack("<I", crc32c(bytes(data[at:at + 44])))
        at += struct.unpack_from("<I", data, at + 8)[0]
    path.write_bytes(data)


@pytest.mark.parametrize("end", ["finish", "kill"])
def test_later_journal(tmp_path, end):
    """Nothing of the run is given; others are."""
    Made(tmp_path, end=end)
    other = Made(tmp_path, name="other", packets=100, seconds=50)
    later_record(only(tmp_path, ".jrn"))
    for p in (faults.past(tmp_path), faults.query(tmp_path, "G.Flows().RawPackets()")):
        assert other.packets(p.stdout) == list(range(other.n))
        assert p.returncode == INCOMPLETE and b"of a later version" in p.stderr
    p = faults.rows(tmp_path)
    assert sum(other.rows(p.stdout.decode())[0].values()) == other.n
    assert p.returncode == INCOMPLETE and b"of a later version" in p.stderr


def test_later_index(tmp_path):
    """It is not used, and what it would tell is found without it."""
    made = Made(tmp_path)
    later_record(only(tmp_path, ".pidx"))
    p = faults.query(tmp_path, "G.Flows().Has('Transport.A', 1003).RawPackets()")
    assert made.packets(p.stdout) == made.of[3]


@pytest.mark.parametrize("end,kind", [("finish", "fseg"), ("kill", "fseg"), ("kill", "rows")])
def test_later_rows(tmp_path, end, kind):
    made = Made(tmp_path, seconds=2600, end=end)
    before, _ = made.rows(faults.rows(tmp_path).stdout.decode())
    later_block(only(tmp_path, "." + kind))
    p = faults.rows(tmp_path)
    after, _ = made.rows(p.stdout.decode())
    assert p.returncode == INCOMPLETE and b"version" in p.stderr, p.stderr
    assert after != before and all(after[f] <= before[f] for f in after)
    assert made.packets(faults.past(tmp_path).stdout) == list(range(made.n))


@pytest.mark.parametrize("name,packets,status", [("store_1", 5, 0), ("store_killed", 4, INCOMPLETE)])
def test_version_1(tmp_path, name, packets, status):
    """Also beside a run of now, and after a writer of now has looked through the folder."""
    shutil.copytree(DATA / name, tmp_path / "d")
    made = Made(tmp_path / "d", packets=100, seconds=50, quota=16 << 20)
    p = faults.run("past", "--dir", tmp_path / "d", "--count")
    assert p.stdout.decode().split()[0] == str(packets + made.n) and p.returncode == status
    p = faults.run("flows", "--dir", tmp_path / "d", "--format", "csv", "--fields", "network_b,start")
    rows = p.stdout.decode().split()[1:]
    # tests/data/make_store.py has three flows, of which the third begins with the fifth packet.
    assert len(rows) == made.flows + (3 if packets == 5 else 2) and p.returncode == status
    first = "%d.%09d" % divmod(START, NS)
    assert sum(r in (f"192.0.2.53,{first}", f"10.0.0.2,{first}") for r in rows) == 2
