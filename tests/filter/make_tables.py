#!/usr/bin/python3
"""Writes accept.inc and apply.inc: what tcpdump makes of expressions (its code,
and the frames that it lets pass), for tests/unit/test_filter.c.

The frames are scapy's, the answers tcpdump's.  Run again after a change here:
the diff is to be reviewed.  Last run with tcpdump 4.99.3, libpcap 1.10.3."""
import pathlib
import struct
import subprocess
import tempfile

from scapy.all import (ARP, CookedLinux, Dot1AD, Dot1Q, Dot11, Dot11Beacon, Ether, GRE, ICMP,
                       IP, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, LLC, Loopback, PPPoE,
                       RadioTap, Raw, SCTP, SNAP, TCP, UDP, VXLAN, fragment, raw)
from scapy.contrib.mpls import MPLS

HERE = pathlib.Path(__file__).parent
SNAPLEN = 262144

A, B = "192.0.2.1", "198.51.100.2"
A6, B6 = "2001:db8::1", "2001:db8::2"
ETH = Ether(src="00:00:5e:00:53:01", dst="00:00:5e:00:53:02")


def pcap(linktype, frames=()):
    """A classic pcap file; frame n is of second n."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, linktype)
    for n, f in enumerate(frames):
        out += struct.pack("<IIII", n, 0, len(f), len(f)) + f
    return out


def ip_frames():
    """What is the same behind every link header: (is IPv6, packet)."""
    v4 = IP(src=A, dst=B, id=7)
    v6 = IPv6(src=A6, dst=B6)
    long_udp = IP(src=A, dst=B, id=9) / UDP(sport=53, dport=5353) / Raw(b"x" * 64)
    return [
        (0, v4 / TCP(sport=1024, dport=80, flags="S", seq=1)),
        (0, IP(src=B, dst=A, id=8) / TCP(sport=80, dport=1024, flags="SA", seq=5, ack=2)),
        (0, v4 / UDP(sport=5353, dport=53) / Raw(b"query")),
        (0, v4 / ICMP(type=8, id=3, seq=1) / Raw(b"ping")),
        (0, v4 / SCTP(sport=9, dport=80)),
        (0, IP(src=A, dst=B, options=b"\x94\x04\0\0") / TCP(sport=443, dport=1025, flags="F")),
        *((0, f) for f in fragment(long_udp, fragsize=40)),
        (0, v4 / GRE() / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2)),
        (0, IP(src=A, dst="224.0.0.5", proto=89) / Raw(b"\2\1\0\4")),
        (1, v6 / TCP(sport=1024, dport=80, flags="S")),
        (1, v6 / UDP(sport=53, dport=1024) / Raw(b"answer")),
        (1, v6 / IPv6ExtHdrHopByHop() / TCP(sport=22, dport=1024)),
        (1, v6 / IPv6ExtHdrFragment(offset=0, m=1, id=4) / UDP(sport=53, dport=9, len=100)),
    ]


def frames():
    ips = ip_frames()
    vxlan = IP(src=A, dst=B) / UDP(sport=7, dport=4789) / VXLAN(vni=5) / ETH / ips[0][1]
    yield 1, [raw(f) for f in (
        *(ETH / p for _, p in ips),
        ETH / ARP(op=1, psrc=A, pdst=B),
        Ether(src="00:00:5e:00:53:01", dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, psrc=B, pdst=A),
        ETH / Dot1Q(vlan=5) / ips[0][1],
        ETH / Dot1Q(vlan=100, prio=3) / ips[10][1],
        ETH / Dot1AD(vlan=10) / Dot1Q(vlan=20) / ips[2][1],
        ETH / MPLS(label=100, s=0, ttl=64) / MPLS(label=200, s=1, ttl=64) / ips[0][1],
        ETH / PPPoE(sessionid=7) / Raw(b"\0\x21" + raw(ips[0][1])),
        ETH / vxlan,
        Ether(src="00:00:5e:00:53:01", dst="01:80:c2:00:00:00", type=7) / LLC(dsap=0x42, ssap=0x42, ctrl=3),
        Ether(src="00:00:5e:00:53:01", dst="00:00:5e:00:53:02", type=40) / LLC(dsap=0xaa, ssap=0xaa, ctrl=3)
        / SNAP(code=0x800) / ips[0][1],
    )]
    yield 101, [raw(p) for _, p in ips]
    yield 113, [raw(CookedLinux(pkttype=v, lladdrtype=1, lladdrlen=6, src=b"\0\0\x5e\0\x53\1\0\0",
                                proto=0x86DD if v else 0x800) / p) for v, p in ips]
    yield 276, [struct.pack("!HHIHBB8s", 0x86DD if v else 0x800, 0, 3, 1, v * 4, 6,
                            b"\0\0\x5e\0\x53\1") + raw(p) for v, p in ips]
    yield 0, [raw(Loopback(type=24 if v else 2)) + raw(p) for v, p in ips]
    yield 108, [struct.pack("!I", 24 if v else 2) + raw(p) for v, p in ips]
    yield 9, [struct.pack("!HH", 0xFF03, 0x57 if v else 0x21) + raw(p) for v, p in ips]
    yield 104, [struct.pack("!BBH", 15, 0, 0x86DD if v else 0x800) + raw(p) for v, p in ips]
    data = Dot11(type=2, subtype=0, addr1="00:00:5e:00:53:02", addr2="00:00:5e:00:53:01",
                 addr3="00:00:5e:00:53:03", FCfield="to-DS")
    beacon = Dot11(type=0, subtype=8, addr1="ff:ff:ff:ff:ff:ff", addr2="00:00:5e:00:53:01",
                   addr3="00:00:5e:00:53:01") / Dot11Beacon()
    wlan = [beacon] + [data / LLC(dsap=0xaa, ssap=0xaa, ctrl=3) / SNAP(code=0x86DD if v else 0x800) / p
                       for v, p in ips]
    yield 105, [raw(f) for f in wlan]
    yield 127, [raw(RadioTap() / f) for f in wlan]


EXPRESSIONS = [
    "ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "sctp", "not ip", "ip or ip6",
    "host 192.0.2.1", "src host 192.0.2.1", "dst 192.0.2.1", "net 192.0.2.0/24",
    "src net 198.51.100", "dst net 2001:db8::/32", "host 2001:db8::1", "ip6 host 2001:db8::2",
    "arp host 192.0.2.1", "port 80", "tcp port 80", "udp dst port 53", "src port 1024",
    "portrange 1000-1030", "tcp portrange 1-100", "port domain", "tcp dst port http or https",
    "host 192.0.2.1 and (port 80 or 53)", "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
    "tcp[13] & 0x12 = 0x12", "ip[0] & 0xf > 5", "ip[6:2] & 0x3fff != 0", "icmp[icmptype] = icmp-echo",
    "less 60", "greater 100", "len > 60 and len <= 80", "ip proto 17", "ip proto \\tcp",
    "ip6 proto 6", "ip6 protochain 6", "ip protochain 17", "proto 47", "ip multicast",
    "ip6 and udp port 53", "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
    "not port 53 and not port 80", "ip src or dst net 10.0.0.0/8", "ip[8] % 3 = 1", "ip[1] ^ 3 = 3",
    "ether host 00:00:5e:00:53:01", "ether dst ff:ff:ff:ff:ff:ff", "ether src 0000.5e00.5301",
    "ether broadcast", "ether multicast", "ether proto 0x806", "ether proto \\arp", "ether[0] & 1 = 1",
    "vlan", "vlan 5", "vlan and tcp", "vlan 100 and ip6", "vlan 10 and vlan 20 and udp", "not vlan and tcp",
    "mpls", "mpls 100 and mpls 200 and tcp port 80", "pppoes 7 and tcp", "llc", "stp",
    "udp port 4789 and udp[12:4] >> 8 = 5", "wlan type mgt", "wlan type mgt subtype beacon",
    "wlan addr2 00:00:5e:00:53:01", "wlan host 00:00:5e:00:53:03", "dir tods", "type data and tcp port 80",
    "inbound", "outbound", "ifindex 3", "link[0] = 0", "ppp[2:2] = 0x21",
]


def run(*args):
    return subprocess.run(["tcpdump", *args], capture_output=True, text=True, check=False)


def quoted(text):
    return '"' + text.replace("\\", "\\\\") + '"'


def main():
    accept, apply, hexes = [], [], []
    with tempfile.TemporaryDirectory() as tmp:
        path = pathlib.Path(tmp) / "frames.pcap"
        out = pathlib.Path(tmp) / "out.pcap"
        for linktype, some in frames():
            path.write_bytes(pcap(linktype, some))
            hexes += [f'\t{{{linktype}, "{f.hex()}"}},' for f in some]
            for e in EXPRESSIONS:
                code = run("-r", path, "-ddd", e)
                if code.returncode:
                    continue
                accept.append(f"\t{{{linktype}, {quoted(e)},\n\t \"" +
                              "; ".join(code.stdout.split("\n")[1:-1]) + '"},')
                out.unlink(missing_ok=True)
                if run("-r", path, "-w", out, e).returncode:
                    raise SystemExit(f"tcpdump does not run '{e}' on link type {linktype}")
                data, pos, hit = out.read_bytes(), 24, ["0"] * len(some)
                while pos < len(data):
                    second, _, size, _ = struct.unpack_from("<IIII", data, pos)
                    hit[second] = "1"
                    pos += 16 + size
                apply.append(f"\t{{{linktype}, {quoted(e)}, \"{''.join(hit)}\"}},")
    head = "/* Written by make_tables.py: do not edit. */\n"
    (HERE / "accept.inc").write_text(
        head + "/* link type, expression, code as \"op jt jf k; ...\" by tcpdump -ddd */\n"
        + "static const struct accept {\n\tuint16_t linktype;\n\tconst char *expr, *code;\n} accept_table[] = {\n"
        + "\n".join(accept) + "\n};\n")
    (HERE / "apply.inc").write_text(
        head + "static const struct frame {\n\tuint16_t linktype;\n\tconst char *hex;\n} frames[] = {\n"
        + "\n".join(hexes) + "\n};\n\n"
        + "/* which of the frames of the link type tcpdump -r lets pass, in order */\n"
        + "static const struct apply {\n\tuint16_t linktype;\n\tconst char *expr, *pass;\n} apply_table[] = {\n"
        + "\n".join(apply) + "\n};\n")


if __name__ == "__main__":
    main()
