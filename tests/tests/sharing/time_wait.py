"""Ten ports: of nine, the connection to one peer rests in TIME_WAIT; the tenth is connected to another peer. Says from which
port the next connection to the first peer is made, and what becomes of the one after it, for which there is but TIME_WAIT."""
import errno
import socket
import time

IP_LOCAL_PORT_RANGE = 51


def connect(port, to):
    sock = socket.socket()
    if port:
        sock.setsockopt(socket.SOL_IP, IP_LOCAL_PORT_RANGE, port | port << 16)
    try:
        sock.connect(("127.0.0.1", to))
    except OSError as error:
        return sock, errno.errorcode[error.errno] + (" and lost" if sock.getsockname()[1] else "")
    return sock, sock.getsockname()[1]


one, two = (socket.create_server(("127.0.0.1", port), backlog=50) for port in (7001, 7002))
held = connect(20009, 7002)
resting = [(connect(20000 + n, 7001)[0], one.accept()[0]) for n in range(9)]
for near, _ in resting:
    near.close()
time.sleep(0.1)
for _, far in resting:
    far.close()
time.sleep(1.3)
first, told = connect(0, 7001)
print(told)
second, told = connect(0, 7001)
print("from TIME_WAIT" if told in range(20000, 20009) else told)
