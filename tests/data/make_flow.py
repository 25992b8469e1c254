#!/usr/bin/python3
"""Writes the seeds of the fuzz target flow: limits, and programs of packets as
tests/fuzz/flow_frames.h reads them."""
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent.parent / "fuzz" / "corpus" / "flow"

# enum frame_what, enum frame_around
(TCP, TCP_MORE, UDP, ICMP, FRAG_FIRST, FRAG_LATER, SCTP, OTHER_IP, ARP, ETHERTYPE, OPAQUE, RAW_IP, BURST, JUNK, MALFORMED,
 EMPTY) = range(16)
PLAIN, _, VXLAN, GRE, IPIP, MPLS, GTP, VXLAN_GRE = range(8)
V6 = 8
FIN, SYN, RST, ACK = 1, 2, 4, 16
SYNACK = SYN | ACK

# What steps of time mean: move_time() in fuzz_flow.c.
MS, S, MINUTE, IDLE, LATE, HOLD, HELD, DAY = 4, 5, 6, 7, 9, 11, 12, 14
BACK = 0x80
LEAP_START, LEAP_END = 0xF0, 0xF1


def op(what, src=0, dst=1, *, around=PLAIN, vlans=0, iface=0, mac=0, sport=1, dport=0, text=0, cut=None, flags=0, seq=0,
       ack=0, time=MS, repeat=0):
    """One packet; 'cut' is how many bytes of it were captured."""
    return struct.pack("8B", what | around << 4, src | dst << 2 | vlans << 4 | iface << 6 | mac << 7,
                       sport | dport << 2 | text << 4 | (cut is not None) << 7, flags, seq, ack, time,
                       repeat if cut is None else cut)


def head(flows=0, idle=6, hold=5, memory=3, l2=False, ways=0):
    """Indexes into the tables of fuzz_flow.c; ways: 1 expire, 2 read, 4 two tables, 8 each packet by itself,
    16 to 48 versions."""
    return bytes([flows | idle << 3 | l2 << 6, hold | memory << 3, ways])


def back(what, **more):
    """The answer to a packet from 0 to 1."""
    return op(what, 1, 0, sport=0, dport=1, **more)


def connection(end=FIN, isn=0, **more):
    return [op(TCP, flags=SYN, seq=isn, **more), back(TCP, flags=SYNACK, ack=isn + 1, **more),
            op(TCP, flags=ACK, seq=isn + 1, ack=1, **more), op(TCP, flags=ACK, seq=isn + 1, ack=1, text=2, **more),
            back(TCP, flags=ACK, seq=1, ack=isn + 3, text=4, **more), op(TCP, flags=ACK, seq=isn + 1, ack=1, text=2, **more),
            op(TCP, flags=end | ACK, seq=isn + 7, ack=2, **more), back(TCP, flags=end | ACK, seq=2, ack=isn + 8, **more)]


def fragments(**more):
    return [op(FRAG_LATER, flags=6, seq=2, **more), op(FRAG_FIRST, seq=2, text=6, **more), op(FRAG_LATER, flags=2, seq=2, **more),
            op(FRAG_LATER, flags=4, seq=2, **more), back(FRAG_LATER, flags=4, seq=2, **more),
            op(UDP, text=1, **more)]


PROGRAMS = {
    "tcp": connection(),
    "tcp_again": connection() + connection(RST) + [op(TCP, flags=SYN, seq=99, time=HOLD)] + connection(0, time=HELD),
    "tcp_same_time": [p for n in range(4) for p in connection((RST, FIN)[n & 1], 20 * n, time=0)],
    "udp": [op(UDP, text=3), back(UDP, text=3), op(UDP, time=IDLE), op(UDP, time=LATE), op(UDP, time=BACK | S)],
    "icmp": [op(ICMP, flags=10), back(ICMP, flags=3), op(ICMP, 2, 2, flags=10), op(ICMP, 2, 2, flags=3), op(ICMP, flags=12)],
    "v6": [op(w | V6 << 4, text=1) for w in (TCP, UDP, ICMP, SCTP, FRAG_FIRST, FRAG_LATER)],
    "fragments": fragments() + fragments(time=MINUTE),
    "fragments_in_tunnel": fragments(around=VXLAN) + fragments(around=IPIP),
    "vlans": [op(UDP, vlans=n, iface=n & 1, mac=n >> 1) for n in range(4)] * 2,
    "macs": [op(UDP, mac=m, ack=a) for m in range(2) for a in (0, 128)] * 2,
    "tunnels": [p for t in range(8) for p in (op(UDP, around=t), back(UDP, around=t), op(TCP, around=t, flags=SYN))],
    "others": [op(w, flags=99, seq=0x12, ack=0x34) for w in (OTHER_IP, ARP, ETHERTYPE, OPAQUE, RAW_IP, JUNK, EMPTY)] * 2,
    "cut": [op(w, cut=n, text=6) for w in (TCP, UDP, ARP, FRAG_FIRST) for n in (0, 13, 20, 35, 45, 60)],
    "malformed": [op(MALFORMED, seq=n, ack=1 << n) for n in range(8)],
    "times": [op(UDP, time=t) for t in (S, BACK | S, BACK | DAY, LEAP_START, DAY, LEAP_END, S, BACK | MS, LATE, LATE)],
    "burst": [op(BURST, repeat=255), op(BURST, 1, 2, repeat=255, time=S), op(UDP, time=BACK | S), op(BURST, repeat=255, time=LATE)],
    "burst_in_tunnel": [op(BURST, around=VXLAN_GRE, repeat=200), op(BURST | V6 << 4, around=GRE, repeat=200),
                        op(BURST, around=GTP, repeat=100, time=LATE)],
    "burst_of_fragments": [op(FRAG_FIRST, seq=n & 3, src=n & 1, time=n & 15) for n in range(60)],
}


def main():
    CORPUS.mkdir(parents=True, exist_ok=True)
    for old in CORPUS.iterdir():
        old.unlink()
    heads = {"": head(), "_often": head(ways=3 | 48, l2=True), "_two": head(ways=7 | 16, idle=4, hold=3),
             "_small": head(memory=0, ways=13),
             "_few": head(flows=2, memory=1, idle=0, hold=0, ways=10 | 32)}
    # a flow that goes on, and one whose record the next one gets, over some turns of a second
    for ways in 16, 19, 48, 59:
        (CORPUS / f"versions_{ways}").write_bytes(head(idle=5, ways=ways) + b"".join(
            p for n in range(12) for p in (op(UDP, time=S), back(UDP, time=S), op(UDP, 2, 3, sport=n & 3, time=S))))
    # once an expiry without end: the shortest time-out before the earliest time
    (CORPUS / "earliest").write_bytes(head(idle=0, hold=7, ways=15) + op(TCP, time=BACK | HELD))
    for name, ops in PROGRAMS.items():
        for suffix, h in heads.items():
            if not suffix or len(ops) < 9 or "burst" in name:
                (CORPUS / (name + suffix)).write_bytes(h + b"".join(ops))


if __name__ == "__main__":
    main()
