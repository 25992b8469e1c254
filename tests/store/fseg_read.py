#!/usr/bin/python3
"""Reads a flow segment as docs/formats.md describes it, and by nothing else: prints each row as a
line of JSON, {"serial": …, "field id": value, …}.  libzstd is the system's."""
import ctypes
import ipaddress
import json
import struct
import sys
import uuid

M64 = (1 << 64) - 1
ZSTD = ctypes.CDLL("libzstd.so.1")
ZSTD.ZSTD_decompress.restype = ctypes.c_size_t
ZSTD.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * 2


def crc_table():
    for c in range(256):
        for _ in range(8):
            c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
        yield c


TABLE = list(crc_table())


def crc32c(data):
    c = 0xFFFFFFFF
    for byte in data:
        c = c >> 8 ^ TABLE[(c ^ byte) & 0xFF]
    return c ^ 0xFFFFFFFF


def check(good, what):
    if not good:
        raise ValueError(what)


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        check(self.at + n <= len(self.data), "cut")
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self):
        return self.take(1)[0]

    def int(self):
        v = shift = 0
        while True:
            b = self.byte()
            v |= (b & 0x7F) << shift
            shift += 7
            if not b & 0x80:
                check(v <= M64, "too long")
                return v

    def sint(self):
        v = self.int()
        return v >> 1 ^ -(v & 1)

    def bytes(self, n):
        method = self.byte()
        if method == 0:
            return self.take(n)
        if method == 2:
            return self.take(1) * n
        check(method == 1, "bytes")
        packed, out = self.take(struct.unpack("<I", self.take(4))[0]), ctypes.create_string_buffer(max(n, 1))
        check(ZSTD.ZSTD_decompress(out, n, packed, len(packed)) == n, "zstd")
        return out.raw[:n]

    def numbers(self, n):
        how = self.byte()
        total = self.sint() if how & 2 else 0
        base, factor, width = self.sint(), self.int(), self.byte()
        values = [0] * n
        if how & 1:
            for plane in range((width + 7) // 8):
                for i, b in enumerate(self.bytes(n)):
                    values[i] |= b << 8 * plane
        elif width:
            packed, per = self.bytes((n * width + 7) // 8), 8 // width
            values = [packed[i // per] >> i % per * width & (1 << width) - 1 for i in range(n)]
        values = [(t * factor + base) & M64 for t in values]
        if how & 4:
            values = [(v >> 1 ^ -(v & 1)) & M64 for v in values]
        if how & 2:
            for i, v in enumerate(values):
                total = values[i] = (total + v) & M64
        return values

    def values(self, kind, n):
        if kind == 6:
            none, mac, ip4 = self.int(), self.int(), self.int()
            ip6 = n - none - mac - ip4
            out = [""] * none
            for v in self.numbers(mac) if mac else []:
                out.append(":".join(f"{b:02x}" for b in v.to_bytes(6, "big")))
            out += [str(ipaddress.IPv4Address(v)) for v in (self.numbers(ip4) if ip4 else [])]
            if ip6:
                pairs = zip(self.numbers(ip6), self.numbers(ip6))
                out += [str(ipaddress.IPv6Address(high << 64 | low)) for high, low in pairs]
            return out
        if kind == 8:
            return [str(uuid.UUID(int=h << 64 | l)) for h, l in zip(self.numbers(n), self.numbers(n))]
        sizes = self.numbers(n)
        text = Cursor(self.bytes(sum(sizes)))
        return [text.take(size).hex() for size in sizes]


def shown(kind, v):
    """A number as its type means it."""
    if kind in (1, 4, 5):
        return v - (v >> 63 << 64)
    if kind == 2:
        return struct.pack(">Q", v).hex()
    return bool(v) if kind == 3 else v


class Block:
    def __init__(self, data):
        head = data[:48]
        magic, version, n, size, dir_size, self.rows, dir_crc = struct.unpack_from("<4sHHIIII", head)
        self.start, self.last, _, crc = struct.unpack_from("<qqII", head, 24)
        check(magic == b"tfsb" and crc == crc32c(head[:44]), "head")
        check(version == 1, "a later version")
        check(size <= len(data), "cut")
        directory = Cursor(data[48 : 48 + dir_size])
        check(dir_crc == crc32c(directory.data), "directory")
        self.size, self.data = size, data[48 + dir_size : size]
        self.entries, self.done = [], {}
        for _ in range(n):
            e = Cursor(directory.take(directory.int()))
            names = ("kind", "id", "type", "enc", "map", "values", "distinct", "at", "size")
            entry = {name: e.int() for name in names}
            entry["crc"], entry["more"] = struct.unpack("<I", e.take(4))[0], e
            self.entries.append(entry)

    def find(self, kind, number):
        return next(e for e in self.entries if e["kind"] == kind and e["id"] == number)

    def column(self, e):
        """One number or value per row, None where there is none."""
        key = (e["kind"], e["id"])
        if key in self.done:
            return self.done[key]
        data = self.data[e["at"] : e["at"] + e["size"]]
        check(crc32c(data) == e["crc"], "column")
        rows, n, c, near = [True] * self.rows, e["values"], Cursor(data), []
        if e["map"]:
            bits = Cursor(self.data[self.find(3, e["map"])["at"] :]).bytes((self.rows + 7) // 8)
            rows = [bool(bits[i // 8] >> i % 8 & 1) for i in range(self.rows)]
        if e["enc"] == 1:
            near = [(c.int(), c.sint()) for _ in range(c.int())]
            values = c.numbers(n)
        elif e["enc"] in (2, 3):
            different = c.int()
            table = c.numbers(different) if e["enc"] == 2 else c.values(e["type"], different)
            values = [table[i] for i in c.numbers(n)]
        else:
            values = c.values(e["type"], n)
        check(c.at == len(data) and len(values) == sum(rows), "column")
        values = iter(values)
        out = [next(values) if has else None for has in rows]
        for field, factor in near:
            other = self.column(self.find(1, field))
            out = [None if v is None else (v + factor * (w or 0)) & M64 for v, w in zip(out, other)]
        self.done[key] = out
        return out

    def read(self):
        fields = [e for e in self.entries if e["kind"] == 1]
        serials = self.column(self.find(2, 0))
        columns = [(e["id"], e["type"], self.column(e)) for e in fields]
        for i in range(self.rows):
            row = {"serial": serials[i]}
            for number, kind, column in columns:
                if column[i] is not None:
                    row[str(number)] = shown(kind, column[i])
            yield row


def read(data):
    check(data[:8] == b"trawl-fs", "no flow segment")
    at = 8
    while at < len(data):
        block = Block(data[at:])
        yield from block.read()
        at += block.size


if __name__ == "__main__":
    for line in read(open(sys.argv[1], "rb").read()):
        print(json.dumps(line))
