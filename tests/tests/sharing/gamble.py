"""Processes that connect to the same two peers from the same few ports, all at once, and are killed in the midst of it.
Whoever is told that no port is left has an unbound socket: one that was bound by number, and then refused by the kernel
because its 4-tuple exists, could never be used again. Says how many connections there were (some, none), and how many
sockets were lost so."""
import errno
import mmap
import os
import random
import signal
import socket
import struct
import sys
import threading
import time

WORKERS, THREADS, ROUNDS, CONNECTS = 4, 3, int(sys.argv[1]), 400
PEERS = [socket.create_server(("127.0.0.1", 7001 + n), backlog=4096) for n in range(2)]
# Two counters of each thread of each process of each round: nobody else writes there.
COUNTS = mmap.mmap(-1, 16 * WORKERS * THREADS * ROUNDS)


def accept(peer):
    while True:
        conn, _ = peer.accept()
        # Ends connections of the killed without TIME_WAIT.
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conn.close()


def work(place, seed):
    draw = random.Random(seed)
    made = lost = 0
    for _ in range(CONNECTS):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            sock.connect(("127.0.0.1", 7001 + draw.randrange(2)))
            made += 1
        except OSError as error:
            lost += error.errno == errno.EADDRNOTAVAIL and sock.getsockname()[1] != 0
        if draw.randrange(3):
            sock.close()
        struct.pack_into("qq", COUNTS, 16 * place, made, lost)


def worker(first, seed):
    threads = [threading.Thread(target=work, args=(first + n, seed + n)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(0)


for peer in PEERS:
    threading.Thread(target=accept, args=(peer,), daemon=True).start()
for turn in range(ROUNDS):
    children = []
    for n in range(WORKERS):
        pid = os.fork()
        if pid == 0:
            worker((turn * WORKERS + n) * THREADS, (turn * WORKERS + n) * 1000)
        children.append(pid)
    time.sleep(random.uniform(0.02, 0.2))
    for child in children[: WORKERS // 2]:
        os.kill(child, signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)
counts = struct.unpack(f"{2 * WORKERS * THREADS * ROUNDS}q", COUNTS[:])
print("some" if sum(counts[::2]) > 0 else "none", "connections,", sum(counts[1::2]), "lost")
if len(sys.argv) > 2:
    print(sum(counts[::2]))
