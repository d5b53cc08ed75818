"""Binds the ports that it is told, by number, and prints what came of each."""
import errno
import socket
import sys


def outcome(port):
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError as error:
            return errno.errorcode[error.errno]
    return "ok"


print(*(outcome(int(port)) for port in sys.argv[1:]))
