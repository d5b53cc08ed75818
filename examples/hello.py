"""Serves on any port, and greets each client by the port that it came from."""
import http.server


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        greeting = b"hello to the client on port %d\n" % self.client_address[1]
        self.send_response(200)
        self.send_header("Content-Length", str(len(greeting)))
        self.end_headers()
        self.wfile.write(greeting)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Hello)
print("serving on port", server.server_port, flush=True)
server.serve_forever()
