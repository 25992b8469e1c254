#!/usr/bin/python3
"""Reads meson's testlog.json: one line per test, 'passed|failed|skipped VARIANT NAME',
with the reason behind a skipped one."""
import json
import pathlib
import re
import sys

WORD = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}
TAP = re.compile(r"^(ok|not ok) (\d+)(?: - | )?([^#\n]*)(?:# *(SKIP)\b *(.*))?", re.I | re.M)


def cases(entry):
    """(word, name, reason) of each case: those of a test that speaks TAP count one by one."""
    word = WORD.get(entry["result"], "failed")
    out = entry.get("stdout") or ""
    tap = TAP.findall(out)
    if not tap:
        reason = ""
        if word == "skipped":
            reason = (re.findall(r"^(?:skipped:|SKIPPED \[\d+\]) *(.*)$", out, re.M) or [""])[0]
        return [(word, entry["name"], reason)]
    found = [("skipped" if skip else "passed" if ok.lower() == "ok" else "failed",
              f"{entry['name']}: {name.strip()}", reason)
             for ok, number, name, skip, reason in tap]
    if word == "failed" and not any(w == "failed" for w, _, _ in found):
        found.append((word, entry["name"], f"({entry['result']})"))
    return found


def main(path):
    variant = path.parents[1].name
    for line in path.read_text().splitlines():
        for word, name, reason in cases(json.loads(line)):
            print(word, f"{variant}: {name}" + (f": {reason}" if reason else ""))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
