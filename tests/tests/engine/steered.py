"""Binds sockets of every kind to any port, and tells which one they show: of those that get one, of those that get none,
and once in another network and once more where this one's range has changed. There, with the argument "sends", the
first that get one do so by a send."""
import ctypes
import mmap
import os
import socket
import struct
import subprocess
import sys

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


def sent(what):
    """First sends, of each family twice: the second from where an address was read before."""
    for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
        for _ in range(2):
            it = made(family, DATAGRAM)
            try:
                it.sendto(b"", (address, 9))
            except OSError:
                pass
            print(what, it.getsockname()[1], flush=True)


def both(what):
    for one in (sent, each) if sys.argv[1] == "sends" else (each, sent):
        one(what)


def unreadable():
    """First sends to an address that cannot be read: where none was read before, and where one was."""
    size, length = mmap.PAGESIZE, 16
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.sendto.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint]
    at = libc.mmap(None, 2 * size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    ctypes.memmove(at, struct.pack("=HH4s8x", socket.AF_INET, socket.htons(9), bytes([127, 0, 0, 1])), length)

    def send(what, to):
        it = made(socket.AF_INET, DATAGRAM)
        done = libc.sendto(it.fileno(), b"", 0, 0, to, length)
        print("error", 0 if done >= 0 else ctypes.get_errno(), flush=True)
        print(what, it.getsockname()[1], flush=True)

    send("here", at)
    libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(2 * size))
    send("none", at + size)
    send("none", 8)
    send("stale", at)


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
sent("here")
unreadable()
gone("here")
tell("foreign", made(socket.AF_INET, STREAM), "192.0.2.1")
twice = tell("here", made(socket.AF_INET, STREAM), "")
tell("again", twice, "")
if os.fork() == 0:
    assert libc.unshare(CLONE_NEWNET) == 0
    limit(20000, 20999)
    both("elsewhere")
    os._exit(0)
os.wait()
limit(20000, 20999)
both("changed")
gone("changed")
