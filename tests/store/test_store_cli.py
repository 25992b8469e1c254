"""'trawl store check|rebuild|export|stats' on folders whose content is known (faults_make), on such of
frames put together at random (past_make), and beside real captures.

Packets have no checksum of their own, but those of a span together have one in the index, or in what will be it.
Other blocks of a segment have none: that one of those was changed is noticed only where it makes no sense any more
or the journal says otherwise.  Everything else must be noticed."""
import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys

import pytest

import dir_read
import fseg_read

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "live"))
from net import LIMIT, Net, Trawl  # noqa: E402

BIN = os.environ["TRAWL_BIN"]
FLOWS, PACKETS, SECONDS, SEGMENT = 40, 4000, 1300, 100000  # as given to faults_make
GOOD, DAMAGE, USAGE, UNSEEN = 0, 1, 2, 3
FLIPS = int(os.environ.get("TRAWL_FLIPS", "40"))
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces, other users")


def trawl(*args, **kw):
    p = subprocess.run([BIN, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT,
                       check=False, text=True, errors="replace", **kw)
    assert p.returncode >= 0, (args, p.returncode, p.stderr)
    return p


def made(p):
    """Files that a rebuild says it made, but the catalogue: folders of a killed writer have none."""
    return re.findall(r"^made    (?!catalogue\.sqlite$)(.*)$", p.stdout, re.M)


def check(folder, *args, **kw):
    return trawl("store", "check", folder, *args, **kw)


def make(folder, end):
    if end == "random":
        subprocess.run([os.environ["TRAWL_PAST_MAKE"], folder], check=True, timeout=LIMIT)
        return
    p = subprocess.run([os.environ["TRAWL_FAULTS_MAKE"], folder, "c", str(FLOWS), str(PACKETS), str(SECONDS),
                        str(SEGMENT), end], check=False, timeout=LIMIT, stdout=subprocess.DEVNULL)
    assert p.returncode == (-signal.SIGKILL if end == "kill" else 0)


def contents(folder):
    return {f: f.read_bytes() for f in pathlib.Path(folder).glob("*/*/*")}


@pytest.fixture(scope="module", params=["finish", "kill", "random"])
def store(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store") / "d"
    make(folder, request.param)
    return folder


@pytest.fixture
def copy(store, tmp_path):
    shutil.copytree(store, tmp_path / "d")
    return tmp_path / "d"


@pytest.fixture
def finished(tmp_path):
    make(tmp_path / "d", "finish")
    return tmp_path / "d"


def answers(folder):
    """What there is, in what order soever packets of one time come."""
    return [(p.returncode, sorted(p.stdout.splitlines())) for p in
            (trawl("past", "--dir", folder, "--utc"), trawl("flows", "--dir", folder, "--format", "csv", "--fields", "all"))]


def test_good(store):
    before = contents(store)
    p = check(store)
    assert p.returncode == GOOD and "damage  " not in p.stdout and "no damage" in p.stdout, p.stdout + p.stderr
    assert contents(store) == before
    sizes = [f.stat().st_size for f in store.rglob("*") if f.is_file()]
    assert f"{len(sizes)} files" in p.stdout, p.stdout  # each is looked at
    assert f"{sum(sizes)} bytes" in p.stdout, p.stdout  # and each byte


def test_killed_is_said(tmp_path):
    """All packets were there at the last beat, at the end: faults_make ends behind a tick."""
    make(tmp_path / "d", "kill")
    p = check(tmp_path / "d")
    assert p.returncode == GOOD
    assert "killed: the last beat was at 2026-09-21T14:35:00.000Z; 0 packets after it" in p.stdout
    journal = next((tmp_path / "d").glob("*/*/*.jrn"))
    data = bytearray(journal.read_bytes())
    # The two beats are as old as the first one: everything came after it.
    at = 8
    while struct.unpack_from("<I", data, at)[0] != 12:
        at += 12 + struct.unpack_from("<I", data, at + 4)[0]
    kept = [struct.unpack_from("<Q", data, at + k * 68 + 12 + 16)[0] for k in (0, 1)]
    assert max(kept) == PACKETS


def packet_parts(data):
    """Places in a segment where a change can be noticed: all of packets, of other blocks what says where they
    begin and end."""
    at, places = 0, []
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if kind == 6:
            places += [*range(at, at + size)]
        else:
            places += [*range(at, at + 8), *range(at + size - 4, at + size)]
        at += size
    return places


def test_each_flip_is_noticed(store, tmp_path):
    rnd = random.Random(f"{store.parent.name[:5]}")
    shutil.copytree(store, tmp_path / "d")
    files = contents(tmp_path / "d")
    kinds = collections.defaultdict(list)
    for f in sorted(files):
        if files[f]:
            kinds[f.suffix].append(f)
    assert {".jrn", ".pcapng", ".pidx"} <= set(kinds)
    for number in range(FLIPS * len(kinds)):
        f = rnd.choice(kinds[sorted(kinds)[number % len(kinds)]])
        data = bytearray(files[f])
        at = rnd.choice(packet_parts(data)) if f.suffix == ".pcapng" else rnd.randrange(len(data))
        data[at] ^= 1 << rnd.randrange(8)
        f.write_bytes(data)
        p = check(tmp_path / "d")
        # a leftover tail of a killed writer is not read by anybody
        unused = f"note   {f.relative_to(tmp_path / 'd')}: of no use" in p.stdout or "a beat is damaged, as a machine" in p.stdout
        assert p.returncode == DAMAGE or unused, (f.name, at, p.stdout)
        name = re.escape(f.name.split(".")[0].split("-")[0])
        assert unused or re.search(rf"^damage \S*{name}", p.stdout, re.M), (f.name, at, p.stdout)
        f.write_bytes(files[f])
    assert check(tmp_path / "d").returncode == GOOD


def spans(segment):
    """(from, to, checksum) of each, as index or refs tell them."""
    index, refs = segment.with_suffix(".pidx"), segment.with_suffix(".refs")
    told, sums = [], []
    for kind, c in dir_read.records(index.read_bytes(), b"trawl-px") if index.exists() else ():
        end = 0
        for _ in range(c.int() if kind == 3 else 0):
            start = end + c.int()
            end = start + c.int()
            c.int(), c.sint(), c.int()
            told.append((4 * start, 4 * end))
        if kind == 7:
            sums += [n for n, in struct.iter_unpack("<I", c.data)]
    for _, c in dir_read.records(refs.read_bytes(), b"trawl-pr") if refs.exists() else ():
        start, size, _, _, _, n = c.int(), c.int(), c.int(), c.sint(), c.int(), c.int()
        for _ in range(n):
            c.int(), c.sint()
        told.append((4 * start, 4 * (start + size)))
        sums.append(int.from_bytes(c.take(4), "little"))
    assert told and len(told) == len(sums)
    return [(a, b, crc) for (a, b), crc in zip(told, sums)]


@pytest.fixture(scope="module", params=["finish", "kill"])
def large(request, tmp_path_factory):
    """One segment of several spans."""
    folder = tmp_path_factory.mktemp("large") / "d"
    p = subprocess.run([os.environ["TRAWL_FAULTS_MAKE"], folder, "c", "40", "20000", "1300", "100000000", request.param],
                       check=False, timeout=LIMIT, stdout=subprocess.DEVNULL)
    assert p.returncode in (0, -signal.SIGKILL)
    return folder


def test_changed_packets(large):
    """Each bit of a span counts, and is found where it is."""
    segment, = large.glob("*/*/*.pcapng")
    data, told = segment.read_bytes(), spans(segment)
    assert len(told) > 1 and check(large).returncode == GOOD
    for a, b, crc in told:
        assert fseg_read.crc32c(data[a:b]) == crc
    packets, at = [], 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if kind == 6:
            assert any(a <= at and at + size <= b for a, b, _ in told)
            packets.append((at, size))
        at += size
    rnd = random.Random(3)
    places = [at for a, b, _ in told[:3] + told[-3:] for at in (a, b - 1)]
    for part in (12, 16, 20, 24, 28, 40):  # time, both lengths, bytes
        places.append(rnd.choice(packets)[0] + part)
    for at in places:
        now = bytearray(data)
        now[at] ^= 1 << rnd.randrange(8)
        segment.write_bytes(now)
        p = check(large)
        wrong, = [(a, b) for a, b, _ in told if a <= at < b]
        name = segment.relative_to(large)
        assert p.returncode == DAMAGE
        assert re.findall(r"^damage (\S+) at (\d+): from here up to (\d+) are other", p.stdout, re.M) == \
            [(str(name), str(wrong[0]), str(wrong[1]))], (at, p.stdout)
    segment.write_bytes(bytearray(b ^ (i % 5000 == 200) for i, b in enumerate(data)))
    p = check(large)
    assert p.stdout.count("are other bytes than were written") == min(len(told), 16), p.stdout
    assert ("more spans of other bytes" in p.stdout) == (len(told) > 16)
    segment.write_bytes(data)
    assert check(large).returncode == GOOD


def change_record(path, kind, change):
    """Another one of the same length, with a good checksum."""
    data, at = bytearray(path.read_bytes()), 8
    while struct.unpack_from("<I", data, at)[0] != kind:
        at += 12 + struct.unpack_from("<I", data, at + 4)[0]
    end = at + 12 + struct.unpack_from("<I", data, at + 4)[0]
    change(data, at)
    struct.pack_into("<I", data, at + 8, crc32c(data[at:at + 8] + data[at + 12:end]))
    path.write_bytes(data)


def test_index_of_an_earlier_version(finished):
    """It has no checksums: record 7 becomes one that nobody knows."""
    segment = sorted(finished.glob("*/*/*.pcapng"))[1]
    change_record(segment.with_suffix(".pidx"), 7, lambda data, at: struct.pack_into("<I", data, at, 77))
    assert check(finished).returncode == GOOD
    data = bytearray(segment.read_bytes())
    data[-10] ^= 1  # of the last packet
    segment.write_bytes(data)
    assert check(finished).returncode == GOOD
    p = trawl("store", "rebuild", finished)
    assert p.returncode == GOOD and p.stdout == ""


@pytest.mark.parametrize("end", ["finish", "kill"])
def test_rebuild_does_not_bless(tmp_path, end):
    """What is made again for a segment that was changed tells so as before."""
    make(tmp_path / "d", end)
    segment = max((tmp_path / "d").glob("*/*/*.pcapng"))
    index = segment.with_suffix(".pidx" if end == "finish" else ".refs")
    data = bytearray(segment.read_bytes())
    data[-10] ^= 1
    segment.write_bytes(data)
    if end == "finish":  # flows are damaged
        broken = bytearray(index.read_bytes())
        broken[-200] ^= 1
        index.write_bytes(broken)
    said = "from here up to"
    p = check(tmp_path / "d")
    assert p.returncode == DAMAGE and said in p.stdout
    p = trawl("store", "rebuild", tmp_path / "d")
    assert p.returncode == UNSEEN and bool(made(p)) == (end == "finish"), p.stdout + p.stderr
    assert "damage that cannot be mended in 1 " in p.stderr
    p = check(tmp_path / "d")
    assert p.returncode == DAMAGE and len(re.findall("^damage ", p.stdout, re.M)) == 1 and said in p.stdout, p.stdout


@pytest.mark.parametrize("how", ["gone", "cut", "empty", "zeros"])
def test_files_that_lack(finished, how):
    """Of a finished capture nothing may be missing but the first files, which retention removes."""
    files = contents(finished)
    for f, data in files.items():
        if how == "gone":
            f.unlink()
        else:
            f.write_bytes({"cut": data[:len(data) // 2], "empty": b"", "zeros": bytes(len(data))}[how])
        p = check(finished)
        first = how == "gone" and f.name.endswith(("-000001.pcapng", "-000001.fseg"))
        if how == "cut" and f.suffix == ".jrn":  # that of a run that was killed
            assert "killed" in p.stdout or p.returncode == DAMAGE
            f.write_bytes(data)
            continue
        assert p.returncode == (GOOD if first else DAMAGE), (f.name, p.stdout)
        f.write_bytes(data)
    assert check(finished).returncode == GOOD


def test_contradictions(finished):
    """Files that are good by themselves, and are not each other's."""
    files = contents(finished)
    index = sorted(f for f in files if f.suffix == ".pidx")
    segment = sorted(f for f in files if f.suffix == ".pcapng")
    journal, = (f for f in files if f.suffix == ".jrn")
    for a, b in ((index[0], index[1]), (segment[0], segment[1])):
        a.write_bytes(files[b])
        assert check(finished).returncode == DAMAGE, a.name
        a.write_bytes(files[a])
    for to in (finished / "other" / "0", finished / "c" / "1"):  # another's folder
        to.mkdir(parents=True)
        (to / journal.name).write_bytes(files[journal])
        assert "lies in another's folder" in check(finished).stdout
        shutil.rmtree(to)
    segment[-1].with_name(segment[-1].name.replace("000004", "000005")).write_bytes(files[segment[-1]])
    p = check(finished)
    assert p.returncode == DAMAGE and "the journal does not tell of it" in p.stdout, p.stdout


def test_without_a_journal(finished):
    next(finished.glob("*/*/*.jrn")).unlink()
    p = check(finished)
    assert p.returncode == DAMAGE and "missing: 9 files of this run cannot be used" in p.stdout, p.stdout


def test_a_writer_killed_as_it_began(tmp_path, finished):
    journal = next(finished.glob("*/*/*.jrn"))
    for size in (0, 5, 8, 30):
        new = journal.with_name("1900000000000000.jrn")
        new.write_bytes(journal.read_bytes()[:size])
        p = check(finished)
        assert p.returncode == GOOD and "its writer was killed as it began" in p.stdout, (size, p.stdout)
    p = trawl("store", "rebuild", finished)
    assert p.returncode == GOOD and p.stdout == f"removed c/0/{new.name}\n"
    assert not new.exists() and journal.exists()


def test_tails_are_no_damage(tmp_path):
    """A killed writer leaves any of its last files cut at any byte."""
    make(tmp_path / "d", "kill")
    files = contents(tmp_path / "d")
    last = [max((f for f in files if f.suffix == end), default=None) for end in (".jrn", ".pcapng", ".refs", ".rows", ".fseg")]
    beats = 8 + 12 + struct.unpack_from("<I", files[last[0]], 12)[0] + 2 * 68
    told = {0: beats, 4: len(files[last[4]])}  # blocks that the journal tells are there
    rnd = random.Random(5)
    for i, f in enumerate(last):
        for _ in range(12):
            f.write_bytes(files[f][:rnd.randrange(told.get(i, 0), len(files[f]) + 1)])
            p = check(tmp_path / "d")
            assert p.returncode == GOOD or i == 0, (f.name, f.stat().st_size, p.stdout)
            f.write_bytes(files[f] + (bytes(rnd.randrange(1, 5000)) if f.suffix != ".pidx" else b""))
            p = check(tmp_path / "d")
            assert p.returncode == GOOD, (f.name, "zeros", p.stdout)
            f.write_bytes(files[f])


@pytest.mark.parametrize("how", ["gone", "flipped", "of another"])
def test_rebuild_indexes(copy, how):
    """What is made again is the same, byte for byte."""
    rnd = random.Random(how)
    files, before = contents(copy), answers(copy)
    indexes = [f for f in files if f.suffix == ".pidx"]
    for f in indexes:
        data = bytearray(files[f])
        data[rnd.randrange(len(data))] ^= 1 << rnd.randrange(8)
        if how == "gone":
            f.unlink()
        else:
            f.write_bytes(data if how == "flipped" else files[indexes[indexes.index(f) - 1]])
    assert check(copy).returncode == DAMAGE
    p = trawl("store", "rebuild", copy)
    assert p.returncode == GOOD and len(made(p)) == len(indexes), p.stdout + p.stderr
    assert all(f.read_bytes() == files[f] for f in indexes)
    assert check(copy).returncode == GOOD
    assert answers(copy) == before
    p = trawl("store", "rebuild", copy)
    assert (p.returncode, p.stdout, p.stderr) == (GOOD, "", "trawl: there was nothing to do\n")


def test_rebuild_of_what_the_writer_told(tmp_path):
    """A writer that was killed between writing an index and naming it."""
    make(tmp_path / "d", "kill")
    last = max((tmp_path / "d").glob("*/*/*.pcapng"))
    before = answers(tmp_path / "d")
    refs = last.with_suffix(".refs")
    data = bytearray(refs.read_bytes())
    data[len(data) // 2] ^= 4
    refs.write_bytes(data)
    assert check(tmp_path / "d").returncode == DAMAGE
    p = trawl("store", "rebuild", tmp_path / "d")
    assert p.returncode == GOOD and not refs.exists() and last.with_suffix(".pidx").exists(), p.stdout + p.stderr
    assert check(tmp_path / "d").returncode == GOOD
    assert answers(tmp_path / "d") == before


def test_rebuild_removes_what_is_of_no_use(finished):
    before, files = answers(finished), contents(finished)
    index = sorted(f for f in files if f.suffix == ".pidx")[0]
    tail = index.with_name(index.name.replace("000001.pidx", "000002.rows"))
    for f in (index.with_suffix(".refs"), index.with_suffix(".pidx.tmp"), tail):
        f.write_bytes(files[index])
    (finished / "README").write_text("mine")
    p = check(finished)
    assert p.returncode == GOOD and p.stdout.count("of no use") == 3, p.stdout
    p = trawl("store", "rebuild", finished)
    assert p.returncode == GOOD and p.stdout.count("removed ") == 3, p.stdout + p.stderr
    assert contents(finished) == files and (finished / "README").read_text() == "mine"
    assert answers(finished) == before


def test_rebuild_says_what_it_cannot(finished):
    rows = next(finished.glob("*/*/*.fseg"))
    data = bytearray(rows.read_bytes())
    data[len(data) // 2] ^= 1
    rows.write_bytes(data)
    before = contents(finished)
    p = trawl("store", "rebuild", finished)
    assert p.returncode == UNSEEN and "damage that cannot be mended in 1 place:" in p.stderr, p.stderr
    assert contents(finished) == before


def test_export(store, tmp_path):
    want = trawl("flows", "--dir", store, "--format", "csv", "--fields", "all").stdout.splitlines()
    out = tmp_path / "out.csv"
    p = trawl("store", "export", store, "-o", out)
    assert p.stdout == ""
    got = out.read_text().splitlines()
    assert got[0] == want[0] and sorted(got) == sorted(want) and len(got) > FLOWS
    assert trawl("store", "export", store).stdout == out.read_text()
    again = trawl("store", "export", store, "-o", out)
    assert again.returncode == 1 and "File exists" in again.stderr and out.read_text().splitlines() == got
    want = trawl("flows", "--dir", store, "--format", "jsonl", "--fields", "uuid,start,ab_packets").stdout.splitlines()
    got = trawl("store", "export", store, "--format", "jsonl", "--fields", "uuid,start,ab_packets").stdout.splitlines()
    assert sorted(got) == sorted(w for w in want if '"coverage"' not in w)


def test_export_of_a_time(finished):
    """Flows of the second half of packets begin at half of the time: see faults_make."""
    half = 1790000000 + SECONDS // 2
    for args, n in ((("--from", half), FLOWS // 2), (("--to", half - 1), FLOWS // 2), ((), FLOWS)):
        p = trawl("store", "export", finished, "--fields", "start", "--utc", *args)
        assert len(p.stdout.splitlines()) == 1 + n, (args, p.stdout)
    assert trawl("store", "export", finished, "--fields", "nothing").returncode == USAGE


def test_stats(store):
    files = contents(store)
    s = json.loads(trawl("store", "stats", store, "--format", "json").stdout)
    assert s["all"]["bytes"] == sum(f.stat().st_size for f in store.rglob("*") if f.is_file())
    for key, end in (("packets", ".pcapng"), ("indexes", ".pidx"), ("flows", ".fseg"), ("journals", ".jrn")):
        of = [d for f, d in files.items() if f.suffix == end]
        if of:
            assert s["all"]["files"][key] == {"files": len(of), "bytes": sum(map(len, of))}
    rows = trawl("flows", "--dir", store, "--format", "csv").stdout.splitlines()
    if "c" in [c["capture"] for c in s["captures"]]:
        assert (s["all"]["packets"], s["all"]["flows"], len(rows) - 1) == (PACKETS, FLOWS, FLOWS)
        assert s["all"]["held_ns"] == SECONDS * 10 ** 9
    else:
        assert s["all"]["packets"] == 2400 and [c["capture"] for c in s["captures"]] == ["finished", "killed"]
    assert sum(p["bytes"] for p in s["parts"]) <= s["all"]["block_bytes"]
    assert sum(p["bytes"] for p in s["parts"]) > 0.99 * s["all"]["block_bytes"]
    text = trawl("store", "stats", store, "--format", "text").stdout
    assert str(s["all"]["packets"]) in text
    lines = trawl("store", "stats", store).stdout.splitlines()
    assert len(lines) == 2 + len(s["captures"])
    last = dict(zip(lines[0].split(","), lines[-1].split(",")))
    assert (int(last["packets"]), int(last["bytes"])) == (s["all"]["packets"], s["all"]["bytes"])
    fields = trawl("store", "stats", store, "--by", "field").stdout.splitlines()
    assert len(fields) == 1 + len(s["parts"])


def test_check_for_machines(store):
    files = contents(store)
    index = sorted(f for f in files if f.suffix == ".pidx")[0]
    whole = json.loads(check(store, "--format", "json").stdout)
    assert whole["sums"]["damage"] == 0 and whole["sums"]["complete"]
    index.write_bytes(files[index][:-1])
    try:
        p = check(store, "--format", "json")
        whole = json.loads(p.stdout)
        lines = [json.loads(line) for line in check(store, "--format", "jsonl").stdout.splitlines()]
    finally:
        index.write_bytes(files[index])
    assert p.returncode == DAMAGE and whole["sums"]["damage"] >= 1
    assert lines == [*whole["findings"], whole["sums"]]
    assert any(f["kind"] == "damage" and f["file"] == str(index.relative_to(store)) for f in whole["findings"])


@pytest.mark.parametrize("cmd", ["check", "rebuild", "export", "stats"])
def test_wrong_folders(tmp_path, cmd):
    failed = UNSEEN if cmd == "check" else 1
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder")
    for name, text in (("missing", "No such file"), ("file", "Not a directory"), ("empty", "there is no capture in")):
        p = trawl("store", cmd, tmp_path / name)
        assert p.returncode == failed and text in p.stderr and p.stdout == "", (name, p)
    assert not (tmp_path / "missing").exists()
    assert trawl("store", cmd).returncode == USAGE
    assert trawl("store", cmd, "a", "b").returncode == USAGE


def test_a_later_version(finished):
    """The version is the first number of the journal's first record (docs/formats.md)."""
    journal = next(finished.glob("*/*/*.jrn"))
    data = bytearray(journal.read_bytes())
    size = struct.unpack_from("<I", data, 12)[0]
    data[20] = 99
    struct.pack_into("<I", data, 16, crc32c(data[8:16] + data[20:20 + size]))
    journal.write_bytes(data)
    p = check(finished)
    assert p.returncode == UNSEEN and "of a later version" in p.stdout, p.stdout


DATA = pathlib.Path(__file__).resolve().parent.parent / "data"


@pytest.mark.parametrize("name", ["store_1", "store_killed"])
def test_an_older_version(tmp_path, name):
    """Folders as they were kept when rows were in journals (tests/data/make_store.py)."""
    shutil.copytree(DATA / name, tmp_path / "d")
    files = contents(tmp_path / "d")
    p = check(tmp_path / "d")
    assert p.returncode == GOOD and ("killed: the last tick" in p.stdout) == (name == "store_killed"), p.stdout
    for f in files:
        for at in range(len(files[f]) if f.suffix in (".jrn", ".pidx") else 0):
            if name == "store_killed" and at >= len(files[f]) - 7:
                continue  # the torn end
            data = bytearray(files[f])
            data[at] ^= 1 << at % 8
            f.write_bytes(data)
            p = check(tmp_path / "d")
            assert p.returncode == DAMAGE, (f.name, at, p.stdout)
        f.write_bytes(files[f])
    index = [f for f in files if f.suffix == ".pidx"]
    for f in index:
        f.unlink()
    p = trawl("store", "rebuild", tmp_path / "d")
    assert p.returncode == GOOD and len(made(p)) == len(index)
    again = contents(tmp_path / "d")
    assert again.keys() == files.keys()
    for f in files:
        if f in index:  # it has checksums now
            first, now = ([(k, c.data) for k, c in dir_read.records(d[f], b"trawl-px")] for d in (files, again))
            assert [k for k, _ in now if k != 7] == [k for k, _ in first] and len(now) == len(first) + 1
            assert [r for r in now if r[0] < 5] == [r for r in first if r[0] < 5]
            assert now[-1][1][:56] == first[-1][1][:56]  # the last number is where its directory is
        else:
            assert again[f] == files[f]


def test_stopped(finished):
    """Ctrl-C while it says more than a pipe holds: it cannot be over."""
    segment = sorted(finished.glob("*/*/*.pcapng"))[0]
    for i in range(2000):
        os.link(segment, segment.with_name(segment.name.replace("000001", "%06d" % (i + 5))))
    p = subprocess.Popen([BIN, "store", "check", finished, "--format", "jsonl"], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    first = p.stdout.readline()
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=LIMIT)
    lines = [json.loads(line) for line in (first + out).splitlines()]
    assert p.returncode == DAMAGE and b"stopped" in err, (p.returncode, err)
    assert lines[-1]["complete"] is False and 1 < len(lines) < 2000


def crc32c(data):
    c = 0xFFFFFFFF
    for byte in data:
        c ^= byte
        for _ in range(8):
            c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    return c ^ 0xFFFFFFFF


@as_root
def test_no_permission(finished, tmp_path):
    for f in [tmp_path, *tmp_path.parents]:
        if f.stat().st_uid == os.geteuid() and f.is_relative_to("/tmp") and f != pathlib.Path("/tmp"):
            f.chmod(0o755)
    for f in finished.rglob("*"):
        f.chmod(0o755)
    finished.chmod(0o755)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    if subprocess.run([BIN, "--version"], check=False, capture_output=True, **nobody).returncode:
        pytest.skip("another user cannot run the program where it lies")
    assert check(finished, **nobody).returncode == GOOD
    index = next(finished.glob("*/*/*.pidx"))
    index.chmod(0)
    p = check(finished, **nobody)
    assert p.returncode == UNSEEN and "Permission denied" in p.stdout and "damage  " not in p.stdout, p.stdout
    index.unlink()
    p = trawl("store", "rebuild", finished, **nobody)
    assert p.returncode == 1 and "Permission denied" in p.stderr, p.stderr
    finished.chmod(0)
    p = check(finished, **nobody)
    assert p.returncode == UNSEEN and "Permission denied" in p.stderr, p.stderr


@pytest.fixture
def net():
    n = Net()
    yield n
    n.close()


def send(net, n):
    s = net.socket(net.b, 2, 2)  # AF_INET, SOCK_DGRAM
    for i in range(n):
        s.sendto(i.to_bytes(4, "big") * 50, ("192.0.2.1", 9 + i % 50))
    s.close()


@as_root
def test_beside_a_capture(net, tmp_path):
    folder = tmp_path / "d"
    t = Trawl(net, BIN, "-i", "va", "--dir", folder, "--update", "1s")
    for _ in range(25):
        send(net, 2000)
        p = check(folder)
        assert p.returncode == GOOD and "1 running" in p.stdout, p.stdout + p.stderr
        p = trawl("store", "stats", folder, "--format", "json")
        assert p.returncode == GOOD and json.loads(p.stdout)["all"]["running"] == 1
    p = trawl("store", "rebuild", folder)
    pid = re.search(r"process (\d+) writes", p.stderr)
    assert p.returncode == 1 and pid and pathlib.Path(f"/proc/{pid[1]}").exists(), p.stderr
    assert t.stop() == 0, t.said
    p = check(folder)
    assert p.returncode == GOOD and "running" not in p.stdout and "note" not in p.stdout, p.stdout
    assert trawl("store", "rebuild", folder).stdout == ""


@as_root
def test_while_the_oldest_is_removed(net, tmp_path):
    folder = tmp_path / "d"
    t = Trawl(net, BIN, "-i", "va", "--dir", folder, "--update", "1s", "--quota", "16M")
    first = None
    for number in range(60):
        for _ in range(10):
            send(net, 500)
        p = check(folder)
        assert p.returncode == GOOD and "1 running" in p.stdout, p.stdout + p.stderr
        first = first or next(folder.glob("*/*/*-000001.pcapng"))
        if not first.exists() and number > 20:
            break
    assert not first.exists()
    assert t.stop() == 0, t.said
    assert check(folder).returncode == GOOD, check(folder).stdout


@as_root
def test_behind_kill(net, tmp_path):
    for number in range(5):
        folder = tmp_path / str(number)
        t = Trawl(net, BIN, "-i", "va", "--dir", folder, "--update", "1s")
        for _ in range(3 + 7 * number):
            send(net, 500)
        pid = re.search(r"process (\d+) writes", trawl("store", "rebuild", folder).stderr)[1]
        os.kill(int(pid), signal.SIGKILL)
        t.wait()
        p = check(folder)
        assert p.returncode == GOOD and "killed: the last beat was at" in p.stdout, p.stdout + p.stderr
        more = int(re.search(r"; (\d+) packets? after it (?:is|are) there", p.stdout)[1])
        there = int(re.search(r"; (\d+) packets?, ", p.stdout)[1])
        assert 0 <= more <= there
        assert trawl("store", "rebuild", folder).returncode == GOOD
        assert check(folder).returncode == GOOD
