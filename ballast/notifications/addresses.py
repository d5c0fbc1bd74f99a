"""Where we may be sent: the guard against addresses that point back into our own network (SSRF).

A name is resolved once, when a connection is opened, and the connection goes to the address that was looked at: a name server that
answers otherwise a moment later (rebinding) has nothing to gain. Every address a name has must be public, or none is used.
"""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from ballast.errors import InvalidRequest

MAX_URL = 2048
# Looking a name up knows no timeout of its own, so it happens on these threads and is waited for.
RESOLVERS = 32
# Below 1024 a web server listens at these two; mail, remote shells and the like listen at the others.
LOW_PORTS = (80, 443)
# Addresses of IPv4 in the clothes of IPv6 (RFC 6052, RFC 4291): what counts is the address inside.
NAT64 = IPv6Network("64:ff9b::/96")
COMPATIBLE = IPv6Network("::/96")

Address = IPv4Address | IPv6Address


class PrivateAddress(OSError):
    """The name leads into a network that is not public."""


def check_url(url: str, allow_private: bool) -> str:
    """The address as it is kept. Raises InvalidRequest(`url_invalid`, `url_private`); a name is looked up when something is sent."""
    parts = _split(url)
    if parts.username is not None or parts.password is not None:
        raise _invalid("Leave user name and password out of the address; deliveries are signed.")
    if parts.port is not None and not is_sane_port(parts.port):
        raise _invalid("This port is not one web servers use: 80, 443, or 1024 and above.")
    literal = _literal(parts.hostname or "")
    if not allow_private and (parts.hostname == "localhost" or (literal is not None and not is_public(literal))):
        raise InvalidRequest("url_private", "This address is not on the public internet.", param="url")
    return parts._replace(fragment="").geturl()


def _split(url: str) -> SplitResult:
    if len(url) > MAX_URL or not url.isprintable() or not url.isascii() or set(url) & set(" \\\"'<>^`{|}"):
        raise _invalid(f"An address has at most {MAX_URL} characters, all of them ASCII, and no spaces.")
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        raise _invalid("This is not a web address.") from None
    if parts.scheme not in ("http", "https"):
        raise _invalid("An endpoint's address begins with https:// or http://.")
    if not parts.hostname or parts.hostname.startswith(".") or ".." in parts.hostname:
        raise _invalid("This address names no server.")
    return parts


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest("url_invalid", message, param="url")


def is_sane_port(port: int) -> bool:
    """Whether a web server may listen there."""
    return port in LOW_PORTS or 1024 <= port <= 65_535


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet: not private, loopback, link-local, carrier-grade NAT, multicast or reserved."""
    inner = _inner(address) if isinstance(address, IPv6Address) else None
    if inner is not None:
        return is_public(inner)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in NAT64 or address in COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def pin(host: str, port: int, timeout: float, allow_private: bool) -> str:
    """The one numeric address to connect to. Raises PrivateAddress, TimeoutError, or socket.gaierror where there is none."""
    found = _look_up(host.strip("[]"), port, timeout)
    if not allow_private and not (is_sane_port(port) and all(is_public(ip_address(one)) for one in found)):
        raise PrivateAddress(f"{host} is not on the public internet")
    return found[0]


def _look_up(host: str, port: int, timeout: float) -> list[str]:
    """Every address of a name, once each, as the system orders them."""
    if _literal(host) is not None:
        return [host]
    try:
        rows = _resolvers().submit(resolve, host, port).result(timeout)
    except Late:
        raise TimeoutError(f"{host} could not be looked up in time") from None
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "not a name") from None
    return rows


def resolve(host: str, port: int) -> list[str]:
    """Ask the system. Raises socket.gaierror."""
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


@cache
def _resolvers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=RESOLVERS, thread_name_prefix="resolve")
