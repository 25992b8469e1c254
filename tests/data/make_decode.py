#!/usr/bin/python3
"""Makes the frames of the decoder's tests, with what must be found in them.

    make_decode.py            writes ../unit/dec_frames.def and ../fuzz/corpus/dec/
    make_decode.py --tshark   shows where tshark sees other TCP and UDP 5-tuples

Every frame is built header by header (scapy, or bytes), and every expected
value is written beside it by hand: nothing here comes from trawl's decoder."""
import os
import struct
import subprocess
import sys
import tempfile

from scapy.all import (ARP, Dot1Q, Ether, GRE, ICMP, IP, IPv6, LLC, SCTP, SNAP, TCP, UDP, VXLAN,
                       CookedLinux, Dot11, Dot11QoS, ICMPv6EchoRequest, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, Raw)

HERE = os.path.dirname(os.path.abspath(__file__))
M1, M2 = "00:00:5e:00:53:01", "00:00:5e:00:53:02"  # RFC 7042 2.1.1
M3, M4 = "00:00:5e:00:53:03", "00:00:5e:00:53:04"
A, B, C, D = "192.0.2.1", "192.0.2.2", "198.51.100.1", "198.51.100.2"  # RFC 5737
A6, B6 = "2001:db8::1", "2001:db8::2"  # RFC 3849
C6, D6 = "2001:db8:1::1", "2001:db8:1::2"

ETHERNET, NULL, RAW, LOOP, SLL, SLL2 = 1, 0, 101, 108, 113, 276
PPP, FDDI, CHDLC, WLAN, FRELAY, RADIOTAP = 9, 10, 104, 105, 107, 127
TOKEN_RING, SLIP, PPP_ETHER, IPNET, NFLOG, IPOIB = 6, 8, 51, 226, 239, 242
PPI, PKTAP, MPLS, PRISM, AVS, ENC, PFLOG = 192, 258, 219, 119, 163, 109, 117
ATM, CLIP, FC, FIREWIRE, MPACKET, PPP_HDLC = 100, 106, 122, 138, 274, 50

ORDER = ("proto", "ip_len", "payload", "ports", "link", "mac", "ttl", "tos", "frag", "tun", "vlan", "tcp",
         "icmp")
frames = []


def add(name, linktype, frame, *levels, wire=0, tshark=True):
    """A frame of which 'wire' more bytes were cut off."""
    frames.append((name, linktype, bytes(frame), wire, levels, tshark))


def level(kind, src="", dst="", path="", flags="", **fields):
    """One level as the test prints it; fields that are 0 are not printed."""
    parts = [kind] + [x for x in (src, dst) if x]
    for key in ORDER:
        if fields.get(key):
            parts.append(f"{key} {fields[key]}")
    return " ".join(parts + [f"flags {flags or '-'}", f"path {path or '-'}"])


def ip(src, dst, proto, ip_len, payload, path, flags="", mac=True, link=None, ttl=64, **fields):
    kind = "ip6" if ":" in src else "ip4"
    if mac is True:
        mac = f"{M1}>{M2}"
    return level(kind, src, dst, path, flags, proto=proto, ip_len=ip_len, payload=payload,
                 mac=mac or None, ttl=ttl, link=link or ("86dd" if kind == "ip6" else "0800"),
                 **fields)


def link(proto, path, flags="", mac=f"{M1}>{M2}", **fields):
    src, dst = mac.split(">")
    return level("link", src, dst, path, flags, link=f"{proto:04x}" if proto else None, mac=mac, **fields)


E = Ether(src=M1, dst=M2)
DATA = b"payload!"
UDP_FLAGS, TCP_FLAGS = "L4|PORTS", "L4|PORTS|TCP-OPTS"
u4 = IP(src=A, dst=B) / UDP(sport=1111, dport=2222) / DATA
u6 = IPv6(src=A6, dst=B6) / UDP(sport=1111, dport=2222) / DATA
t4 = IP(src=A, dst=B) / TCP(sport=1111, dport=80, seq=7, ack=9, flags="PA", window=512) / DATA
in4 = IP(src=C, dst=D) / UDP(sport=3333, dport=4444) / DATA
in6 = IPv6(src=C6, dst=D6) / UDP(sport=3333, dport=4444) / DATA
inner = Ether(src=M3, dst=M4) / in4


def udp4(path, flags=UDP_FLAGS, **kw):
    return ip(A, B, 17, 36, 8, path, flags, ports="1111>2222", **kw)


def udp6(path, flags=UDP_FLAGS, **kw):
    return ip(A6, B6, 17, 56, 8, path, flags, ports="1111>2222", **kw)


def inner4(path="IPv4/UDP", mac=None, flags="", **kw):
    return ip(C, D, 17, 36, 8, path, f"INNER|{flags + '|' if flags else ''}L4|PORTS",
              ports="3333>4444", mac=mac, **kw)


def inner6(path="IPv6/UDP", **kw):
    return ip(C6, D6, 17, 56, 8, path, "INNER|L4|PORTS", ports="3333>4444", mac=None, **kw)


def innere(**kw):
    return inner4("Ethernet/IPv4/UDP", mac=f"{M3}>{M4}", **kw)


def outer(proto, body, path, flags="HAS-INNER", **kw):
    """Level 0 of an IPv4 tunnel of 'proto' whose IP payload is 'body' bytes."""
    return ip(A, B, proto, 20 + body, body, path, flags, **kw)


def tunnel(name, port, header, body, path, inside, flags="", sport=50000, tshark=True, **kw):
    """A UDP tunnel over IPv4."""
    n = len(bytes(header)) + len(bytes(body))
    add(name, ETHERNET, E / IP(src=A, dst=B) / UDP(sport=sport, dport=port) / Raw(bytes(header)) /
        Raw(bytes(body)),
        ip(A, B, 17, 28 + n, n, f"Ethernet/IPv4/UDP/{path}",
           f"{flags}HAS-INNER|L4|PORTS", ports=f"{sport}>{port}", **kw), inside, tshark=tshark)


