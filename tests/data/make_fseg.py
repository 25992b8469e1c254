#!/usr/bin/python3
"""Writes ../fuzz/corpus/fseg: small blocks of flow segments.

    make_fseg.py BUILD/tests/store/fseg_rows

The example is that of docs/formats.md; the others are rows that the program makes of a number, as
tests/store does, which reads them with a reader of its own."""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
MAGIC = 8


def example():
    text = (HERE / "../../docs/formats.md").read_text()
    lines = text.split("    74 72 61 77 6c 2d 66 73", 1)[1].split("\n\n")[0].splitlines()
    return b"".join(bytes.fromhex(line.split(";")[0]) for line in lines)


def made(program, seed, rows):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rows"
        subprocess.run([program, path, str(seed), str(rows)], check=True, stdout=subprocess.DEVNULL)
        return path.read_bytes()[MAGIC:]


def main():
    out = HERE / "../fuzz/corpus/fseg"
    out.mkdir(exist_ok=True)
    (out / "example").write_bytes(example())
    for seed in range(8):
        (out / f"rows_{seed}").write_bytes(made(sys.argv[1], seed, seed * seed * 4 + 1))


if __name__ == "__main__":
    main()
