"""What the checks share: they look at a tree (default: the one they are in),
print one line per violation as FILE:LINE: what, and exit 1 if there was one,
77 (skipped) with the reason when a tool is missing."""
import pathlib
import shutil
import subprocess
import sys

SKIP = 77


def tree(argv=None):
    """The root of the tree to check: the first argument, else our own."""
    argv = sys.argv[1:] if argv is None else argv
    return pathlib.Path(argv[0]).resolve() if argv else pathlib.Path(__file__).resolve().parents[2]


def sources(root, *suffixes, under=("src", "tests", "bpf")):
    """The project's files with one of the suffixes, sorted; build folders are no part of it."""
    found = []
    for top in under:
        found += [p for p in (root / top).rglob("*") if p.suffix in suffixes and p.is_file()]
    return sorted(found)


def need(*names):
    """The first of the programs that exists; leaves the test as skipped without one."""
    for name in names:
        if shutil.which(name):
            return name
    print("skipped:", names[0], "is not installed")
    sys.exit(SKIP)


def report(violations, what):
    for v in violations:
        print(v)
    print(f"{what}: {len(violations)} violation(s)")
    sys.exit(1 if violations else 0)


def run(args, **kw):
    return subprocess.run(args, capture_output=True, text=True, errors="replace", **kw)
