"""Everything that the package offers, under the range 20000-20009."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
import threading

import portshim
import pytest

LOCAL = "127.0.0.1"


def any_port(kind=socket.SOCK_STREAM):
    with socket.socket(type=kind) as one:
        one.bind((LOCAL, 0))
        return one.getsockname()[1]


def named(port):
    with socket.socket() as one:
        one.bind((LOCAL, port))
        return port


def refused(call, *args):
    with pytest.raises(OSError) as error:
        call(*args)
    return errno.errorcode[error.value.errno]


@pytest.mark.portshim(exhausted="tcp")
def test_marked():
    assert refused(any_port) == "EADDRINUSE"
    assert 20000 <= any_port(socket.SOCK_DGRAM) <= 20009
    assert named(20003) == 20003


@pytest.mark.portshim(only=["20002", 20004], reserved=20002)
@pytest.mark.portshim(blocked="8120-8123/tcp")
def test_marked_twice():
    assert any_port() == 20004
    assert refused(named, 8123) == "EACCES"


@pytest.mark.portshim(only="20005-20009")
class TestInside:
    @pytest.mark.portshim(exhausted="tcp", leave=1)
    def test_one_of_those_is_left(self):
        with socket.create_server((LOCAL, 0)) as one:
            assert one.getsockname()[1] == 20005
            assert refused(any_port) == "EADDRINUSE"


@pytest.mark.portshim(exhausted=True, leave=2)
def test_some_are_left():
    held = [socket.create_server((LOCAL, 0)) for _ in range(2)]
    assert refused(any_port) == "EADDRINUSE"
    ports = portshim.ports()
    for told in (portshim.who(), portshim.who(20000, "20001/tcp")):
        assert [line for line in told.splitlines() if line.startswith("tcp4")] == [
            f"tcp4 {LOCAL}:{n} listening" for n in (20000, 20001)
        ]
    assert {(port.port, port.scope, port.pid) for port in ports} == {(n, "tcp4", os.getpid()) for n in (20000, 20001)}
    for one in held:
        one.close()


@pytest.fixture
def server():
    with socket.create_server((LOCAL, 0)) as one:
        yield one


@pytest.mark.portshim(exhausted="tcp")
def test_fixtures_come_first(server):
    assert refused(socket.create_connection, server.getsockname()) == "EADDRNOTAVAIL"


@pytest.mark.asyncio
@pytest.mark.portshim(exhausted="tcp")
async def test_asyncio(server):
    with pytest.raises(OSError):
        await asyncio.open_connection(*server.getsockname())


@portshim.exhausted("tcp")
async def fetch(address):
    await asyncio.sleep(0)
    return refused(any_port), address


@pytest.mark.asyncio
async def test_a_coroutine_is_decorated():
    assert await fetch(address=1) == ("EADDRINUSE", 1)
    async with portshim.exhausted("tcp"):
        assert refused(any_port) == "EADDRINUSE"
    assert any_port()


@portshim.only(20007)
def test_decorated():
    assert any_port() == 20007


def test_blocks_lie_in_each_other(portshim):
    with portshim.only("20001-20003"), portshim.reserved(20001, 20002):
        assert any_port() == 20003
        with portshim.exhausted():
            assert refused(any_port) == "EADDRINUSE"
        assert any_port() == 20003
    assert portshim.loaded()
    assert "20001" in portshim.who(20001) and "process" not in portshim.who(20001)


def test_it_is_released_however_it_ends():
    for _ in range(20):
        with pytest.raises(KeyError), portshim.exhausted():
            raise KeyError
    again = portshim.exhausted()
    for _ in range(2):
        with again:
            assert refused(any_port) == "EADDRINUSE"
        assert any_port()


def test_children_and_threads_have_none_either():
    ask = "import socket; socket.socket().bind(('127.0.0.1', 0))"
    with portshim.exhausted():
        assert subprocess.run([sys.executable, "-c", ask], stderr=subprocess.DEVNULL).returncode == 1
        found = []
        thread = threading.Thread(target=lambda: found.append(refused(any_port)))
        thread.start()
        thread.join()
        child = os.fork()
        if child == 0:
            # A child leaves the block, and releases nothing of its parent's.
            os._exit(0 if refused(any_port) == "EADDRINUSE" else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert found == ["EADDRINUSE"]
    assert subprocess.run([sys.executable, "-c", ask]).returncode == 0


def test_a_whole_session():
    ask = "import socket, sys; sys.stdin.read(1); socket.socket().bind(('127.0.0.1', 0))"
    with portshim.exhausted(session=True):
        assert "exhausted 1-65535" in portshim.status()
        assert subprocess.run([sys.executable, "-c", ask], input=b"!", stderr=subprocess.DEVNULL).returncode == 1


def test_slips():
    for call, *args in [
        (portshim.exhausted, "sctp"),
        (portshim.only,),
        (portshim.only, "20000-"),
        (portshim.only, "20009-20000"),
        (portshim.reserved, "0"),
        (portshim.blocked, 65536),
        (portshim.blocked, "80/"),
        (portshim.blocked, "80/sctp"),
    ]:
        with pytest.raises(ValueError):
            call(*args)
    with pytest.raises(ValueError), portshim.exhausted(leave=129):
        pass
    with pytest.raises(portshim.Error, match="the policy hands out none of these ports"), portshim.only(30000):
        pass
    with socket.create_server((LOCAL, 8123)):
        with pytest.raises(portshim.Error, match="a socket is bound"), portshim.blocked(8120, 8123):
            pass
        with portshim.blocked(8120):
            assert refused(named, 8120) == "EACCES"
    assert named(8120)
