#!/usr/bin/python3
"""Writes rx.inc: regular expressions, and the texts that they match, for
tests/unit/test_rx.c: anywhere and in either case as tshark's "matches" says
(which is PCRE2's answer), the whole text as Python's re.fullmatch() says.

Where both languages are the same, Python confirms tshark's answers.  Run again
after a change here: the diff is to be reviewed.  Last run with tshark 4.0.17,
Python 3.11."""
import pathlib
import re
import subprocess
import tempfile

from scapy.all import IP, TCP, Ether, Raw, wrpcap

HERE = pathlib.Path(__file__).parent

TEXTS = ["a", "A", "abc", "ABC", "aaa", "abab", "www.example.org", "example.net", "awww.example.com", "10.1.2.3",
         "curl/8.5.0", "x-1_2", "a.c", "a c", "foo(bar)", "[x]", "1234", "a+b=c", "tls TLS", "-", "caf\xe9", "a\\b"]

# What both mean the same by.
COMMON = [
    "b", "^b", "c$", "^a$", "^$", "a|b", "^(a|b)+$", "(ab)+", "(ab){2}", "a{3}", "a{2,}", "^a{1,2}$",
    "[a-c]{3}", "[^a-c]", "[^a]", "[]x]", "[a-]", "[.]", r"\.", "a.c", "^www\\.|\\.net$", r"^\d+(\.\d+){3}$", r"\d{4}",
    r"\D", r"\w+\s\w+", r"\W", r"^\S+$", r"\x41", r"\x2f", r"\(bar\)", r"\[x\]", r"a\+b", "foo|bar|x-", "(?:ab)*?c",
    "a+?b??", "x*", "(^a)b", "(a|aa)+$", r"\bexample\b", r"\Bwww", r"(tls) \1", r"(a)(b)\2?\1", "(?=.*b)a", "a(?!b)",
    "(?<=w)\\.", "(?<!w)www", "(?i)curl", "e{2}|[0-9]{3}", "[\\d_]+", r"[^\W\d]+-", "colou?r|/8", "[+=]", r"\\",
    r"^[\x00-\x7f]*$", "(?x) a b c", r"(?s)a.\w", "a(?#comment)b", r"\Aa", r"c\Z",
]

# What only PCRE2 has, or means otherwise.
PCRE = ["[[:digit:]]+", "[[:alpha:]]{4}", "[^[:alnum:]]", r"\Q[x]\E", "a++b", "(?>a+)b", r"\R", r"\h", r"c\z",
        r"(?|(a)|(b))c", r"\Gab", r"\N{3}", r"\o{101}", "(*ACCEPT)z", "(a)?(?(1)b|x)", r"ab\Kc", "(?1)(a|b)c"]


def frame(n, text):
    request = b"GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: " + text.encode("latin-1") + b"\r\n\r\n"
    return Ether() / IP(src="192.0.2.1", dst="192.0.2.2") / TCP(sport=1024 + n, dport=80, flags="PA") / Raw(request)


def ask_tshark(path, expr):
    done = subprocess.run(["tshark", "-n", "-r", path, "-Y", f'http.user_agent matches r"{expr}"', "-T", "fields",
                           "-e", "frame.number"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{expr}: {done.stderr}")
    hit = {int(n) for n in done.stdout.split()}
    return "".join("1" if n + 1 in hit else "0" for n in range(len(TEXTS)))


def ask_python(expr, flags, how):
    compiled = re.compile(expr.encode(), flags)
    return "".join("1" if getattr(compiled, how)(t.encode("latin-1")) else "0" for t in TEXTS)


def quoted(text):
    out = "".join(c if " " <= c <= "~" else f"\\{ord(c):03o}" for c in text.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{out}"'


def main():
    rows = []
    with tempfile.TemporaryDirectory() as tmp:
        path = pathlib.Path(tmp) / "texts.pcap"
        # tshark shows strings as UTF-8: the text with a byte above 7f is Python's alone
        wrpcap(str(path), [frame(n, t) for n, t in enumerate(TEXTS)])
        for expr in COMMON + PCRE:
            found = ask_tshark(path, expr)
            whole = None
            if expr in COMMON:
                ours = ask_python(expr, re.IGNORECASE, "search")
                if any(a != b and t.isascii() for a, b, t in zip(found, ours, TEXTS)):
                    raise SystemExit(f"{expr}: tshark {found}, Python {ours}")
                found = ours
                whole = ask_python(expr, 0, "fullmatch")
            rows.append(f"\t{{{quoted(expr)}, \"{found}\", {quoted(whole) if whole else 'NULL'}}},")
    (HERE / "rx.inc").write_text(
        "/* Written by make_rx.py: do not edit. */\nstatic const char *const rx_texts[] = {\n"
        + "\n".join(f"\t{quoted(t)}," for t in TEXTS) + "\n};\n\n"
        + "/* which of the texts have a match in either case, which match as a whole (NULL: not known) */\n"
        + "static const struct rx_case {\n\tconst char *expr, *found, *whole;\n} rx_table[] = {\n"
        + "\n".join(rows) + "\n};\n")


if __name__ == "__main__":
    main()
