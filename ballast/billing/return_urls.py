"""Where a shopper is sent after the checkout: a merchant's own pages, over https."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ballast.errors import InvalidRequest

MAX_URL: Final = 2048
# Stands in a success address for the id of the session that was paid.
PLACE: Final = "{CHECKOUT_SESSION_ID}"


def check(url: str | None, mode: str, param: str) -> str | None:
    """The address, if it is one a shopper may be sent to: https, or in the sandbox http on this machine (a developer's own server).

    Raises InvalidRequest(`return_url_invalid`).
    """
    if url is None:
        return None
    parts = _split(url, param)
    if parts.username is not None or parts.password is not None:
        raise _invalid("Leave user name and password out of the address.", param)
    if parts.scheme == "https" or (parts.scheme == "http" and mode == "sandbox" and _is_loopback(parts.hostname or "")):
        return url
    said = "Use https://, or http:// on localhost." if mode == "sandbox" else "Use https://."
    raise _invalid(said, param)


def _split(url: str, param: str) -> SplitResult:
    plain = url.replace(PLACE, "")
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or set(plain) & set(" \\\"'<>^`{|}"):
        raise _invalid(f"An address has at most {MAX_URL} characters, all of them ASCII, and no spaces.", param)
    try:
        parts = urlsplit(plain)
        _port = parts.port
    except ValueError:
        raise _invalid("This is not a web address.", param) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or PLACE in urlsplit(url).netloc:
        raise _invalid("This is not a web address: it begins with https:// and a host.", param)
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _invalid(said: str, param: str) -> InvalidRequest:
    return InvalidRequest("return_url_invalid", said, param=param)


def origin(url: str) -> str:
    """Scheme, host and port of an address that was checked."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def fill(url: str, session_id: str) -> str:
    """The address with the session's id in its place."""
    return url.replace(PLACE, session_id)
