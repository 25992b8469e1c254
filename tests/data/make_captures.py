#!/usr/bin/python3
"""Makes the captures of the readers' tests, with what must be found in them.

    make_captures.py             writes captures/, ../unit/captures.def and the
                                 seeds ../fuzz/corpus/pcap and pcapng
    make_captures.py --capinfos  shows where Wireshark's capinfos sees other numbers

Every file is built field by field with struct, and every expected value is
written beside it by hand: nothing here comes from trawl."""
import gzip
import io
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
US, NS, MODIFIED = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
SHB, IDB, PB, SPB, NRB, ISB, EPB, SJE, DSB = 0x0A0D0D0A, 1, 2, 3, 4, 5, 6, 9, 10
T = 1700000000  # 2023-11-14T22:13:20Z, the first second of every file
files = []


def frame(n, fill):
    """n bytes: broadcast, a documentation MAC, EtherType 0x88b5 (local experimental)."""
    return (b"\xff" * 6 + b"\x00\x00\x5e\x00\x53\x01\x88\xb5" + bytes([fill]) * n)[:n]


def add(name, data, packets, size, first=None, last=None, ifaces=1, notes=0, capinfos=True):
    """first, last: (seconds, nanoseconds); capinfos: whether it agrees."""
    files.append((name, data, packets, size, first or (0, 0), last or first or (0, 0), ifaces,
                  notes, capinfos))


def pcap(records, magic=US, order="<", linktype=1, snaplen=262144, version=(2, 4)):
    out = struct.pack(order + "IHHiIII", magic, *version, 0, 0, snaplen, linktype)
    for sec, sub, data, wire in records:
        lens = (wire, len(data)) if version < (2, 3) else (len(data), wire)
        out += struct.pack(order + "IIII", sec, sub, *lens)
        if magic == MODIFIED:
            out += struct.pack(order + "IHBB", 2, 0x88B5, 0, 0)
        out += data
    return out


class Section:
    """One pcapng section being written."""

    def __init__(self, order="<", options=b""):
        self.order = order
        self.out = b""
        self.block(SHB, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options)

    def block(self, kind, body, size=None):
        body += bytes(-len(body) % 4)
        size = struct.pack(self.order + "I", size or 12 + len(body))
        self.out += struct.pack(self.order + "I", kind) + size + body + size
        return self

    def opt(self, *codes):
        out = b"".join(struct.pack(self.order + "HH", c, len(v)) + v + bytes(-len(v) % 4)
                       for c, v in codes)
        return out + struct.pack(self.order + "HH", 0, 0)

    def idb(self, *options, linktype=1, snaplen=0):
        opts = self.opt(*options) if options else b""
        return self.block(IDB, struct.pack(self.order + "HHI", linktype, 0, snaplen) + opts)

    def epb(self, iface, ticks, data, wire=None, *options):
        head = struct.pack(self.order + "IIIII", iface, ticks >> 32, ticks & 0xFFFFFFFF, len(data),
                           wire or len(data))
        opts = self.opt(*options) if options else b""
        return self.block(EPB, head + data + bytes(-len(data) % 4) + opts)

    def pb(self, iface, drops, ticks, data):
        return self.block(PB, struct.pack(self.order + "HHIIII", iface, drops, ticks >> 32,
                                          ticks & 0xFFFFFFFF, len(data), len(data)) + data)

    def spb(self, data, wire):
        return self.block(SPB, struct.pack(self.order + "I", wire) + data)

    def isb(self, iface, *options):
        return self.block(ISB, struct.pack(self.order + "III", iface, 0, 0) + self.opt(*options))

    def u64(self, v):
        return struct.pack(self.order + "Q", v)

    def u32(self, v):
        return struct.pack(self.order + "I", v)


def snoop(records):
    out = b"snoop\0\0\0" + struct.pack(">II", 2, 4)
    for sec, us, data, wire, drops in records:
        pad = -len(data) % 4
        out += struct.pack(">IIIIII", wire, len(data), 24 + len(data) + pad, drops, sec, us)
        out += data + bytes(pad)
    return out


