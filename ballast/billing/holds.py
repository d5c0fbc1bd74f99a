"""Money that is held: captured in whole or in part, or let go. Three phases, and the same unknown as a charge.

If the process dies after `request`, the row is `pending` and the sweeper sends it. After the call, it is `submitted`: the sweeper
looks at the charge first, and acts again under the same reference only where the charge shows that nothing was done. The payment is
`processing` meanwhile; one open action for each payment is a unique index.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, select, tuple_

from ballast import audit, queue
from ballast.billing import attempt_locks, outcomes, processing
from ballast.billing.payments import locked
from ballast.billing.processing import Account
from ballast.billing.reconciliation import nights
from ballast.clock import now, real_time
from ballast.db import db, organization, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id
from ballast.models import Attempt, HoldAction, ProcessorAccount
from ballast.models.customers import account_behind
from ballast.models.payments import approved_attempt_of
from ballast.models.states import OPEN_HOLD_ACTION, move
from ballast.notifications.drain import drain, work_all
from ballast.processors.base import Approved, Declined, Lookup, NotSent, Outcome

log = logging.getLogger(__name__)

THREADS: Final = 4
LEASE: Final = timedelta(seconds=90)


def request(
    organization_id: str, payment_id: str, kind: str, amount: int | None = None, reason: str | None = None
) -> HoldAction:
    """Announce a capture of `amount` minor units (None: all that is held), or a void, with the `reason` the payment is canceled for.
    In the caller's transaction; `send` it after.

    Raises NotFound, Conflict(`payment_not_capturable`, `payment_in_progress`), InvalidRequest(`amount_invalid`, `capture_too_large`).
    """
    payment = locked(organization_id, payment_id)
    if payment.status == "processing":
        raise Conflict("payment_in_progress", "This payment is under way. Wait for its outcome.")
    if payment.status != "requires_capture":
        raise Conflict("payment_not_capturable", f"No money is held for a payment that is {payment.status}.")
    amount = payment.amount if amount is None else amount
    if amount <= 0:
        raise InvalidRequest("amount_invalid", "Enter an amount above zero.", param="amount_to_capture")
    if amount > payment.amount:
        raise InvalidRequest(
            "capture_too_large", "More than what is held cannot be captured.", param="amount_to_capture"
        )
    action = HoldAction(
        id=new_id("hold"),
        organization_id=organization_id,
        kind=kind,
        payment_id=payment.id,
        attempt_id=db.session.scalars(approved_attempt_of(organization_id, payment.id)).one().id,
        amount=amount,
        currency=payment.currency,
        status="pending",
        reason=reason,
        requested_by=audit.actor().id,
        created_at=now(),
        next_attempt_at=real_time() + LEASE,
    )
    move(payment, "processing")
    payment.last_error = None
    db.session.add(action)
    changes = {"amount": amount} | ({"reason": reason} if reason else {})
    audit.record(organization_id, f"payment.{kind}_requested", "payment", payment.id, changes)
    return action


@dataclass(frozen=True)
class Acting:
    """A capture or void on its way, as plain data. `looks_first`: it may have been sent before."""

    organization_id: str
    action_id: str
    attempt_id: str
    kind: str
    amount: int
    looks_first: bool
    account: Account
    lookup: Lookup
    send_by: datetime


def send(organization_id: str, action_id: str) -> None:
    """Take an announced action to the processor and record what it said."""
    for acting in filter(None, _mark_submitted([(organization_id, action_id)])):
        _act(acting)


def act_due() -> int:
    """Send what was announced and never sent; look after what was sent and never answered. The job behind `queue.HOLDS`."""
    queue.forget_mark(queue.HOLDS)
    return drain("act_on_holds", _act_batch)


def _act_batch() -> tuple[int, int]:
    return work_all(_act, _mark_submitted(None), THREADS)


def _mark_submitted(keys: list[tuple[str, str]] | None) -> list[Acting | None]:
    """Commit that a call is under way, before it is: of the actions named, or of some that are due. None for one that has to wait."""
    with transaction() as session:
        rows = session.execute(_chosen(keys)).all()
        return [_submit(*row) for row in rows]


def _chosen(keys: list[tuple[str, str]] | None) -> Select[HoldAction, Attempt, ProcessorAccount]:
    wanted = (
        select(HoldAction, Attempt, ProcessorAccount)
        .join(Attempt, (Attempt.organization_id == HoldAction.organization_id) & (Attempt.id == HoldAction.attempt_id))
        .join(ProcessorAccount, account_behind(Attempt))
        .where(HoldAction.status.in_(OPEN_HOLD_ACTION))
    )
    if keys is not None:
        return wanted.where(tuple_(HoldAction.organization_id, HoldAction.id).in_(keys)).with_for_update(of=HoldAction)
    due = wanted.where(HoldAction.next_attempt_at <= real_time()).order_by(HoldAction.next_attempt_at).limit(THREADS)
    return due.with_for_update(of=HoldAction, skip_locked=True)


def _submit(action: HoldAction, attempt: Attempt, row: ProcessorAccount) -> Acting | None:
    """None for an account whose secrets cannot be unsealed: its actions wait, and nobody else's wait with them."""
    action.next_attempt_at = real_time() + LEASE
    try:
        account = processing.open_account(row)
    except ValueError as error:
        log.error("%s of %s cannot be sent, account %s: %s", action.kind, action.payment_id, row.id, error)
        return None
    looks_first = action.status != "pending"
    looking = processing.patience(account) if looks_first else timedelta()
    sent_before = action.sent_at or real_time()
    if action.status != "submitted":
        move(action, "submitted")
    action.probes += 1
    # Nobody else takes it up before this has been sent and has had its answer, if it comes.
    action.sent_at = send_by = processing.send_deadline() + looking
    action.next_attempt_at = send_by + processing.patience(account)
    return Acting(
        action.organization_id,
        action.id,
        attempt.id,
        action.kind,
        action.amount,
        looks_first,
        account,
        Lookup(attempt.id, attempt.external_id, attempt.amount, attempt.currency, sent_before),
        send_by,
    )


