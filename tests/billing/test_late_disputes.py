"""A charge that came late is disputed: the books are what the processor holds, and what paid the payment goes its own way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from ballast.billing import credit as credits
from ballast.billing import (
    dispute_answers,
    disputes,
    late_successes,
    ledger,
    ledger_proof,
    outcomes,
    refund_outcomes,
    refunds,
)
from ballast.billing.reconciliation import days
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.errors import Conflict
from ballast.models import (
    CreditBalance,
    Dispute,
    Drift,
    LateSuccess,
    LedgerTransfer,
    Refund,
)
from ballast.processors import base
from ballast.processors.base import Approved, Card
from tests.billing.acts import attempts, balance, credit_late, event_of, hook, rows, stripe
from tests.billing.test_late_successes import approve_behind, decline
from tests.financing.servant import Servant
from tests.pages.dashboard import page
from tests.subscriptions.acts import Desk as Subscriptions
from tests.world import Api, World

FEE = 1500  # what Stripe's sandbox takes for a dispute


def contest(world: World, number: int = 0) -> Dispute:
    """The holder of the card behind an attempt goes to their bank, and Ballast learns it."""
    charge = attempts(world)[number].external_id
    answer = requests.post(f"{world.sandbox_url}/_sandbox/charges/stripe/{charge}/dispute", json={}, timeout=5)
    assert answer.status_code == 201, answer.text
    learn(world, answer.json()["id"])
    return rows(world, Dispute)[-1]


def learn(world: World, external_id: str) -> None:
    with organization(world.acme.id):
        assert disputes.learn(world.acme.id, world.acme.account_id, external_id) == "applied"


def answer(world: World, dispute: Dispute, text: str, until: str) -> None:
    """The merchant answers, and the bank decides so."""
    with organization(world.acme.id):
        dispute_answers.submit_evidence(world.acme.id, dispute.id, text)
    for _ in range(100):
        learn(world, dispute.external_id)
        if rows(world, Dispute)[-1].status == until:
            return
        time.sleep(0.1)
    raise AssertionError(rows(world, Dispute)[-1].status)


def lose(world: World, dispute: Dispute) -> None:
    answer(world, dispute, "losing_evidence", "lost")


def win(world: World, dispute: Dispute) -> None:
    answer(world, dispute, "winning_evidence", "won")


def say(world: World, dispute: Dispute, status: base.DisputeStatus) -> None:
    """What a processor would say where no sandbox does: some networks go into another round."""
    (before,) = [one for one in rows(world, Dispute) if one.id == dispute.id]
    charge = next(one for one in attempts(world) if one.id == dispute.attempt_id).external_id
    told = base.Dispute(
        external_id=dispute.external_id,
        charge_external_id=charge,
        amount=dispute.amount,
        currency=dispute.currency,
        reason="fraudulent",
        status=status,
        due_at=None,
        created_at=dispute.created_at,
    )
    with organization(world.acme.id):
        assert disputes.record(world.acme.id, world.acme.account_id, told, before.status) == "applied"


def at_the_bank(world: World) -> int:
    """Minor units that banks hold of all disputes and what Stripe kept for them, by the sandbox."""
    key = f"{world.settings.stripe_secret_key}_{world.acme.slug}"
    held = 0
    for one in rows(world, Dispute):
        place = f"{world.sandbox_url}/v1/disputes/{one.external_id}"
        told = requests.get(place, headers={"Authorization": f"Bearer {key}"}, timeout=5).json()
        held -= sum(int(part["net"]) for part in told["balance_transactions"])
    return held


def check_books(world: World, is_reconciled: bool = True) -> None:
    """The ledger has at the processor what the sandbox holds, adds up, and agrees with the processor's list of the day."""
    taken = sum(one["amount_captured"] - one["amount_refunded"] for one in world.charges())
    kept = sum(one.amount for one in rows(world, LedgerTransfer) if one.kind == "processor_fee")
    assert balance(world, "processor_receivable") == taken - at_the_bank(world) - kept
    verify(world)
    if is_reconciled:
        with organization(world.acme.id):
            days.run_now(world.acme.id, world.acme.account_id, real_time().date())
        assert [(one.drift_class, one.ours, one.theirs) for one in rows(world, Drift) if one.status == "open"] == []


