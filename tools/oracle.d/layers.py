"""Tunnels, taken apart: which addresses and ports of a tshark packet belong
together.

tshark gives one list per field, with an entry for each time a header occurs;
frame.protocols gives the order of the headers.  Walking it and taking the next
entry of the right list at each name pairs them up again.  What an ICMP error
quotes, or an sFlow datagram reports, is no packet that passed here, and what
IPComp packed only tshark unpacks: the walk stops at these headers."""
import collections
import ipaddress

# proto: IP protocol; stream: tshark's number or None; frag: part of a fragmented datagram.
Transport = collections.namedtuple("Transport", "proto src sport dst dport stream frag")
Network = collections.namedtuple("Network", "src dst proto frag")

IP_PROTOS = {"tcp": 6, "udp": 17}
LAST = {"icmp", "icmpv6", "sflow", "ipcomp"}


class Cut(Exception):
    """A list ran out: the header is named but its fields are not all there."""


def walk(packet):
    """(transports, networks) of a packet, outermost first, down to the first cut header."""
    transports, networks = [], []
    f = {name: iter(values) for name, values in packet.f.items()}
    for name in packet.protocols:
        if name in LAST:
            break
        try:
            step(name, f, transports, networks)
        except Cut:
            break
    return transports, networks


def step(name, f, transports, networks):
    """One header: takes its fields off the front of their lists."""
    def take(field):
        value = next(f[field], None)
        if value is None:
            raise Cut(field)
        return value

    if name == "ip":
        src, dst, proto = take("ip.src"), take("ip.dst"), take("ip.proto")
        frag = take("ip.frag_offset") != "0"
        frag |= take("ip.flags.mf") not in ("0", "False")
        networks.append(Network(addr(src), addr(dst), int(proto), frag))
    elif name == "ipv6":
        networks.append(Network(addr(take("ipv6.src")), addr(take("ipv6.dst")), None, False))
    elif name == "ipv6.fraghdr" and networks:
        frag = take("ipv6.fraghdr.offset") != "0"
        frag |= take("ipv6.fraghdr.more") not in ("0", "False")
        networks[-1] = networks[-1]._replace(frag=networks[-1].frag or frag)
    elif name in ("tcp", "udp") and networks:
        sport, dport = int(take(f"{name}.srcport")), int(take(f"{name}.dstport"))
        net = networks[-1]
        # Cut behind its ports, a header has no stream: it does have a 5-tuple.
        stream = next(f[f"{name}.stream"], None)
        transports.append(Transport(IP_PROTOS[name], net.src, sport, net.dst, dport,
                                    stream, net.frag))


def addr(text):
    return str(ipaddress.ip_address(text))


def both_ways(proto, a, aport, b, bport):
    """The 5-tuple without direction.  With one port None: of VXLAN and Geneve, whose
    source port is no part of the flow; the other port belongs to both ends."""
    if aport is None or bport is None:
        return (proto, *sorted((a, b)), aport if bport is None else bport)
    (a, aport), (b, bport) = sorted([(a, aport), (b, bport)])
    return proto, a, b, aport, bport
