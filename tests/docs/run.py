#!/usr/bin/python3
"""Runs the console blocks of README.md and docs/*.md: see README.md here.
run.py [PAGE...].  Output is TAP, one line per command."""
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import termios

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
TIMEOUT = 60  # seconds a command may take


def examples(text):
    """(line number, command, expected lines or None, exit status) of each command."""
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1)) + 1
        current = None
        for offset, l in enumerate(block[1].splitlines()):
            if current and current[1].endswith("\\"):
                current[1] = current[1][:-1] + l.removeprefix("> ").lstrip()
            elif l.startswith("$ "):
                if current:
                    yield current
                current = [line + offset, l[2:], None, 0]
            elif current and re.fullmatch(r"\[exit \d+\]", l):
                current[3] = int(l[6:-1])
            elif current:
                current[2] = (current[2] or []) + [l]
        if current:
            yield current


def pattern(lines):
    """A regular expression for the expected output with its elisions."""
    parts = []
    for l in lines:
        if l.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append("".join(".*" if p == "…" else re.escape(p)
                                 for p in re.split("(…)", l.rstrip())) + r"[ \t]*\n")
    return re.compile("".join(parts))


def matches(expected, got):
    if expected is None:
        return True
    if got and not got.endswith("\n"):
        got += "\n"
    return pattern(expected).fullmatch(got) is not None


def run(command, folder, env):
    """(exit status, output) as at a terminal of 100 columns: programs show what they show there."""
    ours, theirs = pty.openpty()
    mode = termios.tcgetattr(theirs)
    mode[1] &= ~termios.OPOST  # no carriage returns
    termios.tcsetattr(theirs, termios.TCSANOW, mode)
    termios.tcsetwinsize(theirs, (50, 100))
    p = subprocess.Popen(["timeout", str(TIMEOUT), "bash", "-c", command], cwd=folder, env=env,
                         stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    got = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # EIO: the last one who could write is gone
            break
        if not part:
            break
        got += part
    os.close(ours)
    return p.wait(), got.decode(errors="backslashreplace")


def prepare(folder):
    (folder / "build").mkdir()
    (folder / "build/trawl").symlink_to(os.environ["TRAWL_BIN"])
    capture = folder / "build/tour.pcap"
    subprocess.run([sys.executable, ROOT / "tests/data/make_tour.py", capture], check=True)
    for name in ("some.pcap", "tour.pcap"):
        shutil.copy(capture, folder / name)


def main(pages):
    number = failed = 0
    for page in pages:
        name = page.relative_to(ROOT) if page.is_relative_to(ROOT) else page
        with tempfile.TemporaryDirectory() as tmp:
            folder = pathlib.Path(tmp)
            prepare(folder)
            env = {**os.environ, "PATH": f"{folder}/build:{os.environ['PATH']}", "TZ": "UTC",
                   "LC_ALL": "C.UTF-8", "HOME": tmp, "TERM": "dumb", "NO_COLOR": "1"}
            for line, command, expected, status in examples(page.read_text()):
                got_status, got = run(command, folder, env)
                good = got_status == status and matches(expected, got)
                number, failed = number + 1, failed + (not good)
                print("ok" if good else "not ok", number, f"- {name} line {line}".replace("#", ""))
                if not good:
                    print(f"# $ {command}\n# exit status {got_status}, expected {status}; it prints:")
                    print("".join(f"# {l}\n" for l in got.splitlines()), end="")
    print(f"1..{number}")
    return failed > 0


if __name__ == "__main__":
    named = [pathlib.Path(a).resolve() for a in sys.argv[1:]]
    sys.exit(main(named or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]))
