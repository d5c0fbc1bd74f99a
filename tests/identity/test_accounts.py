"""Accounts on the pages: signing up, joining, confirming, new passwords and addresses, sessions, several organizations, bans."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from ballast.clock import real_time, shifted
from ballast.db import db, organization, transaction
from ballast.identity import api_keys, members, users
from ballast.models import ApiKey, AuditEntry, Customer, Email, Membership, Organization, User, UserLink
from ballast.security import hash_token
from tests.world import PASSWORD, World, csrf

NEW_PASSWORD = "another kettle of words"


def submit(client: FlaskClient, path: str, page: str = "", **form: Any) -> TestResponse:
    token = csrf(client.get(page or path).get_data(as_text=True))
    return client.post(path, data={"csrf_token": token, **form})


def user(name: str) -> User:
    db.session.rollback()
    found = db.session.scalars(select(User).where(User.email == f"{name}@example.com")).one()
    db.session.expunge(found)
    db.session.rollback()
    return found


def link(world: World, kind: str, organization_id: str = "") -> str:
    """The address in the newest mail of this kind."""
    db.session.rollback()
    with organization(organization_id or world.acme.id):
        text = db.session.scalars(select(Email.text).where(Email.kind == kind).order_by(Email.id.desc()).limit(1)).one()
    db.session.rollback()
    found = re.search(r"http://127\.0\.0\.1:9(/\S+)", text)
    assert found
    return found[1]


def signs_in(world: World, email: str, password: str) -> bool:
    return submit(world.app.test_client(), "/sign-in", email=email, password=password).status_code == 303


def plain(answer: TestResponse, name: str) -> str:
    """The page without what differs between any two requests, and without the name that was typed."""
    return re.sub(r"\{\"X-CSRFToken[^}]*\}", "", answer.get_data(as_text=True)).replace(f"{name}@", "name@")


# --- Signing up and joining ----------------------------------------------------------------------------------------------


def sign_up(world: World, email: str) -> TestResponse:
    form = {"email": email, "password": NEW_PASSWORD, "full_name": "Ada", "organization_name": "Roasters"}
    return submit(world.app.test_client(), "/sign-up", **form)


def test_signing_up_says_the_same_whether_or_not_the_address_has_an_account(world: World) -> None:
    pages = {plain(sign_up(world, f"{name}@example.com"), name) for name in ("fresh", "owner")}
    assert len(pages) == 1
    assert signs_in(world, "fresh@example.com", NEW_PASSWORD)
    assert not signs_in(world, "owner@example.com", NEW_PASSWORD)


def organization_named(world: World, slug: str) -> str:
    """Its id, archived or not."""
    with world.worker_app.app_context():
        return db.session.scalars(select(Organization.id).where(Organization.slug == slug)).one()


def test_the_owner_of_a_taken_address_may_take_the_organization_and_keeps_the_password(world: World) -> None:
    db.session.rollback()
    with transaction() as session:
        session.execute(update(User).values(email_verified=True))
    sign_up(world, "owner@example.com")
    made = organization_named(world, "roasters")
    assert world.app.test_client().get("/shop/roasters/").status_code == 404
    claim = link(world, "claim_organization", made)
    owner = world.sign_in("owner")
    assert submit(owner, claim).status_code == 303
    assert users.organizations_of(user("owner").id) == [world.acme.id, made]
    assert signs_in(world, "owner@example.com", PASSWORD)
    assert owner.get(claim).status_code == 404, "a link works once"


def test_whoever_reads_the_mail_wins_an_address_a_stranger_registered_first(world: World) -> None:
    """The stranger never confirmed it: their password and sessions end when the owner of the address takes it."""
    sign_up(world, "ada@example.com")
    stranger = world.app.test_client()
    submit(stranger, "/sign-in", email="ada@example.com", password=NEW_PASSWORD)
    form = {"email": "ada@example.com", "password": "the true owner's words", "organization_name": "Mine"}
    submit(world.app.test_client(), "/sign-up", **form)
    claim = link(world, "claim_organization", organization_named(world, "mine"))
    assert submit(world.app.test_client(), claim).status_code == 303
    assert stranger.get("/admin/").status_code == 303
    assert not signs_in(world, "ada@example.com", NEW_PASSWORD)
    assert signs_in(world, "ada@example.com", "the true owner's words")


def invited(world: World, email: str, role: str = "admin") -> str:
    with organization(world.acme.id), transaction():
        members.invite(world.acme.id, email, role, None)
    return link(world, "invitation")


def test_who_is_invited_joins_with_a_new_account_and_lands_on_the_dashboard(world: World) -> None:
    address, client = invited(world, "jun@example.com"), world.app.test_client()
    assert submit(client, address, full_name="Jun", password="short").status_code == 422
    answer = submit(client, address, full_name="Jun", password=NEW_PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/")
    assert "Acme Corp" in client.get("/admin/").get_data(as_text=True)
    assert user("jun").email_verified
    assert world.app.test_client().get(address).status_code == 404, "a link works once"
    with organization(world.acme.id):
        assert users.role_in(world.acme.id, user("jun").id) == "admin"


def test_who_has_an_account_signs_in_to_join(world: World) -> None:
    address = invited(world, "stranger@example.com", "viewer")
    page = world.app.test_client().get(address).get_data(as_text=True)
    assert "Sign in to join" in page
    assert "Choose a password" not in page
    client = world.sign_in("stranger")
    assert submit(client, address).status_code == 303
    assert "Acme Corp" in client.get("/admin/").get_data(as_text=True)
    assert users.organizations_of(user("stranger").id) == [world.stranger.id, world.acme.id]


def test_an_invitation_is_not_for_somebody_else_who_is_signed_in(world: World) -> None:
    address = invited(world, "stranger@example.com")
    answer = submit(world.sign_in("shopper"), address)
    assert answer.status_code == 422
    assert "Sign in as stranger@example.com to join." in answer.get_data(as_text=True)
    answer = submit(world.sign_in("shopper"), address, full_name="x", password=NEW_PASSWORD)
    assert answer.status_code == 422, "a password typed here changes nothing about an account there is"
    assert signs_in(world, "stranger@example.com", PASSWORD)


# --- Members on the dashboard --------------------------------------------------------------------------------------------


def test_an_owner_invites_changes_and_removes_on_the_dashboard(world: World) -> None:
    owner = world.sign_in("owner")
    assert submit(owner, "/admin/settings/members/invite", email="new@example.com", role="viewer").status_code == 303
    assert "new@example.com" in owner.get("/admin/settings/members").get_data(as_text=True)
    page = f"/admin/settings/members/{user('admin').id}"
    assert submit(owner, f"{page}/role", page, role="viewer").status_code == 303
    assert submit(owner, f"{page}/remove", page).status_code == 303
    assert owner.get(page).status_code == 404
    mine = f"/admin/settings/members/{user('owner').id}"
    answer = submit(owner, f"{mine}/remove", mine)
    assert answer.status_code == 422
    assert "An organization needs an owner." in answer.get_data(as_text=True)


def test_settings_show_the_matrix_and_only_an_owner_changes_them(world: World) -> None:
    owner, viewer = world.sign_in("owner"), world.sign_in("viewer")
    page = viewer.get("/admin/settings").get_data(as_text=True)
    assert "Invite, change and remove members" in page
    assert 'name="slug"' not in page
    form = {"name": "Roasters", "shop_name": "", "slug": "roasters", "currency": "USD", "timezone": "UTC"}
    assert submit(owner, "/admin/settings", **form).status_code == 303
    assert "Roasters" in viewer.get("/admin/settings").get_data(as_text=True)
    answer = submit(owner, "/admin/settings", **form | {"slug": "elsewhere"})
    assert answer.status_code == 422
    assert "This address is taken." in answer.get_data(as_text=True)


def test_every_permission_there_is_has_words_on_the_settings_page() -> None:
    from ballast.blueprints.settings import PERMISSION_WORDS

    assert set(PERMISSION_WORDS) == {right for rights in users.PERMISSIONS.values() for right in rights}


def test_somebody_in_two_organizations_switches_between_them(world: World) -> None:
    with organization(world.stranger.id), transaction() as session:
        session.add(Membership(organization_id=world.stranger.id, user_id=user("viewer").id, role="owner"))
    viewer = world.sign_in("viewer")
    assert "Acme Corp" in viewer.get("/admin/").get_data(as_text=True)
    assert submit(viewer, "/organizations", organization=world.stranger.id).status_code == 303
    assert "Elsewhere Ltd" in viewer.get("/admin/").get_data(as_text=True)
    assert viewer.get("/admin/settings/members/invite").status_code == 200, "an owner here"
    stranger = world.sign_in("stranger")
    submit(stranger, "/organizations", organization=world.acme.id)
    assert "Acme Corp" not in stranger.get("/admin/").get_data(as_text=True)


# --- Passwords, addresses, sessions ------------------------------------------------------------------------------------


def test_a_forgotten_password_is_replaced_through_a_link_that_works_once_for_an_hour(world: World) -> None:
    old = world.sign_in("owner")
    token = world.token("owner")
    submit(world.app.test_client(), "/forgot-password", email="OWNER@example.com")
    address = link(world, "reset_password")
    client = world.app.test_client()
    with shifted(timedelta(minutes=61)):
        assert client.get(address).status_code == 404
    assert submit(client, address, password="short").status_code == 422
    assert submit(client, address, password=NEW_PASSWORD).status_code == 303
    assert client.get(address).status_code == 404
    assert not signs_in(world, "owner@example.com", PASSWORD)
    assert signs_in(world, "owner@example.com", NEW_PASSWORD)
    assert old.get("/admin/").status_code == 303, "whoever was signed in is not any more"
    assert (
        world.app.test_client().get("/api/v1/payments", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    )


def test_asking_for_a_link_says_the_same_for_everybody_and_writes_to_who_there_is(world: World) -> None:
    asked = world.app.test_client
    seen = {
        plain(submit(asked(), "/forgot-password", email=f"{name}@example.com"), name) for name in ("owner", "nobody")
    }
    assert len(seen) == 1
    world.drain()
    assert [mail["to"] for mail in world.mails()] == [["owner@example.com"]]


def test_only_the_hash_of_a_link_is_kept_and_a_newer_one_ends_the_older(world: World) -> None:
    submit(world.app.test_client(), "/forgot-password", email="owner@example.com")
    first = link(world, "reset_password")
    db.session.rollback()
    assert db.session.scalars(select(UserLink.token_hash)).all() == [hash_token(first.rpartition("/")[2])]
    submit(world.app.test_client(), "/forgot-password", email="owner@example.com")
    assert world.app.test_client().get(first).status_code == 404
    assert world.app.test_client().get(link(world, "reset_password")).status_code == 200


def test_a_link_of_one_kind_does_nothing_of_another(world: World) -> None:
    submit(world.app.test_client(), "/forgot-password", email="owner@example.com")
    token = link(world, "reset_password").rpartition("/")[2]
    for kind in ("verify-email", "claim", "change-email", "invitations"):
        assert world.app.test_client().get(f"/{kind}/{token}").status_code == 404


def test_changing_the_password_takes_the_old_one_and_ends_every_session(world: World) -> None:
    one, other = world.sign_in("owner"), world.sign_in("owner")
    page = "/admin/account"
    assert submit(one, f"{page}/password", page, password="wrong", new_password=NEW_PASSWORD).status_code == 422
    assert submit(one, f"{page}/password", page, password=PASSWORD, new_password="short").status_code == 422
    assert submit(one, f"{page}/password", page, password=PASSWORD, new_password=NEW_PASSWORD).status_code == 303
    assert {client.get("/admin/").status_code for client in (one, other)} == {303}
    assert signs_in(world, "owner@example.com", NEW_PASSWORD)


def test_a_new_address_counts_once_its_link_was_opened(world: World) -> None:
    owner, page = world.sign_in("owner"), "/admin/account"
    assert submit(owner, f"{page}/email", page, email="ada@new.example", password="wrong").status_code == 422
    assert submit(owner, f"{page}/email", page, email="ada@new.example", password=PASSWORD).status_code == 303
    assert not signs_in(world, "ada@new.example", PASSWORD)
    world.drain()
    assert [mail["to"] for mail in world.mails()] == [["ada@new.example"]]


def test_opening_the_link_changes_the_address_and_tells_the_old_one(world: World) -> None:
    owner, page = world.sign_in("owner"), "/admin/account"
    submit(owner, f"{page}/email", page, email="ada@new.example", password=PASSWORD)
    address = link(world, "change_email")
    assert owner.get(address).status_code == 200
    assert not signs_in(world, "ada@new.example", PASSWORD), "opening it changes nothing"
    assert submit(owner, address).status_code == 303
    assert signs_in(world, "ada@new.example", PASSWORD)
    assert not signs_in(world, "owner@example.com", PASSWORD)
    world.drain()
    assert ["owner@example.com"] in [mail["to"] for mail in world.mails()]


def test_an_address_somebody_has_gets_no_mail_and_nobody_is_told(world: World) -> None:
    owner, page = world.sign_in("owner"), "/admin/account"
    assert submit(owner, f"{page}/email", page, email="admin@example.com", password=PASSWORD).status_code == 303
    world.drain()
    assert world.mails() == []


def test_sessions_are_listed_and_ended_one_by_one_or_all_at_once(world: World) -> None:
    one, other = world.sign_in("owner"), world.sign_in("owner")
    page = one.get("/admin/account").get_data(as_text=True)
    ends = re.findall(r'action="(/admin/account/sessions/ses_\w+/end)"', page)
    assert len(ends) == 1, "all but this one"
    assert submit(one, ends[0], "/admin/account").status_code == 303
    assert (one.get("/admin/").status_code, other.get("/admin/").status_code) == (200, 303)
    third, token = world.sign_in("owner"), world.token("owner")
    assert submit(one, "/admin/account/sign-out-everywhere", "/admin/account").status_code == 303
    assert {client.get("/admin/").status_code for client in (one, third)} == {303}
    assert (
        world.app.test_client().get("/api/v1/payments", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    )


def test_nobody_ends_somebody_elses_session(world: World) -> None:
    viewer = world.sign_in("viewer")
    world.sign_in("owner")
    theirs = re.findall(r"ses_\w+", world.sign_in("owner").get("/admin/account").get_data(as_text=True))[0]
    assert submit(viewer, f"/admin/account/sessions/{theirs}/end", "/admin/account").status_code == 404


def test_signing_out_of_one_browser_leaves_the_others_and_ends_any_copy_of_its_cookie(world: World) -> None:
    one, other = world.sign_in("owner"), world.sign_in("owner")
    cookie = one.get_cookie("ballast")
    assert cookie is not None
    assert submit(one, "/sign-out", "/admin/").headers["Clear-Site-Data"] == '"cache", "storage"'
    thief = world.app.test_client()
    thief.set_cookie("ballast", cookie.value)
    assert thief.get("/admin/").status_code == 303
    assert other.get("/admin/").status_code == 200


def test_a_session_ends_a_week_after_its_last_use_and_a_month_after_its_beginning(world: World) -> None:
    idle, busy = world.sign_in("owner"), world.sign_in("owner")
    for days in (6, 12, 18, 24, 29):
        with shifted(timedelta(days=days)):
            assert busy.get("/admin/").status_code == 200
    with shifted(timedelta(days=8)):
        assert idle.get("/admin/").status_code == 303
    with shifted(timedelta(days=31)):
        assert busy.get("/admin/").status_code == 303


def test_the_sign_in_page_is_throttled(world: World) -> None:
    client = world.app.test_client()
    statuses = [submit(client, "/sign-in", email="owner@example.com", password="x").status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]


# --- Bans ------------------------------------------------------------------------------------------------------------------


def run(world: World, *arguments: str) -> Any:
    return world.app.test_cli_runner().invoke(args=[*arguments])


@pytest.fixture
def banned(world: World) -> dict[str, str]:
    """The admin made a key, and is a customer of the stranger's."""
    admin = user("admin").id
    with organization(world.acme.id), transaction() as session:
        acme = session.scalars(select(Organization).where(Organization.id == world.acme.id)).one()
        _key, token = api_keys.create(acme, "Theirs", admin)
    with organization(world.stranger.id), transaction() as session:
        session.add(Customer(organization_id=world.stranger.id, email="admin@example.com", user_id=admin))
        session.add(
            Customer(organization_id=world.stranger.id, email="held@example.com", user_id=admin, held_at=real_time())
        )
    return {"key": token}


