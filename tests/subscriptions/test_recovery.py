"""When a card is declined: what is tried again, when, and what becomes of the subscription."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from ballast.billing import outcomes, payments
from ballast.billing.subscriptions import collecting, ending, rolling
from ballast.db import transaction
from ballast.models import Attempt, BillingSettings, Invoice, PaymentMethod
from ballast.processors.base import ActionRequired, Approved, Card
from tests.billing.acts import balance, credit_late
from tests.subscriptions.acts import Desk

RENEWAL = datetime(2026, 2, 15, 9, 30, tzinfo=UTC)


def days_after(*days: int) -> list[datetime]:
    return [RENEWAL + timedelta(days=day) for day in days]


@pytest.fixture
def sub(desk: Desk) -> str:
    """A subscription about to be renewed."""
    started = desk.start(desk.price(2000), desk.customer())
    desk.at = RENEWAL - timedelta(seconds=1)
    return started


def renewal(desk: Desk) -> Invoice:
    return desk.invoices()[1]


def tried_at(desk: Desk) -> list[datetime]:
    return [attempt.created_at for attempt in desk.all(Attempt)][1:]


def set_policy(desk: Desk, **values: Any) -> None:
    with desk.clocked(), transaction() as session:
        session.execute(update(BillingSettings).values(**values))


def recard(desk: Desk, **values: Any) -> None:
    with desk.clocked(), transaction() as session:
        session.execute(update(PaymentMethod).values(**values))


def test_soft_declines_are_tried_on_days_1_3_7_and_14_and_then_it_is_unpaid(desk: Desk, sub: str) -> None:
    desk.world.fault(kind="decline")
    desk.until(RENEWAL + timedelta(days=13))
    assert desk.subscription(sub).status == "past_due"
    desk.until(RENEWAL + timedelta(days=20))
    assert tried_at(desk) == days_after(0, 1, 3, 7, 14)
    assert desk.subscription(sub).status == "unpaid"
    assert (renewal(desk).status, renewal(desk).failures, renewal(desk).next_attempt_at) == ("open", 5, None)
    assert desk.mails() == ["receipt", *["charge_failed"] * 5, "subscription_unpaid"]


def test_a_card_that_recovers_makes_it_active_and_keeps_its_periods(desk: Desk, sub: str) -> None:
    desk.world.fault(kind="decline", count=2)
    desk.until(RENEWAL + timedelta(days=5))
    found = desk.subscription(sub)
    assert (found.status, found.failing_since, renewal(desk).status) == ("active", None, "paid")
    assert found.current_period_end == datetime(2026, 3, 15, 9, 30, tzinfo=UTC)
    assert tried_at(desk) == days_after(0, 1, 3)


@pytest.mark.parametrize("end", ["canceled", "defaulted"])
def test_the_policy_says_what_becomes_of_it(desk: Desk, sub: str, end: str) -> None:
    set_policy(desk, retry_days=[2], end_status=end)
    desk.world.fault(kind="decline")
    desk.until(RENEWAL + timedelta(days=40))
    assert tried_at(desk) == days_after(0, 2)
    assert (desk.subscription(sub).status, renewal(desk).status) == (end, "uncollectible")
    assert len(desk.invoices()) == 2
    assert desk.mails()[-1] == f"subscription_{end}"


def test_a_lost_card_is_never_tried_again_and_a_new_one_at_once(desk: Desk, sub: str) -> None:
    recard(desk, external_id="pm_card_chargeDeclinedExpiredCard")
    desk.until(RENEWAL + timedelta(days=10))
    assert tried_at(desk) == days_after(0)
    assert (desk.card().blocked_because, desk.subscription(sub).status) == ("hard", "past_due")
    assert desk.act(sub, collecting.use_card, desk.another_card()) == 1
    assert desk.run() == 1
    assert (desk.subscription(sub).status, renewal(desk).status) == ("active", "paid")


def test_a_lost_card_ends_with_the_schedule(desk: Desk, sub: str) -> None:
    recard(desk, external_id="pm_card_chargeDeclinedExpiredCard")
    desk.until(RENEWAL + timedelta(days=14))
    assert tried_at(desk) == days_after(0)
    assert desk.subscription(sub).status == "unpaid"
    assert desk.mails() == ["receipt", "charge_failed", "subscription_unpaid"]


def test_suspected_fraud_is_told_to_nobody(desk: Desk, sub: str) -> None:
    recard(desk, external_id="pm_card_riskLevelHighest")
    desk.until(RENEWAL + timedelta(days=2))
    assert tried_at(desk) == days_after(0)
    assert desk.mails() == ["receipt"]


def test_a_bank_that_wants_its_customer_gets_them_by_mail_and_no_second_try(desk: Desk, sub: str) -> None:
    recard(desk, external_id="pm_card_authenticationRequired")
    desk.until(RENEWAL + timedelta(days=10))
    assert tried_at(desk) == days_after(0)
    assert desk.mails() == ["receipt", "action_needed"]
    desk.until(RENEWAL + timedelta(days=15))
    assert tried_at(desk) == days_after(0), "not on the schedule's last day either"
    assert (desk.subscription(sub).status, renewal(desk).next_attempt_at) == ("unpaid", None)


def test_another_card_is_tried_although_the_bank_of_the_first_wanted_its_customer(desk: Desk, sub: str) -> None:
    recard(desk, external_id="pm_card_authenticationRequired")
    desk.until(RENEWAL + timedelta(days=2))
    assert desk.subscription(sub).status == "past_due"
    assert desk.act(sub, collecting.use_card, desk.another_card()) == 1
    desk.until(RENEWAL + timedelta(days=2, minutes=1))
    assert (desk.subscription(sub).status, renewal(desk).status) == ("active", "paid")


def test_a_renewal_that_never_reached_the_bank_goes_again_in_a_minute_and_is_charged_once(desk: Desk, sub: str) -> None:
    desk.world.fault(kind="reset_before", operation="payment_intents.confirm", count=1)
    desk.until(RENEWAL)
    desk.settle()
    desk.until(RENEWAL + timedelta(minutes=2))
    assert tried_at(desk) == [RENEWAL, RENEWAL + timedelta(minutes=1)]
    assert (renewal(desk).status, renewal(desk).failures, desk.subscription(sub).status) == ("paid", 0, "active")
    assert len(desk.world.charges()) == 2
    assert "action_needed" not in desk.mails()


def test_a_question_of_the_bank_that_nobody_answers_is_not_put_again_each_minute(desk: Desk, sub: str) -> None:
    desk.world.fault(kind="reset_before", operation="payment_intents.confirm", count=1)
    desk.until(RENEWAL)
    attempt = desk.all(Attempt)[-1]
    with desk.clocked():
        outcomes.record(desk.world.acme.id, attempt.id, ActionRequired(attempt.external_id, None, "secret"))
    desk.settle()
    assert (renewal(desk).failures, renewal(desk).next_attempt_at) == (1, RENEWAL + timedelta(days=14))
    desk.until(RENEWAL + timedelta(days=10))
    assert tried_at(desk) == [RENEWAL]
    assert (renewal(desk).status, desk.subscription(sub).status) == ("open", "past_due")


def walks_away(desk: Desk, sub: str) -> None:
    """It was declined once; its customer opens the bank's page an hour before the next try, and never comes back."""
    desk.world.fault(kind="decline", count=1)
    desk.until(RENEWAL + timedelta(hours=23))
    with desk.clocked():
        collecting.pay(desk.world.acme.id, renewal(desk).id, payments.Source("pm_card_authenticationRequired"))
    assert desk.all(Attempt)[-1].status == "action_required"
    desk.move(hours=1)


