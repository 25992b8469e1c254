#!/usr/bin/python3
"""Makes the capture of the README's tour: make_tour.py FILE.

Twenty seconds at a small office, with documentation addresses: name lookups, a
download over TLS that loses a segment, a page over IPv6, a ping, a VLAN, a
virtual machine behind VXLAN, a refused connection and a scan."""
import sys

import frames as f

START = 1_790_000_000 * 10**9  # 2026-09-21 14:13:20 UTC
MS = 10**6
LAPTOP, RESOLVER, WEB = "192.0.2.10", "192.0.2.53", "198.51.100.80"
LAPTOP6, WEB6 = "2001:db8:1::10", "2001:db8:2::80"


class Tour:
    def __init__(self):
        self.packets = []

    def add(self, at_ms, src, dst, transport, vlans=(), ttl=64, macs=(1, 2)):
        kind, packet = f.ip(src, dst, *transport, ttl=ttl, ident=len(self.packets) + 1)
        self.packets.append((START + round(at_ms * MS), f.eth(*macs, kind, packet, vlans)))

    def lookup(self, at, port, name, answer, took):
        self.add(at, LAPTOP, RESOLVER, f.udp(LAPTOP, RESOLVER, port, 53, f.dns(port, name)))
        self.add(at + took, RESOLVER, LAPTOP,
                 f.udp(RESOLVER, LAPTOP, 53, port, f.dns(port, name, answer)), macs=(2, 1))


class Conversation:
    """A TCP connection; 'rtt' between the ends, the capture stands at the client."""
    MSS = bytes([2, 4, 5, 0xB4, 1, 3, 3, 7])  # MSS 1460, window scale 7

    def __init__(self, tour, client, server, cport, sport, rtt, vlans=(), wrap=None):
        self.tour, self.ends, self.ports = tour, (client, server), (cport, sport)
        self.rtt, self.vlans, self.wrap = rtt, vlans, wrap
        self.seq = [1_000_000 + cport, 2_000_000 + cport]

    def send(self, at, who, flags, payload=b"", options=b"", seq=None, ack=None):
        src, dst = self.ends[who], self.ends[1 - who]
        if ack is None:
            ack = self.seq[1 - who] if flags & f.ACK else 0
        segment = f.tcp(src, dst, self.ports[who], self.ports[1 - who],
                        self.seq[who] if seq is None else seq, ack, flags, payload, options,
                        window=64240 if flags & f.SYN else 502)
        ttl, macs = (64, (1, 2)) if who == 0 else (57, (2, 1))
        if self.wrap:
            self.wrap(at, who, src, dst, segment)
        else:
            self.tour.add(at, src, dst, segment, self.vlans, ttl, macs)
        if seq is None:
            self.seq[who] += len(payload) + bool(flags & (f.SYN | f.FIN))

    def open(self, at):
        self.send(at, 0, f.SYN, options=self.MSS)
        self.send(at + self.rtt, 1, f.SYN | f.ACK, options=self.MSS)
        self.send(at + self.rtt + 0.1, 0, f.ACK)
        return at + self.rtt + 0.2

    def close(self, at):
        self.send(at, 0, f.FIN | f.ACK)
        self.send(at + self.rtt, 1, f.FIN | f.ACK)
        self.send(at + self.rtt + 0.1, 0, f.ACK)


def download(tour, at):
    """TLS; of twelve segments the fifth is lost on its way to us and sent again, twice."""
    c = Conversation(tour, LAPTOP, WEB, 50001, 443, rtt=12.5)
    at = c.open(at)
    c.send(at, 0, f.PSH | f.ACK, f.client_hello("www.example.org"))
    at += c.rtt
    c.send(at, 1, f.PSH | f.ACK, f.server_hello())
    missing = None
    for n in range(12):
        if n == 4:
            missing = c.seq[1]
            c.seq[1] += 1400
        else:
            c.send(at + n * 0.3, 1, f.ACK, bytes([23, 3, 3, 5, 115]) + bytes(1395))
    at += 12 * 0.3
    for n in range(3):
        c.send(at + n * 0.1, 0, f.ACK, ack=missing)
    c.send(at + 40, 1, f.ACK, bytes([23, 3, 3, 5, 115]) + bytes(1395), seq=missing)
    c.send(at + 60, 1, f.PSH | f.ACK, bytes([23, 3, 3, 5, 115]) + bytes(1395), seq=missing)
    c.send(at + 60.1, 0, f.ACK)
    c.close(at + 70)


def page(tour, at):
    c = Conversation(tour, LAPTOP6, WEB6, 50002, 80, rtt=21)
    at = c.open(at)
    c.send(at, 0, f.PSH | f.ACK, b"GET / HTTP/1.1\r\nHost: www.example.net\r\n\r\n")
    c.send(at + 22, 1, f.PSH | f.ACK, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    c.send(at + 22.1, 0, f.ACK)
    c.close(at + 30)


def virtual_machine(tour, at):
    """Its SSH connection passes between two hypervisors as VXLAN, VNI 42."""
    hosts = "203.0.113.1", "203.0.113.2"

    def wrap(when, who, src, dst, segment):
        kind, packet = f.ip(src, dst, *segment)
        inner = f.eth(16 + who, 17 - who, kind, packet)
        outer = hosts[who], hosts[1 - who]
        tour.add(when, *outer, f.udp(*outer, 49152 + who, 4789, f.vxlan(42, inner)),
                 macs=(32 + who, 33 - who))

    c = Conversation(tour, "10.1.0.5", "10.1.0.9", 50003, 22, rtt=0.8, wrap=wrap)
    at = c.open(at)
    c.send(at, 1, f.PSH | f.ACK, b"SSH-2.0-OpenSSH_9.2\r\n")
    c.send(at + 1, 0, f.PSH | f.ACK, b"SSH-2.0-OpenSSH_9.2\r\n")
    for n in range(8):
        c.send(at + 2 + n, n % 2, f.PSH | f.ACK, (116).to_bytes(4, "big") + bytes([8]) + bytes(115))
    c.close(at + 20)


def main(path):
    tour = Tour()
    tour.lookup(0, 40001, "www.example.org", WEB, took=8)
    download(tour, 10)
    tour.lookup(500, 40002, "www.example.net", "198.51.100.81", took=31)
    page(tour, 540)
    for n in range(3):
        data = bytes(range(48))
        tour.add(2000 + n * 1000, LAPTOP, WEB, f.icmp_echo(False, 77, n + 1, data))
        tour.add(2012.25 + n * 1000, WEB, LAPTOP, f.icmp_echo(True, 77, n + 1, data), ttl=57, macs=(2, 1))
    virtual_machine(tour, 3300)
    phone = Conversation(tour, "192.0.2.130", "192.0.2.2", 50004, 8080, rtt=1.5, vlans=(100,))
    phone.send(6000, 0, f.SYN, options=phone.MSS)
    phone.send(6001.5, 1, f.RST | f.ACK)
    for port in range(20, 30):
        scan = Conversation(tour, "198.51.100.66", LAPTOP, 61000, port, rtt=0.05)
        scan.send(20000 + port, 0, f.SYN)
    f.pcap(path, tour.packets)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_tour.py FILE")
    main(sys.argv[1])
