"""Takes privileged ports by rresvport, then by bindresvport, until there are none left, and tells of their order."""
import ctypes
import errno
import os
import resource
import socket

LIBC = ctypes.CDLL(None, use_errno=True)


class Address(ctypes.Structure):
    """sockaddr_in."""

    _fields_ = [("family", ctypes.c_ushort), ("port", ctypes.c_ushort), ("rest", ctypes.c_ubyte * 12)]


def rresvport():
    """As UNIX programs do: each search begins below the port that was found."""
    ports, next_port = [], ctypes.c_int(1023)
    while LIBC.rresvport(ctypes.byref(next_port)) >= 0:
        ports.append(next_port.value)
        next_port.value -= 1
    return ports


def bindresvport():
    ports, held = [], []
    while True:
        sock = socket.socket(type=socket.SOCK_DGRAM)
        address = Address(family=socket.AF_INET)
        if LIBC.bindresvport(sock.fileno(), ctypes.byref(address)) < 0:
            return ports
        held.append(sock)
        ports.append(socket.ntohs(address.port))


def way(ports):
    """In which order: from the highest downwards, or first from 600 and the process number upwards, wrapping to 600."""
    steps = {after - before for before, after in zip(ports, ports[1:])}
    if ports[0] == 1023 and steps == {-1}:
        return "down"
    begin = os.getpid() % 424
    if ports[:424] == [600 + (begin + n) % 424 for n in range(424)] and max(ports[424:]) < 600:
        return "up from the process number"
    return f"in no order: {ports}"


# A user's own limit may be below the number of ports.
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
for name, search in [("rresvport", rresvport), ("bindresvport", bindresvport)]:
    found = search()
    error = errno.errorcode[ctypes.get_errno()]
    print(f"{name} {len(set(found))}: {min(found)}-{max(found)} {way(found)}, then {error}")
