"""Connects from any port until none is left, and closes each connection first; with `reset`, by a reset."""

import errno
import socket
import struct
import sys

server = socket.create_server(("127.0.0.1", 8001))
clients, accepted = [], []
try:
    while True:
        client = socket.socket()
        client.bind(("127.0.0.1", 0))
        client.connect(server.getsockname())
        clients.append(client)
        accepted.append(server.accept()[0])
except OSError as error:
    print(f"{len(clients)} connections, then: {errno.errorcode[error.errno]}")
for client in clients:
    if "reset" in sys.argv:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
