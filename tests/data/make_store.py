#!/usr/bin/python3
"""Makes packet indexes and journals as docs/formats.md describes them, without a line
of trawl's own code.

    make_store.py   writes ../fuzz/corpus/pidx, ../fuzz/corpus/pidx_refs, ../fuzz/corpus/jrn,
                    store_1 and store_killed; the same bytes every time.  tests/unit/test_pidx.c
                    and tests/golden read them, too.

store_1 is a folder of captures as version 1 of the format has it, and stays as it is."""
import pathlib
import struct

DATA = pathlib.Path(__file__).resolve().parent
CORPUS = DATA.parent / "fuzz" / "corpus"
S = 10 ** 9
START = 1790000000 * S  # 2026-09-21T14:13:20Z
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


def references(parts):
    """parts: [(from, to, packets, min, max, [(place, serial)])]."""
    out = b"trawl-pr"
    for first, last, packets, least, most, refs in parts:
        body = num(first // 4) + num((last - first) // 4) + num(packets)
        body += snum(least) + num(most - least) + num(len(refs))
        place, before = first // 4, 0
        for at, serial in refs:
            body += num(at - place) + snum(serial - before)
            place, before = at, serial
        out += record(1, body)
    return out


def journal():
    start = START
    out = b"trawl-jn"
    out += record(1, num(1) + num(start) + num(4711) + num(0) + snum(start) + num(M64) +
                  num(262144) + num(600 * S) + num(15 * S) + num(0) +
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
    out += record(6, snum(start + S) + num(301) + num(0))
    out += record(7, num(1) + num(65536) + num(301) + snum(start) + snum(start + 9000))
    out += record(77, b"of a later version")
    out += record(8, num(0) + snum(start + S) + snum(start) + snum(start + S) +
                  num(9) + num(308) + num(0) * 2 + num(7) + num(0))
    return out + record(9, snum(start + S) + num(301) + num(0) + num(0) + num(2) + num(0))


def journal_of_blocks():
    """One whose rows are in flow segments; the first of its two beats is the older one."""
    start = START
    out = b"trawl-jn"
    out += record(1, num(2) + num(start) + num(4711) + num(0) + snum(start) + num(M64) +
                  num(262144) + num(600 * S) + num(15 * S) + num(0) +
                  text(b"default") + text(b"make_store.py"))
    out += record(12, struct.pack("<QqQQQ", 8, start + 8 * S, 290, 0, 320))
    out += record(12, struct.pack("<QqQQQ", 9, start + 9 * S, 301, 0, 328))
    out += record(2, num(0) + num(1) + num(0) + num(0) + text(b"eth0") + text(None) * 4)
    out += record(11, num(1) + num(1) + num(8) + num(4000) + num(40) +
                  snum(start) + snum(start + 5 * S))
    return out + record(11, num(2) + num(1) + num(4008) + num(1 << 20) + num(65536) +
                        snum(start - S) + snum(start + 9 * S))


def block(kind, body):
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def udp(src, dst, sport, dport, payload):
    size = 8 + len(payload)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + size, 0, 0, 64, 17, 0, src, dst)
    return bytes(12) + b"\x08\x00" + ip + struct.pack(">HHHH", sport, dport, size, 0) + payload


def segment(packets):
    """packets: [(time, frame)]; returns the file and the packets' places / 4."""
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack("<HHI", 1, 0, 262144) + option(2, b"eth0") + option(9, b"\x09") +
                 bytes(4))
    places = []
    for ts, frame in packets:
        places.append(len(out) // 4)
        out += block(6, struct.pack("<IIIII", 0, ts >> 32, ts & 0xFFFFFFFF, len(frame),
                                    len(frame)) + frame + bytes(-len(frame) % 4))
    return out, places


A, B, C = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 53]), bytes([198, 51, 100, 9])
PACKETS = [
    (START, udp(A, B, 40001, 53, b"question")),
    (START + 1000, udp(A, C, 40002, 9999, b"something")),
    (START + 8000, udp(B, A, 53, 40001, b"an answer")),
    (START + 2 * S, udp(A, C, 40002, 9999, b"something more")),
    (START + 3 * S, udp(A, B, 40003, 53, b"question")),
]
FLOWS = [(8, [0, 2]), (16, [1, 3]), (40, [4])]  # number of the first packet * 8, which packets

