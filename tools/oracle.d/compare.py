"""Compares what trawl says about a file with capinfos and tshark."""
import collections
import csv
import io
import os
import pathlib
import subprocess

import layers
import peers

# what: sums, tuples, counts, rtt, echo, community, run; number: the packet it starts with (0: none).
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
        """Its 5-tuple; None without ports."""
        if self.ip_protocol not in (6, 17) or self.transport_b is None:
            return None
        return layers.both_ways(self.ip_protocol, self.a, self.transport_a, self.b, self.transport_b)

    def portless(self):
        """Whether ports 0 may stand for those of a first fragment that was not seen."""
        return not self.transport_a and not self.transport_b and self.fragments == self.packets


def flows(path):
    status, out, err = run_trawl(["flows", "-r", path, "--format", "csv", "--fields",
                                  ",".join(FLOW_FIELDS)])
    rows = [Row(r) for r in csv.DictReader(io.StringIO(out))] if out else []
    return rows, status, err


class Seen:
    """What tshark saw of a file, by flow."""

    def __init__(self, packets, one_port):
        self.at = {}      # time -> number of the first packet of that time
        self.tuples = {}  # 5-tuple -> number of its first packet
        self.counts = collections.Counter()  # 5-tuple -> packets, later fragments not
        self.fragmented = set()  # 5-tuples with fragments: trawl counts the later ones too
        self.rtts = collections.defaultdict(dict)    # TCP 5-tuple -> {SYN+ACK's packet: ns}
        self.echoes = collections.defaultdict(list)  # (addresses, id) -> [(request's packet, ns)]
        self.ids = collections.defaultdict(dict)     # 5-tuple -> {community id: packet}
        self.other_ids = collections.defaultdict(dict)  # (addresses, protocol) -> the same
        self.ids_at = collections.defaultdict(set)   # time -> community ids
        self.answered = set()  # streams whose SYN+ACK was seen
        times = {p.number: p.ts for p in packets}
        for p in packets:
            self.at.setdefault(p.ts, p.number)
            transports, networks = layers.walk(p)
            keys = [fold(t, one_port) for t in transports]
            for key, t in zip(keys, transports):
                self.tuples.setdefault(key, p.number)
                self.counts[key] += 1
                if t.frag:
                    self.fragmented.add(key)
            self.rtt(p, keys, transports)
            self.echo(p, networks, times)
            self.community(p, keys, transports, networks)

    def rtt(self, p, keys, transports):
        """Of the first SYN+ACK of a stream; only where it is clear which header tshark's one
        value belongs to.  (A SYN+ACK sent again answers nothing new.)"""
        tcp = [(k, t) for k, t in zip(keys, transports) if t.proto == 6]
        if len(tcp) == 1 and [int(v, 16) & 0x17 for v in p.f["tcp.flags"]] == [SYN_ACK]:
            key, stream = tcp[0][0], tcp[0][1].stream
            if stream not in self.answered and len(p.f["tcp.analysis.ack_rtt"]) == 1:
                self.rtts[key][p.number] = ns(p.f["tcp.analysis.ack_rtt"][0])
            self.answered.add(stream)

    def echo(self, p, networks, times):
        for answered, ident in (("icmp.resp_to", "icmp.ident"),
                                ("icmpv6.resp_to", "icmpv6.echo.identifier")):
            if len(p.f[answered]) == 1 and p.f[ident] and networks:
                request = int(p.f[answered][0])
                ends = tuple(sorted((networks[-1].src, networks[-1].dst)))
                key = (*ends, int(p.f[ident][0], 0))
                self.echoes[key].append((request, p.ts - times.get(request, p.ts)))

    def community(self, p, keys, transports, networks):
        """tshark gives one for the innermost flow of a packet; its ports are not known in
        later fragments, nor ICMP's type where tshark gave up inside the message."""
        ids = p.f["communityid"]
        self.ids_at[p.ts].update(["malformed"] if p.f["_ws.malformed"] else ids)
        if len(ids) != 1 or not networks or networks[-1].frag or "sflow" in p.protocols or \
                p.f["_ws.malformed"]:
            return
        net = networks[-1]
        if transports and (transports[-1].src, transports[-1].dst) == (net.src, net.dst):
            self.ids[keys[-1]].setdefault(ids[0], p.number)
        elif len(networks) == 1 and net.proto not in (1, 6, 17, None):
            # In a tunnel tshark 4.0 hashes the inner addresses with the outer protocol.
            self.other_ids[(*sorted((net.src, net.dst)), net.proto)].setdefault(ids[0], p.number)


