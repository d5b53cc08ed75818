"""Serves on a port of the policy, and connects to itself until there is no port left; then twice more."""
import errno
import socket

server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(100)
held, failed = [], []
while len(failed) < 3:
    client = socket.socket()
    try:
        client.connect(server.getsockname())
        held.append(client)
    except OSError as error:
        failed.append(f"{errno.errorcode[error.errno]} {client.getsockname()[1]}")
print(len(held), *failed, sep=", ")
