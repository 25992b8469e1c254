"""What the benchmarks share: tools and what a run of one used, the tables, the page."""
import collections
import datetime
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/benchmarks.md"

# Of a command and all it started: CPU and wall seconds, peak KiB of its largest process.
Used = collections.namedtuple("Used", "cpu wall rss status")


class Tool:
    """'args' makes the command line of what a run is given."""

    def __init__(self, name, version, args, package=None):
        self.name, self.args, self.package = name, args, package
        self.version_args = version
        self.runs = []  # of Used
        self.complaint = None

    def present(self):
        return shutil.which(self.version_args[0]) is not None

    def version(self):
        p = subprocess.run(self.version_args, capture_output=True, text=True)
        found = re.search(r"\d+\.\d+(\.\d+)*", p.stdout + p.stderr)
        return found[0] if found else "?"

    def median(self, what):
        return statistics.median(getattr(u, what) for u in self.runs)

    def label(self):
        """Its name, and what is wrong with its figures."""
        return f"{self.name} ({self.complaint})" if self.complaint else self.name


def used(path):
    """What measure.c wrote; None when it did not come to that."""
    words = path.read_text().split() if path.exists() else []
    if len(words) != 5:
        return None
    user, system, wall, rss, status = map(int, words)
    return Used((user + system) / 1e6, wall / 1e6, rss, status)


def compiled(folder, name):
    """One of our small C programs, built into the folder."""
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", folder / name,
                    ROOT / f"tools/bench.d/{name}.c"], check=True)
    return folder / name


def need_space(folder, size, what):
    free = shutil.disk_usage(folder).free
    if free < size:
        sys.exit(f"bench: {folder} has {free >> 20} MiB free, {what} needs {size >> 20}: use --dir DIR")


def say(text):
    print(text, file=sys.stderr, flush=True)


def say_run(number, name, u):
    say(f"  run {number + 1}: {name:36} {u.cpu:7.2f} CPU-s  {u.wall:7.2f} s")


def best_peer(tools):
    """CPU seconds of the fastest tool that is not ours."""
    peers = [t.median("cpu") for t in tools if t.runs and not t.name.startswith("trawl")]
    return min(peers, default=None)


def against(best, tool):
    return f"{best / tool.median('cpu'):.2f}" if best else "–"


def table(columns, tools, row):
    """Markdown: a line for each tool, 'row' gives the cells behind name and version."""
    lines = ["| tool | version | " + " | ".join(columns) + " |", "|---|---|" + "--:|" * len(columns)]
    for t in tools:
        if not t.present():
            cells = [t.name, f"not installed (package {t.package})"] + [""] * len(columns)
        elif not t.runs:
            cells = [t.name, t.version(), t.complaint] + [""] * (len(columns) - 1)
        else:
            cells = [t.label(), t.version(), *row(t)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def machine():
    return (f"{datetime.date.today()}, {cpu_name()}, {os.cpu_count()} CPUs, Linux "
            f"{platform.release()}")


def write(section, text):
    begin, end = f"<!-- bench {section} -->", f"<!-- end {section} -->"
    page = PAGE.read_text()
    if begin not in page or end not in page:
        sys.exit(f"{PAGE}: no '{begin}' … '{end}'")
    head, rest = page.split(begin, 1)
    PAGE.write_text(f"{head}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}")
