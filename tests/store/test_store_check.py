"""'trawl store check', 'rebuild' and 'stats' where something is missing: what they say must be what answers give.

Folders are those of faults_make, whose packets and rows are known from how they are made (faults.Made)."""
import json
import os
import pathlib
import random
import re
import shutil
import socket
import sqlite3
import struct
import subprocess

import pytest

import faults
from faults import Made

GOOD, DAMAGE, UNSEEN = 0, 1, 3
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of other users")


def trawl(*args, **kw):
    return subprocess.run([faults.TRAWL, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=faults.LIMIT, check=False, text=True, errors="replace", **kw)


def check(folder):
    return trawl("store", "check", folder)


def only(folder, end):
    found, = folder.glob("*/*/*" + end)
    return found


def counted(folder):
    """Packets in rows that answers give."""
    p = faults.run("flows", "--dir", folder, "--format", "csv", "--fields", "ab_packets")
    return sum(map(int, p.stdout.split()[1:]))


def places(journal, kind):
    """Where records of a kind are in a journal (docs/formats.md)."""
    data, at = journal.read_bytes(), 8
    while at < len(data):
        size = 12 + struct.unpack_from("<I", data, at + 4)[0]
        if struct.unpack_from("<I", data, at)[0] == kind:
            yield at
        at += size


def tail_of(journal):
    """Number and bytes of the tail, of the newest beat."""
    data = journal.read_bytes()
    beats = [struct.unpack_from("<QqQQQQQ", data, at + 12) for at in places(journal, 12)]
    return max(beats)[5:]


@pytest.fixture
def killed(tmp_path):
    Made(tmp_path / "d", packets=400, seconds=60, end="kill")
    return tmp_path / "d"


@pytest.fixture
def finished(tmp_path):
    Made(tmp_path / "d", packets=400, seconds=60)
    return tmp_path / "d"


def in_no_row(p):
    return int(re.search(r"; (\d+) packets? (?:is|are) in no row", p.stdout)[1])


def test_packets_in_no_row(killed):
    """Those that rows which answers give do not count."""
    p = check(killed)
    assert p.returncode == GOOD and in_no_row(p) == 400 - counted(killed), p.stdout


def test_tail_that_is_gone(killed):
    """Rows that were acknowledged are gone: all of those of a run of a minute."""
    number, size = tail_of(only(killed, ".jrn"))
    tail = only(killed, ".rows")
    assert tail.name.endswith("-%06d.rows" % number) and tail.stat().st_size >= size > 0
    rows = counted(killed)
    assert 0 < rows <= 400
    tail.unlink()
    p = check(killed)
    assert counted(killed) == 0
    assert p.returncode == DAMAGE, p.stdout
    assert f"damage {tail.relative_to(killed)}: missing, with the last rows: {size} bytes" in p.stdout
    assert in_no_row(p) == 400 and " 0 rows in 0 blocks" in p.stdout, p.stdout


@pytest.mark.parametrize("part", [0, 8, 0.5, 0.99])
def test_tail_that_is_short(killed, part):
    """A machine that stopped leaves it so, but it is said, and how much it is."""
    _, size = tail_of(only(killed, ".jrn"))
    tail = only(killed, ".rows")
    left = part if part > 1 else int(part * size)
    os.truncate(tail, left)
    p = check(killed)
    assert p.returncode == GOOD, p.stdout
    assert re.search(rf"^note   {tail.relative_to(killed)} at {left}: it has lost its end: {left} of {size} bytes", p.stdout,
                     re.M), p.stdout
    assert in_no_row(p) == 400 - counted(killed), p.stdout


@pytest.mark.parametrize("how", ["finish", "kill"])
def test_block_that_the_journal_does_not_tell(tmp_path, how):
    """The journal ends before it tells of a block: answers take the block, and so does the check."""
    made = Made(tmp_path / "d", packets=400, seconds=60)
    journal = only(tmp_path / "d", ".jrn")
    first, *_ = places(journal, 11)
    if how == "kill":  # and nothing behind it
        os.truncate(journal, first)
    else:  # its end is torn
        os.truncate(journal, first + 5)
    rows, _ = made.rows(faults.rows(tmp_path / "d").stdout.decode())
    assert len(rows) == made.flows
    p = check(tmp_path / "d")
    stats = json.loads(trawl("store", "stats", tmp_path / "d", "--format", "json").stdout)["all"]
    assert p.returncode == GOOD, p.stdout
    assert f" {stats['rows']} rows in {stats['blocks']} block" in p.stdout and stats["rows"] >= made.flows, p.stdout
    assert in_no_row(p) == 400 - sum(rows.values()), p.stdout


def test_block_and_its_tail(killed):
    """Rows that are in a block that the journal does not tell, and still in the tail, count once."""
    made = Made(killed.parent / "e", packets=400, seconds=60)
    assert made.n == 400
    journal, block = only(killed.parent / "e", ".jrn"), only(killed.parent / "e", ".fseg")
    os.truncate(journal, next(places(journal, 11)))
    before = check(killed.parent / "e")
    tail = block.with_name(block.name.replace(".fseg", ".rows"))
    shutil.copy(only(killed, ".rows"), tail)
    p = check(killed.parent / "e")
    rows = re.compile(r"; (\d+ packets, \d+ rows in \d+ blocks?): ")
    assert p.returncode == GOOD and rows.search(p.stdout)[1] == rows.search(before.stdout)[1], p.stdout
    assert tail.exists() and in_no_row(p) == 0, p.stdout


@pytest.mark.parametrize("end", [".fseg", ".pcapng"])
def test_first_files_that_are_gone(finished, end):
    """No limit removed them: that they are not there is at least said."""
    files = sorted(finished.glob("*/*/*" + end))
    files[0].unlink()
    if end == ".pcapng":
        files[0].with_suffix(".pidx").unlink()
    p = check(finished)
    assert p.returncode == GOOD, p.stdout
    what = "flow segment" if end == ".fseg" else "segment"
    assert re.search(rf"^note   \S+: the first {what}, with \d+ (packets|rows in 1 block), is not there", p.stdout,
                     re.M), p.stdout
    assert "no limit is known to have removed this" in p.stdout, p.stdout


def test_first_files_that_a_limit_removed(tmp_path):
    Made(tmp_path, packets=250000, segment=1 << 21, quota=16 << 20)
    p = check(tmp_path)
    assert p.returncode == GOOD, p.stdout
    told = re.search(r"^note   \S+: the first (\d+) segments, with (\d+) packets, are not there: (.*)$", p.stdout, re.M)
    first = min(int(f.name[-13:-7]) for f in tmp_path.glob("*/*/*.pcapng"))
    assert told and int(told[1]) == first - 1 and told[3] == "removed for the quota", p.stdout


@pytest.mark.parametrize("end", ["finish", "kill"])
def test_sums_are_those_of_answers(tmp_path, end):
    """Whatever befalls journal, blocks and tail: as many rows, blocks and packets as answers are made of."""
    Made(tmp_path, packets=800, seconds=700, segment=30000, end=end)
    files = {f: f.read_bytes() for f in sorted(tmp_path.glob("*/*/*")) if f.suffix in (".jrn", ".fseg", ".rows")}
    rnd = random.Random(end)
    for _ in range(40):
        f = rnd.choice(list(files))
        data, how = bytearray(files[f]), rnd.choice(["cut", "flipped", "gone"])
        if how == "cut":
            f.write_bytes(data[:rnd.randrange(len(data))])
        elif how == "flipped":
            data[rnd.randrange(len(data))] ^= 1 << rnd.randrange(8)
            f.write_bytes(data)
        else:
            f.unlink()
        said = check(tmp_path).stdout
        p = trawl("store", "stats", tmp_path, "--format", "json")
        stats, what = json.loads(p.stdout)["all"], (f.name, how, said)
        packets, rows, blocks = re.search(r"; (\d+) packets?, (\d+) rows? in (\d+) blocks?: ", said).groups()
        if "column of field" in p.stderr:  # one that tells versions: answers that do not ask for it have the rows
            assert "column of field" in said, what
            f.write_bytes(files[f])
            continue
        assert (int(packets), int(rows), int(blocks)) == (stats["packets"], stats["rows"], stats["blocks"]), what
        told = re.search(r"; (\d+) packets? (?:is|are) in no row", said)
        assert not told or int(told[1]) == int(packets) - counted(tmp_path), what
        f.write_bytes(files[f])


# ---- what lies where a file should ----

KINDS = {
    "link": "is a symbolic link, which is not followed",
    "pipe": "is a pipe, not a file",
    "folder": "is a folder, not a file",
    "socket": "is a socket, not a file",
}


def put(path, kind):
    path.unlink()
    if kind == "link":
        path.symlink_to("/etc/hostname")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        here = os.getcwd()
        os.chdir(path.parent)  # names of sockets are short
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path.name)
        os.chdir(here)


