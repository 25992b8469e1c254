"""A disk that refuses: every kind of call that writes fails once, for a while or for good, from any of them on.
Each packet is kept or counted as lost, what is kept is there, what is lost is said, and writing goes on when
the disk does.  And what files take is never more than the quota, counted at each call.
TRAWL_REFUSALS: how many calls of each kind (8)."""
import errno
import os
import re

import pytest

import faults
from faults import INCOMPLETE, OK, Made, Shim, bytes_of

REFUSALS = int(os.environ.get("TRAWL_REFUSALS", "8"))
SMALL = {"flows": 20, "packets": 2000, "seconds": 60, "segment": 20000}
FOREVER = 1 << 60
MIB = 1 << 20


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """How many calls of each kind there are when nothing fails."""
    tmp, got = tmp_path_factory.mktemp("calls"), {}
    for name, op in Shim.OPS.items():
        shim = Shim(tmp / f"{name}.shim", ops=op)
        made = Made(tmp / name, shim=shim, **SMALL)
        assert made.report == {"kept": made.n, "limit": 0, "disk": 0, "rows": made.report["rows"], "rows_dropped": 0,
                               "failed": 0, "ends": 0}
        got[name] = shim["calls"]
    assert got["cut"] == 0  # only after a write that failed
    return got


def check(made, shim, name):
    r = made.report
    if not r:
        assert shim["failed"]
        return
    assert r["kept"] + r["disk"] == made.n and r["limit"] == 0, r
    p = faults.past(made.folder)
    got = made.packets(p.stdout) if p.stdout else []
    # What cannot be cut off again is still there.
    assert len(got) == r["kept"] or (name == "cut" and r["kept"] < len(got) <= r["kept"] + r["disk"]), (r, p.stderr)
    said = sum(map(int, re.findall(rb": (\d+) packets missing between .*: they could not be written", p.stderr)))
    if r["ends"] == 0:
        assert said == r["disk"], (r, p.stderr)
        assert (p.returncode == INCOMPLETE) >= bool(r["disk"])
    else:
        assert p.returncode == INCOMPLETE and b"was killed" in p.stderr, (r, p.stderr)
    q = faults.rows(made.folder)
    rows, _ = made.rows(q.stdout.decode())
    if r["ends"] == 0 and not r["rows_dropped"]:
        # They count what was not kept, too.
        assert rows == {i: len(v) for i, v in enumerate(made.of)}
        q = faults.run("flows", "--dir", made.folder, "--format", "csv", "--fields", "raw_packets")
        assert sum(map(int, q.stdout.split()[1:])) == r["kept"]
    elif r["rows_dropped"]:
        assert q.returncode == INCOMPLETE
    # Once the disk is well again all that comes is kept, and it ends as others do.
    if shim["times"] < FOREVER and shim["calls"] > shim["first"] + shim["times"] + 40 and name in ("write", "create"):
        assert r["failed"] == 0 and r["ends"] == 0, r
        assert got[-1] == made.n - 1


@pytest.mark.parametrize("name,short", [(n, False) for n in Shim.OPS] + [("write", True)])
def test_refusal(calls, tmp_path, name, short):
    ops, most = Shim.OPS[name], calls[name]
    if name == "cut":
        ops, most, short = ops | Shim.OPS["write"], calls["write"], True
    first = sorted({most * i // REFUSALS for i in range(REFUSALS)} | {0, max(most - 1, 0)})
    failed = 0
    for i, number in enumerate(first):
        for times in (1 + short, 20, FOREVER):
            code = (errno.ENOSPC, errno.EIO, errno.EROFS)[(i + times) % 3]
            shim = Shim(tmp_path / "shim", ops=ops, first=number, times=times, code=code, short=short)
            made = Made(tmp_path / f"{number}.{times}", shim=shim, **SMALL)
            try:
                check(made, shim, name)
            except AssertionError as e:
                raise AssertionError(f"{name} {number}, {times} times {errno.errorcode[code]}, in {made.folder}") from e
            failed += shim["failed"]
    assert failed >= len(first)


@pytest.mark.parametrize("flows,packets,segment", [(1000, 400000, 64 * MIB), (60000, 240000, 4 * MIB)])
def test_quota(tmp_path, flows, packets, segment):
    quota, folder = 20 * MIB, tmp_path / "d"
    folder.mkdir()
    (folder / "not ours").write_bytes(bytes(3 * MIB))
    most = 0
    for i in range(3):
        shim = Shim(tmp_path / "shim", used=bytes_of(folder))
        made = Made(folder, flows, packets, 60, segment, quota=quota, name=str(i), shim=shim)
        assert made.report["kept"] == packets and made.report["failed"] == 0, made.report
        assert shim["used"] == bytes_of(folder)
        assert shim["most"] <= quota
        most = max(most, shim["most"])
    assert most > quota * 3 // 4  # else nothing was shown
    assert (folder / "not ours").stat().st_size == 3 * MIB
