"""Why a charge is what it is: plans, renewals, orders, and what was tried."""

from __future__ import annotations

import re

from ballast.billing import explaining
from ballast.billing.explaining import Explanation
from ballast.billing.financing.servicing import payoffs, prepayments
from ballast.db import db
from ballast.models import Email, Payment
from tests.financing.acts import IN_FOUR, WITH_INTEREST
from tests.financing.servant import Servant


def why(servant: Servant, payment_id: str) -> Explanation:
    with servant.clocked():
        found = explaining.explain(db.session.get_one(Payment, (servant.world.acme.id, payment_id)))
        db.session.expunge_all()
        return found


def test_the_parts_of_a_plans_payment_are_what_it_paid_and_each_says_how_it_came_about(servant: Servant) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.move(days=45)
    servant.late_fee(agreement_id)
    servant.do(agreement_id, prepayments.next_installment)
    found = why(servant, servant.payments_of(agreement_id)[-1])
    assert [part.amount for part in found.parts] == [9753, 600, 500]
    assert found.parts[1].how.startswith("$600.00 still owed × 12% a year × one period (")
    assert "31 days from Jan 15, 2026" in found.parts[1].how
    assert "not paid within 10 days" in found.parts[2].how.lower()
    assert dict(found.facts)["Allocation"] == "oldest_due_first:late_fee,interest,principal"


def test_every_mail_about_a_plan_leads_to_what_explains_its_amount(servant: Servant) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.break_card()
    servant.live_until(agreement_id, 1, days=95)
    told: dict[str, str] = {}
    for mail in sorted(servant.all(Email), key=lambda one: one.created_at):
        if mail.kind in ("installment_upcoming", "installment_failed", "installment_late", "agreement_defaulted"):
            (address,) = re.findall(r"Why this amount: \S+(/charges/\S+)", mail.text)
            assert address in mail.html
            told.setdefault(mail.kind, servant.world.app.test_client().get(address).get_data(as_text=True))
    assert len(told) == 4
    first = servant.installments(agreement_id)[0]
    assert "Payment 1 of your plan" in told["installment_upcoming"]
    assert f"${first.left / 100:.2f}" in told["installment_upcoming"], "what it comes to now, its late fee too"
    assert "$600.00 still owed × 12% a year" in told["installment_upcoming"]
    assert "What was tried" in told["installment_failed"]
    assert f"${servant.balance(agreement_id) / 100:.2f}" in told["agreement_defaulted"]
    assert servant.world.app.test_client().get("/charges/forged").status_code == 404


def test_interest_paid_ahead_is_set_against_a_payoff_so_the_parts_still_add_up(servant: Servant) -> None:
    agreement_id = servant.agree(60000, WITH_INTEREST)
    servant.do(agreement_id, prepayments.extra, 20000)
    servant.do(agreement_id, payoffs.decide)
    found = why(servant, servant.payments_of(agreement_id)[-1])
    assert sum(part.amount for part in found.parts) == found.payment.amount


def test_a_decline_says_why_it_was_or_was_not_tried_again(servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    servant.do(agreement_id, prepayments.next_installment, payment_method="pm_card_chargeDeclined")
    declined = next(one for one in servant.all(Payment) if one.status == "canceled")
    (tried,) = why(servant, declined.id).tries
    assert tried.outcome.startswith("Declined: ")
    assert "decline" in tried.operator
    assert "tried again" in tried.customer


def test_a_down_payment_and_a_renewal_are_explained_too(servant: Servant) -> None:
    servant.agree(64000, IN_FOUR)
    down = next(one for one in servant.all(Payment) if one.order_id)
    found = why(servant, down.id)
    assert [(part.label, part.amount, part.how) for part in found.parts] == [
        ("Down payment", 16000, "25% of $640.00, as agreed")
    ]
    servant.start(servant.price(2000), servant.customer())
    renewal = servant.all(Payment)[-1]
    found = why(servant, renewal.id)
    assert found.heading.startswith("Invoice ")
    assert [part.amount for part in found.parts] == [2000]
