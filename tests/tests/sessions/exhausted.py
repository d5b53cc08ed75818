"""Tries every call that takes any port: as it is, when its session has none left, and after that."""

import errno
import socket
import subprocess
import sys

listener = socket.create_server(("127.0.0.1", 0))
peer = listener.getsockname()
LOCAL, SINK = ("127.0.0.1", 0), ("127.0.0.1", 9)
CALLS = {
    "bind": (socket.SOCK_STREAM, lambda one: one.bind(LOCAL)),
    "listen": (socket.SOCK_STREAM, lambda one: one.listen()),
    "connect": (socket.SOCK_STREAM, lambda one: one.connect(peer)),
    "udp bind": (socket.SOCK_DGRAM, lambda one: one.bind(LOCAL)),
    "udp connect": (socket.SOCK_DGRAM, lambda one: one.connect(SINK)),
    "sendto": (socket.SOCK_DGRAM, lambda one: one.sendto(b"", SINK)),
    "by number": (socket.SOCK_STREAM, lambda one: one.bind(("127.0.0.1", 8099))),
}


def told(call):
    kind, do = CALLS[call]
    with socket.socket(socket.AF_INET, kind) as one:
        try:
            do(one)
            return f"{call} 0"
        except OSError as error:
            return f"{call} {errno.errorcode[error.errno]}"


for verb in ("", "exhaust", "release"):
    if verb:
        subprocess.run([sys.argv[1], verb], check=True)
    print(", ".join(map(told, CALLS)), flush=True)
# The command itself is no program that the policy should have reached.
status = subprocess.run([sys.argv[1], "status"], check=True, capture_output=True, text=True).stdout
print("outside" if "not covered" in status else "covered")
