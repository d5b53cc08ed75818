"""Every way in which Python programs commonly come by a port. Arguments: an HTTP and a UDP peer."""
import asyncio
import http.server
import socket
import sys
import threading
import urllib.request

HTTP, UDP = int(sys.argv[1]), int(sys.argv[2])


def tell(sock):
    print("port", sock.getsockname()[1], flush=True)


def urls():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    tell(server.socket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for host in ("127.0.0.1:%d" % server.server_port, "127.0.0.1:%d" % HTTP, "[::1]:%d" % HTTP):
        with urllib.request.urlopen("http://%s/" % host) as answer:
            assert answer.status == 200
    server.shutdown()


async def echo(reader, writer):
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()


async def streams():
    server = await asyncio.start_server(echo, None, 0)
    families = {sock.family for sock in server.sockets}
    assert families == {socket.AF_INET, socket.AF_INET6}, families
    for sock in server.sockets:
        tell(sock)
        host = "127.0.0.1" if sock.family == socket.AF_INET else "::1"
        reader, writer = await asyncio.open_connection(host, sock.getsockname()[1])
        tell(writer.get_extra_info("socket"))
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        writer.close()
    server.close()


class Answer(asyncio.DatagramProtocol):
    def __init__(self):
        self.received = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, addr):
        if not self.received.done():
            self.received.set_result(data)


async def datagrams():
    for options in ({"local_addr": ("127.0.0.1", 0)}, {"remote_addr": ("127.0.0.1", UDP)}):
        transport, answer = await asyncio.get_running_loop().create_datagram_endpoint(Answer, **options)
        transport.sendto(b"hello", None if "remote_addr" in options else ("127.0.0.1", UDP))
        assert await answer.received == b"hello"
        tell(transport.get_extra_info("socket"))
        transport.close()


def sockets():
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::ffff:127.0.0.1")):
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"hello", (host, UDP))
            assert sock.recv(100) == b"hello"
            tell(sock)
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((host, UDP))
            sock.sendmsg([b"hel", b"lo"])
            assert sock.recv(100) == b"hello"
            tell(sock)
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.connect((host, HTTP))
            tell(sock)
    with socket.socket() as sock:
        sock.listen()
        tell(sock)
        with socket.create_connection(("127.0.0.1", sock.getsockname()[1])) as client:
            tell(client)
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as sock:
        tell(sock)


urls()
asyncio.run(streams())
asyncio.run(datagrams())
sockets()
