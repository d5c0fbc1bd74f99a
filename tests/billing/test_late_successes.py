"""Money that comes for an attempt given up goes back by itself, once, or is credited; it is alarmed, and no part of the payment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import update

from ballast.billing import late_successes, outcomes, refund_outcomes, refunds, resolver
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.errors import Conflict
from ballast.models import Attempt, CreditBalance, Email, InboxEvent, LateSuccess, Prevented, Refund
from ballast.processors.base import RefundOutcome
from tests.billing.acts import Died, as_worker, attempts, balance, credit_late, die, event_of, hook, rows, stripe
from tests.pages.dashboard import page
from tests.world import ACCOUNTS, Api, World

GONE = [("late_success", 2000), ("refund", 2000)]


def decline(api: Api, **fields: Any) -> str:
    """A payment whose first attempt was declined."""
    answer = api.pay(payment_method="pm_card_visa_chargeDeclined", **fields)
    return str(answer.get_json()["error"]["payment"]["id"])


def approve_behind(world: World, number: int = 0) -> None:
    """The bank lets a declined charge through after all, and Stripe tells of it twice."""
    external_id = attempts(world)[number].external_id
    assert external_id is not None
    assert stripe(world, f"payment_intents/{external_id}/confirm", payment_method="pm_card_visa").ok
    tell(world, number)


def tell(world: World, number: int = 0) -> None:
    external_id = attempts(world)[number].external_id
    assert external_id is not None
    for kind in ("charge.succeeded", "payment_intent.succeeded"):
        assert hook(world, event_of(external_id, kind)).status_code == 204
    world.drain()


def test_it_goes_back_by_itself_once_however_often_it_is_told_of(world: World, api: Api) -> None:
    payment_id = decline(api)
    approve_behind(world)
    tell(world)
    (refund,) = rows(world, Refund)
    assert (refund.status, refund.amount, refund.reason) == ("succeeded", 2000, "late_success")
    assert [charge["amount_refunded"] for charge in world.charges()] == [2000]
    assert world.payment(payment_id).status == "requires_payment_method"
    assert balance(world, "processor_receivable") == balance(world, "late_receipts") == balance(world, "refunds") == 0
    shown = page(world.sign_in("owner"), f"/admin/payments/{payment_id}")
    assert "came through after it had been given up. It went back." in shown
    (late,) = rows(world, LateSuccess)
    assert (late.was, late.answer, late.amount) == ("declined", "refund", 2000)
    assert [(one.route, one.payment_id) for one in rows_of(world) if one.route == "late_success"] == [
        ("late_success", payment_id)
    ]
    told = [mail.recipient for mail in rows(world, Email) if mail.kind == "late_success"]
    assert told == ["owner@example.com"]
    told_of = {event.status for event in rows(world, InboxEvent)}
    assert told_of <= {"applied", "ignored"}, "told again is no error, to be tried again"


def test_what_was_charged_long_after_it_was_sent_is_found_by_the_id_that_its_event_names(
    world: World, api: Api
) -> None:
    world.use("square")
    world.fault(processor="square", kind="reset_before", operation="payments.create")
    api.pay(payment_method="cnon:card-nonce-ok")
    world.forget_faults()
    with organization(world.acme.id), transaction() as session:
        hour, now = timedelta(hours=1), real_time()
        session.execute(update(Attempt).values(send_deadline_at=now - hour, submitted_at=now - hour, next_probe_at=now))
    as_worker(world, resolver.resolve_due)()
    (attempt,) = attempts(world)
    assert attempt.status == "not_sent"
    charge = {
        "source_id": "cnon:card-nonce-ok",
        "idempotency_key": attempt.id,
        "amount_money": {"amount": 2000, "currency": "USD"},
        "reference_id": attempt.id,
        "location_id": ACCOUNTS["square"]["location_id"],
    }
    bearer = {"Authorization": f"Bearer {ACCOUNTS['square']['secret_key']}"}
    made = requests.post(f"{world.sandbox_url}/v2/payments", json=charge, headers=bearer, timeout=5).json()["payment"]
    with organization(world.acme.id):
        assert resolver.look_back(world.acme.id, attempt.id, made["id"])
    (late,) = rows(world, LateSuccess)
    assert (late.was, late.answer, late.amount) == ("not_sent", "refund", 2000)


def rows_of(world: World) -> list[Prevented]:
    db.session.rollback()
    with organization(world.acme.id):
        return list(db.session.query(Prevented))


def test_a_payment_that_was_paid_meanwhile_keeps_its_money(world: World, api: Api) -> None:
    payment_id = decline(api)
    assert api.post(f"/payments/{payment_id}/confirm", {"payment_method": "pm_card_visa"}).status_code == 200
    approve_behind(world)
    payment = world.payment(payment_id)
    assert (payment.status, payment.amount_captured, payment.amount_refunded) == ("succeeded", 2000, 0)
    assert sorted(charge["amount_refunded"] for charge in world.charges()) == [0, 2000]
    assert balance(world, "processor_receivable") == 2000
    with organization(world.acme.id):
        with transaction():
            ours = refunds.request(world.acme.id, payment_id, None, None)
            assert ours.amount == 2000, "all of the payment can still be refunded"
            ours_id = ours.id
        refunds.send(world.acme.id, ours_id)
    assert world.payment(payment_id).amount_refunded == 2000
    assert balance(world, "processor_receivable") == 0


def test_by_policy_it_is_its_customers_credit(world: World, api: Api) -> None:
    credit_late(world)
    customer = api.post("/customers", {"email": "ada@example.com"}).get_json()["id"]
    decline(api, customer=customer)
    approve_behind(world)
    assert rows(world, Refund) == []
    assert balance(world, "customer_credit") == -2000
    db.session.rollback()
    with organization(world.acme.id):
        credit = db.session.query(CreditBalance).one()
        assert (credit.customer_id, credit.amount) == (customer, 2000)
        db.session.rollback()
    decline(api)  # by nobody who is known
    approve_behind(world, 1)
    assert [refund.status for refund in rows(world, Refund)] == ["succeeded"]


def test_who_dies_before_it_is_written_leaves_it_to_the_next_who_hears(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    decline(api)
    (attempt,) = attempts(world)
    said = outcomes.Approved(attempt.external_id or "", 2000, outcomes.Card("visa", "4242"))
    assert stripe(world, f"payment_intents/{attempt.external_id}/confirm", payment_method="pm_card_visa").ok
    with monkeypatch.context() as patch, organization(world.acme.id):
        patch.setattr(late_successes.webhooks, "publish", die)
        with pytest.raises(Died):
            outcomes.record(world.acme.id, attempt.id, said)
    assert rows(world, LateSuccess) == rows(world, Refund) == []
    with monkeypatch.context() as patch, organization(world.acme.id):
        patch.setattr(refunds.processing, "send", die)  # and again, on the way to the processor
        outcomes.record(world.acme.id, attempt.id, said)
        (refund,) = rows(world, Refund)
        with pytest.raises(Died):
            refunds.send(world.acme.id, refund.id)
    with transaction() as session, organization(world.acme.id):
        session.execute(update(Refund).values(next_attempt_at=Refund.created_at))
    world.drain()
    assert [one["amount_refunded"] for one in world.charges()] == [2000]
    assert [one.status for one in rows(world, Refund)] == ["succeeded"]


def test_what_is_only_held_is_let_go(world: World, api: Api) -> None:
    decline(api, capture_method="manual")
    approve_behind(world)
    (late,) = rows(world, LateSuccess)
    assert (late.answer, late.next_attempt_at) == ("release", None)
    assert late.released_at is not None
    assert [charge["status"] for charge in world.charges()] == ["canceled"]
    assert balance(world, "processor_receivable") == 0


def test_a_refund_of_it_that_failed_is_made_again_on_request_and_no_second_time(world: World, api: Api) -> None:
    decline(api)
    world.fault(kind="error_before", operation="refunds.create")
    approve_behind(world)
    (late,), (refund,) = rows(world, LateSuccess), rows(world, Refund)
    with organization(world.acme.id):
        with pytest.raises(Conflict), transaction():
            late_successes.refund_again(world.acme.id, late.id)
        refund_outcomes.record(world.acme.id, refund.id, RefundOutcome("failed", message="No."))
        with transaction():
            assert late_successes.refund_again(world.acme.id, late.id).amount == 2000
    assert [one.status for one in rows(world, Refund)] == ["failed", "pending"]
    assert balance(world, "late_receipts") == -2000, "posted once, and owed until it has gone"
