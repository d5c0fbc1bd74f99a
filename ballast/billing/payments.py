"""Collecting a payment: begin · submit · record, with the processor in between and no transaction held around it.

If the process dies …
  before `begin` commits: nothing happened.
  after `begin`, before the processor's prepare: an attempt `created`, nothing sent; the resolver closes it as `not_sent`.
  after prepare, before that is committed: an unconfirmed charge nobody will confirm; the resolver closes the attempt as above.
  after it is committed (`submitted`): the resolver asks the processor, by the charge's id or by our reference, and records the truth.
An answer that is lost is `unknown` and resolved the same way; a second answer finds the attempt finished and changes nothing.
One open attempt per payment and one open claim per obligation are unique indexes, whatever road the second one takes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Literal

from sqlalchemy import ARRAY, DateTime, bindparam, column, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningUpdate

from ballast import audit, logs
from ballast.billing import budgets, bulkhead, cards, changes, lookup, prevented, processing
from ballast.billing.new_payments import NewPayment, check_card, check_customer
from ballast.billing.outcomes import UNPAID, record
from ballast.billing.processing import Account
from ballast.clock import now, real_time
from ballast.db import db, gathers, insert_row, once, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id
from ballast.models import Attempt, Payment, ProcessorAccount
from ballast.models.payments import payment_of
from ballast.models.states import move
from ballast.processors.base import Charge, NotSent, Outcome, Prepared
from ballast.processors.declines import NOT_NEW

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """An attempt whose intent is committed: everything the call needs, and no row."""

    organization_id: str
    attempt_id: str
    account: Account
    charge: Charge
    send_by: datetime


@dataclass(frozen=True)
class Source:
    """What an attempt charges, where that is not what the payment has already. `payment_method`: as in NewPayment. `verification`:
    what 3-D Secure before the charge came to. `account_id`: where the browser's token is from. `device_data`: what the processor's
    library says of the device. `series`: what the charge is one of, where it repeats."""

    payment_method: str | None = None
    verification: str | None = None
    account_id: str | None = None
    save_card: bool | None = None
    one_time: bool = False
    device_data: str | None = None
    series: Literal["recurring", "installment"] | None = None
    first_of_series: bool = False


def begin(payment: Payment, source: Source | None = None, return_url: str | None = None) -> Begun:
    """Commit to an attempt: the payment becomes `processing`. In the caller's transaction, with the payment locked or new.

    Raises Conflict(`payment_in_progress`) while another attempt is open, and what `write` raises.
    """
    begun = write(payment, source, return_url)
    whose = (payment.organization_id, "open_attempt", payment.id, payment.id)
    try:
        db.session.flush()
    except IntegrityError as error:
        prevented.note_refusal(*whose)
        raise Conflict(
            "payment_in_progress", "Another attempt at this payment is open. Wait for its outcome."
        ) from error
    return begun


def write(payment: Payment, source: Source | None = None, return_url: str | None = None) -> Begun:
    """As `begin`, with the flush left to the caller, who begins many: where another attempt is open, that raises IntegrityError.

    Raises Conflict(`payment_in_progress`, `state_conflict`) for a payment that is tried, final or authorized already,
    Conflict(`customer_held`), InvalidRequest(`payment_method_required`, `payment_method_unknown`, `payment_method_not_stored`),
    Conflict(`payment_method_blocked`, `retry_limit_reached`) where a network allows no more tries.
    """
    if payment.status in ("processing", "requires_action"):
        prevented.note_refusal(payment.organization_id, "open_attempt", payment.id, payment.id)
        raise Conflict("payment_in_progress", "Another attempt at this payment is open. Wait for its outcome.")
    if payment.status not in UNPAID:
        raise Conflict("state_conflict", f"A payment that is {payment.status} cannot be tried again.")
    source = source or Source()
    _take_source(payment, source)
    check_customer(payment.organization_id, payment.customer_id)
    if payment.payment_method_id is not None:
        budgets.spend(payment.organization_id, payment.payment_method_id, payment.amount)
    move(payment, "processing")
    payment.last_error = payment.next_action = payment.card_brand = payment.card_last4 = None
    row = _account_of(payment)
    account: Account = once((Account, row.id), lambda: _opened(row))
    number = once((Attempt, payment.id), lambda: _count_attempts(payment)) + 1
    attempt = first_state(payment, account, number)
    if gathers():
        insert_row(Attempt, attempt)
    else:
        db.session.add(Attempt(**attempt))
    charge = charge_of(payment, attempt["id"], source, return_url)
    return Begun(payment.organization_id, attempt["id"], account, charge, attempt["send_deadline_at"])


def _take_source(payment: Payment, source: Source) -> None:
    """Write what is to be charged, and where, into the payment. Between attempts a payment may move to another account."""
    token = source.payment_method
    if token and source.one_time and cards.is_stored(payment.organization_id, token):
        raise InvalidRequest("payment_method_not_new", NOT_NEW, param="payment_method")
    if token and token not in (payment.payment_method_token, payment.payment_method_id):
        card = cards.find_named(payment.organization_id, token)
        check_card(card, payment.customer_id, _asked_of(payment))
        payment.payment_method_id = card.id if card else None
        payment.payment_method_token = card.external_id if card else token
        account_id = card.processor_account_id if card else source.account_id
        if account_id and account_id != payment.processor_account_id:
            payment.processor_account_id = account_id
            payment.processor = _account_of(payment).processor
    if source.save_card is not None:
        payment.save_card = source.save_card and payment.payment_method_id is None
    if not payment.payment_method_token:
        raise InvalidRequest("payment_method_required", "Say which payment_method to charge.", param="payment_method")
    cards.find_named(payment.organization_id, payment.payment_method_id)  # it may have been detached since


def _asked_of(payment: Payment) -> NewPayment:
    return NewPayment(payment.amount, payment.currency, off_session=payment.off_session)


def charge_of(payment: Payment, attempt_id: str, source: Source, return_url: str | None) -> Charge:
    """What a processor is asked for."""
    is_stored = payment.payment_method_id is not None
    return Charge(
        reference=attempt_id,
        payment_id=payment.id,
        amount=payment.amount,
        currency=payment.currency,
        payment_method=payment.payment_method_token or "",
        capture=payment.capture_method == "automatic",
        off_session=payment.off_session,
        description=payment.description,
        return_url=return_url,
        holder=cards.holder_of(payment) if is_stored or payment.save_card else None,
        save=payment.save_card,
        one_time=source.one_time,
        verification=source.verification,
        device_data=source.device_data,
        series=source.series or ("unscheduled" if payment.off_session else None),
        first_of_series=source.first_of_series,
    )


def _account_of(payment: Payment) -> ProcessorAccount:
    """The payment's account; no statement when this transaction has read it already."""
    key = {"organization_id": payment.organization_id, "id": payment.processor_account_id}
    return db.session.get_one(ProcessorAccount, key)