def plain():
    add("udp4", ETHERNET, E / u4, udp4("Ethernet/IPv4/UDP"))
    add("udp4_padded", ETHERNET, bytes(E / u4) + b"\0" * 10, udp4("Ethernet/IPv4/UDP"))
    add("udp6", ETHERNET, E / u6, udp6("Ethernet/IPv6/UDP"))
    add("tcp4", ETHERNET, E / t4,
        ip(A, B, 6, 48, 8, "Ethernet/IPv4/TCP", TCP_FLAGS, ports="1111>80",
           tcp="seq=7,ack=9,win=512,flags=18"))
    options = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]
    add("tcp4_syn", ETHERNET,
        E / IP(src=A, dst=B) / TCP(sport=1111, dport=80, seq=1, flags="SEC", window=64240,
                                   options=options),
        ip(A, B, 6, 60, 0, "Ethernet/IPv4/TCP", TCP_FLAGS, ports="1111>80",
           tcp="seq=1,ack=0,win=64240,flags=c2,wscale=8,mss=1460"))
    options = [("NOP", None), ("NOP", None), ("SAck", (100, 200, 300, 400))]
    add("tcp6_sack", ETHERNET,
        E / IPv6(src=A6, dst=B6, tc=0xB8, hlim=3) /
        TCP(sport=1111, dport=80, seq=1, ack=2, flags="A", window=1, options=options),
        ip(A6, B6, 6, 80, 0, "Ethernet/IPv6/TCP", TCP_FLAGS, ports="1111>80", ttl=3, tos="b8",
           tcp="seq=1,ack=2,win=1,flags=10,sack=2"))
    options = [("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]
    add("tcp4_timestamp", ETHERNET,
        E / IP(src=A, dst=B, tos=3) / TCP(sport=1111, dport=80, flags="F", options=options) / DATA,
        ip(A, B, 6, 60, 8, "Ethernet/IPv4/TCP", TCP_FLAGS, ports="1111>80", tos="03",
           tcp="seq=0,ack=0,win=8192,flags=01"))
    raw = bytes(TCP(sport=1111, dport=80, dataofs=6)) + b"\2\1\0\0"
    add("tcp4_bad_option", ETHERNET, E / IP(src=A, dst=B, proto=6) / Raw(raw),
        ip(A, B, 6, 44, 0, "Ethernet/IPv4/TCP", "MALFORMED|L4|PORTS", ports="1111>80",
           tcp="seq=0,ack=0,win=8192,flags=02"))
    raw = bytes(TCP(sport=1111, dport=80, dataofs=4)) + DATA
    add("tcp4_bad_offset", ETHERNET, E / IP(src=A, dst=B, proto=6) / Raw(raw),
        ip(A, B, 6, 48, 8, "Ethernet/IPv4/TCP", "MALFORMED|L4|PORTS", ports="1111>80",
           tcp="seq=0,ack=0,win=8192,flags=02"))
    options = [("MSS", 1460), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]
    p = bytes(E / IP(src=A, dst=B) / TCP(sport=1111, dport=80, options=options) / DATA)
    add("tcp4_cut_options", ETHERNET, p[:14 + 20 + 20 + 8],
        ip(A, B, 6, 68, 8, "Ethernet/IPv4/TCP", "TRUNCATED|L4|PORTS", ports="1111>80",
           tcp="seq=0,ack=0,win=8192,flags=02,mss=1460"), wire=len(p) - 62)
    add("udp4_short_length", ETHERNET, E / IP(src=A, dst=B) / UDP(sport=1111, dport=2222, len=7) / DATA,
        udp4("Ethernet/IPv4/UDP", "MALFORMED|L4|PORTS"))
    add("udp4_long_length", ETHERNET,
        E / IP(src=A, dst=B) / UDP(sport=1111, dport=2222, len=17) / DATA,
        udp4("Ethernet/IPv4/UDP", "MALFORMED|L4|PORTS"))
    add("udp4_trailer", ETHERNET, E / IP(src=A, dst=B) / UDP(sport=1111, dport=2222, len=12) / DATA,
        ip(A, B, 17, 36, 4, "Ethernet/IPv4/UDP", UDP_FLAGS, ports="1111>2222"))
    add("ip4_options", ETHERNET, E / IP(bytes(IP(src=A, dst=B, ihl=6, len=40, proto=17, chksum=0))[:20] +
                                        b"\1\1\1\0" + bytes(UDP(sport=1111, dport=2222) / DATA)),
        ip(A, B, 17, 40, 8, "Ethernet/IPv4/UDP", UDP_FLAGS, ports="1111>2222"))
    add("ip4_bad_ihl", ETHERNET, E / IP(src=A, dst=B, ihl=4) / UDP() / DATA,
        link(0x0800, "Ethernet", "MALFORMED"))
    add("ip4_bad_version", ETHERNET, E / IP(src=A, dst=B, version=5) / UDP() / DATA,
        link(0x0800, "Ethernet", "MALFORMED"))
    add("ip4_bad_length", ETHERNET, E / IP(src=A, dst=B, len=19) / UDP() / DATA,
        link(0x0800, "Ethernet", "MALFORMED"))
    add("ip4_long_length", ETHERNET, E / IP(src=A, dst=B, len=100) / UDP(sport=1111, dport=2222) / DATA,
        ip(A, B, 17, 100, 8, "Ethernet/IPv4/UDP", "MALFORMED|L4|PORTS", ports="1111>2222"))
    add("ip4_no_length", ETHERNET, E / IP(src=A, dst=B, len=0) / TCP(sport=1111, dport=80) / DATA,
        ip(A, B, 6, 48, 8, "Ethernet/IPv4/TCP", TCP_FLAGS, ports="1111>80",
           tcp="seq=0,ack=0,win=8192,flags=02"))
    add("ip4_big_tcp", ETHERNET, E / IP(src=A, dst=B, len=0) / TCP(sport=1111, dport=80) / DATA,
        ip(A, B, 6, 80048, 80008, "Ethernet/IPv4/TCP", TCP_FLAGS, ports="1111>80",
           tcp="seq=0,ack=0,win=8192,flags=02"), wire=80000)
    add("ip6_big_tcp", ETHERNET, E / IPv6(src=A6, dst=B6, plen=0, nh=6) / TCP(sport=1111, dport=80) / DATA,
        ip(A6, B6, 6, 80068, 80008, "Ethernet/IPv6/TCP", TCP_FLAGS, ports="1111>80",
           tcp="seq=0,ack=0,win=8192,flags=02"), wire=80000, tshark=False)
    # the largest super-frame that Linux makes, GSO_MAX_SIZE: 8 * 65535 bytes; what is above is none
    add("ip4_largest", ETHERNET, E / IP(src=A, dst=B, len=0) / TCP(sport=1111, dport=80) / DATA,
        ip(A, B, 6, 524280, 524240, "Ethernet/IPv4/TCP", TCP_FLAGS, ports="1111>80",
           tcp="seq=0,ack=0,win=8192,flags=02"), wire=524280 - 48)
    add("ip6_largest", ETHERNET, E / IPv6(src=A6, dst=B6, plen=0, nh=6) / TCP(sport=1111, dport=80) / DATA,
        ip(A6, B6, 6, 524280, 524220, "Ethernet/IPv6/TCP", TCP_FLAGS, ports="1111>80",
           tcp="seq=0,ack=0,win=8192,flags=02"), wire=524280 - 68, tshark=False)
    for name, more in (("larger", 1), ("absurd", 2**32 - 1 - 14 - 524280)):
        add(f"ip4_{name}", ETHERNET, E / IP(src=A, dst=B, len=0) / TCP(sport=1111, dport=80) / DATA,
            link(0x0800, "Ethernet", "MALFORMED"), wire=524280 - 48 + more, tshark=False)
        add(f"ip6_{name}", ETHERNET,
            E / IPv6(src=A6, dst=B6, plen=0, nh=6) / TCP(sport=1111, dport=80) / DATA,
            ip(A6, B6, 6, 40, 0, "Ethernet/IPv6", "MALFORMED"), wire=524280 - 68 + more)
    add("ip6_no_length", ETHERNET, E / IPv6(src=A6, dst=B6, plen=0, nh=17) / UDP(sport=1, dport=2) / DATA,
        ip(A6, B6, 17, 40, 0, "Ethernet/IPv6", "MALFORMED"))
    jumbo = b"\6\0\xc2\4" + struct.pack("!I", 80036)
    add("ip6_jumbogram", ETHERNET,
        E / IPv6(src=A6, dst=B6, plen=0, nh=0) / Raw(jumbo + bytes(TCP(sport=1111, dport=80)) + DATA),
        ip(A6, B6, 6, 80076, 80008, "Ethernet/IPv6/TCP", TCP_FLAGS, ports="1111>80",
           tcp="seq=0,ack=0,win=8192,flags=02"), wire=80000)
    jumbo = b"\x11\0\xc2\4" + struct.pack("!I", 80024)
    add("ip6_jumbo_udp", ETHERNET,
        E / IPv6(src=A6, dst=B6, plen=0, nh=0) / Raw(jumbo + bytes(UDP(sport=1111, dport=2222, len=0)) + DATA),
        ip(A6, B6, 17, 80064, 80008, "Ethernet/IPv6/UDP", UDP_FLAGS, ports="1111>2222"), wire=80000)
    jumbo = b"\x11\0\xc2\4" + struct.pack("!I", 1000)  # RFC 2675 3: not above 65,535
    add("ip6_jumbo_small", ETHERNET,
        E / IPv6(src=A6, dst=B6, plen=0, nh=0) / Raw(jumbo + bytes(UDP(sport=1111, dport=2222, len=16)) + DATA),
        ip(A6, B6, 0, 40, 0, "Ethernet/IPv6", "MALFORMED"))
    add("ip4_unknown", ETHERNET, E / IP(src=A, dst=B, proto=253) / DATA,
        ip(A, B, 253, 28, 8, "Ethernet/IPv4"))
    add("sctp4", ETHERNET, E / IP(src=A, dst=B) / SCTP(sport=1111, dport=2222) / DATA,
        ip(A, B, 132, 40, 8, "Ethernet/IPv4/SCTP", UDP_FLAGS, ports="1111>2222"))
    add("dccp4", ETHERNET,
        E / IP(src=A, dst=B, proto=33) / Raw(struct.pack("!HHB", 1111, 2222, 4) + b"\0" * 11 + DATA),
        ip(A, B, 33, 44, 8, "Ethernet/IPv4/DCCP", UDP_FLAGS, ports="1111>2222"))
    add("dccp4_bad_offset", ETHERNET,
        E / IP(src=A, dst=B, proto=33) / Raw(struct.pack("!HHB", 1111, 2222, 2) + b"\0" * 11 + DATA),
        ip(A, B, 33, 44, 24, "Ethernet/IPv4", "MALFORMED|PORTS", ports="1111>2222"))
    add("udplite4", ETHERNET,
        E / IP(src=A, dst=B, proto=136) / Raw(struct.pack("!HHHH", 1111, 2222, 8, 0) + DATA),
        ip(A, B, 136, 36, 8, "Ethernet/IPv4/UDPLite", UDP_FLAGS, ports="1111>2222"))
    add("esp4", ETHERNET, E / IP(src=A, dst=B, proto=50) / Raw(b"\0\0\0\1\0\0\0\1" + DATA),
        ip(A, B, 50, 36, 16, "Ethernet/IPv4/ESP"))
    add("ah4", ETHERNET,
        E / IP(src=A, dst=B, proto=51) / Raw(b"\x11\4" + bytes(22) + bytes(UDP(sport=1111, dport=2222, len=16)) + DATA),
        ip(A, B, 17, 60, 8, "Ethernet/IPv4/AH/UDP", UDP_FLAGS, ports="1111>2222"))


def icmp():
    add("icmp_echo", ETHERNET, E / IP(src=A, dst=B) / ICMP(type=8, id=77, seq=5) / DATA,
        ip(A, B, 1, 36, 8, "Ethernet/IPv4/ICMPv4", "L4", icmp="8,0,77,5"))
    add("icmp_mask_reply", ETHERNET, E / IP(src=A, dst=B, proto=1) / Raw(b"\x12\0\0\0\0\2\0\3" + b"\0" * 4),
        ip(A, B, 1, 32, 4, "Ethernet/IPv4/ICMPv4", "L4", icmp="18,0,2,3"))
    add("icmp_unreachable", ETHERNET,
        E / IP(src=A, dst=B) / ICMP(type=3, code=3, unused=0x01020304) / Raw(bytes(in4)),
        ip(A, B, 1, 64, 36, "Ethernet/IPv4/ICMPv4", "L4", icmp="3,3,0,0"))
    add("icmp6_echo", ETHERNET, E / IPv6(src=A6, dst=B6) / ICMPv6EchoRequest(id=77, seq=5, data=DATA),
        ip(A6, B6, 58, 56, 8, "Ethernet/IPv6/ICMPv6", "L4", icmp="128,0,77,5"))
    add("icmp6_mld", ETHERNET,
        E / IPv6(src=A6, dst=B6, hlim=1) / IPv6ExtHdrHopByHop(nh=58, options=[]) /
        Raw(b"\x8f\0\0\0\0\0\0\1" + b"\4\0\0\0" + b"\xff" * 16),
        ip(A6, B6, 58, 76, 20, "Ethernet/IPv6/ICMPv6", "L4", icmp="143,0,0,0", ttl=1))


def extensions():
    def ext(name, *headers):
        p = E / IPv6(src=A6, dst=B6)
        n = 0
        for h in headers:
            p = p / h
            n += len(bytes(h))
        add(name, ETHERNET, p / UDP(sport=1111, dport=2222) / DATA,
            ip(A6, B6, 17, 56 + n, 8, "Ethernet/IPv6/UDP", UDP_FLAGS, ports="1111>2222"))

    ext("ip6_hop", IPv6ExtHdrHopByHop(options=[]))
    ext("ip6_all", IPv6ExtHdrHopByHop(options=[]), IPv6ExtHdrDestOpt(options=[]),
        IPv6ExtHdrRouting(type=4, addresses=[B6]), IPv6ExtHdrDestOpt(options=[]))
    ext("ip6_atomic", IPv6ExtHdrFragment(offset=0, m=0, id=99))
    for name, proto in (("ip6_mobility", 135), ("ip6_hip", 139), ("ip6_shim6", 140)):  # payload: P is set
        add(name, ETHERNET, E / IPv6(src=A6, dst=B6, nh=proto) /
            Raw(b"\x11\1\x80" + b"\0" * 13 + bytes(UDP(sport=1111, dport=2222, len=16)) + DATA),
            ip(A6, B6, 17, 72, 8, "Ethernet/IPv6/UDP", UDP_FLAGS, ports="1111>2222"),
            tshark=name == "ip6_shim6")
    add("ip6_ah", ETHERNET, E / IPv6(src=A6, dst=B6, nh=51) /
        Raw(b"\x11\4" + b"\0" * 22 + bytes(UDP(sport=1111, dport=2222, len=16)) + DATA),
        ip(A6, B6, 17, 80, 8, "Ethernet/IPv6/AH/UDP", UDP_FLAGS, ports="1111>2222"))
    add("ip6_frag_first", ETHERNET,
        E / IPv6(src=A6, dst=B6) / IPv6ExtHdrFragment(offset=0, m=1, id=99) /
        UDP(sport=1111, dport=2222, len=2000) / DATA,
        ip(A6, B6, 17, 64, 8, "Ethernet/IPv6/UDP", "FRAG|FRAG-FIRST|L4|PORTS", ports="1111>2222",
           frag=99), tshark=False)
    add("ip6_frag_later", ETHERNET,
        E / IPv6(src=A6, dst=B6) / IPv6ExtHdrFragment(offset=185, m=0, id=99, nh=17) / DATA,
        ip(A6, B6, 17, 56, 8, "Ethernet/IPv6", "FRAG", frag=99))
    add("ip4_frag_first", ETHERNET,
        E / IP(src=A, dst=B, id=99, flags="MF") / UDP(sport=1111, dport=2222, len=2000) / DATA,
        udp4("Ethernet/IPv4/UDP", "FRAG|FRAG-FIRST|L4|PORTS", frag=99), tshark=False)
    add("ip4_frag_later", ETHERNET, E / IP(src=A, dst=B, id=99, frag=185, proto=17) / DATA,
        ip(A, B, 17, 28, 8, "Ethernet/IPv4", "FRAG", frag=99))
    add("ip4_frag_tunnel", ETHERNET,
        E / IP(src=A, dst=B, id=99, flags="MF", proto=4) /
        Raw(bytes(IP(src=C, dst=D, len=1500, proto=17)) + bytes(UDP(sport=3333, dport=4444, len=1480)) +
            DATA),
        outer(4, 36, "Ethernet/IPv4", "FRAG|FRAG-FIRST|HAS-INNER", frag=99),
        ip(C, D, 17, 1500, 1472, "IPv4/UDP", "INNER|L4|PORTS", ports="3333>4444", mac=None),
        tshark=False)
    add("ip4_frag_tunnels", ETHERNET,
        E / IP(src=A, dst=B, id=99, flags="MF", proto=41) /
        Raw(bytes(IPv6(src=C6, dst=D6, plen=1400, nh=4)) +
            bytes(IP(src=C, dst=D, len=1500, proto=17)) + bytes(UDP(sport=3333, dport=4444, len=1380)) + DATA),
        outer(41, 76, "Ethernet/IPv4", "FRAG|FRAG-FIRST|HAS-INNER", frag=99),
        ip(C6, D6, 4, 1440, 1400, "IPv6", "HAS-INNER|INNER", mac=None),
        ip(C, D, 17, 1500, 1372, "IPv4/UDP", "MALFORMED|INNER|L4|PORTS", ports="3333>4444", mac=None),
        tshark=False)


def links():
    add("vlan", ETHERNET, E / Dot1Q(vlan=5, prio=3) / u4, udp4("Ethernet/Dot1Q/IPv4/UDP", vlan="5,0"))
    add("vlan6", ETHERNET, E / Dot1Q(vlan=4095) / u6, udp6("Ethernet/Dot1Q/IPv6/UDP", vlan="4095,0"))
    add("vlan_priority", ETHERNET, E / Dot1Q(vlan=0, prio=5) / u4, udp4("Ethernet/Dot1Q/IPv4/UDP"))
    add("vlan_priority_inside", ETHERNET, E / Dot1Q(vlan=0, prio=5) / Dot1Q(vlan=9) / u4,
        udp4("Ethernet/Dot1Q/Dot1Q/IPv4/UDP", vlan="9,0"))
    add("qinqinq", ETHERNET,
        Ether(src=M1, dst=M2, type=0x88A8) / Raw(b"\0\5\x91\0" + b"\0\6\x81\0" + b"\0\7\x08\0" + bytes(u4)),
        udp4("Ethernet/Dot1Q/Dot1Q/Dot1Q/IPv4/UDP", vlan="5,6"))
    add("vlan_9200", ETHERNET, Ether(src=M1, dst=M2, type=0x9200) / Raw(b"\0\5\x08\0" + bytes(u4)),
        udp4("Ethernet/Dot1Q/IPv4/UDP", vlan="5,0"), tshark=False)
    add("unknown_type", ETHERNET, Ether(src=M1, dst=M2, type=0x88B5) / DATA, link(0x88B5, "Ethernet"))
    add("arp", ETHERNET, E / ARP(op=1, hwsrc=M1, psrc=A, pdst=B),
        level("arp", A, B, "Ethernet/ARP", link="0806", mac=f"{M1}>{M2}"))
    add("rarp", ETHERNET, Ether(src=M1, dst=M2, type=0x8035) / ARP(op=3, hwsrc=M1, psrc=A, pdst=B),
        level("arp", A, B, "Ethernet/ARP", link="8035", mac=f"{M1}>{M2}"))
    add("arp_other", ETHERNET, E / ARP(ptype=0x86DD, plen=16, psrc=A6, pdst=B6),
        link(0x0806, "Ethernet/ARP"))
    body = bytes(LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800) / u4)
    add("snap", ETHERNET, bytes(Ether(src=M1, dst=M2, type=len(body))) + body + b"\0" * 4,
        udp4("Ethernet/LLC/SNAP/IPv4/UDP"))
    add("llc_stp", ETHERNET, bytes(Ether(src=M1, dst=M2, type=38)) + b"\x42\x42\3" + b"\0" * 43,
        link(0x42, "Ethernet/LLC"))
    add("llc_short", ETHERNET, bytes(Ether(src=M1, dst=M2, type=2)) + b"\xaa\xaa\3" + bytes(43),
        link(2, "Ethernet", "MALFORMED"))
    add("llc_ip", ETHERNET, bytes(Ether(src=M1, dst=M2, type=39)) + b"\6\6\3" + bytes(u4),
        udp4("Ethernet/LLC/IPv4/UDP"))
    ppp = b"\0\x21" + bytes(u4)
    pppoe = b"\x11\0\0\1" + struct.pack("!H", len(ppp)) + ppp
    add("pppoe", ETHERNET, Ether(src=M1, dst=M2, type=0x8864) / Raw(pppoe + b"\0\0"),
        udp4("Ethernet/PPPoE/PPP/IPv4/UDP"))
    add("pppoe_lcp", ETHERNET, Ether(src=M1, dst=M2, type=0x8864) / Raw(b"\x11\0\0\1\0\6\xc0\x21\1\1\0\4"),
        link(0x8864, "Ethernet/PPPoE/PPP"))
    add("pppoe_discovery", ETHERNET, Ether(src=M1, dst=M2, type=0x8863) / Raw(b"\x11\x09\0\0\0\4\1\1\0\0"),
        link(0x8863, "Ethernet/PPPoE"))
    for name, kind, header in (("vntag", 0x8926, b"\0" * 4), ("etag", 0x893F, b"\0" * 6),
                               ("hsr", 0x892F, b"\0\x2c\0\1"), ("cmd", 0x8909, b"\1\1\0\1\0\2")):
        add(name, ETHERNET, Ether(src=M1, dst=M2, type=kind) / Raw(header + b"\x08\0" + bytes(u4)),
            udp4("Ethernet/IPv4/UDP"))
    add("sll", SLL, CookedLinux(pkttype=0, lladdrtype=1, lladdrlen=6, src=bytes.fromhex("00005e00530100"),
                                proto=0x800) / u4,
        udp4("LinuxSLL/IPv4/UDP", mac=f"{M1}>00:00:00:00:00:00"))
    add("sll2", SLL2, struct.pack("!HHIHBB", 0x86DD, 0, 3, 1, 0, 6) + bytes.fromhex("00005e0053010000") +
        bytes(u6), udp6("LinuxSLL2/IPv6/UDP", mac=f"{M1}>00:00:00:00:00:00"))
    add("null4", NULL, struct.pack("<I", 2) + bytes(u4), udp4("Loopback/IPv4/UDP", mac=None))
    add("null4_big", NULL, struct.pack(">I", 2) + bytes(u4), udp4("Loopback/IPv4/UDP", mac=None))
    add("null6", NULL, struct.pack("<I", 30) + bytes(u6), udp6("Loopback/IPv6/UDP", mac=None))
    add("null_other", NULL, struct.pack("<I", 23) + DATA, level("opaque", path="Loopback"))
    add("loop6", LOOP, struct.pack(">I", 24) + bytes(u6), udp6("Loopback/IPv6/UDP", mac=None))
    add("raw4", RAW, u4, udp4("IPv4/UDP", mac=None))
    add("raw6", RAW, u6, udp6("IPv6/UDP", mac=None))
    add("raw4_dlt", 12, u4, udp4("IPv4/UDP", mac=None))
    add("raw_bad", RAW, b"\x10" + DATA, level("opaque", flags="MALFORMED", link="0065"))
    add("ipv4_link", 228, u4, udp4("IPv4/UDP", mac=None))
    add("ipv6_link", 229, u6, udp6("IPv6/UDP", mac=None))
    add("ppp", PPP, b"\xff\3\0\x21" + bytes(u4), udp4("PPP/IPv4/UDP", mac=None))
    add("ppp_compressed", PPP, b"\x57" + bytes(u6), udp6("PPP/IPv6/UDP", mac=None))
    add("ppp_hdlc", PPP_HDLC, b"\x0f\0\x08\0" + bytes(u4), udp4("CiscoHDLC/IPv4/UDP", mac=None))
    add("ppp_ether", PPP_ETHER, pppoe, udp4("PPPoE/PPP/IPv4/UDP", mac=None))
    add("chdlc", CHDLC, b"\x0f\0\x86\xdd" + bytes(u6), udp6("CiscoHDLC/IPv6/UDP", mac=None))
    add("frelay_nlpid", FRELAY, b"\x18\x41\3\xcc" + bytes(u4), udp4("FrameRelay/IPv4/UDP", mac=None))
    add("frelay_cisco", FRELAY, b"\x18\x61\x08\0" + bytes(u4), udp4("FrameRelay/IPv4/UDP", mac=None))
    add("frelay_snap", FRELAY, b"\x18\x41\3\0\x80\0\0\0\x08\0" + bytes(u4),
        udp4("FrameRelay/SNAP/IPv4/UDP", mac=None))
    snap = b"\xaa\xaa\3\0\0\0\x08\0"
    add("fddi", FDDI, b"\x50" + bytes.fromhex("00005e005302") + bytes.fromhex("00005e005301") + snap +
        bytes(u4), udp4("FDDI/LLC/SNAP/IPv4/UDP"))
    add("fddi_smt", FDDI, b"\x41" + bytes.fromhex("00005e005302") + bytes.fromhex("00005e005301") + DATA,
        link(0, "FDDI"))
    add("token_ring", TOKEN_RING, b"\x10\x40" + bytes.fromhex("00005e005302") +
        bytes.fromhex("80005e005301") + b"\x06\x30\0\1\0\2" + snap + bytes(u4),
        udp4("LLC/SNAP/IPv4/UDP", mac=f"80:00:5e:00:53:01>{M2}"))
    add("atm", ATM, snap + bytes(u4), udp4("LLC/SNAP/IPv4/UDP", mac=None))
    add("atm_bridged", ATM, b"\xaa\xaa\3\0\x80\xc2\0\7\0\0" + bytes(E / u4),
        udp4("LLC/SNAP/Ethernet/IPv4/UDP"))
    add("clip", CLIP, u4, udp4("IPv4/UDP", mac=None))
    add("fc", FC, bytes(16) + snap + bytes(u4), udp4("LLC/SNAP/IPv4/UDP", mac=None))
    add("firewire", FIREWIRE, bytes(16) + b"\x08\0" + bytes(u4), udp4("IPv4/UDP", mac=None))
    add("mpacket", MPACKET, b"\x55" * 7 + b"\xd5" + bytes(E / u4), udp4("Ethernet/IPv4/UDP"),
        tshark=False)
    add("slip", SLIP, bytes(16) + bytes(u4), udp4("IPv4/UDP", mac=None), tshark=False)
    add("enc", ENC, struct.pack("<III", 2, 1, 1) + bytes(u4), udp4("IPv4/UDP", mac=None))
    add("pflog", PFLOG, b"\x3d\2" + bytes(62) + bytes(u4), udp4("IPv4/UDP", mac=None))
    add("ipnet", IPNET, b"\1\2\0\0\0\0\0\x24" + bytes(16) + bytes(u4), udp4("IPv4/UDP", mac=None))
    add("ipoib", IPOIB, bytes(40) + b"\x86\xdd\0\0" + bytes(u6), udp6("IPoIB/IPv6/UDP", mac=None))
    add("nflog", NFLOG, b"\2\0\0\1" + b"\5\0\x0a\0\0\0\0\0" + struct.pack("<HH", 40, 9) + bytes(u4),
        udp4("NFLOG/IPv4/UDP", mac=None))
    p = bytes(IP(src=A, dst=B, len=100) / UDP(sport=1111, dport=2222, len=80) / DATA)
    add("nflog_range", NFLOG, b"\2\0\0\1" + struct.pack("<HH", 40, 9) + p,
        ip(A, B, 17, 100, 72, "NFLOG/IPv4/UDP", UDP_FLAGS, ports="1111>2222", mac=None))
    add("pktap", PKTAP, struct.pack("<III", 108, 1, 1) + bytes(96) + bytes(E / u4),
        udp4("PKTAP/Ethernet/IPv4/UDP"))
    add("mpls_link", MPLS, b"\0\x01\x01\x40" + bytes(in4),
        level("opaque", path="MPLS", flags="HAS-INNER", link="00db"), inner4(), tshark=False)
    add("unknown_link", 147, DATA, level("opaque", link="0093"))
    add("empty", ETHERNET, b"", level("opaque", flags="MALFORMED", link="0001"))


def wlan():
    data = Dot11(type=2, subtype=0, FCfield="to-DS", addr1=M3, addr2=M1, addr3=M2) / Raw(
        b"\xaa\xaa\3\0\0\0\x08\0" + bytes(u4))
    add("wlan", WLAN, data, udp4("Dot11/LLC/SNAP/IPv4/UDP"))
    from_ds = Dot11(type=2, subtype=8, FCfield="from-DS", addr1=M2, addr2=M3, addr3=M1) / Dot11QoS()
    add("wlan_qos", WLAN, bytes(from_ds) + b"\xaa\xaa\3\0\0\0\x08\0" + bytes(u4),
        udp4("Dot11/LLC/SNAP/IPv4/UDP"))
    wds = Dot11(type=2, subtype=0, FCfield="from-DS+to-DS", addr1=M3, addr2=M4, addr3=M2, addr4=M1)
    add("wlan_wds", WLAN, bytes(wds) + b"\xaa\xaa\3\0\0\0\x08\0" + bytes(u4),
        udp4("Dot11/LLC/SNAP/IPv4/UDP"))
    secret = Dot11(type=2, subtype=0, FCfield="to-DS+protected", addr1=M3, addr2=M1, addr3=M2)
    add("wlan_protected", WLAN, bytes(secret) + DATA, link(0, "Dot11"))
    add("wlan_null", WLAN, Dot11(type=2, subtype=4, FCfield="to-DS", addr1=M3, addr2=M1, addr3=M2),
        link(0, "Dot11"))
    add("wlan_beacon", WLAN, bytes(Dot11(type=0, subtype=8, addr1=M2, addr2=M1, addr3=M1)) + bytes(12),
        link(0, "Dot11"))
    add("wlan_ack", WLAN, b"\xd4\0\0\0" + bytes.fromhex("00005e005302"),
        link(0, "Dot11", mac=f"00:00:00:00:00:00>{M2}"))
    add("wlan_rts", WLAN, b"\xb4\0\0\0" + bytes.fromhex("00005e005302") + bytes.fromhex("00005e005301"),
        link(0, "Dot11"))
    amsdu = bytes(from_ds)[:-2] + b"\x80\0" + bytes.fromhex("00005e005302") + bytes.fromhex(
        "00005e005301") + struct.pack("!H", 8 + len(u4)) + b"\xaa\xaa\3\0\0\0\x08\0" + bytes(u4)
    add("wlan_amsdu", WLAN, amsdu, udp4("Dot11/LLC/SNAP/IPv4/UDP"))
    add("radiotap", RADIOTAP, b"\0\0\x08\0\0\0\0\0" + bytes(data), udp4("RadioTap/Dot11/LLC/SNAP/IPv4/UDP"))
    # TSFT and flags, behind a second present word; flags: padded to 4 bytes
    tap = b"\0\0\x19\0" + struct.pack("<II", 0x80000003, 0) + bytes(4) + bytes(8) + b"\x20"
    padded = bytes(from_ds) + b"\0\0" + b"\xaa\xaa\3\0\0\0\x08\0" + bytes(u4)
    add("radiotap_padded", RADIOTAP, tap + padded, udp4("RadioTap/Dot11/LLC/SNAP/IPv4/UDP"))
    add("ppi", PPI, struct.pack("<BBHI", 0, 0, 8, 105) + bytes(data), udp4("PPI/Dot11/LLC/SNAP/IPv4/UDP"))
    add("prism", PRISM, struct.pack("<II", 0x44, 144) + bytes(136) + bytes(data),
        udp4("Dot11/LLC/SNAP/IPv4/UDP"))
    add("avs", AVS, struct.pack(">II", 0x80211001, 64) + bytes(56) + bytes(data),
        udp4("Dot11/LLC/SNAP/IPv4/UDP"))


def tunnels():
    def over(name, proto, header, body, path, inside, tshark=True, **kw):
        n = len(bytes(header)) + len(bytes(body))
        add(name, ETHERNET, E / IP(src=A, dst=B, proto=proto) / Raw(bytes(header) + bytes(body)),
            outer(proto, n, f"Ethernet/IPv4{path}", **kw), *inside, tshark=tshark)

    over("ipip", 4, b"", in4, "", [inner4()])
    over("6in4", 41, b"", in6, "", [inner6()])
    over("etherip", 97, b"\x30\0", inner, "/EtherIP", [innere()])
    over("ethernet_in_ip", 143, b"", inner, "", [innere()])
    over("mpls_in_ip", 137, b"\0\x01\x01\x40", in4, "/MPLS", [inner4()])
    over("pim_register", 103, b"\x21\0\0\0\0\0\0\0", in4, "/PIM", [inner4()])
    add("pim_null_register", ETHERNET,
        E / IP(src=A, dst=B, proto=103) / Raw(b"\x21\0\0\0\x40\0\0\0" + bytes(IP(src=C, dst=D, proto=103))),
        ip(A, B, 103, 48, 28, "Ethernet/IPv4/PIM"))
    add("4in6", ETHERNET, E / IPv6(src=A6, dst=B6, nh=4) / in4,
        ip(A6, B6, 4, 76, 36, "Ethernet/IPv6", "HAS-INNER"), inner4())
    add("6in6", ETHERNET, E / IPv6(src=A6, dst=B6, nh=41) / in6,
        ip(A6, B6, 41, 96, 56, "Ethernet/IPv6", "HAS-INNER"), inner6())
    add("6in4_wrong", ETHERNET, E / IP(src=A, dst=B, proto=41) / Raw(bytes(IPv6(version=5)) + DATA),
        ip(A, B, 41, 68, 48, "Ethernet/IPv4", "MALFORMED"))

    def gre(name, flags, proto, options, body, inside, path="/GRE", **kw):
        over(name, 47, struct.pack("!HH", flags, proto) + options, body, path, inside, **kw)

    gre("gre", 0, 0x0800, b"", in4, [inner4()])
    gre("gre_all", 0xB000, 0x86DD, b"\0\0\0\0" + b"\0\0\0\7" + b"\0\0\0\1", in6, [inner6()], tun=7)
    gre("gre_routing", 0x4000, 0x0800, b"\0\0\0\0" + b"\x08\0\0\4" + bytes(4) + bytes(4), in4, [inner4()])
    gre("gre_ethernet", 0x2000, 0x6558, b"\0\0\1\0", inner, [innere()], tun=256)
    gre("gre_pptp", 0x3081, 0x880B, b"\0\x28\0\5" + b"\0\0\0\1" + b"\0\0\0\2", b"\xff\3\0\x21" + bytes(in4),
        [inner4("PPP/IPv4/UDP")])
    gre("gre_wccp", 0, 0x883E, b"", in4, [inner4()])
    gre("gre_wccp_redirect", 0, 0x883E, b"", b"\0\0\0\0" + bytes(in4), [inner4()])
    gre("gre_mpls", 0, 0x8847, b"", b"\0\x01\x01\x40" + bytes(in4), [inner4()], path="/GRE/MPLS")
    gre("gre_frame_relay", 0, 0x6559, b"", b"\x18\x41\3\xcc" + bytes(in4), [inner4("FrameRelay/IPv4/UDP")])
    gre("gre_vlan", 0, 0x8100, b"", b"\0\5\x08\0" + bytes(in4), [inner4("Dot1Q/IPv4/UDP", vlan="5,0")],
        tshark=False)
    gre("gre_cmd", 0, 0x8909, b"", b"\x08\0\1\1\0\1\0\2" + bytes(in4), [inner4()])
    gre("gre_nsh", 0, 0x894F, b"", b"\x0f\xc6\1\3" + bytes(20) + bytes(inner), [innere()], path="/GRE/NSH")
    gre("erspan1", 0, 0x88BE, b"", inner, [innere()], path="/GRE/ERSPAN")
    gre("erspan2", 0x1000, 0x88BE, b"\0\0\0\1", b"\x10\1" + bytes(6) + bytes(inner), [innere()],
        path="/GRE/ERSPAN")
    gre("erspan3", 0x1000, 0x22EB, b"\0\0\0\1", b"\x20\1" + bytes(10) + bytes(inner), [innere()],
        path="/GRE/ERSPAN")
    gre("erspan3_sub", 0x1000, 0x22EB, b"\0\0\0\1", b"\x20\1" + bytes(8) + b"\0\1" + bytes(8) + bytes(inner),
        [innere()], path="/GRE/ERSPAN")
    aruba = Dot11(type=2, subtype=0, FCfield="to-DS", addr1=M1, addr2=M3, addr3=M4) / Raw(
        b"\xaa\xaa\3\0\0\0\x08\0" + bytes(in4))
    gre("gre_aruba", 0, 0x8200, b"", aruba, [inner4("Dot11/LLC/SNAP/IPv4/UDP", mac=f"{M3}>{M4}")])
    add("gre_unknown", ETHERNET, E / IP(src=A, dst=B, proto=47) / Raw(b"\0\0\x88\xb7" + DATA),
        ip(A, B, 47, 32, 12, "Ethernet/IPv4/GRE"))
    add("gre_version", ETHERNET, E / IP(src=A, dst=B, proto=47) / Raw(b"\0\2\x08\0" + bytes(in4)),
        ip(A, B, 47, 60, 40, "Ethernet/IPv4", "MALFORMED"), tshark=False)
    add("gre_in_gre", ETHERNET,
        E / IP(src=A, dst=B) / GRE() / IP(src=B, dst=A) / GRE() / in4,
        outer(47, 64, "Ethernet/IPv4/GRE"),
        ip(B, A, 47, 60, 40, "IPv4/GRE", "HAS-INNER|INNER", mac=None), inner4())

    tunnel("vxlan", 4789, VXLAN(vni=5, flags=8), inner, "VXLAN", innere(), "ONE-PORT|", tun=5)
    tunnel("vxlan_linux", 8472, VXLAN(vni=0xABCDEF, flags=8), inner, "VXLAN", innere(), "ONE-PORT|",
           tun=0xABCDEF, tshark=False)
    tunnel("vxlan_no_flag", 4789, bytes(8), inner, "VXLAN", innere(), "ONE-PORT|")
    tunnel("vxlan_gpe", 4790, b"\x0c\0\0\2\0\0\5\0", in6, "VXLAN", inner6(), "ONE-PORT|", tun=5)
    tunnel("geneve", 6081, b"\0\0\x65\x58\0\0\5\0", inner, "Geneve", innere(), "ONE-PORT|", tun=5)
    tunnel("geneve_options", 6081, b"\2\0\x08\0\0\0\5\0" + b"\1\1\0\1" + bytes(4), in4, "Geneve", inner4(),
           "ONE-PORT|", tun=5)
    n = len(in4)
    tunnel("gtpu", 2152, struct.pack("!BBHI", 0x30, 255, n, 77), in4, "GTPv1U", inner4(), sport=2152)
    tunnel("gtpu_options", 2152,
           struct.pack("!BBHI", 0x36, 255, n + 8, 77) + b"\0\1\0\x85" + b"\1\0\5\0", in4, "GTPv1U",
           inner4(), sport=2152)
    tunnel("gtpu_ethernet", 2152, struct.pack("!BBHI", 0x30, 255, len(inner), 77), inner, "GTPv1U",
           innere(), sport=2152)
    tunnel("l2tp", 1701, b"\0\2\0\1\0\2", b"\xff\3\0\x21" + bytes(in4), "L2TP", inner4("PPP/IPv4/UDP"),
           sport=1701)
    tunnel("l2tp_all", 1701, b"\x4a\2\0\x36\0\1\0\2\0\0\0\0\0\2\0\0", b"\x21" + bytes(in4), "L2TP",
           inner4("PPP/IPv4/UDP"), sport=1701)
    tunnel("l2tp_bridged", 1701, b"\0\2\0\1\0\2", b"\xff\3\0\x31\0\1" + bytes(inner), "L2TP",
           inner4("PPP/Ethernet/IPv4/UDP", mac=f"{M3}>{M4}"), sport=1701)
    tunnel("l2tp_lan_id", 1701, b"\0\2\0\1\0\2", b"\0\x31\x40\1\0\0\0\7" + bytes(inner), "L2TP",
           inner4("PPP/Ethernet/IPv4/UDP", mac=f"{M3}>{M4}"), sport=1701, tshark=False)
    tunnel("l2tp_mpls", 1701, b"\0\2\0\1\0\2", b"\xff\3\2\x81\0\x01\x01\x40" + bytes(in4), "L2TP",
           inner4("PPP/MPLS/IPv4/UDP"), sport=1701)
    tunnel("teredo", 3544, b"", in6, "Teredo", inner6())
    tunnel("teredo_origin", 3544, b"\0\1\0\0" + bytes(9) + b"\0\0\1\2\3\4\5\6", in6, "Teredo", inner6())
    tunnel("mpls_in_udp", 6635, b"\0\x01\x01\x40", in4, "MPLS", inner4())
    tunnel("gre_in_udp", 4754, b"\0\0\x08\0", in4, "GRE", inner4())
    tunnel("lisp", 4341, bytes(8), in4, "LISP", inner4())
    tunnel("tzsp", 37008, b"\1\0\0\1\0\x0a\1\0\1", inner, "TZSP", innere())
    add("tunnel_port_of_client", ETHERNET,
        E / IP(src=A, dst=B) / UDP(sport=53, dport=4789) / Raw(b"\x08" + bytes(7) + bytes(inner)),
        ip(A, B, 17, 86, 58, "Ethernet/IPv4/UDP", UDP_FLAGS, ports="53>4789"))
    add("l2tp_control", ETHERNET,
        E / IP(src=A, dst=B) / UDP(sport=1701, dport=1701) / Raw(b"\xc8\2\0\x0c\0\1\0\0\0\0\0\0"),
        ip(A, B, 17, 40, 12, "Ethernet/IPv4/UDP/L2TP", UDP_FLAGS, ports="1701>1701"))
    add("gtpu_echo", ETHERNET,
        E / IP(src=A, dst=B) / UDP(sport=2152, dport=2152) / Raw(b"\x32\1\0\4\0\0\0\0\0\1\0\0"),
        ip(A, B, 17, 40, 12, "Ethernet/IPv4/UDP", UDP_FLAGS, ports="2152>2152"))

    def mpls(name, body, *inside, labels=1, kind=0x8847, path=None, tshark=True):
        add(name, ETHERNET, Ether(src=M1, dst=M2, type=kind) / Raw(body),
            link(kind, "Ethernet" + "/MPLS" * labels if path is None else path, "HAS-INNER"), *inside,
            tshark=tshark)

    bottom, more = b"\0\x01\x01\x40", b"\0\x02\x00\x40"
    mpls("mpls", bottom + bytes(in4), inner4())
    mpls("mpls_stack", more + more + bottom + bytes(in6), inner6(), labels=3, kind=0x8848)
    mpls("mpls_explicit_null", b"\0\0\x21\x40" + bytes(in6), inner6())
    mpls("mpls_control_word", bottom + bytes(4) + bytes(inner), innere())
    mpls("mpls_channel", b"\0\0\xd1\x40" + b"\x10\0\0\x21" + bytes(in4), inner4())
    far = Ether(src=M3, dst="68:00:5e:00:53:04") / in4
    mpls("mpls_ethernet_6", bottom + bytes(far),
         inner4("Ethernet/IPv4/UDP", mac=f"{M3}>68:00:5e:00:53:04"), tshark=False)
    add("mpls_unknown", ETHERNET, Ether(src=M1, dst=M2, type=0x8847) / Raw(bottom + b"\xff" * 20),
        link(0x8847, "Ethernet/MPLS"))
    mpls("pbb", bytes(4) + bytes(inner), innere(), kind=0x88E7, path="Ethernet/PBB")
    mpls("trill", b"\0\1\0\1\0\2" + bytes(inner), innere(), kind=0x22F3, path="Ethernet/TRILL")
    mpls("trill_options", b"\0\x41\0\1\0\2" + bytes(4) + bytes(inner), innere(), kind=0x22F3,
         path="Ethernet/TRILL")
    add("pbb_vlan", ETHERNET,
        Ether(src=M1, dst=M2, type=0x88A8) / Raw(b"\0\x64\x88\xe7" + bytes(4) + bytes(inner)),
        link(0x88E7, "Ethernet/Dot1Q/PBB", "HAS-INNER", vlan="100,0"), innere())
    add("pppoe_qinq", ETHERNET,
        E / Dot1Q(vlan=7) / Dot1Q(vlan=8, type=0x8864) /
        Raw(b"\x11\0\0\1" + struct.pack("!H", 2 + len(u6)) + b"\0\x57" + bytes(u6)),
        udp6("Ethernet/Dot1Q/Dot1Q/PPPoE/PPP/IPv6/UDP", vlan="7,8"))


def c_string(text, indent="\t     "):
    """As C literals in lines of at most 100 columns."""
    width = 84
    return f"\n{indent}".join(f'"{text[i:i + width]}"' for i in range(0, max(len(text), 1), width))


def write():
    with open(os.path.join(HERE, "../unit/dec_frames.def"), "w", encoding="ascii") as f:
        f.write("/* Made by tests/data/make_decode.py: change it there.\n"
                " *   name  link type  bytes on the wire  captured bytes  levels, one per line */\n")
        for name, linktype, frame, wire, levels, _ in frames:
            want = "\n\t     ".join(c_string(x)[:-1] + '\\n"' for x in levels)
            f.write(f"FRAME({name}, {linktype}, {len(frame) + wire},\n\t     {c_string(frame.hex())},\n"
                    f"\t     {want})\n")
    corpus = os.path.join(HERE, "../fuzz/corpus/dec")
    os.makedirs(corpus, exist_ok=True)
    for name, linktype, frame, wire, _, _ in frames:
        with open(os.path.join(corpus, name), "wb") as f:
            f.write(struct.pack("<HH", linktype, min(wire, 0xFFFF)) + frame)


def tuples(levels):
    """The TCP and UDP 5-tuples that the levels promise."""
    found = set()
    for text in levels:
        words = text.split()
        if words[0] in ("ip4", "ip6") and "ports" in words:
            proto = int(words[words.index("proto") + 1])
            if proto in (6, 17, 136):
                a, b = words[words.index("ports") + 1].split(">")
                found.add((words[1], words[2], int(a), int(b)))
    return found


def ask_tshark(linktype, frame, wire):
    fields = ["frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport",
              "udp.srcport", "udp.dstport"]
    with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
        f.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, linktype))
        f.write(struct.pack("<IIII", 0, 0, len(frame), len(frame) + wire) + frame)
        f.flush()
        cmd = ["tshark", "-n", "-r", f.name, "-T", "fields"] + [x for n in fields for x in ("-e", n)]
        text = subprocess.run(cmd, capture_output=True, text=True, check=False).stdout.rstrip("\n")
    row = (text.split("\t") + [""] * len(fields))[:len(fields)]
    protos, rest = row[0].split(":"), [[x for x in c.split(",") if x] for c in row[1:]]
    found, pair = set(), None
    for p in protos:
        if p in ("ip", "ipv6"):
            cols = rest[0:2] if p == "ip" else rest[2:4]
            pair = (cols[0].pop(0), cols[1].pop(0)) if cols[0] and cols[1] else None
        elif p in ("icmp", "icmpv6"):
            break
        elif p in ("tcp", "udp", "udplite"):
            cols = rest[4:6] if p == "tcp" else rest[6:8]
            if pair and cols[0] and cols[1]:
                found.add((*pair, int(cols[0].pop(0)), int(cols[1].pop(0))))
    return found, row[0]


def check():
    bad = 0
    for name, linktype, frame, wire, levels, same in frames:
        found, protos = ask_tshark(linktype, frame, wire)
        want = tuples(levels)
        if (found == want) != same:
            bad += 1
            print(f"{name}: tshark {sorted(found)} ({protos}), here {sorted(want)}")
        elif not same:
            print(f"{name}: tshark differs, as known ({protos})")
    return bad


for part in (plain, icmp, extensions, links, wlan, tunnels):
    part()
if "--tshark" in sys.argv[1:]:
    sys.exit(1 if check() else 0)
write()
