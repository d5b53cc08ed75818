"""Runs a command that may have sockets of AF_UNIX, AF_INET and AF_INET6 alone, as systemd's RestrictAddressFamilies= has it:
all others are EAFNOSUPPORT."""
import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
# The call's number, and the low half of its first argument (struct seccomp_data).
NUMBER, FAMILY = 0, 16

program = [
    (LOAD, 0, 0, NUMBER),
    (EQUALS, 0, 5, SOCKET),
    (LOAD, 0, 0, FAMILY),
    (EQUALS, 3, 0, 1),
    (EQUALS, 2, 0, 2),
    (EQUALS, 1, 0, 10),
    (RETURN, 0, 0, ERRNO | errno.EAFNOSUPPORT),
    (RETURN, 0, 0, ALLOW),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
whole = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, whole, 0, 0):
    raise OSError(ctypes.get_errno(), "the filter is refused")
os.execvp(sys.argv[1], sys.argv[1:])
