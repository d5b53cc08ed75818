"""Tests of which every other has no port, to be run side by side."""

import socket
import time

import pytest


def any_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))


def often():
    for _ in range(20):
        yield
        time.sleep(0.005)


@pytest.mark.parametrize("number", range(16))
def test_there_is_a_port(number):
    for _ in often():
        any_port()


@pytest.mark.parametrize("number", range(16))
@pytest.mark.portshim(exhausted="tcp")
def test_there_is_none(number):
    for _ in often():
        with pytest.raises(OSError):
            any_port()
