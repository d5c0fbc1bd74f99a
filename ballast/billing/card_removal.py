"""Cards that are detached are forgotten by their processor too: whoever asked for it is promised that, and not only by us.

`cards.detach` commits that a card is to go, and nothing charges it from there on. Then the processor is asked, without a transaction,
and its answer recorded. Asking twice is safe at all three, so a lost answer is asked for again until there is one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, select, tuple_

from ballast import audit, queue
from ballast.billing import processing
from ballast.billing.cards import PROBES
from ballast.billing.processing import Account
from ballast.clock import real_time
from ballast.db import organization, transaction
from ballast.models import PaymentMethod, ProcessorAccount
from ballast.models.customers import account_behind, card_of
from ballast.models.states import turn_removal
from ballast.notifications.drain import drain, work_all
from ballast.processors.base import Declined, Removed, Unknown

log = logging.getLogger(__name__)

THREADS: Final = 8
Key = tuple[str, str]


@dataclass(frozen=True)
class Removing:
    """A card on its way out of its processor's vault, as plain data."""

    organization_id: str
    card_id: str
    account: Account
    external_id: str


def remove(organization_id: str, card_id: str) -> None:
    """Have the processor of a detached card forget it, now. Does nothing for one that is forgotten already."""
    for removing in filter(None, _claim([(organization_id, card_id)])):
        _remove(removing)


def remove_due() -> int:
    """Have the processors forget what is to go and did not yet. The job behind `queue.REMOVE_CARDS`."""
    queue.forget_mark(queue.REMOVE_CARDS)
    return drain("remove_cards", _remove_batch)


def _remove_batch() -> tuple[int, int]:
    return work_all(_remove, _claim(None), THREADS)


def _claim(keys: list[Key] | None) -> list[Removing | None]:
    """Take those named, or some that are due, for as long as a call may last and a little more. None for one that has to wait."""
    with transaction() as session:
        rows = session.execute(_chosen(keys)).all()
        return [_removing(*row) for row in rows]


def _chosen(keys: list[Key] | None) -> Select[PaymentMethod, ProcessorAccount]:
    wanted = (
        select(PaymentMethod, ProcessorAccount)
        .join(ProcessorAccount, account_behind(PaymentMethod))
        .where(PaymentMethod.removal == "pending", PaymentMethod.external_id.is_not(None))
    )
    if keys is not None:
        named = tuple_(PaymentMethod.organization_id, PaymentMethod.id).in_(keys)
        return wanted.where(named).with_for_update(of=PaymentMethod)
    due = wanted.where(PaymentMethod.next_attempt_at <= real_time()).order_by(PaymentMethod.next_attempt_at)
    return due.limit(THREADS).with_for_update(of=PaymentMethod, skip_locked=True)


def _removing(card: PaymentMethod, row: ProcessorAccount) -> Removing | None:
    """None for an account whose secrets cannot be unsealed: its cards wait, and nobody else's wait with them."""
    card.probes += 1
    card.next_attempt_at = real_time() + PROBES[min(card.probes, len(PROBES)) - 1]
    try:
        account = processing.open_account(row)
    except ValueError as error:
        log.error("card %s cannot be removed, account %s: %s", card.id, row.id, error)
        return None
    card.next_attempt_at = max(card.next_attempt_at, real_time() + processing.patience(account))
    assert card.external_id is not None, "only a card that is stored can be forgotten"
    return Removing(card.organization_id, card.id, account, card.external_id)


def _remove(removing: Removing) -> None:
    with organization(removing.organization_id):
        answer = processing.read(removing.account, lambda adapter: adapter.forget_card(removing.external_id))
        _record(removing, answer)


def _record(removing: Removing, answer: Removed | Declined | Unknown) -> None:
    with transaction() as session:
        locked = card_of(removing.organization_id, removing.card_id).with_for_update()
        card = session.scalars(locked.execution_options(populate_existing=True)).one()
        if card.removal != "pending":
            return
        match answer:
            case Removed():
                turn_removal(card, "removed")
                card.message = card.next_attempt_at = None
                audit.record(card.organization_id, "payment_method.removed", "payment_method", card.id)
            case Declined(code=code):
                turn_removal(card, "refused")
                card.message, card.next_attempt_at = code, None
                log.error("the processor does not remove card %s: %s", card.id, code)
            case Unknown(reason=reason):
                card.message = reason
