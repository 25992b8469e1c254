"""Files of a folder that are torn, have other bytes than were written, or are missing: answers have what is
true, what is not there any more is said, and nothing crashes.  Packets have no checksum of their own:
those that lie where a segment was changed may be other ones.  TRAWL_FLIPS: how often each kind of file of
each folder is spoiled (14)."""
import concurrent.futures
import os
import pathlib
import random
import shutil
import struct

import pytest

import faults
from faults import INCOMPLETE, OK, Made

FLIPS = int(os.environ.get("TRAWL_FLIPS", "14"))
FLOW = 37
KINDS = [("finish", k) for k in ("jrn", "pcapng", "pidx", "fseg")] + \
        [("kill", k) for k in ("jrn", "pcapng", "pidx", "fseg", "refs", "rows")]


def answers(folder, wrong, made):
    """{question: (answer, what was said, status)}"""
    some = ["udp", "src", "port", str(1000 + FLOW)]
    flow = f"G.Flows().Has('Transport.A', {1000 + FLOW}).RawPackets()"
    out = {}
    for name, p in (("packets", faults.past(folder)), ("packets of one", faults.past(folder, *some)),
                    ("packets of a flow", faults.query(folder, flow))):
        out[name] = (made.packets(p.stdout, wrong) if p.stdout else [], p.stderr.decode(), p.returncode)
        assert name == "packets" or all(made.flow(i) == FLOW for i in out[name][0])
    p = faults.rows(folder)
    out["rows"] = (made.rows(p.stdout.decode()), p.stderr.decode(), p.returncode)
    return out


def spoil(rnd, data):
    """Other content, and how many packets it may have changed; None: no file."""
    how, n = rnd.choice(["flip", "flip", "flip", "zero", "cut", "cut", "add", "noise", "gone", "empty"]), len(data)
    out = bytearray(data)
    if how == "flip":
        for _ in range(rnd.randrange(1, 4)):
            out[rnd.randrange(n)] ^= 1 << rnd.randrange(8)
        return how, out, 3
    if how in ("zero", "noise"):
        at, size = rnd.randrange(n), rnd.randrange(1, 600)
        out[at:at + size] = bytes(len(out[at:at + size])) if how == "zero" else rnd.randbytes(len(out[at:at + size]))
        return how, out, 2 + size // 100
    if how == "cut":
        return how, out[:rnd.randrange(n)], 0
    if how == "add":
        return how, out + rnd.randbytes(rnd.randrange(1, 300)), 0
    return how, None if how == "gone" else b"", 0


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("damage")
    return {end: Made(tmp / end, seconds=2600, end=end) for end in ("finish", "kill")}


@pytest.mark.parametrize("end,kind", KINDS)
def test_damage(folders, tmp_path, end, kind):
    made = folders[end]
    good = answers(made.folder, 0, made)
    assert good["packets"][0] == list(range(made.n))
    assert len(good["rows"][0][0]) == made.flows
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        shutil.copytree(made.folder, tmp_path / "0")
        shutil.copytree(made.folder, tmp_path / "1")
        missing = sum(pool.map(lambda k: spoil_some(made, good, end, kind, tmp_path / str(k), k), range(2)))
    # What is written so that reading is fast can be made again; else nothing was shown.
    assert kind == "rows" or (missing == 0) == (kind in ("pidx", "refs"))


def spoil_some(made, good, end, kind, folder, seed):
    rnd = random.Random(f"{end} {kind} {seed}")
    files = sorted(pathlib.Path(folder).glob(f"*/*/*.{kind}"))
    assert files
    missing = 0
    for number in range(seed, FLIPS, 2):
        f = rnd.choice(files)
        was = f.read_bytes()
        how, data, wrong = spoil(rnd, was)
        if data is None:
            f.unlink()
        else:
            f.write_bytes(data)
        what = f"{end} {f.name} {number}: {how}"
        try:
            wrong = wrong if kind == "pcapng" else 0
            # A writer that is killed leaves files cut, but not a tail that was acknowledged.
            killed = how in ("cut", "empty") and kind != "rows"
            as_killed = end == "kill" and f == files[-1] and killed
            missing += compare(good, answers(folder, wrong, made), wrong, as_killed)
        except AssertionError as e:
            keep = os.environ.get("TRAWL_KEEP")
            if keep:
                shutil.copytree(folder, keep, dirs_exist_ok=True)
            raise AssertionError(what) from e
        f.write_bytes(was)
    return missing


def compare(good, now, wrong, as_killed):
    """Whether something is missing; then it was said."""
    missing = 0
    for name, (answer, said, status) in now.items():
        was, before, before_status = good[name]
        if name == "rows":
            (answer, uuids), (was, all_uuids) = answer, was
            assert uuids.items() <= all_uuids.items(), name
        if answer == was:
            assert status in (before_status, INCOMPLETE), name
            continue
        missing += not as_killed
        if name != "rows" and len(was) - len(answer) <= wrong:
            continue  # what came out instead was one of those
        assert status == INCOMPLETE, (name, said)
        assert said != before or as_killed, (name, said)
    return missing


def records(data):
    """(kind, bytes) of each record of a journal."""
    at = 8
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        yield kind, data[at:at + 12 + size]
        at += 12 + size


def only(journal, kinds):
    data = journal.read_bytes()
    journal.write_bytes(data[:8] + b"".join(r for k, r in records(data) if k in kinds))


@pytest.mark.parametrize("size", [None, 0, 8, 300])
def test_order_beside_references_that_lack_some(tmp_path, size):
    """A writer that is killed has written packets, and not yet whose they are: they have their place among
    those of other runs."""
    made, other = Made(tmp_path, end="kill"), Made(tmp_path, name="other", packets=1000)
    refs = next(tmp_path.glob("c/*/*.refs"))
    if size is None:
        refs.unlink()
    else:
        refs.write_bytes(refs.read_bytes()[:size])
    p = faults.past(tmp_path)
    times = [sec * faults.NS + ns for sec, ns in faults.stamps(p.stdout)]
    assert times == sorted([made.time(i) for i in range(made.n)] + [other.time(i) for i in range(other.n)])


def test_removed_before_the_journal_told_of_it(tmp_path):
    """Segments come and go between two writes of the journal."""
    made = Made(tmp_path, seconds=100, end="kill")
    first, *_ = sorted(tmp_path.glob("*/*/*.pcapng"))
    before = faults.past(tmp_path)
    only(next(tmp_path.glob("*/*/*.jrn")), (1, 2, 12))
    assert made.packets(faults.past(tmp_path).stdout) == list(range(made.n))
    first.unlink()
    first.with_suffix(".pidx").unlink()
    p = faults.past(tmp_path)
    got = made.packets(p.stdout)
    assert got == list(range(got[0], made.n)) and got[0] > 0
    assert p.returncode == INCOMPLETE and b"removed by a limit, or by hand" in p.stderr and b"removed" not in before.stderr


def test_all_packets_of_a_killed_run_are_removed(tmp_path):
    """Also the last of them, of which only the beat tells."""
    made = Made(tmp_path, seconds=100, end="kill")
    for f in [f for f in tmp_path.glob("*/*/*") if f.suffix in (".pcapng", ".pidx", ".refs", ".tmp")]:
        f.unlink()
    p = faults.past(tmp_path)
    assert p.returncode == INCOMPLETE and b" %d packets missing" % made.n in p.stderr, p.stderr
    assert len(made.rows(faults.rows(tmp_path).stdout.decode())[0]) == made.flows
