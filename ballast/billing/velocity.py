"""The defense against card testing: who has been declined too often is not tried again for a while.

Thieves try stolen cards where nobody counts. So declined tries are counted in a sliding hour, by the shopper's address on the
network, by card and for the whole organization; past a limit the next try is held back before any processor hears of it. Charges of
stored cards, which were approved once, and charges without their holder are not counted. A limit that cannot be counted lets pass.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from ballast import audit
from ballast.billing import bulkhead, processing
from ballast.clock import real_time
from ballast.db import after_commit, db, end_reading, transaction
from ballast.errors import TooManyAttempts
from ballast.identity import limiting
from ballast.identity.limiting import Taken
from ballast.ids import to_uuid
from ballast.models import Attempt, HeldBack, Organization, Payment
from ballast.models.customers import account_of
from ballast.models.held_back import RULES
from ballast.models.payments import payment_of
from ballast.processors.base import Card

log = logging.getLogger(__name__)

HOUR: Final = 3600


@dataclass(frozen=True)
class Limits:
    """How many tries may be declined within an hour."""

    address: int
    card: int
    organization: int


# A person types one card wrong a few times. In the sandbox everybody shares the same few test cards.
DEFAULTS: Final = {"live": Limits(10, 5, 200), "sandbox": Limits(10_000, 10_000, 100_000)}


def limits_of(organization: Organization) -> Limits:
    """The organization's own limits, the usual ones where it has none."""
    return Limits(**(asdict(DEFAULTS[organization.mode]) | organization.card_testing))


# --- Checking ----------------------------------------------------------------------------------------------------------------


def check(organization_id: str, card: str | None, account_id: str | None = None) -> None:
    """Before a try with a new card (`card`: the processor's token) by whoever acts. No transaction may be needed any more.

    `account_id`: where a browser's token is from. A browser makes a new one each time, so while enough is declined that one card
    might be behind it, the processor is asked which card it is; no bank hears of that.

    Raises TooManyAttempts, which is counted: see `held_back.last_day`.
    """
    if card is not None and to_uuid(card, "pm") is not None:
        return
    organization = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
    limits = limits_of(organization)
    _note_usual(organization, limits)
    end_reading()
    declined = 0
    for rule, found in _looked_up(organization_id, card, limits):
        if found is not None and not found.passed:
            _hold_back(organization_id, rule, found)
        declined = found.limit - found.remaining if found else 0
    if card is not None and declined >= limits.card:
        _check_behind(organization_id, card, account_id, limits)


def _looked_up(organization_id: str, card: str | None, limits: Limits) -> Iterator[tuple[str, Taken | None]]:
    """What is left by each rule; rule by rule, for the first that holds back is enough."""
    for rule, who in _counted(organization_id, card, _address()):
        yield rule, limiting.look(limiting.window(getattr(limits, rule), HOUR), *_key(rule, who))


@dataclass(frozen=True, slots=True)
class Usual:
    """An organization's limits as they were when it was asked last, and what they are made of, as Postgres has it."""

    mode: str
    card_testing: str
    limits: Limits


MOST: Final = 10_000
_usual: dict[str, Usual] = {}


def _note_usual(organization: Organization, limits: Limits) -> None:
    if len(_usual) >= MOST:
        _usual.clear()
    _usual[organization.id] = Usual(organization.mode, json.dumps(organization.card_testing), limits)


def passed(organization_id: str, card: str) -> Usual | None:
    """As `check`, without a question to Postgres: the limits by which a try with a new card passes, which whoever goes on has Postgres
    compare. None where it does not pass, or they are not known: `check` finds out.
    """
    usual = _usual.get(organization_id)
    if usual is None:
        return None
    held_back = any(found and not found.passed for _, found in _looked_up(organization_id, card, usual.limits))
    return None if held_back else usual


