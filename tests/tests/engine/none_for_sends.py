"""Takes two ports, and sends from sockets that find none then: tells the error, and the address that each shows. Then
lets go of one port, and sends once more from each."""
import ctypes
import mmap
import socket
import struct

IP_BIND_ADDRESS_NO_PORT = 24
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.sendto.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint]
LENGTH = 16


def page():
    at = libc.mmap(None, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    ctypes.memmove(at, struct.pack("=HH4s8x", socket.AF_INET, socket.htons(9), bytes([127, 0, 0, 1])), LENGTH)
    return at


def made(address):
    it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if address:
        it.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        it.bind((address, 0))
    return it


def send(it, to):
    done = libc.sendto(it.fileno(), b"", 0, 0, to, LENGTH)
    address, port = it.getsockname()
    print(0 if done >= 0 else ctypes.get_errno(), address, port != 0, flush=True)


good, bad = page(), page()
taken = [made(None), made(None)]
send(taken[0], good)
send(taken[1], bad)
libc.munmap(ctypes.c_void_p(bad), ctypes.c_size_t(mmap.PAGESIZE))
waiting = [made(None), made("127.0.0.1"), made("127.0.0.2")]
for it in waiting:
    send(it, good)
    send(it, bad)
    send(it, 8)
taken.pop().close()
for it in waiting:
    send(it, good)
    it.close()
