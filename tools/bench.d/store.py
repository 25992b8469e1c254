"""The store beside SQLite and nfdump: rows in, questions to them, packets of the past, and
reading while it captures."""
import contextlib
import os
import pathlib
import re
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import capture
from common import ROOT, compiled, machine, need_space, say, used

RUN_MAX = 1800  # seconds that anything may take
FLOWS_PER_S = 4000  # of the generated traffic that rows are made of
FLOOD = 2_000_000  # rows a second when they come as fast as they are to be stored
FILE_SECONDS = 300  # of each of nfdump's files, as nfcapd makes them
PACKET_RATE = 12500  # flows a second of the traffic that packets are kept of: about 180,000 packets
PICK_AT = 0.5  # part of the flows after which the one that is looked for begins
CPU_BYTES = 2 << 30  # of frames, in the runs that compare CPU time
ROW_ROOM = 500  # bytes that all tools' files of a row may take
PARTS = ("rows", "questions", "past", "beside")
LIBRARIES = ("run", "sink", "store", "capture", "ql", "flow", "filter", "fmt", "bpf", "net", "priv", "base")
SYSTEM = ("pcap", "pcre2-8", "z", "zstd", "lz4", "crypto", "seccomp", "sqlite3", "pthread", "m")
UTC = {**os.environ, "TZ": "UTC"}


def built(trawl, folder):
    """storerows.c and what belongs to it, with the libraries that 'trawl' was made of."""
    build = pathlib.Path(shutil.which(trawl)).resolve().parent
    libraries = [p for n in LIBRARIES if (p := build / f"src/{n}/lib{n}.a").exists()]
    if not any(p.name == "libstore.a" for p in libraries):
        sys.exit(f"bench: store needs the libraries beside {trawl}: TRAWL_BIN in a build directory")
    if not pathlib.Path("/usr/include/sqlite3.h").exists():
        sys.exit("bench: store needs sqlite3.h (package libsqlite3-dev)")
    here = ROOT / "tools/bench.d"
    subprocess.run(["cc", "-O2", "-std=gnu17", "-D_GNU_SOURCE", f"-I{ROOT / 'src'}", f"-I{here}",
                    "-o", folder / "storerows", *sorted(here.glob("store*.c")),
                    "-Wl,--start-group", *libraries, "-Wl,--end-group", *(f"-l{n}" for n in SYSTEM)],
                   check=True)
    return folder / "storerows"


def words(line):
    """An answer of storerows."""
    found = dict(w.split("=", 1) for w in line.split())
    return {k: float(v) if re.fullmatch(r"-?\d+\.\d+", v) else int(v) if re.fullmatch(r"-?\d+", v) else v
            for k, v in found.items()}


class Rows:
    """storerows with rows in its memory, until the end of a 'with'."""

    def __init__(self, program, *args):
        self.p = subprocess.Popen([program, "rows", *map(str, args)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, bufsize=0, env=UTC)
        self.made = self.answer()

    def answer(self):
        if not select.select([self.p.stdout], [], [], RUN_MAX)[0]:
            sys.exit(f"bench: storerows took more than {RUN_MAX} s")
        line = self.p.stdout.readline().decode()
        if not line:
            sys.exit("bench: storerows gave up, see above")
        return words(line)

    def ask(self, *line):
        self.p.stdin.write((" ".join(map(str, line)) + "\n").encode())
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.p.kill()
        self.p.wait()
        self.p.stdin.close()
        self.p.stdout.close()


def size(path):
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def sizes(folder):
    """Bytes of the files by the ends of their names."""
    ret = {}
    for p in folder.rglob("*"):
        if p.is_file():
            ret[p.suffix] = ret.get(p.suffix, 0) + p.stat().st_size
    return ret


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def measured(helpers, *command):
    """What a command used; its output is thrown away."""
    figures = helpers / "used"
    figures.unlink(missing_ok=True)
    p = subprocess.run([helpers / "measure", figures, *map(str, command)], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=RUN_MAX, env=UTC)
    u = used(figures)
    if not u or u.status:
        sys.exit(f"bench: {' '.join(map(str, command))}: {p.stderr.decode(errors='replace')[-500:]}")
    return u


def first(done, *command):
    """Seconds from before a command starts until what it has written satisfies 'done'."""
    start = time.perf_counter()
    p = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, close_fds=False, env=UTC)
    got = b""
    try:
        while not done(got):
            if not select.select([p.stdout], [], [], RUN_MAX)[0]:
                sys.exit(f"bench: {' '.join(map(str, command))}: nothing for {RUN_MAX} s")
            piece = os.read(p.stdout.fileno(), 1 << 16)
            if not piece:
                return None
            got += piece
        return time.perf_counter() - start
    finally:
        p.kill()
        p.stdout.close()
        p.wait()


