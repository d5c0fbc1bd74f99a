"""Payments that nobody has tried: what a caller may ask for, whether we can take it, and the row it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.exc import IntegrityError

from ballast import audit, money
from ballast.billing import cards, usual_accounts
from ballast.billing.payloads import payment_payload
from ballast.clock import now
from ballast.db import db, known, once
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.models import Customer, Payment, PaymentMethod, ProcessorAccount
from ballast.models.customers import account_of, default_account
from ballast.notifications import webhooks


@dataclass(frozen=True)
class NewPayment:
    """What a caller may say of a payment. `amount` is minor units; `payment_method` is a stored card of ours (`pm_…`) or the
    processor's own token. `off_session`: its holder is not there, so only a stored card will do. `save_card`: store it if it pays.
    """

    amount: int
    currency: str
    description: str | None = None
    customer_id: str | None = None
    processor: str | None = None
    account_id: str | None = None
    payment_method: str | None = None
    off_session: bool = False
    save_card: bool = False
    capture_method: str = "automatic"
    metadata: dict[str, str] | None = None
    order_id: str | None = None
    idempotency_key: str | None = None


def create(organization_id: str, asked: NewPayment) -> Payment:
    """A payment that has not been tried. In the caller's transaction.

    Raises InvalidRequest for an amount, currency, customer or processor we cannot take, Conflict(`idempotency_key_expired`) when a
    payment was made under this key before its stored answer expired.
    """
    payment = draft(organization_id, asked)
    _flush_once()
    return payment


def draft(organization_id: str, asked: NewPayment) -> Payment:
    """As `create`, with the flush left to the caller, who makes many; not under an idempotency key. Raises InvalidRequest."""
    check_amount(asked.amount, asked.currency)
    card = cards.find_named(organization_id, asked.payment_method)
    customer_id = asked.customer_id or (card.customer_id if card else None)
    check_customer(organization_id, customer_id)
    check_card(card, customer_id, asked)
    account = _account(organization_id, asked, card)
    fields = first_fields(asked, new_id("pay"), customer_id, account.processor, now())
    payment = Payment(
        organization_id=organization_id,
        off_session=asked.off_session,
        save_card=asked.save_card and card is None,
        processor_account_id=account.id,
        order_id=asked.order_id,
        **fields | _stored(card),
    )
    db.session.add(payment)
    said = {"amount": payment.amount, "currency": payment.currency}
    with db.session.no_autoflush:  # a key that was used before is found where the payment is flushed
        audit.record(organization_id, "payment.created", "payment", payment.id, said)
        webhooks.publish(organization_id, "payment_intent.created", "payment", payment.id, payment_payload(payment))
    return payment


def first_fields(
    asked: NewPayment, payment_id: str, customer_id: str | None, processor: str, at: datetime
) -> dict[str, Any]:
    """What is to be seen of a payment that nobody has tried, by column. `at`: on the organization's clock."""
    return {
        "id": payment_id,
        "amount": asked.amount,
        "currency": asked.currency,
        "status": "requires_confirmation" if asked.payment_method else "requires_payment_method",
        "capture_method": asked.capture_method,
        "amount_captured": 0,
        "amount_refunded": 0,
        "description": asked.description,
        "processor": processor,
        "payment_method_token": asked.payment_method,
        "payment_method_id": None,
        "customer_id": customer_id,
        "metadata_": asked.metadata or {},
        "idempotency_key": asked.idempotency_key,
        "created_at": at,
    }


def _stored(card: PaymentMethod | None) -> dict[str, Any]:
    return {"payment_method_token": card.external_id, "payment_method_id": card.id} if card else {}


def check_amount(amount: int, currency: str) -> None:
    """Raises InvalidRequest(`currency_unknown`, `amount_invalid`)."""
    money.exponent(currency)
    if not 0 < amount <= money.MAX_AMOUNT:
        raise InvalidRequest(
            "amount_invalid", f"The amount must be between 1 and {money.MAX_AMOUNT} minor units.", param="amount"
        )


def _account(organization_id: str, asked: NewPayment, card: PaymentMethod | None) -> ProcessorAccount:
    """The account of the stored card, else the one named, else the default one (of a processor, if one is named)."""
    account_id = card.processor_account_id if card else asked.account_id
    account = known((ProcessorAccount, organization_id, account_id)) or _find_account(
        organization_id, account_id, asked
    )
    if account is None:
        said = (
            f"No {asked.processor} account is set up and enabled."
            if asked.processor
            else "The default processor account takes no new cards. Name a processor, or make another account the default."
        )
        raise InvalidRequest("processor_unavailable", said, param="processor")
    if account_id is None:
        usual_accounts.note(asked.processor, account)
    if asked.processor not in (None, account.processor):
        raise InvalidRequest(
            "processor_mismatch", f"This card is stored at {account.processor}, and stays there.", param="processor"
        )
    return account


def _find_account(organization_id: str, account_id: str | None, asked: NewPayment) -> ProcessorAccount | None:
    wanted = (
        account_of(organization_id, account_id) if account_id else default_account(organization_id, asked.processor)
    )
    return db.session.scalars(wanted).first()


def check_card(card: PaymentMethod | None, customer_id: str | None, asked: NewPayment) -> None:
    """Raises InvalidRequest(`payment_method_unknown`, `payment_method_not_stored`, `customer_required`)."""
    if card is not None and card.customer_id != customer_id:
        raise InvalidRequest(
            "payment_method_unknown", "This card is not stored for this customer.", param="payment_method"
        )
    if asked.off_session and card is None:
        raise InvalidRequest(
            "payment_method_not_stored",
            "Off-session, only a stored card (pm_…) can be charged.",
            param="payment_method",
        )
    if asked.save_card and customer_id is None:
        raise InvalidRequest("customer_required", "Say whose card is to be stored.", param="customer")


def check_customer(organization_id: str, customer_id: str | None) -> None:
    """Raises InvalidRequest(`customer_unknown`), Conflict(`customer_held`)."""
    if customer_id is None:
        return
    if to_uuid(customer_id, "cus") is None:
        raise InvalidRequest("customer_unknown", f"No such customer {customer_id[:64]}.", param="customer")
    held = once(("held", organization_id, customer_id), lambda: _read_hold(organization_id, customer_id))
    if held is None:
        raise InvalidRequest("customer_unknown", f"No such customer {customer_id}.", param="customer")
    if held[0] is not None:
        raise Conflict("customer_held", "This customer's charges are on hold.")


def _read_hold(organization_id: str, customer_id: str) -> Row[datetime | None] | None:
    wanted = select(Customer.held_at).where(Customer.organization_id == organization_id, Customer.id == customer_id)
    return db.session.execute(wanted).first()


def _flush_once() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        if "idempotency_key" not in str(error.orig):
            raise
        raise Conflict(
            "idempotency_key_expired",
            "A payment was made under this Idempotency-Key and its stored answer has expired. Look in the payments list.",
        ) from error
