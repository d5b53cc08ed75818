"""A web application that calls on a peer for each request, and says who has made its socket."""
import os
import urllib.request


def app(environ, start_response):
    with urllib.request.urlopen(os.environ["PEER"]) as answer:
        body = answer.read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
