#!/usr/bin/python3
"""clang-tidy (.clang-tidy) over src, with the commands of a build folder:
tidy.py BUILD [FILE...]"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import sys
import tempfile

import common

# clang refuses options of gcc that it does not know; these change nothing it looks at.
GCC_ONLY = re.compile(r"^(-Wno-|-Wl,|-flto|-fsanitize|-Wp,|-fuse-ld|-ffat-lto)")
MODEL = pathlib.Path(__file__).resolve().parent / "tidy_model.h"
PLACE = re.compile(r"^(\S+?:\d+:\d+: (?:warning|error): .*)$", re.M)


def database(build, folder):
    """A copy of compile_commands.json that holds only our code and what clang takes."""
    entries = json.loads((build / "compile_commands.json").read_text())
    entries = [e for e in entries if "/src/" in e["file"] or e["file"].startswith("src/")]
    for e in entries:
        words = e.pop("arguments", None) or shlex.split(e.pop("command"))
        words = [w for w in words if not GCC_ONLY.match(w)]
        if not e["file"].endswith("/base/err.c"):
            words[1:1] = ["-include", str(MODEL)]
        e["arguments"] = words
    (folder / "compile_commands.json").write_text(json.dumps(entries))
    return sorted({str((build / e["file"]).resolve()) for e in entries})


def checked_before(build, root, path):
    """A file that exists once 'path', with all that it may include, was found clean."""
    key = hashlib.sha256()
    for p in [root / ".clang-tidy", MODEL, *common.sources(root, ".h", ".def", under=("src",)), path]:
        key.update(pathlib.Path(p).read_bytes() + b"\0")
    (build / "tidy").mkdir(exist_ok=True)
    return build / "tidy" / key.hexdigest()


def check(build, folder, root, path):
    mark = checked_before(build, root, path)
    if mark.exists():
        return []
    p = common.run(["clang-tidy", "--quiet", f"--config-file={root / '.clang-tidy'}", "-p",
                    str(folder), path])
    places = [re.sub(r"^.*?/(?=src/)", "", v) for v in PLACE.findall(p.stdout)]
    if p.returncode and not places:
        places = [f"{path}:1: clang-tidy failed: {p.stderr.strip()[-300:]}"]
    if not places:
        mark.touch()
    return places


def violations(build, only=()):
    root = common.tree([])
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(tmp)
        files = database(build, folder)
        files = [f for f in files if not only or f in only]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            found = pool.map(lambda f: check(build, folder, root, f), files)
            return sorted({v for vs in found for v in vs})


if __name__ == "__main__":
    common.need("clang-tidy")
    only = {str(pathlib.Path(f).resolve()) for f in sys.argv[2:]}
    common.report(violations(pathlib.Path(sys.argv[1]), only), "tidy")
