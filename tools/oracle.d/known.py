"""The explained differences: the table of docs/accuracy.md behind the marker
'<!-- oracle: known differences -->'.

    | file | what | packets | who is right | why |

'packets' lists numbers and ranges: '3, 7-9'; '-' for a difference in sums or of
the whole file."""
import collections
import pathlib
import re

MARKER = "<!-- oracle: known differences -->"
KINDS = ("sums", "tuples", "counts", "rtt", "echo", "community", "run")
FILES_MAX = 10  # more explanations than that are a defect

Known = collections.namedtuple("Known", "file what numbers right why")


def parse_numbers(text):
    found = []
    for part in text.replace(" ", "").split(","):
        if part in ("-", "–", ""):
            continue
        first, _, last = part.replace("–", "-").partition("-")
        found.append(range(int(first), int(last or first) + 1))
    return found


def read(page):
    text = pathlib.Path(page).read_text()
    if MARKER not in text:
        raise ValueError(f"{page}: no line '{MARKER}'")
    known = []
    for line in text.split(MARKER, 1)[1].splitlines():
        if line.startswith("#"):
            break
        cells = [c.strip().strip("`") for c in line.strip().strip("|").split("|")]
        if not line.startswith("|") or cells[0] in ("file", "") or set(cells[0]) <= set("-: "):
            continue
        if len(cells) != 5 or cells[1] not in KINDS:
            raise ValueError(f"{page}: not a row of the table: {line}")
        known.append(Known(cells[0], cells[1], parse_numbers(cells[2]), cells[3], cells[4]))
    return known


def explains(known, file, difference):
    for k in known:
        if k.file == file and k.what == difference.what:
            if difference.number == 0 and not k.numbers:
                return k
            if any(difference.number in r for r in k.numbers):
                return k
    return None
