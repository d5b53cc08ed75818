"""Asks for any port, and again each time that it is told to go on (kill -CONT)."""

import errno
import signal
import socket


def ask():
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", 0))
            print("got port", one.getsockname()[1], flush=True)
        except OSError as error:
            print("no port:", errno.errorcode[error.errno], flush=True)


signal.signal(signal.SIGCONT, lambda *_: ask())
ask()
while True:
    signal.pause()
