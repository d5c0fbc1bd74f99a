"""The nightly run, every few seconds: periods end, invoices fall due, cards are charged.

Rows are claimed under a lease in batches, of each organization in its turn, so that one with very many keeps no other waiting; those
with a clock of their own are left out (their clock drives them). What a batch does it does in one transaction for each
organization; where that fails, row by row, so that a bad one spoils no other. Between the database and the processors stand
`attempts_under_way`: this thread ends periods and begins attempts, another records their outcomes, the rest only wait for processors.

If the process dies …
  before a claim commits: nothing happened. After it: the rows wait for their lease to run out, five minutes.
  before a batch of periods commits: nothing happened to any of them. After it: their invoices are due.
  before a batch of attempts commits: their invoices are due. From there on: see `attempts_under_way`.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select

from ballast import queue
from ballast.billing.attempts_under_way import UnderWay
from ballast.billing.pace import pace_of
from ballast.billing.subscriptions import collecting, rolling
from ballast.clock import now, real_time
from ballast.db import among, db, organization, transaction
from ballast.models import Customer, Installment, Invoice, PaymentMethod, ProcessorAccount, Subscription
from ballast.models.customers import is_held
from ballast.models.financing import is_chargeable
from ballast.models.identity import lives_by_real_time
from ballast.notifications import drain, turns
from ballast.notifications.turns import Key, release

log = logging.getLogger(__name__)

# How many periods are ended in one transaction, and how many attempts begun: each holds its rows' locks for about a tenth of a second.
ROLL: Final = 64
BEGIN: Final = 32
# How long the run sleeps at most where it has nothing to do until some of what is under way is done.
GLANCE_SECONDS: Final = 0.1


def charge_due(organization_id: str | None = None) -> int:
    """Renew and charge what is due now. The job behind `queue.CHARGE_SUBSCRIPTIONS`; answers how many rows were taken.

    `organization_id`: of that organization alone, which may have a clock of its own; the caller has set the clock then.
    """
    queue.forget_mark(queue.CHARGE_SUBSCRIPTIONS)
    began_at, run = real_time(), _Run(organization_id)
    with UnderWay() as under_way:
        run.go(under_way)
    drain.note_run("charge_subscriptions", began_at, run.taken, run.failed + under_way.failed)
    if run.is_over():
        queue.wake_now(queue.CHARGE_SUBSCRIPTIONS)
    return run.taken


class _Run:
    """What is due, taken until there is nothing more, time is up or the worker stops."""

    def __init__(self, organization_id: str | None) -> None:
        self.taken = self.failed = 0
        self._began = time.monotonic()
        self._periods = due_rows(Subscription, Subscription.next_action_at, organization_id)
        self._invoices = due_rows(Invoice, Invoice.next_attempt_at, organization_id)
        self._few_invoices = True
        # Until when rows were put back for which their account had no room: the run is not done before.
        self._back_until = 0.0

    def is_over(self) -> bool:
        elapsed = time.monotonic() - self._began
        return drain.stopping.is_set() or drain.is_over(elapsed, turn=drain.CHARGING_TURN_SECONDS)

    def go(self, under_way: UnderWay) -> None:
        while True:
            took = 0 if self.is_over() else self._take(under_way)
            self.taken += took
            waits = time.monotonic() < self._back_until and not self.is_over()
            if took:
                continue
            if under_way.is_idle() and not waits:
                return
            under_way.wait(GLANCE_SECONDS)

    def _take(self, under_way: UnderWay) -> int:
        """End some periods where few invoices were left, and begin to charge as many invoices as there is room for."""
        rolled = self._roll() if self._few_invoices else 0
        room = min(under_way.room(), BEGIN)
        if room < BEGIN // 2:
            self._few_invoices = False
            return rolled
        keys = self._invoices.claim(room)
        self._few_invoices = len(keys) < room
        return rolled + self._charge(keys, under_way)

    def _roll(self) -> int:
        keys = self._periods.claim(ROLL)
        for owner, ids in _by_owner(keys):
            done = self._at_once(owner, ids, rolling.roll_all) or set()
            rest = [row_id for row_id in ids if row_id not in done]
            self._one_by_one(Subscription, owner, rest, rolling.roll)
        return len(keys)

    def _charge(self, keys: Sequence[Key], under_way: UnderWay) -> int:
        put_back: dict[float, list[Key]] = defaultdict(list)
        for owner, ids in _by_owner(keys):
            with organization(owner):
                now_or_later = _with_room(owner, ids, under_way)
            for seconds, later in now_or_later[1].items():
                put_back[seconds] += [(owner, row_id) for row_id in later]
            self._begin(owner, now_or_later[0], under_way)
        for seconds, later_keys in put_back.items():
            release(Invoice, later_keys, timedelta(seconds=seconds))
            self._back_until = max(self._back_until, time.monotonic() + seconds)
        return len(keys) - sum(len(later_keys) for later_keys in put_back.values())

    def _begin(self, owner: str, ids: list[str], under_way: UnderWay) -> None:
        begun = self._at_once(owner, ids, collecting.begin_all) if ids else []
        if begun is None:
            self._one_by_one(Invoice, owner, ids, lambda *key: under_way.add(collecting.begin_all(key[0], [key[1]])))
        else:
            under_way.add(begun)

    def _at_once(self, owner: str, ids: list[str], act: Callable[[str, Sequence[str]], Any]) -> Any:
        """What `act` answers; None where it could not be done, and nothing was."""
        try:
            with organization(owner):
                return act(owner, ids)
        except Exception:
            log.warning("a batch of %s failed, and is done one by one", len(ids), exc_info=True)
            return None

    def _one_by_one(self, model: Any, owner: str, ids: Sequence[str], act: Callable[[str, str], Any]) -> None:
        """Each in a transaction of its own; what fails waits for its lease."""
        done = []
        for row_id in ids:
            try:
                with organization(owner):
                    act(owner, row_id)
                done.append((owner, row_id))
            except Exception:
                self.failed += 1
                log.exception("a row that is due failed: %s", row_id)
        release(model, done)


def _by_owner(keys: Sequence[Key]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = defaultdict(list)
    for owner, row_id in keys:
        found[owner].append(row_id)
    return list(found.items())


def _with_room(
    organization_id: str, invoice_ids: list[str], under_way: UnderWay
) -> tuple[list[str], dict[float, list[str]]]:
    """Those whose account has room, and those for which it has none now, by the seconds it takes to work off as many."""
    account_of = _accounts_of(organization_id, invoice_ids)
    room = {account: under_way.room_at(*account) for account in set(account_of.values())}
    fits, later = [], defaultdict(list)
    for invoice_id in invoice_ids:
        account = account_of.get(invoice_id)
        if account is None or room[account] > 0:
            fits.append(invoice_id)
            if account is not None:
                room[account] -= 1
        else:
            later[account].append(invoice_id)
    return fits, {max(1.0, len(ids) / pace_of(*account).per_second): ids for account, ids in later.items()}


def work(rows: turns.Due, act: Callable[[str, str], Any], threads: int) -> tuple[int, int]:
    """Do `act` (organization, id) to a batch of what is due, each row alone; answers how many were taken, and how many failed."""
    keys = turns.in_turn(rows.claim(drain.BATCH))

    def one(key: Key) -> None:
        with organization(key[0]):
            act(*key)

    came = list(zip(keys, drain.run_until_stopped(one, keys, threads), strict=True))
    failed = [key for key, done in came if isinstance(done, Exception) and not isinstance(done, drain.NotStarted)]
    release(rows.model, [key for key in keys if key not in set(failed)])
    return sum(1 for _, done in came if not isinstance(done, drain.NotStarted)), len(failed)


def due_rows(
    model: Any, due_at: Any, organization_id: str | None, wanted: Sequence[ColumnElement[bool]] = ()
) -> turns.Due:
    """What may be claimed of a model; `wanted` are further conditions."""
    return turns.Due(model, due_at, organization_id, [*_chargeable(model), *wanted])


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


def _accounts_of(organization_id: str, invoice_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The accounts, and their processors, that will be asked, by invoice: of the subscription's card, else of the customer's.

    From key to key in subqueries: joined, it is Postgres' choice where to begin, and where it knows nothing of a table yet it began
    with all subscriptions of the organization.
    """
    usual = select(Customer.default_payment_method_id).where(
        Customer.organization_id == organization_id, Customer.id == Subscription.customer_id
    )
    card = (
        select(func.coalesce(Subscription.payment_method_id, usual.scalar_subquery()))
        .where(Subscription.organization_id == organization_id, Subscription.id == Invoice.subscription_id)
        .correlate(Invoice)
    )
    account = select(PaymentMethod.processor_account_id).where(
        PaymentMethod.organization_id == organization_id, PaymentMethod.id == card.scalar_subquery()
    )
    wanted = (
        select(Invoice.id, ProcessorAccount.id, ProcessorAccount.processor)
        .join(
            ProcessorAccount,
            (ProcessorAccount.organization_id == Invoice.organization_id)
            & (ProcessorAccount.id == account.scalar_subquery()),
        )
        .where(Invoice.organization_id == organization_id, among(Invoice.id, invoice_ids))
    )
    with transaction() as session:
        return {row[0]: (row[1], row[2]) for row in session.execute(wanted)}


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
