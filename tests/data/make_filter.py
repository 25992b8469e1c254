#!/usr/bin/python3
"""Writes the seeds of the fuzz targets filter, where, rx, cbpf, may and ebpf: expressions and
frames of tests/filter/*.inc, and programs of tests/filter/accept.inc."""
import pathlib
import re
import struct

TESTS = pathlib.Path(__file__).resolve().parent.parent
CORPUS = TESTS / "fuzz" / "corpus"
EVERY = 9  # a seed of each kind is enough for a fuzzer

BROKEN_FILTERS = ["tcp prot 80", "host example.org", "net foo", "port foo", "host 1.2.3.4 or foo", "(tcp", "tcp)",
                  "\\foo", "gateway x", "ether host foo", "net 10.0.0.1/8", "port 99999999999", "ip[0:3]=1", "$1f",
                  "host ::ffff:1.2.3.4", "host 1:2:3:4", "wlan type mgt subtype foo", "icmp-echo", "on en0 and tcp"]
MORE_WHERES = ['application matches "^(a|b)[[:alpha:]]{1,3}\\\\d$"', "rtt_ns >= 5ms or rtt_ns == 1h30m",
               "start > 2026-11-21T10:00:00Z", 'start <= "2026-11-21 10:00:00"', "ab_bytes in {1..5, 64K, 1M}",
               "uuid == 01234567-89ab-cdef-0123-456789abcdef", "delta < -5 && ratio != 1.5e3", "truncated == true",
               "Network.A == network_b", "application contains 'a b'", "transport_a & 0x12 == 0x02",
               "Network == 10.0.0.0/8 and not dns", "protocol in {TCP, \"UDP\"}", 'application ~ r"\\.x$"',
               "ab_bytes => 5", "tcp_fla == 1", "delta in {-5..7}",
               'not layers_path matches "(.|..)+(?<=x)"', "vlan or layers_path ~ '(.|..|/)+(?<=\\d)' or application ~ 'a('"]

HARD_RX = ["(a|aa)+$", "(a+)+$", "(.*)*(?<=c)", "(a{1,1000}){1,1000}", "(((a{100}){100}){100}){100}", "(?R)?a", "(?1)(a|b|(?1))",
           "(*LIMIT_MATCH=4000000000)(a*)*$", "(*UTF)a", "(?=(a+))*b", "([b-d]){1000}", "a(b", "[z-a]", "(?<n>a)(?<n>b)", "\\"]


def strings(path, pattern):
    return [m.groups() for m in re.finditer(pattern, (TESTS / "filter" / path).read_text())]


def unescape(text):
    return text.replace("\\\\", "\\")


def rx_seeds():
    """Expressions of rx.inc, each with a text of it, and ones that are hard to match or too large."""
    texts = [unescape(t).encode() for t, in strings("rx.inc", r'\t"(.*)",\n')]
    for n, (expr,) in enumerate(strings("rx.inc", r'\{"(.*)", "[01]+", ')):
        yield unescape(expr).encode(), texts[n % len(texts)]
    for expr in HARD_RX:
        yield expr.encode(), b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"


def write(name, seeds):
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for n, data in enumerate(seeds):
        (folder / f"{n:03}").write_bytes(data)


def main():
    frames = {}
    for linktype, text in strings("apply.inc", r'\{(\d+), "([0-9a-f]+)"\}'):
        if re.fullmatch(r"(..)+", text) and len(text) > 40:
            frames.setdefault(int(linktype), []).append(bytes.fromhex(text))
    applies = strings("apply.inc", r'\{(\d+), "(.*)", "[01]+"\}')
    seeds = []
    for n, (linktype, expr) in enumerate(applies):
        if n % EVERY == 0:
            some = frames[int(linktype)]
            seeds.append(struct.pack("<H", int(linktype)) + unescape(expr).encode() + b"\0" + some[n % len(some)])
    seeds += [struct.pack("<H", 1) + e.encode() + b"\0" + frames[1][0] for e in BROKEN_FILTERS]
    write("filter", seeds)

    programs, partly = [], []
    for n, (linktype, _, code) in enumerate(strings("accept.inc", r'\{(\d+), "(.*)",\n\t "(.*)"\}')):
        insns = [tuple(int(v) for v in i.split()) for i in code.split("; ")]
        if n % EVERY == 0 and len(insns) < 256:
            some = frames[int(linktype)]
            program = bytes([len(insns)]) + b"".join(struct.pack("<HBBI", *i) for i in insns)
            frame = some[n % len(some)]
            programs.append(program + frame)
            known = bytes([255, 255, 255, 0][i * (n + 1) // 2 % 4] for i in range(len(frame)))
            partly.append(program + bytes([14]) + frame + known)
    write("cbpf", programs)
    write("may", partly)
    write("ebpf", [bytes([n % 8 == 7]) + p for n, p in enumerate(programs)])

    write("rx", [bytes([n % 2, len(e)]) + e + t for n, (e, t) in enumerate(rx_seeds())])

    wheres = [e for e, in strings("where.inc", r'\{"(.*)", "[01]+"\}')]
    write("where", [e.encode() for e in wheres[::3] + MORE_WHERES])


if __name__ == "__main__":
    main()
