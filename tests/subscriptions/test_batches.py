"""Batches of renewals leave what one by one would leave, at a fraction of the statements, and keep no organization waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import select, update

from ballast import clock
from ballast.billing import outcomes, payments, processing
from ballast.billing.subscriptions import charging, collecting, rolling
from ballast.clock import real_time
from ballast.db import among, db, organization, set_organization, transaction
from ballast.ids import new_id
from ballast.models import (
    Attempt,
    AuditEntry,
    Claim,
    Customer,
    Email,
    Event,
    Invoice,
    InvoiceLine,
    LedgerTransfer,
    Payment,
    Subscription,
    WebhookDelivery,
)
from ballast.processors.adapter import Adapter
from ballast.processors.base import Approved, Card
from tests.crowd import copies, explained
from tests.statements import counted
from tests.subscriptions.acts import Desk
from tests.subscriptions.fleet import plant
from tests.world import World

WRITTEN = (Invoice, InvoiceLine, Payment, Attempt, Claim, LedgerTransfer, Email, Event, AuditEntry, WebhookDelivery)
MANY = 20_000


def due(desk: Desk, count: int) -> None:
    desk.start(desk.price(2000), desk.customer())
    desk.at = plant(desk, count)


def shape(rows: list[Any]) -> Counter[tuple[str, tuple[str, ...]]]:
    """Rows by what they are and which of their columns are filled, and how; ids, tokens, times and texts aside."""
    return Counter(
        (
            type(row).__name__,
            tuple(
                f"{column.key}={value if isinstance(value, (int, bool)) or column.key in WORDS else value is None}"
                for column in row.__table__.columns
                if column.key != "sequence"
                for value in [getattr(row, column.key if column.key != "metadata" else "metadata_")]
            ),
        )
        for row in rows
    )


WORDS = ("status", "kind", "type", "action", "currency", "billing_reason", "obligation", "processor", "resource_type")


def test_a_batch_leaves_behind_what_one_by_one_does(desk: Desk) -> None:
    due(desk, 2)
    before = {model: {row.id for row in desk.all(model)} for model in WRITTEN}
    alone = sorted(one.id for one in desk.all(Subscription))[0]
    with desk.world.worker_app.app_context(), organization(desk.world.acme.id), clock.at(desk.at):
        rolling.roll(desk.world.acme.id, alone)
        wanted = select(Invoice.id).where(Invoice.subscription_id == alone, Invoice.status == "open")
        invoice_id = db.session.scalars(wanted).one()
        db.session.rollback()
        assert collecting.collect(desk.world.acme.id, invoice_id)
    first = {model: [row for row in desk.all(model) if row.id not in before[model]] for model in WRITTEN}
    done = {model: before[model] | {row.id for row in first[model]} for model in WRITTEN}
    assert desk.run()
    for model in WRITTEN:
        batched = [row for row in desk.all(model) if row.id not in done[model]]
        assert shape(batched) == Counter({key: 2 * times for key, times in shape(first[model]).items()}), model
    assert len({one.number for one in desk.invoices()}) == 4
    assert desk.world.charges()[-1]["amount"] == 2000


def test_one_that_cannot_be_renewed_spoils_no_other(desk: Desk) -> None:
    due(desk, 4)
    bad = desk.all(Subscription)[2].id
    with desk.clocked(), transaction() as session:
        one_time = update(Subscription).where(Subscription.id == bad).values(price_id=desk.world.acme.price_id)
        session.execute(one_time)
    desk.run()
    assert Counter(one.status for one in desk.invoices()) == {"paid": 5}
    assert sorted(one.number or "" for one in desk.invoices()) == [f"ACME-{number:06d}" for number in range(1, 6)]
    waiting = desk.subscription(bad)
    assert waiting.period == 0
    assert waiting.lease_until
    assert waiting.lease_until > real_time() + timedelta(minutes=4)


def test_two_invoices_of_one_card_are_charged_one_after_the_other(desk: Desk) -> None:
    due(desk, 1)
    twin, other = desk.all(Subscription)
    with desk.clocked(), transaction() as session:
        customer = session.get_one(Customer, (desk.world.acme.id, other.customer_id))
        customer.default_payment_method_id = other.payment_method_id
        row = session.get_one(Subscription, (desk.world.acme.id, twin.id))
        row.customer_id, row.payment_method_id = other.customer_id, None
    desk.run()
    assert Counter(one.status for one in desk.invoices()) == {"paid": 3}
    assert len(desk.world.charges()) == 3


def test_many_ask_the_database_what_few_ask(desk: Desk) -> None:
    due(desk, 29)
    ids = [one.id for one in desk.all(Subscription)]
    few, many = statements_of(desk, ids[:5]), statements_of(desk, ids[5:])
    assert many == few, "25 were renewed, and 5 before"
    assert set(Counter(one.status for one in desk.invoices())) == {"paid"}


def statements_of(desk: Desk, subscription_ids: list[str]) -> dict[str, int]:
    """How many each step takes for all of them together, from the end of a period to the record of its payment."""
    acme, asked = desk.world.acme.id, {}

    def count(step: Callable[..., Any], *given: Any) -> Any:
        with counted(desk.world.worker_app) as seen:
            done = step(*given)
        asked[step.__name__] = len(seen)
        return done

    with desk.world.worker_app.app_context(), organization(acme), clock.at(desk.at):
        count(rolling.roll_all, acme, subscription_ids)
        wanted = select(Invoice.id).where(among(Invoice.subscription_id, subscription_ids), Invoice.status == "open")
        invoice_ids = list(db.session.scalars(wanted))
        db.session.rollback()
        begun = count(collecting.begin_all, acme, invoice_ids)
        prepared = [(one, processing.send(one.account, partial(prepare, one), one.send_by)) for one in begun]
        count(payments.mark_submitted, prepared)
        approved = {one.attempt_id: Approved(said.external_id, 2000, Card("visa", "4242")) for one, said in prepared}
        count(outcomes.record_all, acme, approved)
    return asked


def prepare(begun: payments.Begun, adapter: Adapter) -> Any:
    return adapter.prepare(begun.charge)


# --- Whose turn it is --------------------------------------------------------------------------------------------------------


def test_an_organization_with_very_many_due_keeps_no_other_waiting(
    desk: Desk, superuser: psycopg.Connection, world: World
) -> None:
    desk.start(desk.price(2000), desk.customer())
    model = desk.all(Subscription)[0]
    others = [new_id("org") for _ in range(10)]
    for owner in others:
        copies(superuser, "organizations", world.acme.id, 1, id=owner, slug=owner)
        copies(superuser, "subscriptions", world.acme.id, 10, organization_id=owner)
    copies(superuser, "subscriptions", world.acme.id, MANY)
    superuser.execute("analyze subscriptions")
    with world.worker_app.app_context(), clock.at(model.next_action_at):
        set_organization(None)
        rows = charging.due_rows(Subscription, Subscription.next_action_at, None)
        batches = [rows.claim(64) for _ in range(3)]
        taken = Counter(owner for batch in batches for owner, _ in batch)
        assert {owner: taken[owner] for owner in others} == dict.fromkeys(others, 10)
        assert all(any(owner == world.acme.id for owner, _ in batch) for batch in batches)
        assert len({row_id for batch in batches for _, row_id in batch}) == sum(len(batch) for batch in batches)
        assert "Seq Scan on subscriptions" not in explained(rows, world.acme.id)


def test_a_small_organization_is_charged_while_a_large_one_still_is(world: World) -> None:
    large, small = Desk(world), Desk(replace(world, acme=world.stranger))
    due(large, 90)
    due(small, 3)
    large.run()
    sent = {desk: sorted(one.submitted_at for one in desk.all(Attempt)) for desk in (large, small)}
    assert len(sent[large]) == 92
    assert len(sent[small]) == 5
    assert sent[small][-1] < sent[large][60]
