"""Addresses: what a checkout page may load from, and which webhooks are ours."""

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


def is_hook_of_ours(found: str, url: str) -> bool:
    """Whether a webhook address at a processor is an earlier one of the installation that listens at `url` now: it stands on the
    same host, whatever the port, or is the same account's at another. Another installation's stays."""
    old, new = urlsplit(found), urlsplit(url)
    folder = new.path.rpartition("/")[0] + "/"
    return old.path == new.path or (old.hostname == new.hostname and old.path.startswith(folder))
