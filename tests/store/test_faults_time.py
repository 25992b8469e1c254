"""Clocks that are set during a capture, a year in which nothing comes, and a million flows in a second."""
import itertools
import json
import os
import resource
import subprocess

import pytest

import faults
from faults import MAKE, NS, OK, START, TRAWL, Made, bytes_of, quick_folder  # noqa: F401: a fixture

HOUR = 3600
SETS = {
    "forward": ((1001, 3 * HOUR),),
    "back": ((1001, -3 * HOUR),),
    "a little back": ((1001, -10),),
    "back and forward": ((1001, -3 * HOUR), (2502, 3 * HOUR)),
    "forward and back": ((1001, 5 * HOUR), (2502, -2 * HOUR)),
    "again and again": tuple((i, (-1) ** i * i * 7) for i in range(100, 4000, 233)),
}
YEAR = 365 * 24 * HOUR


def stamp(ts):
    return "%d.%09d" % divmod(ts, NS)


def fits(made, times, rows):
    """Whether rows are a flow's packets in the order in which they came, one part after the other."""
    if not rows:
        return made.killed or not times
    for row in rows:
        start, last, n = row
        part = times[:n]
        if len(part) == n and (start, last) == (stamp(min(part)), stamp(max(part))):
            rest = list(rows)
            rest.remove(row)
            if fits(made, times[n:], rest):
                return True
    return False


@pytest.mark.parametrize("end", ["finish", "kill"])
@pytest.mark.parametrize("name", SETS)
def test_clock_is_set(quick_folder, name, end):
    made = Made(quick_folder, sets=SETS[name], end=end)
    times = [made.time(i) for i in range(made.n)]
    p = faults.past(quick_folder)
    assert sorted(made.packets(p.stdout)) == list(range(made.n))
    said = f"the clock was set {len(SETS[name])} time"
    assert said in p.stderr.decode()

    # Any range gives what is in it; also around the times that were there twice, or never.
    low, high = min(times) - NS, max(times) + NS
    edges = sorted({low, high, START, *(low + (high - low) * i // 7 for i in range(8)),
                    *(t + d for at in SETS[name] for i in (at[0] - 1, at[0]) for t in (times[i],) for d in (0, 1))})
    for first, last in itertools.islice(itertools.combinations(edges, 2), 0, None, 1 + len(edges) // 8):
        p = faults.past(quick_folder, f"{stamp(first)}..{stamp(last)}")
        want = {i for i, t in enumerate(times) if first <= t <= last}
        assert set(made.packets(p.stdout) if p.stdout else []) == want, (first - START, last - START)

    p = faults.run("flows", "--dir", quick_folder, "--format", "csv", "--fields", faults.ROW_FIELDS)
    rows, uuids = {}, []
    for line in p.stdout.decode().split()[1:]:
        uuid, start, last, port, packets, _ = line.split(",")
        uuids.append(uuid)
        rows.setdefault(int(port) - 1000, []).append((start, last, int(packets)))
    assert len(set(uuids)) == len(uuids)
    assert set(rows) == set(range(made.flows))
    for flow, v in rows.items():
        assert fits(made, [made.time(i) for i in made.of[flow]], v), (flow, v)
    # Each flow was written again every ten seconds, but until a clock that was set back is where it was.
    count = sum(n for v in rows.values() for _, _, n in v)
    late = next((i for i, t in enumerate(times) if max(times) - t < made.step), made.n)
    assert count == made.n if end == "finish" else count >= late - 12 * NS // made.step
    p = faults.run("query", "--dir", quick_folder, "G.Flows().Count()", "--format", "json")
    held = json.loads(p.stdout)["coverage"]["held"]
    assert max(h["to"] for h in held) >= max(times) // 10 ** 6 - 1000 * made.killed


@pytest.mark.parametrize("end", ["finish", "kill"])
def test_a_year_of_nothing(quick_folder, end):
    """It takes no room, and is known to have been."""
    short, long = (Made(quick_folder / str(empty), flows=4, packets=20, seconds=10, empty=empty, end=end)
                   for empty in (2 * HOUR, YEAR))
    assert bytes_of(long.folder) <= bytes_of(short.folder) + 200
    assert len(list(long.folder.rglob("*"))) <= len(list(short.folder.rglob("*")))
    p = faults.run("query", "--dir", long.folder, "G.Flows().Count()", "--format", "json")
    held, = json.loads(p.stdout)["coverage"]["held"]
    assert (held["from"], held["to"]) == (START // 10 ** 6, (START + (10 + YEAR) * NS) // 10 ** 6)
    assert made_all(long)


def made_all(made):
    got = made.packets(faults.past(made.folder).stdout)
    rows, _ = made.rows(faults.rows(made.folder).stdout.decode())
    return got == list(range(made.n)) and sum(rows.values()) == made.n


def test_a_million_flows_in_a_second(quick_folder):
    """Each has one row; writer and reader have bounded memory."""
    n = 10 ** 6
    with open(quick_folder / "said", "wb") as out:
        p = subprocess.Popen([MAKE, quick_folder / "d", "c", str(2 * n), str(n), "1", "0", "finish"], stdout=out)
        _, status, used = os.wait4(p.pid, 0)
        p.returncode = status
    words = (quick_folder / "said").read_text().split()
    report = dict(zip(words[::2], words[1::2]))
    assert status == 0
    assert int(report["kept"]) == n
    assert not any(int(report[x]) for x in ("limit", "disk", "rows_dropped", "failed", "ends")), report
    # store_make.h gives flows 64 MiB; a segment's index and the buffers are the rest.
    assert used.ru_maxrss < 400 << 10
    p = faults.run("query", "--dir", quick_folder / "d", "G.Flows().Count()", "--format", "json")
    assert (json.loads(p.stdout)["result"], p.returncode) == (n, OK)
    rows = subprocess.Popen([TRAWL, "flows", "--dir", quick_folder / "d", "--format", "csv", "--fields",
                             "network_a,transport_a,ab_packets"], stdout=subprocess.PIPE)
    seen = set(rows.stdout)
    rows.stdout.close()
    assert rows.wait(faults.LIMIT) == OK
    assert len(seen) == n + 1
    assert sum(line.endswith(b",1\n") for line in seen) == n
