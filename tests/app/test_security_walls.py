"""The walls one at a time, and each with the other taken away: organizations, sessions, addresses that lead elsewhere, forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from ballast.db import db, organization
from ballast.ids import new_id
from ballast.models import Organization, Payment, User, UserSession
from tests.app import test_routes as routes
from tests.app.populated import Known
from tests.world import PASSWORD, World, csrf

# --- Tenant isolation: the program's own filters, without row-level security ---------------------------------------------------


@pytest.fixture
def no_row_level_security(known: Known, superuser: psycopg.Connection) -> Iterator[None]:
    """The serving role passes every policy; new connections, for a plan that was made behind the wall keeps it."""
    try:
        superuser.execute("alter role ballast_app bypassrls")
        _reconnect()
        yield
    finally:
        superuser.execute("alter role ballast_app nobypassrls")
        _reconnect()


def _reconnect() -> None:
    db.session.remove()
    db.engine.dispose()


@pytest.mark.usefixtures("no_row_level_security")
def test_without_row_level_security_the_programs_own_filters_still_show_a_stranger_nothing(
    world: World, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One payment will do here: the routes are what is tried.
    ids = [next(routes.ids_of(known, world))]
    monkeypatch.setattr(routes, "ids_of", lambda _known, _world: [dict(one) for one in ids])
    with organization(world.stranger.id):
        assert db.session.scalars(select(Payment)).first() is not None, "the wall still stands: this proves nothing"
        db.session.rollback()
    routes.test_a_strangers_key_gets_nothing_of_acmes(world, known)
    routes.test_a_strangers_session_gets_nothing_of_acmes(world, known)
    routes.test_a_stranger_cannot_charge_acmes_customer_or_confirm_acmes_payment(world, known)


# --- Session fixation --------------------------------------------------------------------------------------------------------


def submit(client: FlaskClient, path: str, page: str = "", base: str = "http://localhost", **form: Any) -> TestResponse:
    token = csrf(client.get(page or path, base_url=base).get_data(as_text=True))
    return client.post(path, data={"csrf_token": token, **form}, base_url=base)


def cookie_of(client: FlaskClient) -> str:
    found = client.get_cookie("ballast")
    assert found is not None
    return found.value


def csrf_secret(client: FlaskClient) -> str:
    with client.session_transaction() as kept:
        return str(kept["csrf_token"])


def test_signing_in_gives_a_session_and_a_csrf_token_nobody_had_before_and_ends_the_one_before(world: World) -> None:
    victim = world.app.test_client()
    victim.get("/sign-in")
    cookies, secrets = [cookie_of(victim)], [csrf_secret(victim)]
    planted = csrf(victim.get("/sign-in").get_data(as_text=True))
    for _ in range(2):
        assert submit(victim, "/sign-in", "/sign-up", email="owner@example.com", password=PASSWORD).status_code == 303
        assert victim.get("/admin/").status_code == 200
        cookies, secrets = [*cookies, cookie_of(victim)], [*secrets, csrf_secret(victim)]
    assert len(set(cookies)) == len(set(secrets)) == 3
    assert victim.post("/sign-out", data={"csrf_token": planted}).status_code == 400
    db.session.rollback()
    begun = db.session.scalars(select(UserSession).order_by(UserSession.id)).all()
    assert [one.ended_at is None for one in begun] == [False, True]
    for cookie in cookies[:2]:
        attacker = world.app.test_client()
        attacker.set_cookie("ballast", cookie)
        assert attacker.get("/admin/").status_code == 303, "whoever planted or copied it is nobody"


# --- Addresses that lead elsewhere -------------------------------------------------------------------------------------------

# To a browser another site, to a careless look a path. (tests/pages/test_sign_in.py has every other spelling.)
ELSEWHERE = "//evil.example/"
WAYS = ("next", "return_url", "success_url", "cancel_url", "url", "redirect", "return_to", "continue")


@pytest.mark.parametrize("role", [None, "owner"])
def test_no_page_leads_to_another_site_because_its_address_says_so(world: World, role: str | None) -> None:
    client = world.sign_in(role) if role else world.app.test_client()
    led = 0
    for route in routes.GUARDS:
        method, path = routes.address(route, slug=world.acme.slug)
        if method != "GET" or "/api/v1" in path:
            continue
        answer = client.get(path, query_string=dict.fromkeys(WAYS, ELSEWHERE))
        to = answer.headers.get("Location", "")
        led += bool(to)
        assert not urlsplit(to).netloc, (path, to)
    assert led, "nothing led anywhere: this proves nothing"


def test_a_forged_host_is_in_no_mail_and_no_redirect(world: World) -> None:
    client, base = world.app.test_client(), "http://evil.example"
    answer = submit(client, "/forgot-password", base=base, email="owner@example.com")
    assert answer.status_code in (200, 303)
    assert "evil.example" not in answer.headers.get("Location", "")
    world.drain()
    [mail] = world.mails()
    assert "evil.example" not in str(mail)
    assert f"{world.settings.public_url}/" in str(mail)


# --- Mass assignment ---------------------------------------------------------------------------------------------------------


def privileged(world: World) -> dict[str, str]:
    """What no form asks for and an attacker adds."""
    return {
        **{"id": new_id("usr"), "organization_id": world.stranger.id, "organization": world.stranger.id},
        **{"is_admin": "true", "admin": "1", "role": "owner", "mode": "live", "plan": "ENTERPRISE"},
        **{"email_verified": "true", "token_generation": "9", "requires_second_factor": "true", "metadata": "x"},
        **{
            "banned_at": "2026-01-01",
            "archived_at": "2026-01-01",
            "created_at": "2020-01-01",
            "clock_at": "2020-01-01",
        },
    }


def test_forms_take_no_privileged_field_from_whoever_adds_one(world: World) -> None:
    added = privileged(world)
    newcomer = {"email": "new@example.com", "password": "a few unrelated words", "full_name": "New"}
    answer = submit(world.app.test_client(), "/sign-up", **{**added, **newcomer, "organization_name": "Newcomers"})
    assert answer.status_code == 200
    fields = {"name": "Acme Renamed", "shop_name": "Acme", "slug": "acme", "currency": "USD", "timezone": "UTC"}
    assert submit(world.sign_in("owner"), "/admin/settings", **{**added, **fields}).status_code == 303
    moved = {**added, "email": "moved@example.com", "password": PASSWORD}
    answer = submit(world.sign_in("viewer"), "/admin/account/email", "/admin/account", **moved)
    assert answer.status_code < 400

    with world.worker_app.app_context():
        people = {one.email: one for one in db.session.scalars(select(User))}
        assert [email for email, one in people.items() if one.is_admin] == ["staff@example.com"]
        assert {one.token_generation for one in people.values()} == {0}
        assert people["new@example.com"].id != added["id"]
        assert not people["new@example.com"].email_verified
        shops = {one.name: one for one in db.session.scalars(select(Organization))}
        assert set(shops) == {"Acme Renamed", "Elsewhere Ltd", "Newcomers"}
        for shop in shops.values():
            assert (shop.mode, shop.plan, shop.requires_second_factor) == ("sandbox", "STARTER", False)
            assert (shop.metadata_, shop.archived_at, shop.clock_at) == ({}, None, None)
        asked = text("select email, role from memberships join users on users.id = user_id")
        assert {row.email: row.role for row in db.session.execute(asked)} == {
            **{f"{role}@example.com": role for role in ("owner", "admin", "viewer")},
            **{"stranger@example.com": "owner", "new@example.com": "owner"},
        }
