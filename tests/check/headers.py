#!/usr/bin/python3
"""Every header compiles alone, as C, with gcc and clang; starts with a comment
that says what it is; and guards itself with #pragma once."""
import concurrent.futures
import os
import shutil
import sys

import common

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wundef", "-Wstrict-prototypes",
         "-Werror", "-Wno-unused-function", "-fsyntax-only"]


def alone(root, compiler, path):
    """Compiles a file that includes only this header, twice."""
    name = path.relative_to(root / "src")
    text = f'#include "{name}"\n#include "{name}"\n'
    p = common.run([compiler, *FLAGS, f"-I{root / 'src'}", "-x", "c", "-"], input=text)
    if p.returncode == 0:
        return []
    first = next((l for l in p.stderr.splitlines() if "error:" in l), p.stderr.strip())
    return [f"src/{name}:1: does not compile alone with {compiler}: {first}"]


def shape(root, path):
    text = path.read_text(errors="replace")
    name = path.relative_to(root)
    found = []
    if not text.startswith("/*"):
        found.append(f"{name}:1: starts without a comment that says what it is")
    if "#pragma once" not in text.splitlines():
        found.append(f"{name}:1: no #pragma once")
    return found


def violations(root, compilers):
    headers = common.sources(root, ".h", under=("src",))
    jobs = [(root, c, h) for h in headers for c in compilers]
    found = []
    for h in headers:
        found += shape(root, h)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for v in pool.map(lambda job: alone(*job), jobs):
            found += v
    return found


if __name__ == "__main__":
    present = [c for c in ("gcc", "clang") if shutil.which(c)] or [common.need("cc")]
    common.report(violations(common.tree(), present), f"headers ({' '.join(present)})")