def held(world: World) -> list[bool]:
    db.session.rollback()
    with organization(world.stranger.id):
        found = db.session.scalars(select(Customer).order_by(Customer.email)).all()
        return [one.held_at is not None for one in found]


@pytest.mark.parametrize("keep", [False, True])
def test_a_ban_holds_at_the_next_request_everywhere_and_can_be_taken_back(
    world: World, banned: dict[str, str], keep: bool
) -> None:
    client, token = world.sign_in("admin"), world.token("admin")
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get("/admin/").status_code == 200
    done = run(world, "ban", "Admin@example.com", "--reason", "fraud", *(["--keep-keys"] if keep else []))
    assert done.output == f"banned: {0 if keep else 1} keys frozen, 1 customers held\n"
    assert client.get("/admin/").status_code == 303
    assert (
        world.app.test_client().get("/api/v1/payments", headers=bearer).get_json()["error"]["code"] == "token_revoked"
    )
    assert not signs_in(world, "admin@example.com", PASSWORD)
    assert world.api(banned["key"]).get("/payments").status_code == (200 if keep else 401)
    assert world.api(world.acme.api_key).get("/payments").status_code == 200, "the others' keys go on"
    assert held(world) == [True, True]

    assert run(world, "unban", "admin@example.com", "--reason", "a mistake").exit_code == 0
    assert signs_in(world, "admin@example.com", PASSWORD)
    assert client.get("/admin/").status_code == 303, "the old session stays ended"
    assert world.app.test_client().get("/api/v1/payments", headers=bearer).status_code == 401
    assert world.api(banned["key"]).get("/payments").status_code == 200
    assert held(world) == [False, True], "what was held before the ban stays held"


