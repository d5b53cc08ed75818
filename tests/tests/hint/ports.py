"""Takes every port, gives some back, and says what it gets then; in the end it is killed with all of them held."""
import errno
import os
import signal
import socket
import sys

kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
count = int(sys.argv[2])


def take():
    sock = socket.socket(type=kind)
    try:
        sock.bind(("127.0.0.1", 0))
    except OSError as error:
        return errno.errorcode[error.errno]
    return sock


def drain():
    held = []
    while not isinstance(last := take(), str):
        held.append(last)
    return held, last


held, last = drain()
print(len({sock.getsockname()[1] for sock in held}), last)
back = [held.pop(count // 2), held.pop(3)]
given = {sock.getsockname()[1] for sock in back}
for sock in back:
    sock.close()
again, last = drain()
print(given == {sock.getsockname()[1] for sock in again}, last)
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
