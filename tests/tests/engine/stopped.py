"""Stops children while they become another program, each a little later than the one before."""

import os
import signal
import time

CHILDREN = 60
STEP = 40e-6


def state(child):
    with open(f"/proc/{child}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def begin(delay):
    ready, tells = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tells, b".")
        os.execv("/bin/busybox", ["busybox", "sleep", "60"])
    os.read(ready, 1)
    os.close(ready)
    os.close(tells)
    end = time.perf_counter() + delay
    while time.perf_counter() < end:
        pass
    os.kill(child, signal.SIGSTOP)
    return child


def is_inside(child):
    with open(f"/proc/{child}/maps") as maps:
        return "7e9a00000000-" in maps.read()


children = [begin(at * STEP) for at in range(CHILDREN)]
end = time.monotonic() + 5
while any(state(child) != "T" for child in children) and time.monotonic() < end:
    time.sleep(0.01)
# Who has stopped in the eyes of a tracer alone goes on soon.
time.sleep(0.1)
stopped = sum(state(child) == "T" for child in children)
inside = sum(is_inside(child) for child in children)
for child in children:
    os.kill(child, signal.SIGCONT)
going = sum(state(child) != "T" for child in children)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(f"{stopped} of {CHILDREN} stopped, {going} went on; {inside} have a guest")
