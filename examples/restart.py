"""A server on port 8080 that restarts, while a client asks for any port: may the client get the server's?"""

import errno
import socket

server = socket.create_server(("127.0.0.1", 8080))
server.close()
client = socket.socket()
client.bind(("127.0.0.1", 0))
print("the client has port", client.getsockname()[1])
try:
    server = socket.create_server(("127.0.0.1", 8080))
    print("the server is back on port", server.getsockname()[1])
except OSError as error:
    print("the server does not start:", errno.errorcode[error.errno])