def _check_behind(organization_id: str, token: str, account_id: str | None, limits: Limits) -> None:
    """Which card a token stands for, and whether that was declined too often. Raises TooManyAttempts."""
    row = db.session.scalars(account_of(organization_id, account_id)).first() if account_id else None
    if row is None:
        return
    try:
        account = processing.open_account(row)
    except ValueError:
        return  # whoever charges it says so
    end_reading()
    with bulkhead.place(account.processor) as has_place:
        if not has_place:
            return  # whoever charges it says so
        who = _of_card(organization_id, processing.read(account, lambda adapter: adapter.identify(token)))
    found = limiting.look(limiting.window(limits.card, HOUR), *_key("card", who)) if who else None
    if found is not None and not found.passed:
        _hold_back(organization_id, "card", found)


def _of_card(organization_id: str, card: Card | None) -> str | None:
    """A card by what may be shown of it: another one that looks the same is rare enough to wait for an hour."""
    if card is None or not card.last4 or not card.exp_year:
        return None
    return f"{organization_id}:{card.brand}:{card.last4}:{card.exp_month}:{card.exp_year}"


def check_payment(organization_id: str, payment_id: str, card: str | None) -> None:
    """As `check`, for a payment that is tried again, with the card it has unless another is named. Raises TooManyAttempts."""
    is_id = to_uuid(payment_id, "pay") is not None
    payment = db.session.scalars(payment_of(organization_id, payment_id)).first() if is_id else None
    if payment is None or payment.off_session or (card is None and payment.payment_method_id is not None):
        return  # one that is not there is told of by whoever looks for it
    check(organization_id, card or payment.payment_method_token)


def _address() -> str | None:
    """The shopper's, at the checkout. A program's address says nothing of its shoppers."""
    who = audit.actor()
    return who.ip if who.kind == "customer" else None


def _counted(organization_id: str, card: str | None, address: str | None) -> list[tuple[str, str]]:
    """(rule, who) by everything that is known of a try."""
    known = {"address": address and f"{organization_id}:{address}", "card": card and f"{organization_id}:{card}"}
    return [(rule, who) for rule in RULES if (who := (known | {"organization": organization_id})[rule])]


def _key(rule: str, who: str) -> tuple[str, str]:
    """As it stands in Redis, which learns neither addresses nor tokens."""
    return f"declined:{rule}", hashlib.sha256(who.encode(errors="replace")).hexdigest()[:32]


def _hold_back(organization_id: str, rule: str, found: Taken) -> None:
    _note(organization_id, rule)
    log.warning("a try at a payment of %s is held back by the rule %s", organization_id, rule)
    minutes = max(1, round(found.reset / 60))
    raise TooManyAttempts(
        "Too many cards were declined just now, so this one was not tried. Nothing was charged. "
        f"Please try again in {minutes} {'minute' if minutes == 1 else 'minutes'}.",
        found.reset,
    )


def _note(organization_id: str, rule: str) -> None:
    """One row for each hour and rule, written only when something is held back."""
    now = real_time()
    noting = insert(HeldBack).values(
        organization_id=organization_id,
        hour=now.replace(minute=0, second=0, microsecond=0),
        rule=rule,
        count=1,
        last_address=_address(),
        last_at=now,
    )
    again = {"count": HeldBack.count + 1, "last_address": noting.excluded.last_address, "last_at": now}
    with transaction() as session:
        session.execute(noting.on_conflict_do_update(index_elements=["organization_id", "hour", "rule"], set_=again))


# --- Counting ----------------------------------------------------------------------------------------------------------------


def count_decline(payment: Payment, attempt: Attempt, card: Card | None) -> None:
    """A try was declined: count it once that is committed. In the transaction that records it. `card`: as its processor shows it."""
    if attempt.off_session or payment.payment_method_id is not None or attempt.decline_class == "configuration":
        return
    count_refusal(payment.organization_id, payment.payment_method_token, card)


def count_refusal(organization_id: str, token: str | None, card: Card | None = None) -> None:
    """A new card was refused: count it once that is committed. In the transaction that records it."""
    organization = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
    counted = _counted(organization_id, token, _address())
    if (who := _of_card(organization_id, card)) is not None:
        counted.append(("card", who))
    after_commit(partial(_count, limits_of(organization), tuple(counted)))


def _count(limits: Limits, counted: tuple[tuple[str, str], ...]) -> None:
    for rule, who in counted:
        limiting.take(limiting.window(getattr(limits, rule), HOUR), *_key(rule, who))
