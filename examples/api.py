"""Keeps ports for a server, and works the same without portshim, where nothing keeps others off them:
reserves those that its workers are going to bind, blocks those around its own listener, and says why
where it cannot. Then it runs what its arguments name, as a worker.

    portshim run --range 20000-20005 -- python3 examples/api.py python3 examples/drain.py
"""
import ctypes
import errno
import os
import socket
import subprocess
import sys

TCP, ALL = 3, 15  # PORTSHIM_TCP, PORTSHIM_ALL
RESERVE, BLOCK = 0, 1
WORKERS, OURS = (20000, 20003), (8440, 8443)

portshim = ctypes.CDLL(None, use_errno=True)


def keep(act, ports, scopes):
    """Reserves or blocks ports for as long as this process lives, and tells what became of it."""
    verb, call = [("reserve", portshim.portshim_reserve), ("block", portshim.portshim_block)][act]
    reason = "done"
    if call(*ports, scopes) < 0:
        error = ctypes.get_errno()
        reason = os.strerror(error)
        if error == errno.ERANGE:
            rule = ctypes.create_string_buffer(256)
            portshim.portshim_rule(act, rule, ctypes.c_size_t(len(rule)))
            reason = rule.value.decode()
    print("%s %d-%d: %s" % (verb, *ports, reason), flush=True)


if hasattr(portshim, "portshim_version"):
    keep(RESERVE, WORKERS, ALL)
    keep(BLOCK, OURS, TCP)
else:
    print("without portshim: nothing keeps others off our ports", flush=True)

with socket.create_server(("127.0.0.1", OURS[0])):
    print("listening on", OURS[0], flush=True)
    if sys.argv[1:]:
        sys.exit(subprocess.call(sys.argv[1:]))
