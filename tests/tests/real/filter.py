"""A seccomp filter as systemd makes them of a unit's settings. Arguments: which one (`services`, `families` or both,
with a + between them), and either `to FILE`, for who installs it before the program starts, or `then SCRIPT ARG...`,
which installs it here and goes on as that script."""
import errno
import os
import runpy
import socket
import subprocess
import sys

import seccomp


def of_a_set(name):
    """The system calls of a set of systemd's, and of the sets in it."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    for line in said.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            yield from of_a_set(word)
        elif word and not word.startswith("#"):
            yield word


def only_services(filters):
    """SystemCallFilter=@system-service, and the end of who goes beyond it."""
    filters.append(seccomp.SyscallFilter(seccomp.KILL_PROCESS))
    for name in sorted(set(of_a_set("@system-service"))):
        try:
            filters[-1].add_rule(seccomp.ALLOW, name)
        except (OSError, RuntimeError, ValueError):
            continue  # a system call of another architecture


def only_families(filters):
    """RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"""
    filters.append(seccomp.SyscallFilter(seccomp.ALLOW))
    others = [family for family in range(46) if family not in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)]
    for family in others:
        filters[-1].add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.EQ, family))


which, what, *rest = sys.argv[1:]
filters = []
if "families" in which:
    only_families(filters)
if "services" in which:
    only_services(filters)
if what == "to":
    for number, one in enumerate(filters):
        with open(rest[0] + str(number), "wb") as file:
            one.export_bpf(file)
elif what == "then":
    for one in filters:
        one.load()
    sys.argv = rest
    runpy.run_path(rest[0], run_name="__main__")
