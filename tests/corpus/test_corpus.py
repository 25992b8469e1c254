"""Real captures ($TRAWL_CORPUS): trawl reads every one, and agrees with capinfos
and tshark but for what docs/accuracy.md explains."""
import os
import pathlib
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/oracle.d"))

import compare  # noqa: E402
import known as known_differences  # noqa: E402

CORPUS = pathlib.Path(os.environ.get("TRAWL_CORPUS") or ROOT / "../shared/pcaps")
FILES = sorted(p for p in CORPUS.iterdir() if p.suffix != ".tsv") if CORPUS.is_dir() else []
KNOWN = known_differences.read(ROOT / "docs/accuracy.md")

pytestmark = [
    pytest.mark.skipif(not FILES, reason=f"no captures in {CORPUS} ($TRAWL_CORPUS)"),
    pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed"),
]


@pytest.mark.parametrize("path", FILES, ids=[p.name for p in FILES])
def test_capture(path):
    rows, packets, found = compare.compare(path)
    open_ones = [d for d in found if not known_differences.explains(KNOWN, path.name, d)]
    assert not open_ones, "\n".join(f"{d.what}: packet {d.number}: {d.text}" for d in open_ones)


def test_few_are_explained():
    assert len({k.file for k in KNOWN}) <= known_differences.FILES_MAX
