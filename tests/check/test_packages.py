"""./run and ./check install what is missing and only that: with apt-get, dpkg-query
and sudo replaced by scripts that write down how they were called."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path):
    """call(missing, ...) -> (exit status, calls, stdout, stderr) of packages_install a b c."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def put(name, text):
        (folder / name).write_text("#!/bin/bash\n" + text)
        (folder / name).chmod(0o755)

    def call(missing, uid=0, sudo=True, fail="", apt=True):
        log = tmp_path / "log"
        log.write_text("")
        put("dpkg-query", f'case " {missing} " in *" ${{!#}} "*) echo -n not-installed ;;'
                          " *) echo -n installed ;; esac\n")
        put("id", f"echo {uid}\n")
        if apt:
            # 'fail' names the call (counted from 1) that fails.
            put("apt-get", f'echo "apt-get $*" >>{log}\n'
                           f'n=$(wc -l <{log})\ncase " {fail} " in *" $n "*) echo broken; exit 100 ;; esac\n')
        if sudo:
            put("sudo", f'touch {tmp_path}/sudo\nexec "$@"\n')
        for tool in ("bash", "env", "mktemp", "rm", "tail", "wc", "touch"):
            (folder / tool).symlink_to(f"/usr/bin/{tool}")
        p = subprocess.run(["/bin/bash", "-c", f". '{ROOT}/tools/packages.sh'; packages_install a b c"],
                           env={"PATH": str(folder), "TMPDIR": str(tmp_path)},
                           capture_output=True, text=True)
        calls = [c.replace("-q ", "") for c in log.read_text().splitlines()]
        return p.returncode, calls, p.stdout, p.stderr

    return call


INSTALL = "apt-get install -y --no-install-recommends "


def test_nothing_missing(machine):
    assert machine("") == (0, [], "", "")


def test_missing(machine):
    status, calls, out, err = machine("a c")
    assert (status, calls, err) == (0, [INSTALL + "a c"], "")
    assert out == "Installing: a c\n"


def test_lists_are_fetched_only_when_needed(machine):
    status, calls, out, err = machine("b", fail="1")
    assert status == 0 and not err
    assert calls == [INSTALL + "b", "apt-get update -y --no-install-recommends", INSTALL + "b"]


def test_failure_is_shown(machine):
    status, calls, out, err = machine("b", fail="1 3")
    assert status == 1 and "broken" in err and "could not install" in err


def test_sudo(machine, tmp_path):
    status, calls, out, err = machine("b", uid=1000)
    assert status == 0 and calls == [INSTALL + "b"] and (tmp_path / "sudo").exists()


def test_neither_root_nor_sudo(machine):
    status, calls, out, err = machine("b", uid=1000, sudo=False)
    assert status == 1 and not calls and "apt-get install b" in err


def test_not_debian(machine):
    status, calls, out, err = machine("b", apt=False)
    assert status == 1 and "needs Debian" in err