def test_an_invoice_that_falls_due_while_its_customer_is_with_the_bank_is_tried_after_that(
    desk: Desk, sub: str
) -> None:
    walks_away(desk, sub)
    assert (desk.run(), desk.run()) == (1, 0), "it is put off, and not taken up again at once"
    assert renewal(desk).next_attempt_at == desk.at + rolling.WAIT
    desk.settle()
    assert desk.all(Attempt)[-1].status == "not_sent"
    desk.until(desk.at + rolling.WAIT)
    assert (desk.subscription(sub).status, renewal(desk).status) == ("active", "paid")
    assert len(desk.world.charges()) == 2, "the first period and the second, each once"


def test_dunning_goes_on_after_a_challenge_that_nobody_answered(desk: Desk, sub: str) -> None:
    walks_away(desk, sub)
    with desk.clocked():
        assert not collecting.collect(desk.world.acme.id, renewal(desk).id)
    assert renewal(desk).next_attempt_at == desk.at + rolling.WAIT
    desk.settle()
    desk.world.fault(kind="decline")
    desk.until(RENEWAL + timedelta(days=20))
    assert (desk.subscription(sub).status, renewal(desk).next_attempt_at) == ("unpaid", None)
    by_us = [attempt.created_at for attempt in desk.all(Attempt)[1:] if attempt.off_session]
    assert by_us == [RENEWAL, *(day + rolling.WAIT * (day == days_after(1)[0]) for day in days_after(1, 3, 7, 14))]


def test_a_dunning_that_ends_while_the_customer_is_with_the_bank_waits_for_them(desk: Desk, sub: str) -> None:
    set_policy(desk, retry_days=[1], end_status="canceled")
    walks_away(desk, sub)
    recard(desk, status="detached")
    assert desk.run() == 1
    assert (desk.subscription(sub).status, renewal(desk).status) == ("past_due", "open")
    desk.settle()
    desk.until(desk.at + rolling.WAIT)
    assert (desk.subscription(sub).status, renewal(desk).status) == ("canceled", "uncollectible")


