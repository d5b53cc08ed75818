"""Asks for sockets of every kind, and tells what is not as on the bare kernel. Arguments: the first and the last port."""
import errno
import fcntl
import os
import resource
import socket
import sys

first, last = map(int, sys.argv[1:])
LOCAL_PORT_RANGE, MPTCP, UDPLITE = 51, 262, 136


def check(what, is_so):
    if not is_so:
        print("not so:", what)


def refused(make):
    try:
        make()
    except OSError as error:
        return errno.errorcode[error.errno]


# What socket(2) takes in the type is the descriptor's alone.
for flags in (0, socket.SOCK_CLOEXEC, socket.SOCK_NONBLOCK, socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK):
    made = socket.socket(socket.AF_INET6, socket.SOCK_STREAM | flags)
    # Python sets the flag itself on descriptors that it opens.
    check("nonblocking", bool(fcntl.fcntl(made, fcntl.F_GETFL) & os.O_NONBLOCK) == bool(flags & socket.SOCK_NONBLOCK))

for family in (socket.AF_INET, socket.AF_INET6):
    for kind, protocols in ((socket.SOCK_STREAM, (0, 6, MPTCP)), (socket.SOCK_DGRAM, (0, 17, UDPLITE))):
        for protocol in protocols:
            try:
                made = socket.socket(family, kind, protocol)
            except OSError as error:
                check(f"{protocol} is unknown", error.errno == errno.EPROTONOSUPPORT)
                continue
            made.bind(("", 0))
            check(f"{family} {kind} {protocol}: {made.getsockname()[1]}", first <= made.getsockname()[1] <= last)

# The kernel's own words for what there is not.
for arguments, error in (
    ((socket.AF_INET, socket.SOCK_STREAM, 17), "EPROTONOSUPPORT"),
    ((socket.AF_INET, socket.SOCK_SEQPACKET), "ESOCKTNOSUPPORT"),
    ((socket.AF_INET, socket.SOCK_STREAM | 0x100000), "EINVAL"),
):
    check(arguments, refused(lambda: socket.socket(*arguments)) == error)
# Sockets without ports are not ours.
for arguments in ((socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_NETLINK, socket.SOCK_RAW)):
    check(arguments, refused(lambda: socket.socket(*arguments)) is None)

made = socket.socket()
check("its own range", refused(lambda: made.setsockopt(0, LOCAL_PORT_RANGE, 0)) == "ENOPROTOOPT")
check("the range", made.getsockopt(0, LOCAL_PORT_RANGE) & 0xFFFFFFFF == last << 16 | first)
check("another option", refused(lambda: made.setsockopt(0, socket.IP_TTL, 9)) is None)

# As many descriptors as it may have, none of which is left at the supervisor.
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
many = []
check("too many", refused(lambda: [many.append(socket.socket()) for _ in range(64)]) == "EMFILE")
many.clear()
check("some again", refused(socket.socket) is None)

# A port is free as soon as its last descriptor is closed.
port = None
for _ in range(300):
    other, one = socket.socket(), socket.socket()
    one.bind(("127.0.0.1", port or 0))
    port = one.getsockname()[1]
    one.close()
    check("free at once", refused(lambda: other.bind(("127.0.0.1", port))) is None)
    other.close()

print("as on the bare kernel")
