"""Starting a sandbox over: nothing of the old books is lost, nothing of them is in the new one, and programs go on."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from ballast.billing import clock_resets, clocks
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.errors import Conflict
from ballast.identity import users
from ballast.models import LedgerTransfer, Organization, Payment, ProcessorAccount, Product
from tests.subscriptions.acts import Desk
from tests.world import World


def start_over(world: World) -> str:
    with organization(world.acme.id):
        return clock_resets.reset(world.acme.id)


def rows(organization_id: str, model: type) -> list:
    db.session.rollback()
    with organization(organization_id):
        found = list(db.session.scalars(select(model).where(model.organization_id == organization_id)))
        db.session.expunge_all()
        return found


def test_the_address_leads_to_a_fresh_organization_in_real_time_and_the_old_books_stay(world: World) -> None:
    desk = Desk(world, real_time())
    desk.start(desk.price(2000), desk.customer())
    before = len(rows(world.acme.id, LedgerTransfer))
    with organization(world.acme.id), transaction():
        clocks.give_clock(db.session.get_one(Organization, world.acme.id))
    made = start_over(world)
    found = users.organization_by_slug(world.acme.slug)
    assert found is not None
    assert (found.id, found.clock_at) == (made, None)
    assert len(rows(world.acme.id, LedgerTransfer)) == before > 0
    assert rows(made, Payment) == []
    assert {one.slug for one in rows(made, Product)} == {one.slug for one in rows(world.acme.id, Product)}


def test_an_api_key_goes_on_working_and_pays_into_the_fresh_account(world: World) -> None:
    made = start_over(world)
    answer = world.api(world.acme.api_key).pay()
    assert answer.status_code in (200, 201), answer.json
    assert answer.json["status"] == "succeeded"
    assert [one.amount for one in rows(made, Payment)] == [2000]
    assert rows(world.acme.id, Payment) == []


def test_it_can_be_done_again_and_every_account_is_one_of_its_own(world: World) -> None:
    world.use("braintree")
    world.use("square")
    first = start_over(world)
    with organization(first):
        second = clock_resets.reset(first)
    names = [one.external_account for owner in (world.acme.id, first, second) for one in rows(owner, ProcessorAccount)]
    assert len(names) == len(set(names)) == 9
    assert all(one.problem is None for one in rows(second, ProcessorAccount))


def test_the_owner_goes_on_in_the_fresh_one_and_a_viewer_may_not_start_over(world: World) -> None:
    from tests.world import csrf

    owner, viewer = world.sign_in("owner"), world.sign_in("viewer")
    page = owner.get("/admin/clock/reset").text
    assert viewer.get("/admin/clock/reset").status_code == 403
    form = {"csrf_token": csrf(page), "confirm": "another"}
    assert owner.post("/admin/clock/reset", data=form).status_code == 422
    form["confirm"] = world.acme.slug
    answer = owner.post("/admin/clock/reset", data=form, follow_redirects=True)
    assert "fresh sandbox" in answer.text
    assert owner.get("/admin/payments").status_code == 200
    assert viewer.get("/admin/payments").status_code in (302, 303, 403, 404)


def test_not_while_the_clock_is_moving(world: World) -> None:
    with organization(world.acme.id), transaction():
        owner = db.session.get_one(Organization, world.acme.id)
        clocks.ask(world.acme.id, clocks.target_of(owner, "day"))
    with pytest.raises(Conflict, match="moved"):
        start_over(world)
