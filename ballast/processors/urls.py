"""Addresses a checkout page may load from."""

from __future__ import annotations

from urllib.parse import urlsplit

Policy = tuple[tuple[str, tuple[str, ...]], ...]


def origin(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def local_policy(*urls: str) -> Policy:
    """What a policy adds for a stand-in: its scripts, its frames and its API, all from where it is."""
    origins = tuple(dict.fromkeys(origin(url) for url in urls))
    return tuple((directive, origins) for directive in ("script-src", "frame-src", "connect-src"))
