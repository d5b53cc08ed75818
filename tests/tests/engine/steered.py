"""Binds sockets of every kind to any port, and tells which one they show: of those that get one, of those that get none,
and once in another network and once more where this one's range has changed."""
import ctypes
import os
import socket
import subprocess

CLONE_NEWNET = 0x40000000
IP_BIND_ADDRESS_NO_PORT = 24
RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
# An option of each kind that a socket loses when it is disconnected.
SOME = {STREAM: (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1200), DATAGRAM: (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")}
WHOLE = {STREAM: (), DATAGRAM: (16,)}
libc = ctypes.CDLL(None, use_errno=True)


def made(family, kind, protocol=0, only=False):
    it = socket.socket(family, kind, protocol)
    if only:
        it.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    return it


def tell(what, it, address):
    try:
        it.bind((address, 0))
        print(what, it.getsockname()[1], flush=True)
    except OSError as error:
        print(what, -error.errno, flush=True)
    return it


def each(what):
    for family, address in (socket.AF_INET, ""), (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::"):
        for kind in STREAM, DATAGRAM:
            it = made(family, kind)
            *option, value = SOME[kind]
            it.setsockopt(*option, value)
            tell(what, it, address)
            print("kept", int(it.getsockopt(*option, *WHOLE[kind]) == value), flush=True)


def gone(what):
    """A first send from an address that the host has no more: the kernel chooses a port all the same."""
    subprocess.run(["ip", "address", "add", "10.9.9.9/32", "dev", "lo"], check=True)
    it = made(socket.AF_INET, DATAGRAM, only=True)
    it.bind(("10.9.9.9", 0))
    subprocess.run(["ip", "address", "del", "10.9.9.9/32", "dev", "lo"], check=True)
    try:
        it.sendto(b"", ("127.0.0.1", 9))
    except OSError:
        pass
    print(what, it.getsockname()[1], flush=True)


def disconnect(it):
    nowhere = (ctypes.c_ubyte * 16)()
    assert libc.connect(it.fileno(), nowhere, len(nowhere)) == 0



def limit(first, last):
    with open(RANGE, "w") as of_it:
        of_it.write(f"{first} {last}")


each("here")
tell("none", made(socket.AF_INET, STREAM, only=True), "127.0.0.1")
late = tell("none", made(socket.AF_INET, DATAGRAM, only=True), "127.0.0.1")
late.sendto(b"", ("127.0.0.1", 9))
print("here", late.getsockname()[1], flush=True)
tell("raw", made(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP), "127.0.0.1")
raw = made(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.connect(("127.0.0.1", 0))
disconnect(raw)
print("raw", raw.getsockname()[1], flush=True)
raw.sendto(bytes(20), ("127.0.0.1", 0))
gone("here")
tell("foreign", made(socket.AF_INET, STREAM), "192.0.2.1")
twice = tell("here", made(socket.AF_INET, STREAM), "")
tell("again", twice, "")
if os.fork() == 0:
    assert libc.unshare(CLONE_NEWNET) == 0
    limit(20000, 20999)
    each("elsewhere")
    os._exit(0)
os.wait()
limit(20000, 20999)
each("changed")
gone("changed")