def test_a_ban_and_its_end_are_one_audit_entry_each(world: World, banned: dict[str, str]) -> None:
    run(world, "ban", "admin@example.com", "--reason", "fraud")
    run(world, "unban", "admin@example.com", "--reason", "a mistake")
    entries = [entry for entry in world.all_of(AuditEntry) if entry.action.startswith("user.")]
    assert [(entry.action, entry.actor_kind, entry.changes["reason"]) for entry in entries] == [
        ("user.banned", "staff", "fraud"),
        ("user.unbanned", "staff", "a mistake"),
    ]
    assert [one.frozen_at for one in world.all_of(ApiKey)] == [None, None]


def test_a_ban_twice_or_of_nobody_says_so(world: World) -> None:
    assert "No such user" in run(world, "ban", "nobody@example.com", "--reason", "x").output
    run(world, "ban", "admin@example.com", "--reason", "x")
    assert "banned already" in run(world, "ban", "admin@example.com", "--reason", "x").output
    assert "is not banned" in run(world, "unban", "owner@example.com", "--reason", "x").output


def test_links_of_somebody_banned_do_nothing(world: World) -> None:
    submit(world.app.test_client(), "/forgot-password", email="admin@example.com")
    address = link(world, "reset_password")
    run(world, "ban", "admin@example.com", "--reason", "x")
    assert world.app.test_client().get(address).status_code == 404
