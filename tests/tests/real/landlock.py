"""Confines itself by Landlock, and goes on as another program. Arguments: how (`files`: it may read all and change
nothing; `net`: it may bind no TCP port, and connect to one), that port, and the program with its arguments."""
import ctypes
import os
import struct
import sys

CREATE, ADD, RESTRICT = 444, 445, 446
CHANGES = sum(1 << bit for bit in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12))  # write, remove, make
BIND_TCP, CONNECT_TCP = 1, 2
RULE_NET_PORT = 2
PR_SET_NO_NEW_PRIVS = 38

libc = ctypes.CDLL(None, use_errno=True)


def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}: {os.strerror(ctypes.get_errno())}")
    return result


how, port, *command = sys.argv[1:]
files, net = (CHANGES, 0) if how == "files" else (0, BIND_TCP | CONNECT_TCP)
handled = struct.pack("QQ", files, net)
rules = call(CREATE, handled, ctypes.c_size_t(len(handled)), 0)
if net:
    call(ADD, rules, RULE_NET_PORT, struct.pack("QQ", CONNECT_TCP, int(port)), 0)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
    raise OSError(ctypes.get_errno(), "prctl")
call(RESTRICT, rules, 0)
os.execvp(command[0], command)
