"""Takes UDP ports until there are none left, or as many as its argument says."""
import errno
import socket
import sys

limit = int(sys.argv[1]) if len(sys.argv) > 1 else 65536
held = []
while len(held) < limit:
    try:
        sock = socket.socket(type=socket.SOCK_DGRAM)
    except OSError as error:
        print("out of descriptors (ulimit -n):", errno.errorcode[error.errno])
        break
    try:
        sock.bind(("127.0.0.1", 0))
    except OSError as error:
        print("the next bind:", errno.errorcode[error.errno])
        break
    held.append(sock)
print(len(held), "ports:", *sorted(sock.getsockname()[1] for sock in held))
