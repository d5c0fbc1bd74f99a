"""Storing a card without charging it: its holder has typed it on a page of ours, to be charged later.

Three phases, as for a charge: the intent is committed (a `pending` card with its `purpose`), the processor is asked with no
transaction held, what it said is recorded and the card put to use in one commit. If the process dies …
  before the first commit: nothing happened.
  after it: the card is pending, and `finish_due` asks again under the same reference, which stores one card however often.
An answer that is lost is asked for the same way. A bank that asks its customer (Stripe) is answered on the page; asked again, the
processor tells how that came out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Select, select, tuple_

from ballast import audit
from ballast.billing import cards, processing, velocity, ways
from ballast.billing.cards import PROBES
from ballast.billing.checkout_form import Token
from ballast.billing.processing import Account
from ballast.clock import now, real_time
from ballast.db import db, organization, transaction
from ballast.errors import InvalidRequest, NotFound
from ballast.ids import new_id, to_uuid
from ballast.models import Order, PaymentMethod, ProcessorAccount
from ballast.models.customers import account_behind, account_of, card_of
from ballast.models.states import move
from ballast.notifications.drain import drain, work_all
from ballast.processors.base import ActionRequired, Declined, SaveCard, SavedCard, Unknown
from ballast.processors.declines import AUTHENTICATION, PUBLIC_SENTENCE

log = logging.getLogger(__name__)

THREADS: Final = 8
# After so many looks, an hour and more, a bank that still waits for its customer is not waited for any longer.
PATIENT_LOOKS: Final = 4
Said = SavedCard | Declined | ActionRequired | Unknown
PutToUse = Callable[[PaymentMethod], None]


@dataclass(frozen=True)
class Setup:
    """A card on its way into a processor's vault, as plain data."""

    organization_id: str
    card_id: str
    account: Account
    wanted: SaveCard


@dataclass(frozen=True)
class Outcome:
    """How it stands, for the page. `sentence`: why it was not stored. `client_secret`: what the bank's question is put with."""

    state: Literal["stored", "declined", "action", "processing"]
    sentence: str = ""
    client_secret: str | None = None


def begin(organization_id: str, customer_id: str, typed: Token, account_id: str, purpose: str) -> Setup:
    """Commit to storing a card. In the caller's transaction; then `run`. `account_id`: where its token is from.

    `purpose`: the id of a subscription, or of an order. Raises InvalidRequest(`payment_method_not_new`, `processor_unavailable`).
    """
    token = typed.verification or typed.payment_method
    if cards.is_stored(organization_id, token):
        raise InvalidRequest("payment_method_not_new", "Please enter the card anew.", param="payment_method")
    card = PaymentMethod(
        id=new_id("pm"),
        organization_id=organization_id,
        status="pending",
        customer_id=customer_id,
        processor_account_id=account_id,
        source=token,
        purpose=purpose,
        created_at=now(),
    )
    db.session.add(card)
    db.session.flush()
    setup = _setup(card, db.session.scalars(account_of(organization_id, account_id)).one())
    if setup is None:
        raise InvalidRequest(
            "processor_unavailable", "This card cannot be taken at the moment.", param="payment_method"
        )
    return setup


def begin_for(order: Order, typed: Token, amount: int) -> Setup:
    """As `begin`, for an order of which nothing is due today, and whose customer is known. `amount`: minor units that the account has
    to take later.

    Raises Conflict(`processor_changed`), InvalidRequest(`payment_method_required`) and what `begin` raises.
    """
    account_id = ways.check(order.organization_id, typed.account_id, amount, order.currency)
    if account_id is None:
        raise InvalidRequest("payment_method_required", "Enter your card details.", param="payment_method")
    assert order.customer_id is not None, "the customer is known before a card of theirs is stored"
    return begin(order.organization_id, order.customer_id, typed, account_id, order.id)


def of_order(order: Order, *statuses: str) -> PaymentMethod | None:
    """The newest card that was typed to be stored for an order, in one of these statuses."""
    wanted = select(PaymentMethod).where(
        PaymentMethod.organization_id == order.organization_id,
        PaymentMethod.purpose == order.id,
        PaymentMethod.status.in_(statuses),
    )
    return db.session.scalars(wanted.order_by(PaymentMethod.id.desc()).limit(1)).first()


def run(setup: Setup, put_to_use: PutToUse) -> Outcome:
    """Have the processor store it, and put it to use. Asked twice it stores one card. Holds no transaction while it asks."""
    said: Said = processing.read(setup.account, lambda adapter: adapter.save_card(setup.wanted))
    return _record(setup, said, put_to_use)


