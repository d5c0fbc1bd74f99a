"""Two small servers of the conformance suite: one that takes events, one that stands before the sandbox and adds what nobody knows."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

Taken = tuple[bytes, dict[str, str]]
NEWS = {"brand_new": {"deep": [1, {"deeper": None}]}, "another_one": "2030"}
XML_NEWS = "<brand-new><deep>1</deep></brand-new><another-one>2030</another-one>"


@contextmanager
def serve(respond: Callable[[BaseHTTPRequestHandler, bytes], tuple[int, dict[str, str], bytes]]) -> Iterator[str]:
    """A server on loopback, gone at the end of the block; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, text = respond(self, body)
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(text))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *_args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Mailbox:
    """Takes events as our hook does, and answers the challenge of a processor that has one."""

    def __init__(self, answer_challenge: Callable[[str], str]) -> None:
        self.taken: list[Taken] = []
        self._answer_challenge = answer_challenge

    def take(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Keep one event as it came."""
        challenge = parse_qs(urlsplit(request.path).query).get("bt_challenge")
        if challenge:
            return 200, {}, self._answer_challenge(challenge[0]).encode()
        self.taken.append((body, dict(request.headers.items())))
        return 204, {}, b""

    def wait_for(self, is_wanted: Callable[[Taken], Any], seconds: float = 10) -> Any:
        """What `is_wanted` finds in the first event in which it finds anything."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for one in list(self.taken):
                if found := is_wanted(one):
                    return found
            time.sleep(0.05)
        raise AssertionError(f"no such event among {len(self.taken)}")


def stand_before(sandbox: str) -> Callable[[BaseHTTPRequestHandler, bytes], tuple[int, dict[str, str], bytes]]:
    """Pass everything on to the sandbox, and put fields nobody knows into every object of its answers."""
    kept = ("Authorization", "Content-Type", "Idempotency-Key", "Stripe-Version", "Square-Version", "X-ApiVersion")

    def pass_on(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {name: request.headers[name] for name in kept if request.headers[name]}
        url = f"{sandbox}{request.path}"
        answer = requests.request(request.command, url, data=body, headers=headers, timeout=10)
        kind = answer.headers.get("Content-Type", "")
        text = json.dumps(enrich(answer.json())) if kind.startswith("application/json") else enrich_xml(answer.text)
        return answer.status_code, {"Content-Type": kind}, text.encode()

    return pass_on


def enrich(found: Any) -> Any:
    """The same value with news in every object."""
    if isinstance(found, list):
        return [enrich(one) for one in found]
    if not isinstance(found, dict):
        return found
    is_map = found and all(isinstance(value, str) for value in found.values())  # metadata holds what we put there
    return {name: enrich(value) for name, value in found.items()} | ({} if is_map else NEWS)


def enrich_xml(text: str) -> str:
    """The same document with news after every id of an object."""
    return re.sub(r"</id>", f"</id>{XML_NEWS}", text)