def _act(acting: Acting) -> None:
    with organization(acting.organization_id):
        record(acting, _ask(acting))


def _ask(acting: Acting) -> Outcome:
    """Act, or say why that is not needed any more: refused may mean that somebody else was first."""
    if acting.looks_first and not _is_held(found := _look(acting)):
        return found
    outcome = _send(acting)
    if isinstance(outcome, Declined) and not _is_held(found := _look(acting)):
        return found
    return outcome


def _look(acting: Acting) -> Outcome:
    return processing.read(acting.account, lambda adapter: adapter.find(acting.lookup))


def _is_held(found: Outcome) -> bool:
    return isinstance(found, Approved) and not found.captured


def _send(acting: Acting) -> Outcome:
    if acting.kind == "void":
        return processing.send(
            acting.account, lambda adapter: adapter.void(acting.lookup, acting.action_id), acting.send_by
        )
    return processing.send(
        acting.account,
        lambda adapter: adapter.capture(acting.lookup, acting.amount, acting.action_id),
        acting.send_by,
    )


def record(acting: Acting, outcome: Outcome) -> None:
    """Write what became of it, once. What the charge shows decides, not what was wanted: a void may find the money taken."""
    with transaction() as session:
        attempt, payment = attempt_locks.lock(acting.organization_id, acting.attempt_id, with_order=True)
        action = session.scalars(
            select(HoldAction)
            .where(HoldAction.organization_id == acting.organization_id, HoldAction.id == acting.action_id)
            .with_for_update()
        ).one()
        if action.status not in OPEN_HOLD_ACTION:
            return
        match outcome:
            case Approved(captured=captured) if captured:
                _finish(action, "succeeded" if action.kind == "capture" else "failed", "captured")
                outcomes.collect(payment, attempt, captured)
                nights.compare_again(attempt)
            case NotSent(reason=reason):
                _finish(action, "succeeded" if action.kind == "void" else "failed", reason)
                outcomes.close(payment, action.reason)
            case Approved():
                _finish(action, "failed", "still_held")
                move(payment, "requires_capture")
            case Declined(code=code, message=message):
                _finish(action, "failed", code)
                move(payment, "requires_capture")
                payment.last_error = _error(code, message)
            case _:
                _wait(action, outcome)


def _finish(action: HoldAction, status: str, message: str) -> None:
    move(action, status)
    action.message = None if status == "succeeded" else message
    action.finished_at, action.next_attempt_at = now(), None


def _error(code: str, message: str) -> dict[str, str]:
    return {"type": "processor_error", "code": code, "message": message}


def _wait(action: HoldAction, outcome: Outcome) -> None:
    if action.status == "submitted":
        move(action, "unknown")
    action.message = getattr(outcome, "reason", "unreadable")
    action.next_attempt_at = real_time() + outcomes.PROBES[min(action.probes, len(outcomes.PROBES)) - 1]


def capture(organization_id: str, payment_id: str, amount: int | None = None) -> None:
    """Take what is held, or `amount` minor units of it, now; the rest is let go. Raises what `request` raises."""
    _now(organization_id, payment_id, "capture", amount)


def void(organization_id: str, payment_id: str) -> None:
    """Let go of what is held, now. Raises what `request` raises."""
    _now(organization_id, payment_id, "void", None)


def _now(organization_id: str, payment_id: str, kind: str, amount: int | None) -> None:
    with transaction():
        action_id = request(organization_id, payment_id, kind, amount).id
    send(organization_id, action_id)
