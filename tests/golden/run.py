#!/usr/bin/python3
"""Golden tests: runs each line of TESTS and compares with NAME.out.

TESTS: 'NAME ARGS...' per line, '#' starts a comment.  ARGS go to the program as
a shell would split them; DATA stands for tests/data; '!N' before them is the exit
status expected (0).  NAME.out holds what it prints, stdout first, then stderr
behind a line '--stderr--'.  UPDATE=1 rewrites the files: review the difference.
Output is TAP."""
import difflib, os, pathlib, shlex, subprocess, sys

here = pathlib.Path(__file__).resolve().parent
lines = [l for l in (here / "TESTS").read_text().splitlines() if l.strip() and l[0] != "#"]
failed = 0
print(f"1..{len(lines)}")
for number, line in enumerate(lines, 1):
    name, *args = shlex.split(line)
    status = int(args.pop(0)[1:]) if args and args[0][:1] == "!" else 0
    args = [a.replace("DATA", str(here.parent / "data")) for a in args]
    p = subprocess.run([os.environ["TRAWL_BIN"], *args], capture_output=True, timeout=60,
                       cwd=here, stdin=subprocess.DEVNULL)
    err = b"--stderr--\n" + p.stderr if p.stderr else b""
    got = (p.stdout + err).decode(errors="backslashreplace").replace(str(here.parent), "..")
    file = here / f"{name}.out"
    if os.environ.get("UPDATE"):
        file.write_text(got)
    want = file.read_text() if file.exists() else ""
    good = got == want and p.returncode == status
    failed += not good
    print("ok" if good else "not ok", number, "-", name, flush=True)
    if p.returncode != status:
        print(f"# exit status {p.returncode}, expected {status}")
    for d in difflib.unified_diff(want.splitlines(), got.splitlines(), "expected", "got", lineterm=""):
        print("#", d)
sys.exit(failed > 0)
