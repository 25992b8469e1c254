#!/usr/bin/python3
"""What can be seen in the text alone: unfinished places, files too long, calls
without bounds, sleeping tests, and trailing blanks."""
import re

import common

LINES_MAX = 700  # beyond this a file holds more than one idea
# Spelled so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
UNSAFE = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|alloca|system|popen)\s*\(")
SLEEP = re.compile(r"\btime\.sleep\(|\busleep\(|\bnanosleep\(|\bsleep\(")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/')


def violations(root):
    found = []
    code = common.sources(root, ".c", ".h", ".def", ".py", ".build")
    for path in code:
        name = path.relative_to(root)
        lines = path.read_text(errors="replace").splitlines()
        if path.suffix in (".c", ".h") and len(lines) > LINES_MAX:
            found.append(f"{name}:{LINES_MAX}: {len(lines)} lines, more than {LINES_MAX}")
        for number, line in enumerate(lines, 1):
            where = f"{name}:{number}:"
            if UNFINISHED.search(line):
                found.append(f"{where} unfinished: {line.strip()}")
            if line != line.rstrip():
                found.append(f"{where} blanks at the end")
            if name.parts[0] == "src" and UNSAFE.search(STRING.sub("", line)):
                found.append(f"{where} call without bounds: {line.strip()}")
            if name.parts[0] == "tests" and name.parts[1] != "check" and SLEEP.search(line):
                found.append(f"{where} a test that sleeps: {line.strip()}")
    return found


if __name__ == "__main__":
    common.report(violations(common.tree()), "text")
