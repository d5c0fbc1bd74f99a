"""Installments are charged when they are due, and what comes of it is written down once."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import pytest

from ballast import clock
from ballast.billing import outcomes
from ballast.billing.financing import charging, collecting
from ballast.billing.financing.terms import OfferTerms
from ballast.db import set_organization, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Attempt, Customer, Email, Payment, Refund
from ballast.processors.base import ActionRequired, Approved, Card
from tests.billing.acts import credit_late
from tests.financing.acts import IN_FOUR, WITH_INTEREST, Lender

NO_REBATE = OfferTerms(installments=6, rate_bps=1200, grace_days=10, late_fee_amount=500, prepayment="no_rebate")


def statuses(lender: Lender, agreement_id: str) -> list[str]:
    return [one.status for one in lender.installments(agreement_id)]


def test_each_installment_is_charged_on_its_day_and_the_last_one_pays_the_plan_off(lender: Lender) -> None:
    plan = lender.agree(64000, IN_FOUR)
    for number in (1, 2, 3):
        assert statuses(lender, plan)[number - 1] == "scheduled"
        lender.live_until(plan, number)
        assert statuses(lender, plan)[number - 1] == "paid"
        lender.check(plan)
    assert lender.agreement(plan).status == "paid_off"
    assert lender.agreement(plan).next_action_at is None
    charged = [one.created_at.date() for one in lender.all(Attempt)][1:]
    assert charged == [one.due_on for one in lender.installments(plan)]
    assert [one.amount for one in lender.all(Payment)] == [16000] * 4
    assert len(lender.world.charges()) == 4
    assert lender.mails().count("receipt") == 4
    assert lender.mails().count("installment_upcoming") == 3
    assert lender.mails().count("agreement_paid_off") == 1
    assert (
        lender.events("financing.installment") == ["financing.installment.upcoming", "financing.installment.paid"] * 3
    )
    assert lender.events("financing.agreement")[-1] == "financing.agreement.paid_off"


def test_what_was_charged_once_is_not_charged_by_a_second_sweep(lender: Lender) -> None:
    plan = lender.agree()
    lender.live_until(plan, 1)
    assert lender.work() == 0
    one = lender.installments(plan)[0]
    with lender.clocked():
        assert not collecting.collect(lender.world.acme.id, one.id)
    assert len(lender.world.charges()) == 2


def test_a_soft_decline_is_tried_on_the_days_of_the_schedule_and_then_no_more(lender: Lender) -> None:
    plan = lender.agree()
    lender.break_card()
    lender.live_until(plan, 1, days=20)
    one = lender.installments(plan)[0]
    tried = [(attempt.created_at - one.due_at).days for attempt in lender.all(Attempt)[1:]]
    assert tried == [0, 1, 3, 7, 14]
    assert (one.failures, one.next_attempt_at, one.status) == (5, None, "late")
    assert lender.mails().count("installment_failed") == 5
    failed = [mail.text for mail in lender.all(Email) if mail.kind == "installment_failed"]
    assert "We'll retry on Feb 16, 2026." in failed[0]
    assert "We won't try this card again by ourselves." in failed[-1]
    assert len({one.payment_id for one in lender.all(Attempt)[1:4]}) == 1, "one payment, tried again"
    lender.check(plan)


def test_a_hard_decline_asks_for_another_card_which_is_charged_at_once(lender: Lender) -> None:
    plan = lender.agree()
    lender.break_card("pm_card_chargeDeclinedLostCard")
    lender.live_until(plan, 1, days=2)
    one = lender.installments(plan)[0]
    assert (one.failures, one.next_attempt_at) == (1, None)
    assert lender.mails().count("installment_failed") + lender.mails().count("installment_action_needed") <= 1
    card = lender.another_card()
    with lender.clocked(), transaction():
        assert collecting.use_card(lender.world.acme.id, plan, card) == 1
    lender.work()
    assert statuses(lender, plan)[0] == "paid"
    assert lender.agreement(plan).payment_method_id == card
    lender.live_until(plan, 2)
    assert statuses(lender, plan)[1] == "paid"


def test_a_card_that_needs_its_holder_leads_to_a_page_and_is_not_tried_without_them(lender: Lender) -> None:
    plan = lender.agree()
    lender.break_card("pm_card_authenticationRequired")
    lender.live_until(plan, 1, days=5)
    assert lender.installments(plan)[0].failures == 1
    assert lender.mails().count("installment_action_needed") == 1
    mail = next(one for one in lender.all(Email) if one.kind == "installment_action_needed")
    assert re.search(rf"/portal/\S+/plans/{plan}$", mail.text, re.MULTILINE), "where it is paid, and the bank asks"
    paid = lender.pay(plan, [lender.installments(plan)[0].id])
    assert paid.status == "succeeded"
    assert statuses(lender, plan)[0] == "paid"
    assert lender.agreement(plan).status == "active"
    lender.check(plan)


def test_what_never_went_out_goes_again_and_a_lost_answer_is_found(lender: Lender) -> None:
    plan = lender.agree()
    lender.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    lender.live_until(plan, 1)
    assert statuses(lender, plan)[0] == "processing"
    with pytest.raises(Conflict, match="under way"):
        lender.pay(plan, [lender.installments(plan)[0].id])
    lender.settle()
    assert statuses(lender, plan)[0] == "paid"
    assert len(lender.world.charges()) == 2
    lender.check(plan)


def test_a_charge_that_never_reached_the_bank_goes_again_in_a_minute_and_is_made_once(lender: Lender) -> None:
    plan = lender.agree()
    lender.world.fault(kind="reset_before", operation="payment_intents.confirm", count=1)
    lender.live_until(plan, 1)
    lender.settle()
    one = lender.installments(plan)[0]
    assert (one.failures, one.first_failed_at, one.next_attempt_at) == (0, None, lender.at + timedelta(minutes=1))
    lender.live(lender.at + timedelta(minutes=2))
    assert statuses(lender, plan)[0] == "paid"
    assert [one.status for one in lender.all(Attempt)] == ["approved", "not_sent", "approved"]
    assert len(lender.world.charges()) == 2
    assert lender.mails().count("installment_action_needed") == 0
    lender.check(plan)


def test_a_question_of_the_bank_that_nobody_answers_waits_for_its_customer(lender: Lender) -> None:
    plan = lender.agree()
    lender.world.fault(kind="reset_before", operation="payment_intents.confirm", count=1)
    lender.live_until(plan, 1)
    attempt = lender.all(Attempt)[-1]
    with lender.clocked():
        outcomes.record(lender.world.acme.id, attempt.id, ActionRequired(attempt.external_id, None, "secret"))
    lender.settle()
    one = lender.installments(plan)[0]
    assert (one.failures, one.first_failed_at, one.next_attempt_at) == (1, lender.at, None)
    lender.live(lender.at + timedelta(days=3))
    assert [one.status for one in lender.all(Attempt)] == ["approved", "not_sent"]


def test_a_customer_pays_an_amount_early_and_the_run_charges_the_rest(lender: Lender) -> None:
    plan = lender.agree()
    lender.pay(plan, 20000)
    assert statuses(lender, plan) == ["paid", "partially_paid", "scheduled"]
    assert [one.left for one in lender.installments(plan)] == [0, 12000, 16000]
    lender.live_until(plan, 2)
    assert lender.all(Payment)[-1].amount == 12000
    assert len(lender.world.charges()) == 3
    lender.check(plan)


def test_the_new_card_that_pays_is_kept_where_its_holder_says_so(lender: Lender) -> None:
    plan = lender.agree()
    lender.break_card()
    lender.live_until(plan, 1)
    before = lender.agreement(plan).payment_method_id
    payment = lender.pay(plan, [lender.installments(plan)[0].id], "pm_card_mastercard", save_card=True, keep=True)
    assert payment.status == "succeeded"
    assert lender.agreement(plan).payment_method_id not in (None, before)
    lender.live_until(plan, 2)
    assert statuses(lender, plan)[:2] == ["paid", "paid"]


@pytest.mark.parametrize("amount", [0, -1, 48001])
def test_an_amount_that_is_not_owed_is_refused(lender: Lender, amount: int) -> None:
    plan = lender.agree()
    with pytest.raises(InvalidRequest) as refused:
        lender.pay(plan, amount)
    assert refused.value.code == "amount_invalid"
    with pytest.raises(InvalidRequest) as refused:
        lender.pay(plan, 15999)
    assert refused.value.code == "amount_leaves_rest"
    with pytest.raises(InvalidRequest) as refused:
        lender.pay(plan, ["inst_nothing"])
    assert refused.value.code == "installment_unknown"
    assert len(lender.all(Payment)) == 1


def test_paying_everything_gives_back_the_interest_that_is_not_earned(lender: Lender) -> None:
    plan = lender.agree(60000, WITH_INTEREST)
    interest = lender.agreement(plan).interest
    lender.pay(plan, [one.id for one in lender.installments(plan)[1:3]])
    lender.live_until(plan, 1, days=3)
    with lender.clocked():
        earned_later = lender.agreement(plan).interest_earned
    payment = lender.pay(plan, lender.balance(plan))
    assert (lender.agreement(plan).status, lender.balance(plan)) == ("paid_off", 0)
    earned = lender.agreement(plan).interest_earned
    assert earned == earned_later < interest
    taken = sum(one.amount_captured for one in lender.all(Payment)[1:])
    assert taken == 60000 + earned, "the note and what was earned of its interest"
    assert payment.status == "succeeded"
    lender.check(plan)


def test_without_a_rebate_all_interest_is_owed(lender: Lender) -> None:
    plan = lender.agree(60000, NO_REBATE)
    total = lender.balance(plan)
    lender.pay(plan, total)
    assert lender.agreement(plan).interest_earned == lender.agreement(plan).interest
    assert sum(one.amount_captured for one in lender.all(Payment)[1:]) == total
    lender.check(plan)


def test_a_success_for_an_attempt_given_up_pays_the_plan_once_and_is_alarmed_once(lender: Lender) -> None:
    credit_late(lender.world)
    plan = lender.agree()
    lender.break_card()
    lender.live_until(plan, 1)
    attempt = lender.all(Attempt)[-1]
    for _ in range(2):
        with lender.clocked():
            outcomes.record(lender.world.acme.id, attempt.id, Approved("ch_late", 16000, Card("visa", "4242")))
    assert statuses(lender, plan)[0] == "paid"
    lender.check(plan)
    lender.live_until(plan, 1, days=2)
    assert len(lender.world.charges()) == 1, "nothing is charged for it again"


def test_unless_credit_is_wanted_it_goes_back_and_the_installment_is_owed_as_before(lender: Lender) -> None:
    plan = lender.agree()
    lender.break_card()
    lender.live_until(plan, 1)
    attempt, before = lender.all(Attempt)[-1], (statuses(lender, plan), lender.balance(plan))
    with lender.clocked():
        outcomes.record(lender.world.acme.id, attempt.id, Approved("ch_late", 16000, Card("visa", "4242")))
    assert (statuses(lender, plan), lender.balance(plan)) == before
    assert [(one.amount, one.reason) for one in lender.all(Refund)] == [(16000, "late_success")]
    lender.check(plan)


def test_nobody_on_hold_is_charged_fined_or_charged_all_at_once_afterwards(lender: Lender) -> None:
    plan = lender.agree()
    first = lender.installments(plan)[0].due_on
    lender.live(lender.installments(plan)[0].due_at - timedelta(days=5))
    hold(lender, on=True)
    lender.live_until(plan, 1, days=4)
    assert len(lender.world.charges()) == 1
    assert all(one.late_fee == 0 for one in lender.installments(plan))
    hold(lender, on=False)
    lender.live(lender.at + timedelta(hours=7))
    moved = lender.installments(plan)
    assert (moved[0].due_on - lender.at.date()).days in (3, 4)
    assert len(lender.world.charges()) == 1, "nothing at once"
    assert {(b.due_on - a.due_on).days for a, b in pairwise(moved)} <= {28, 29, 30, 31}
    assert moved[0].due_on > first
    assert lender.mails().count("agreement_dates_moved") == 1
    lender.live_until(plan, 1)
    assert statuses(lender, plan) == ["paid", "scheduled", "scheduled"]
    assert lender.agreement(plan).status == "active"
    lender.check(plan)


def test_after_a_hold_what_is_due_waits_for_a_payment_under_way_and_is_looked_at_once(lender: Lender) -> None:
    plan = lender.agree()
    lender.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    lender.live_until(plan, 1)
    hold(lender, on=True)
    lender.live_until(plan, 2)
    assert lender.agreement(plan).held_at is not None
    hold(lender, on=False)
    with lender.world.worker_app.app_context(), clock.at(lender.at):
        set_organization(None)
        assert charging.charge_due() == 1, "and not again and again until the run's time is up"
    assert lender.installments(plan)[1].next_attempt_at == lender.at + timedelta(minutes=10)
    assert statuses(lender, plan)[:2] == ["processing", "scheduled"]
    lender.settle()
    lender.live(lender.at + timedelta(minutes=11))
    assert lender.agreement(plan).held_at is None
    assert lender.installments(plan)[1].due_at > lender.at
    lender.live_until(plan, 2)
    assert statuses(lender, plan) == ["paid", "paid", "scheduled"]
    lender.check(plan)


def hold(lender: Lender, *, on: bool) -> None:
    with lender.clocked(), transaction() as session:
        for customer in session.query(Customer):
            customer.held_at = lender.at if on else None


def test_a_debit_in_rupees_is_announced_a_day_ahead(lender: Lender) -> None:
    plan = lender.agree(64000, IN_FOUR, currency="INR")
    lender.live_until(plan, 1)
    announced = [mail.created_at for mail in lender.all(Email) if mail.kind == "installment_upcoming"]
    charged = lender.all(Attempt)[-1].created_at
    assert charged - announced[0] >= timedelta(hours=24)
    assert statuses(lender, plan)[0] == "paid"


def test_interest_paid_ahead_comes_back_with_a_payoff_also_where_its_installment_is_not_paid_whole(
    lender: Lender,
) -> None:
    agreement_id = lender.agree(59000, OfferTerms(installments=4, rate_bps=2400))
    for percent in (55, 71, 95):
        lender.pay(agreement_id, lender.balance(agreement_id) * percent // 100)
        lender.check(agreement_id)
    assert lender.agreement(agreement_id).status == "paid_off"
    assert sum(charge["amount"] for charge in lender.world.charges()) == 59000 + 100
    assert lender.account("interest_income") == 0


def test_a_payoff_gives_back_both_parts_of_an_interest_that_was_paid_ahead_in_part(lender: Lender) -> None:
    """The line is one entry then: of an installment there is one of a kind and a source."""
    plan = lender.agree(60000, WITH_INTEREST)
    lines = lender.installments(plan)
    lender.pay(plan, sum(one.amount for one in lines[:5]) + lines[5].interest // 2)
    assert (lender.installments(plan)[5].interest_paid, lender.installments(plan)[5].interest_left) == (51, 51)
    lender.pay(plan, lender.balance(plan))
    assert lender.agreement(plan).status == "paid_off"
    lender.check(plan)
