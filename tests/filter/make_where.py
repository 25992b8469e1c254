#!/usr/bin/python3
"""Writes where.inc: rows, and which of them tshark's display filters let pass,
for tests/unit/test_where.c.

Each row is a flow of one packet, so that tshark's fields of the packet are
trawl's fields of the row.  Run again after a change here: the diff is to be
reviewed.  Last run with tshark 4.0.17."""
import pathlib
import subprocess
import tempfile

from scapy.all import ARP, ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6EchoRequest, IPv6, wrpcap

HERE = pathlib.Path(__file__).parent
M1, M2, M3 = "00:00:5e:00:53:01", "00:00:5e:00:53:02", "00:00:5e:00:53:ff"


def row(src, dst, path, net=None, a=None, b=None, proto=None, l4=None, sport=None, dport=None, vlan=None,
        ttl=None, icmp=None):
    return locals()


ROWS = [
    row(M1, M2, "Ethernet/IPv4/TCP", "IPV4", "10.0.0.1", "192.0.2.9", 6, "TCP", 1024, 80, ttl=64),
    row(M2, M1, "Ethernet/IPv4/TCP", "IPV4", "192.0.2.9", "10.1.2.3", 6, "TCP", 443, 443, ttl=1),
    row(M1, M3, "Ethernet/IPv4/UDP", "IPV4", "10.0.0.1", "10.0.0.2", 17, "UDP", 5000, 80, ttl=128),
    row(M1, M2, "Ethernet/IPv6/TCP", "IPV6", "2001:db8::1", "2001:db8:1::2", 6, "TCP", 80, 2000, ttl=64),
    row(M3, M2, "Ethernet/IPv6/UDP", "IPV6", "fe80::1", "ff02::fb", 17, "UDP", 6000, 6001, ttl=255),
    row(M1, M2, "Ethernet/ARP", "ARP", "10.0.0.1", "10.0.0.2"),
    row(M1, M2, "Ethernet/IPv4/ICMPv4", "IPV4", "10.0.0.1", "10.0.0.1", 1, ttl=64, icmp=8),
    row(M1, M2, "Ethernet/Dot1Q/IPv4/TCP", "IPV4", "172.16.0.1", "172.16.255.254", 6, "TCP", 22, 65535, vlan=5,
        ttl=32),
    row(M2, M1, "Ethernet/IPv6/ICMPv6", "IPV6", "2001:db8::2", "2001:db8::1", 58, ttl=64, icmp=128),
]


def frame(r):
    out = Ether(src=r["src"], dst=r["dst"])
    if r["vlan"]:
        out /= Dot1Q(vlan=r["vlan"])
    if r["net"] == "ARP":
        return out / ARP(psrc=r["a"], pdst=r["b"])
    if r["net"] == "IPV4":
        out /= IP(src=r["a"], dst=r["b"], ttl=r["ttl"])
    else:
        out /= IPv6(src=r["a"], dst=r["b"], hlim=r["ttl"])
    if r["l4"]:
        return out / {"TCP": TCP, "UDP": UDP}[r["l4"]](sport=r["sport"], dport=r["dport"])
    return out / (ICMP(type=8) if r["net"] == "IPV4" else ICMPv6EchoRequest())


