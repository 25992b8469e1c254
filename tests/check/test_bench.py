"""tools/bench: what it makes of the words of other tools, and that it runs.  Not how fast."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/bench.d"))

import capture  # noqa: E402
import common  # noqa: E402


def bench(tmp_path, *args):
    """The rows of its tables: the cells of each."""
    p = subprocess.run([ROOT / "tools/bench", *args, "--dir", tmp_path, "--no-write", "--runs", "1"],
                       capture_output=True, text=True, timeout=110)
    assert p.returncode == 0, p.stderr
    assert not list(tmp_path.iterdir()), "it left something behind"
    return [[c.strip() for c in l.strip("| ").split("|")] for l in p.stdout.splitlines() if l.startswith("| ")]


# As tcpdump 4.99.3 and dumpcap 4.0.17 said it of a capture with small buffers, and trawl's account
# as docs/commands.md explains it.
@pytest.mark.parametrize("read, text, seen, kept, dropped", [
    (capture.tcpdump_said, "tcpdump: listening on va, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n"
     "1 packet captured\n9 packets received by filter\n8 packets dropped by kernel\n", 9, 1, 8),
    (capture.dumpcap_said, "Capturing on 'va'\nFile: /x/out.pcapng\nPackets: 7 Packets captured: 7\n"
     "Packets received/dropped on interface 'va': 7/5 (pcap:5/dumpcap:0/flushed:0/ps_ifdrop:0) (58.3%)\n", 12, 7, 5),
    (capture.trawl_said, "trawl: capturing on va, to d; Ctrl-C ends it\n"
     "trawl: 10 seen = 7 kept, 3 dropped; 2 flows\n", 10, 7, 3),
])
def test_accounts(read, text, seen, kept, dropped):
    said = read(text)
    assert (said.seen, said.kept, said.dropped) == (seen, kept, dropped)
    assert read("cannot capture") is None


def test_used(tmp_path):
    path = tmp_path / "used"
    assert common.used(path) is None
    path.write_text("1500000 250000 2000000 4096 3\n")
    assert common.used(path) == (1.75, 2.0, 4096, 3)


def test_measure_counts_what_outlives_its_parent(tmp_path):
    """The work is done by a grandchild that nobody waits for."""
    helper = common.compiled(tmp_path, "measure")
    work = "while n < 3000000: n += 1"
    script = f"import os\nif os.fork() == 0:\n if os.fork() == 0:\n  n = 0\n  {work}\n os._exit(0)\nos._exit(7)"
    subprocess.run([helper, tmp_path / "used", sys.executable, "-S", "-c", script], check=True)
    one = subprocess.run([sys.executable, "-S", "-c", f"import os, time\nn = 0\n{work}\nprint(time.process_time())"],
                         check=True, capture_output=True)
    u = common.used(tmp_path / "used")
    assert u.status == 7
    assert u.cpu > float(one.stdout) / 4


@pytest.mark.parametrize("what, peer", [("flows", "softflowd"), ("read", "capinfos")])
def test_files(tmp_path, what, peer):
    rows = {r[0]: r for r in bench(tmp_path, what, "--packets", "20000", "--flows", "1000")}
    assert float(rows["trawl " + {"flows": "flows", "read": "info"}[what]][2]) >= 0
    assert peer in rows


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces")
@pytest.mark.skipif(not all(map(shutil.which, ("iperf3", "ping", "tcpdump"))),
                    reason="iperf3, ping or tcpdump is not installed")
def test_capture(tmp_path):
    tools = ["trawl capture --dir", "tcpdump -w"]
    only = [x for t in tools for x in ("--only", t)]
    rows = bench(tmp_path, "capture", "--packets", "4000", "--pps", "20000", "--seconds", "1", *only)
    assert [r[0] for r in rows] == ["tool", *tools, "capturing", "nothing", *tools]
    for r in rows[1:3]:
        sent, seen, kept, counted, dropped = (int(c.replace(",", "")) for c in r[2:7])
        assert sent == seen == kept + dropped == 4000 and counted == kept
    assert not [n for n in os.listdir("/run/netns") if n.startswith(f"tr{os.getpid()}")]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces")
def test_nothing_stays_when_it_is_ended(tmp_path):
    """A signal amid a capture: no process, namespace or file is left."""
    p = subprocess.Popen([ROOT / "tools/bench", "capture", "--dir", tmp_path, "--no-write", "--pps", "1000",
                          "--packets", "20000"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    names = {f"tr{p.pid}a", f"tr{p.pid}b"}
    out = None
    while p.poll() is None and not out:
        out = list(tmp_path.glob("*/out/*"))
    assert out and names <= set(os.listdir("/run/netns"))
    p.terminate()
    assert p.wait(60) == 128 + 15
    assert not names & set(os.listdir("/run/netns"))
    assert not list(tmp_path.iterdir())
