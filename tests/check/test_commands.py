"""The two commands of the README refuse what they do not know, from anywhere."""
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def call(tmp_path, name, *args):
    return subprocess.run([ROOT / name, *args], cwd=tmp_path, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["run", "check", "tools/fuzz"])
def test_help(tmp_path, name):
    p = call(tmp_path, name, "--help")
    assert p.returncode == 0 and p.stdout.startswith("usage: ") and not p.stderr


@pytest.mark.parametrize("name, args, said", [
    ("run", ["--bogus"], "unknown argument '--bogus'"),
    ("run", ["--build", "x"], "more than one argument"),
    ("check", ["bogus"], "unknown variant 'bogus'"),
])
def test_unknown_argument(tmp_path, name, args, said):
    p = call(tmp_path, name, *args)
    assert p.returncode == 2 and not p.stdout
    assert said in p.stderr and "usage: " in p.stderr


def test_ci_runs_check(tmp_path):
    """In a tree whose ./check is another program, that program is what runs."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/run").write_text((ROOT / ".ci/run").read_text())
    (tmp_path / ".ci/run").chmod(0o755)
    (tmp_path / "check").write_text("#!/bin/sh\necho checked \"$@\"\nexit 3\n")
    (tmp_path / "check").chmod(0o755)
    p = subprocess.run([tmp_path / ".ci/run", "gcc"], cwd="/", capture_output=True, text=True)
    assert (p.returncode, p.stdout) == (3, "checked gcc\n")