def lines(n):
    return lambda data: data.count(b"\n") >= n


def has_packet(data):
    """Whether a pcapng file begins with a section and has a whole packet (pcapng draft, 4.3)."""
    at = 0
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6 and at + length <= len(data):
            return True
        at += max(length, 12)
    return False


def output(*command):
    return subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=RUN_MAX, env=UTC).stdout.decode(errors="replace")


def drop(folder):
    """Takes the files out of the page cache."""
    for p in folder.rglob("*"):
        if p.is_file():
            fd = os.open(p, os.O_RDONLY)
            os.fdatasync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def median(values):
    return statistics.median(values) if values else None


def ms(seconds):
    return "–" if seconds is None else f"{seconds * 1000:.1f}" if seconds < 10 else f"{seconds * 1000:.0f}"


def table(head, rows):
    text = ["| " + " | ".join(r) + " |" for r in [head, *rows]]
    return "\n".join([text[0], "|---|" + "--:|" * (len(head) - 1), *text[1:]])


def version(*command):
    p = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"\d+\.\d+(\.\d+)*", p.stdout + p.stderr)
    return found[0] if found else "?"


# ---- rows in ----

class Kept:
    """Rows as one tool keeps them: CPU seconds of each run, bytes, how many."""

    def __init__(self, name):
        self.name, self.cpu, self.bytes, self.rows = name, [], 0, 0

    def add(self, cpu, path, rows):
        self.cpu.append(cpu)
        self.bytes, self.rows = size(path), rows
        say(f"  {self.name:44} {cpu:8.2f} CPU-s  {self.bytes / rows:6.1f} B a row")

    def cells(self, best):
        cpu = median(self.cpu)
        return [self.name, f"{self.rows:,}", f"{cpu:.2f}", f"{self.rows / cpu / 1e6:.2f}",
                f"{best / (cpu / self.rows):.2f}" if best else "–", f"{self.bytes / self.rows:.1f}"]


def rewrite(helpers, raw, to, option):
    """nfdump reads files and writes them again."""
    remove(to)
    to.mkdir()
    return sum(measured(helpers, "nfdump", "-r", f, "-w", to / f.name, *option).cpu
               for f in sorted(raw.iterdir()))


def nfdump_rows(folder):
    """As nfdump counts them."""
    found = re.search(r"^Flows: (\d+)", output("nfdump", "-R", folder, "-I"), re.M)
    return int(found[1]) if found else 0


OURS = {"all": ("all fields", "all", 0), "lean": ("nfdump's fields", "lean", 0),
        "all flood": (f"all fields, {FLOOD:,} a second", "all", FLOOD),
        "lean flood": (f"nfdump's fields, {FLOOD:,} a second", "lean", FLOOD)}
PACKINGS = (("not packed", (), "nf0"), ("LZ4", ("-y",), "nf"), ("LZO", ("-z",), "nfz"), ("BZ2", ("-j",), "nfj"))


def keep_trawl(rows, folder, kept, how, total, pace=0):
    remove(folder)
    a = rows.ask("trawl", folder, how, total, pace)
    if a["dropped"]:
        sys.exit(f"bench: the store dropped {a['dropped']} rows")
    kept.add(a["cpu"], folder, a["rows"])


def keep_peers(rows, folder, helpers, kept, args, peers):
    total = args.rows
    for how in ("plain", "indexed") if "sqlite" in peers else ():
        path = folder / f"{how}.sqlite"
        remove(path)
        kept[how].add(rows.ask("sqlite", path, how, total)["cpu"], path, kept["all"].rows)
    if "nfdump" not in peers:
        return
    if not (folder / "raw").exists():
        (folder / "raw").mkdir()
        rows.ask("nfdump", folder / "raw", FILE_SECONDS, total)
    for name, option, to in PACKINGS:
        cpu = rewrite(helpers, folder / "raw", folder / to, option)
        found = nfdump_rows(folder / to)
        if found != kept["all"].rows:
            sys.exit(f"bench: nfdump has {found} flows of {kept['all'].rows}")
        kept[name].add(cpu, folder / to, found)


