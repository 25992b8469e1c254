"""The runner of the documentation's examples is seen failing."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run  # noqa: E402


@pytest.mark.parametrize("expected, got, good", [
    (None, "anything\n", True),
    (["a"], "a\n", True),
    (["a"], "a", True),
    (["a"], "b\n", False),
    (["a"], "a\nb\n", False),
    (["a"], "", False),
    (["a", "..."], "a\nb\nc\n", True),
    (["a", "...", "c"], "a\nc\n", True),
    (["a", "...", "c"], "a\nb\n", False),
    (["took … s"], "took 1.5 s\n", True),
    (["took … s"], "took 1.5 m\n", False),
    (["a.b"], "axb\n", False),
])
def test_matches(expected, got, good):
    assert run.matches(expected, got) == good


def test_examples():
    text = "x\n```console\n$ a \\\n    b\nout\n...\n[exit 3]\n$ c\n```\n```sh\n$ never\n```\n"
    assert list(run.examples(text)) == [[3, "a b", ["out", "..."], 3], [8, "c", None, 0]]


@pytest.mark.parametrize("block, failed", [
    ("$ true\n", False), ("$ false\n", True), ("$ false\n[exit 1]\n", False),
    ("$ echo a\na\n", False), ("$ echo a\nb\n", True), ("$ echo a >&2\na\n", False),
])
def test_main(tmp_path, monkeypatch, block, failed):
    monkeypatch.setenv("TRAWL_BIN", "/bin/true")
    page = tmp_path / "page.md"
    page.write_text(f"```console\n{block}```\n")
    assert run.main([page]) == failed