def erf(records):
    """kind 2: Ethernet, two bytes of its own in front of the frame."""
    out = b""
    for sec, part, kind, port, data, wire in records:
        head = 18 if kind == 2 else 16
        size = (head + len(data) + 7) // 8 * 8
        out += struct.pack("<II", part, sec)
        out += struct.pack(">BBHHH", kind, port | 4, size, 0, wire) + bytes(head - 16) + data
        out += bytes(size - head - len(data))
    return out


THREE = [(T, 5, frame(60, 1), 60), (T, 999999, frame(42, 2), 1514), (T + 2, 0, frame(61, 3), 61)]
THREE_NS = [(T, 5, frame(60, 1), 60), (T, 999999999, frame(42, 2), 1514), (T + 2, 0, frame(61, 3), 61)]


def classic():
    sums = (3, 60 + 1514 + 61, (T, 5000), (T + 2, 0))
    sums_ns = (3, 60 + 1514 + 61, (T, 5), (T + 2, 0))
    add("us_le.pcap", pcap(THREE), *sums)
    add("us_be.pcap", pcap(THREE, order=">"), *sums)
    add("ns_le.pcap", pcap(THREE_NS, NS), *sums_ns)
    add("ns_be.pcap", pcap(THREE_NS, NS, ">"), *sums_ns)
    add("modified.pcap", pcap(THREE, MODIFIED), *sums)
    # pcap-savefile(5): before 2.3 the lengths stand the other way round.
    add("version_2_2.pcap", pcap(THREE, version=(2, 2)), *sums)
    # FCS length 4 (two 16-bit words), present bit set.
    add("fcs.pcap", pcap(THREE, linktype=1 | 1 << 26 | 2 << 28), *sums)
    add("empty.pcap", pcap([]), 0, 0)
    add("snaplen_0.pcap", pcap(THREE, snaplen=0), *sums)
    add("snaplen_max.pcap", pcap(THREE, snaplen=0xFFFFFFFF), *sums)
    # 1000000 us: taken as the last one of the second.
    add("bad_us.pcap", pcap([(T, 1000000, frame(60, 1), 60)]), 1, 60, (T, 999999000), notes=1,
        capinfos=False)
    add("after_2038.pcap", pcap([(0xFFFFFFFF, 1, frame(60, 1), 60)]), 1, 60, (0xFFFFFFFF, 1000))
    add("longer_than_wire.pcap", pcap([(T, 1, frame(60, 1), 50)]), 1, 50, (T, 1000))
    head, rest = pcap(THREE * 4)[:24 + 76], pcap(THREE * 4)[24 + 76:]
    # 40 bytes of 0xff between the first and the second of 12 packets.
    add("damaged.pcap", head + b"\xff" * 40 + rest, 12, 4 * (60 + 1514 + 61), (T, 5000), (T + 2, 0),
        notes=1, capinfos=False)
    # 4 KiB of zeros, as a crash leaves them.
    add("hole.pcap", head + bytes(4096) + rest, 12, 4 * (60 + 1514 + 61), (T, 5000), (T + 2, 0),
        notes=1, capinfos=False)