def captures():
    """Real ones, where there are any."""
    folder = pathlib.Path(os.environ.get("TRAWL_CORPUS") or ROOT / "../shared/pcaps")
    return sorted(str(p) for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []


def keep_real(args, program, folder, kept):
    """Rows of captures: once, so that what is the same in each time packs no better for that;
    more often for the CPU time, into a store of its own each time."""
    with Rows(program, "files", *captures()) as rows:
        n = rows.made["rows"]
        times = max(1, min(args.rows // 4, 1_000_000) // n)
        for _ in range(args.runs):
            for how, k in kept.items():
                cpu = 0
                for _ in range(times):
                    remove(folder / "real")
                    cpu += rows.ask("trawl", folder / "real", how, n, FLOWS_PER_S)["cpu"]
                k.add(cpu / times, folder / "real", n)
    remove(folder / "real")
    return rows.made, times


def bench_rows(args, program, folder, helpers, peers, rows, kept):
    """Makes all stores of generated rows, 'runs' times; those of the last time stay."""
    for n in range(args.runs if "rows" in args.parts else 1):
        keep_trawl(rows, folder / "all", kept["all"], "all", args.rows)
        if "rows" in args.parts:
            for name, (_, how, pace) in OURS.items():
                if name != "all":
                    keep_trawl(rows, folder / "other", kept[name], how, args.rows, pace)
            remove(folder / "other")
        keep_peers(rows, folder, helpers, kept, args, peers)


HEAD_ROWS = ["rows of", "rows", "CPU-s", "M rows per CPU-s", "speed against best peer", "bytes a row"]


def text_rows(args, program, folder, kept, rows):
    best = min((median(k.cpu) / k.rows for n, k in kept.items() if n not in OURS and k.cpu),
               default=None)
    shown = [k.cells(best) for k in kept.values() if k.cpu]
    note = ""
    if captures():
        real = {"all": Kept("trawl, captures, all fields"), "lean": Kept("trawl, captures, nfdump's fields")}
        made, times = keep_real(args, program, folder, real)
        shown += [k.cells(None) for k in real.values()]
        note = (f" Those of captures: {len(captures()) - made['unreadable']} files, stored {times} times a "
                f"run, each time into an empty store.")
    return (f"**rows in**: {kept['all'].rows:,} rows made of {rows.made['packets']:,} generated packets: "
            f"{rows.made['rows']:,} different ones, moved in time and stored again until there were "
            f"enough.{note}\n\n" + table(HEAD_ROWS, shown))


# ---- questions ----

def stamp(seconds):
    return time.strftime("%Y/%m/%d.%H:%M:%S", time.gmtime(seconds))


def blob(address):
    return "X'" + "".join(f"{int(b):02x}" for b in address.split(".")) + "'"


def ask_all(trawl, folder, rows, kept):
    """[(question, {tool: command}, whether the first row counts, whether all must find as many)]"""
    start = 1_790_000_000
    span = rows.made["span"] * kept["all"].rows / rows.made["rows"]
    begin, length = int(start + span / 2), max(1, round(span / 100))
    pick = rows.ask("pick")
    a, b, pa, pb = pick["a"], pick["b"], pick["port_a"], pick["port_b"]
    store = ["--dir", folder / "all", "--format", "csv"]
    found = output(trawl, "query", *store, "--fields", "community_id",
                   f"G.Flows().Has('Network.A', '{a}', 'Network.B', '{b}', 'Transport.A', {pa}, "
                   f"'Transport.B', {pb}).Limit(1)").split()
    if len(found) < 2:
        sys.exit(f"bench: trawl does not find the flow from {a} to {b}")
    cid = found[1]
    nf = ["nfdump", "-R", folder / "nf", "-q"]

    def lite(sql):
        return {"sqlite": ["sqlite3", "-readonly", folder / "plain.sqlite", sql],
                "sqlite indexed": ["sqlite3", "-readonly", folder / "indexed.sqlite", sql]}

    columns = "start, last, hex(a), hex(b), port_a, port_b, protocol, ab_packets, ab_bytes, ba_packets, ba_bytes"
    pair = f"a = {blob(a)} AND b = {blob(b)}"
    return [
        (f"window of {length} s", {
            "trawl": [trawl, "flows", *store, "--from", begin, "--to", begin + length],
            "nfdump": [*nf, "-o", "csv", "-t", f"{stamp(begin)}-{stamp(begin + length)}"],
            **lite(f"SELECT {columns} FROM flows WHERE start BETWEEN {begin}000000000 AND "
                   f"{begin + length}000000000")}, True, False),
        ("top 10 sources", {
            "trawl": [trawl, "query", *store,
                      "G.Flows().Group('Network.A').Sort('ab_bytes', DESC).Limit(10)"],
            "nfdump": [*nf, "-s", "srcip/bytes", "-n", 10],
            **lite("SELECT hex(a), sum(ab_bytes) s FROM flows GROUP BY a ORDER BY s DESC LIMIT 10")}, False, True),
        ("one address pair", {
            "trawl": [trawl, "query", *store, f"G.Flows().Has('Network.A', '{a}', 'Network.B', '{b}')"],
            "nfdump": [*nf, "-o", "csv", f"src ip {a} and dst ip {b}"],
            **lite(f"SELECT {columns} FROM flows WHERE {pair}")}, False, True),
        ("one community_id", {
            "trawl": [trawl, "query", *store, f"G.Flows().Has('CommunityID', '{cid}')"],
            "nfdump": [*nf, "-o", "csv", f"src ip {a} and dst ip {b} and src port {pa} and dst port {pb}"],
            **lite(f"SELECT {columns} FROM flows WHERE {pair} AND port_a = {pa} AND port_b = {pb}")}, False, True),
    ]


def answer_rows(tool, command):
    """Rows of an answer."""
    n = len([x for x in output(*command).splitlines() if x.strip()])
    return n - (tool == "trawl")  # the line with the names of columns


def bench_questions(args, trawl, folder, helpers, peers, rows, kept):
    head = ["question", "tool", "rows", "first row, ms", "whole, ms", "CPU-s", "speed against best peer"]
    out = []
    for name, commands, with_first, same in ask_all(trawl, folder, rows, kept):
        commands = {t: c for t, c in commands.items() if t == "trawl" or t.split()[0] in peers}
        took, began = {t: [] for t in commands}, {t: [] for t in commands}
        for _ in range(args.runs):
            for t, c in commands.items():
                took[t].append(measured(helpers, *c))
                if with_first:
                    began[t].append(first(lines(1 + (t == "trawl")), *c))
        wall = {t: median([u.wall for u in v]) for t, v in took.items()}
        best = min((w for t, w in wall.items() if t != "trawl"), default=None)
        found = {t: answer_rows(t, c) for t, c in commands.items()}
        if same and len(set(found.values())) > 1:
            sys.exit(f"bench: {name}: answers differ: {found}")
        for t, c in commands.items():
            b = median([x for x in began[t] if x is not None])
            out.append([name, t, f"{found[t]:,}", ms(b), ms(wall[t]),
                        f"{median([u.cpu for u in took[t]]):.3f}", f"{best / wall[t]:.2f}" if best else "–"])
            say(f"  {name:20} {t:16} {out[-1][2]:>10} rows  {ms(b):>8} ms  {ms(wall[t]):>9} ms")
    return (f"**questions** to {kept['all'].rows:,} rows in the page cache, each a process of its own:\n\n" +
            table(head, out))


# ---- packets of the past ----

def packets(program, how, to, count, pick=0):
    p = subprocess.run([program, "packets", how, to, str(count), str(PACKET_RATE), str(pick)],
                       stdout=subprocess.PIPE, text=True, timeout=RUN_MAX)
    if p.returncode:
        sys.exit("bench: storerows gave up, see above")
    return words(p.stdout)


def bench_cpu(args, program, folder, count):
    """What keeping packets takes, with index and without."""
    ways = {"file": "flows, packets into one file", "packets": "flows, packets into a store with its index",
            "store": "the same and rows of flows", "index": "the calls that make the index, alone"}
    took = {w: [] for w in ways}
    for _ in range(args.runs):
        for w in ways:
            to = folder / f"cpu-{w}"
            took[w].append(packets(program, w, to, count))
            remove(to)
            say(f"  {ways[w]:44} {took[w][-1]['cpu']:8.2f} CPU-s")
    n = took["file"][0]["packets"]
    base = median([t["cpu"] for t in took["file"]])
    shown = []
    for w, text in ways.items():
        cpu = median([t["cpu"] for t in took[w]])
        system = "–" if w == "index" else f"{median([t['sys'] for t in took[w]]) / n * 1e6:.3f}"
        shown.append([text, f"{cpu / n * 1e6:.3f}", system, f"{cpu / base:.3f}"])
    return (f"**capture CPU**, without the ring: {n:,} generated packets ({count >> 20} MiB of frames) through "
            "decoder and flow table, and kept.\n\n" +
            table(["", "CPU-s per million packets", "of it in the kernel", "of the first"], shown))


def fill(program, folder, count):
    """A store with so many bytes of frames, and what is in it."""
    before = packets(program, "index", "-", min(count, 64 << 20))
    flows = before["flows"] / before["bytes"] * count
    say(f"  {count / 1e9:.1f} GB of packets into a store")
    made = packets(program, "store", folder, count, int(flows * PICK_AT))
    if made["kept"] != made["packets"]:
        sys.exit(f"bench: {made['kept']} of {made['packets']} packets were kept")
    return made


def bench_past(args, trawl, program, folder, helpers):
    free = shutil.disk_usage(folder).free // 2
    count = min(int(args.gb * 1e9), free)
    cpu = bench_cpu(args, program, folder, min(CPU_BYTES, count))
    store = folder / "past"
    made = fill(program, store, count)
    kinds = sizes(store)
    # As in the headline: of packets, the blocks that they are in.
    share = kinds.get(".pidx", 0) / kinds[".pcapng"]
    expr = f"host {made['a']} and host {made['b']} and tcp port {made['port_a']}"
    command = [trawl, "past", "--dir", store, "-q"]
    found = re.search(r"(\d+) packets", output(*command, "--count", expr))
    right = found and int(found[1]) == made["given"]
    warm, cold, whole = [], [], []
    for _ in range(args.runs):
        drop(store)
        cold.append(first(has_packet, *command, "-w", "-", expr))
        warm.append(first(has_packet, *command, "-w", "-", expr))
        whole.append(measured(helpers, *command, "-w", helpers / "out.pcapng", expr))
        say(f"  past: first packet {ms(cold[-1])} ms cold, {ms(warm[-1])} ms warm, "
            f"whole {ms(whole[-1].wall)} ms")
    if None in cold or None in warm:
        sys.exit(f"bench: 'past' gave no packet for '{expr}'")
    remove(store)
    less = "" if count >= args.gb * 1e9 else f" (half of what the disk had free: not {args.gb:g} GB)"
    return cpu + "\n\n" + (
        f"**past** for one flow of {made['given']} packets among {made['packets']:,} of {made['flows']:,} flows, "
        f"{made['bytes'] / 1e9:.1f} GB{less}:\n\n" +
        table(["first packet, ms", "cold", "whole, ms", "CPU-s", "packets found", "index of the packet bytes"],
              [[ms(median(warm)), ms(median(cold)), ms(median([u.wall for u in whole])),
                f"{median([u.cpu for u in whole]):.3f}", found[1] if right else f"**{found and found[1]}**",
                f"{100 * share:.2f} %"]]) +
        "\n\nFiles: " + ", ".join(f"{k} {v / 1e6:,.1f} MB" for k, v in sorted(kinds.items())) + ".")


# ---- reading beside a capture ----

class Reader:
    """Asks the store that is being written, one question after the other, until told to stop."""

    def __init__(self, net, trawl, folder):
        ask = '"$0" {} >/dev/null && echo {} || echo failed; '
        loop = ("while :; do " +
                ask.format('past -q --dir "$1" -3s.. "udp port 2000" --count', "past") +
                ask.format('flows -q --dir "$1" --from -3s --limit 100', "flows") + "done")
        self.p = subprocess.Popen(["sh", "-c", loop, trawl, folder], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

    def stop(self):
        """How often each was answered, how often not, and what was said last."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.p.pid, signal.SIGKILL)
        out, err = self.p.communicate()
        said = err.decode(errors="replace").strip().splitlines()
        return out.count(b"past"), out.count(b"flows"), out.count(b"failed"), said[-1] if said else ""


def one_beside(net, tool, args, helpers, trawl, where, read):
    with capture.capturing(net, tool, args, helpers / "measure") as end:
        reader = Reader(net, trawl, where[0]) if read else None
        try:
            out = net.run(net.b, helpers / "pktsend", capture.SENDER, args.packets, args.size, args.pps,
                          args.flows)
        finally:
            asked = reader.stop() if reader else (0, 0, 0, "")
        said = end()
    if not said:
        sys.exit(f"bench: {tool.complaint}")
    said.sent = int(re.match(rb"sent (\d+) in", out.stdout)[1])
    return said, asked


def bench_beside(args, trawl, helpers):
    capture.need(args)
    where = [None]

    def line(d):
        where[0] = str(d / "out")
        return [trawl, "capture", "-i", capture.RECEIVER, "--buffer-total", f"{capture.BUFFER}M",
                "--dir", where[0]]

    tool = capture.Capturer("trawl capture --dir", [trawl, "--version"], line, "capturing on",
                            capture.trawl_said)
    compiled(helpers, "pktsend")
    shown = []
    with capture.network() as net:
        results = {False: [], True: []}
        for _ in range(args.runs):
            for read in results:
                results[read].append(one_beside(net, tool, args, helpers, trawl, where, read))
                s, asked = results[read][-1]
                say(f"  reading {read!s:5}: {s.sent} sent, {s.kept} kept, {s.dropped} dropped, asked {asked}")
    for read, v in results.items():
        failed = sum(a[2] for s, a in v)
        why = [a[3] for s, a in v if a[2]]
        shown.append(["reading" if read else "alone", f"{min(s.sent for s, a in v):,}",
                      f"{min(s.kept for s, a in v):,}", f"{max(s.dropped for s, a in v):,}",
                      f"{median([s.used.cpu / s.sent * 1e6 for s, a in v]):.2f}",
                      f"{median([a[0] for s, a in v]):.0f}", f"{median([a[1] for s, a in v]):.0f}",
                      f"{failed} ({why[0]})" if failed else "0"])
    return (f"**reading beside a capture** of {args.packets:,} frames of {args.size} bytes in {args.flows:,} "
            f"flows at {args.pps:,} a second, worst of {args.runs} runs:\n\n" +
            table(["", "sent", "kept", "dropped", "CPU-s per million packets", "`past` answered",
                   "`flows` answered", "incomplete or failed, in all"], shown))


def names(peers):
    kept = {n: Kept(f"trawl, {text}") for n, (text, _, _) in OURS.items()}
    if "nfdump" in peers:
        kept.update({n: Kept(f"nfdump, {n}") for n, _, _ in PACKINGS})
    if "sqlite" in peers:
        kept.update({"plain": Kept("SQLite"), "indexed": Kept("SQLite, two indexes")})
    return kept


def bench_all(args, trawl, folder, helpers):
    program = built(trawl, helpers)
    compiled(helpers, "measure")
    peers = [n for n, c in (("nfdump", "nfdump"), ("sqlite", "sqlite3")) if shutil.which(c)]
    parts = [f"{machine()}; medians of {args.runs} runs, tools in turn. nfdump "
             f"{version('nfdump', '-V') if 'nfdump' in peers else 'is not installed'}, SQLite "
             f"{version('sqlite3', '--version') if 'sqlite' in peers else 'is not installed'}."]
    if {"rows", "questions"} & set(args.parts):
        need_space(folder, args.rows * ROW_ROOM + (1 << 28), "the rows")
        say(f"{min(args.memory_rows, args.rows):,} rows are made")
        kept = names(peers)
        with Rows(program, "gen", min(args.memory_rows, args.rows), FLOWS_PER_S) as rows:
            bench_rows(args, program, folder, helpers, peers, rows, kept)
            if "questions" in args.parts:
                questions = bench_questions(args, trawl, folder, helpers, peers, rows, kept)
        if "rows" in args.parts:
            parts.append(text_rows(args, program, folder, kept, rows))
        if "questions" in args.parts:
            parts.append(questions)
        for p in folder.iterdir():
            if p != helpers:
                remove(p)
    if "past" in args.parts:
        parts.append(bench_past(args, trawl, program, folder, helpers))
    if "beside" in args.parts:
        parts.append(bench_beside(args, trawl, helpers))
    return "\n\n".join(parts)


def bench(args, trawl, folder):
    """The text for the page."""
    args.parts = args.only or PARTS
    if bad := set(args.parts) - set(PARTS):
        sys.exit(f"bench: parts of store are {', '.join(PARTS)}, not {', '.join(sorted(bad))}")
    for s in (signal.SIGTERM, signal.SIGHUP):  # nothing is to stay behind
        signal.signal(s, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(dir=folder) as d:
        helpers = pathlib.Path(d) / "helpers"
        helpers.mkdir()
        return bench_all(args, trawl, pathlib.Path(d), helpers)
