"""What 'nc HOST PORT' would be: sends its input over TCP.

    forward.py HOST PORT now|late [LIMIT]

'late' connects once there is input.  Says "connected" on stderr."""
import os
import socket
import sys

host, port, when = sys.argv[1], int(sys.argv[2]), sys.argv[3]
first = os.read(0, 65536) if when == "late" else b""
s = socket.create_connection((host, port))
print("connected", *s.getsockname()[:2], file=sys.stderr, flush=True)
s.sendall(first)
while data := os.read(0, 65536):
    s.sendall(data)
