"""Runs out of ports for some, in a session whose policy has all of the host's, and says whether a
socket that has been made then finds one after others have. The arguments: portshim's command."""

import errno
import socket
import subprocess
import sys

PORTSHIM = sys.argv[1]


def bound(one):
    try:
        one.bind(("", 0))
        return "bound"
    except OSError as error:
        return errno.errorcode[error.errno]


def portshim(*words):
    subprocess.run([PORTSHIM, *words], check=True, capture_output=True)


def one_family():
    portshim("exhaust", "tcp6")
    before = socket.socket(socket.AF_INET6)
    answers = bound(socket.socket()), bound(before)
    portshim("release")
    return answers


def one_process():
    other = subprocess.Popen([sys.executable, __file__, PORTSHIM, "other"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"begun\n"
    portshim("exhaust", "--process", str(other.pid))
    other.stdin.write(b"make\n")
    other.stdin.flush()
    assert other.stdout.readline() == b"made\n"
    mine = bound(socket.socket())
    answer = other.communicate()[0].decode().strip()
    assert other.returncode == 0
    return mine, answer


if len(sys.argv) > 2:
    print("begun", flush=True)
    sys.stdin.readline()
    before = socket.socket()
    print("made", flush=True)
    sys.stdin.read()
    print(bound(before))
else:
    print(*one_family())
    print(*one_process())
    # What another process alone has not is no reason to hold one.
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        portshim("reserve", "--process", str(sleeper.pid), "41009/tcp")
        held = [socket.socket() for _ in range(11)]
        print(*(bound(one) for one in held))
        sleeper.kill()
