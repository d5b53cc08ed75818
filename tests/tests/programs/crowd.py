"""Connects to a peer until no port is left, then starts a service. Arguments: the peer's port, the service's."""
import errno
import socket
import sys

peer, service = map(int, sys.argv[1:])
crowd = []
while True:
    sock = socket.socket()
    try:
        sock.connect(("127.0.0.1", peer))
    except OSError as error:
        assert error.errno == errno.EADDRNOTAVAIL, error
        break
    crowd.append(sock)
try:
    # Without SO_REUSEADDR, with which it could share the port of a pinned client that is not listening.
    server = socket.socket()
    server.bind(("127.0.0.1", service))
    server.listen()
    outcome = "starts"
except OSError as error:
    assert error.errno == errno.EADDRINUSE, error
    outcome = "fails"
print(len(crowd), "and the service", outcome)
