"""Which processor account a new card goes to: by currency, amount, share and availability.

The choice is drawn from the order's own token, so that a reload, a second tab and the pay button find the same account, and so that
over many orders each account gets its share. A stored card never moves: it is charged where it is stored.
"""

from __future__ import annotations

import hashlib
import math

from ballast.billing import accounts
from ballast.clock import real_time
from ballast.models import Organization, ProcessorAccount


def offered(organization: Organization, amount: int, currency: str, seed: str) -> list[ProcessorAccount]:
    """The accounts that take a new card for `amount` minor units now, the one to use first; those after it stand in for it."""
    fit = [
        account
        for account in accounts.all_of(organization.id)
        if takes(account, amount, currency, organization.currency) and is_available(account)
    ]
    return sorted(fit, key=lambda account: _distance(account, seed))


def takes(account: ProcessorAccount, amount: int, currency: str, home_currency: str) -> bool:
    """Whether the account's rule is for such a card. Bounds are in the organization's currency and bind only there."""
    if not account.enabled or account.archived_at or account.share == 0:
        return False
    if account.currencies and currency not in account.currencies:
        return False
    if currency != home_currency:
        return True
    return (account.amount_from or 0) <= amount and (account.amount_to is None or amount <= account.amount_to)


def is_available(account: ProcessorAccount) -> bool:
    """Whether its circuit is closed, or may be tried again."""
    return account.paused_until is None or account.paused_until <= real_time()


def _distance(account: ProcessorAccount, seed: str) -> float:
    """Weighted rendezvous hashing: the nearest account wins, each as often as its share says (Schindelhauer and Schomaker, 2005)."""
    digest = hashlib.sha256(f"{seed}:{account.id}".encode()).digest()
    uniform = (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 1)
    return -math.log(uniform) / account.share
