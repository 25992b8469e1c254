#!/usr/bin/python3
"""Reads the flows of a folder of captures as docs/formats.md describes it, and by nothing else: prints
the last version of each as a line of JSON, {"capture": …, "run": …, "field": value, …, "places": …}, the
last being where its packets are: [segment, offset]."""
import collections
import json
import pathlib
import re
import struct
import sys

import fseg_read

PAGE = (pathlib.Path(__file__).parents[2] / "docs/flows.md").read_text()
NAMES = dict(re.findall(r"^\| (\d+) \| `(\w+)`", PAGE, re.M))
NAMES.update((number, name) for name, number in re.findall(r"^\| `(\w+)` .* (\d+) \|$", PAGE, re.M))


def records(data, magic):
    """(type, payload) of all whole ones; a damaged one is passed over."""
    fseg_read.check(data[:8] == magic, "no " + magic.decode())
    at = 8
    while at + 12 <= len(data):
        kind, size, crc = struct.unpack_from("<III", data, at)
        payload = data[at + 12 : at + 12 + size]
        if len(payload) == size and fseg_read.crc32c(data[at : at + 8] + payload) == crc:
            yield kind, fseg_read.Cursor(payload)
        at += 12 + size


def text(c):
    n = c.int()
    return c.take(n - 1).decode() if n else None


def ints(c, n):
    return [c.int() for _ in range(n)]


def blocks(data):
    """Of a tail, of which the end may be cut."""
    at = 8
    while at + 48 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        if at + size > len(data):
            break
        yield fseg_read.Block(data[at : at + size])
        at += size


def indexed(base):
    """Places of each serial's packets."""
    places = collections.defaultdict(list)
    for path in sorted(base.parent.glob(base.name + "-*.pidx")):
        segment = int(path.stem[-6:])
        for kind, c in records(path.read_bytes(), b"trawl-px"):
            serial = c.int() if kind == 4 else None
            while kind == 4 and c.at < len(c.data):
                serial, n, at = serial + c.int(), c.int(), c.int()
                places[serial].append([segment, 4 * at])
                for _ in range(n - 1):
                    at += c.int()
                    places[serial].append([segment, 4 * at])
    for path in sorted(base.parent.glob(base.name + "-*.refs")):
        segment = int(path.stem[-6:])
        for _, c in records(path.read_bytes(), b"trawl-pr"):
            at, _, _, _, _, n = c.int(), c.int(), c.int(), c.sint(), c.int(), c.int()
            serial = 0
            for _ in range(n):
                at, serial = at + c.int(), serial + c.sint()
                places[serial].append([segment, 4 * at])
    return places


def read_run(journal):
    base, found, last, capture, ended = journal.with_suffix(""), [], 0, None, False
    for kind, c in records(journal.read_bytes(), b"trawl-jn"):
        if kind == 1:
            version, _, _, _ = ints(c, 4)
            c.sint()
            ints(c, 5)
            capture = text(c)
            fseg_read.check(version == 2, "another version")
        elif kind == 11:
            last, file, at, size, rows = ints(c, 5)
            data = pathlib.Path(f"{base}-{file:06d}.fseg").read_bytes()[at : at + size]
            found.append(fseg_read.Block(data))
            fseg_read.check(found[-1].rows == rows, "rows")
        ended |= kind == 9
    for path in sorted(base.parent.glob(base.name + "-*.rows")):
        if int(path.stem[-6:]) > last:
            found += blocks(path.read_bytes())
    best = {}
    for block in found:
        for row in block.read():
            row = {NAMES.get(key, key): value for key, value in row.items()}
            if row["version"] > best.get(row["serial"], {"version": 0})["version"]:
                best[row["serial"]] = row
    places = indexed(base)
    for serial, row in sorted(best.items()):
        yield {"capture": capture, "run": base.name, "over": ended, **row, "places": places[serial]}


def read(folder):
    for journal in sorted(pathlib.Path(folder).glob("*/*/*.jrn")):
        yield from read_run(journal)


if __name__ == "__main__":
    for line in read(sys.argv[1]):
        print(json.dumps(line))
