"""Goods of a financed order come back: what is owed falls first, the rest goes to the cards, and the plan stays true."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ballast.billing import refunds
from ballast.billing.financing.servicing import payoffs, prepayments, recordings, returns
from ballast.db import transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Order, Refund
from tests.financing.acts import IN_FOUR, WITH_INTEREST
from tests.financing.servant import Servant
from tests.financing.test_lateness import HARSH


def test_a_part_of_the_price_comes_off_the_last_installments_and_nothing_goes_to_a_card(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    seen = servant.see(agreement_id, returns.decide, 20000)
    assert (seen.credited, seen.back, seen.balance_after.total) == (20000, 0, 28000)
    assert seen.consequence.notes == ("$200.00 comes off what is owed, the last installments first.",)
    servant.do(agreement_id, returns.decide, 20000, seen=seen)
    assert [one.left for one in servant.installments(agreement_id)] == [16000, 12000, 0]
    assert [one.status for one in servant.installments(agreement_id)] == ["scheduled", "scheduled", "refunded"]
    assert servant.all(Refund) == []
    assert servant.account("refunds") == 20000


def test_the_whole_price_back_ends_the_plan_and_gives_back_what_was_paid_newest_first(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    servant.do(agreement_id, prepayments.next_installment)
    servant.do(agreement_id, prepayments.extra, 5000)
    seen = servant.see(agreement_id, returns.decide)
    assert [one.amount for one in seen.consequence.back] == [5000, 16000, 16000]
    assert (seen.credited, seen.balance_after.total, seen.status_after) == (27000, 0, "refunded")
    servant.do(agreement_id, returns.decide, seen=seen)
    servant.world.drain()
    assert servant.agreement(agreement_id).status == "refunded"
    assert {one.status for one in servant.installments(agreement_id)} == {"refunded"}
    assert {one.status for one in servant.all(Refund)} == {"succeeded"}
    assert {one.status for one in servant.all(Order)} == {"refunded"}
    assert servant.account("refunds") == 64000
    with pytest.raises(Conflict, match="gone back already"):
        servant.see(agreement_id, returns.decide)


def test_interest_goes_in_the_share_of_what_is_credited_and_only_what_is_not_earned(servant: Servant) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    lines = servant.installments(agreement_id)
    seen = servant.see(agreement_id, returns.decide, 30000)
    # On the first day nothing is earned. 300 of 600 are credited, from the last line back: of line k's interest goes the share that
    # what is credited has in the principal from k on, which is half at the start and all of it at the end.
    running = [sum(one.principal for one in lines[place:]) for place in range(6)]
    expected = sum(round(line.interest * min(30000, run) / run) for line, run in zip(lines, running, strict=True))
    assert seen.rebated == expected
    servant.move(days=10)
    assert 0 < servant.see(agreement_id, returns.decide, 30000).rebated < expected
    servant.do(agreement_id, returns.decide, 30000)


def test_what_comes_back_after_a_default_that_made_all_due_takes_its_unearned_interest_along_as_on_that_day(
    servant: Servant,
) -> None:
    agreement_id = servant.agree(60000, HARSH)
    servant.break_card()
    servant.live_until(agreement_id, 1, days=59)
    before = servant.see(agreement_id, returns.decide, 20000).rebated
    servant.live_until(agreement_id, 1, days=60)
    assert servant.agreement(agreement_id).accrued_on is None
    on_that_day = servant.see(agreement_id, returns.decide, 20000).rebated
    assert 0 < on_that_day <= before
    servant.live(servant.at + timedelta(days=100))
    assert servant.see(agreement_id, returns.decide, 20000).rebated == on_that_day
    servant.do(agreement_id, returns.decide, 20000)
    owed = servant.see(agreement_id, payoffs.decide)
    assert owed.consequence.charged == 40000 + servant.agreement(agreement_id).interest_earned + 1600
    servant.do(agreement_id, returns.decide)
    assert servant.agreement(agreement_id).status == "refunded"


def test_with_the_whole_price_goes_all_interest_that_is_owed_and_every_late_fee(servant: Servant) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.do(agreement_id, prepayments.next_installment)
    paid = servant.installments(agreement_id)[0]
    servant.move(days=72)
    servant.late_fee(agreement_id, 2)
    done = servant.do(agreement_id, returns.decide)
    assert (done.preview.waived, done.preview.back) == (500, paid.principal)
    assert servant.agreement(agreement_id).status == "refunded"
    assert servant.agreement(agreement_id).interest_earned == paid.interest


def test_no_more_than_the_price_goes_back_and_never_past_the_plan(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    servant.do(agreement_id, prepayments.next_installment)
    with pytest.raises(InvalidRequest, match=r"At most \$640.00"):
        servant.see(agreement_id, returns.decide, 64001)
    payment_id = servant.payments_of(agreement_id)[0]
    with servant.clocked(), pytest.raises(Conflict) as caught, transaction():
        refunds.request(servant.world.acme.id, payment_id, 100, None)
    assert caught.value.code == "payment_on_plan"


def test_a_refund_that_comes_back_makes_what_it_gave_back_paid_again_and_can_be_made_again(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    servant.do(agreement_id, prepayments.next_installment)
    servant.do(agreement_id, payoffs.decide)
    servant.do(agreement_id, returns.decide, 20000)
    servant.world.drain()
    assert [one.status for one in servant.installments(agreement_id)] == ["paid", "paid", "refunded"]
    (refund,) = servant.all(Refund)
    servant.refund_fails(refund)
    servant.check(agreement_id)
    assert [one.status for one in servant.installments(agreement_id)] == ["paid"] * 3
    assert servant.agreement(agreement_id).status == "paid_off"
    assert servant.amendments(agreement_id)[-1].reason == "The refund of $200.00 did not go through."
    again = servant.see(agreement_id, returns.decide)
    assert (again.back, again.status_after) == (64000, "refunded")


def test_what_went_back_to_the_card_of_another_payment_does_not_go_back_again(servant: Servant) -> None:
    """Interest paid ahead pays principal at a payoff, so a refund of the price draws on what another payment had paid."""
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.do(agreement_id, prepayments.extra, 30000)
    servant.do(agreement_id, recordings.decide, 600)
    servant.do(agreement_id, payoffs.decide)
    servant.do(agreement_id, returns.decide)
    servant.world.drain()
    back = sum(one.amount for one in servant.all(Refund))
    assert back == sum(servant.charges_of(agreement_id)) == 60000 - 600
    with pytest.raises(Conflict, match="gone back already"):
        servant.see(agreement_id, returns.decide)
