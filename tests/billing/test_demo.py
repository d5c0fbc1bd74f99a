"""The demo's payments and history: all statuses, whole books, and nothing twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, select

from ballast.billing import demo, demo_history, demo_payments, demo_plans, demo_shop
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.models import (
    Attempt,
    Dispute,
    FinancingAgreement,
    LedgerTransfer,
    Organization,
    Payment,
    PaymentMethod,
    PromotionCode,
    Refund,
    TaxRate,
    WebhookDelivery,
    WebhookEndpoint,
)
from ballast.models.states import PAYMENT
from tests.billing.acts import balance, rows
from tests.financing.servant import Servant
from tests.world import World


def seed(world: World, *words: str) -> Result:
    return world.app.test_cli_runner().invoke(args=["seed", *words])


@pytest.fixture
def servant(world: World) -> Servant:
    """Whoever looks after the plans."""
    return Servant(world, real_time())


@pytest.fixture
def history(world: World) -> int:
    """Thirty days of it."""
    with organization(world.acme.id):
        return demo_history.plant_history(world.acme.id, 30)


def test_twenty_payments_cover_every_status_and_are_made_once(world: World) -> None:
    with organization(world.acme.id):
        assert demo_payments.plant_payments(world.acme.id) == 20
        assert demo_payments.plant_payments(world.acme.id) == 0
    assert {one.status for one in rows(world, Payment)} == set(PAYMENT)
    taken = sum(one["amount_captured"] - one["amount_refunded"] for one in world.charges())
    assert balance(world, "processor_receivable") == taken > 0


def test_history_is_written_once_and_is_told_in_order(world: World, history: int) -> None:
    payments = rows(world, Payment)
    assert len(payments) == history > 100
    assert [one.created_at for one in payments] == sorted(one.created_at for one in payments)
    assert len({one.created_at.date() for one in payments}) > 25
    statuses = {one.status for one in payments}
    assert statuses - {"requires_confirmation"} == {"succeeded", "requires_payment_method", "canceled"}
    waiting = [one.created_at for one in payments if one.status == "requires_confirmation"]
    assert all(at > payments[-1].created_at - timedelta(hours=4) for at in waiting), "not given up yet"
    assert {one.processor for one in payments} == {"stripe", "braintree", "square"}
    with organization(world.acme.id):
        assert demo_history.plant_history(world.acme.id, 30) == 0


def test_the_ledger_of_the_history_holds_what_its_payments_refunds_and_disputes_say(world: World, history: int) -> None:
    taken = sum(one.amount_captured for one in rows(world, Payment))
    back = sum(one.amount for one in rows(world, Refund) if one.status == "succeeded")
    gone = sum(one.amount for one in rows(world, Dispute) if one.status != "won")
    assert balance(world, "processor_receivable") == taken - back - gone > 0
    assert back == sum(one.amount_refunded for one in rows(world, Payment)) > 0
    assert len({one.posted_at.date() for one in rows(world, LedgerTransfer)}) > 25
    approved = {one.payment_id for one in rows(world, Attempt) if one.status == "approved"}
    assert approved == {one.id for one in rows(world, Payment) if one.status == "succeeded"}


def test_what_the_history_told_its_endpoint_is_numbered_without_gaps_and_sent_to_nobody(
    world: World, history: int
) -> None:
    world.drain()
    assert world.received() == []
    (endpoint,) = rows(world, WebhookEndpoint)
    told = rows(world, WebhookDelivery)
    assert sorted(one.sequence for one in told) == list(range(1, len(told) + 1))
    assert endpoint.sequence == len(told) > 300


def test_plans_have_run_for_a_while_and_what_is_left_of_them_is_charged_by_the_nightly_run(
    servant: Servant, world: World
) -> None:
    with organization(world.acme.id):
        with transaction() as session:
            demo.offers.ready_made(session.get_one(Organization, world.acme.id))
            demo_shop.plant(session.get_one(Organization, world.acme.id))
        assert demo_plans.plant_plans(world.acme.id) == 6
        assert demo_plans.plant_plans(world.acme.id) == 0
    plans = sorted(rows(world, FinancingAgreement), key=lambda one: one.consented_at)
    assert [one.status for one in plans[:2] + plans[2:3] + plans[4:]] == ["paid_off"] * 2 + ["active"] * 3
    assert plans[3].status in ("late", "delinquent")
    assert [one.amount for one in rows(world, LedgerTransfer) if one.kind == "late_fee"] == []
    assert world.charges() == [], "what was paid was paid at an account nobody knows"
    for plan in plans:
        servant.check(plan.id)
    servant.at = real_time() + timedelta(days=25)
    servant.work()
    assert [one["amount_captured"] for one in world.charges() if one["amount_captured"]] != []
    assert {one.status for one in rows(world, PaymentMethod)} == {"active"}


def test_nobody_elses_rows_are_touched(world: World, history: int) -> None:
    with organization(world.stranger.id):
        assert db.session.scalar(select(func.count()).select_from(Payment)) == 0


def test_the_commands_say_what_they_did_and_are_safe_to_repeat(world: World, tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    first, again = [seed(world, "--credentials", str(file)) for _ in range(2)]
    assert "20 payments and 6 plans made." in first.output, first.output
    assert "0 payments and 0 plans made." in again.output
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.code for one in rows(world, PromotionCode)] == ["WELCOME10"]
    assert sorted((one.country, one.region, one.bps) for one in rows(world, TaxRate)) == [
        ("DE", "", 1900),
        ("US", "NY", 888),
    ]
    assert "4 products" not in seed(world, "catalog").output  # the first command has put them in place
    assert "There is no organization nobody." in seed(world, "events", "--organization", "nobody").output
    assert "safe to repeat" in seed(world, "--help").output
