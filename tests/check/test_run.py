"""./run does what its usage says, with the builder and trawl replaced by scripts that write
down how they were called."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path):
    """run(argument...) -> (exit status, calls of trawl, stdout)."""
    tree, fakes, log = tmp_path / "tree", tmp_path / "bin", tmp_path / "log"
    for d in (tree / "build", tree / "tools", tree / "tests/data", fakes):
        d.mkdir(parents=True)
    shutil.copy(ROOT / "run", tree)
    shutil.copy(ROOT / "tools/packages.sh", tree / "tools")
    (tree / "tests/data/make_tour.py").write_text("")
    (tree / "build/build.ninja").write_text("")
    log.write_text("")

    def put(path, text):
        path.write_text("#!/bin/bash\n" + text)
        path.chmod(0o755)

    put(fakes / "dpkg-query", "echo -n installed\n")
    put(fakes / "ninja", "echo 'ninja: no work to do.'\n")
    put(tree / "build/trawl", f'echo "$*" >>{log}\n')

    def call(*args, prefix=(), **env):
        p = subprocess.run([*prefix, tree / "run", *args], capture_output=True, text=True, timeout=60,
                           env={"PATH": f"{fakes}:{os.environ['PATH']}", **env})
        assert "unbound" not in p.stderr and "line " not in p.stderr, p.stderr
        return p.returncode, log.read_text().splitlines(), p.stdout

    return call


def captures(calls):
    return [c for c in calls if c.startswith("capture ")]


def test_build_stops_there(run):
    assert run("--build") == (0, [], "")


def test_tour_captures_nothing(run):
    status, calls, out = run("--tour")
    assert status == 0 and not captures(calls)
    assert any(c.startswith("info ") for c in calls) and "What to try next" in out


def test_keeps_headers_in_a_bounded_folder(run):
    status, calls, out = run()
    assert status == 0
    (call,) = captures(calls)
    assert "--headers-only" in call and "--dir trawl-data --quota 1G" in call
    for word in ("trawl-data", "Ctrl-C", "rm -r", "headers, no payload", "1 GiB"):
        assert word in out


def test_full_keeps_payload(run):
    status, calls, out = run("--full")
    (call,) = captures(calls)
    assert status == 0 and "--headers-only" not in call and "whole packets" in out


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_says_who_may_enter(run):
    """As root the folder belongs to the user that parses; under sudo to the caller."""
    assert "which only you may enter" in run(SUDO_UID="1000")[2]
    said = run()[2]
    assert re.search("which only root and the user (trawl|nobody), who it runs as, may enter", said), said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces")
@pytest.mark.parametrize("route,any_", [
    ("true", True),
    ("ip -6 route add unreachable default", True),
    ("ip -6 route add default dev va", False),
    ("ip route add default dev va", False),
])
def test_interface_of_the_default_route(run, route, any_):
    script = f'ip link add va type veth peer name vb; ip link set va up; ip addr add 192.0.2.1/24 dev va; {route}; exec "$@"'
    _, calls, _ = run(prefix=["unshare", "--net", "sh", "-c", script, "sh"])
    assert ("-i any" in captures(calls)[0]) == any_


@pytest.mark.parametrize("args", [("--nonsense",), ("--build", "--tour")])
def test_bad_usage(run, args):
    status, calls, out = run(*args)
    assert status == 2 and not calls
