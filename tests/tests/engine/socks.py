"""A SOCKS proxy (RFC 1928), as far as a client needs it that asks for an IPv4 address. Tells of the port of each client."""
import socket
import struct
import threading

server = socket.create_server(("127.0.0.1", 1080))
print("ready", flush=True)


def pass_on(source, target):
    while data := source.recv(4096):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


def serve(client):
    client.recv(2 + 255)
    client.sendall(b"\x05\x00")
    _, _, _, _, address, port = struct.unpack("!BBBB4sH", client.recv(10, socket.MSG_WAITALL))
    peer = socket.create_connection((socket.inet_ntoa(address), port))
    client.sendall(b"\x05\x00\x00\x01" + bytes(6))
    threading.Thread(target=pass_on, args=(peer, client)).start()
    pass_on(client, peer)


while True:
    client, (_, port) = server.accept()
    print("port", port, flush=True)
    threading.Thread(target=serve, args=(client,)).start()
