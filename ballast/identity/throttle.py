"""How often somebody may try: per account and per address, the same for accounts there are and accounts there are not."""

from __future__ import annotations

import hashlib
import logging
from typing import Final

from ballast import audit
from ballast.errors import RateLimited
from ballast.identity import limiting

log = logging.getLogger(__name__)

QUARTER: Final = 15 * 60
HOUR: Final = 3600
# act → (tries per account, tries per address, in seconds)
TRIES: Final[dict[str, tuple[int, int, int]]] = {
    "sign_in": (10, 100, QUARTER),
    "register": (5, 20, HOUR),
    "second_factor": (10, 100, QUARTER),
    "mail": (5, 30, HOUR),
}


def check(act: str, email: str) -> None:
    """Count one more try at `act` (a key of TRIES). Raises RateLimited. Without Redis each process counts for itself."""
    per_account, per_address, seconds = TRIES[act]
    for most, who in ((per_address, audit.actor().ip or "-"), (per_account, _account(email))):
        item = limiting.window(most, seconds)
        taken = limiting.take(item, act, who) or limiting.take_here(item, act, who)
        if not taken.passed:
            refused(act, email, "too many tries")
            raise RateLimited("Too many tries. Please wait a few minutes, then try again.", taken.reset)


def refused(act: str, email: str, why: str) -> None:
    """Say in the log that somebody did not get in. The account is a hash of the address, whether or not there is one."""
    log.warning("%s refused: %s, account %s, from %s", act, why, _account(email), audit.actor().ip or "-")


def succeeded(act: str, email: str) -> None:
    """Who got in begins anew. (Tries from the address stay counted, so an account of one's own is no way around.)"""
    per_account, _per_address, seconds = TRIES[act]
    limiting.forget(limiting.window(per_account, seconds), act, _account(email))


def _account(email: str) -> str:
    """The address as a key of fixed size that says nothing to who reads Redis."""
    return hashlib.sha256(email.strip().lower().encode(errors="replace")).hexdigest()[:32]
