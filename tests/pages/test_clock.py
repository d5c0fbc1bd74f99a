"""The clock of a sandbox organization: looked at, moved on from its page and over the API, with a calendar of both sides of now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from ballast.billing import calendar, clocks
from ballast.clock import real_time
from ballast.db import db, organization, set_organization, transaction
from ballast.models import Organization
from tests.pages.dashboard import after, page, send
from tests.statements import counted
from tests.subscriptions.acts import Desk
from tests.world import World


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world, real_time().replace(microsecond=0))


def arrive(world: World) -> None:
    """The worker moves the clock to where it was sent."""
    with world.worker_app.app_context():
        set_organization(None)
        clocks.advance_due()


def owner_of(world: World) -> Organization:
    db.session.rollback()
    with organization(world.acme.id):
        return db.session.scalars(select(Organization).where(Organization.id == world.acme.id)).one()


def change(world: World, **values: Any) -> None:
    db.session.rollback()
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Organization).where(Organization.id == world.acme.id).values(**values))


def test_the_page_moves_it_follows_and_shows_what_happened(world: World, desk: Desk) -> None:
    desk.start(desk.price(2000, "week"), desk.customer())
    admin, viewer = world.sign_in("admin"), world.sign_in("viewer")
    assert "real time" in page(viewer, "/admin/clock")
    assert "+1 month" not in page(viewer, "/admin/clock")
    moving = after(admin, send(admin, "/admin/clock", by="month"))
    assert "% of the way" in moving
    assert 'hx-trigger="every 2s"' in moving
    fragment = admin.get("/admin/clock", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "every 2s" in fragment
    assert "<html" not in fragment
    assert send(admin, "/admin/clock", by="day").status_code == 422, "it is on its way already"
    arrive(world)
    there = page(admin, "/admin/clock")
    assert "every 2s" not in there, "polling ends"
    assert "This sandbox lives on" in page(viewer, "/admin/payments")
    stands = owner_of(world).clock_at
    assert stands
    assert abs(stands - desk.at - timedelta(days=30)) < timedelta(minutes=1)
    assert len(world.charges()) == 5
    shown = there + page(admin, f"/admin/clock?month={desk.at:%Y-%m}")
    assert "Invoice ACME-000004, $20.00" in shown
    assert "Your next payment for Club" in shown


def test_the_calendar_says_what_then_happens(world: World, desk: Desk) -> None:
    weekly = desk.start(desk.price(500, "week", name="Paper"), desk.customer())
    trial = desk.start(desk.price(3000), desk.customer(email="t@example.com"), trial_days=14)
    month = (desk.at - timedelta(days=1), desk.at + timedelta(days=30))
    with desk.clocked():
        planned = calendar.read(world.acme.id, *month)
    coming = [(item.kind, item.about, item.at) for item in planned if item.is_coming]
    renewals = [at for kind, about, at in coming if kind == "renewal" and about == weekly]
    assert [at - desk.at for at in renewals] == [timedelta(days=7 * place) for place in range(1, 5)]
    assert [(kind, at - desk.at) for kind, about, at in coming if about == trial and kind == "trial_end"] == [
        ("trial_end", timedelta(days=14))
    ]
    change(world, clock_at=desk.at, clock_target_at=month[1])
    arrive(world)
    desk.at = month[1]
    with desk.clocked():
        happened = calendar.read(world.acme.id, *month)
    written = [item.at for item in happened if item.kind == "invoice" and item.amount == 500]
    assert written == [desk.at - timedelta(days=30), *renewals]
    assert not [item for item in happened if item.is_coming]
    with counted(world.app) as statements, desk.clocked():
        calendar.read(world.acme.id, *month)
    assert len(statements) <= 8


@pytest.mark.parametrize(
    "form", [{}, {"by": "year"}, {"by": "date"}, {"by": "date", "date": "1999-01-01"}, {"by": "next_event"}]
)
def test_a_time_that_cannot_be_is_refused(world: World, form: dict[str, str]) -> None:
    answer = send(world.sign_in("owner"), "/admin/clock", **({"by": ""} | form))
    assert answer.status_code == 422
    assert owner_of(world).clock_target_at is None


def test_a_live_organization_has_no_clock_of_its_own(world: World) -> None:
    change(world, mode="live")
    shown = page(world.sign_in("owner"), "/admin/clock")
    assert "+1 day" not in shown
    answer = world.api(world.acme.api_key).post("/clock/advance", {"by": "day"})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "clock_not_allowed")


def test_the_api_moves_it_once_for_a_key(world: World, desk: Desk) -> None:
    desk.start(desk.price(2000), desk.customer())
    api = world.api(world.acme.api_key)
    assert api.get("/clock").get_json()["is_real_time"] is True
    key = "8a7f3c1e-2b64-4f0a-9d51-6e0c7f4b2a90"
    answers = [api.post("/clock/advance", {"by": "next_event"}, key=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].data == answers[1].data
    target = answers[0].get_json()["target"]
    arrive(world)
    found = api.get("/clock").get_json()
    assert (found["now"], found["target"], found["is_real_time"]) == (target, None, False)
    assert datetime.fromisoformat(found["next_event_at"]) > datetime.fromisoformat(target)
    for body in ({"by": "date"}, {"by": "day", "date": "2030-01-01"}, {"by": "hour"}, {}):
        assert api.post("/clock/advance", body).status_code == 400, body
    assert world.as_user("viewer").post("/clock/advance", {"by": "day"}).status_code == 403
    assert world.as_user("admin").post("/clock/advance", {"by": "day"}).status_code == 200
