"""What a plan comes to when it is not paid, and how it is cured."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from ballast.billing.financing import lateness, rows
from ballast.billing.financing.terms import OfferTerms
from ballast.db import transaction
from ballast.models import AgreementAmendment, Email, Event, FinancingSettings, Payment
from tests.financing.acts import IN_FOUR, WITH_INTEREST, Lender

HARSH = OfferTerms(
    installments=6,
    rate_bps=1200,
    grace_days=10,
    late_fee_bps=1000,
    late_fee_cap=800,
    default_after_days=60,
    accelerates=True,
)


def test_a_late_fee_is_charged_once_after_grace_and_never_twice(lender: Lender) -> None:
    plan = lender.agree(64000, IN_FOUR)
    lender.break_card()
    lender.live_until(plan, 1, days=10)
    assert lender.balance(plan) == 48000
    assert lender.agreement(plan).status == "late"
    lender.live_until(plan, 1, days=11)
    lender.live_until(plan, 1, days=25)
    assert [one.late_fee for one in lender.installments(plan)] == [500, 0, 0]
    assert lender.account("late_fees") == -500
    assert lender.mails().count("installment_late") == 2
    first, second = (mail.text for mail in lender.all(Email) if mail.kind == "installment_late")
    assert "Pay by Feb 25, 2026 to avoid a $5.00 fee." in first
    assert "A late fee of $5.00 was added, once for this payment." in second
    lender.check(plan)


def test_a_late_fee_is_a_share_of_what_is_overdue_up_to_its_cap(lender: Lender) -> None:
    plan = lender.agree(60000, HARSH)
    lender.break_card()
    lender.live_until(plan, 1, days=1)
    lender.pay(plan, 7000)
    overdue = lender.installments(plan)[0].left
    lender.live_until(plan, 2, days=11)
    assert [one.late_fee for one in lender.installments(plan)][:2] == [round(overdue / 10), 800]
    lender.check(plan)


def test_no_fee_is_added_while_a_payment_is_under_way(lender: Lender) -> None:
    plan = lender.agree()
    lender.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    lender.live_until(plan, 1, days=11)
    assert lender.installments(plan)[0].status == "processing"
    lender.settle()
    lender.live(lender.at + timedelta(hours=1))
    assert next((one.status, one.late_fee) for one in lender.installments(plan)) == ("paid", 0)
    assert lender.agreement(plan).status == "active"
    lender.check(plan)


def test_it_goes_from_late_to_default_with_one_event_and_one_mail_each_and_a_cure_brings_it_back(
    lender: Lender,
) -> None:
    plan = lender.agree(60000, WITH_INTEREST)
    lender.break_card()
    lender.live_until(plan, 1, days=95)
    agreement = lender.agreement(plan)
    assert agreement.status == "defaulted"
    told = [
        event.type.rpartition(".")[2] for event in lender.all(Event) if event.type.startswith("financing.agreement")
    ]
    assert told == ["created", "activated", "late", "delinquent", "defaulted"]
    assert lender.mails().count("agreement_defaulted") == 1
    (mail,) = [mail.text for mail in lender.all(Email) if mail.kind == "agreement_defaulted"]
    assert "Automatic charges for your order have stopped." in mail
    tried = len(lender.all(Payment))
    lender.break_card("pm_card_visa")
    lender.live_until(plan, 5)
    assert len(lender.all(Payment)) == tried, "nothing is charged by itself"
    lender.pay(plan, sum(one.left for one in lender.installments(plan)[:5]))
    assert lender.agreement(plan).status == "active"
    lender.live_until(plan, 6)
    assert lender.agreement(plan).status == "paid_off"
    assert lender.account("interest_income") == -lender.agreement(plan).interest
    lender.check(plan)


def test_acceleration_makes_everything_due_at_once_and_earns_no_more_interest(lender: Lender) -> None:
    plan = lender.agree(60000, HARSH)
    lender.break_card()
    lender.live_until(plan, 1, days=61)
    (amendment,) = lender.all(AgreementAmendment)
    assert amendment.kind == "accelerated"
    assert set(amendment.before) == set(amendment.after) == {"4", "5", "6"}
    earned = lender.agreement(plan).interest_earned
    assert 0 < earned < lender.agreement(plan).interest
    lender.live(lender.at + timedelta(days=40))
    lender.check(plan)
    assert [one.late_fee for one in lender.installments(plan)] == [800, 800, 0, 0, 0, 0], "no fee for what was made due"
    with lender.clocked(), transaction():
        assert rows.find(lender.world.acme.id, plan).interest_earned == earned
    lender.pay(plan, lender.balance(plan))
    assert (lender.agreement(plan).status, lender.agreement(plan).interest_earned) == ("paid_off", earned)
    lender.check(plan)


def test_a_charge_off_leaves_the_debt_and_a_payment_after_it_is_a_recovery(lender: Lender) -> None:
    plan = lender.agree(60000, WITH_INTEREST)
    with lender.clocked(), transaction() as session:
        session.add(FinancingSettings(organization_id=lender.world.acme.id, charge_off_days=120))
    lender.break_card()
    lender.live_until(plan, 1, days=121)
    owed = lender.balance(plan)
    assert lender.agreement(plan).status == "charged_off"
    assert lender.account("bad_debt") == owed - (
        lender.agreement(plan).interest - lender.agreement(plan).interest_earned
    )
    lender.check(plan)
    lender.pay(plan, 10000)
    assert lender.account("recoveries") == -10000
    assert lender.agreement(plan).status == "charged_off"
    lender.check(plan)
    lender.pay(plan, lender.balance(plan))
    assert lender.agreement(plan).status == "paid_off"
    assert (lender.account("charge_off_allowance"), lender.account("recoveries")) == (0, -owed)
    lender.check(plan)


def test_a_look_that_comes_late_does_everything_its_day_asks_for_at_once_and_tells_the_gravest(lender: Lender) -> None:
    plan = lender.agree(60000, WITH_INTEREST)
    with lender.clocked(), transaction() as session:
        session.execute(update(type(lender.installments(plan)[0])).values(next_attempt_at=None))
    lender.at = lender.installments(plan)[0].due_at + timedelta(days=95)
    lender.work()
    assert lender.agreement(plan).status == "defaulted"
    assert [one.late_fee for one in lender.installments(plan)] == [500, 500, 500, 0, 0, 0]
    assert [kind for kind in lender.mails() if kind != "receipt"] == ["agreement_defaulted"]
    with lender.clocked():
        lateness.look(lender.world.acme.id, plan)
    assert lender.work() == 0
    lender.check(plan)
