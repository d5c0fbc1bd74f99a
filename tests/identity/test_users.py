"""Who may sign in, stay signed in, and do what."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from ballast import security
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.identity import users
from ballast.ids import new_id
from ballast.models import Membership, Organization, User
from tests.world import PASSWORD, World


def user(email: str) -> User:
    db.session.rollback()
    return db.session.scalars(select(User).where(User.email == email)).one()


def change(email: str, **fields: Any) -> None:
    db.session.rollback()
    with transaction() as session:
        session.execute(update(User).where(User.email == email).values(**fields))


def test_the_right_password_signs_in_however_the_address_is_written(world: World) -> None:
    for email in ("owner@example.com", "OWNER@Example.com", " owner@example.com "):
        found = users.authenticate(email, PASSWORD)
        assert found is not None
        assert found.email == "owner@example.com"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("owner@example.com", PASSWORD + " "),
        ("owner@example.com", PASSWORD.upper()),
        ("owner@example.com", ""),
        ("nobody@example.com", PASSWORD),
        ("", ""),
        ("owner@example.com' --", PASSWORD),
        ("%", PASSWORD),
    ],
)
def test_anything_else_does_not(world: World, email: str, password: str) -> None:
    assert users.authenticate(email, password) is None


@pytest.mark.parametrize("email", ["nobody@example.com", "owner@example.com", "banned"])
def test_every_refusal_costs_one_password_check(world: World, monkeypatch: pytest.MonkeyPatch, email: str) -> None:
    if email == "banned":
        email = "viewer@example.com"
        change(email, banned_at=real_time())
    checks: list[str | None] = []
    real = security.verify_password
    monkeypatch.setattr(users, "verify_password", lambda stored, given: checks.append(stored) or real(stored, given))
    assert users.authenticate(email, "wrong") is None
    assert len(checks) == 1


def test_a_banned_user_does_not_sign_in_with_the_right_password(world: World) -> None:
    change("owner@example.com", banned_at=real_time())
    assert users.authenticate("owner@example.com", PASSWORD) is None


def test_a_session_holds_as_long_as_the_generation_is_the_same_and_nobody_is_banned(world: World) -> None:
    owner = user("owner@example.com")
    assert users.load(owner.id, owner.token_generation) is not None
    assert users.load(owner.id, owner.token_generation + 1) is None
    assert users.load(owner.id, -1) is None
    assert users.load("usr_nobody", 0) is None
    assert users.load(new_id("usr"), 0) is None
    change("owner@example.com", banned_at=real_time())
    db.session.rollback()
    assert users.load(user("owner@example.com").id, 0) is None


def test_a_user_sees_the_organizations_of_their_memberships_oldest_first(world: World) -> None:
    owner = user("owner@example.com").id
    assert users.organizations_of(owner) == [world.acme.id]
    with organization(world.stranger.id), transaction() as session:
        session.add(Membership(organization_id=world.stranger.id, user_id=owner, role="viewer"))
    assert users.organizations_of(owner) == [world.acme.id, world.stranger.id]
    assert users.organizations_of(user("shopper@example.com").id) == []


def test_all_organizations_are_for_staff_who_are_not_banned(world: World) -> None:
    staff = user("staff@example.com").id
    assert set(users.organizations_for_staff(staff)) == {world.acme.id, world.stranger.id}
    assert users.organizations_of(staff) == []
    for name in ("owner", "stranger", "shopper"):
        assert users.organizations_for_staff(user(f"{name}@example.com").id) == []
    change("staff@example.com", banned_at=real_time())
    assert users.organizations_for_staff(staff) == []


def test_a_role_holds_in_its_own_organization_alone(world: World) -> None:
    owner = user("owner@example.com").id
    with organization(world.acme.id):
        assert users.role_in(world.acme.id, owner) == "owner"
        assert users.role_in(world.stranger.id, owner) is None
    with organization(world.stranger.id):
        assert users.role_in(world.stranger.id, owner) is None


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        (
            "owner",
            {
                "read",
                "audit",
                "capture",
                "charge",
                "refund",
                "disputes",
                "api_keys",
                "webhooks",
                "catalog",
                "clock",
                "lending",
                "mails",
                "members",
                "settings",
                "processors",
                "replay",
                "resolve",
                "orders",
                "privacy",
            },
        ),
        (
            "admin",
            {
                "read",
                "audit",
                "capture",
                "charge",
                "refund",
                "disputes",
                "api_keys",
                "webhooks",
                "catalog",
                "clock",
                "lending",
                "mails",
                "replay",
                "resolve",
                "orders",
                "privacy",
            },
        ),
        ("viewer", {"read"}),
        ("staff", {"read", "audit", "resolve"}),
        (None, set()),
        ("", set()),
        ("OWNER", set()),
        ("root", set()),
    ],
)
def test_each_role_may_do_exactly_this(role: str | None, permissions: set[str]) -> None:
    everything = {permission for granted in users.PERMISSIONS.values() for permission in granted} | {"delete", ""}
    assert {permission for permission in everything if users.may(role, permission)} == permissions


def test_a_shop_is_found_by_its_address_unless_it_is_archived(world: World) -> None:
    found = users.organization_by_slug("acme")
    assert found is not None
    assert found.id == world.acme.id
    for slug in ("ACME", "nobody", "", "acme "):
        assert users.organization_by_slug(slug) is None
    db.session.rollback()
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Organization).where(Organization.id == world.acme.id).values(archived_at=real_time()))
    assert users.organization_by_slug("acme") is None
