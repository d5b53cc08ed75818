"""Makes sockets as another user, and with the argument `network` in another network, too. Tells the port of each, and
whose it is."""
import ctypes
import os
import socket
import sys
import threading

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def tell(who):
    made = socket.socket()
    made.bind(("", 0))
    of = os.fstat(made.fileno())
    print(who, made.getsockname()[1], of.st_uid, of.st_gid, flush=True)


def as_another_user():
    os.setresgid(7, 7, 7)
    os.setresuid(8, 8, 8)
    tell("user")


def in_another_network():
    assert libc.unshare(CLONE_NEWNET) == 0
    # Where the kernel chooses, it shows.
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as of_it:
        of_it.write("30000 40999")
    tell("network")


tell("first")
moves = sys.argv[1:] == ["network"]
for what in (as_another_user, in_another_network) if moves else (as_another_user,):
    if os.fork() == 0:
        what()
        os._exit(0)
    os.wait()
# One thread alone moves.
if moves:
    thread = threading.Thread(target=in_another_network)
    thread.start()
    thread.join()
tell("last")
