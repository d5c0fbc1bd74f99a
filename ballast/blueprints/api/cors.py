"""Which pages of other origins may call the API: those of WEBAPP_URL and ADMIN_URL. No credentials: they send an access token."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Response, request

from ballast import config

PATH: Final = "/api/v1/"
METHODS: Final = "GET, POST, PATCH, DELETE"
# No X-API-Key: a key is for programs, and whatever is in a page is everybody's.
TAKEN: Final = "Authorization, Content-Type, Idempotency-Key, Ballast-Version"
SHOWN: Final = "X-Request-Id, Idempotent-Replayed, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Ballast-Version"
PREFLIGHT_SECONDS: Final = "600"
USUAL_PORTS: Final = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """The origin as browsers write it: `https://app.example`, without the usual port; empty for no address."""
    parts = urlsplit(url.strip())
    if parts.scheme not in USUAL_PORTS or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, USUAL_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _allowed() -> str | None:
    """The origin that asks, if it is one of ours and asks the API."""
    settings = config.current()
    ours = {origin_of(settings.webapp_url), origin_of(settings.admin_url)} - {""}
    origin = request.headers.get("Origin", "")
    return origin if request.path.startswith(PATH) and origin in ours else None


def answer_preflight() -> Response | None:
    """A browser's question before it sends the request, which comes without a token. Nobody else's is answered here."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers or not _allowed():
        return None
    headers = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": TAKEN,
        "Access-Control-Max-Age": PREFLIGHT_SECONDS,
    }
    return Response(status=204, headers=headers)


def allow(response: Response) -> Response:
    """Let the page read the answer. Caches keep the answers of different origins apart."""
    if request.path.startswith(PATH):
        response.vary.add("Origin")
    if origin := _allowed():
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = SHOWN
    return response
