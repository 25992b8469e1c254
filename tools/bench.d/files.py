"""Tools that read a capture file: those that make flow records of it, those that count."""
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from common import (ROOT, Tool, against, best_peer, compiled, machine, need_space, say, say_run,
                    table, used)

SEED = 1
RUN_MAX = 180  # seconds one run may take


class Reader(Tool):
    """'count' finds in what it says how many packets it read."""

    def __init__(self, name, version, args, count=None, package=None):
        super().__init__(name, version, args, package)
        self.count = count

    def run(self, trace, packets, helper):
        """One measured run in a folder of its own."""
        with tempfile.TemporaryDirectory(dir=trace.parent) as d:
            log, figures = pathlib.Path(d) / "log", pathlib.Path(d) / "used"
            with open(log, "wb") as f:
                out = f if self.count else subprocess.DEVNULL
                p = subprocess.Popen([helper, figures, *self.args(str(trace), d)], cwd=d, stdout=out,
                                     stderr=f, stdin=subprocess.DEVNULL, start_new_session=True)
                try:
                    p.wait(RUN_MAX)
                except subprocess.TimeoutExpired:
                    pass
                finally:
                    if p.poll() is None:
                        os.killpg(p.pid, signal.SIGKILL)
                        p.wait()
            said = log.read_text(errors="replace")
            u = used(figures)
        if not u or u.status:
            why = f"exit status {u.status}" if u else f"more than {RUN_MAX} s"
            self.complaint = f"{why}: {said.strip()[-300:]}"
            return
        if self.count:
            seen = re.search(self.count, said)
            if not seen or int(seen[1]) != packets:
                self.complaint = f"counted {seen[1] if seen else 'nothing'} of {packets} packets"
        self.runs.append(u)


def read_tools(trawl):
    return [
        Reader("trawl info", [trawl, "--version"], lambda f, d: [trawl, "info", f]),
        Reader("capinfos", ["capinfos", "--version"],
               lambda f, d: ["capinfos", "-M", "-c", "-d", "-a", "-e", f],
               r"Number of packets: *(\d+)", "tshark"),
        Reader("tcpdump", ["tcpdump", "--version"], lambda f, d: ["tcpdump", "--count", "-r", f],
               r"(\d+) packets", "tcpdump"),
    ]


def flow_tools(trawl):
    def ours(*more):
        return lambda f, d: [trawl, "flows", "-r", f, "--format", "csv", *more]

    return [
        Reader("trawl flows", [trawl, "--version"], ours()),
        Reader("trawl flows --threads 2", [trawl, "--version"], ours("--threads", "2")),
        Reader("nfpcapd", ["nfpcapd", "-V"],
               lambda f, d: ["nfpcapd", "-r", f, "-w", d, "-t", "86400", "-e", "300,60"],
               r"Total: Processed: (\d+)", "nfdump"),
        # With a control socket it may wait in accept() for ever at the end of the file.
        Reader("softflowd", ["softflowd", "-h"],
               lambda f, d: ["softflowd", "-r", f, "-d", "-m", "4000000", "-v", "9",
                             "-p", f"{d}/p", "-c", "none"],
               r"Packets processed: (\d+)", "softflowd"),
        Reader("argus", ["argus", "-h"],
               lambda f, d: ["argus", "-F", "/dev/null", "-r", f, "-w", f"{d}/out"],
               package="argus-server"),
    ]


TOOLS = {"flows": flow_tools, "read": read_tools}


def make_trace(folder, packets, flows, kind, maker):
    """(path, packets): the trace, in the page cache."""
    path = folder / f"trawl-bench-{kind}-{packets}-{flows}-{SEED}.pcap"
    stamp = path.with_suffix(".count")
    newest = (ROOT / "tools/bench.d/mkpcap.c").stat().st_mtime
    if not (stamp.exists() and path.exists() and stamp.stat().st_mtime > newest):
        need_space(folder, packets * 320 + (1 << 28), "the trace")
        say(f"making {path}")
        p = subprocess.run([maker, path, str(packets), str(flows), kind, str(SEED)],
                           check=True, capture_output=True, text=True)
        stamp.write_text(p.stdout)
    with open(path, "rb") as f:
        while f.read(1 << 24):
            pass
    return path, int(stamp.read_text())


def same_rows(trawl, trace):
    """Whether one thread and two give the same flows (their order is not promised)."""
    found = []
    for n in ("1", "2"):
        p = subprocess.Popen([trawl, "flows", "-r", str(trace), "--format", "csv", "--threads", n],
                             stdout=subprocess.PIPE)
        total = rows = 0
        for line in p.stdout:
            total ^= int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "big")
            rows += 1
        p.wait()
        found.append((rows, total, p.returncode))
    return found[0] == found[1], found[0][0] - 1


def measure(trace, packets, present, runs, helper):
    for n in range(runs):
        for t in present:
            if not t.complaint:
                t.run(trace, packets, helper)
                if t.runs:
                    say_run(n, t.name, t.runs[-1])


COLUMNS = ["CPU-s", "Mpps per CPU-s", "speed against best peer", "wall s", "peak MB"]


def row(tool, packets, best):
    cpu = tool.median("cpu")
    return [f"{cpu:.2f}", f"{packets / cpu / 1e6:.2f}", against(best, tool),
            f"{tool.median('wall'):.2f}", f"{tool.median('rss') / 1024:.0f}"]


def bench_trace(args, trawl, folder, helpers, kind):
    """What the page says of one kind of trace."""
    trace, packets = make_trace(folder, args.packets, args.flows, kind, helpers / "mkpcap")
    chosen = [t for t in TOOLS[args.what](trawl) if not args.only or t.name in args.only]
    present = [t for t in chosen if t.present()]
    measure(trace, packets, present, args.runs, helpers / "measure")
    best = best_peer(chosen)
    parts = [f"**{kind}**: {packets:,} packets, {args.flows:,} flows\n\n" +
             table(COLUMNS, chosen, lambda t: row(t, packets, best))]
    if args.what == "flows" and any(t.name.startswith("trawl") and t.runs for t in present):
        same, rows = same_rows(trawl, trace)
        parts.append(f"One thread and two give {'the same' if same else '**different**'} {rows:,} flows.")
    if not args.keep:
        trace.unlink()
        trace.with_suffix(".count").unlink()
    return parts


def bench(args, trawl, folder):
    """The text for the page."""
    parts = [f"{machine()}; medians of {args.runs} runs, tools in turn, page cache warm."]
    with tempfile.TemporaryDirectory(dir=folder) as h:
        for name in ("mkpcap", "measure"):
            compiled(pathlib.Path(h), name)
        for kind in args.trace:
            parts += bench_trace(args, trawl, folder, pathlib.Path(h), kind)
    return "\n\n".join(parts)
