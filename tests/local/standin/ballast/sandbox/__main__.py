"""Answers health and the receiver's configuration, nothing else."""

import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(b'{"status":"ok"}')

    def do_PUT(self) -> None:
        print("secret", self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
        self.answer(b"{}")

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


parser = argparse.ArgumentParser()
for name in ("--host", "--port", "--state"):
    parser.add_argument(name)
chosen = parser.parse_args()
ThreadingHTTPServer((chosen.host, int(chosen.port)), Handler).serve_forever()
