"""Asks for any port until there is none left, then for some by number. Arguments: the ports to ask for."""
import errno
import socket
import sys

for name, family, kind, address in [
    ("tcp4", socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1"),
    ("tcp6", socket.AF_INET6, socket.SOCK_STREAM, "::1"),
    ("udp4", socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1"),
    ("udp6", socket.AF_INET6, socket.SOCK_DGRAM, "::1"),
]:
    held, ports = [], set()
    while True:
        sock = socket.socket(family, kind)
        try:
            sock.bind((address, 0))
        except OSError as error:
            assert error.errno == errno.EADDRINUSE, error
            break
        held.append(sock)
        ports.add(sock.getsockname()[1] % 10)
    named = []
    for port in sys.argv[1:]:
        sock = socket.socket(family, kind)
        try:
            sock.bind((address, int(port)))
            held.append(sock)
            named.append("ok")
        except OSError as error:
            named.append(errno.errorcode[error.errno])
    print(name, "".join(map(str, sorted(ports))), *named)
