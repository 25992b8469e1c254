#!/usr/bin/python3
"""The layers: src/layers.txt says which module may include which, which
foreign library belongs to whom, and an X_ops.h belongs to its module alone."""
import fnmatch
import re
import sys

import common

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


class Law:
    def __init__(self, path):
        self.modules, self.open, self.libraries, self.system = {}, set(), [], []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            word, rest = line.split(None, 1)
            if word == "module":
                name, may = rest.split(":")
                self.modules[name.strip()] = set(may.split())
            elif word == "open":
                self.open.add(rest.strip())
            elif word == "library":
                patterns, may = rest.split(":")
                self.libraries += [(p, set(may.split())) for p in patterns.split()]
            elif word == "system":
                self.system += rest.split()
            else:
                sys.exit(f"{path}:{number}: unknown word '{word}'")

    def own(self, module, name):
        """Why 'module' may not include "name"; None when it may."""
        target = name.split("/")[0] if "/" in name else None
        if target is None:
            return f'"{name}" must be included with its folder'
        if target not in self.modules:
            return f"unknown module '{target}'"
        if target == module:
            return None
        if target not in self.modules[module]:
            return f"'{module}' may not include '{target}'"
        if name.endswith("_ops.h") and name not in self.open:
            return f'"{name}" is private to \'{target}\''
        return None

    def foreign(self, module, name):
        for pattern, may in self.libraries:
            if fnmatch.fnmatch(name, pattern):
                return None if module in may else f"<{name}> belongs to: {' '.join(sorted(may))}"
        if any(fnmatch.fnmatch(name, p) for p in self.system):
            return None
        return f"<{name}> is not known to layers.txt"


def violations(root):
    law = Law(root / "src/layers.txt")
    found = []
    for path in common.sources(root, ".c", ".h", ".def", under=("src",)):
        rel = path.relative_to(root / "src")
        module = rel.parts[0] if len(rel.parts) > 1 else "main"
        if module not in law.modules:
            found.append(f"src/{rel}:1: module '{module}' is not in layers.txt")
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            m = INCLUDE.match(line)
            if not m:
                continue
            why = (law.own if m[1] == '"' else law.foreign)(module, m[2])
            if why:
                found.append(f"src/{rel}:{number}: {why}")
    return found


if __name__ == "__main__":
    common.report(violations(common.tree()), "layers")
