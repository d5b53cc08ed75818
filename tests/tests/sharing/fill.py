"""Connects to two peers, as often as there are ports."""
import errno
import socket

servers = [socket.create_server(("127.0.0.1", 7001 + n), backlog=50) for n in range(2)]
held = []
for server in servers:
    count = len(held)
    try:
        while True:
            held.append(socket.create_connection(server.getsockname()))
    except OSError as error:
        print(len(held) - count, errno.errorcode[error.errno])