EXPRESSIONS = [
    "ip", "ipv6", "arp", "tcp", "udp", "icmp", "icmpv6", "eth", "vlan", "not tcp", "tcp or udp", "tcp and ip",
    "tcp || udp && ipv6", "!(tcp or udp)", "not tcp and not udp", "not not tcp", "! ! ip",
    "ip.addr", "ip.src", "tcp.port", "udp.port", "vlan.id", "icmp.type", "not ip.addr",
    "ip.addr == 10.0.0.1", "ip.src == 10.0.0.1", "ip.dst == 10.0.0.1", "ip.addr eq 10.0.0.1",
    "ip.addr != 10.0.0.1", "ip.addr ne 10.0.0.1", "not ip.addr == 10.0.0.1", "ip.addr !== 10.0.0.1",
    "ip.addr ~= 10.0.0.1", "ip.addr === 10.0.0.1", "ip.addr any_ne 10.0.0.1", "ip.addr all_eq 10.0.0.1",
    "not ip.addr != 10.0.0.1", "ip.addr == 10.0.0.0/8", "ip.addr != 10.0.0.0/8", "ip.addr === 10.0.0.0/8",
    "ip.addr == 10.0.0.0/31", "ip.addr == 172.16.0.0/16", "ip.addr == 0.0.0.0/0",
    "ip.addr > 10.1.0.0", "ip.addr < 10.0.0.2", "ip.addr >= 172.16.255.254", "ip.addr <= 10.0.0.1",
    "ip.addr in {10.0.0.2, 172.16.0.0/24}", "ip.addr in {10.0.0.2..10.2.0.0}", "not ip.addr in {10.0.0.1}",
    "ip.addr not in {10.0.0.1}", "ip.src == ip.dst", "ip.src != ip.dst", "ip.src < ip.dst",
    "ipv6.addr == 2001:db8::1", "ipv6.src == 2001:db8::1", "ipv6.src in {2001:db8::/127}",
    "ipv6.addr == 2001:db8::/48", "ipv6.addr == 2001:db8::/32",
    "ipv6.src == fe80::/10", "ipv6.addr != 2001:db8::/32", "ipv6.dst > 2001:db8::1",
    "eth.addr == 00:00:5e:00:53:ff", "eth.src == 00-00-5e-00-53-01", "eth.dst != 00:00:5e:00:53:02",
    "tcp.port == 80", "tcp.port != 80", "not tcp.port == 80", "udp.port == 80", "tcp.srcport == 80",
    "tcp.dstport == 80", "tcp.port == 0x1bb", "tcp.port === 443", "tcp.port !== 443", "tcp.port > 1024",
    "tcp.port >= 1024", "tcp.port < 80", "tcp.port <= 80", "tcp.port > 65535", "tcp.port >= 65535", "tcp.port < 0",
    "tcp.port in {22, 80}", "tcp.port in {20..79, 1000..2000}", "tcp.port in {1..2,2..3,5,443,444,446..450}",
    "tcp.srcport == tcp.dstport", "tcp.srcport > tcp.dstport", "tcp.srcport != tcp.dstport",
    "tcp.port & 1", "tcp.port & 0x50 == 0x50", "udp.port & 8 != 0",
    "ip.ttl == 64", "ip.ttl < 64", "ip.ttl gt 64", "ip.ttl le 1", "ipv6.hlim ge 255", "ip.proto == 6",
    "ip.proto in {1,17}", "icmp.type == 8", "icmpv6.type == 128", "icmp.type == 128", "vlan.id == 5",
    "vlan.id != 5", "vlan.id > 4 and tcp.port == 22", "tcp.port == 80 and ip.addr == 10.0.0.1 or vlan",
    "tcp.port==80&&ip.src==10.0.0.1||arp", "udp or tcp and ip.ttl == 1", "(udp or tcp) and ip.ttl == 1",
    "not (tcp.port == 80 or ip.ttl == 1) and ip", "arp.src.proto_ipv4 == 10.0.0.1", "arp.dst.proto_ipv4 != 10.0.0.1",
]


def text(v):
    return "NULL" if v is None else f'"{v}"'


def main():
    out = ["/* Written by make_where.py: do not edit. */",
           "/* 0: the row has no such value */",
           "static const struct spec {",
           "\tconst char *link_a, *link_b, *layers_path, *network_protocol, *network_a, *network_b;",
           "\tunsigned ip_protocol;", "\tconst char *transport_protocol;",
           "\tunsigned transport_a, transport_b, vlan, ttl, icmp_type;", "} specs[] = {"]
    for r in ROWS:
        out.append("\t{" + ", ".join([text(r["src"]), text(r["dst"]), text(r["path"]), text(r["net"]),
                                      text(r["a"]), text(r["b"]), str(r["proto"] or 0), text(r["l4"])] +
                                     [str(r[k] or 0) for k in ("sport", "dport", "vlan", "ttl", "icmp")]) + "},")
    out += ["};", "", "/* which rows tshark -Y lets pass */",
            "static const struct shown {\n\tconst char *expr, *rows;\n} shown_by_tshark[] = {"]
    with tempfile.TemporaryDirectory() as tmp:
        path = pathlib.Path(tmp) / "rows.pcap"
        wrpcap(str(path), [frame(r) for r in ROWS])
        for e in EXPRESSIONS:
            done = subprocess.run(["tshark", "-n", "-r", path, "-Y", e, "-T", "fields", "-e", "frame.number"],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{e}: {done.stderr}")
            hit = {int(n) for n in done.stdout.split()}
            rows = "".join("1" if i + 1 in hit else "0" for i in range(len(ROWS)))
            out.append(f'\t{{"{e}", "{rows}"}},')
    (HERE / "where.inc").write_text("\n".join(out) + "\n};\n")


if __name__ == "__main__":
    main()
