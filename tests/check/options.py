#!/usr/bin/python3
"""docs/commands.md has a section for every command and names every option that
the command's --help names; and names none that does not exist."""
import os
import re
import sys

import common

OPTION = re.compile(r"(?<![\w-])(--?[A-Za-z][\w-]*)")
HEADING = re.compile(r"^#+\s+`?(?:trawl )?([a-z][\w ]*?)`?\s*$", re.M)


def commands(help_text):
    """One or two indented words in front of a description: '  flows   one row per flow'.  Behind 'as' other
    tools are named, whose options are theirs."""
    found = re.findall(r"^ +([a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*)?) {2,}\S", help_text, re.M)
    return [name for name in found if not name.startswith("as ")]


def options(help_text):
    """Those that a line of --help starts with: '  -r, --read FILE   what'."""
    found = set()
    for line in help_text.splitlines():
        m = re.match(r"^\s+(-.*?)(?:\s{2,}|$)", line)
        if m:
            found |= set(OPTION.findall(m[1]))
    return found


def sections(text):
    """Command -> the text under its heading, up to the next one of a command."""
    heads = list(HEADING.finditer(text))
    ends = [h.start() for h in heads[1:]] + [len(text)]
    return {h[1]: text[h.end():end] for h, end in zip(heads, ends)}


def violations(helps, text):
    """helps: command -> its --help."""
    page, found = sections(text), []
    for name, help_text in helps.items():
        if name not in page:
            found.append(f"docs/commands.md:1: no section '{name}'")
            continue
        told = set(OPTION.findall(page[name]))
        # What holds for all commands may stand once, before the first section.
        told |= set(OPTION.findall(text[:HEADING.search(text).start()]))
        told |= set(OPTION.findall(page.get("common options", "")))
        for option in sorted(options(help_text) - told):
            found.append(f"docs/commands.md:1: '{name}' does not name its option {option}")
        known = options(help_text)
        cells = re.findall(r"^\|\s*(`-[^|]*)", page[name], re.M)
        for option in sorted(set(OPTION.findall(" ".join(cells))) - known):
            found.append(f"docs/commands.md:1: '{name}' has no option {option}")
    return found


def read_helps(program):
    p = common.run([program, "--help"])
    names = commands(p.stdout)
    if p.returncode or not names:
        sys.exit(f"'{program} --help' names no commands (exit status {p.returncode})")
    return {n: common.run([program, *n.split(), "--help"]).stdout for n in names}


if __name__ == "__main__":
    root = common.tree()
    page = root / "docs/commands.md"
    if not page.exists():
        print("docs/commands.md:1: does not exist")
        sys.exit(1)
    common.report(violations(read_helps(os.environ["TRAWL_BIN"]), page.read_text()), "options")