def verify(world: World) -> None:
    db.session.rollback()
    with world.worker_app.app_context():
        proofs = ledger_proof.verify(world.acme.id)
    assert [one.broken for one in proofs] == [None]


def credit(world: World) -> int:
    """All that customers have, which the ledger must know."""
    with organization(world.acme.id):
        found = sum(db.session.scalars(select(CreditBalance.amount)))
        db.session.rollback()
    assert found == -balance(world, "customer_credit")
    return found


# --- Credited -----------------------------------------------------------------------------------------------------------------


def test_what_had_become_credit_is_taken_back_once_its_dispute_is_lost(world: World, api: Api) -> None:
    credit_late(world)
    decline(api, customer=api.post("/customers", {"email": "ada@example.com"}).get_json()["id"])
    approve_behind(world)
    dispute = contest(world)
    assert (balance(world, "disputes"), balance(world, "processor_fees"), credit(world)) == (2000, FEE, 2000)
    check_books(world)
    lose(world, dispute)
    assert (balance(world, "disputes"), credit(world)) == (0, 0)
    check_books(world)
    rounds: list[tuple[base.DisputeStatus, int]] = [("won", 2000), ("lost", 0), ("won", 2000)]
    for status, left in rounds:
        say(world, dispute, status)
        assert credit(world) == left
    assert balance(world, "disputes") == 0
    assert balance(world, "processor_receivable") == 2000 - balance(world, "processor_fees")
    verify(world)


def test_credit_that_was_used_meanwhile_is_the_merchants_loss(world: World, api: Api) -> None:
    credit_late(world)
    customer = api.post("/customers", {"email": "ada@example.com"}).get_json()["id"]
    decline(api, customer=customer)
    approve_behind(world)
    dispute = contest(world)
    with organization(world.acme.id), transaction():
        credits.move(world.acme.id, customer, "USD", -1500, "spent", "inv_x")
        ledger.post(world.acme.id, "spent", "inv_x", "customer_credit", "receivables", 1500, "USD")
    lose(world, dispute)
    assert (balance(world, "disputes"), credit(world)) == (1500, 0)
    check_books(world)


def test_an_invoice_that_it_paid_stays_paid_as_with_any_charge(world: World) -> None:
    credit_late(world)
    desk = Subscriptions(world)
    desk.start(desk.price(2000), desk.customer(), card="pm_card_chargeDeclined")
    _come_late(world, desk.clocked)
    assert [one.status for one in desk.invoices()] == ["paid"]
    dispute = contest(world)
    lose(world, dispute)
    assert [one.status for one in desk.invoices()] == ["paid"]
    assert (balance(world, "disputes"), balance(world, "receivables"), credit(world)) == (2000, 0, 0)
    check_books(world)


def test_what_it_paid_of_a_plan_is_owed_again_once_its_dispute_is_lost(world: World) -> None:
    credit_late(world)
    servant = Servant(world)
    plan = servant.agree()
    servant.break_card()
    servant.live_until(plan, 1)
    _come_late(world, servant.clocked)
    servant.check(plan)
    owed = servant.balance(plan)
    with servant.clocked():
        dispute = contest(world, -1)
        check_books(world, is_reconciled=False)
        lose(world, dispute)
    assert servant.balance(plan) == owed + 16000
    assert [(one.kind, one.left) for one in servant.installments(plan)][-1] == ("reopened", 16000)
    assert balance(world, "disputes") == 0
    servant.check(plan)
    rounds: list[tuple[base.DisputeStatus, int]] = [("won", 0), ("lost", 16000), ("won", 0)]
    for status, again in rounds:
        with servant.clocked():
            say(world, dispute, status)
        assert servant.balance(plan) == owed + again
        servant.check(plan)
    assert credit(world) == 0
    verify(world)


