"""Which new cards a processor account takes: by its state, its rule and its processor."""

from __future__ import annotations

from ballast.clock import real_time
from ballast.models import ProcessorAccount


def takes(account: ProcessorAccount, amount: int, currency: str, home_currency: str) -> bool:
    """Whether the account can take such a card, and its rule is for it. Bounds are in the organization's currency and bind only
    there."""
    if not account.enabled or account.archived_at or account.share == 0:
        return False
    if any(known and currency not in known for known in (account.takes_currencies, account.currencies)):
        return False
    if currency != home_currency:
        return True
    return (account.amount_from or 0) <= amount and (account.amount_to is None or amount <= account.amount_to)


def is_available(account: ProcessorAccount) -> bool:
    """Whether its circuit is closed, or may be tried again."""
    return account.paused_until is None or account.paused_until <= real_time()
