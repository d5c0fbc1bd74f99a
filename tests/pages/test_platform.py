"""Platform staff find organizations and people, and shut people out and let them in again behind a page that says what happens."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.identity import organizations
from ballast.ids import new_id
from ballast.models import ApiKey, AuditEntry, Customer, Membership, Organization, PlatformEntry, User
from tests.app.test_routes import user_id_of
from tests.identity.test_second_factor import set_up
from tests.world import PASSWORD, World, csrf


def look(client: FlaskClient, path: str, **query: str) -> str:
    answer = client.get(f"/platform{path}", query_string=query or None)
    assert answer.status_code == 200, path
    return html.unescape(answer.get_data(as_text=True))


def submit(client: FlaskClient, path: str, **form: Any) -> TestResponse:
    token = csrf(client.get(f"/platform{path}").get_data(as_text=True))
    return client.post(f"/platform{path}", data={"csrf_token": token, **form})


def names(page: str) -> list[str]:
    return re.findall(r'<td><a href="/platform/[^"]+">([^<]+)</a>', page)


def signs_in(world: World, name: str) -> bool:
    client = world.app.test_client()
    form = {"email": f"{name}@example.com", "password": PASSWORD}
    form["csrf_token"] = csrf(client.get("/sign-in").get_data(as_text=True))
    return client.post("/sign-in", data=form).status_code == 303


def platform_entries() -> list[PlatformEntry]:
    db.session.rollback()
    return list(db.session.scalars(select(PlatformEntry).order_by(PlatformEntry.id)))


@pytest.fixture
def staff(world: World) -> FlaskClient:
    return world.sign_in("staff")


# --- Looking -----------------------------------------------------------------------------------------------------------------


def test_organizations_are_found_by_name_address_id_plan_and_mode(world: World, staff: FlaskClient) -> None:
    page = look(staff, "/organizations")
    assert names(page) == ["Elsewhere Ltd", "Acme Corp"]
    assert re.search(r'Acme Corp.*?<td class="fit end num wide-only">3</td>', page, re.DOTALL), "its members"
    for text in ("ACME", "acme", "cme co", world.acme.id):
        assert names(look(staff, "/organizations", text=text)) == ["Acme Corp"], text
    for text in ("nobody", "%", "_", world.acme.account_id):
        assert names(look(staff, "/organizations", text=text)) == [], text
    assert names(look(staff, "/organizations", plan="GROWTH")) == []
    assert len(names(look(staff, "/organizations", plan="STARTER", mode="sandbox"))) == 2
    assert names(look(staff, "/organizations", mode="live")) == []


def test_many_organizations_are_paged_both_ways(world: World, staff: FlaskClient) -> None:
    for number in range(30):
        made = new_id("org")
        with organization(made), transaction():
            organizations.create(made, f"Shop {number:02}")
    first = look(staff, "/organizations", text="shop")
    assert names(first) == [f"Shop {number:02}" for number in range(29, 4, -1)]
    older = re.search(r'rel="next" href="/platform([^"]+)"', first)
    assert older
    second = look(staff, older[1])
    assert names(second) == [f"Shop {number:02}" for number in range(4, -1, -1)]
    newer = re.search(r'rel="prev" href="/platform([^"]+)"', second)
    assert newer
    assert names(look(staff, newer[1])) == names(first)


def test_people_are_found_by_address_name_id_and_state(world: World, staff: FlaskClient) -> None:
    assert len(names(look(staff, "/users"))) == 6
    for text in ("ADMIN@", "Admin", user_id_of("admin")):
        assert names(look(staff, "/users", text=text)) == ["Admin"], text
    assert names(look(staff, "/users", status="staff")) == ["Staff"]
    assert names(look(staff, "/users", status="banned")) == []
    assert names(look(staff, "/users", text="%")) == []
    assert "Its only owner" in look(staff, f"/users/{user_id_of('owner')}")


# --- Banning -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [False, True])
def test_a_ban_says_what_happens_then_happens_and_is_taken_back(world: World, staff: FlaskClient, keep: bool) -> None:
    admin, admin_id = world.sign_in("admin"), user_id_of("admin")
    key = world.as_user("admin").post("/api-keys", {"name": "Theirs"}).get_json()["key"]
    with organization(world.stranger.id), transaction() as session:
        session.add(Customer(id=new_id("cus"), organization_id=world.stranger.id, user_id=admin_id))
    form = look(staff, f"/users/{admin_id}/ban")
    for said in ("known to Acme Corp, Elsewhere Ltd", "API keys they made (1 working)", "held: 1 record"):
        assert said in form
    path = f"/users/{admin_id}/ban"
    answer = submit(staff, path, reason="fraud, ticket 7", keys="keep" if keep else "freeze")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/platform/users/{admin_id}")
    assert admin.get("/admin/").status_code == 303
    assert not signs_in(world, "admin")
    assert world.api(key).get("/payments").status_code == (200 if keep else 401)
    shown = look(staff, f"/users/{admin_id}")
    assert "Shut out since" in shown
    assert "fraud, ticket 7" in shown
    assert names(look(staff, "/users", status="banned")) == ["Admin"]

    assert submit(staff, path, reason="again").status_code == 409, "once is enough"
    assert submit(staff, f"/users/{admin_id}/unban", reason="a mistake").status_code == 303
    assert signs_in(world, "admin")
    assert world.api(key).get("/payments").status_code == 200
    with organization(world.stranger.id):
        assert db.session.scalars(select(Customer.held_at)).all() == [None]


def test_a_ban_is_one_entry_and_each_thing_it_touched_has_one_where_it_is(world: World, staff: FlaskClient) -> None:
    admin_id = user_id_of("admin")
    world.as_user("admin").post("/api-keys", {"name": "Theirs"})
    with organization(world.stranger.id), transaction() as session:
        session.add(Customer(id=new_id("cus"), organization_id=world.stranger.id, user_id=admin_id))
    submit(staff, f"/users/{admin_id}/ban", reason="fraud")
    staff_id = user_id_of("staff")
    frozen, banned = (one for one in world.all_of(AuditEntry) if one.actor_kind == "staff")
    assert [(one.action, one.actor_id) for one in (frozen, banned)] == [
        ("api_key.frozen", staff_id),
        ("user.banned", staff_id),
    ]
    assert banned.changes == {
        "reason": "fraud",
        "keys": "frozen",
        "keys_touched": 1,
        "customers_touched": 1,
        "banned": {"before": False, "after": True},
    }
    with organization(world.stranger.id):
        (held,) = db.session.scalars(select(AuditEntry).where(AuditEntry.actor_kind == "staff"))
        assert (held.action, held.changes) == ("customer.held", {"held": {"before": False, "after": True}})
    assert platform_entries() == []


def test_a_ban_of_somebody_no_organization_knows_is_in_the_platforms_own_log(world: World, staff: FlaskClient) -> None:
    shopper_id = user_id_of("shopper")
    assert "nobody's customer" in look(staff, f"/users/{shopper_id}/ban")
    submit(staff, f"/users/{shopper_id}/ban", reason="spam")
    submit(staff, f"/users/{shopper_id}/unban", reason="no spam")
    assert [(one.action, one.resource_id, one.changes["reason"], one.ip) for one in platform_entries()] == [
        ("user.banned", shopper_id, "spam", "127.0.0.1"),
        ("user.unbanned", shopper_id, "no spam", "127.0.0.1"),
    ]
    log = look(staff, "/audit")
    assert "User unbanned" in log
    assert "staff@example.com" in log, "staff are named to staff"


@pytest.mark.parametrize("act", ["ban", "unban"])
@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "4242 4242 4242 4242"])
def test_nothing_is_done_without_a_reason_that_can_be_kept(
    world: World, staff: FlaskClient, act: str, reason: str
) -> None:
    answer = submit(staff, f"/users/{user_id_of('admin')}/{act}", reason=reason)
    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.get_data(as_text=True)
    assert "4242 4242" not in answer.get_data(as_text=True)
    assert signs_in(world, "admin")


def test_staff_do_not_shut_themselves_out(world: World, staff: FlaskClient) -> None:
    answer = submit(staff, f"/users/{user_id_of('staff')}/ban", reason="tired")
    assert answer.status_code == 409
    assert staff.get("/platform/users").status_code == 200


def test_staff_who_are_banned_or_staff_no_more_are_out_at_the_next_request(world: World, staff: FlaskClient) -> None:
    db.session.rollback()
    with transaction() as session:
        session.execute(update(User).where(User.is_admin).values(is_admin=False))
    assert staff.get("/platform/users").status_code == 404
    with transaction() as session:
        session.execute(
            update(User).where(User.email == "staff@example.com").values(is_admin=True, banned_at=real_time())
        )
    assert staff.get("/platform/users").status_code == 404


# --- Second factors ----------------------------------------------------------------------------------------------------------


def test_a_lost_second_factor_is_taken_off_everybody_signed_out_and_its_owner_told(
    world: World, staff: FlaskClient
) -> None:
    owner, owner_id = world.sign_in("owner"), user_id_of("owner")
    set_up(owner)
    assert "Reset second factor" in look(staff, f"/users/{owner_id}")
    assert submit(staff, f"/users/{owner_id}/second-factor", reason="").status_code == 422
    assert submit(staff, f"/users/{owner_id}/second-factor", reason="Called back, id seen").status_code == 303
    assert owner.get("/admin/").status_code == 303, "signed out"
    assert signs_in(world, "owner")
    world.drain()
    (mail,) = world.mails()
    assert (mail["to"], mail["subject"]) == (["owner@example.com"], "Your second factor was taken off")
    assert [one.action for one in platform_entries()] == ["user.second_factor_on", "user.second_factor_reset"]
    assert platform_entries()[-1].changes == {
        "reason": "Called back, id seen",
        "second_factor": {"before": True, "after": False},
    }
    assert submit(staff, f"/users/{owner_id}/second-factor", reason="again").status_code == 409


def test_the_command_does_the_same(world: World) -> None:
    set_up(world.sign_in("owner"))
    runner = world.app.test_cli_runner()
    done = runner.invoke(args=["reset-second-factor", " Owner@example.com", "--reason", "Called back"])
    assert (done.exit_code, "no second factor any more" in done.output) == (0, True), done.output
    assert signs_in(world, "owner")
    for words, says in (
        (["owner@example.com", "--reason", "x"], "has no second factor"),
        (["nobody@example.com", "--reason", "x"], "No such user"),
        (["owner@example.com", "--reason", " "], "Say why"),
    ):
        assert says in runner.invoke(args=["reset-second-factor", *words]).output
    assert [one.actor_id for one in platform_entries()][-1] == "command line"


# --- Going live --------------------------------------------------------------------------------------------------------------


def test_a_fresh_organization_goes_live_with_its_test_keys_and_accounts_gone(world: World, staff: FlaskClient) -> None:
    path = f"/organizations/{world.stranger.id}/live"
    page = look(staff, path)
    assert "1 test key stops working" in page
    assert world.stranger.api_key[:12] in page
    assert submit(staff, path, reason="").status_code == 422
    assert submit(staff, path, reason="Contract signed").status_code == 303
    theirs = world.as_user("stranger")
    assert theirs.get("/organizations/me").get_json()["mode"] == "live"
    assert world.api(world.stranger.api_key).get("/payments").status_code == 401
    key = theirs.post("/api-keys", {"name": "Live"}).get_json()["key"]
    assert key.startswith("bl_live_")
    refused = world.api(key).pay()
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (400, "processor_unavailable")
    actions = [one["action"] for one in theirs.get("/audit", actor="staff").get_json()["data"]]
    assert actions == ["organization.went_live", "processor_account.archived", "api_key.revoked"]
    world.drain()
    assert [mail["subject"] for mail in world.mails()] == ["Elsewhere Ltd is live"]
    assert submit(staff, path, reason="again").status_code == 409


def test_a_live_organization_takes_live_keys_alone_and_brings_no_test_account_back(
    world: World, staff: FlaskClient
) -> None:
    submit(staff, f"/organizations/{world.stranger.id}/live", reason="Contract signed")
    owner = world.sign_in("stranger")
    token = csrf(owner.get("/admin/settings/processors/new").get_data(as_text=True))
    keys = {"processor": "stripe", "publishable_key": "pk_test_x", "secret_key": "sk_test_x"}
    answer = owner.post("/admin/settings/processors/new", data={"csrf_token": token, **keys})
    assert answer.status_code == 422
    back = owner.post(f"/admin/settings/processors/{world.stranger.account_id}/restore", data={"csrf_token": token})
    assert back.status_code == 409
    db.session.rollback()
    with organization(world.stranger.id):
        assert db.session.scalars(select(ApiKey).where(ApiKey.revoked_at.is_(None))).all() == []


def test_an_organization_with_test_money_in_it_stays_a_sandbox(world: World, staff: FlaskClient) -> None:
    world.api(world.acme.api_key).pay()
    path = f"/organizations/{world.acme.id}/live"
    page = look(staff, path)
    assert "payments" in page
    assert "cannot stand in live books" in page
    assert submit(staff, path, reason="please").status_code == 409
    assert world.api(world.acme.api_key).get("/payments").status_code == 200
    done = world.app.test_cli_runner().invoke(args=["organization", "go-live", "acme", "--reason", "please"])
    assert (done.exit_code, "test money" in done.output) == (1, True)


def test_the_command_begins_a_live_organization_for_somebody_with_an_account(world: World) -> None:
    runner = world.app.test_cli_runner()
    words = ["organization", "create", "Acme Live", "--owner", "Owner@example.com", "--live"]
    done = runner.invoke(args=words)
    assert done.output == "acme-live: Acme Live, live, owned by owner@example.com\n"
    db.session.rollback()
    found = db.session.scalar(select(User.id).where(User.email == "owner@example.com"))
    assert found
    mine = world.app.test_client().post(
        "/api/v1/auth/login",
        json={"email": "owner@example.com", "password": PASSWORD, "organization": "acme-live"},
    )
    assert mine.get_json()["org"]["mode"] == "live"
    assert mine.get_json()["user"]["role"] == "owner"
    with organization(mine.get_json()["org"]["id"]):
        assert [one.action for one in db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))] == [
            "organization.created",
            "member.joined",
        ]
        assert len(db.session.scalars(select(Membership)).all()) == 1
        assert db.session.scalars(select(Organization.mode)).all() == ["live"]
    for owner, says in (("nobody@example.com", "No such user"), ("", "No such user")):
        assert says in runner.invoke(args=["organization", "create", "X", "--owner", owner]).output


def test_live_by_command_too(world: World) -> None:
    runner = world.app.test_cli_runner()
    done = runner.invoke(args=["organization", "go-live", "elsewhere", "--reason", "Contract signed"])
    assert done.output.startswith("elsewhere is live: 1 test keys revoked, 1 test accounts archived.\n"), done.output
    assert "There is no organization x." in runner.invoke(args=["organization", "go-live", "x", "--reason", "y"]).output
