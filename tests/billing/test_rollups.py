"""Figures by day: each fact counts once, whoever writes it and whenever it is added up, and what is taken back counts no more."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import func, select, text

from ballast.billing import figures, rollups
from ballast.db import db, organization, set_organization
from ballast.local.postgres import Postgres
from ballast.models import FigureChange, Organization
from tests.api.selling import Seller
from tests.statements import counted
from tests.world import Api, World


def seen(world: World) -> dict[str, str]:
    """The overview's figures as they read now."""
    db.session.rollback()
    with organization(world.acme.id):
        found = figures.overview(db.session.scalars(select(Organization).where(Organization.id == world.acme.id)).one())
    return {one["label"]: f"{one['value']} · {one['note']}" for one in found.metrics}


def add_up(world: World) -> int:
    with world.worker_app.app_context():
        set_organization(None)
        return rollups.add_due()


def rows(world: World, model: Any) -> int:
    db.session.rollback()
    with organization(world.acme.id):
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_the_overview_reads_the_same_before_and_after_its_figures_are_added_up(world: World, api: Api) -> None:
    paid = api.pay(amount=3000).get_json()["id"]
    api.pay(amount=1000)
    api.pay(payment_method="pm_card_visa_chargeDeclined")
    api.pay(amount=700, currency="EUR")
    api.post("/refunds", {"payment": paid, "amount": 500})
    world.drain()
    first = seen(world)
    assert first["Volume"].startswith("$40.00")
    assert first["Success rate"] == "75% · 3 of 4 attempts approved"
    waiting = rows(world, FigureChange)
    assert waiting > 8
    assert add_up(world) == waiting
    assert rows(world, FigureChange) == 0
    assert seen(world) == first
    api.pay(amount=2000)
    assert seen(world)["Volume"].startswith("$60.00")
    add_up(world)
    assert seen(world)["Volume"].startswith("$60.00")
    assert add_up(world) == 0
    page = world.sign_in("viewer").get("/admin/").get_data(as_text=True)
    assert "$5.00 went back. Beside it €7.00." in page


def test_adding_up_is_planned_each_time_for_what_waits_then(world: World) -> None:
    """A plan that was made while nothing waited takes hours for a million changes."""
    plans = "select sum(generic_plans), sum(custom_plans) from pg_prepared_statements where statement like '%figure_changes%'"
    with world.worker_app.app_context():
        for _ in range(60):  # the connections take turns, and each makes some plans of their own before it keeps one
            rollups.add_due()
        kept, own = db.session.execute(text(plans)).one()
    assert kept == 0
    assert own


def test_recurring_revenue_rises_and_falls_with_subscriptions_and_says_what_ended(world: World, api: Api) -> None:
    seller = Seller(api)
    monthly = seller.start(price=seller.price(amount=1500))
    yearly = seller.start(price=seller.price(amount=12_000, interval="year"))
    assert seen(world)["Recurring, a month"] == "$25.00 · 2 subscriptions"
    add_up(world)
    assert api.post(f"/subscriptions/{yearly['id']}/cancel", {"at_period_end": False}).status_code == 200
    assert seen(world)["Recurring, a month"].startswith("$15.00 · 1 subscription; $10.00 ended")
    assert api.post(f"/subscriptions/{monthly['id']}/pause", {}).status_code == 200
    assert seen(world)["Recurring, a month"].startswith("$0.00 · 0 subscriptions; $10.00 ended")


def test_the_days_before_are_compared_and_the_page_costs_the_same_for_a_year_of_days(
    world: World, api: Api, postgres: Postgres
) -> None:
    api.pay(amount=3000)
    client = world.sign_in("viewer")
    with counted(world.app) as few:
        client.get("/admin/")
    database = postgres.owner_url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(database) as connection:
        connection.execute(
            "insert into daily_figures (organization_id, figure, currency, day, count, amount) "
            "select id, 'captured', 'USD', (now() - make_interval(days => back))::date, 1, 400 "
            "from organizations, generate_series(35, 400) back where slug = 'acme'"
        )
    with counted(world.app) as many:
        page = client.get("/admin/").get_data(as_text=True)
    assert few == many
    assert len(many) <= 12
    assert "% less than the 30 days before" in page
    assert '<rect class="was"' in page
    assert not [one for one in many if "from payments" in one.lower() and "count(" in one.lower()]
