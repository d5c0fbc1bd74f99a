"""Stored cards: what a processor keeps of a card, so that its holder, or a merchant without them, may pay with it again.

A card is stored when a charge with it is approved. Where the processor stores it with the charge (Stripe, Braintree), its row is
written in the same commit as the outcome. Where it is stored from the charge afterwards (Square), a `pending` row is, and
`store_due` does the rest: if the process dies between asking and recording, it asks again under the same key for the same card.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from ballast import audit, queue
from ballast.billing import lookup, processing
from ballast.billing.financing import first_card
from ballast.billing.payloads import card_payload
from ballast.billing.processing import Account
from ballast.clock import now, real_time
from ballast.db import among, db, known, once, organization, transaction
from ballast.errors import InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.models import Customer, Payment, PaymentMethod, ProcessorAccount, ProcessorCustomer
from ballast.models.customers import account_behind, card_of, cards_of
from ballast.models.states import move, turn_removal
from ballast.notifications import webhooks
from ballast.notifications.drain import drain, work_all
from ballast.processors.base import Approved, Declined, Holder, SaveCard, SavedCard, Unknown

log = logging.getLogger(__name__)

THREADS: Final = 8
PROBES: Final = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 3600, 21_600, 86_400))


def find_named(organization_id: str, name: str | None) -> PaymentMethod | None:
    """The stored card `name` is the id of; None for what is no id of ours, a processor's token. Raises
    InvalidRequest(`payment_method_unknown`)."""
    if not name or to_uuid(name, "pm") is None:
        return None
    held: PaymentMethod | None = known((PaymentMethod, organization_id, name))
    if held is not None and held.status == "active":
        return held
    card = db.session.scalars(card_of(organization_id, name).where(PaymentMethod.status == "active")).first()
    if card is None:
        raise InvalidRequest("payment_method_unknown", f"No such stored card {name}.", param="payment_method")
    return card


def find(organization_id: str, card_id: str) -> tuple[PaymentMethod, str]:
    """A card, whatever its status, and the processor that stores it. Raises NotFound."""
    card = lookup.find(card_of(organization_id, card_id), card_id, "pm", "payment method")
    return card, db.session.get_one(ProcessorAccount, (organization_id, card.processor_account_id)).processor


def detach(organization_id: str, card_id: str) -> PaymentMethod:
    """From here on nothing charges the card; what has begun goes on. Its processor forgets it afterwards (see `card_removal`), or is
    asked to once more if it would not. In the caller's transaction.

    Raises NotFound, Conflict(`state_conflict`) for a card that is not stored (yet).
    """
    locked = card_of(organization_id, card_id).with_for_update()
    card = lookup.find(locked.execution_options(populate_existing=True), card_id, "pm", "payment method")
    if card.status == "detached":
        if card.removal in (None, "refused"):
            _let_go(card)
        return card
    was = card.status
    move(card, "detached")
    card.detached_at = now()
    _let_go(card)
    changes = {"customer": card.customer_id} | audit.differences({"status": was}, {"status": card.status})
    audit.record(organization_id, "payment_method.detached", "payment_method", card.id, changes)
    payload = card_payload(*find(organization_id, card_id))
    webhooks.publish(organization_id, "payment_method.detached", "payment_method", card.id, payload)
    return card


def _let_go(card: PaymentMethod) -> None:
    turn_removal(card, "pending")
    card.probes, card.message, card.next_attempt_at = 0, None, real_time()
    queue.wake(queue.REMOVE_CARDS)


def is_stored(organization_id: str, token: str) -> bool:
    """Whether a token names a stored card of anybody's: by our id, or by the processor's."""
    named = PaymentMethod.external_id == token
    if to_uuid(token, "pm"):
        named |= PaymentMethod.id == token
    wanted = select(PaymentMethod.id).where(PaymentMethod.organization_id == organization_id, named)
    return db.session.scalars(wanted.limit(1)).first() is not None


def holder_of(payment: Payment) -> Holder:
    """Whose card a payment charges, as its processor account knows them."""
    assert payment.customer_id is not None, "a stored card is somebody's"
    return holder(payment.organization_id, payment.customer_id, payment.processor_account_id)


def holder(organization_id: str, customer_id: str, account_id: str) -> Holder:
    """A customer as a processor account knows them."""
    found: Holder = once(
        (Holder, organization_id, customer_id, account_id),
        lambda: holders(organization_id, account_id, [customer_id])[customer_id],
    )
    return found


def holders(organization_id: str, account_id: str, customer_ids: Sequence[str]) -> dict[str, Holder]:
    """Customers as a processor account knows them, by their ids."""
    known_there = (ProcessorCustomer.organization_id == Customer.organization_id) & (
        ProcessorCustomer.customer_id == Customer.id
    )
    known_there &= ProcessorCustomer.processor_account_id == account_id
    wanted = (
        select(Customer, ProcessorCustomer.external_id)
        .outerjoin(ProcessorCustomer, known_there)
        .where(Customer.organization_id == organization_id, among(Customer.id, customer_ids))
    )
    found = db.session.execute(wanted)
    return {row[0].id: Holder(row[0].id, row[0].email, row[0].name or None, row[1]) for row in found}


def of_payment(payment: Payment) -> PaymentMethod | None:
    """The stored card a payment charged, or else the one that was, or is to be, stored from it."""
    wanted = select(PaymentMethod).where(PaymentMethod.organization_id == payment.organization_id)
    if payment.payment_method_id:
        return db.session.scalars(wanted.where(PaymentMethod.id == payment.payment_method_id)).first()
    return db.session.scalars(wanted.where(PaymentMethod.payment_id == payment.id)).first()


def list_for(organization_id: str, customer_id: str) -> list[PaymentMethod]:
    """A customer's stored cards, newest first."""
    return list(db.session.scalars(cards_of(organization_id, customer_id)))


