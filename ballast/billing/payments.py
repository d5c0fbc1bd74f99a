"""Collecting a payment: begin · submit · record, with the processor in between and no transaction held around it.

If the process dies …
  before `begin` commits: nothing happened.
  after `begin`, before the processor's prepare: an attempt `created`, nothing sent; the resolver closes it as `not_sent`.
  after prepare, before its id is committed: an unconfirmed charge nobody will confirm; the resolver closes the attempt as above.
  after the id is committed (`submitted`): the resolver asks the processor and records the truth.
An answer that is lost is `unknown` and resolved the same way; a second answer finds the attempt finished and changes nothing.
One open attempt per payment and one open claim per obligation are unique indexes, whatever road the second one takes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from ballast import audit, config, money
from ballast.billing import processing
from ballast.billing.outcomes import UNPAID, record
from ballast.billing.payloads import payment_payload
from ballast.clock import now, real_time
from ballast.db import db, transaction
from ballast.errors import Conflict, InvalidRequest, NotFound
from ballast.ids import new_id, to_uuid
from ballast.models import Attempt, Customer, Payment, ProcessorAccount
from ballast.models.customers import default_account
from ballast.models.payments import payment_of
from ballast.models.states import move
from ballast.notifications import webhooks
from ballast.processors.base import Charge, Credentials, Outcome, Prepared

# From the commit of an attempt to the last moment its confirmation may be sent, on top of the processor's timeouts.
SEND_SLACK = timedelta(seconds=5)


@dataclass(frozen=True)
class Begun:
    """An attempt whose intent is committed: everything the call needs, and no row."""

    organization_id: str
    attempt_id: str
    account: Credentials
    charge: Charge


@dataclass(frozen=True)
class NewPayment:
    """What a caller may say of a payment. `amount` is minor units; `payment_method` is the processor's own token."""

    amount: int
    currency: str
    description: str | None = None
    customer_id: str | None = None
    processor: str | None = None
    payment_method: str | None = None
    capture_method: str = "automatic"
    metadata: dict[str, str] | None = None
    order_id: str | None = None
    idempotency_key: str | None = None


def create(organization_id: str, asked: NewPayment) -> Payment:
    """A payment that has not been tried. In the caller's transaction.

    Raises InvalidRequest for an amount, currency, customer or processor we cannot take, Conflict(`idempotency_key_expired`) when a
    payment was made under this key before its stored answer expired.
    """
    check_amount(asked.amount, asked.currency)
    account = _account(organization_id, asked.processor)
    _check_customer(organization_id, asked.customer_id)
    payment = Payment(
        id=new_id("pay"),
        organization_id=organization_id,
        amount=asked.amount,
        currency=asked.currency,
        status="requires_confirmation" if asked.payment_method else "requires_payment_method",
        capture_method=asked.capture_method,
        amount_captured=0,
        amount_refunded=0,
        description=asked.description,
        processor=account.processor,
        processor_account_id=account.id,
        payment_method_token=asked.payment_method,
        customer_id=asked.customer_id,
        order_id=asked.order_id,
        metadata_=asked.metadata or {},
        idempotency_key=asked.idempotency_key,
        created_at=now(),
    )
    db.session.add(payment)
    _flush_once()
    audit.record(
        organization_id,
        "payment.created",
        "payment",
        payment.id,
        {"amount": payment.amount, "currency": payment.currency},
    )
    webhooks.publish(organization_id, "payment_intent.created", "payment", payment.id, payment_payload(payment))
    return payment


def check_amount(amount: int, currency: str) -> None:
    """Raises InvalidRequest(`currency_unknown`, `amount_invalid`)."""
    money.exponent(currency)
    if not 0 < amount <= money.MAX_AMOUNT:
        raise InvalidRequest(
            "amount_invalid", f"The amount must be between 1 and {money.MAX_AMOUNT} minor units.", param="amount"
        )


def _account(organization_id: str, processor: str | None) -> ProcessorAccount:
    account = db.session.scalars(default_account(organization_id, processor)).first()
    if account is None:
        named = f"{processor} account" if processor else "processor account"
        raise InvalidRequest("processor_unavailable", f"No {named} is set up and enabled.", param="processor")
    return account


def _check_customer(organization_id: str, customer_id: str | None) -> None:
    if customer_id is None:
        return
    if to_uuid(customer_id, "cus") is None:
        raise InvalidRequest("customer_unknown", f"No such customer {customer_id[:64]}.", param="customer")
    wanted = select(Customer.held_at).where(Customer.organization_id == organization_id, Customer.id == customer_id)
    row = db.session.execute(wanted).first()
    if row is None:
        raise InvalidRequest("customer_unknown", f"No such customer {customer_id}.", param="customer")
    if row[0] is not None:
        raise Conflict("customer_held", "This customer's charges are on hold.")


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