def _opened(row: ProcessorAccount) -> Account:
    try:
        return processing.open_account(row)
    except ValueError as error:
        log.error("account %s cannot be charged: %s", row.id, error)
        raise InvalidRequest(
            "processor_unavailable", "The keys of this processor account cannot be read.", param="processor"
        ) from error


def first_state(payment: Payment, account: Account, number: int) -> dict[str, Any]:
    """An attempt of which nothing was sent, by column. `number`: which one of its payment, from 1."""
    deadline = real_time() + processing.patience(account) + processing.SEND_SLACK
    return {
        "id": new_id("att"),
        "organization_id": payment.organization_id,
        "payment_id": payment.id,
        "number": number,
        "status": "created",
        "processor": payment.processor,
        "processor_account_id": account.id,
        "amount": payment.amount,
        "currency": payment.currency,
        "off_session": payment.off_session,
        "payment_method_id": payment.payment_method_id,
        "created_at": now(),
        "send_deadline_at": deadline,
        "next_probe_at": deadline + processing.SEND_SLACK,
    }


def _count_attempts(payment: Payment) -> int:
    count = select(func.count()).where(
        Attempt.organization_id == payment.organization_id, Attempt.payment_id == payment.id
    )
    return db.session.scalar(count) or 0


def run(begun: Begun) -> None:
    """Take a begun attempt to the processor and record what it said. Holds no transaction while it waits."""
    with logs.about(payment=begun.charge.payment_id, attempt=begun.attempt_id):
        outcome = ask(begun, lambda prepared: mark_submitted([(begun, prepared)]).get(begun.attempt_id))
        if outcome is not None:
            record(begun.organization_id, begun.attempt_id, outcome)


def ask(begun: Begun, mark: Callable[[Prepared], datetime | None]) -> Outcome | None:
    """What the processor says of a begun attempt. None: we were too late, nothing was sent, and the attempt is the resolver's.

    `mark`: commits that the bank will be asked, and answers until when it may be; None for too late, or by somebody else already.
    """
    with bulkhead.place(begun.account.processor) as has_place:
        return _ask(begun, mark) if has_place else NotSent("busy")


