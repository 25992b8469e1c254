"""Frames from parts, with right lengths and checksums, and classic pcap files:
Python's standard library only, the same bytes every time."""
import ipaddress
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def addr(text):
    return ipaddress.ip_address(text).packed


def mac(n):
    """One of the documentation MACs, RFC 7042 2.1.1."""
    return bytes([0, 0, 0x5E, 0, 0x53, n])


def eth(src, dst, kind, payload, vlans=()):
    tags = b"".join(struct.pack("!HH", 0x8100, v) for v in vlans)
    return mac(dst) + mac(src) + tags + struct.pack("!H", kind) + payload


def pseudo(src, dst, proto, length):
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, proto, length)
    return src + dst + struct.pack("!IHBB", length, 0, 0, proto)


def ip(src, dst, proto, payload, ttl=64, ident=0, tos=0):
    """(EtherType, packet); the family follows from the addresses."""
    src, dst = addr(src), addr(dst)
    if len(src) == 16:
        return 0x86DD, struct.pack("!IHBB", 6 << 28 | tos << 20, len(payload), proto, ttl) + src + dst + payload
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), ident, 0x4000, ttl, proto, 0) + src + dst
    return 0x0800, head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def tcp(src, dst, sport, dport, seq, ack, flags, payload=b"", options=b"", window=64240):
    words = 5 + len(options) // 4
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, words << 4,
                       flags, window, 0, 0) + options + payload
    c = checksum(pseudo(addr(src), addr(dst), 6, len(head)) + head)
    return 6, head[:16] + struct.pack("!H", c) + head[18:]


def udp(src, dst, sport, dport, payload):
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    c = checksum(pseudo(addr(src), addr(dst), 17, len(head)) + head) or 0xFFFF
    return 17, head[:6] + struct.pack("!H", c) + head[8:]


def icmp_echo(reply, ident, seq, payload):
    body = struct.pack("!BBHHH", 0 if reply else 8, 0, 0, ident, seq) + payload
    return 1, body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def vxlan(vni, frame):
    """RFC 7348 5."""
    return struct.pack("!II", 0x08 << 24, vni << 8) + frame


def dns_name(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"


def dns(ident, name, answer=None):
    """A query for A, or its response. RFC 1035 4.1."""
    question = dns_name(name) + struct.pack("!HH", 1, 1)
    if answer is None:
        return struct.pack("!HHHHHH", ident, 0x0100, 1, 0, 0, 0) + question
    record = struct.pack("!HHHIH", 0xC00C, 1, 1, 300, 4) + addr(answer)
    return struct.pack("!HHHHHH", ident, 0x8180, 1, 1, 0, 0) + question + record


def client_hello(name):
    """A TLS record with a ClientHello that names its server, RFC 8446 4.1.2, RFC 6066 3."""
    host = name.encode()
    sni = struct.pack("!HBH", len(host) + 3, 0, len(host)) + host
    versions = b"\x02\x03\x04"
    extensions = struct.pack("!HH", 0, len(sni)) + sni + struct.pack("!HH", 43, len(versions)) + versions
    body = (b"\x03\x03" + bytes(range(32)) + b"\0" + struct.pack("!HHH", 4, 0x1301, 0x1302) +
            b"\x01\0" + struct.pack("!H", len(extensions)) + extensions)
    shake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack("!H", len(shake)) + shake


def server_hello():
    body = b"\x03\x03" + bytes(range(32, 64)) + b"\0" + struct.pack("!HB", 0x1301, 0)
    shake = b"\x02" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + struct.pack("!H", len(shake)) + shake


def pcap(path, packets, linktype=1):
    """Writes [(time in ns, frame)] with nanosecond stamps, in the order of time."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, linktype))
        for ts, frame in sorted(packets, key=lambda p: p[0]):
            f.write(struct.pack("<IIII", ts // 10**9, ts % 10**9, len(frame), len(frame)) + frame)
