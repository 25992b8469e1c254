#!/usr/bin/python3
"""Makes packet indexes and journals as docs/formats.md describes them, without a line
of trawl's own code.

    make_store.py   writes ../fuzz/corpus/pidx and ../fuzz/corpus/jrn; the same bytes
                    every time.  tests/unit/test_pidx.c and test_jrn.c read them, too."""
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent.parent / "fuzz" / "corpus"
M64 = (1 << 64) - 1


def crc32c(data):
    c = 0xFFFFFFFF
    for byte in data:
        c ^= byte
        for _ in range(8):
            c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    return c ^ 0xFFFFFFFF


def record(kind, payload):
    head = struct.pack("<II", kind, len(payload))
    return head + struct.pack("<I", crc32c(head + payload)) + payload


def num(v):
    out = b""
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def snum(v):
    return num(v * 2 if v >= 0 else -v * 2 - 1)


def text(s):
    return num(0) if s is None else num(len(s) + 1) + s


def mix(serial):
    z = serial + 0x9E3779B97F4A7C15 & M64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
    return z ^ z >> 31


def bloom(serials, log2=6, hashes=7):
    bits = bytearray((1 << log2) // 8)
    for s in serials:
        h = mix(s)
        for i in range(hashes):
            b = ((h & 0xFFFFFFFF) + i * (h >> 32 | 1)) & 0xFFFFFFFF & (1 << log2) - 1
            bits[b // 8] |= 1 << b % 8
    return bytes([log2, hashes]) + bytes(bits)


def index(flows, spans, size):
    """flows: [(serial, [places])] sorted; spans: [(from, to, packets, min, max)]."""
    out = b"trawl-px" + record(1, struct.pack("<HQI", 1, 0x18D75B8423F30000, 1))
    out += record(2, bloom([s for s, _ in flows]))
    spans_at = len(out)
    body, end, low = num(len(spans)), 0, 0
    for first, last, packets, least, most in spans:
        body += num((first - end) // 4) + num((last - first) // 4) + num(packets)
        body += snum(least - low) + num(most - least)
        end, low = last, least
    out += record(3, body)
    directory, blocks = b"", 0
    if flows:
        body, before = num(flows[0][0]), flows[0][0]
        for serial, places in flows:
            body += num(serial - before) + num(len(places)) + num(places[0])
            body += b"".join(num(b - a) for a, b in zip(places, places[1:]))
            before = serial
        directory, blocks = num(flows[0][0]) + num(len(out)), 1
        out += record(4, body)
    dir_at = len(out)
    out += record(5, num(blocks) + directory)
    packets = sum(s[2] for s in spans)
    return out + record(6, struct.pack(
        "<QQQQqqQQ", size, packets, sum(len(p) for _, p in flows), len(flows),
        min((s[3] for s in spans), default=0), max((s[4] for s in spans), default=0),
        spans_at, dir_at))


def journal():
    start = 1790000000 * 10 ** 9
    out = b"trawl-jn"
    out += record(1, num(1) + num(start) + num(4711) + num(0) + snum(start) + num(M64) +
                  num(262144) + num(600 * 10 ** 9) + num(15 * 10 ** 9) + num(0) +
                  text(b"default") + text(None))
    out += record(2, num(0) + num(1) + num(0) + num(0) + text(b"eth0") + text(None) * 4)
    # start, last, ab_packets, protocol, network_a: ids of flow_fields.def
    fields = [(20, 4), (21, 4), (60, 0), (11, 7), (41, 6)]
    out += record(3, num(len(fields)) + b"".join(num(i) + num(t) for i, t in fields))
    rows = num(8) + bytes([0b11111]) + snum(0) + snum(5000) + num(300) + num(3) + b"UDP"
    rows += bytes([4, 192, 0, 2, 1])
    rows += num(16) + bytes([0b00011]) + snum(7000) + snum(9000)
    out += record(4, struct.pack("<Iqq", 2, start, start + 9000) + rows)
    out += record(5, num(0) + snum(start + 1000) + snum(start + 2000) + num(1) + num(7))
    out += record(6, snum(start + 10 ** 9) + num(301) + num(0))
    out += record(7, num(1) + num(65536) + num(301) + snum(start) + snum(start + 9000))
    out += record(77, b"of a later version")
    out += record(8, num(0) + snum(start + 10 ** 9) + snum(start) + snum(start + 10 ** 9) +
                  num(9) + num(308) + num(0) * 2 + num(7) + num(0))
    return out + record(9, snum(start + 10 ** 9) + num(301) + num(0) + num(0) + num(2) + num(0))


def main():
    files = {
        "pidx/empty": index([], [], 0),
        "pidx/three": index([(8, [50, 73, 900]), (9, [73]), (1 << 40, [500, 501])],
                            [(200, 2004, 3, -5, 7), (3600, 3604, 1, 2, 2)], 4000),
        "jrn/small": journal(),
    }
    for name, content in files.items():
        (CORPUS / name).parent.mkdir(parents=True, exist_ok=True)
        (CORPUS / name).write_bytes(content)


if __name__ == "__main__":
    main()