def begin(
    payment: Payment, payment_method: str | None = None, return_url: str | None = None, off_session: bool = False
) -> Begun:
    """Commit to an attempt: the payment becomes `processing`. In the caller's transaction, with the payment locked or new.

    Raises Conflict(`payment_in_progress`) while another attempt is open, Conflict(`state_conflict`) for a payment that is final or
    authorized already, Conflict(`customer_held`), InvalidRequest(`payment_method_required`).
    """
    token = payment_method or payment.payment_method_token
    if not token:
        raise InvalidRequest("payment_method_required", "Say which payment_method to charge.", param="payment_method")
    if payment.status in ("processing", "requires_action"):
        raise Conflict("payment_in_progress", "Another attempt at this payment is open. Wait for its outcome.")
    if payment.status not in UNPAID:
        raise Conflict("state_conflict", f"A payment that is {payment.status} cannot be tried again.")
    _check_customer(payment.organization_id, payment.customer_id)
    move(payment, "processing")
    payment.payment_method_token = token
    payment.last_error = payment.next_action = payment.card_brand = payment.card_last4 = None
    account = _account_of(payment)
    attempt = _new_attempt(payment, account, off_session)
    db.session.add(attempt)
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Conflict(
            "payment_in_progress", "Another attempt at this payment is open. Wait for its outcome."
        ) from error
    return Begun(
        payment.organization_id,
        attempt.id,
        processing.credentials_of(account),
        Charge(
            reference=attempt.id,
            payment_id=payment.id,
            amount=payment.amount,
            currency=payment.currency,
            payment_method=token,
            capture=payment.capture_method == "automatic",
            off_session=off_session,
            description=payment.description,
            return_url=return_url,
        ),
    )


def _account_of(payment: Payment) -> ProcessorAccount:
    """The payment's account; no statement when this transaction has read it already."""
    key = {"organization_id": payment.organization_id, "id": payment.processor_account_id}
    return db.session.get_one(ProcessorAccount, key)


def _new_attempt(payment: Payment, account: ProcessorAccount, off_session: bool) -> Attempt:
    count = select(func.count()).where(
        Attempt.organization_id == payment.organization_id, Attempt.payment_id == payment.id
    )
    deadline = real_time() + processor_patience() + SEND_SLACK
    return Attempt(
        id=new_id("att"),
        organization_id=payment.organization_id,
        payment_id=payment.id,
        number=(db.session.scalar(count) or 0) + 1,
        status="created",
        processor=payment.processor,
        processor_account_id=account.id,
        amount=payment.amount,
        currency=payment.currency,
        off_session=off_session,
        created_at=now(),
        send_deadline_at=deadline,
        next_probe_at=deadline + SEND_SLACK,
    )


def processor_patience() -> timedelta:
    """How long one call to a processor may last."""
    settings = config.current()
    return timedelta(seconds=settings.processor_connect_timeout + settings.processor_read_timeout)


def run(begun: Begun) -> None:
    """Take a begun attempt to the processor and record what it said. Holds no transaction while it waits."""
    prepared = processing.call(begun.account, lambda adapter: adapter.prepare(begun.charge))
    if not isinstance(prepared, Prepared):
        record(begun.organization_id, begun.attempt_id, prepared)
        return
    deadline = _mark_submitted(begun, prepared)
    charge = replace(begun.charge, external_id=prepared.external_id)
    if deadline is None or real_time() > deadline:
        return  # We were paused for too long: the attempt is the resolver's now, and nothing may be sent.
    outcome: Outcome = processing.call(begun.account, lambda adapter: adapter.submit(charge))
    record(begun.organization_id, begun.attempt_id, outcome)


def _mark_submitted(begun: Begun, prepared: Prepared) -> Any:
    """Commit the processor's id before the bank is asked. Answers the moment until which it may be; None when too late already."""
    with transaction() as session:
        attempt = session.scalars(
            select(Attempt)
            .where(Attempt.organization_id == begun.organization_id, Attempt.id == begun.attempt_id)
            .with_for_update()
        ).one()
        if attempt.status != "created" or real_time() > attempt.send_deadline_at:
            return None
        move(attempt, "submitted")
        attempt.external_id = prepared.external_id
        attempt.client_secret = prepared.client_secret
        attempt.submitted_at = real_time()
        attempt.send_deadline_at = deadline = attempt.submitted_at + SEND_SLACK
        attempt.next_probe_at = deadline + processor_patience()
        return deadline


def confirm(
    organization_id: str, payment_id: str, payment_method: str | None = None, return_url: str | None = None
) -> None:
    """Try to collect a payment, now. Raises NotFound, and what `begin` raises."""
    with transaction():
        payment = locked(organization_id, payment_id)
        begun = begin(payment, payment_method, return_url)
    run(begun)


def locked(organization_id: str, payment_id: str) -> Payment:
    """The payment, locked until the transaction ends. Raises NotFound."""
    if to_uuid(payment_id, "pay") is None:
        raise NotFound("payment")
    wanted = payment_of(organization_id, payment_id).with_for_update()
    # A payment read before it was locked may have been paid in between: what was read is read again.
    payment = db.session.scalars(wanted.execution_options(populate_existing=True)).first()
    if payment is None:
        raise NotFound("payment", payment_id)
    return payment


def find(organization_id: str, payment_id: str) -> Payment:
    """The payment. Raises NotFound."""
    if to_uuid(payment_id, "pay") is None:
        raise NotFound("payment")
    payment = db.session.scalars(payment_of(organization_id, payment_id)).first()
    if payment is None:
        raise NotFound("payment", payment_id)
    return payment