def _ask(begun: Begun, mark: Callable[[Prepared], datetime | None]) -> Outcome | None:
    prepared = processing.send(begun.account, lambda adapter: adapter.prepare(begun.charge), begun.send_by)
    if not isinstance(prepared, Prepared):
        return prepared
    deadline = mark(prepared)
    charge = replace(begun.charge, external_id=prepared.external_id)
    if deadline is None or real_time() > deadline:
        with transaction():
            prevented.note(begun.organization_id, "late_send", begun.attempt_id, begun.charge.payment_id)
        return None
    outcome: Outcome = processing.send(begun.account, lambda adapter: adapter.submit(charge), deadline)
    return outcome


def mark_submitted(prepared: Sequence[tuple[Begun, Prepared]]) -> dict[str, datetime]:
    """Commit that the bank will be asked. Answers by attempt the moment until which it may be; one for which that is too late
    already, or that is not `created` any more, is not in the answer.
    """
    at = real_time()
    deadline = at + processing.SEND_SLACK
    told = {
        "organizations": [one.organization_id for one, _ in prepared],
        "attempts": [one.attempt_id for one, _ in prepared],
        "charges": [said.external_id for _, said in prepared],
        "secrets": [said.client_secret for _, said in prepared],
        "probe_times": [deadline + processing.patience(one.account) for one, _ in prepared],
    }
    with transaction() as session:
        marked = session.scalars(_marking(), told | {"at": at, "deadline": deadline})
        return dict.fromkeys(marked, deadline)


@cache
def _marking() -> ReturningUpdate[str]:
    """Made once, and one text however many are told of."""
    columns = {
        "organizations": Attempt.organization_id,
        "attempts": Attempt.id,
        "charges": Attempt.external_id,
        "secrets": Attempt.client_secret,
        "probe_times": Attempt.next_probe_at,
    }
    lists = (bindparam(name, type_=ARRAY(one.type)) for name, one in columns.items())
    told = func.unnest(*lists).table_valued(*(column(name, one.type) for name, one in columns.items()))
    told = told.render_derived(name="told")
    at, deadline = (bindparam(name, type_=DateTime(timezone=True)) for name in ("at", "deadline"))
    return (
        update(Attempt)
        .where(
            Attempt.organization_id == told.c.organizations,
            Attempt.id == told.c.attempts,
            Attempt.status + "" == "created",  # by its id, never by the index of all that were open a moment ago
            Attempt.send_deadline_at >= at,
        )
        .values(
            status="submitted",
            external_id=told.c.charges,
            client_secret=told.c.secrets,
            submitted_at=at,
            send_deadline_at=deadline,
            next_probe_at=told.c.probe_times,
        )
        .returning(Attempt.id)
        .execution_options(synchronize_session=False)
    )


def confirm(
    organization_id: str, payment_id: str, payment_method: str | None = None, return_url: str | None = None
) -> None:
    """Try to collect a payment, now. Raises NotFound, and what `begin` raises."""
    with transaction():
        payment = locked(organization_id, payment_id)
        begun = begin(payment, Source(payment_method), return_url)
    run(begun)


def change(organization_id: str, payment_id: str, wanted: Mapping[str, Any]) -> Payment:
    """Set `description` and merge `metadata`. In the caller's transaction. Raises NotFound, InvalidRequest(`metadata_too_large`)."""
    payment = locked(organization_id, payment_id)
    differences = changes.apply(payment, wanted)
    if differences:
        audit.record(organization_id, "payment.updated", "payment", payment.id, differences)
    return payment


def locked(organization_id: str, payment_id: str) -> Payment:
    """The payment, locked until the transaction ends. Raises NotFound."""
    found: Payment = once((Payment, organization_id, payment_id), lambda: _lock(organization_id, payment_id))
    return found


def _lock(organization_id: str, payment_id: str) -> Payment:
    wanted = payment_of(organization_id, payment_id).with_for_update()
    # A payment read before it was locked may have been paid in between: what was read is read again.
    return lookup.find(wanted.execution_options(populate_existing=True), payment_id, "pay", "payment")


def find(organization_id: str, payment_id: str) -> Payment:
    """The payment. Raises NotFound."""
    return lookup.find(payment_of(organization_id, payment_id), payment_id, "pay", "payment")
