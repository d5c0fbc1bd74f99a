"""What changes a running agreement: previewed, then done exactly so."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from random import Random

import pytest
from sqlalchemy import update

from ballast import audit
from ballast.billing.financing import agreement_history, rows
from ballast.billing.financing.quotes import payoff, quote
from ballast.billing.financing.servicing import (
    acting,
    amendments,
    dates,
    payoffs,
    plan_cards,
    prepayments,
    recordings,
    relief,
    reschedules,
    returns,
    settlements,
)
from ballast.db import db, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Email, Event, FinancingOffer, FinancingSettings
from ballast.templating import show_date
from tests.financing.acts import IN_FOUR, WITH_INTEREST
from tests.financing.servant import Servant, day

KEPT = WITH_INTEREST.__class__(**{**WITH_INTEREST.to_dict(), "prepayment": "no_rebate"})


def test_a_payoff_charges_the_note_and_the_interest_earned_less_what_was_paid_and_ends_the_plan(
    servant: Servant,
) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    first = servant.installments(agreement_id)[0]
    servant.do(agreement_id, prepayments.next_installment)
    servant.move(days=45)
    expected = payoff(quote(60000, "USD", WITH_INTEREST, day(1, 15)), day(3, 1), first.amount)
    seen = servant.see(agreement_id, payoffs.decide)
    assert seen.consequence.charged == expected
    assert (seen.balance_after.total, seen.status_after) == (0, "paid_off")
    assert seen.rebated == seen.balance_before.total - expected
    servant.do(agreement_id, payoffs.decide, seen=seen, reason="Moving house")
    agreement = servant.agreement(agreement_id)
    assert (agreement.status, agreement.under_way, agreement.accrued_on) == ("paid_off", None, None)
    paid, off = servant.amendments(agreement_id)
    assert (off.kind, off.preview_hash, off.reason, off.actor) == (
        "payoff",
        seen.hash,
        "Moving house",
        f"user:{servant.who.id}",
    )
    assert off.before["balance"]["principal"] == seen.balance_before.principal
    assert servant.charges_of(agreement_id) == [first.amount, expected]
    assert [kind for kind in servant.mails() if kind != "receipt"] == ["plan_amended", "agreement_paid_off"]
    assert paid.kind == "payment_early"


def test_a_payoff_is_quoted_some_days_ahead_and_the_amount_agreed_stands_when_the_day_passes_under_way(
    servant: Servant,
) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.move(days=20)
    with pytest.raises(InvalidRequest, match="quoted for a day"):
        servant.see(agreement_id, payoffs.decide, day(2, 15))
    seen = servant.see(agreement_id, payoffs.decide, day(2, 10))
    servant.move(days=6)
    servant.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    begun = servant.begin(agreement_id, payoffs.decide, day(2, 10), seen=seen)
    servant.finish(begun)
    servant.world.forget_faults()
    assert servant.agreement(agreement_id).status == "active"
    with pytest.raises(Conflict, match="under way"):
        servant.see(agreement_id, prepayments.next_installment)
    servant.move(days=30)
    servant.settle()
    assert servant.agreement(agreement_id).status == "paid_off"
    assert servant.charges_of(agreement_id) == [seen.consequence.charged]
    servant.check(agreement_id)


def test_a_declined_payoff_changes_nothing_and_frees_everything(servant: Servant) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    before = servant.figures(agreement_id)
    servant.do(agreement_id, payoffs.decide, payment_method="pm_card_chargeDeclined")
    assert servant.figures(agreement_id) == before
    agreement = servant.agreement(agreement_id)
    assert (agreement.status, agreement.under_way) == ("active", None)
    assert servant.amendments(agreement_id) == []
    servant.do(agreement_id, payoffs.decide)
    assert servant.agreement(agreement_id).status == "paid_off"


def test_without_a_rebate_in_the_terms_all_interest_stays_owed(servant: Servant) -> None:
    agreement_id = servant.agree(60000, KEPT)
    assert servant.see(agreement_id, payoffs.decide).consequence.charged == servant.balance(agreement_id)


def test_interest_paid_ahead_counts_towards_a_payoff(servant: Servant) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    ahead = sum(one.amount for one in servant.installments(agreement_id)[:5])
    servant.do(agreement_id, prepayments.extra, ahead)
    expected = payoff(quote(60000, "USD", WITH_INTEREST, day(1, 15)), day(1, 15), ahead)
    done = servant.do(agreement_id, payoffs.decide)
    assert done.preview.consequence.charged == expected == 60000 - ahead
    assert servant.agreement(agreement_id).status == "paid_off"


def test_an_extra_payment_pays_the_oldest_first_and_moves_no_date(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    due = [one.due_on for one in servant.installments(agreement_id)]
    servant.do(agreement_id, prepayments.extra, 20000)
    after = servant.installments(agreement_id)
    assert [one.status for one in after] == ["paid", "partially_paid", "scheduled"]
    assert [one.left for one in after] == [0, 12000, 16000]
    assert [one.due_on for one in after] == due
    for amount in (0, 28001):
        with pytest.raises(InvalidRequest):
            servant.see(agreement_id, prepayments.extra, amount)
    assert servant.see(agreement_id, prepayments.extra, 28000).consequence.kind == "payoff"


def test_an_act_with_a_preview_that_is_not_the_present_one_is_refused(servant: Servant) -> None:
    agreement_id = servant.agree()
    seen = servant.see(agreement_id, payoffs.decide)
    servant.do(agreement_id, prepayments.extra, 1000)
    with pytest.raises(Conflict) as caught:
        servant.do(agreement_id, payoffs.decide, seen=seen)
    assert caught.value.code == "preview_outdated"
    done = servant.see(agreement_id, prepayments.extra, 2000)
    servant.do(agreement_id, prepayments.extra, 2000, seen=done)
    with pytest.raises(Conflict):
        servant.do(agreement_id, prepayments.extra, 2000, seen=done)
    assert servant.charges_of(agreement_id) == [1000, 2000]


def test_a_payment_recorded_for_a_day_that_is_past_takes_back_the_late_fee_it_makes_undue(servant: Servant) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    first = servant.installments(agreement_id)[0]
    servant.move(days=45)
    servant.late_fee(agreement_id)
    assert servant.agreement(agreement_id).status == "late"
    late = servant.see(agreement_id, recordings.decide, first.amount, day(2, 28))
    assert late.waived == 0
    done = servant.do(agreement_id, recordings.decide, first.amount, day(2, 20))
    assert done.preview.waived == 500
    assert servant.agreement(agreement_id).status == "active"
    assert servant.installments(agreement_id)[0].status == "paid"
    assert servant.account("other_receipts") == first.amount
    assert servant.account("late_fees") == 0
    assert servant.amendments(agreement_id)[0].effective_at.date() == day(2, 20)
    with pytest.raises(InvalidRequest, match="Enter a day"):
        servant.see(agreement_id, recordings.decide, 100, day(3, 2))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles"])
def test_the_day_that_money_came_is_the_day_it_was_where_the_agreement_is_kept(servant: Servant, zone: str) -> None:
    servant.zone = zone
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.move(days=45)
    today, acme = rows.day_of(servant.agreement(agreement_id), servant.at), servant.world.acme.id
    servant.do(agreement_id, recordings.decide, 1000, today - timedelta(days=1))
    servant.do(agreement_id, recordings.decide, 1000, today)
    with servant.clocked():
        notes = [one.note or "" for one in agreement_history.read(acme, agreement_id).entries]
    said = [note for note in notes if "As of" in note]
    assert len(said) == 1
    assert f"As of {show_date(today - timedelta(days=1))}" in said[0]


@pytest.mark.parametrize("credit", [0, 500])
def test_a_late_fee_that_was_paid_is_given_back_once_an_earlier_payment_is_recorded(
    servant: Servant, credit: int
) -> None:
    """It pays what else is owed; what is more than that is the customer's credit."""
    agreement_id = servant.agree(60000, KEPT)
    first = servant.installments(agreement_id)[0].amount
    servant.move(days=45)
    servant.late_fee(agreement_id)
    servant.do(agreement_id, prepayments.next_installment)
    paid = servant.installments(agreement_id)[0]
    assert (paid.late_fee_paid, servant.charges_of(agreement_id)) == (500, [first + 500])
    owed = servant.balance(agreement_id)
    recorded = first if not credit else owed
    assert servant.see(agreement_id, recordings.decide, recorded, day(2, 26)).waived == 0, "grace was over"
    assert servant.see(agreement_id, recordings.decide, first - 1, day(2, 25)).waived == 0, "not all of it"
    done = servant.do(agreement_id, recordings.decide, recorded, day(2, 25))
    assert (done.preview.waived, done.preview.consequence.credit) == (500, credit)
    assert "$5.00 was paid of it and is given back." in done.preview.consequence.notes[0]
    after = servant.installments(agreement_id)[0]
    assert (after.late_fee_paid, after.late_fee_left, after.status) == (0, 0, "paid")
    assert servant.balance(agreement_id) == max(owed - recorded - 500, 0)
    assert (servant.account("late_fees"), servant.account("customer_credit")) == (0, -credit)


