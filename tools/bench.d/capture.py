"""Tools that capture, between two network namespaces: what they keep, what it costs
them, and what the traffic notices of it."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from common import (ROOT, Tool, against, best_peer, compiled, machine, need_space, say, say_run,
                    table, used)

sys.path.insert(0, str(ROOT / "tests/live"))

from net import LIMIT, Net, wait_line  # noqa: E402

RECEIVER, SENDER, ADDRESS = "va", "vb", "192.0.2.1"
BUFFER = 256  # MiB for packets on their way, of each tool
QUIET = 1.25  # seconds without a byte more: all is written; tcpdump waits up to 1 s for a block
HALVINGS = 4  # of the range in which the rate without drops is looked for
PER_PACKET = 64  # bytes a file may need for a packet besides the packet
IPERF_RATE = 3 << 30  # bytes a second that a capture of iperf3 may write


class Said:
    """What a tool says became of the packets, and what it left."""

    def __init__(self, seen, kept, dropped):
        self.seen, self.kept, self.dropped = seen, kept, dropped
        self.sent = self.counted = self.kpps = self.start = None
        self.used = None  # after the start


def trawl_said(text):
    m = re.search(r"(\d+) seen = (\d+) kept, (\d+) dropped", text)
    return m and Said(*map(int, m.groups()))


def tcpdump_said(text):
    kept = re.search(r"(\d+) packets? captured", text)
    seen = re.search(r"(\d+) packets? received by filter", text)
    dropped = re.search(r"(\d+) packets? dropped by kernel", text)
    return dropped and Said(int(seen[1]), int(kept[1]), int(dropped[1]))


def dumpcap_said(text):
    """It calls received what was left after the drops."""
    kept = re.search(r"Packets captured: (\d+)", text)
    m = re.search(r"Packets received/dropped on interface '[^']*': (\d+)/(\d+) ", text)
    return m and Said(int(m[1]) + int(m[2]), int(kept[1]), int(m[2]))


class Capturer(Tool):
    """'ready' is said once it captures; 'said' reads its account."""

    def __init__(self, name, version, args, ready, said, package=None):
        super().__init__(name, version, args, package)
        self.ready, self.said = ready, said
        self.took = []  # of Said, as many as of 'runs'
        self.most = None


def tools(trawl):
    def ours(*more):
        return lambda d: [trawl, "capture", "-i", RECEIVER, "--buffer-total", f"{BUFFER}M",
                          *(m.replace("DIR", str(d)) for m in more)]

    def made(name, *more):
        return Capturer(name, [trawl, "--version"], ours(*more), "capturing on", trawl_said)

    return [
        made("trawl capture -w", "-w", "DIR/out.pcapng"),
        made("trawl capture --dir", "--dir", "DIR/out"),
        made("trawl capture --dir --headers-only", "--dir", "DIR/out", "--headers-only"),
        Capturer("tcpdump -w", ["tcpdump", "--version"],
                 lambda d: ["tcpdump", "-i", RECEIVER, "-B", str(BUFFER << 10), "-Z", "root",
                            "-w", f"{d}/out.pcap"], "listening on", tcpdump_said, "tcpdump"),
        # It names the file when the interface is open, the interface before.
        Capturer("dumpcap -w", ["dumpcap", "--version"],
                 lambda d: ["dumpcap", "-i", RECEIVER, "-B", str(BUFFER), "-w", f"{d}/out.pcapng"],
                 "File: ", dumpcap_said, "wireshark-common"),
    ]


class Veth(Net):
    """Where only what we send passes: no neighbour discovery, and no namespace stays behind."""

    def __init__(self):
        for end in "ab":
            if os.path.exists(f"/run/netns/tr{os.getpid()}{end}"):
                sys.exit(f"bench: there is a network namespace tr{os.getpid()}{end} already")
        try:
            super().__init__()
            for n in (self.a, self.b):
                self.run(n, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1")
        except BaseException:
            self.close()
            raise


@contextlib.contextmanager
def network():
    """A Veth, removed also when a signal ends us."""
    def end(number, frame):
        sys.exit(128 + number)

    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, end)
    net = Veth()
    try:
        yield net
    finally:
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, signal.SIG_IGN)
        net.close()


def size_of(folder):
    """Of the packets alone: a journal of flows grows as time goes by."""
    return sum(p.stat().st_size for p in folder.rglob("*.pcap*"))


def settle(folder):
    """Until a capture has written what waited in its buffers."""
    end = time.monotonic() + LIMIT
    before = -1
    while (size := size_of(folder)) != before and time.monotonic() < end:
        before = size
        time.sleep(QUIET)


def count(folder):
    """Packets in the files of a capture, as tcpdump reads them."""
    n = 0
    for path in folder.rglob("*.pcap*"):
        p = subprocess.run(["tcpdump", "-Z", "root", "--count", "-r", path], capture_output=True,
                           text=True, stdin=subprocess.DEVNULL)
        found = re.search(r"(\d+) packets?", p.stdout)
        n += int(found[1]) if found else 0
    return n


def cpu_until_now(group):
    """CPU seconds of a process group, and of the ended children of its processes."""
    ticks = 0
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = path.read_text().rpartition(")")[2].split()  # proc(5): from the state on
            if int(words[2]) == group:
                ticks += sum(map(int, words[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def capturing(net, tool, args, helper):
    """Gives the function that ends the capture and says what it did."""
    with tempfile.TemporaryDirectory(dir=args.dir) as d:
        out, figures = pathlib.Path(d) / "out", pathlib.Path(d) / "used"
        out.mkdir()
        p = net.start(net.a, helper, figures, *tool.args(out), stdout=subprocess.DEVNULL,
                      stderr=subprocess.PIPE, start_new_session=True)

        def end():
            settle(out)
            os.killpg(p.pid, signal.SIGINT)
            text = before + p.communicate(timeout=LIMIT)[1].decode(errors="replace")
            said, u = tool.said(text), used(figures)
            if not said or not u or (u.status and not said.dropped):
                tool.complaint = f"exit status {u.status if u else '?'}: {text.strip()[-300:]}"
                return None
            said.used, said.start = u._replace(cpu=u.cpu - start), start
            said.counted = count(out)
            if said.counted != said.kept:
                tool.complaint = f"says it kept {said.kept}, its files have {said.counted}"
            return said

        try:
            before = wait_line(p.stderr, tool.ready)
            start = cpu_until_now(p.pid)
            yield end
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()


def send(net, tool, args, helpers, packets, pps):
    """The account of a capture of so many frames at this rate; 0: as fast as can be."""
    with capturing(net, tool, args, helpers / "measure") as end:
        out = net.run(net.b, helpers / "pktsend", SENDER, packets, args.size, pps, args.flows)
        said = end()
    if said:
        sent, seconds = re.match(rb"sent (\d+) in ([\d.]+) s", out.stdout).groups()
        said.sent, said.kpps = int(sent), int(sent) / float(seconds) / 1000
    return said


def load(net, tool, args, helpers, number):
    said = send(net, tool, args, helpers, args.packets, args.pps)
    if said:
        tool.took.append(said)
        tool.runs.append(said.used)
        say_run(number, tool.name, said.used)


def most(net, tool, args, helpers):
    """The highest rate found at which nothing is dropped: all the sender has to give, else by halves."""
    def trial(pps):
        said = send(net, tool, args, helpers, args.packets // 2, pps)
        ok = said and said.kept == said.sent
        if said:
            say(f"  {tool.name:36} {said.kpps:7.0f} kpps, {said.sent - said.kept} not kept")
        return ok, said.kpps if said else 0

    ok, high = trial(0)
    if ok:
        return f"≥ {high:.0f}"
    low = 0
    for _ in range(HALVINGS):
        ok, reached = trial(round((low + high) * 500))
        low, high = (reached, high) if ok else (low, (low + high) / 2)
    return f"{low:.0f}"


class Traffic:
    """What ping and iperf3 found while somebody captured, or nobody."""

    def __init__(self, name):
        self.name, self.ping, self.rate, self.missed = name, [], [], []

    def measure(self, net, seconds):
        out = net.run(net.b, "ping", "-i", "0.001", "-c", seconds * 1000, ADDRESS).stdout.decode()
        self.ping.append(statistics.median(map(float, re.findall(r"time=([\d.]+) ms", out))))
        server = net.start(net.a, "iperf3", "-s", "-1", "--forceflush", stdout=subprocess.PIPE)
        wait_line(server.stdout, "Server listening")
        out = net.run(net.b, "iperf3", "-c", ADDRESS, "-t", seconds, "-J").stdout
        server.communicate(timeout=LIMIT)
        self.rate.append(json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e9)
        say(f"  {self.name:36} ping {self.ping[-1]:.3f} ms, iperf3 {self.rate[-1]:.1f} Gbit/s")

    def cells(self, base):
        ping, rate = statistics.median(self.ping), statistics.median(self.rate)
        missed = f"{100 * statistics.median(self.missed):.1f} %" if self.missed else "–"
        return [self.name, f"{ping:.3f}", f"{ping / statistics.median(base.ping):.2f}", f"{rate:.1f}",
                f"{rate / statistics.median(base.rate):.2f}", missed]


def traffic(net, present, args, helpers):
    """What the traffic notices of each tool, in turn."""
    base = Traffic("nothing")
    others = [Traffic(t.name) for t in present]
    for _ in range(args.runs):
        base.measure(net, args.seconds)
        for t, o in zip(present, others):
            with capturing(net, t, args, helpers / "measure") as end:
                o.measure(net, args.seconds)
                said = end()
            if said:
                o.missed.append(said.dropped / said.seen if said.seen else 0)
    lines = ["| capturing | ping, median ms | of without | iperf3 Gbit/s | of without | packets dropped |",
             "|---|--:|--:|--:|--:|--:|"]
    return "\n".join(lines + ["| " + " | ".join(o.cells(base)) + " |" for o in [base] + others])


COLUMNS = ["sent", "seen", "kept", "in its files", "dropped", "CPU-s per million packets",
           "speed against best peer", "CPU-s to start", "peak MB", "kpps without a drop"]


def row(tool, best):
    """Packets of the run whose CPU time is the median, so that they add up."""
    said = sorted(tool.took, key=lambda s: s.used.cpu)[(len(tool.took) - 1) // 2]
    counts = (said.sent, said.seen, said.kept, said.counted, said.dropped)
    return [*(f"{n:,}" for n in counts), f"{tool.median('cpu') / said.sent * 1e6:.2f}",
            against(best, tool), f"{statistics.median(s.start for s in tool.took):.2f}",
            f"{tool.median('rss') / 1024:.0f}", tool.most]


def need(args):
    """Leaves when something is missing that there is no going on without."""
    if os.geteuid() != 0:
        sys.exit("bench: capture needs root, for network namespaces")
    for program, package in (("tcpdump", "tcpdump"), ("ping", "iputils-ping"), ("iperf3", "iperf3")):
        if not shutil.which(program):
            sys.exit(f"bench: capture needs {program} (package {package})")
    if args.packets > args.pps * LIMIT * 2 // 3 or args.seconds > LIMIT // 2:
        sys.exit(f"bench: no run of capture may take longer than {LIMIT * 2 // 3} s")
    need_space(args.dir, max(args.packets * (args.size + PER_PACKET), args.seconds * IPERF_RATE),
               "a capture")


def bench(args, trawl, folder):
    """The text for the page."""
    need(args)
    chosen = [t for t in tools(trawl) if not args.only or t.name in args.only]
    present = [t for t in chosen if t.present()]
    with tempfile.TemporaryDirectory(dir=folder) as h, network() as net:
        helpers = pathlib.Path(h)
        for name in ("measure", "pktsend"):
            compiled(helpers, name)
        for n in range(args.runs):
            for t in present:
                load(net, t, args, helpers, n)
        for t in present:
            t.most = most(net, t, args, helpers)
        noticed = traffic(net, present, args, helpers)
    best = best_peer(chosen)
    dropped = {t.name: max((s.dropped for s in t.took), default=0) for t in present}
    worst = ", ".join(f"{n:,} by {name}" for name, n in dropped.items() if n) or "none by any"
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True).stdout
    return "\n\n".join([
        f"{machine()}; {args.runs} runs, tools in turn, medians; files on {kind.strip()}.",
        f"**load**: {args.packets:,} frames of {args.size} bytes in {args.flows:,} flows at "
        f"{args.pps:,} a second, {BUFFER} MiB of buffer for each tool. Dropped in the worst run: {worst}.",
        table(COLUMNS, chosen, lambda t: row(t, best)),
        f"**traffic**: ping every millisecond and then iperf3, {args.seconds} s each, which share the "
        f"{os.cpu_count()} CPUs with the capture.",
        noticed])