# id and type of the fields that rows have
FIELDS = [(1, 8), (20, 4), (21, 4), (41, 6), (42, 6), (51, 0), (52, 0), (60, 0), (61, 0), (62, 0),
          (63, 0), (7, 7), (165, 0)]


def row(serial, first, last, b, sport, dport, ab, ab_bytes, ba, ba_bytes, app):
    out = num(serial) + struct.pack("<H", (1 << len(FIELDS)) - 1)
    out += bytes([serial]) * 16 + snum(first) + snum(last) + bytes([4]) + A + bytes([4]) + b
    out += num(sport) + num(dport) + num(ab) + num(ab_bytes) + num(ba) + num(ba_bytes)
    return out + num(len(app)) + app + num(ab + ba)


def head(run):
    out = b"trawl-jn" + record(1, num(1) + num(run) + num(1) + num(0) + snum(START) + num(M64) +
                               num(262144) + num(600 * S) + num(15 * S) + num(0) +
                               text(b"default") + text(b"make_store.py"))
    return out + record(2, num(0) + num(1) + num(0) + num(0) + text(b"eth0") + text(None) * 4)


def kept(run):
    """The files of a run that was finished."""
    packets, places = segment(PACKETS)
    end = places[-1] * 4 + 32 + (len(PACKETS[-1][1]) + 3) // 4 * 4
    spans = [(places[0] * 4, end, len(PACKETS), START, START + 3 * S)]
    px = index([(s, [places[i] for i in which]) for s, which in FLOWS], spans, end)
    jn = head(run) + record(3, num(len(FIELDS)) + b"".join(num(i) + num(t) for i, t in FIELDS))
    rows = row(8, 0, 8000, B, 40001, 53, 1, 50, 1, 51, b"DNS")
    rows += row(16, 1000, 2 * S, C, 40002, 9999, 2, 107, 0, 0, b"UDP")
    rows += row(40, 3 * S, 3 * S, B, 40003, 53, 1, 50, 0, 0, b"DNS")
    jn += record(4, struct.pack("<Iqq", 3, START, START + 3 * S) + rows)
    jn += record(7, num(1) + num(len(packets)) + num(5) + snum(START) + snum(START + 3 * S))
    jn += record(9, snum(START + 10 * S) + num(5) + num(0) + num(0) + num(3) + num(0))
    return {".jrn": jn, "-000001.pcapng": packets, "-000001.pidx": px}


def killed(run):
    """Those of one that was killed: no rows, no index, the last packet cut."""
    packets, _ = segment(PACKETS)
    jn = head(run) + record(5, num(0) + snum(START + S) + snum(START + 2 * S) + num(1) + num(7))
    jn += record(6, snum(START + 2 * S) + num(4) + num(0)) + bytes(7)
    return {".jrn": jn, "-000001.pcapng": packets[:-5]}


def write_store(name, files, run):
    folder = DATA / name / "default" / "0"
    folder.mkdir(parents=True, exist_ok=True)
    for end, content in files.items():
        (folder / f"{run:016x}{end}").write_bytes(content)


def main():
    write_store("store_1", kept(START), START)
    write_store("store_killed", killed(START), START)
    files = {
        "pidx/empty": index([], [], 0),
        "pidx/three": index([(8, [50, 73, 900]), (9, [73]), (1 << 40, [500, 501])],
                            [(200, 2004, 3, -5, 7), (3600, 3604, 1, 2, 2)], 4000),
        "pidx_refs/three": references([
            (200, 2004, 3, -5, 7, [(50, 8), (73, 9), (73, 8), (300, 1 << 40)]),
            (2004, 2004, 0, 0, 0, []),
            (3600, 4000, 2, 1790000000 * S, 1790000001 * S, [(900, 16), (950, 8)])]),
        "jrn/small": journal(),
        "jrn/blocks": journal_of_blocks(),
    }
    for name, content in files.items():
        (CORPUS / name).parent.mkdir(parents=True, exist_ok=True)
        (CORPUS / name).write_bytes(content)


if __name__ == "__main__":
    main()
