#!/usr/bin/python3
"""clang-format has nothing to change in src and tests.  A table that it would
make unreadable stands between 'clang-format off' and 'on'."""
import re

import common

PLACE = re.compile(r"^(.*?):(\d+):(\d+): (?:warning|error): code should be clang-formatted")


def violations(root, tool="clang-format"):
    files = common.sources(root, ".c", ".h")
    if not files:
        return []
    p = common.run([tool, "--dry-run", "-Werror", "--style=file", *map(str, files)], cwd=root)
    found = {}
    for line in p.stderr.splitlines():
        m = PLACE.match(line)
        if m:
            name = m[1].replace(f"{root}/", "")
            found.setdefault(name, f"{name}:{m[2]}: not as clang-format would write it")
    if p.returncode and not found:
        return [p.stderr.strip()]
    return list(found.values())


if __name__ == "__main__":
    common.report(violations(common.tree(), common.need("clang-format")), "format")
