"""Does as it is told, line by line, and says what became of it: the port, or the error's name.

    tcp 0     a listening socket at 127.0.0.1; also tcp6 (at ::, both families), udp, udplite, mptcp
    bound 0   TCP, bound and nothing else
    wait      a connection of its own to its last listener, closed: TIME_WAIT
    fork      a child that holds the same sockets; its process number
    own reserve 1030 1039   a child that reserves (or blocks) these ports; its process number
    mine reserve 1030 1039   the same by itself
    unshare   a child in a network of its own, with one UDP socket on port 0; its process number
    spawn     another program, which gets the last socket as its standard input; its exit status
    go on     another thread goes on, and the first one ends
    close     closes every socket
"""

import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import threading

KINDS = {
    "tcp": (socket.AF_INET, socket.SOCK_STREAM, 0),
    "bound": (socket.AF_INET, socket.SOCK_STREAM, 0),
    "mptcp": (socket.AF_INET, socket.SOCK_STREAM, 262),
    "tcp6": (socket.AF_INET6, socket.SOCK_STREAM, 0),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM, 0),
    "udplite": (socket.AF_INET, socket.SOCK_DGRAM, 136),
}
CLONE_NEWNET = 0x40000000
held = []


def bind(kind, port):
    one = socket.socket(*KINDS[kind])
    try:
        one.bind(("::" if kind == "tcp6" else "127.0.0.1", int(port)))
        if kind in ("tcp", "tcp6", "mptcp"):
            one.listen()
    except OSError as e:
        return errno.errorcode[e.errno]
    held.append(one)
    return one.getsockname()[1]


def wait():
    client = socket.create_connection(held[-1].getsockname())
    server, _ = held[-1].accept()
    port = client.getsockname()[1]
    client.close()
    server.close()
    return port


def enter(act, first, last):
    return getattr(ctypes.CDLL(None), "portshim_" + act)(int(first), int(last), 15)


def child(work, *args):
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        if work == "own":
            assert enter(*args) >= 0, args
        elif work == "unshare":
            assert ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0, ctypes.get_errno()
            held.clear()
            bind("udp", 0)
        os.write(tell, b"!")
        signal.pause()
    os.read(ready, 1)
    return pid


def go_on():
    while open("/proc/self/stat").read().rsplit(")", 1)[1].split()[0] != "Z":
        pass
    print("gone", flush=True)
    serve()


def serve():
    for line in sys.stdin:
        obey(line.split())


def obey(words):
    if words[0] == "wait":
        said = wait()
    elif words[0] == "spawn":
        said = subprocess.run(["true"], stdin=held[-1]).returncode
    elif words[0] == "mine":
        said = enter(*words[1:])
    elif words[0] == "go":
        threading.Thread(target=go_on).start()
        ctypes.CDLL(None).pthread_exit(None)
    elif words[0] in ("fork", "own", "unshare"):
        said = child(*words)
    elif words[0] == "close":
        while held:
            held.pop().close()
        said = "closed"
    else:
        said = bind(*words)
    print(said, flush=True)


serve()
