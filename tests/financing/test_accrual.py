"""Interest becomes income day by day, once."""

from __future__ import annotations

from datetime import timedelta

from ballast.billing.financing import accrual, reminding
from ballast.clock import at
from ballast.db import db, set_organization, transaction
from ballast.models import LedgerTransfer, PaymentMethod
from tests.financing.acts import IN_FOUR, WITH_INTEREST, Lender
from tests.financing.servant import Servant
from tests.statements import counted


def accrue(lender: Lender) -> int:
    with lender.world.worker_app.app_context(), at(lender.at):
        set_organization(None)
        return accrual.accrue_due()


def postings(lender: Lender) -> list[LedgerTransfer]:
    return [one for one in lender.all(LedgerTransfer) if one.kind == "financing_accrual"]


def test_each_day_earns_its_part_and_a_second_run_earns_nothing(lender: Lender) -> None:
    plan = lender.agree(60000, WITH_INTEREST)
    first = lender.installments(plan)[0]
    for day in range(1, 4):
        lender.move(days=1)
        assert (accrue(lender), accrue(lender)) == (1, 0)
        lender.check(plan)
        days = (first.due_on - lender.agreement(plan).started_on).days
        assert abs(lender.agreement(plan).interest_earned - first.interest * day / days) <= 0.5
    assert {one.source.partition("/")[0] for one in postings(lender)} == {plan}
    assert len({one.source for one in postings(lender)}) == 3


def test_days_that_were_missed_are_made_up_for_in_one_posting(lender: Lender) -> None:
    plan = lender.agree(60000, WITH_INTEREST)
    lender.move(days=45)
    accrue(lender)
    (only,) = postings(lender)
    assert only.amount == lender.agreement(plan).interest_earned > lender.installments(plan)[0].interest
    lender.move(days=400)
    accrue(lender)
    assert lender.agreement(plan).interest_earned == lender.agreement(plan).interest
    assert lender.agreement(plan).accrued_on is None, "nothing more is earned"
    lender.move(days=1)
    assert accrue(lender) == 0
    lender.check(plan)


def test_a_plan_without_interest_earns_nothing_and_ends(lender: Lender) -> None:
    plan = lender.agree(64000, IN_FOUR)
    lender.live_until(plan, 3)
    assert postings(lender) == []
    assert lender.agreement(plan).accrued_on is None


def test_a_night_of_many_plans_asks_the_database_no_more_for_each_than_one_of_few(servant: Servant) -> None:
    offer_id, customer_id = servant.offer(WITH_INTEREST), servant.customer()

    def asked(count: int) -> int:
        servant.agree_many(count, offer_id, customer_id)
        servant.move(days=1)
        with counted(servant.world.worker_app) as seen:
            accrued = accrue(servant)
        return len(seen) * 1000 // accrued

    few, many = asked(5), asked(45)
    assert many <= few, "statements for 1,000 agreements"
    assert many <= 9000


def test_the_holder_of_a_card_that_expires_is_told_once(lender: Lender) -> None:
    lender.agree()
    with lender.clocked(), transaction():
        for card in db.session.query(PaymentMethod):
            card.exp_year, card.exp_month = 2026, 2
    lender.at = lender.at.replace(month=2, day=3) + timedelta(hours=1)
    for _ in range(2):
        with lender.world.worker_app.app_context(), at(lender.at):
            set_organization(None)
            assert reminding.warn_of_expiry() == 1
    assert lender.mails().count("agreement_card_expiring") == 1
