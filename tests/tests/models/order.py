"""Binds to port 0 in each scope, as often as each argument says, and prints the ports: of each scope in a line."""
import errno
import socket
import sys

FAMILIES = {"4": (socket.AF_INET, "127.0.0.1"), "6": (socket.AF_INET6, "::1")}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}

for argument in sys.argv[1:]:
    scope, most = argument.split("=")
    family, address = FAMILIES[scope[3]]
    held, end = [], ""
    while len(held) < int(most):
        sock = socket.socket(family, KINDS[scope[:3]])
        try:
            sock.bind((address, 0))
        except OSError as error:
            end = " " + errno.errorcode[error.errno]
            break
        held.append(sock)
    ports = [sock.getsockname()[1] for sock in held]
    shown = " ".join(map(str, ports)) if len(ports) < 10 else f"{len(ports)}: {min(ports)}-{max(ports)}"
    print(f"{scope} {shown}{end}")
