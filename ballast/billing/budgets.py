"""How often a card may be tried again: the networks' rules, counted per card, merchant and amount, and not exceedable.

Whoever begins an attempt with a stored card holds the card's row while counting, so two at once are counted one after the other.
A customer's own clicks count too. Sources: Visa Rules (category 1 codes never, the others 15 reattempts in 30 days), Mastercard
Transaction Processing Excellence (10 declines in 24 hours, 35 in 30 days; advice 03 and 21 never within 30 days).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from ballast.billing import cards
from ballast.clock import now
from ballast.db import among, db, know, known, once
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Attempt, PaymentMethod
from ballast.models.customers import card_of

# What counts against a limit: a declined attempt, and one that may yet be declined.
COUNTED: Final = ("declined", "created", "submitted", "unknown", "action_required")


@dataclass(frozen=True)
class Limit:
    """At most `attempts` declined ones within `window`, whatever else."""

    attempts: int
    window: timedelta


# The first attempt is not a reattempt: 15 of those make 16 in all.
VISA: Final = (Limit(16, timedelta(days=30)),)
MASTERCARD: Final = (Limit(10, timedelta(hours=24)), Limit(35, timedelta(days=30)))
LONGEST: Final = max(limit.window for limit in (*VISA, *MASTERCARD))
LIMITS: Final = {"visa": VISA, "mastercard": MASTERCARD}


@dataclass(frozen=True)
class Meter:
    """How much of a limit is used, for whoever looks at it."""

    used: int
    limit: Limit


def limits_of(brand: str | None) -> tuple[Limit, ...]:
    """A network's limits; for the others the stricter of the two that publish theirs."""
    return LIMITS.get((brand or "").lower(), VISA)


def meters(card: PaymentMethod, amount: int) -> list[Meter]:
    """What is used of each limit for this card and amount: one statement, however many limits, and none for a card that is held with
    others (`hold`)."""
    limits = limits_of(card.brand)
    tries: list[datetime] | None = known((Attempt, card.organization_id, card.id, amount))
    if tries is not None:
        return [Meter(sum(1 for at in tries if at > now() - limit.window), limit) for limit in limits]
    counts = [func.count().filter(Attempt.created_at > now() - limit.window) for limit in limits]
    widest = max(limit.window for limit in limits)
    wanted = select(*counts).select_from(Attempt).where(*_counted(card, amount, now() - widest))  # type: ignore[arg-type]
    return [Meter(used, limit) for used, limit in zip(db.session.execute(wanted).one(), limits, strict=True)]


def free_at(card: PaymentMethod, amount: int, counted: Sequence[Meter] | None = None) -> datetime | None:
    """When the card may be tried for this amount: None for now; the far future where a network says never.

    `counted`: what `meters` has just counted, for whoever shows both.
    """
    if is_blocked(card):
        return card.blocked_until or datetime.max.replace(tzinfo=now().tzinfo)
    found = meters(card, amount) if counted is None else counted
    spent = [meter.limit for meter in found if meter.used >= meter.limit.attempts]
    return max((_lapses(card, amount, limit) for limit in spent), default=None)


def is_blocked(card: PaymentMethod) -> bool:
    """Whether a decline has ended its use, for good or until a day that has not come."""
    return card.blocked_because is not None and (card.blocked_until is None or card.blocked_until > now())


def usable_card(organization_id: str, customer_id: str, card_id: str) -> PaymentMethod:
    """A stored card of this customer that no decline has ended the use of.

    Raises InvalidRequest(`payment_method_unknown`), Conflict(`payment_method_blocked`).
    """
    card = cards.find_named(organization_id, card_id)
    if card is None or card.customer_id != customer_id:
        raise InvalidRequest(
            "payment_method_unknown", "This card is not stored for this customer.", param="payment_method"
        )
    if is_blocked(card):
        raise Conflict("payment_method_blocked", "This card was declined for good. Ask for another card.")
    return card


def spend(organization_id: str, card_id: str, amount: int) -> None:
    """Hold the card's row and make sure that one more try is allowed. In the caller's transaction, before the attempt is written.

    Raises Conflict(`payment_method_blocked`, `retry_limit_reached`).
    """
    card: PaymentMethod = once((PaymentMethod, organization_id, card_id), lambda: _lock(organization_id, card_id))
    if is_blocked(card):
        raise Conflict("payment_method_blocked", "This card was declined for good. Ask for another card.")
    if free_at(card, amount) is not None:
        raise Conflict(
            "retry_limit_reached", "The card network allows no more tries with this card and amount for now."
        )


def _lock(organization_id: str, card_id: str) -> PaymentMethod:
    # Payments that were just written refer to the card, which is a lock of its own: one that excludes those would deadlock.
    held = card_of(organization_id, card_id).with_for_update(key_share=True)
    return db.session.scalars(held.execution_options(populate_existing=True)).one()


def _counted(card: PaymentMethod, amount: int, since: datetime) -> tuple[object, ...]:
    return (
        Attempt.organization_id == card.organization_id,
        Attempt.payment_method_id == card.id,
        Attempt.amount == amount,
        Attempt.created_at > since,
        Attempt.status.in_(COUNTED),
    )


def hold(organization_id: str, cards: dict[str, int]) -> dict[str, PaymentMethod]:
    """Hold these cards' rows, in order, and count what each has been tried for its amount (minor units), all in two statements.

    One attempt with each may follow in the running transaction(), and no more: what it adds is not counted.
    """
    wanted = select(PaymentMethod).where(
        PaymentMethod.organization_id == organization_id, among(PaymentMethod.id, cards)
    )
    wanted = wanted.order_by(PaymentMethod.id).with_for_update(key_share=True)
    held = {card.id: card for card in db.session.scalars(wanted.execution_options(populate_existing=True))}
    tried = select(Attempt.payment_method_id, Attempt.amount, Attempt.created_at).where(
        Attempt.organization_id == organization_id,
        among(Attempt.payment_method_id, held),
        Attempt.created_at > now() - LONGEST,
        Attempt.status.in_(COUNTED),
    )
    tries: dict[tuple[str, int], list[datetime]] = {(card_id, amount): [] for card_id, amount in cards.items()}
    for card_id, amount, at in db.session.execute(tried):
        tries.setdefault((card_id or "", amount), []).append(at)
    for card_id, card in held.items():
        know((PaymentMethod, organization_id, card_id), card)
        know((Attempt, organization_id, card_id, cards[card_id]), tries[card_id, cards[card_id]])
    return held


def _lapses(card: PaymentMethod, amount: int, limit: Limit) -> datetime:
    """When the window has let go of enough of them for one more."""
    oldest = (
        select(Attempt.created_at)
        .where(*_counted(card, amount, now() - limit.window))  # type: ignore[arg-type]
        .order_by(Attempt.created_at.desc())
        .offset(limit.attempts - 1)
        .limit(1)
    )
    return db.session.scalars(oldest).one() + limit.window