def test_what_paid_nothing_of_a_plan_leaves_it_alone_and_its_credit_goes(world: World) -> None:
    credit_late(world)
    servant = Servant(world)
    plan = servant.agree()
    servant.break_card()
    servant.live_until(plan, 1)
    servant.pay(plan, [servant.installments(plan)[0].id])
    before = servant.balance(plan)
    attempt = next(number for number, one in enumerate(attempts(world)) if one.status == "declined")
    _come_late(world, servant.clocked, attempt)
    assert credit(world) == 16000
    with servant.clocked():
        dispute = contest(world, attempt)
        lose(world, dispute)
    assert (servant.balance(plan), credit(world), balance(world, "disputes")) == (before, 0, 0)
    servant.check(plan)
    verify(world)


def _come_late(world: World, clocked: Callable[[], Any], number: int = -1) -> None:
    """The bank lets a declined charge through after all, and Ballast is told."""
    attempt = attempts(world)[number]
    assert stripe(world, f"payment_intents/{attempt.external_id}/confirm", payment_method="pm_card_visa").ok
    with clocked():
        said = Approved(attempt.external_id or "", attempt.amount, Card("visa", "4242"))
        outcomes.record(world.acme.id, attempt.id, said)


# --- Beside a charge that paid ------------------------------------------------------------------------------------------------


@pytest.fixture
def twice(world: World, api: Api) -> str:
    """A payment whose declined charge came late, after another had paid it; its id. What came late is credit."""
    credit_late(world)
    payment_id = decline(api, customer=api.post("/customers", {"email": "ada@example.com"}).get_json()["id"])
    assert api.post(f"/payments/{payment_id}/confirm", {"payment_method": "pm_card_visa"}).status_code == 200
    approve_behind(world)
    return payment_id


def refund(world: World, payment_id: str, amount: int | None = None, is_sent: bool = True) -> None:
    with organization(world.acme.id):
        with transaction():
            made = refunds.request(world.acme.id, payment_id, amount, None).id
        if is_sent:
            refunds.send(world.acme.id, made)


def test_what_paid_is_refunded_while_the_late_charge_is_disputed_and_after_it_was_lost(
    world: World, twice: str
) -> None:
    refund(world, twice, 300, is_sent=False)
    dispute = contest(world)
    assert [one.status for one in rows(world, Refund)] == ["pending"], "it is of the other charge"
    refund(world, twice, 500)
    lose(world, dispute)
    shown = page(world.sign_in("owner"), f"/admin/payments/{twice}")
    assert "was lost in a dispute" not in shown
    refund(world, twice)
    assert [one.amount for one in rows(world, Refund)] == [300, 500, 1200]
    with organization(world.acme.id):
        refunds.send(world.acme.id, rows(world, Refund)[0].id)
    assert world.payment(twice).amount_refunded == 2000
    assert balance(world, "refunds") == 2000
    check_books(world)


def test_a_dispute_of_what_paid_still_keeps_refunds_back(world: World, twice: str) -> None:
    refund(world, twice, 300, is_sent=False)
    dispute = contest(world, 1)
    assert [one.status for one in rows(world, Refund)] == ["canceled"]
    with pytest.raises(Conflict) as refused:
        refund(world, twice)
    assert refused.value.code == "payment_disputed"
    lose(world, dispute)
    with pytest.raises(Conflict) as refused:
        refund(world, twice)
    assert (refused.value.code, credit(world)) == ("payment_refunded", 2000)
    check_books(world)


# --- To be given back -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(world: World, api: Api) -> Refund:
    """The refund of a late charge, reserved and not sent."""
    decline(api)
    attempt = attempts(world)[0]
    assert stripe(world, f"payment_intents/{attempt.external_id}/confirm", payment_method="pm_card_visa").ok
    with organization(world.acme.id):
        outcomes.record(world.acme.id, attempt.id, Approved(attempt.external_id or "", 2000, Card("visa", "4242")))
    (reserved,) = rows(world, Refund)
    assert reserved.status == "pending"
    return reserved


def test_a_refund_that_has_not_left_is_called_off_and_nothing_goes_back_twice(world: World, waiting: Refund) -> None:
    dispute = contest(world)
    world.drain()
    (called_off,) = rows(world, Refund)
    assert (called_off.status, called_off.message) == ("canceled", "The payment was disputed.")
    assert (balance(world, "late_receipts"), balance(world, "processor_fees")) == (0, FEE)
    check_books(world)
    again(world, "payment_disputed")
    lose(world, dispute)
    world.drain()
    again(world, "payment_refunded")
    assert [one["amount_refunded"] for one in world.charges()] == [0]
    assert (balance(world, "late_receipts"), balance(world, "disputes")) == (0, 0)
    assert "Disputed by its bank" in page(world.sign_in("owner"), "/admin/radar")
    check_books(world)