def blocks():
    """One section with every block of the draft."""
    for order, name in (("<", "blocks_le.pcapng"), (">", "blocks_be.pcapng")):
        s = Section(order)
        s = Section(order, s.opt((1, b"a comment"), (2, b"hardware"), (3, b"system"), (4, b"application")))
        s.idb((2, b"eth0"), (3, b"first"), (8, s.u64(10**9)), (9, b"\x09"), (11, b"\x00tcp"), (12, b"Linux"),
              (13, b"\x04"), (15, b"card"), snaplen=128)
        s.idb(linktype=101)
        s.epb(0, T * 10**9 + 5, frame(60, 1), 60, (1, b"hello"), (2, s.u32(1)), (4, s.u64(7)))
        s.epb(1, T * 10**6 + 1, b"\x45" + bytes(20), 40, (2, s.u32(2)))
        s.pb(0, 3, T * 10**9 + 6, frame(15, 2))
        s.spb(frame(128, 3), 1500)
        s.block(NRB, struct.pack(order + "HH", 1, 6) + b"\xc0\0\2\1a\0\0\0" +
                struct.pack(order + "HH", 2, 18) + bytes(15) + b"\1b\0\0\0" + s.u32(0))
        s.isb(0, (4, s.u64(100)), (5, s.u64(1)), (6, s.u64(90)), (7, s.u64(2)), (8, s.u64(80)))
        s.block(SJE, b"__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=x\n")
        s.block(DSB, struct.pack(order + "II", 0x544C534B, 5) + b"keys\n")
        s.block(0xBAD, s.u32(32473) + b"copy")
        s.block(0x40000BAD, s.u32(32473) + b"nope")
        s.block(0x80001234, b"unknown")
        s.epb(0, (T + 1) * 10**9, frame(0, 0))
        # Times: capinfos gives up on them, since an SPB has none.
        add(name, s.out, 5, 60 + 40 + 15 + 1500, (T, 5), (T + 1, 0), 2, capinfos=False)


def sections():
    a = Section("<").idb((9, b"\x06")).epb(0, T * 10**6, frame(60, 1))
    b = Section(">").idb(linktype=101).idb((9, b"\x09")).epb(1, T * 10**9 + 1, frame(61, 2))
    b.epb(0, T * 10**6 + 1, frame(20, 3))
    c = Section("<")
    add("sections.pcapng", a.out + b.out + c.out, 3, 60 + 61 + 20, (T, 0), (T, 1000), 3)

    # 10^-n and 2^-n, each with one packet at T; and if_tsoffset.
    s = Section()
    for n in (0, 3, 6, 9, 12):
        s.idb((9, bytes([n])))
    s.idb((9, bytes([0x80 | 10]))).idb((9, bytes([0x80 | 30]))).idb((14, s.u64(T)))
    for i, ticks in enumerate((T, T * 10**3, T * 10**6, T * 10**9, T * 10**12 % 2**64, T << 10, T << 30, 0)):
        if i != 4:  # 10^-12 does not hold T in 64 bits
            s.epb(i, ticks, frame(60, i))
    s.epb(4, 5 * 10**12 + 999, frame(60, 4))
    add("resolutions.pcapng", s.out, 8, 8 * 60, (5, 0), (T, 0), 8)

    # The interface is described behind a packet of the one before.
    s = Section().idb().epb(0, T * 10**6, frame(60, 1)).idb(linktype=113).epb(1, T * 10**6, frame(60, 1))
    add("late_idb.pcapng", s.out, 2, 120, (T, 0), ifaces=2)
    s = Section().idb().epb(0, T * 10**6, frame(60, 1)).epb(5, T * 10**6, frame(60, 1))
    s.epb(0, T * 10**6 + 1, frame(60, 1))
    add("no_such_iface.pcapng", s.out, 2, 120, (T, 0), (T, 1000), notes=1, capinfos=False)
    s = Section().idb().epb(0, T * 10**6, frame(60, 1))
    good = s.out
    s.out = b""
    s.epb(0, T * 10**6 + 1, frame(60, 1))
    noise = b"\x06\x00\x00\x00\xff\xff\x00\x00 not a block "
    add("damaged.pcapng", good + noise + s.out, 2, 120, (T, 0), (T, 1000), notes=1, capinfos=False)
    # A length that is no multiple of 4, with padding behind it.
    s = Section().idb()
    s.block(EPB, struct.pack("<IIIII", 0, T * 10**6 >> 32, T * 10**6 & 0xFFFFFFFF, 61, 61) + frame(61, 1), 93)
    s.epb(0, T * 10**6 + 1, frame(60, 1))
    add("odd_length.pcapng", s.out, 2, 121, (T, 0), (T, 1000), notes=1)
    add("only_section.pcapng", Section().out, 0, 0, ifaces=0)
    # Ticks beyond int64 ns: the year 586524 becomes 2262.
    s = Section().idb().epb(0, 2**64 - 1, frame(60, 1))
    add("far_future.pcapng", s.out, 1, 60, (9223372036, 854775807), notes=1, capinfos=False)


