"""What capinfos and tshark say about a file.  Answers are kept by content under
${XDG_CACHE_HOME:-~/.cache}/trawl-oracle, so that a second run is quick."""
import functools
import gzip
import hashlib
import os
import pathlib
import subprocess

TIMEOUT = 300  # seconds a tool may take for one file

# Each packet stands for itself, as in trawl: nothing is put together from several
# ones (a datagram's ports then come from its first fragment, which is compared),
# and no name is looked up.
TSHARK = ["tshark", "-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE",
          "-o", "tcp.desegment_tcp_streams:FALSE", "--enable-protocol", "communityid"]

FIELDS = [
    "frame.number", "frame.time_epoch", "frame.len", "frame.protocols",
    "ip.src", "ip.dst", "ip.proto", "ip.frag_offset", "ip.flags.mf",
    "ipv6.src", "ipv6.dst", "ipv6.fraghdr.offset", "ipv6.fraghdr.more",
    "tcp.srcport", "tcp.dstport", "tcp.stream", "tcp.flags",
    "udp.srcport", "udp.dstport", "udp.stream",
    "tcp.analysis.ack_rtt", "communityid",
    "_ws.malformed", "icmp.ident", "icmp.resp_to", "icmpv6.echo.identifier", "icmpv6.resp_to",
]


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(base) / "trawl-oracle"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@functools.lru_cache(None)
def version(tool):
    out = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
    return out.splitlines()[0] if out else tool


def cached(path, args):
    """stdout of args + [path], and the last line of stderr; from the cache when possible."""
    key = hashlib.sha256("\0".join([version(args[0]), *args]).encode())
    key.update(pathlib.Path(path).read_bytes())
    kept = cache_folder() / f"{key.hexdigest()}.gz"
    if kept.exists():
        text = gzip.decompress(kept.read_bytes()).decode(errors="replace")
    else:
        p = subprocess.run([*args, str(path)], capture_output=True, timeout=TIMEOUT)
        noise = (b"Running as user",)
        said = [l for l in p.stderr.splitlines() if l.strip() and not l.startswith(noise + (b" ",))]
        raw = (said[-1] if said else b"") + b"\n" + p.stdout
        tmp = kept.with_suffix(f".{os.getpid()}")
        tmp.write_bytes(gzip.compress(raw, 6))
        tmp.rename(kept)
        text = raw.decode(errors="replace")
    complaint, _, out = text.partition("\n")
    return out, complaint


def capinfos(path):
    """(packets, bytes on the wire, complaint), or (None, None, why) for a file it cannot read."""
    out, complaint = cached(path, ["capinfos", "-M", "-T", "-r", "-m", "-c", "-d"])
    row = out.strip().splitlines()[-1].split(",") if out.strip() else []
    if len(row) < 3 or not row[-1].isdigit():
        return None, None, complaint
    return int(row[-2]), int(row[-1]), complaint


class Packet:
    """One packet as tshark sees it; lists hold one entry for each time a header occurs."""

    def __init__(self, line):
        values = line.split("\t")
        self.f = {name: v.split("|") if v else [] for name, v in zip(FIELDS, values)}
        self.number = int(self.f["frame.number"][0])
        seconds, _, fraction = (self.f["frame.time_epoch"] or ["0"])[0].partition(".")
        sign = -1 if seconds.startswith("-") else 1
        self.ts = int(seconds) * 10**9 + sign * int(fraction.ljust(9, "0")[:9] or 0)
        self.protocols = self.f["frame.protocols"][0].split(":") if self.f["frame.protocols"] else []


def packets(path):
    """All packets that tshark reads of the file, and its complaint."""
    args = [*TSHARK, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"]
    for name in FIELDS:
        args += ["-e", name]
    out, complaint = cached(path, [*args, "-r"])
    return [Packet(line) for line in out.splitlines()], complaint