def keep(payment: Payment, outcome: Approved) -> None:
    """Write down the card of an approved charge, if it was to be stored. In the transaction that records the outcome."""
    if not payment.save_card or payment.customer_id is None:
        return
    if outcome.saved is not None:
        _know_customer(payment.organization_id, payment.customer_id, payment.processor_account_id, outcome.saved)
        _insert(payment, _stored(outcome.saved) | {"status": "active"})
    elif processing.capabilities_of(payment.processor).saves == "after_charge":
        _insert(payment, {"status": "pending", "source": outcome.external_id, "next_attempt_at": real_time()})
        queue.wake(queue.STORE_CARDS)
    else:
        log.warning("the processor did not store the card of %s", payment.id)


def _insert(payment: Payment, values: dict[str, Any]) -> None:
    """Once for each payment and for each card at the processor: a card that is stored already stays as it is."""
    made = db.session.execute(
        insert(PaymentMethod)
        .values(
            organization_id=payment.organization_id,
            id=new_id("pm"),
            customer_id=payment.customer_id,
            processor_account_id=payment.processor_account_id,
            payment_id=payment.id,
            created_at=now(),
            **values,
        )
        .on_conflict_do_nothing()
        .returning(PaymentMethod.id)
    ).scalar()
    if made and values["status"] == "active":
        audit.record(payment.organization_id, "payment_method.stored", "payment_method", made, {"payment": payment.id})


def _stored(saved: SavedCard) -> dict[str, Any]:
    return {
        "external_id": saved.external_id,
        "customer_external_id": saved.customer_external_id,
        "brand": saved.card.brand,
        "last4": saved.card.last4,
        "exp_month": saved.card.exp_month,
        "exp_year": saved.card.exp_year,
    }


def _know_customer(organization_id: str, customer_id: str, account_id: str, saved: SavedCard) -> None:
    db.session.execute(
        insert(ProcessorCustomer)
        .values(
            organization_id=organization_id,
            customer_id=customer_id,
            processor_account_id=account_id,
            external_id=saved.customer_external_id,
            created_at=now(),
        )
        .on_conflict_do_nothing()
    )


@dataclass(frozen=True)
class Storing:
    """A card on its way into its processor's vault, as plain data."""

    organization_id: str
    card_id: str
    account: Account
    wanted: SaveCard


