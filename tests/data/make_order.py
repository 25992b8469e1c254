#!/usr/bin/python3
"""Writes the seeds of the fuzz target order: conversations with trawl-opener, in the short
form that fuzz_order.c describes."""
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent.parent / "fuzz" / "corpus" / "order"

(HELLO, FORGO, SEAL, PACKET, ROUTE, NETNS, BPF, MARK, GRANT, MKDIR, DIR_FD, DIR_CLOSE, CREATE,
 RENAME, UNLINK, RMDIR) = range(1, 17)


def order(kind, *args, text=b"", name=b"", fds=0, more=0):
    a = list(args) + [0] * (3 - len(args))
    return (struct.pack("<BbB3I", fds, more, kind, *a) + struct.pack("<H", len(text)) + text +
            struct.pack("<H", len(name)) + name)


HI = order(HELLO, 65534, 65534)
SEEDS = {
    "capture": [HI, order(GRANT, text=b"out"), order(SEAL), order(PACKET), order(ROUTE),
                order(BPF, 12, fds=1), order(MARK, 7, fds=1), order(CREATE, 0, 65, 0o600, text=b"a"),
                order(RENAME, 0, text=b"a", name=b"b"), order(UNLINK, 0, text=b"b")],
    "namespaces": [HI, order(NETNS), order(PACKET, text=b"blue"), order(FORGO, 4),
                   order(ROUTE, text=b"blue"), order(NETNS), order(PACKET)],
    "folders": [HI, order(GRANT, text=b"/a/b/../c"), order(MKDIR, 0, 0o700, text=b"x"),
                order(DIR_FD, 1), order(DIR_CLOSE, 1), order(RMDIR, 0, text=b"x"), order(SEAL),
                order(GRANT, text=b"/"), order(SEAL)],
    "too_early": [order(PACKET), HI, HI],
    "names": [HI] + [order(CREATE, 0, 0, 0, text=t) for t in
                     (b"", b".", b"..", b"/", b"a/b", b"...", b"x" * 255, b"x" * 256)],
    "hidden": [HI, order(PACKET, text=b"a\0b"), order(SEAL, 1), order(DIR_FD, 0, 1),
               order(UNLINK, 0, text=b"a", name=b"b")],
    "lengths": [HI, order(PACKET, more=1), order(PACKET, more=-1), order(PACKET, more=-128),
                order(PACKET, more=127)],
    "descriptors": [HI, order(MARK, 1), order(MARK, 1, fds=2), order(PACKET, fds=1),
                    order(BPF, 1, fds=255)],
    "unknown": [HI, order(0), order(17), order(127), order(128 | PACKET)],
    "nothing_left": [HI, order(FORGO, 0xFFFFFFFF), order(PACKET), order(ROUTE), order(GRANT, text=b"a")],
}

if __name__ == "__main__":
    CORPUS.mkdir(parents=True, exist_ok=True)
    for old in CORPUS.iterdir():
        old.unlink()
    for seed, orders in SEEDS.items():
        (CORPUS / seed).write_bytes(b"".join(orders))
