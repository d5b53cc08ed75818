"""Uses up a policy of ten ports in each way there is, and prints what each attempt came to."""
import errno
import socket

HELD = []


def attempt(what):
    try:
        sock = what()
    except OSError as error:
        return errno.errorcode[error.errno]
    HELD.append(sock)
    return "ok"


def bound(kind):
    sock = socket.socket(type=kind)
    sock.bind(("127.0.0.1", 0))
    return sock


def connected(port):
    sock = socket.socket()
    sock.connect(("127.0.0.1", port))
    return sock


def sent():
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.sendto(b"x", ("127.0.0.1", 9))
    return sock


def listening(port):
    sock = socket.socket()
    sock.bind(("127.0.0.1", port))
    sock.listen(64)
    return sock


def tell(what, outcomes):
    runs = []
    for outcome in outcomes:
        if runs and runs[-1][1] == outcome:
            runs[-1][0] += 1
        else:
            runs.append([1, outcome])
    print(what + ":", ", ".join(f"{count} {outcome}" for count, outcome in runs))


SERVERS = [listening(7001), listening(7002)]
tell("udp bind", [attempt(lambda: bound(socket.SOCK_DGRAM)) for _ in range(11)])
tell("udp send", [attempt(sent)])
tell("tcp to one", [attempt(lambda: connected(7001)) for _ in range(11)])
tell("tcp to another", [attempt(lambda: connected(7002)) for _ in range(11)])
tell("tcp bind", [attempt(lambda: bound(socket.SOCK_STREAM))])
