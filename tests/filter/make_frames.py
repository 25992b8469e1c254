#!/usr/bin/python3
"""Writes frames.pcapng: frames of every link type and header that an expression
of expressions.txt asks for, whether it is to match or not.

The bytes are scapy's where scapy knows the header, else by hand from the
document named beside it.  The same file every time."""
import pathlib
import struct

from scapy.all import (ARP, Dot1AD, Dot1Q, Dot11, Ether, GRE, IP, IPv6,
                       IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                       IPv6ExtHdrRouting, LLC, PPPoE, PPPoED, RadioTap, Raw, SCTP, SNAP, TCP, UDP,
                       VXLAN, fragment, raw)
from scapy.contrib.mpls import MPLS

OUT = pathlib.Path(__file__).parent / "frames.pcapng"
A, B = "192.0.2.1", "198.51.100.2"
A6, B6 = "2001:db8::1", "2001:db8::2"
MAC = ["00:00:5e:00:53:%02x" % n for n in range(8)]
ETH = Ether(src=MAC[1], dst=MAC[2])


def pseudo_random(n, seed):
    """A linear congruential generator: bytes that are the same in every version of Python."""
    out = bytearray()
    for _ in range(n):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(seed >> 16 & 0xFF)
    return bytes(out)


def ip_packets():
    """What goes behind every link header: (EtherType, bytes)."""
    v4, v6 = IP(src=A, dst=B, id=7), IPv6(src=A6, dst=B6)
    back = IP(src=B, dst=A, id=8)
    out = [v4 / TCP(sport=1024, dport=80, flags=f, seq=1) / Raw(b"x" * n)
           for n, f in enumerate(("S", "SA", "A", "PA", "FA", "R", "RA", "UPA", "SEC", ""))]
    out += [back / TCP(sport=p, dport=q, flags="A") for p, q in ((80, 1024), (443, 443), (22, 25), (21, 8080))]
    out += [v4 / UDP(sport=p, dport=q) / Raw(b"\x08\0\0\0\0\0\5\0query") for p, q in
            ((5353, 53), (53, 9), (123, 123), (0, 65535), (9, 0))]
    out += [back / SCTP(sport=9, dport=80), v4 / SCTP(sport=80, dport=100) / Raw(b"\1" * 20)]
    out += [IP(src=A, dst=B, id=7, proto=1) / Raw(bytes([t, 3 if t == 3 else 0]) + bytes(18))  # RFC 792
            for t in (0, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)]
    out += [IP(src=A, dst=B, options=b"\x94\x04\0\0") / TCP(sport=443, dport=1025, flags="F"),
            IP(src=A, dst="255.255.255.255") / UDP(sport=68, dport=67),
            IP(src="10.1.2.3", dst="172.16.5.6", tos=3, ttl=3) / UDP(sport=1000, dport=2000),
            IP(src=A, dst=B, ttl=32) / UDP(sport=53, dport=53),  # shifts go by it
            IP(src=A, dst=B, ttl=33, version=5) / TCP(dport=80),  # of which only 4 bits are a length
            IP(src="192.168.1.0", dst="192.168.200.7", ttl=255, flags="DF") / TCP(dport=993),
            v4 / GRE() / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2),
            v4 / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(dport=80),
            v4 / IPv6(src=A6, dst=B6) / UDP(dport=53)]
    out += fragment(v4 / UDP(sport=53, dport=5353) / Raw(b"y" * 64), fragsize=40)
    # protocol numbers (IANA): IGMP, IGRP, ESP, AH (then TCP), OSPF, PIM, VRRP, CARP (= VRRP)
    for proto, body in ((2, "11040102e0000001"), (9, "0100"), (50, "00000001" * 4), (89, "02010004"),
                        (51, "0604000000000001" + "00" * 16 + "0400005000000001" + "00000000500220000000"),
                        (103, "2000dfff"), (112, "3101640100010000"), (112, "2101640100010000"), (255, "ff")):
        out.append(IP(src=A, dst="224.0.0.5", proto=proto, ttl=1) / Raw(bytes.fromhex(body)))
    out += [v6 / TCP(sport=1024, dport=80, flags="S"), v6 / TCP(sport=22, dport=9), v6 / UDP(sport=53, dport=1024),
            v6 / UDP(sport=9, dport=53) / Raw(b"q"), IPv6(src=B6, dst=A6, hlim=1) / SCTP(sport=7, dport=80),
            v6 / IPv6ExtHdrHopByHop() / TCP(sport=22, dport=1024),
            v6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(sport=22, dport=1024),
            v6 / IPv6ExtHdrRouting(addresses=[A6]) / TCP(dport=80),
            v6 / IPv6ExtHdrFragment(offset=0, m=1, id=4) / UDP(sport=53, dport=9, len=100),
            v6 / IPv6ExtHdrFragment(offset=8, m=0, id=4) / Raw(b"z" * 9),
            IPv6(src=A6, dst=B6, nh=51) / Raw(bytes.fromhex("0604000000000001" + "00" * 16)) / TCP(dport=80),
            IPv6(src=A6, dst=B6, nh=103) / Raw(b"\x20\0\xdf\xff"), IPv6(src=A6, dst=B6, nh=50) / Raw(b"\0\0\0\1" * 3),
            IPv6(src=A6, dst=B6, nh=59), IPv6(src="fe80::1", dst="ff02::1", nh=112) / Raw(b"\x31\1")]
    # RFC 4443 and the IANA registry of ICMPv6 types
    out += [IPv6(src="fe80::1", dst="ff02::1" if t % 2 else A6, hlim=255, nh=58) / Raw(bytes([t, 0, 0, 0]) + bytes(20))
            for t in (*range(1, 5), *range(128, 154))]
    return [(0x86DD if IPv6 in p and p.name == "IPv6" else 0x800, raw(p)) for p in out]


