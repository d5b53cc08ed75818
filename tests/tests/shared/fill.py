"""Connects to three peers from each port of the policy.

`fill COUNT` goes on until there is none left, gives some back, and says what it gets then; in the end it is killed with
all of them held. `churn COUNT TIMES` connects as often as there are ports, and then, so many times, closes a connection
to make another to the same peer; it ends without closing any."""
import errno
import os
import random
import signal
import socket
import struct
import sys

COUNT = int(sys.argv[2])
PEERS = [socket.create_server(("127.0.0.1", 7001 + n), backlog=4096) for n in range(3)]


def connected(peer):
    sock = socket.socket()
    # Without TIME_WAIT, so that its end gives the port back at once.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.connect(peer.getsockname())
    return sock


def drain(peer):
    held = []
    while True:
        try:
            held.append(connected(peer))
        except OSError as error:
            return held, errno.errorcode[error.errno]


def ports(sockets):
    return {sock.getsockname()[1] for sock in sockets}


def fill():
    kept = []
    for peer in PEERS:
        held, last = drain(peer)
        print(len(ports(held)), last)
        kept.append(held)
    for peer, held in zip(PEERS, kept):
        back = [held.pop(COUNT // 2), held.pop(3)]
        given = ports(back)
        for sock in back:
            sock.close()
        again, last = drain(peer)
        print(given == ports(again), last)
        held.extend(again)
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def churn(times):
    kept = [[connected(peer) for _ in range(COUNT)] for peer in PEERS]
    draw = random.Random(1)
    for _ in range(times):
        which = draw.randrange(len(PEERS))
        kept[which].pop(draw.randrange(COUNT)).close()
        kept[which].append(connected(PEERS[which]))
    print([len(ports(held)) for held in kept])
    sys.stdout.flush()
    os._exit(0)


fill() if sys.argv[1] == "fill" else churn(int(sys.argv[3]))
