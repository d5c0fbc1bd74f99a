"""This machine and its environment: secrets, disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from ballast import config
from ballast.config import DEFAULT_ENCRYPTION_KEY, DEFAULT_SECRET, JWT_SECRET_LENGTH, SECRET_NAMES
from ballast.doctor.finding import Finding, fail, ok, warn

LITTLE: Final = 0.10
TOO_LITTLE: Final = 0.03
GIB: Final = 1024**3
SERVERS: Final = ("database_url", "database_owner_url", "database_worker_url", "database_replica_url", "redis_url")
ENCRYPTED: Final = ("require", "verify-ca", "verify-full")


def secrets() -> Iterator[Finding]:
    """Whether anybody could know ours."""
    settings = config.current()
    known = [
        name
        for name in SECRET_NAMES
        if (value := getattr(settings, name.lower())) in ("", DEFAULT_SECRET) or DEFAULT_ENCRYPTION_KEY in value
    ]
    make = "Set {} to secrets of your own; `flask keys` prints some."
    if known:
        said = f"{', '.join(known)} {'is' if len(known) == 1 else 'are'} the default, which everybody knows."
        yield (fail if settings.is_production else warn)("secrets", said, make.format(", ".join(known)))
    elif len(settings.jwt_secret.encode()) < JWT_SECRET_LENGTH:
        yield warn("secrets", f"JWT_SECRET has less than {JWT_SECRET_LENGTH} bytes.", make.format("JWT_SECRET"))
    else:
        yield ok("secrets", "Of our own.")


def public_url() -> Iterator[Finding]:
    """Whether browsers and processors come by a road nobody listens on."""
    settings = config.current()
    if settings.is_production and not settings.public_url.startswith("https://"):
        yield fail(
            "public_url", f"{settings.public_url} is not https.", "Set PUBLIC_URL to the https address browsers use."
        )
    else:
        yield ok("public_url", settings.public_url)


def proxies() -> Iterator[Finding]:
    """Whether the address of whoever calls is theirs: behind a proxy that is not counted everybody has the proxy's."""
    settings = config.current()
    if settings.is_production and settings.public_url.startswith("https://") and not settings.trusted_proxies:
        said = "TRUSTED_PROXIES is 0, and TLS ends somewhere before us: limits per address hold all visitors for one."
        yield warn("proxies", said, "Set TRUSTED_PROXIES to how many proxies stand in front, and no higher.")
    else:
        yield ok("proxies", f"{settings.trusted_proxies} in front.")


def encryption() -> Iterator[Finding]:
    """Whether what goes to PostgreSQL and Redis can be read on the way."""
    settings = config.current()
    open_ones = [name.upper() for name in SERVERS if is_readable_on_the_way(getattr(settings, name))]
    if settings.is_production and open_ones:
        said = f"{', '.join(open_ones)} leads to another machine without asking for TLS."
        mend = "Add `?sslmode=verify-full` (PostgreSQL), begin with `rediss://` (Redis); or the network is private."
        yield warn("encryption", said, mend)
    else:
        yield ok("encryption", "Nobody reads along." if not open_ones else "Not looked at outside production.")


def is_readable_on_the_way(address: str) -> bool:
    """Whether a server's address leads to another machine, without TLS."""
    url = urlsplit(address)
    asked = parse_qs(url.query)
    host = url.hostname or asked.get("host", [""])[0]
    is_here = host in ("", "localhost", "127.0.0.1", "::1") or host.startswith("/") or not address
    return not (is_here or url.scheme in ("rediss", "unix") or asked.get("sslmode", [""])[0] in ENCRYPTED)


def disk() -> Iterator[Finding]:
    """Whether there is room left where we run. (The database's own disk is its server's to watch.)"""
    found = shutil.disk_usage(Path.cwd())
    left = found.free / found.total
    said = f"{found.free / GIB:.1f} GiB free of {found.total / GIB:.1f}."
    mend = "Make room, or give it a larger disk: logs and the local stack's data (.ballast) lie here."
    yield ok("disk", said) if left > LITTLE else (warn if left > TOO_LITTLE else fail)("disk", said, mend)


CHECKS: Final = (secrets, public_url, proxies, encryption, disk)