def test_an_invoice_that_falls_due_while_nobody_knows_of_its_payment_is_charged_once(desk: Desk, sub: str) -> None:
    desk.world.fault(kind="decline", count=1)
    desk.until(RENEWAL + timedelta(hours=23))
    desk.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    with desk.clocked():
        collecting.pay(desk.world.acme.id, renewal(desk).id, payments.Source("pm_card_visa"))
    desk.until(RENEWAL + timedelta(days=1, minutes=30))
    assert renewal(desk).next_attempt_at == desk.at + rolling.WAIT
    desk.settle()
    assert (renewal(desk).status, renewal(desk).next_attempt_at) == ("paid", None)
    desk.until(RENEWAL + timedelta(days=20))
    assert len(desk.world.charges()) == 2


def test_a_subscription_without_a_card_asks_for_one(desk: Desk, sub: str) -> None:
    recard(desk, status="detached")
    desk.until(RENEWAL + timedelta(days=10))
    assert tried_at(desk) == []
    assert (desk.subscription(sub).status, desk.mails()) == ("past_due", ["receipt", "charge_failed"])


def test_an_unpaid_one_goes_on_from_the_day_it_is_paid(desk: Desk, sub: str) -> None:
    desk.world.fault(kind="decline")
    desk.until(RENEWAL + timedelta(days=60))
    assert desk.subscription(sub).status == "unpaid"
    desk.world.forget_faults()
    invoice = renewal(desk)
    with desk.clocked():
        collecting.pay(desk.world.acme.id, invoice.id, payments.Source("pm_card_visa"))
    found = desk.subscription(sub)
    assert (found.status, renewal(desk).status) == ("active", "paid")
    desk.until(desk.at + timedelta(days=1))
    assert [one.total for one in desk.invoices()] == [2000, 2000, 2000]
    assert desk.subscription(sub).current_period_start == desk.invoices()[2].period_start == found.anchor_at


def test_a_first_payment_that_never_comes_expires_after_23_hours(desk: Desk) -> None:
    sub = desk.start(desk.price(2000), desk.customer(), card="pm_card_chargeDeclined")
    assert desk.subscription(sub).status == "incomplete"
    begun = desk.at
    desk.until(begun + timedelta(hours=22, minutes=59))
    assert desk.subscription(sub).status == "incomplete"
    desk.until(begun + timedelta(hours=23))
    assert desk.subscription(sub).status == "incomplete_expired"
    assert [(one.status, one.number) for one in desk.invoices()] == [("void", "ACME-000001")]
    desk.until(begun + timedelta(days=90))
    assert len(desk.invoices()) == 1
    assert desk.world.charges() == []


def test_a_first_payment_may_be_made_on_the_second_try(desk: Desk) -> None:
    sub = desk.start(desk.price(2000), desk.customer(), card="pm_card_chargeDeclined")
    with desk.clocked():
        collecting.pay(desk.world.acme.id, desk.invoices()[0].id, payments.Source("pm_card_visa", save_card=True))
    found = desk.subscription(sub)
    assert (found.status, found.payment_method_id) == ("active", desk.card().id)


def test_a_canceled_one_owes_nothing_more(desk: Desk, sub: str) -> None:
    desk.world.fault(kind="decline", count=1)
    desk.until(RENEWAL + timedelta(hours=1))
    desk.act(sub, ending.cancel_now)
    assert renewal(desk).status == "void"
    desk.until(RENEWAL + timedelta(days=60))
    assert (desk.subscription(sub).status, len(desk.world.charges())) == ("canceled", 1)


def arrives_late(desk: Desk, place: int = -1) -> None:
    """The processor says, after all, that it took the money of an attempt; its merchant wants that credited."""
    credit_late(desk.world)
    attempt = desk.all(Attempt)[place]
    with desk.clocked():
        for _ in range(2):
            outcomes.record(
                desk.world.acme.id,
                attempt.id,
                Approved(attempt.external_id or "x", attempt.amount, Card("visa", "4242")),
            )


def test_a_success_after_it_has_expired_is_the_customers_credit(desk: Desk) -> None:
    price = desk.price(2000)
    sub = desk.start(price, desk.customer(), card="pm_card_chargeDeclined")
    desk.until(desk.at + timedelta(days=1))
    arrives_late(desk)
    assert desk.subscription(sub).status == "incomplete_expired"
    assert [one.status for one in desk.invoices()] == ["void"]
    assert (balance(desk.world, "processor_receivable"), -balance(desk.world, "customer_credit")) == (2000, 2000)
    again = desk.start(price, desk.subscription(sub).customer_id)
    assert [(one.credit_applied, one.amount_due, one.status) for one in desk.invoices()[1:]] == [(2000, 0, "paid")]
    assert desk.subscription(again).status == "active"


def test_a_success_after_a_decline_pays_the_invoice_and_no_card_is_charged_for_it_again(desk: Desk, sub: str) -> None:
    desk.world.fault(kind="decline", count=1)
    desk.until(RENEWAL + timedelta(hours=1))
    arrives_late(desk)
    assert (desk.subscription(sub).status, renewal(desk).status) == ("active", "paid")
    desk.until(RENEWAL + timedelta(days=20))
    assert len(tried_at(desk)) == 1
    assert (balance(desk.world, "receivables"), balance(desk.world, "customer_credit")) == (0, 0)
    assert balance(desk.world, "processor_receivable") == 4000
