"""A reader that was written from docs/formats.md and docs/flows.md alone sees the flows and packets that
a folder was given: of runs that have ended and of one whose writer was killed."""
import struct

import dir_read
import pytest
from faults import NS, START, Made


@pytest.mark.parametrize("end", ["finish", "kill"])
def test_flows_and_packets(tmp_path, end):
    made = Made(tmp_path / "d", flows=30, packets=3000, seconds=700, segment=60000, end=end)
    flows = {row["transport_a"]: row for row in dir_read.read(tmp_path / "d")}
    assert sorted(flows) == [1000 + f for f in range(made.flows)]
    for f, numbers in enumerate(made.of):
        row = flows[1000 + f]
        assert (row["network_a"], row["network_b"], row["transport_b"]) == ("10.0.0.1", "10.0.0.2", 9)
        # of a flow that went on, a row is written every 10 s
        told = numbers if end == "finish" else numbers[: row["ab_packets"]]
        assert made.time(numbers[-1]) - made.time(told[-1]) <= 11 * NS and row["over"] == (end == "finish")
        assert (row["ab_packets"], row["ab_bytes"]) == (len(told), 60 * len(told))
        assert (row["start"], row["last"]) == (made.time(told[0]), made.time(told[-1]))
        assert len(row["places"]) == len(numbers)
        for number, (segment, at) in zip(numbers, row["places"]):
            data = (tmp_path / "d/c/0" / f"{START:016x}-{segment:06d}.pcapng").read_bytes()
            kind, _, _, high, low, size = struct.unpack_from("<6I", data, at)
            assert (kind, high << 32 | low, size) == (6, made.time(number), 60)
            assert data[at + 28 : at + 88] == made.frame(number)
