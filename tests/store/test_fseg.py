"""A reader that was written from docs/formats.md alone sees the rows that were written, filters have
all that is in them, and what one reads as an example in that page is one."""
import ipaddress
import json
import os
import pathlib
import subprocess

import fseg_read
import pytest

ROWS = os.environ["TRAWL_FSEG_ROWS"]
FORMATS = pathlib.Path(__file__).parents[2] / "docs/formats.md"
ADDRESSES, HASHED = ("6", "7"), 17  # tests/unit/fseg_make.h
SEEDS = [(seed, 101 * seed + 1) for seed in range(12)] + [(21, 9000)]


def write(tmp_path, seed, rows):
    path = tmp_path / "rows.fs"
    p = subprocess.run([ROWS, path, str(seed), str(rows)], check=True, capture_output=True, text=True)
    return path.read_bytes(), [json.loads(line) for line in p.stdout.splitlines()]


def blocks(data, rows):
    at = 8
    while at < len(data):
        block = fseg_read.Block(data[at:])
        yield block, rows[: block.rows]
        rows = rows[block.rows :]
        at += block.size
    assert not rows


@pytest.mark.parametrize("seed,n", SEEDS)
def test_rows(tmp_path, seed, n):
    data, rows = write(tmp_path, seed, n)
    for row in rows:
        row.pop("hashed", None)
    assert len(rows) == n
    assert list(fseg_read.read(data)) == rows


def mix(v):
    m = fseg_read.M64
    v = v + 0x9E3779B97F4A7C15 & m
    v = (v ^ v >> 30) * 0xBF58476D1CE4E5B9 & m
    v = (v ^ v >> 27) * 0x94D049BB133111EB & m
    return v ^ v >> 31


def prefixes(text):
    """Family, bits, and the 16 bytes of what the filter has of an address, by level."""
    if ":" in text and len(text) == 17 and text.count(":") == 5:
        return [(1, 48, bytes.fromhex(text.replace(":", "")))]
    if not text:
        return []
    a = ipaddress.ip_address(text)
    lengths = (32, 24, 16) if a.version == 4 else (128, 64, 48)
    return [(a.version, n, ipaddress.ip_network((a, n), strict=False).network_address.packed) for n in lengths]


def address_hash(family, bits, packed):
    packed = packed.ljust(16, b"\0")
    high, low = int.from_bytes(packed[:8], "big"), int.from_bytes(packed[8:], "big")
    return mix(mix(high ^ family * 256 ^ bits) ^ low)


class Filter:
    """What stands in the entry of a filter behind the common part."""

    def __init__(self, block, kind, number):
        self.entry = block.find(kind, number)
        c = self.entry["more"]
        self.log2, self.k = c.byte(), c.byte()
        self.levels = c.int() if kind == 5 else 0
        self.fields = [str(c.int()) for _ in range(c.int())] if kind == 5 else []
        data = block.data[self.entry["at"] : self.entry["at"] + self.entry["size"]]
        assert fseg_read.crc32c(data) == self.entry["crc"]
        self.bits = fseg_read.Cursor(data).bytes((1 << self.log2) // 8)

    def has(self, h):
        low, high = h & 0xFFFFFFFF, h >> 32 | 1
        places = [(low + i * high) % (1 << self.log2) for i in range(self.k)]
        return all(self.bits[p // 8] >> p % 8 & 1 for p in places)


@pytest.mark.parametrize("seed,n", SEEDS)
def test_filters(tmp_path, seed, n):
    data, rows = write(tmp_path, seed, n)
    for block, part in blocks(data, rows):
        kinds = [(e["kind"], e["id"]) for e in block.entries]
        if any(row.get(f) for row in part for f in ADDRESSES):
            f = Filter(block, 5, 0)
            assert tuple(f.fields) == ADDRESSES and f.levels & 1
            for row in part:
                for a in filter(None, map(row.get, ADDRESSES)):
                    for level, prefix in enumerate(prefixes(a)):
                        assert not f.levels >> level & 1 or f.has(address_hash(*prefix)), a
            # what is not there is seldom seen: 4 bits or more of each thing, 3 or more hashes
            asked = [(4, 32, bytes([7, i % 256, i // 256, 9])) for i in range(2000)]
            assert sum(f.has(address_hash(*a)) for a in asked) < 500
        else:
            assert (5, 0) not in kinds
        texts = [row.get("hashed") for row in part]
        if any(texts):
            f, column = Filter(block, 6, HASHED), block.column(block.find(4, HASHED))
            assert block.find(4, HASHED)["more"].byte() == 32
            for text, h in zip(texts, column):
                want = None if text is None else fseg_read.crc32c(bytes.fromhex(text))
                assert h == want and (h is None or f.has(mix(h)))


def test_example():
    lines = FORMATS.read_text().split("    74 72 61 77 6c 2d 66 73", 1)[1].split("\n\n")[0]
    data = b"trawl-fs" + b"".join(bytes.fromhex(line.split(";")[0]) for line in lines.splitlines())
    assert list(fseg_read.read(data)) == [
        {"serial": 8, "20": 10**9, "41": "192.0.2.1", "7": b"DNS".hex()},
        {"serial": 16, "20": 4 * 10**9, "41": "192.0.2.1", "7": b"HTTP".hex()},
        {"serial": 24, "20": 3 * 10**9, "7": b"DNS".hex()},
    ]
    block = fseg_read.Block(data[8:])
    assert (block.start, block.last) == (10**9, 4 * 10**9)


def test_checksum():
    assert fseg_read.crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720 B.4
