"""Payments, declines, lateness, servicing, refunds, disputes and time in any order: what is owed is the same everywhere, and
nothing is charged twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ballast.billing.financing.paying import PAYABLE
from ballast.billing.financing.servicing import (
    dates,
    payoffs,
    prepayments,
    recordings,
    relief,
    reschedules,
    returns,
    settlements,
)
from ballast.billing.financing.terms import OfferTerms
from ballast.errors import BallastError
from ballast.models import Attempt, Payment
from tests.financing.acts import Lender
from tests.financing.servant import Servant
from tests.world import World

OFFERS = (
    OfferTerms(installments=3, grace_days=5, late_fee_amount=500, default_after_days=40),
    OfferTerms(installments=4, rate_bps=2400, grace_days=3, late_fee_bps=500, default_after_days=40, accelerates=True),
    OfferTerms(installments=3, rate_bps=900, interval="week", interval_count=2, prepayment="no_rebate"),
)
CARDS = ("pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_mastercard")
# What a payment may be refused for, at this moment.
REFUSED = (
    "amount_invalid",
    "amount_leaves_rest",
    "agreement_not_payable",
    "payment_in_progress",
    "retry_limit_reached",
)


class Plans(RuleBasedStateMachine):
    """One plan, its customer, and time."""

    world: World
    start_over: Callable[[], None]

    def __init__(self) -> None:
        super().__init__()
        self.start_over()
        self.lender = Lender(self.world)
        self.plan = ""

    @initialize(offer=st.sampled_from(OFFERS), price=st.integers(200, 900))
    def agree(self, offer: OfferTerms, price: int) -> None:
        self.plan = self.lender.agree(price * 100, offer)

    def is_payable(self) -> bool:
        return bool(self.plan) and self.lender.agreement(self.plan).status in PAYABLE

    @rule(days=st.integers(1, 45))
    def time_passes(self, days: int) -> None:
        self.lender.live(self.lender.at + timedelta(days=days))

    @rule(card=st.sampled_from(CARDS))
    def the_card_changes(self, card: str) -> None:
        self.lender.break_card(card)

    @precondition(is_payable)
    @rule(part=st.integers(1, 120), card=st.sampled_from(CARDS[:1]))
    def the_customer_pays_an_amount(self, part: int, card: str) -> None:
        self._pay(max(self.lender.balance(self.plan) * part // 100, 1), card)

    @precondition(is_payable)
    @rule(which=st.integers(0, 3))
    def the_customer_pays_an_installment(self, which: int) -> None:
        waiting = [one.id for one in self.lender.installments(self.plan) if one.left]
        self._pay([waiting[which % len(waiting)]], "pm_card_visa")

    @precondition(is_payable)
    @rule()
    def the_answer_is_lost(self) -> None:
        self.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
        self._pay(max(self.lender.balance(self.plan) // 3, 1), "pm_card_visa")
        self.world.forget_faults()
        self.lender.work()
        self.lender.settle()

    def _pay(self, what: Any, card: str) -> None:
        try:
            self.lender.pay(self.plan, what, card)
        except BallastError as refused:
            if refused.code not in REFUSED:
                raise

    @invariant()
    def what_is_owed_is_the_same_everywhere(self) -> None:
        if self.plan:
            self.lender.check(self.plan)

    @invariant()
    def nothing_is_charged_twice(self) -> None:
        taken = [one for one in self.lender.all(Payment) if one.amount_captured]
        charges = self.world.charges()
        unknown = [one for one in self.lender.all(Attempt) if one.status in ("submitted", "unknown")]
        assert len(charges) - len(unknown) <= len(taken) <= len(charges)
        if not unknown:
            assert sum(one["amount"] for one in charges) == sum(one.amount_captured for one in taken)


class Served(Plans):
    """The same plan, looked after: every act of servicing, money that goes back, disputes. What is refused changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.lender: Servant = Servant(self.world)
        self.disputed: dict[str, str] = {}

    def _act(self, decide: Any, *args: Any) -> None:
        try:
            self.lender.do(self.plan, decide, *args)
        except BallastError:
            self.lender.check(self.plan)

    @rule(share=st.integers(1, 100))
    def a_part_of_the_price_goes_back(self, share: int) -> None:
        self._act(returns.decide, share * 100)

    @rule()
    def the_whole_price_goes_back(self) -> None:
        self._act(returns.decide)

    @rule()
    def it_is_paid_off(self) -> None:
        self._act(payoffs.decide)

    @rule(part=st.integers(1, 100))
    def more_is_paid(self, part: int) -> None:
        self._act(prepayments.extra, part * 100)

    @rule(part=st.integers(1, 100), ago=st.integers(0, 20))
    def money_came_another_way(self, part: int, ago: int) -> None:
        self._act(recordings.decide, part * 100, self.lender.at.date() - timedelta(days=ago))

    @rule()
    def a_late_fee_is_waived(self) -> None:
        self._act(relief.waive)

    @rule(number=st.integers(1, 4), days=st.integers(1, 15))
    def a_date_moves(self, number: int, days: int) -> None:
        due = {one.number: one.due_on for one in self.lender.installments(self.plan)}
        if number in due:
            self._act(dates.move, number, due[number] + timedelta(days=days))

    @rule(months=st.integers(1, 2))
    def it_is_paused(self, months: int) -> None:
        self._act(dates.pause, months)

    @rule(count=st.integers(2, 5), wait=st.integers(1, 30))
    def it_is_rescheduled(self, count: int, wait: int) -> None:
        self._act(reschedules.decide, count, self.lender.at.date() + timedelta(days=wait))

    @rule(part=st.integers(1, 99))
    def it_is_settled_for_less(self, part: int) -> None:
        self._act(settlements.decide, max(self.lender.balance(self.plan) * part // 100, 1))

    @rule()
    def it_is_written_off(self) -> None:
        self._act(relief.write_off)

    @rule()
    def a_dispute_is_lost(self) -> None:
        calm = [one for one in self.lender.payments_of(self.plan) if one not in self.disputed]
        if calm:
            self.disputed[calm[0]] = "lost"
            for status in ("needs_response", "lost"):
                self.lender.dispute(calm[0], status, f"du_{calm[0]}")

    @rule()
    def a_lost_dispute_is_won(self) -> None:
        lost = next((one for one, status in self.disputed.items() if status == "lost"), None)
        if lost is not None:
            self.disputed[lost] = "won"
            self.lender.dispute(lost, "won", f"du_{lost}")


def run(plans: type[Plans], world: World, start_over: Callable[[], None]) -> None:
    """Live through some lives of a plan, each in a world of its own; the same ones each time."""
    few = settings(
        max_examples=5 if plans is Plans else 12,
        stateful_step_count=8 if plans is Plans else 12,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    here = type("Here", (plans,), {"world": world, "start_over": staticmethod(start_over)})
    run_state_machine_as_test(here, settings=few)


@pytest.mark.parametrize("plans", [Plans, Served])
def test_whatever_happens_the_books_agree_and_nothing_is_charged_twice(
    world: World, start_over: Callable[[], None], plans: type[Plans]
) -> None:
    run(plans, world, start_over)