def again(world: World, code: str) -> None:
    """Somebody presses "Refund again"."""
    with pytest.raises(Conflict) as refused, organization(world.acme.id), transaction():
        late_successes.refund_again(world.acme.id, rows(world, LateSuccess)[0].id)
    assert refused.value.code == code


def test_what_its_bank_gives_back_goes_back_after_all(world: World, waiting: Refund) -> None:
    dispute = contest(world)
    win(world, dispute)
    world.drain()
    assert [one.status for one in rows(world, Refund)] == ["canceled", "succeeded"]
    assert [one["amount_refunded"] for one in world.charges()] == [2000]
    assert balance(world, "late_receipts") == balance(world, "disputes") == balance(world, "processor_receivable") == 0
    check_books(world)


def test_each_round_takes_it_once_and_calls_off_what_waits(world: World, waiting: Refund) -> None:
    dispute = contest(world)
    rounds: list[base.DisputeStatus] = ["won", "won", "needs_response", "under_review", "lost", "won"]
    for status in rounds:
        say(world, dispute, status)
        owed = 2000 if status == "won" else 0
        assert (balance(world, "late_receipts"), balance(world, "processor_receivable")) == (-owed, owed - FEE)
    assert [one.status for one in rows(world, Refund)] == ["canceled", "canceled", "pending"]
    verify(world)


def test_what_had_gone_back_and_is_taken_once_more_is_a_loss(world: World, waiting: Refund) -> None:
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Refund).values(status="submitted"))
    dispute = contest(world)
    with organization(world.acme.id):
        said = base.RefundOutcome("succeeded", "re_1")
        refund_outcomes.record(world.acme.id, waiting.id, said)
    say(world, dispute, "won")
    say(world, dispute, "needs_response")
    say(world, dispute, "lost")
    assert (balance(world, "late_receipts"), balance(world, "disputes")) == (0, 2000)
    assert balance(world, "processor_receivable") == -2000 - FEE
    verify(world)


# --- The dispute comes first --------------------------------------------------------------------------------------------------


@pytest.fixture
def first(world: World, api: Api) -> Dispute:
    """A dispute that was learned before it was known that its declined charge came through."""
    decline(api)
    assert stripe(world, f"payment_intents/{attempts(world)[0].external_id}/confirm", payment_method="pm_card_visa").ok
    dispute = contest(world)
    for kind in ("charge.succeeded", "payment_intent.succeeded"):
        assert hook(world, event_of(attempts(world)[0].external_id or "", kind)).status_code == 204
    world.drain()
    assert [(one.answer, one.amount) for one in rows(world, LateSuccess)] == [("dispute", 2000)]
    return dispute


def test_a_dispute_that_was_known_first_takes_what_came(world: World, first: Dispute) -> None:
    assert balance(world, "processor_receivable") == -FEE
    lose(world, first)
    assert rows(world, Refund) == []
    check_books(world)


def test_a_dispute_that_was_known_first_and_is_won_has_the_money_go_back(world: World, first: Dispute) -> None:
    win(world, first)
    world.drain()
    assert [one.status for one in rows(world, Refund)] == ["succeeded"]
    assert balance(world, "late_receipts") == balance(world, "processor_receivable") == 0
    check_books(world)


def test_a_charge_whose_dispute_was_won_before_it_was_known_goes_back(world: World, api: Api) -> None:
    decline(api)
    attempt = attempts(world)[0]
    assert stripe(world, f"payment_intents/{attempt.external_id}/confirm", payment_method="pm_card_visa").ok
    win(world, contest(world))
    with organization(world.acme.id):
        outcomes.record(world.acme.id, attempt.id, Approved(attempt.external_id or "", 2000, Card("visa", "4242")))
    world.drain()
    assert [(one.answer, one.amount) for one in rows(world, LateSuccess)] == [("refund", 2000)]
    assert [one["amount_refunded"] for one in world.charges()] == [2000]
    check_books(world)