def store_due() -> int:
    """Store the cards of approved charges where that comes after the charge. The job behind `queue.STORE_CARDS`."""
    queue.forget_mark(queue.STORE_CARDS)
    return drain("store_cards", _store_batch)


def _store_batch() -> tuple[int, int]:
    return work_all(_store, _claim(), THREADS)


def _claim(limit: int = THREADS) -> list[Storing | None]:
    """Take some that are due, for as long as a call may last and a little more. None for one that has to wait."""
    with transaction() as session:
        rows = session.execute(
            select(PaymentMethod, ProcessorAccount, Payment)
            .join(ProcessorAccount, account_behind(PaymentMethod))
            .join(
                Payment,
                (Payment.organization_id == PaymentMethod.organization_id) & (Payment.id == PaymentMethod.payment_id),
            )
            .where(PaymentMethod.status == "pending", PaymentMethod.next_attempt_at <= real_time())
            .order_by(PaymentMethod.next_attempt_at)
            .limit(limit)
            .with_for_update(skip_locked=True, of=PaymentMethod)
        ).all()
        return [_storing(*row) for row in rows]


def _storing(card: PaymentMethod, row: ProcessorAccount, payment: Payment) -> Storing | None:
    """None for an account whose secrets cannot be unsealed: its cards wait, and nobody else's wait with them."""
    card.probes += 1
    card.next_attempt_at = real_time() + PROBES[min(card.probes, len(PROBES) - 1)]
    try:
        account = processing.open_account(row)
    except ValueError as error:
        log.error("card %s cannot be stored, account %s: %s", card.id, row.id, error)
        return None
    card.next_attempt_at = real_time() + 2 * processing.patience(account) + processing.SEND_SLACK
    wanted = SaveCard(reference=card.id, token=card.source or "", holder=holder_of(payment))
    return Storing(card.organization_id, card.id, account, wanted)


def _store(storing: Storing) -> None:
    with organization(storing.organization_id):
        answer = processing.read(storing.account, lambda adapter: adapter.save_card(storing.wanted))
        _record(storing, answer)


def _record(storing: Storing, answer: Any) -> None:
    with transaction() as session:
        agreements = first_card.locked_by(storing.organization_id, storing.card_id)
        card = session.scalars(
            select(PaymentMethod)
            .where(
                PaymentMethod.organization_id == storing.organization_id,
                PaymentMethod.id == storing.card_id,
            )
            .with_for_update()
        ).one()
        if card.status != "pending":
            return
        match answer:
            case SavedCard() if _is_stored_already(card, answer):
                _fail(card, "stored_already")
            case SavedCard():
                activate(card, answer)
            case Unknown(reason=reason) if card.probes < len(PROBES):
                card.message, card.next_attempt_at = reason, real_time() + PROBES[card.probes - 1]
            case Unknown(reason=said) | Declined(code=said):
                _fail(card, said)
            case _:  # The holder would have to come back to the page for it: not worth asking them for.
                _fail(card, "action_required")
        if card.status == "failed":
            first_card.not_stored(agreements, card, answer.external_id if isinstance(answer, SavedCard) else None)


def _fail(card: PaymentMethod, message: str) -> None:
    move(card, "failed")
    card.message, card.next_attempt_at = message, None


def _is_stored_already(card: PaymentMethod, saved: SavedCard) -> bool:
    wanted = select(PaymentMethod.id).where(
        PaymentMethod.organization_id == card.organization_id,
        PaymentMethod.processor_account_id == card.processor_account_id,
        PaymentMethod.external_id == saved.external_id,
    )
    return db.session.scalars(wanted).first() is not None


def activate(card: PaymentMethod, saved: SavedCard) -> None:
    """A pending card is stored now. In the caller's transaction, with the card locked."""
    move(card, "active")
    for name, value in _stored(saved).items():
        setattr(card, name, value)
    card.next_attempt_at = card.message = None
    assert card.customer_id is not None, "a card is stored for somebody"
    _know_customer(card.organization_id, card.customer_id, card.processor_account_id, saved)
    audit.record(card.organization_id, "payment_method.stored", "payment_method", card.id, {"payment": card.payment_id})
