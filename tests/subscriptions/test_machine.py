"""A subscription's life in any order, against a model that counts months and days: each period is billed and paid once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from dateutil.relativedelta import relativedelta
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import update

from ballast.billing.subscriptions import collecting, ending
from ballast.db import transaction
from ballast.errors import Conflict
from ballast.models import PaymentMethod
from tests.billing.acts import balance, taken
from tests.chaos import truth
from tests.machines import live
from tests.subscriptions.acts import START, Desk
from tests.world import World

GOOD, SOFT, HARD = "good", "soft", "hard"
# The first card and another one, as each of them may behave at its bank.
CARDS = (
    {GOOD: "pm_card_visa", SOFT: "pm_card_chargeCustomerFail", HARD: "pm_card_chargeDeclinedExpiredCard"},
    {
        GOOD: "pm_card_mastercard",
        SOFT: "pm_card_chargeDeclinedInsufficientFunds",
        HARD: "pm_card_chargeDeclinedLostCard",
    },
)
# Days after the first decline, and what becomes of it after the last (docs/subscriptions.md).
RETRIES = (1, 3, 7, 14)
PRICE = 2000


@dataclass
class Model:
    """`month`: which one since the anchor it is in; `billed`: how many there were in all. `owed_since`: when the newest was declined
    first; `tried`: how many retries there were; `is_blocked`: the card was declined for good."""

    anchor: datetime
    now: datetime
    card: str = GOOD
    status: str = "active"
    month: int = 1
    billed: int = 1
    paid: int = 1
    voided: int = 0
    is_ending: bool = False
    is_blocked: bool = False
    owed_since: datetime | None = None
    tried: int = 0

    def ends_at(self) -> datetime:
        return self.anchor + relativedelta(months=self.month)

    def next_at(self) -> datetime | None:
        """When something happens to it; None for never."""
        if self.status == "past_due" and self.owed_since:
            return self.owed_since + timedelta(days=RETRIES[-1] if self.is_blocked else RETRIES[self.tried])
        return self.ends_at() if self.status == "active" else None

    def until(self, moment: datetime) -> None:
        while (due := self.next_at()) and due <= moment:
            self.now = due
            self.retry() if self.owed_since else self.renew()
        self.now = moment

    def renew(self) -> None:
        if self.is_ending:
            self.status = "canceled"
            return
        self.month, self.billed = self.month + 1, self.billed + 1
        if self.card == GOOD:
            self.paid += 1
        else:
            self.status, self.owed_since, self.tried, self.is_blocked = "past_due", self.now, 0, self.card == HARD

    def retry(self) -> None:
        self.tried += 1
        if self.card == GOOD and not self.is_blocked:
            self.settle()
        elif self.is_blocked or self.tried == len(RETRIES):
            self.status = "unpaid"
        else:
            self.is_blocked = self.card == HARD

    def settle(self) -> None:
        """What is owed is paid. What is paid after its period goes on with a new one, from that moment."""
        self.status, self.owed_since, self.paid = "active", None, self.paid + 1
        if self.ends_at() <= self.now:
            self.anchor, self.month = self.now, 0
            self.renew()


class Subscriptions(RuleBasedStateMachine):
    """One subscription by the month, its card, and time."""

    world: World
    start_over: Callable[[], None]
    query: truth.Query

    def __init__(self) -> None:
        super().__init__()
        self.start_over()
        self.desk = Desk(self.world)
        self.model = Model(START, START)
        self.which = 0

    @initialize(day=st.integers(0, 30))
    def begin(self, day: int) -> None:
        self.desk.at = START + timedelta(days=day)
        self.model = Model(self.desk.at, self.desk.at)
        self.id = self.desk.start(self.desk.price(PRICE), self.desk.customer())

    @rule(days=st.integers(1, 40))
    def time_passes(self, days: int) -> None:
        moment = self.desk.at + timedelta(days=days)
        self.desk.until(moment)
        self.model.until(moment)

    @rule()
    def the_next_answer_is_lost(self) -> None:
        """The charge of what falls due next, if anything does soon, is heard of only by asking."""
        due = self.model.next_at()
        if due is None or self.model.card != GOOD:
            return
        self.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
        self.desk.until(due)
        self.world.forget_faults()
        self.desk.settle()
        self.model.until(due)

    @rule(kind=st.sampled_from([GOOD, SOFT, HARD]))
    def the_card_turns(self, kind: str) -> None:
        """The same card behaves otherwise at its bank."""
        with self.desk.clocked(), transaction() as session:
            its = PaymentMethod.id == self.desk.subscription(self.id).payment_method_id
            session.execute(update(PaymentMethod).where(its).values(external_id=CARDS[self.which][kind]))
        self.model.card = kind

    @precondition(lambda self: self.which == 0 and self.model.status != "canceled")
    @rule()
    def another_card_is_given(self) -> None:
        """It is charged at once for what is owed."""
        self.desk.act(self.id, collecting.use_card, self.desk.another_card(CARDS[1][GOOD]))
        self.desk.until(self.desk.at)
        self.which, self.model.card, self.model.is_blocked = 1, GOOD, False
        if self.model.owed_since:
            self.model.settle()

    @rule()
    def it_is_to_end_with_its_period(self) -> None:
        if not self._refused(ending.cancel_at_period_end):
            assert self.model.status in ("active", "past_due")
            self.model.is_ending = True

    @rule()
    def it_is_kept(self) -> None:
        if not self._refused(ending.keep):
            assert self.model.status != "canceled"
            self.model.is_ending = False

    @rule(is_sure=st.integers(0, 4))
    def it_is_canceled_now(self, is_sure: int) -> None:
        if is_sure == 0 and not self._refused(ending.cancel_now):
            assert self.model.status != "canceled"
            self.model.voided += self.model.owed_since is not None
            self.model.status, self.model.owed_since = "canceled", None

    def _refused(self, act: Any, *given: Any) -> bool:
        try:
            self.desk.act(self.id, act, *given)
        except Conflict:
            return True
        return False

    @invariant()
    def it_stands_where_the_model_says(self) -> None:
        assert self.desk.subscription(self.id).status == self.model.status

    @invariant()
    def each_period_is_billed_once_and_paid_once(self) -> None:
        invoices = self.desk.invoices()
        assert len(invoices) == len({one.period_start for one in invoices}) == self.model.billed
        assert [one.status for one in invoices].count("paid") == self.model.paid
        assert [one.status for one in invoices].count("void") == self.model.voided

    @invariant()
    def what_was_charged_is_what_was_billed(self) -> None:
        assert [one["amount"] for one in taken(self.world)] == [PRICE] * self.model.paid
        assert balance(self.world, "processor_receivable") == PRICE * self.model.paid

    def teardown(self) -> None:
        """Claims, attempts and ledger say the same as the processor."""
        found = truth.Truth()
        truth.compare_charges(found, self.query, taken(self.world))
        truth.compare_ledger(found, self.query, taken(self.world))
        truth.look_for_second_claims(found, self.query)
        assert found.findings == []


def test_whatever_happens_each_period_is_billed_and_paid_once(
    world: World, start_over: Callable[[], None], superuser: psycopg.Connection
) -> None:
    live(Subscriptions, world, start_over, superuser, lives=10)
