"""A second connection from the policy's one port, while the host has no UDP port left, or the process no descriptor."""
import resource
import socket
import sys

servers = [socket.create_server(("127.0.0.1", 7001 + n)) for n in range(2)]
one = socket.create_connection(("127.0.0.1", 7001))
if sys.argv[1] == "udp":
    held = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(10)]
    for n, sock in enumerate(held):
        sock.bind(("", 40000 + n))
two = socket.socket()
before = resource.getrlimit(resource.RLIMIT_NOFILE)
if sys.argv[1] == "descriptors":
    resource.setrlimit(resource.RLIMIT_NOFILE, (two.fileno() + 1, before[1]))
before = resource.getrlimit(resource.RLIMIT_NOFILE)
two.connect(("127.0.0.1", 7002))
print(two.getsockname()[1], resource.getrlimit(resource.RLIMIT_NOFILE) == before)
