"""What Caddy hands on, by the Caddyfile that production uses."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from ballast.local import ports, processes
from tests.deploy.compose import ROOT
from tests.local.checkout import clean_environment, get_status, wait_for

pytestmark = pytest.mark.skipif(
    shutil.which("caddy") is None, reason="no caddy on this machine (apt-get install caddy)"
)
Headers = list[tuple[str, str]]


@contextmanager
def upstream(seen: list[Headers]) -> Iterator[str]:
    """A web server that is always ready and keeps the headers it is sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.items())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            return

    with ThreadingHTTPServer((ports.HOST, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        try:
            yield f"{ports.HOST}:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def caddy(folder: Path, address: str) -> Iterator[str]:
    """Caddy in front of `address`; its own."""
    here = f"{ports.HOST}:{ports.any_free()}"
    env = {"PUBLIC_URL": f"http://{here}", "WEB_UPSTREAMS": address, "CADDY_ADMIN": f"localhost:{ports.any_free()}"}
    env |= dict.fromkeys(("XDG_DATA_HOME", "XDG_CONFIG_HOME", "HOME"), str(folder))
    command = ["caddy", "run", "--config", str(ROOT / "deploy/caddy/Caddyfile"), "--adapter", "caddyfile"]
    process = processes.spawn(command, folder / "log", clean_environment() | env)
    try:
        wait_for(lambda: get_status(here, "/") == 204, 20, lambda: processes.tail(folder / "log"))
        yield f"http://{here}"
    finally:
        processes.stop([process], signal.SIGTERM, patience=10)


def test_nobody_chooses_the_address_they_are_taken_for(tmp_path: Path) -> None:
    """WSGI knows no difference between `-` and `_`: of two spellings of one header the server keeps the last."""
    seen: list[Headers] = []
    with upstream(seen) as address, caddy(tmp_path, address) as front:
        for name in ("X-Forwarded-For", "X-Forwarded_For", "X_Forwarded_For", "x_forwarded-for"):
            seen.clear()
            assert requests.get(f"{front}/probe", headers={name: "6.6.6.6"}, timeout=10).status_code == 204
            found = [value for one in seen for key, value in one if key.lower().replace("_", "-") == "x-forwarded-for"]
            assert set(found) == {"127.0.0.1"}, name
