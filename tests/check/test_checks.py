"""Each check is seen failing: a small tree that keeps the rules passes, the
same tree with one violation fails and names it."""
import json
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import format as check_format  # noqa: E402
import headers  # noqa: E402
import layers  # noqa: E402
import options  # noqa: E402
import text  # noqa: E402

HEADER = "/* A byte. */\n#pragma once\n\n#include <stdint.h>\n\nint net_byte(uint8_t b);\n"
SOURCE = '#include "net/byte.h"\n\nint net_byte(uint8_t b)\n{\n\treturn b;\n}\n'


@pytest.fixture
def tree(tmp_path):
    """src/net with one header and one source, under the real layers.txt."""
    (tmp_path / "src/net").mkdir(parents=True)
    shutil.copy(ROOT / "src/layers.txt", tmp_path / "src")
    shutil.copy(ROOT / ".clang-format", tmp_path)
    (tmp_path / "src/net/byte.h").write_text(HEADER)
    (tmp_path / "src/net/byte.c").write_text(SOURCE)
    return tmp_path


def put(tree, name, content):
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.mark.parametrize("name, line, said", [
    ("src/net/byte.c", '#include "flow/table.h"', "'net' may not include 'flow'"),
    ("src/cli/x.c", '#include "agent/registry.h"', "'cli' may not include 'agent'"),
    ("src/run/x.c", '#include "capture/src_ops.h"', "private to 'capture'"),
    ("src/flow/x.c", "#include <pcap.h>", "<pcap.h> belongs to: capture filter"),
    ("src/flow/x.c", "#include <pcap/pcap.h>", "<pcap/pcap.h> belongs to"),
    ("src/analyse/x.c", "#  include <sqlite3.h>", "<sqlite3.h> belongs to: store"),
    ("src/base/x.c", "#include <glib.h>", "<glib.h> is not known"),
    ("src/base/x.c", '#include "err.h"', "with its folder"),
    ("src/base/x.c", '#include "odd/x.h"', "unknown module 'odd'"),
    ("src/odd/x.c", "", "module 'odd' is not in layers.txt"),
    ("src/x.c", '#include "net/byte.h"', "'main' may not include 'net'"),
])
def test_layers(tree, name, line, said):
    assert layers.violations(tree) == []
    put(tree, name, line + "\n")
    found = layers.violations(tree)
    assert len(found) == 1 and said in found[0] and found[0].startswith(f"{name}:1:")


@pytest.mark.parametrize("name, line", [
    ("src/run/x.c", '#include "ql/ql_src_ops.h"'),
    ("src/capture/x.c", '#include "capture/src_ops.h"'),
    ("src/filter/x.c", "#include <pcap/pcap.h>"),
    ("src/ql/x.c", '#include "filter/where.h"'),
])
def test_layers_allow(tree, name, line):
    put(tree, name, line + "\n")
    assert layers.violations(tree) == []


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("change, said", [
    (("#include <stdint.h>\n", ""), "does not compile alone"),
    (("uint8_t b", "struct nowhere *b"), "does not compile alone"),
    (("#pragma once\n", ""), "no #pragma once"),
    (("/* A byte. */\n", ""), "without a comment"),
])
def test_headers(tree, compiler, change, said):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    assert headers.violations(tree, [compiler]) == []
    put(tree, "src/net/byte.h", HEADER.replace(*change))
    found = headers.violations(tree, [compiler])
    assert len(found) == 1 and said in found[0] and found[0].startswith("src/net/byte.h:1:")


@pytest.mark.parametrize("change", [("\treturn b", "    return b"), ("uint8_t b)\n{", "uint8_t b) {")])
def test_format(tree, change):
    if not shutil.which("clang-format"):
        pytest.skip("clang-format is not installed")
    assert check_format.violations(tree) == []
    put(tree, "src/net/byte.c", SOURCE.replace(*change))
    found = check_format.violations(tree)
    assert len(found) == 1 and found[0].startswith("src/net/byte.c:")


