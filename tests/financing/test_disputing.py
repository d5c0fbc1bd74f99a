"""A bank takes a payment of a plan back, in every order with what else happens to a plan."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import permutations

import pytest

from ballast.billing.financing.servicing import payoffs, prepayments, recordings, returns
from ballast.errors import Conflict, InvalidRequest
from tests.financing.acts import IN_FOUR, WITH_INTEREST
from tests.financing.servant import Servant


def test_a_lost_dispute_reopens_the_debt_which_is_never_charged_by_itself(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    servant.do(agreement_id, payoffs.decide)
    (payment_id,) = servant.payments_of(agreement_id)
    servant.dispute(payment_id, "needs_response")
    assert servant.balance(agreement_id) == 0
    servant.dispute(payment_id, "lost")
    servant.check(agreement_id)
    reopened = servant.installments(agreement_id)[-1]
    assert (reopened.kind, reopened.left, reopened.next_attempt_at) == ("reopened", 48000, None)
    assert servant.agreement(agreement_id).status == "active"
    assert servant.amendments(agreement_id)[-1].kind == "dispute_lost"
    assert servant.mails()[-1] == "plan_amended"
    servant.do(agreement_id, prepayments.extra, 10000)
    assert servant.balance(agreement_id) == 38000


def test_a_dispute_won_later_undoes_it_and_what_was_paid_of_it_pays_the_rest_or_is_credit(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    servant.do(agreement_id, prepayments.next_installment)
    (payment_id,) = servant.payments_of(agreement_id)
    servant.dispute(payment_id, "lost")
    servant.do(agreement_id, recordings.decide, 4000)
    assert servant.balance(agreement_id) == 44000
    servant.dispute(payment_id, "won")
    servant.check(agreement_id)
    assert servant.balance(agreement_id) == 28000
    servant.dispute(payment_id, "lost")
    servant.do(agreement_id, payoffs.decide)
    servant.dispute(payment_id, "won")
    servant.check(agreement_id)
    assert servant.agreement(agreement_id).status == "paid_off"
    assert servant.account("customer_credit") == -16000


def test_what_was_paid_of_a_debt_that_is_not_owed_after_all_is_no_part_of_the_price_that_goes_back(
    servant: Servant,
) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.do(agreement_id, payoffs.decide)
    (payoff_id,) = servant.payments_of(agreement_id)
    servant.dispute(payoff_id, "lost")
    servant.do(agreement_id, prepayments.extra, 4000)
    servant.dispute(payoff_id, "won")
    assert servant.account("customer_credit") == -4000
    done = servant.do(agreement_id, returns.decide, 5000)
    assert [(one.payment_id, one.amount) for one in done.preview.consequence.back] == [(payoff_id, 5000)]


def test_no_refund_goes_to_a_payment_that_is_disputed(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    servant.do(agreement_id, payoffs.decide)
    (payment_id,) = servant.payments_of(agreement_id)
    servant.dispute(payment_id, "needs_response")
    with pytest.raises(InvalidRequest, match=r"At most \$160.00"):
        servant.see(agreement_id, returns.decide, 64000)


def _part(servant: Servant, agreement_id: str) -> None:
    servant.do(agreement_id, returns.decide, 7000)


def _all(servant: Servant, agreement_id: str) -> None:
    servant.do(agreement_id, returns.decide)


def _lost(servant: Servant, agreement_id: str) -> None:
    first = servant.payments_of(agreement_id)[0]
    servant.dispute(first, "needs_response", f"du_{first}")
    servant.dispute(first, "lost", f"du_{first}")


def _payoff(servant: Servant, agreement_id: str) -> None:
    servant.do(agreement_id, payoffs.decide)


def _late(servant: Servant, agreement_id: str) -> None:
    """A month and a half passes, a late fee is charged, and the customer pays what is behind."""
    servant.move(days=45)
    owed = [one for one in servant.installments(agreement_id) if one.left and one.due_on <= servant.at.date()]
    if owed and owed[0].kind == "scheduled" and not owed[0].late_fee:
        servant.late_fee(agreement_id, owed[0].number)
    servant.do(agreement_id, prepayments.next_installment)


EVENTS: dict[str, Callable[[Servant, str], None]] = {
    "partial refund": _part,
    "full refund": _all,
    "dispute lost": _lost,
    "payoff": _payoff,
    "late payment": _late,
}


# Every fifth of the 120 orders; all of them, for some minutes, with BALLAST_EVERY_ORDER=1.
ORDERS = list(permutations(EVENTS))[:: 1 if os.environ.get("BALLAST_EVERY_ORDER") else 5]


@pytest.mark.parametrize("first", EVENTS)
def test_the_plan_stays_true_in_every_order_of_refunds_dispute_payoff_and_late_payment(
    servant: Servant, first: str
) -> None:
    begun = servant.at
    for order in (found for found in ORDERS if found[0] == first):
        servant.at = begun
        agreement_id = servant.run_plan(WITH_INTEREST)
        servant.do(agreement_id, prepayments.next_installment)
        refused = []
        for name in order:
            try:
                EVENTS[name](servant, agreement_id)
            except Conflict as error:  # said, and nothing changes
                refused.append(error.code)
            servant.check(agreement_id)
        # Nothing is owed any more, or all of the price has gone back.
        assert set(refused) <= {"agreement_closed", "payment_refunded"}, order
        assert len(servant.amendments(agreement_id)) == 1 + len(order) - len(refused)