def fold(t, one_port):
    """The 5-tuple of a transport, without the source port where trawl leaves it out."""
    for port in (t.dport, t.sport):
        key = layers.both_ways(t.proto, t.src, None, t.dst, port)
        if key in one_port:
            return key
    return layers.both_ways(*t[:5])


def name(key):
    kind = "TCP" if key[0] == 6 else "UDP"
    return f"{kind} {key[1]} {key[2]} ports {' '.join(map(str, key[3:]))}"


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
        one_port = {k for k in (r.tuple() for r in rows) if k and len(k) == 4}
        seen = Seen(peers.packets(path)[0], one_port)
        found += tuples(rows, seen) + counts(rows, seen) + rtts(rows, seen) + echoes(rows, seen) + communities(rows, seen)
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
        if key and (key in seen.tuples or not r.portless()):
            ours[key] = min(r.start, ours.get(key, r.start))
    for key in sorted(seen.tuples.keys() - ours.keys(), key=str):
        found.append(Difference("tuples", seen.tuples[key], f"only tshark: {name(key)}"))
    for key in sorted(ours.keys() - seen.tuples.keys(), key=str):
        found.append(Difference("tuples", seen.at.get(ours[key], 0), f"only trawl: {name(key)}"))
    return found


def counts(rows, seen):
    """Packets of each 5-tuple that both have, in all flows of it together."""
    found = []
    ours = collections.Counter()
    for r in rows:
        if r.tuple():
            ours[r.tuple()] += r.packets
    for key in sorted(ours.keys() & seen.counts.keys() - seen.fragmented, key=str):
        if ours[key] != seen.counts[key]:
            found.append(Difference("counts", seen.tuples[key], f"{name(key)}: trawl {ours[key]} "
                                    f"packets, tshark {seen.counts[key]}"))
    return found


def rtts(rows, seen):
    """Per 5-tuple, every value of one must be one of the other's; tshark leaves out those of 0."""
    found = []
    ours = collections.defaultdict(dict)
    known = {r.tuple() for r in rows}
    for r in rows:
        if r.ip_protocol == 6 and r.rtt_ns and r.tuple():
            ours[r.tuple()][r.rtt_ns] = seen.at.get(r.start, 0)
    for key, values in seen.rtts.items():
        for number, value in values.items():
            if value not in ours[key] and key in known:
                found.append(Difference("rtt", number, f"{name(key)}: tshark {value} ns, "
                                        f"trawl {sorted(ours[key]) or 'none'}"))
    for key, values in ours.items():
        theirs = seen.rtts.get(key, {}).values()
        for value, number in values.items():
            if value not in theirs:
                found.append(Difference("rtt", number, f"{name(key)}: trawl {value} ns, "
                                        f"tshark {sorted(theirs) or 'none'}"))
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
    """5-tuples and portless protocols: the same ids.  ICMP: that of the flow's first packet."""
    found = []
    ours, others = collections.defaultdict(set), collections.defaultdict(set)
    for r in rows:
        if r.tuple():
            ours[r.tuple()].add(r.community)
        elif r.ip_protocol is not None:
            others[(*sorted((r.a, r.b)), r.ip_protocol)].add(r.community)
        at = seen.ids_at[r.start]
        if r.ip_protocol in (1, 58) and not r.fragments and not at & {r.community, "malformed"}:
            found.append(Difference("community", seen.at.get(r.start, 0), f"ICMP {r.a} {r.b}: trawl "
                                    f"{r.community}, tshark {sorted(at)}"))
    for theirs, mine in ((seen.ids, ours), (seen.other_ids, others)):
        for key, values in theirs.items():
            if len(key) != 4 and mine.get(key) != set(values) and key in mine:
                found.append(Difference("community", min(values.values()), f"{key}: tshark "
                                        f"{sorted(values)}, trawl {sorted(mine[key])}"))
    return found