def ethernet(ips):
    yield from (raw(Ether(src=MAC[1], dst=MAC[2], type=t)) + p for t, p in ips)
    tcp4, udp6 = ips[0], next(p for p in ips if p[0] == 0x86DD)
    tag = {"src": MAC[1], "dst": MAC[2]}
    for layers in ((Dot1Q(vlan=5),), (Dot1Q(vlan=100, prio=3),), (Dot1AD(vlan=10), Dot1Q(vlan=20)),
                   (Dot1Q(vlan=10), Dot1Q(vlan=20)), (Dot1Q(vlan=0),), (Dot1Q(vlan=5), Dot1Q(vlan=5), Dot1Q(vlan=5))):
        for t, p in (tcp4, udp6, ips[14]):
            head = Ether(**tag)
            for layer in layers:
                head = head / layer
            head.lastlayer().type = t
            yield raw(head) + p
    yield raw(Ether(**tag) / Dot1Q(vlan=5) / ARP(op=1, psrc=A, pdst=B))
    for op, kind in ((1, 0x806), (2, 0x806), (3, 0x8035), (4, 0x8035)):
        yield raw(Ether(src=MAC[1], dst="ff:ff:ff:ff:ff:ff", type=kind) / ARP(op=op, psrc=A, pdst="10.0.0.9"))
    yield raw(Ether(src=MAC[3], dst="01:00:5e:00:00:05", type=0x800)) + ips[10][1]
    yield raw(ETH / MPLS(label=100, s=0, ttl=64) / MPLS(label=200, s=1, ttl=64)) + tcp4[1]
    yield raw(ETH / MPLS(label=100, s=1, ttl=64)) + tcp4[1]
    yield raw(ETH / MPLS(label=100, s=1, ttl=64)) + udp6[1]
    yield raw(Ether(**tag) / Dot1Q(vlan=5) / MPLS(label=100, s=1, ttl=64)) + tcp4[1]
    yield raw(ETH / PPPoED(code=9))
    for session, proto, p in ((7, 0x21, tcp4), (7, 0x57, udp6), (8, 0x21, ips[14]), (8, 0xC021, (0, b"\1\1\0\4"))):
        yield raw(ETH / PPPoE(sessionid=session) / Raw(struct.pack("!H", proto) + p[1]))
    yield raw(Ether(**tag) / Dot1Q(vlan=5) / PPPoE(sessionid=7) / Raw(b"\0\x21" + tcp4[1]))
    # Geneve, RFC 8926 3.4: version and option length, flags, protocol, VNI
    for vni, options, kind, body in ((0xb, b"", 0x6558, raw(ETH / Raw(b"")) + b"\x08\0" + tcp4[1]),
                                     (0xb, b"\1\2\3\1abcd", 0x800, tcp4[1]), (12, b"", 0x86DD, udp6[1]),
                                     (13, b"", 0x6558, raw(Ether(**tag) / Dot1Q(vlan=5, type=0x800)) + tcp4[1])):
        head = struct.pack("!BBHI", len(options) // 4, 0, kind, vni << 8) + options
        yield raw(ETH / IP(src=A, dst=B) / UDP(sport=9, dport=6081) / Raw(head + body))
        yield raw(ETH / IPv6(src=A6, dst=B6) / UDP(sport=9, dport=6081) / Raw(head + body))
    yield raw(ETH / IP(src=A, dst=B) / UDP(sport=7, dport=4789) / VXLAN(vni=5) / ETH / Raw(b"inner"))
    for kind in (0x809B, 0x80F3, 0x6003, 0x6004, 0x6002, 0x6001, 0x6007, 0x8137, 0x9000, 0x88CC, 0x88A8, 0x1234):
        yield raw(Ether(src=MAC[1], dst=MAC[2], type=kind)) + pseudo_random(46, kind)
    yield from (struct.pack("!6s6sH", bytes(5) + b"\2", bytes(5) + b"\1", len(p)) + p for p in llc_packets(tcp4[1]))
    for n in (0, 1, 13, 14, 15, 60, 61, 1514, 9000):
        yield pseudo_random(n, n)


def llc_packets(ip4):
    """IEEE 802.2 3.2: DSAP, SSAP, control; control fields of 5.4."""
    yield b"\xaa\xaa\x03\0\0\0\x08\0" + ip4
    yield b"\xaa\xaa\x03\x08\0\x07\x80\x9b" + bytes(20)  # AppleTalk
    yield b"\xaa\xaa\x03\0\0\0\x80\xf3" + bytes(20)  # AARP
    yield b"\xaa\xaa\x03\0\0\0\x81\x37" + bytes(20)  # IPX
    yield b"\x42\x42\x03" + bytes(35)  # spanning tree
    yield b"\xe0\xe0\x03\xff\xff" + bytes(28)  # IPX
    yield b"\xff\xff" + bytes(30)  # IPX without LLC
    yield b"\xf0\xf0\x7f" + bytes(20)  # NetBEUI
    for body in (b"\x81\x1b\1\0\x0f\1\0\0", b"\x82\x15\1\0\2\0\0\0", b"\x83\x1b\1\0\x10\1\0\0"):
        for kind in (0x0F, 0x10, 0x11, 0x12, 0x14, 0x18, 0x19, 0x1A, 0x1B):  # ISO 10589 9: PDU types
            yield b"\xfe\xfe\x03" + body[:4] + bytes([kind]) + body[5:] + bytes(20)
    for control in (b"\0\0", b"\2\4", b"\1\0", b"\5\0", b"\x09\0", b"\x03", b"\x63", b"\x73", b"\x43", b"\x0f", b"\x1f",
                    b"\x53", b"\x6f", b"\x7f", b"\xe3", b"\xf3", b"\xaf", b"\xbf", b"\x87", b"\x97"):
        yield b"\x08\x08" + control + bytes(4)


def wlan(ips):
    for kind, subs in ((0, range(14)), (1, range(8, 16)), (2, range(16))):
        for sub in subs:
            ds = sub % 4
            head = Dot11(type=kind, subtype=sub, FCfield=ds, addr1=MAC[2], addr2=MAC[1], addr3=MAC[3], addr4=MAC[4])
            yield raw(head) + b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", ips[sub][0]) + ips[sub][1]
    yield raw(Dot11(type=0, subtype=8, addr1="ff:ff:ff:ff:ff:ff", addr2=MAC[1], addr3=MAC[1])) + bytes(24)


def short(ips):
    """Enough to see where a link header ends."""
    v6 = next(n for n, p in enumerate(ips) if p[0] == 0x86DD)
    return ips[:3] + ips[14:18] + ips[21:24] + ips[v6:v6 + 9]


def pflog(ips):
    """OpenBSD's struct pfloghdr: length, family, action, reason, interface, ruleset, rule numbers (big-endian)."""
    for n, (t, p) in enumerate(ips):
        head = struct.pack("!BBBB16s16sIIIIIIBB2x", 61, 10 if t == 0x86DD else 2, n % 7, n % 6, b"em0", b"main", 1 + n % 2, 3,
                           0, 0, 0, 0, 1, 0)
        yield head + bytes(64 - len(head)) + p


def atm(ips):
    """SunATM: direction and type, VPI, VCI; linktypes of tcpdump.org."""
    for kind, vpi, vci in ((2, 0, 5), (1, 0, 5), (6, 0, 16), (2, 0, 1), (2, 0, 2), (5, 0, 3), (5, 0, 4), (0x82, 1, 100)):
        for t, p in ips[:2]:
            yield struct.pack("!BBH", kind, vpi, vci) + b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", t) + p
        for message in (0x01, 0x02, 0x05, 0x07, 0x0F, 0x4D, 0x5A, 0x62):  # Q.2931 4.4
            yield struct.pack("!BBH", kind, vpi, vci) + b"\x09\3\0\0\1" + bytes([message]) + bytes(10)


def mtp2():
    """ITU-T Q.703 2.2 (length indicator: FISU 0, LSSU 1 and 2, MSU above), Q.704 2.2 (routing label)."""
    for li in (0, 1, 2, 3, 20, 63):
        for label in (0x30008001, 0x00408003, 0xFFFFFFFF, 0):
            yield bytes([0x80, 0x80, li]) + bytes([0x83]) + struct.pack("<I", label) + bytes(20)
            yield bytes([0, 0x80, li, 0, 0, li]) + bytes([0x83]) + struct.pack("<I", label) + bytes(20)


def frames():
    ips = ip_packets()
    few = short(ips)
    yield 1, ethernet(ips)
    yield 101, (p for _, p in ips)
    yield 228, (p for t, p in few if t == 0x800)
    yield 229, (p for t, p in few if t == 0x86DD)
    # Linux cooked, tcpdump.org/linktypes: packet type, ARPHRD, address length, address, protocol
    yield 113, (struct.pack("!HHH8sH", n % 5, 1, 6, b"\0\0\x5e\0\x53\1", t) + p for n, (t, p) in enumerate(ips))
    yield 276, (struct.pack("!HHIHBB8s", t, 0, 3, 1, n % 5, 6, b"\0\0\x5e\0\x53\1") + p for n, (t, p) in enumerate(few))
    yield 0, (struct.pack("<I", 30 if t == 0x86DD else 2) + p for t, p in few)
    yield 108, (struct.pack("!I", 24 if t == 0x86DD else 2) + p for t, p in few)
    yield 9, (b"\xff\x03" + struct.pack("!H", 0x57 if t == 0x86DD else 0x21) + p for t, p in few)
    yield 50, (b"\xff\x03" + struct.pack("!H", 0x57 if t == 0x86DD else 0x21) + p for t, p in few)
    yield 51, (raw(ETH / PPPoE(sessionid=7))[14:] + b"\0\x21" + p for t, p in few if t == 0x800)
    yield 104, (struct.pack("!BBH", 15, 0, t) + p for t, p in few)
    yield 107, (b"\x18\x41\x03\xcc" + p for t, p in few if t == 0x800)  # RFC 2427 4.1, NLPID of IPv4
    yield 8, (bytes([n % 2]) + bytes(15) + p for n, (_, p) in enumerate(few))
    yield 6, (b"\x10\x40" + bytes(5) + b"\2" + bytes([n % 2 << 7]) + bytes(4) + b"\1" + b"\2\0" * (n % 2) + q
              for n, q in enumerate(llc_packets(ips[0][1])))
    yield 10, (b"\x50" + bytes.fromhex("00005e005302" "00005e005301") + q for q in llc_packets(ips[0][1]))
    yield 7, (b"\1\2\xd4" + p for t, p in few if t == 0x800)
    yield 19, (b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", t) + p for t, p in few)
    yield 105, wlan(ips)
    yield 127, (raw(RadioTap()) + f for f in wlan(ips))
    yield 119, (struct.pack("<II", 0x44, 144) + bytes(136) + f for f in wlan(ips))
    yield 192, (struct.pack("<BBHI", 0, 0, 8, 105) + f for f in wlan(ips))
    yield 117, pflog(few)
    yield 123, atm(ips)
    yield 140, mtp2()
    yield 147, (pseudo_random(n, n) for n in (0, 1, 40))  # of a user's own: no headers known


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def main():
    # pcapng draft 4.1, 4.2, 4.3: section header, interface description, enhanced packet
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    number = 0
    for iface, (linktype, some) in enumerate(frames()):
        out += block(1, struct.pack("<HHI", linktype, 0, 0))
        for f in some:
            out += block(6, struct.pack("<IIIII", iface, 0, number, len(f), len(f)) + f)
            number += 1
    OUT.write_bytes(out)


if __name__ == "__main__":
    main()
