"""Compares what trawl says about a file with capinfos and tshark."""
import collections
import csv
import io
import os
import pathlib
import subprocess

import layers
import peers

# what: sums, tuples, rtt, echo, community, run; number: the packet it starts with (0: none).
Difference = collections.namedtuple("Difference", "what number text")

FLOW_FIELDS = ["start", "parent_uuid", "ip_protocol", "network_a", "network_b", "transport_a",
               "transport_b", "icmp_id", "ab_packets", "ab_bytes", "ba_packets", "ba_bytes",
               "fragments", "rtt_ns", "community_id"]
TIMEOUT = 120  # seconds
SYN_ACK = 0x12


class Crash(Exception):
    pass


def program():
    root = pathlib.Path(__file__).resolve().parents[2]
    return os.environ.get("TRAWL_BIN") or str(root / "build/trawl")


def run_trawl(args):
    """(exit status, stdout, stderr); Crash when it neither finishes nor refuses properly."""
    try:
        p = subprocess.run([program(), *map(str, args)], capture_output=True, timeout=TIMEOUT,
                           stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Crash(f"'trawl {args[0]}' runs longer than {TIMEOUT} s") from None
    err = p.stderr.decode(errors="replace")
    if p.returncode not in (0, 1, 3) or "Sanitizer" in err:
        raise Crash(f"'trawl {args[0]}' exit status {p.returncode}: {err.strip()[-2000:]}")
    return p.returncode, p.stdout.decode(errors="replace"), err


def ns(text):
    """Nanoseconds from "1790000000.123456789"."""
    seconds, _, fraction = text.partition(".")
    sign = -1 if seconds.startswith("-") else 1
    return int(seconds) * 10**9 + sign * int(fraction.ljust(9, "0") or 0)


class Row:
    """A flow as trawl gives it; numbers are int, what is absent is None."""

    def __init__(self, values):
        number = {k: int(values[k]) if values[k] else None
                  for k in FLOW_FIELDS if k not in ("start", "parent_uuid", "network_a",
                                                    "network_b", "community_id")}
        self.__dict__.update(number)
        self.start = ns(values["start"])
        self.top = not values["parent_uuid"]
        self.a, self.b = values["network_a"], values["network_b"]
        self.community = values["community_id"]
        self.packets = self.ab_packets + self.ba_packets
        self.bytes = self.ab_bytes + self.ba_bytes

    def tuple(self):
        """Its 5-tuple; the port is None where it is no part of the flow; None without ports."""
        if self.ip_protocol not in (6, 17) or self.transport_b is None:
            return None
        if not self.transport_a and not self.transport_b and self.fragments == self.packets:
            return None  # fragments without their first one: no ports known
        return layers.both_ways(self.ip_protocol, self.a, self.transport_a, self.b, self.transport_b)


def flows(path):
    status, out, err = run_trawl(["flows", "-r", path, "--format", "csv", "--fields",
                                  ",".join(FLOW_FIELDS)])
    rows = [Row(r) for r in csv.DictReader(io.StringIO(out))] if out else []
    return rows, status, err


class Seen:
    """What tshark saw of a file, by flow."""

    def __init__(self, packets, one_port):
        self.at = {}         # time -> number of the first packet of that time
        self.tuples = {}     # 5-tuple -> number of its first packet
        self.rtts = collections.defaultdict(dict)  # TCP 5-tuple -> {SYN+ACK's packet: ns}
        self.echoes = collections.defaultdict(list)  # (addresses, id) -> [(request's packet, ns)]
        self.ids = collections.defaultdict(dict)   # innermost flow -> {community id: packet}
        self.all_ids = {}
        times = {p.number: p.ts for p in packets}
        for p in packets:
            self.at.setdefault(p.ts, p.number)
            transports, networks = layers.walk(p)
            keys = [fold(t, one_port) for t in transports]
            for key in keys:
                self.tuples.setdefault(key, p.number)
            self.rtt(p, keys)
            self.echo(p, networks, times)
            self.community(p, keys, transports, networks)

    def rtt(self, p, keys):
        """Only where it is clear which header tshark's one value belongs to."""
        tcp = [k for k in keys if k[0] == 6]
        answer = [int(v, 16) & 0x17 for v in p.f["tcp.flags"]] == [SYN_ACK]
        if len(tcp) == 1 and answer and len(p.f["tcp.analysis.ack_rtt"]) == 1:
            self.rtts[tcp[0]][p.number] = ns(p.f["tcp.analysis.ack_rtt"][0])

    def echo(self, p, networks, times):
        for answered, ident in (("icmp.resp_to", "icmp.ident"),
                                ("icmpv6.resp_to", "icmpv6.echo.identifier")):
            if len(p.f[answered]) == 1 and p.f[ident] and networks:
                request = int(p.f[answered][0])
                ends = tuple(sorted((networks[-1].src, networks[-1].dst)))
                key = (*ends, int(p.f[ident][0], 0))
                self.echoes[key].append((request, p.ts - times.get(request, p.ts)))

    def community(self, p, keys, transports, networks):
        """tshark gives one for the innermost flow of a packet."""
        for value in p.f["communityid"]:
            self.all_ids.setdefault(value, p.number)
        innermost = transports and networks and not networks[-1].frag and \
            (transports[-1].src, transports[-1].dst) == (networks[-1].src, networks[-1].dst)
        if innermost and len(p.f["communityid"]) == 1:
            self.ids[keys[-1]].setdefault(p.f["communityid"][0], p.number)


def fold(t, one_port):
    """The 5-tuple of a transport, without the source port where trawl leaves it out."""
    for a, b, port in ((t.src, t.dst, t.dport), (t.dst, t.src, t.sport)):
        key = layers.both_ways(t.proto, a, None, b, port)
        if key in one_port:
            return key
    return layers.both_ways(*t[:5])


def name(key):
    proto, a, ap, b, bp = key
    return f"{'TCP' if proto == 6 else 'UDP'} {a}:{'*' if ap is None else ap} " \
           f"{b}:{'*' if bp is None else bp}"


def compare(path):
    """(rows, packets, differences)."""
    path = pathlib.Path(path)
    try:
        status, out, err = run_trawl(["info", path])
        rows, status, err = flows(path)
    except Crash as e:
        return [], 0, [Difference("run", 0, str(e))]
    packets, size, complaint = peers.capinfos(path)
    if packets is None:
        return rows, 0, []
    if status == 1:
        return rows, packets, [Difference("run", 0, f"trawl cannot read it: {err.strip()[-300:]}")]

    found = sums(rows, packets, size)
    if any(r.ip_protocol is not None for r in rows) or packets:
        one_port = {k for k in (r.tuple() for r in rows) if k and None in (k[2], k[4])}
        seen = Seen(peers.packets(path)[0], one_port)
        found += tuples(rows, seen) + rtts(rows, seen) + echoes(rows, seen) + communities(rows, seen)
    return rows, packets, found


def sums(rows, packets, size):
    found = []
    top = [r for r in rows if r.top]
    for what, got, want in (("packets", sum(r.packets for r in top), packets),
                            ("bytes", sum(r.bytes for r in top), size)):
        if got != want:
            found.append(Difference("sums", 0, f"{what}: trawl {got}, capinfos {want}"))
    return found


def tuples(rows, seen):
    found = []
    ours = {}
    for r in rows:
        key = r.tuple()
        if key:
            ours[key] = min(r.start, ours.get(key, r.start))
    for key in sorted(seen.tuples.keys() - ours.keys(), key=str):
        found.append(Difference("tuples", seen.tuples[key], f"only tshark: {name(key)}"))
    for key in sorted(ours.keys() - seen.tuples.keys(), key=str):
        found.append(Difference("tuples", seen.at.get(ours[key], 0), f"only trawl: {name(key)}"))
    return found


def rtts(rows, seen):
    """Per 5-tuple, every value of one must be one of the other's."""
    found = []
    ours = collections.defaultdict(dict)
    known = {r.tuple() for r in rows}
    for r in rows:
        if r.ip_protocol == 6 and r.rtt_ns is not None and r.tuple():
            ours[r.tuple()][r.rtt_ns] = seen.at.get(r.start, 0)
    for key, values in seen.rtts.items():
        for number, value in values.items():
            if value not in ours[key] and key in known:
                found.append(Difference("rtt", number, f"{name(key)}: tshark {value} ns, "
                                        f"trawl {sorted(ours[key]) or 'none'}"))
    for key, values in ours.items():
        for value, number in values.items():
            if value not in seen.rtts.get(key, {}).values():
                found.append(Difference("rtt", number, f"{name(key)}: trawl {value} ns, "
                                        f"tshark {sorted(seen.rtts.get(key, {}).values()) or 'none'}"))
    return found


def echoes(rows, seen):
    """A flow shows its first answered echo; a long one of tshark's may be several of ours."""
    found = []
    ours = collections.defaultdict(list)
    for r in rows:
        if r.ip_protocol in (1, 58) and r.icmp_id is not None and r.rtt_ns is not None:
            ours[(*sorted((r.a, r.b)), r.icmp_id)].append((r.start, r.rtt_ns))
    for key in sorted(ours.keys() | seen.echoes.keys()):
        got, want = sorted(ours.get(key, [])), seen.echoes.get(key, [])
        who = f"ICMP {key[0]} {key[1]} id {key[2]}"
        if not want:
            found.append(Difference("echo", seen.at.get(got[0][0], 0),
                                    f"{who}: trawl {got[0][1]} ns, tshark none"))
        elif not got:
            found.append(Difference("echo", want[0][0], f"{who}: tshark {want[0][1]} ns, trawl none"))
        elif got[0][1] != want[0][1]:
            found.append(Difference("echo", want[0][0],
                                    f"{who}: tshark {want[0][1]} ns, trawl {got[0][1]} ns"))
        else:
            for start, value in got:
                if value not in [v for _, v in want]:
                    found.append(Difference("echo", seen.at.get(start, 0),
                                            f"{who}: trawl {value} ns, not among tshark's"))
    return found


def communities(rows, seen):
    found = []
    ours = collections.defaultdict(set)
    everything = {r.community for r in rows}
    for r in rows:
        if r.tuple():
            ours[r.tuple()].add(r.community)
    for key, values in seen.ids.items():
        if key in ours and None not in key and ours[key] != set(values):
            found.append(Difference("community", min(values.values()), f"{name(key)}: tshark "
                                    f"{sorted(values)}, trawl {sorted(ours[key])}"))
    for value, number in seen.all_ids.items():
        if value not in everything:
            found.append(Difference("community", number, f"only tshark: {value}"))
    return found
