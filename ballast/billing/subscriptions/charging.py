"""The nightly run, every few seconds: periods end, invoices fall due, cards are charged.

Rows are claimed under a lease in batches, those of organizations with a clock of their own left out (they are driven by their clock).
Each row is one short transaction of its own, so a bad one spoils no other; a processor is asked by at most as many threads as its
pace needs, and no faster than its pace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, tuple_, update

from ballast import queue
from ballast.billing.subscriptions import collecting, rolling
from ballast.billing.subscriptions.pace import pace_of
from ballast.clock import now, real_time
from ballast.db import db, organization, transaction
from ballast.models import Customer, Installment, Invoice, PaymentMethod, ProcessorAccount, Subscription
from ballast.models.customers import is_held
from ballast.models.financing import is_chargeable
from ballast.models.identity import lives_by_real_time
from ballast.notifications.drain import BATCH, drain, run_all

THREADS: Final = 16
LEASE: Final = timedelta(minutes=5)
Key = tuple[str, str]


def charge_due(organization_id: str | None = None) -> int:
    """Renew and charge what is due now. The job behind `queue.CHARGE_SUBSCRIPTIONS`; answers how many rows were taken.

    `organization_id`: of that organization alone, which may have a clock of its own; the caller has set the clock then.
    """
    queue.forget_mark(queue.CHARGE_SUBSCRIPTIONS)
    return drain("charge_subscriptions", lambda: _batch(organization_id))


def _batch(organization_id: str | None) -> tuple[int, int]:
    rolled = work(Subscription, Subscription.next_action_at, organization_id, rolling.roll)
    charged = work(Invoice, Invoice.next_attempt_at, organization_id, _collect)
    return rolled[0] + charged[0], rolled[1] + charged[1]


def work(
    model: Any, due_at: Any, organization_id: str | None, act: Callable[[str, str], Any], threads: int = THREADS
) -> tuple[int, int]:
    """Do `act` (organization, id) to a batch of what is due, each row alone; answers how many were taken, and how many failed."""
    keys = claim(model, due_at, organization_id)

    def one(key: Key) -> None:
        with organization(key[0]):
            act(*key)

    results = run_all(one, keys, threads)
    release(model, [key for key, result in zip(keys, results, strict=True) if not isinstance(result, Exception)])
    return len(keys), sum(1 for result in results if isinstance(result, Exception))


def claim(model: Any, due_at: Any, organization_id: str | None) -> list[Key]:
    """Take what is due by the organization's clock, the longest due first, for `LEASE`. Commits."""
    chosen = (
        select(model.organization_id, model.id)
        .where(*due(model, due_at, organization_id), (model.lease_until.is_(None)) | (model.lease_until < real_time()))
        .order_by(due_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    taking = (
        update(model)
        .where(tuple_(model.organization_id, model.id).in_(select(chosen)))
        .values(lease_until=real_time() + LEASE)
        .returning(model.organization_id, model.id)
        .execution_options(synchronize_session=False)
    )
    with transaction() as session:
        return [(row[0], row[1]) for row in session.execute(taking)]


def due(model: Any, due_at: Any, organization_id: str | None) -> list[ColumnElement[bool]]:
    """What is due now: of one organization, or of all that live by real time and whose customers' charges are not on hold."""
    whose = lives_by_real_time(model.organization_id)
    found = [due_at <= now(), whose if organization_id is None else model.organization_id == organization_id]
    return [*found, *_chargeable(model)]


def _chargeable(model: Any) -> list[ColumnElement[bool]]:
    """What customers whose charges are on hold owe waits; subscriptions and agreements are looked at all the same."""
    if model is Invoice:
        return [~is_held(Invoice.organization_id, Invoice.customer_id)]
    return [is_chargeable()] if model is Installment else []


def release(model: Any, keys: list[Key]) -> None:
    """What was done may fall due again at once; what failed waits for its lease."""
    if not keys:
        return
    with transaction() as session:
        session.execute(
            update(model)
            .where(tuple_(model.organization_id, model.id).in_(keys))
            .values(lease_until=None)
            .execution_options(synchronize_session=False)
        )


def _collect(organization_id: str, invoice_id: str) -> None:
    """Charge it at its processor's pace."""
    account = _account_of(organization_id, invoice_id)
    db.session.rollback()
    if account is not None:
        pace_of(*account).wait()
    collecting.collect(organization_id, invoice_id)


def _account_of(organization_id: str, invoice_id: str) -> tuple[str, str] | None:
    """The account, and its processor, that will be asked: of the subscription's card, else of the customer's."""
    wanted = (
        select(ProcessorAccount.id, ProcessorAccount.processor)
        .join(
            PaymentMethod,
            (PaymentMethod.organization_id == ProcessorAccount.organization_id)
            & (PaymentMethod.processor_account_id == ProcessorAccount.id),
        )
        .join(
            Customer,
            (Customer.organization_id == PaymentMethod.organization_id) & (Customer.id == PaymentMethod.customer_id),
        )
        .join(
            Subscription,
            (Subscription.organization_id == Customer.organization_id)
            & (Subscription.customer_id == Customer.id)
            & (func.coalesce(Subscription.payment_method_id, Customer.default_payment_method_id) == PaymentMethod.id),
        )
        .join(
            Invoice,
            (Invoice.organization_id == Subscription.organization_id) & (Invoice.subscription_id == Subscription.id),
        )
        .where(Invoice.organization_id == organization_id, Invoice.id == invoice_id)
    )
    found = db.session.execute(wanted).first()
    return (found[0], found[1]) if found else None


def next_due(organization_id: str) -> datetime | None:
    """When the next thing falls due for an organization, by its own clock; None when nothing is waiting."""
    waiting = (
        (Subscription, Subscription.next_action_at),
        (Subscription, Subscription.next_reminder_at),
        (Invoice, Invoice.next_attempt_at),
    )
    return earliest(organization_id, waiting)


def earliest(organization_id: str, waiting: Sequence[tuple[Any, Any]]) -> datetime | None:
    """The first of these models' moments that may be acted on; None when there is none. `waiting`: model and column."""
    asked = [
        select(column)
        .where(model.organization_id == organization_id, column.is_not(None), *_chargeable(model))
        .order_by(column)
        .limit(1)
        for model, column in waiting
    ]
    found = [moment for one in asked if (moment := db.session.scalar(one))]
    return min(found, default=None)