@pytest.mark.parametrize("name, content, said", [
    ("src/net/x.c", "/* TO" "DO: later */\n", "unfinished"),
    ("tests/unit/x.py", "# FIX" "ME\n", "unfinished"),
    ("src/net/x.c", "int a;\n" * (text.LINES_MAX + 1), "lines, more than"),
    ("src/net/x.c", "\tstrcpy(a, b);\n", "call without bounds"),
    ("src/net/x.c", "\tn = sprintf (a, b);\n", "call without bounds"),
    ("src/net/x.c", "int a; \n", "blanks at the end"),
    ("tests/unit/x.c", "\tusleep(10);\n", "a test that sleeps"),
    ("tests/corpus/x.py", "time.sleep(1)\n", "a test that sleeps"),
])
def test_text(tree, name, content, said):
    assert text.violations(tree) == []
    put(tree, name, content)
    found = text.violations(tree)
    assert len(found) == 1 and said in found[0] and found[0].startswith(name)


def test_text_allows_words_in_strings_and_comments(tree):
    put(tree, "src/net/x.c", '/* not gets() */ err_set("gets(x)"); snprintf(a, 1, b);\n')
    assert text.violations(tree) == []


HELP = {"flows": "usage\n\nOptions:\n  -r, --read FILE   input\n      --update S   seconds\n"}
PAGE = "# Commands\n\n## trawl flows\n\n| option | what |\n|---|---|\n| `-r`, `--read FILE` | x |\n| `--update S` | y |\n"


@pytest.mark.parametrize("change, said", [
    (("`--update S`", "`S`"), "does not name its option --update"),
    (("`-r`, ", ""), "does not name its option -r"),
    (("| `--update S`", "| `--upsate S`"), "has no option --upsate"),
    (("`--read FILE`", "`--reed FILE`"), "has no option --reed"),
    (("## trawl flows", "## trawl other"), "no section 'flows'"),
])
def test_options(change, said):
    assert options.violations(HELP, PAGE) == []
    assert any(said in v for v in options.violations(HELP, PAGE.replace(*change)))


def test_options_of_commands_of_two_words(tmp_path):
    """As the program names them; other tools' options, behind 'as', are not ours to tell."""
    program = tmp_path / "trawl"
    program.write_text("""#!/bin/sh
case "$*" in
--help) printf '  flows        rows\\n  store check  whether\\n  as other     a tool\\n  trawl flows x\\n' ;;
"flows --help") printf '      --update S   seconds\\n' ;;
"store check --help") printf '  -q, --quiet   less\\n' ;;
*) exit 1 ;;
esac
""")
    program.chmod(0o755)
    helps = options.read_helps(program)
    assert {n: options.options(h) for n, h in helps.items()} == {"flows": {"--update"}, "store check": {"-q", "--quiet"}}
    page = "## flows\n\n| `--update S` | y |\n\n## store check\n\n| `-q`, `--quiet` | x |\n"
    assert options.violations(helps, page) == []
    assert options.violations(helps, page.replace("`-q`, ", "")) == \
        ["docs/commands.md:1: 'store check' does not name its option -q"]
    assert options.violations(helps, page.replace("## store check", "")) != []


def test_tidy(tmp_path):
    """A null pointer dereference behind a condition."""
    if not shutil.which("clang-tidy"):
        pytest.skip("clang-tidy is not installed")
    (tmp_path / "src/base").mkdir(parents=True)
    put(tmp_path, "src/base/x.c", "int x(int *p);\nint x(int *p)\n{\n\tif (!p)\n\t\treturn *p;\n\treturn 0;\n}\n")
    name = str(tmp_path / "src/base/x.c")
    put(tmp_path, "compile_commands.json", json.dumps([
        {"directory": str(tmp_path), "file": name,
         "arguments": ["cc", f"-I{ROOT}/src", "-Wno-odd", "-c", name]}]))
    p = subprocess.run([sys.executable, HERE / "tidy.py", tmp_path], capture_output=True, text=True)
    assert p.returncode == 1 and "NullDereference" in p.stdout, p.stdout + p.stderr
    put(tmp_path, "src/base/x.c", "int x(int *p);\nint x(int *p)\n{\n\treturn p ? *p : 0;\n}\n")
    p = subprocess.run([sys.executable, HERE / "tidy.py", tmp_path], capture_output=True, text=True)
    assert p.returncode == 0, p.stdout + p.stderr