def look(organization_id: str, card_id: str, purpose: str, put_to_use: PutToUse) -> Outcome:
    """How it stands now; one that is not decided is asked about. Raises NotFound for a card that is not for this purpose."""
    card = db.session.scalars(card_of(organization_id, card_id)).first() if to_uuid(card_id, "pm") else None
    if card is None or card.purpose != purpose:
        raise NotFound("card")
    if card.status != "pending":
        return _outcome(card)
    for setup in filter(None, _claim([(organization_id, card_id)])):
        return run(setup, put_to_use)
    return Outcome("processing")


def _outcome(card: PaymentMethod) -> Outcome:
    if card.status == "failed" and card.message != "stored_already":
        return Outcome("declined", card.message or PUBLIC_SENTENCE["soft"])
    return Outcome("stored")


# --- What is left over -------------------------------------------------------------------------------------------------------


def finish_due(put_to_use: PutToUse) -> int:
    """Ask again about every card whose storing is not decided and whose time has come."""
    return drain("set_up_cards", lambda: _batch(put_to_use))


def _batch(put_to_use: PutToUse) -> tuple[int, int]:
    def one(setup: Setup) -> None:
        with organization(setup.organization_id):
            run(setup, put_to_use)

    return work_all(one, _claim(None), THREADS)


def _claim(keys: list[tuple[str, str]] | None) -> list[Setup | None]:
    """Take those named, or some that are due, for as long as a call may last and a little more. None for one that has to wait."""
    with transaction() as session:
        rows = session.execute(_chosen(keys)).all()
        return [_setup(*row) for row in rows]


def _chosen(keys: list[tuple[str, str]] | None) -> Select[PaymentMethod, ProcessorAccount]:
    wanted = (
        select(PaymentMethod, ProcessorAccount)
        .join(ProcessorAccount, account_behind(PaymentMethod))
        .where(PaymentMethod.status == "pending", PaymentMethod.purpose.is_not(None))
    )
    if keys is not None:
        named = tuple_(PaymentMethod.organization_id, PaymentMethod.id).in_(keys)
        return wanted.where(named).with_for_update(of=PaymentMethod)
    due = wanted.where(PaymentMethod.next_attempt_at <= real_time()).order_by(PaymentMethod.next_attempt_at)
    return due.limit(THREADS).with_for_update(of=PaymentMethod, skip_locked=True)


def _setup(card: PaymentMethod, row: ProcessorAccount) -> Setup | None:
    """None for an account whose secrets cannot be unsealed: its cards wait, and nobody else's wait with them."""
    card.probes += 1
    card.next_attempt_at = real_time() + PROBES[min(card.probes, len(PROBES)) - 1]
    try:
        account = processing.open_account(row)
    except ValueError as error:
        log.error("card %s cannot be stored, account %s: %s", card.id, row.id, error)
        return None
    card.next_attempt_at = max(card.next_attempt_at, real_time() + 2 * processing.patience(account))
    assert card.customer_id is not None, "a card is stored for somebody"
    holder = cards.holder(card.organization_id, card.customer_id, row.id)
    return Setup(card.organization_id, card.id, account, SaveCard(card.id, card.source or "", holder))


# --- Recording ---------------------------------------------------------------------------------------------------------------


def _record(setup: Setup, said: Said, put_to_use: PutToUse) -> Outcome:
    """Write down what the processor said, once."""
    with transaction() as session:
        locked = card_of(setup.organization_id, setup.card_id).with_for_update()
        card = session.scalars(locked.execution_options(populate_existing=True)).one()
        if card.status != "pending":
            return _outcome(card)
        match said:
            case SavedCard():
                put_to_use(_store(card, said))
            case Declined(message=message):
                _fail(card, message)
                velocity.count_refusal(card.organization_id, setup.wanted.token)
            case ActionRequired(client_secret=secret) if card.probes <= PATIENT_LOOKS:
                return Outcome("action", client_secret=secret)
            case Unknown(reason=reason) if card.probes < len(PROBES):
                card.message = reason
                return Outcome("processing")
            case _:
                _fail(card, AUTHENTICATION)
        return _outcome(card)


def _store(card: PaymentMethod, saved: SavedCard) -> PaymentMethod:
    """The card that is charged from now on: this one, or the one that was stored before from the same source."""
    wanted = select(PaymentMethod).where(
        PaymentMethod.organization_id == card.organization_id,
        PaymentMethod.processor_account_id == card.processor_account_id,
        PaymentMethod.external_id == saved.external_id,
        PaymentMethod.customer_id == card.customer_id,
    )
    earlier = db.session.scalars(wanted).first()
    if earlier is not None:
        _fail(card, "stored_already")
        return earlier
    cards.activate(card, saved)
    return card


def _fail(card: PaymentMethod, message: str) -> None:
    move(card, "failed")
    card.message, card.next_attempt_at = message, None
    audit.record(card.organization_id, "payment_method.not_stored", "payment_method", card.id)
