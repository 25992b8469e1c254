"""An answer that Ctrl-C cut says so, in JSON, in words and by its exit status; one that was
given as a whole says nothing.  The command waits for a reader behind the first lines when the
signal comes: a pipe of one page holds less than the answer."""
import fcntl
import json
import os
import shutil
import signal
import subprocess

import pytest

TRAWL = os.environ["TRAWL_BIN"]
PAGE = 4096
INCOMPLETE = 3
CUT = "trawl: the answer is incomplete\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One capture, finished, of which nothing is missing."""
    tmp = tmp_path_factory.mktemp("stop")
    subprocess.run([os.environ["TRAWL_PAST_MAKE"], str(tmp / "all")], check=True)
    (tmp / "d").mkdir()
    shutil.copytree(tmp / "all" / "finished", tmp / "d" / "finished")
    return tmp / "d"


def stopped(*args):
    """Its exit status, output and sentences when Ctrl-C comes behind the first line."""
    out, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PAGE)
    with subprocess.Popen([TRAWL, *args], stdout=write, stderr=subprocess.PIPE) as p:
        os.close(write)
        text = os.read(out, 16)  # it has begun, and waits: a page is not enough for its first write
        p.send_signal(signal.SIGINT)
        with os.fdopen(out, "rb") as f:
            text += f.read()
        said = p.stderr.read().decode()
    return p.returncode, text.decode(), said


def rows(text):
    return [r for r in map(json.loads, text.splitlines()) if "coverage" not in r]


def test_cut_lines(folder):
    whole = subprocess.run([TRAWL, "query", "--dir", str(folder), "G.Flows()", "--format", "jsonl"],
                           stdout=subprocess.PIPE, check=True).stdout.decode()
    code, text, said = stopped("query", "--dir", str(folder), "G.Flows()", "--format", "jsonl")
    assert 0 < len(rows(text)) < len(rows(whole))
    assert rows(text) == rows(whole)[:len(rows(text))]
    assert json.loads(text.splitlines()[-1])["coverage"]["complete"] is False
    assert code == INCOMPLETE and said.endswith(CUT) and "stopped" in said, said
    assert json.loads(whole.splitlines()[-1])["coverage"]["complete"] is True


@pytest.mark.parametrize("args", [["flows"], ["query", "G.Flows()"]])
def test_cut_object(folder, args):
    code, text, said = stopped(*args, "--dir", str(folder), "--format", "json")
    answer = json.loads(text)
    assert answer["result"] and answer["coverage"]["complete"] is False
    assert code == INCOMPLETE and said.endswith(CUT), said


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_nothing_was_left(folder, form):
    """The last row was on its way when the signal came."""
    args = ["query", "--dir", str(folder), "G.Flows().Limit(30)", "--format", form]
    whole = subprocess.run([TRAWL, *args], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert len(whole) > 3 * PAGE
    code, text, said = stopped(*args)
    assert (code, text) == (0, whole), said
    assert CUT not in said and "stopped" not in said, said


def test_files(folder, tmp_path):
    """The same of files: what was given as a whole is whole."""
    subprocess.run(["mergecap", "-w", str(tmp_path / "x.pcapng"), *map(str, folder.glob("*/*/*.pcapng"))], check=True)
    args = ["flows", "-r", str(tmp_path / "x.pcapng"), "--format", "json", "--fields", "all"]
    whole = subprocess.run([TRAWL, *args], stdout=subprocess.PIPE, check=True).stdout.decode()
    code, text, said = stopped(*args)
    assert (code, text) == (0, whole), said
