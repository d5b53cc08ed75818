"""Takes ports by `bind`, or by `connect` to several destinations in turn, until there are none left, and says how many it
got, the first and the last, and what it was told then. Then gives one back and asks again.

A process may hold fewer descriptors than there are ports, so it forks until one of its processes is told that none are left.
"""
import errno
import os
import resource
import socket
import sys

HOW, DESTINATIONS = sys.argv[1], int(sys.argv[2])
# Below the ports of any model. Each may have as many connections that nobody has accepted as the system lets wait: 4096.
LISTENERS = []


def listen():
    for number in range(DESTINATIONS):
        sock = socket.socket()
        sock.bind(("127.0.0.1", 901 + number))
        sock.listen(4096)
        LISTENERS.append(sock)


def one(number):
    sock = socket.socket()
    try:
        if HOW == "bind":
            sock.bind(("127.0.0.1", 0))
        else:
            sock.connect(LISTENERS[number % DESTINATIONS].getsockname())
    except OSError as error:
        sock.close()
        return errno.errorcode[error.errno]
    return sock


def take(most, begun):
    """Up to `most` sockets, and why there are no more."""
    held = []
    while len(held) < most:
        sock = one(begun + len(held))
        if isinstance(sock, str):
            return held, sock
        held.append(sock)
    return held, ""


def in_child(most, begun, ours):
    """What a child has: the ports, and why there are no more. It holds them as long as we are here."""
    reading, writing = os.pipe()
    waiting, going = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        os.close(going)
        for sock in ours:
            sock.close()
        held, why = take(most, begun)
        ports = " ".join(str(sock.getsockname()[1]) for sock in held)
        with os.fdopen(writing, "w") as told:
            told.write(why + "\n" + ports)
        os.read(waiting, 1)
        os._exit(0)
    os.close(writing)
    os.close(waiting)
    with os.fdopen(reading) as told:
        why, ports = told.read().split("\n")
    return [int(port) for port in ports.split()], why


def state(port):
    """The kernel's words for the states of what has a port and a peer: 06 is TIME_WAIT."""
    with open("/proc/self/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return [row[3] for row in rows if row[1].endswith(f":{port:04X}") and not row[2].endswith(":0000")]


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = min(hard, 20000) - DESTINATIONS - 100
    if HOW == "connect":
        listen()
    held, why = take(most, 0)
    ports = [sock.getsockname()[1] for sock in held]
    while not why:
        more, why = in_child(most, len(ports), held)
        ports += more
    print(f"{len(ports)} ports, {len(set(ports))} different, {min(ports)} to {max(ports)}, then {why}")

    gone = held.pop(0)
    port = gone.getsockname()[1]
    gone.close()
    if HOW == "connect":
        # The first connection of the first listener: it closes after the client did, who is left in TIME_WAIT.
        server, _ = LISTENERS[0].accept()
        assert server.recv(1) == b""
        server.close()
        assert "06" in state(port), state(port)
    again = one(1)
    print("given back, and then", again if isinstance(again, str) else f"the same: {again.getsockname()[1] == port}")


main()
