"""Who calls: an account is the suffix of its access token and of its application id.

`EAAAE<account>` and `sandbox-sq0idb-<account>` open the same account. At Square an account takes one currency; here it is
USD, or the one an account's name ends with: `EAAAEshop-JPY`. Its one location is `L<account>`.
"""

import hashlib
import re
from dataclasses import dataclass

from ballast.sandbox.square.errors import SquareError
from ballast.sandbox.square.money import CURRENCIES

TOKEN = re.compile(r"^EAAAE([A-Za-z0-9_-]{1,200})$")
APPLICATION = re.compile(r"^sandbox-sq0idb-([A-Za-z0-9_-]{1,200})$")
LIVE = ("sq0atp-", "sq0csp-", "sq0idp-", "EAAA")
ENDING = re.compile(r"[-_]([A-Z]{3})$")


@dataclass(frozen=True, slots=True)
class Account:
    """One seller."""

    name: str

    @property
    def currency(self) -> str:
        """Return the one currency this seller takes."""
        found = ENDING.search(self.name)
        return found[1] if found and found[1] in CURRENCIES else "USD"

    @property
    def location_id(self) -> str:
        """Return the main location; a name too long for Square's 32 characters is hashed."""
        return f"L{self.name}" if len(self.name) <= 31 else f"L{digest(self.name)}"

    @property
    def merchant_id(self) -> str:
        """Return the seller's id."""
        return f"M{digest(self.name)}"

    @property
    def application_id(self) -> str:
        """Return the application's id."""
        return f"sandbox-sq0idb-{self.name}"


def digest(name: str) -> str:
    """Return twelve characters as Square's ids have them."""
    return hashlib.sha256(name.encode()).hexdigest()[:12].upper()


def read_token(header: str) -> Account:
    """Return the account of an `Authorization` header. Raises 401; a production token is never accepted."""
    scheme, _, token = header.partition(" ")
    found = TOKEN.match(token.strip()) if scheme.lower() == "bearer" else None
    if found:
        return Account(found[1])
    raise refuse_key(token.strip())


def read_application(header: str) -> Account:
    """Return the account of a browser's application id. Raises 401."""
    found = APPLICATION.match(header.removeprefix("Bearer ").strip())
    if found:
        return Account(found[1])
    raise refuse_key(header.removeprefix("Bearer ").strip())


def refuse_key(given: str) -> SquareError:
    """Return the 401."""
    detail = "This request could not be authorized."
    if given.startswith(LIVE):
        detail = (
            "This is a sandbox: it takes access tokens like EAAAE… and application ids like sandbox-sq0idb-…, and nothing "
            "that may be live. Replace that key now if anyone could have seen it."
        )
    return SquareError(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", detail)