@pytest.mark.parametrize("end", [".jrn", ".pcapng", ".pidx", ".fseg"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file(finished, kind, end):
    path = sorted(finished.glob("*/*/*" + end))[0]
    put(path, kind)
    p = check(finished)
    assert p.returncode in (UNSEEN, DAMAGE), p.stdout
    assert f"unseen {path.relative_to(finished)}: {KINDS[kind]}\n" in p.stdout, p.stdout


@pytest.mark.parametrize("kind", [*KINDS, "garbage"])
def test_rebuild_with_a_journal_of_no_use(finished, kind):
    journal = only(finished, ".jrn")
    if kind == "garbage":
        journal.write_bytes(random.Random(1).randbytes(1000))
    else:
        put(journal, kind)
    p = trawl("store", "rebuild", finished)
    assert p.returncode == UNSEEN and "nothing to do" not in p.stderr, p.stderr
    assert "'trawl store check' names it" in p.stderr, p.stderr


# ---- the catalogue ----

def test_catalogue_is_looked_at(finished):
    catalogue = finished / "catalogue.sqlite"
    data = catalogue.read_bytes()
    good = check(finished)
    assert good.returncode == GOOD and "note" not in good.stdout, good.stdout
    files = [f for f in finished.rglob("*") if f.is_file()]
    assert f"; {len(files)} files, {sum(f.stat().st_size for f in files)} bytes; " in good.stdout, good.stdout
    stats = json.loads(trawl("store", "stats", finished, "--format", "json").stdout)["all"]
    assert sum(f["files"] for f in stats["files"].values()) == len(files)
    # a byte of what a row says; garbage; of another program
    with sqlite3.connect(catalogue) as db:
        run, = db.execute("SELECT run FROM runs").fetchone()
    flipped = bytearray(data)
    for at in [m.start() for m in re.finditer(run.encode(), data)]:
        flipped[at + 3] ^= 1
    for wrong in (bytes(flipped), random.Random(2).randbytes(len(data)), data[:len(data) // 2], b"", b"SQLite format 3\0"):
        catalogue.write_bytes(wrong)
        p = check(finished)
        assert p.returncode == DAMAGE and re.search("^damage catalogue.sqlite: ", p.stdout, re.M), p.stdout
        p = trawl("store", "rebuild", finished)
        assert (p.returncode, p.stdout) == (GOOD, "made    catalogue.sqlite\n"), p.stderr
        assert check(finished).stdout.endswith(": no damage\n")
    catalogue.unlink()
    p = check(finished)
    assert p.returncode == GOOD and "note   catalogue.sqlite: not there" in p.stdout, p.stdout


def test_catalogue_that_is_older(finished):
    """Another run came into the folder."""
    Made(finished.parent / "e", packets=100, seconds=10, name="other")
    shutil.move(finished.parent / "e" / "other", finished / "other")
    p = check(finished)
    assert p.returncode == GOOD, p.stdout
    assert "note   catalogue.sqlite: it is older than what is there: 1 run is not in it as it is" in p.stdout, p.stdout
    assert trawl("store", "rebuild", finished).stdout == "made    catalogue.sqlite\n"
    assert "note" not in check(finished).stdout
    shutil.rmtree(finished / "other")
    p = check(finished)
    assert p.returncode == GOOD and "it tells of 1 run that is not there" in p.stdout, p.stdout


@pytest.mark.parametrize("end", ["finish", "kill"])
def test_rebuild_leaves_a_good_catalogue(tmp_path, end):
    Made(tmp_path / "d", packets=400, seconds=60, end=end)
    catalogue = tmp_path / "d" / "catalogue.sqlite"
    if end == "kill":
        p = trawl("store", "rebuild", tmp_path / "d")
        assert "made    catalogue.sqlite\n" in p.stdout, p.stdout
    before = catalogue.stat()
    p = trawl("store", "rebuild", tmp_path / "d")
    now = catalogue.stat()
    assert (p.stdout, p.stderr) == ("", "trawl: there was nothing to do\n")
    assert (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@as_root
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_rebuild_keeps_owner_and_mode(finished, mode):
    """What root makes again is for those who may read the rest."""
    finished.chmod(0o700)
    for f in [finished, *finished.rglob("*")]:
        os.chown(f, 65534, 65533)
        if f.is_file():
            f.chmod(mode)
    index = sorted(finished.glob("*/*/*.pidx"))
    for f in (*index, finished / "catalogue.sqlite"):
        f.unlink()
    p = trawl("store", "rebuild", finished)
    assert p.returncode == GOOD and p.stdout.count("made ") == len(index) + 1, p.stdout + p.stderr
    for f in index:
        s = f.stat()
        assert (s.st_uid, s.st_gid, s.st_mode & 0o777) == (65534, 65533, mode), f
    s = (finished / "catalogue.sqlite").stat()
    assert (s.st_uid, s.st_gid, s.st_mode & 0o777) == (65534, 65533, 0o600)


# ---- sums ----

def test_ratios_are_of_the_same_files(tmp_path):
    """A run whose journal is no use is in the bytes of files, and in no ratio."""
    Made(tmp_path, packets=400, seconds=60)
    want = json.loads(trawl("store", "stats", tmp_path, "--format", "json").stdout)["all"]
    Made(tmp_path, packets=4000, seconds=60, name="other")
    next(tmp_path.glob("other/*/*.jrn")).write_bytes(b"garbage" * 40)
    got = json.loads(trawl("store", "stats", tmp_path, "--format", "json").stdout)["all"]
    assert got["packets"] == want["packets"] and got["packet_bytes"] > 5 * want["packet_bytes"]
    for ratio in ("bytes_per_packet", "index_percent", "bytes_per_row", "bytes_per_flow"):
        assert got[ratio] == want[ratio], ratio


def test_one_of_each(tmp_path):
    """Numbers and their words."""
    Made(tmp_path, flows=2, packets=1, seconds=1)
    said = check(tmp_path).stdout + trawl("store", "stats", tmp_path, "--format", "text").stdout
    assert "1 run; " in said and "; 1 packet, 2 rows in 1 block: no damage" in said, said
    assert "in 2 rows of 1 block, " in said, said
    assert not re.search(r"\b1 (packets|rows|blocks|flows|runs|files|bytes|places|segments)\b", said), said


def test_text_has_no_spaces_at_ends(finished):
    p = trawl("store", "stats", finished, "--format", "text")
    assert "heads" in p.stdout or "serials" in p.stdout
    assert not [line for line in p.stdout.splitlines() if line != line.rstrip()], p.stdout