def others():
    two = [(T, 5, frame(61, 1), 61, 0), (T + 1, 6, frame(40, 2), 1514, 3)]
    add("solaris.snoop", snoop(two), 2, 1575, (T, 5000), (T + 1, 6000))
    # The padding of the last record is missing: nothing of value is.
    add("unpadded.snoop", snoop(two[::-1])[:-3], 2, 1575, (T, 5000), (T + 1, 6000), capinfos=False)
    half = 1 << 31
    add("ports.erf", erf([(T, half, 2, 0, frame(60, 1), 60), (T, half + 1, 2, 1, frame(60, 2), 64),
                          (T + 1, 0, 3, 0, bytes(52), 53)]), 3, 60 + 64 + 53, (T, 500000000), (T + 1, 0), 3,
        capinfos=True)


def tool(*command, data):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def packed():
    a, b = pcap(THREE), pcap(THREE)[24:]
    sums = (6, 2 * (60 + 1514 + 61), (T, 5000), (T + 2, 0))
    zips = b""
    for part in (a, b):
        f = io.BytesIO()
        with gzip.GzipFile(fileobj=f, mode="wb", mtime=0) as z:
            z.write(part)
        zips += f.getvalue()
    # Two members, frames: one stream.
    add("two.pcap.gz", zips, *sums)
    # gzip(1) ignores zeros behind the last member; capinfos does not.
    add("padded.pcap.gz", zips + bytes(512), *sums, capinfos=False)
    add("two.pcap.zst", b"".join(tool("zstd", "-q", "-c", data=p) for p in (a, b)), *sums)
    add("two.pcap.lz4", b"".join(tool("lz4", "-q", "-c", data=p) for p in (a, b)), *sums)


def seconds(t):
    return f"{t[0]}.{t[1]:09d}"


def write():
    folder = os.path.join(HERE, "captures")
    os.makedirs(folder, exist_ok=True)
    lines = ["/* Made by tests/data/make_captures.py: file, packets, bytes on the wire, first and last\n"
             " * time (s, ns), interfaces, notes. */\n"]
    for name, data, packets, size, first, last, ifaces, notes, _ in files:
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
        lines.append(f'CAPTURE("{name}", {packets}, {size}, {first[0]}, {first[1]}, {last[0]}, {last[1]}, '
                     f"{ifaces}, {notes})\n")
    with open(os.path.join(HERE, "..", "unit", "captures.def"), "w") as f:
        f.writelines(lines)
    for target in ("pcap", "pcapng"):
        folder = os.path.join(HERE, "..", "fuzz", "corpus", target)
        os.makedirs(folder, exist_ok=True)
        for name, data, *_ in files:
            ng = name.endswith("pcapng")
            if target == "pcap" and not ng:
                seed = data
            elif target == "pcapng" and ng:
                seed = (b"\1" if data[8] == 0x1A else b"\0") + data[28:]
            else:
                continue
            with open(os.path.join(folder, name), "wb") as f:
                f.write(seed[:1024])


def compare():
    """capinfos against the numbers above."""
    for name, _, packets, size, first, last, ifaces, _, agrees in files:
        path = os.path.join(HERE, "captures", name)
        p = subprocess.run(["capinfos", "-T", "-r", "-M", "-S", path], capture_output=True, text=True)
        cells = p.stdout.split("\n")[0].split("\t")
        want = [str(packets), str(size)]
        got = [cells[7], cells[9]] if len(cells) > 11 else [p.stderr.strip()]
        if packets and len(cells) > 12:
            want += [seconds(t)[:len(c)] for t, c in zip((first, last), cells[11:13])]
            got += cells[11:13]
        if (got == want) != agrees:
            print("UNEXPECTED:" if agrees else "agrees after all:", end=" ")
        if got != want or not agrees:
            print(name, "want", want, "capinfos", got)


for make in (classic, blocks, sections, others, packed):
    make()
if "--capinfos" in sys.argv:
    compare()
else:
    write()