def test_a_part_of_an_installment_recorded_leaves_it_late(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    servant.move(days=32)
    servant.lateness(agreement_id)
    servant.do(agreement_id, recordings.decide, 6000)
    assert servant.installments(agreement_id)[0].left == 10000
    assert servant.agreement(agreement_id).status == "late"


def test_what_paid_all_on_a_day_that_is_past_is_a_payoff_as_of_it_though_more_interest_was_recognized_since(
    servant: Servant,
) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.move(days=60)
    with servant.clocked(), transaction():
        agreement = rows.locked(servant.world.acme.id, agreement_id)
        from ballast.billing.financing import postings

        postings.earned(agreement, "accrual", 1000)
        agreement.interest_earned += 1000
    amount = payoff(quote(60000, "USD", WITH_INTEREST, day(1, 15)), day(1, 25), 0)
    servant.do(agreement_id, recordings.decide, amount, day(1, 25))
    agreement = servant.agreement(agreement_id)
    assert agreement.status == "paid_off"
    assert agreement.interest_earned == amount - 60000 == -servant.account("interest_income")


def test_a_customer_moves_a_date_within_the_policy_and_so_often_and_staff_as_far_as_the_next_one(
    servant: Servant,
) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    with servant.as_customer():
        with pytest.raises(InvalidRequest, match="Choose another day from Jan 31, 2026 to Mar 2, 2026"):
            servant.see(agreement_id, dates.move, 1, day(3, 3))
        servant.do(agreement_id, dates.move, 1, day(2, 20))
        servant.do(agreement_id, dates.move, 2, day(3, 20))
        with pytest.raises(Conflict, match="No more dates"):
            servant.see(agreement_id, dates.move, 3, day(4, 20))
    moved = servant.installments(agreement_id)[0]
    assert (moved.due_on, moved.next_attempt_at) == (day(2, 20), moved.due_at)
    servant.do(agreement_id, dates.move, 1, day(3, 19))
    with pytest.raises(InvalidRequest, match=r"to Mar 19, 2026"):
        servant.see(agreement_id, dates.move, 1, day(3, 20))
    assert servant.balance(agreement_id) == 48000


def test_what_stays_in_front_of_a_later_one_that_is_late_too_cannot_be_moved_and_it_says_what_can_be_done(
    servant: Servant,
) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    servant.move(days=70)
    servant.lateness(agreement_id)
    for move_to in (day(3, 10), day(4, 20)):
        with pytest.raises(Conflict) as caught:
            servant.see(agreement_id, dates.move, 1, move_to)
        assert caught.value.code == "date_move_refused"
        assert "can't be moved" in caught.value.message
        assert caught.value.message.endswith("You can move installment 2 or 3, or pause the plan, or reschedule it.")
    servant.do(agreement_id, dates.move, 2, day(4, 10))
    servant.do(agreement_id, dates.move, 1, day(4, 9))


def test_in_hardship_every_date_is_put_off_and_nothing_is_added(servant: Servant) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.move(days=35)
    servant.lateness(agreement_id)
    owed = servant.balance(agreement_id)
    with servant.as_customer():
        servant.do(agreement_id, dates.pause, 2)
    after = servant.installments(agreement_id)
    assert [one.due_on for one in after][:3] == [day(4, 19), day(5, 15), day(6, 15)]
    assert servant.balance(agreement_id) == owed
    assert servant.agreement(agreement_id).status == "active"
    with servant.as_customer(), pytest.raises(Conflict, match="cannot be paused"):
        servant.see(agreement_id, dates.pause, 1)
    with pytest.raises(InvalidRequest, match="from 1 to 3 months"):
        servant.see(agreement_id, dates.pause, 4)


def test_staff_waive_a_late_fee(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    servant.move(days=42)
    servant.late_fee(agreement_id)
    seen = servant.see(agreement_id, relief.waive, 1)
    assert (seen.waived, seen.balance_after.total) == (500, 48000)
    servant.do(agreement_id, relief.waive, 1, seen=seen)
    with pytest.raises(Conflict, match="No late fee"):
        servant.see(agreement_id, relief.waive)


@pytest.mark.parametrize("count", [2, 5, 9])
def test_what_is_left_is_rescheduled_to_the_cent_over_fewer_or_more_installments(servant: Servant, count: int) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.do(agreement_id, prepayments.extra, 12345)
    owed = servant.balance(agreement_id)
    servant.do(agreement_id, reschedules.decide, count, day(3, 31))
    coming = [one for one in servant.installments(agreement_id) if one.left]
    assert len(coming) == count
    assert sum(one.left for one in coming) == owed
    assert max(one.left for one in coming) - min(one.left for one in coming) <= 1
    assert [one.due_on for one in coming][:2] == [day(3, 31), day(4, 30)]
    interest = sum(one.interest_left for one in coming)
    with pytest.raises(InvalidRequest, match="interest may be"):
        servant.see(agreement_id, reschedules.decide, count, day(3, 31), interest + 1)
    less = servant.do(agreement_id, reschedules.decide, 4, day(3, 31), interest - 100)
    assert less.preview.rebated == 100


def test_a_plan_long_past_due_is_written_off_and_what_comes_in_after_all_is_recovered(servant: Servant) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    with pytest.raises(Conflict, match="30 or more days"):
        servant.see(agreement_id, relief.write_off)
    servant.move(days=70)
    servant.lateness(agreement_id)
    assert servant.agreement(agreement_id).status == "delinquent"
    owed, interest = servant.balance(agreement_id), servant.agreement(agreement_id).interest
    servant.do(agreement_id, relief.write_off)
    unearned = interest - servant.agreement(agreement_id).interest_earned
    assert servant.agreement(agreement_id).status == "charged_off"
    assert {one.next_attempt_at for one in servant.installments(agreement_id)} == {None}
    assert servant.account("bad_debt") == owed - unearned
    assert servant.account("charge_off_allowance") == -owed
    servant.do(agreement_id, recordings.decide, 5000)
    assert servant.account("recoveries") == -5000
    assert servant.account("financing_receivable") == owed - 5000 == -servant.account("charge_off_allowance")
    servant.do(agreement_id, payoffs.decide)
    assert servant.agreement(agreement_id).status == "paid_off"
    assert servant.account("charge_off_allowance") == 0


@pytest.mark.parametrize("was", ["active", "charged_off"])
def test_a_plan_is_settled_for_less_and_what_is_not_paid_is_written_off(servant: Servant, was: str) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    if was == "charged_off":
        servant.move(days=75)
        servant.late_fee(agreement_id)
        servant.lateness(agreement_id)
        servant.do(agreement_id, relief.write_off)
        assert servant.mails()[-1] == "agreement_charged_off"
    owed, receivable = servant.balance(agreement_id), servant.account("financing_receivable")
    with pytest.raises(InvalidRequest, match="pays everything"):
        servant.see(agreement_id, settlements.decide, servant.see(agreement_id, payoffs.decide).consequence.charged)
    seen = servant.see(agreement_id, settlements.decide, 25000)
    assert (seen.consequence.charged, seen.written_off, seen.status_after) == (25000, owed - 25000, "settled")
    servant.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    servant.finish(servant.begin(agreement_id, settlements.decide, 25000, seen=seen))
    servant.world.forget_faults()
    assert {one.status for one in servant.installments(agreement_id)} == {"processing"}, "nothing takes one meanwhile"
    servant.settle()
    servant.check(agreement_id)
    agreement = servant.agreement(agreement_id)
    assert (agreement.status, agreement.under_way, servant.balance(agreement_id)) == ("settled", None, 0)
    assert servant.charges_of(agreement_id) == [25000]
    assert [one.status for one in servant.installments(agreement_id)] == ["paid"] * 3 + ["waived"] * 3
    assert servant.account("recoveries") == (-25000 if was == "charged_off" else 0)
    assert receivable == owed
    told = [one.type for one in servant.all(Event) if one.type.startswith("financing.agreement")]
    assert (told.count("financing.agreement.settled"), servant.mails().count("agreement_settled")) == (1, 1)
    with pytest.raises(InvalidRequest, match=r"At most \$"):
        servant.see(agreement_id, returns.decide, 60000)
    servant.do(agreement_id, returns.decide, 5000)
    assert servant.agreement(agreement_id).status == "settled"


def test_a_plan_settled_by_a_transfer_is_told_of_once_and_a_declined_settlement_changes_nothing(
    servant: Servant,
) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    before = servant.figures(agreement_id)
    servant.do(agreement_id, settlements.decide, 20000, payment_method="pm_card_chargeDeclined")
    assert servant.figures(agreement_id) == before
    with servant.clocked(), audit.acting(servant.who):
        preview = acting.preview(
            servant.world.acme.id, agreement_id, partial(settlements.decide, amount=20000, recorded=True)
        )
        with transaction():
            signed = amendments.signed(preview.hash)
            acting.act(
                servant.world.acme.id, agreement_id, partial(settlements.decide, amount=20000, recorded=True), signed
            )
    servant.check(agreement_id)
    assert (servant.agreement(agreement_id).status, servant.account("bad_debt")) == ("settled", 28000)
    assert servant.mails().count("agreement_settled") == 1
    (mail,) = [one.text for one in servant.all(Email) if one.kind == "agreement_settled"]
    assert "We took $200.00" in mail
    assert "You don’t owe the other $280.00" in mail


@pytest.mark.parametrize("what", ["waived", "part returned", "returned", "lost", "won", "recovered and lost"])
def test_after_a_charge_off_the_allowance_follows_whatever_is_owed(servant: Servant, what: str) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.do(agreement_id, prepayments.next_installment)
    (payment_id,) = servant.payments_of(agreement_id)
    servant.move(days=75)
    servant.late_fee(agreement_id, 2)
    servant.move(days=30)
    servant.lateness(agreement_id)
    servant.do(agreement_id, relief.write_off)
    match what:
        case "waived":
            servant.do(agreement_id, relief.waive)
        case "part returned":
            servant.do(agreement_id, returns.decide, 10000)
        case "returned":
            servant.do(agreement_id, returns.decide)
            assert servant.agreement(agreement_id).status == "refunded"
        case "recovered and lost":
            servant.do(agreement_id, payoffs.decide)
            servant.dispute(payment_id, "lost")
            assert servant.agreement(agreement_id).status == "charged_off", "it is not charged off a second time"
        case _:
            servant.dispute(payment_id, "lost")
            servant.check(agreement_id)
    if what == "won":
        servant.do(agreement_id, prepayments.extra, servant.balance(agreement_id) - 1000)
        servant.dispute(payment_id, "won")
        assert servant.account("customer_credit") < 0
    servant.check(agreement_id)


def test_another_stored_card_is_charged_from_now_on_and_for_what_is_late_at_once(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    other = servant.another_card()
    servant.move(days=33)
    servant.lateness(agreement_id)
    servant.do(agreement_id, plan_cards.change, other)
    assert servant.agreement(agreement_id).payment_method_id == other
    late, coming, _last = servant.installments(agreement_id)
    assert late.status == "paid"
    assert coming.next_attempt_at == coming.due_at
    with pytest.raises(Conflict, match="already"):
        servant.see(agreement_id, plan_cards.change, other)


def test_an_offer_edited_after_consent_changes_nothing_in_a_hundred_running_agreements(servant: Servant) -> None:
    offer_id, customer_id = servant.offer(WITH_INTEREST), servant.customer()
    agreed = servant.agree_many(100, offer_id, customer_id)
    with servant.clocked(), transaction():
        db.session.execute(
            update(FinancingOffer).values(rate_bps=3000, late_fee_amount=9900, installments=12, prepayment="no_rebate")
        )
        db.session.add(FinancingSettings(organization_id=servant.world.acme.id, payoff_days=1))
    servant.move(days=45)
    assert servant.agree_state() == agreed
    expected = payoff(quote(60000, "USD", WITH_INTEREST, day(1, 15)), day(3, 1), 0)
    assert servant.see(agreed[0][0], payoffs.decide).consequence.charged == expected


def test_a_month_end_that_was_cut_comes_back_after_a_pause(servant: Servant) -> None:
    servant.at += timedelta(days=16)
    agreement_id = servant.agree(60000, WITH_INTEREST)
    assert servant.installments(agreement_id)[0].due_on == date(2026, 2, 28)
    servant.do(agreement_id, dates.pause, 1)
    assert [one.due_on for one in servant.installments(agreement_id)][:2] == [day(3, 31), day(4, 30)]


def _random_act(servant: Servant, agreement_id: str, dice: Random) -> None:
    """One act, of the size the dice say; what the plan does not allow is refused and changes nothing."""
    coming = [one for one in servant.installments(agreement_id) if one.left]
    today = servant.at.date()
    match dice.choice(("record", "early", "move", "pause", "waive", "reschedule", "refund", "fee", "time")):
        case "record":
            day_before = today - timedelta(days=dice.randrange(20))
            servant.do(agreement_id, recordings.decide, dice.randrange(1, 20000), day_before)
        case "early":
            servant.do(agreement_id, prepayments.next_installment)
        case "move" if coming:
            servant.do(agreement_id, dates.move, coming[0].number, coming[0].due_on + timedelta(days=dice.randrange(9)))
        case "pause":
            servant.do(agreement_id, dates.pause, dice.randrange(1, 4))
        case "waive":
            servant.do(agreement_id, relief.waive)
        case "reschedule":
            servant.do(agreement_id, reschedules.decide, dice.randrange(2, 9), today + timedelta(days=9))
        case "refund":
            servant.do(agreement_id, returns.decide, dice.randrange(1, 15000))
        case "fee" if coming and not coming[0].late_fee:
            servant.late_fee(agreement_id, coming[0].number, dice.randrange(1, 900))
        case _:
            servant.move(days=dice.randrange(1, 25))
            servant.lateness(agreement_id)


def test_whatever_is_done_to_plans_in_whatever_order_balance_entries_and_ledger_agree(servant: Servant) -> None:
    begun = servant.at
    done = 0
    for seed in range(8):
        dice, servant.at = Random(seed), begun
        agreement_id = servant.run_plan(WITH_INTEREST)
        for _ in range(12):
            try:
                _random_act(servant, agreement_id, dice)
            except (Conflict, InvalidRequest):
                done -= 1
            done += 1
            servant.check(agreement_id)
    assert done > 40
