#!/usr/bin/python3
"""Writes the seeds of the fuzz target ql: queries of the unit tests."""
import pathlib
import re

TESTS = pathlib.Path(__file__).resolve().parent.parent
CORPUS = TESTS / "fuzz" / "corpus" / "ql"
EVERY = 5  # of each table one in so many


def unescape(text):
    text = text.replace('" U64_MAX "', "18446744073709551615")
    return text.encode().decode("unicode_escape").encode("latin-1", "replace").replace(b"@", b"")


def main():
    seeds = []
    for name, pattern, front in (("parse", r'^\t\{"(.*?)", ', ""), ("pred", r'^\t\{"(\.Has.*?)", "\d*"', "G.Flows()"),
                                 ("run", r'^\t\{"(G\..*?)"(?:, "|,$)', "")):
        source = (TESTS / "unit" / f"test_ql_{name}.c").read_text()
        found = re.findall(pattern, source, re.M)
        seeds += [front.encode() + unescape(q) for q in found[::EVERY]]
    CORPUS.mkdir(parents=True, exist_ok=True)
    for old in CORPUS.iterdir():
        old.unlink()
    for n, data in enumerate(seeds):
        (CORPUS / f"{n:03}").write_bytes(data)


if __name__ == "__main__":
    main()
