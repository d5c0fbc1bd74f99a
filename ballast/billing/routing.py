"""Which processor account a new card goes to: by currency, amount, share and availability.

The choice is drawn from the order's own token, so that a reload, a second tab and the pay button find the same account, and so that
over many orders each account gets its share. A stored card never moves: it is charged where it is stored.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ballast import audit, money
from ballast.billing import accounts
from ballast.billing.acceptance import is_available, takes
from ballast.errors import InvalidRequest
from ballast.models import Organization, ProcessorAccount


@dataclass(frozen=True)
class Route:
    """Which new cards an account is for. `share`: 0 to 100; `currencies`: empty for all; amounts in minor units, both included."""

    share: int
    currencies: tuple[str, ...] = ()
    amount_from: int | None = None
    amount_to: int | None = None


def route_of(account: ProcessorAccount) -> Route:
    """Which new cards the account is for now."""
    return Route(account.share, tuple(account.currencies), account.amount_from, account.amount_to)


def route(organization_id: str, account_id: str, wanted: Route) -> None:
    """Say which new cards an account is for. In the caller's transaction.

    Raises NotFound, InvalidRequest(`share_invalid`, `currency_unknown`, `currency_not_taken`, `amount_invalid`,
    `amount_range_invalid`).
    """
    account = accounts.find(organization_id, account_id, lock=True)
    _check_route(wanted, account.takes_currencies)
    before = route_of(account)
    account.share, account.currencies = wanted.share, list(wanted.currencies)
    account.amount_from, account.amount_to = wanted.amount_from, wanted.amount_to
    accounts.record(account, "routed", audit.differences(_plain(before), _plain(wanted)))


def _check_route(wanted: Route, taken: Sequence[str]) -> None:
    if not 0 <= wanted.share <= 100:
        raise InvalidRequest("share_invalid", "A share is a whole number from 0 to 100.", param="share")
    for currency in wanted.currencies:
        money.exponent(currency)
        if taken and currency not in taken:
            said = f"This account takes {', '.join(taken)} only, and cannot be for {currency}."
            raise InvalidRequest("currency_not_taken", said, param="currency")
    for name in ("amount_from", "amount_to"):
        bound = getattr(wanted, name)
        if bound is not None and not 0 <= bound <= money.MAX_AMOUNT:
            raise InvalidRequest("amount_invalid", "This amount is out of range.", param=name)
    if wanted.amount_from is not None and wanted.amount_to is not None and wanted.amount_from > wanted.amount_to:
        raise InvalidRequest("amount_range_invalid", "The lowest amount is above the highest.", param="amount_to")


def _plain(route: Route) -> dict[str, Any]:
    return vars(route) | {"currencies": list(route.currencies)}


def offered(organization: Organization, amount: int, currency: str, seed: str) -> list[ProcessorAccount]:
    """The accounts that take a new card for `amount` minor units now, the one to use first; those after it stand in for it."""
    return choose(accounts.all_of(organization.id), organization.currency, amount, currency, seed)


def choose(
    found: Sequence[ProcessorAccount], home_currency: str, amount: int, currency: str, seed: str
) -> list[ProcessorAccount]:
    """Those of the accounts that fit, the nearest to the seed first: an account that is taken away moves only its own seeds."""
    fit = [account for account in found if takes(account, amount, currency, home_currency) and is_available(account)]
    return sorted(fit, key=lambda account: _distance(account, seed))


State = Literal["enabled", "paused", "disabled", "archived"]


def state_of(account: ProcessorAccount) -> State:
    """Whether new cards may go there, and why not."""
    if account.archived_at:
        return "archived"
    if not account.enabled:
        return "disabled"
    return "enabled" if is_available(account) else "paused"


def percentages(found: Sequence[ProcessorAccount]) -> dict[str, int]:
    """Account id → its part of the new cards in whole percent, where all of them fit an order; adds up to 100, or all is 0."""
    weights = [account.share if account.enabled and not account.archived_at else 0 for account in found]
    parts = money.allocate(100, weights) if any(weights) else weights
    return {account.id: part for account, part in zip(found, parts, strict=True)}


def _distance(account: ProcessorAccount, seed: str) -> float:
    """Weighted rendezvous hashing: the nearest account wins, each as often as its share says (Schindelhauer and Schomaker, 2005)."""
    digest = hashlib.sha256(f"{seed}:{account.id}".encode()).digest()
    uniform = (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 1)
    return -math.log(uniform) / account.share
