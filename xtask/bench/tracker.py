"""A BitTorrent tracker for one torrent at HOST:PORT, until it is killed. Usage: tracker.py HOST:PORT.

It keeps who announced, and names all others in the compact form. Prints "listening" when it serves,
and "seed HOST" whenever one announces that has everything.
"""

import socket
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Seconds until a peer asks again: it should soon hear of those that started after it.
INTERVAL = 5

host, port = sys.argv[1].rsplit(":", 1)
peers = set()


class Announce(BaseHTTPRequestHandler):
    """Answers one announcement."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        own = socket.inet_aton(self.client_address[0]) + int(query["port"][0]).to_bytes(2, "big")
        if query.get("event") == ["stopped"]:
            peers.discard(own)
        else:
            peers.add(own)
            if query.get("left") == ["0"]:
                print("seed", self.client_address[0], flush=True)
        others = b"".join(peers - {own})
        body = b"d8:intervali%de12:min intervali%de5:peers%d:%se" % (INTERVAL, INTERVAL, len(others), others)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer((host, int(port)), Announce)
print("listening", flush=True)
server.serve_forever()
