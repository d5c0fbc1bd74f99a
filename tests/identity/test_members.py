"""Members over the API: invited, joined, changed, removed; an organization always has an owner."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, update

from ballast.clock import shifted
from ballast.db import db, organization, transaction
from ballast.ids import new_id
from ballast.models import AuditEntry, Email, Invitation, Membership, User
from ballast.security import hash_token
from tests.world import World


def user_id(name: str) -> str:
    db.session.rollback()
    found = db.session.scalars(select(User.id).where(User.email == f"{name}@example.com")).one()
    db.session.rollback()
    return found


def roles(world: World) -> dict[str, str]:
    listed = world.as_user("viewer").get("/organizations/me/members").get_json()["data"]
    return {one["email"].partition("@")[0]: one["role"] for one in listed if one["status"] == "active"}


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error"]["code"]


def link_in_mail(world: World) -> str:
    mail = world.all_of(Email)[-1]
    found = re.search(r"/invitations/([\w-]+)", mail.text)
    assert found
    return found[1]


def test_everyone_sees_who_is_in(world: World) -> None:
    assert roles(world) == {"owner": "owner", "admin": "admin", "viewer": "viewer"}


@pytest.mark.parametrize("given", ["ADMIN", "admin", "Admin"])
def test_a_role_is_taken_in_any_case_and_kept_in_small_letters(world: World, given: str) -> None:
    answer = world.as_user("owner").post("/organizations/me/members", {"email": "New@Example.com", "role": given})
    assert answer.status_code == 201
    invited = answer.get_json()
    assert (invited["email"], invited["role"], invited["status"]) == ("new@example.com", "admin", "invited")
    assert invited["id"].startswith("inv_")


@pytest.mark.parametrize("role", ["root", "", "staff", None, 1])
def test_a_role_there_is_not_is_refused(world: World, role: Any) -> None:
    answer = world.as_user("owner").post("/organizations/me/members", {"email": "new@example.com", "role": role})
    assert code(answer) == (400, "parameter_invalid")


def test_an_invitation_goes_out_by_mail_and_only_its_hash_is_kept(world: World) -> None:
    world.as_user("owner").post("/organizations/me/members", {"email": "new@example.com", "role": "viewer"})
    token = link_in_mail(world)
    row = world.all_of(Invitation)[0]
    assert row.token_hash == hash_token(token)
    assert row.expires_at - row.created_at == pytest.approx(timedelta(days=7), abs=timedelta(seconds=5))
    world.drain()
    assert [(mail["to"], mail["subject"]) for mail in world.mails()] == [
        (["new@example.com"], "Join Acme Corp at Ballast")
    ]
    assert token not in world.all_of(Email)[-1].text


def test_inviting_again_ends_the_older_link(world: World) -> None:
    owner = world.as_user("owner")
    owner.post("/organizations/me/members", {"email": "new@example.com", "role": "viewer"})
    first = link_in_mail(world)
    owner.post("/organizations/me/members", {"email": "new@example.com", "role": "admin"})
    second = link_in_mail(world)
    client = world.app.test_client()
    assert client.get(f"/invitations/{first}").status_code == 404
    assert client.get(f"/invitations/{second}").status_code == 200
    listed = owner.get("/organizations/me/members").get_json()["data"]
    assert [one["role"] for one in listed if one["status"] == "invited"] == ["admin"]


def test_a_member_is_not_invited_again(world: World) -> None:
    answer = world.as_user("owner").post("/organizations/me/members", {"email": "ADMIN@example.com", "role": "viewer"})
    assert code(answer) == (409, "member_exists")


def test_an_invitation_lapses_after_seven_days(world: World) -> None:
    world.as_user("owner").post("/organizations/me/members", {"email": "new@example.com", "role": "viewer"})
    token = link_in_mail(world)
    with shifted(timedelta(days=6, hours=23)):
        assert world.app.test_client().get(f"/invitations/{token}").status_code == 200
    with shifted(timedelta(days=7, minutes=1)):
        assert world.app.test_client().get(f"/invitations/{token}").status_code == 404


def test_taking_an_invitation_back_ends_its_link(world: World) -> None:
    owner = world.as_user("owner")
    made = owner.post("/organizations/me/members", {"email": "new@example.com", "role": "viewer"}).get_json()
    token = link_in_mail(world)
    assert owner.delete(f"/organizations/me/members/{made['id']}").status_code == 200
    assert world.app.test_client().get(f"/invitations/{token}").status_code == 404
    assert owner.delete(f"/organizations/me/members/{made['id']}").status_code == 404


def test_a_changed_role_holds_at_the_next_request_and_is_audited(world: World) -> None:
    admin, owner = world.as_user("admin"), world.as_user("owner")
    assert admin.get("/api-keys").status_code == 200
    changed = owner.patch(f"/organizations/me/members/{user_id('admin')}", {"role": "VIEWER"})
    assert changed.get_json()["role"] == "viewer"
    assert code(admin.post("/api-keys", {"name": "x"})) == (403, "role_insufficient")
    entry = world.all_of(AuditEntry)[-1]
    assert (entry.action, entry.changes) == ("member.role_changed", {"role": {"before": "admin", "after": "viewer"}})


def test_a_removed_member_is_refused_at_the_next_request(world: World) -> None:
    admin = world.as_user("admin")
    assert world.as_user("owner").delete(f"/organizations/me/members/{user_id('admin')}").status_code == 200
    assert code(admin.get("/payments")) == (401, "token_revoked")
    assert roles(world) == {"owner": "owner", "viewer": "viewer"}


def test_the_last_owner_can_neither_leave_nor_be_demoted(world: World) -> None:
    owner = world.as_user("owner")
    path = f"/organizations/me/members/{user_id('owner')}"
    assert code(owner.patch(path, {"role": "admin"})) == (409, "last_owner")
    assert code(owner.delete(path)) == (409, "last_owner")
    assert owner.patch(path, {"role": "owner"}).status_code == 200, "nothing changes"
    owner.patch(f"/organizations/me/members/{user_id('admin')}", {"role": "owner"})
    assert owner.delete(path).status_code == 200
    assert roles(world) == {"admin": "owner", "viewer": "viewer"}


def test_a_banned_owner_is_no_owner_to_rely_on(world: World) -> None:
    owner = world.as_user("owner")
    admin_id = user_id("admin")
    owner.patch(f"/organizations/me/members/{admin_id}", {"role": "owner"})
    db.session.rollback()
    with transaction() as session:
        session.execute(update(User).where(User.id == admin_id).values(banned_at=db.func.now()))
    assert code(owner.delete(f"/organizations/me/members/{user_id('owner')}")) == (409, "last_owner")


def test_of_two_owners_who_demote_each_other_at_once_one_stays(world: World) -> None:
    owner = world.as_user("owner")
    owner.patch(f"/organizations/me/members/{user_id('admin')}", {"role": "owner"})
    pairs = [(owner, user_id("admin")), (world.as_user("admin"), user_id("owner"))]
    for _ in range(5):
        db.session.rollback()
        with organization(world.acme.id), transaction() as session:
            session.execute(update(Membership).where(Membership.role != "viewer").values(role="owner"))
        barrier = Barrier(2)

        def demote(pair: Any, barrier: Barrier = barrier) -> int:
            barrier.wait()
            return int(pair[0].patch(f"/organizations/me/members/{pair[1]}", {"role": "admin"}).status_code)

        with ThreadPoolExecutor(2) as pool:
            got = list(pool.map(demote, pairs))
        assert sorted(roles(world).values()).count("owner") == 1
        assert got.count(200) == 1, got


def test_a_member_nobody_has_is_404(world: World) -> None:
    owner = world.as_user("owner")
    for wanted in (new_id("usr"), new_id("inv"), "usr_", user_id("stranger"), user_id("shopper")):
        assert owner.patch(f"/organizations/me/members/{wanted}", {"role": "admin"}).status_code == 404
        assert owner.delete(f"/organizations/me/members/{wanted}").status_code == 404


# --- The organization ------------------------------------------------------------------------------------------------------


def test_an_owner_changes_the_organization_and_the_difference_is_audited(world: World) -> None:
    owner = world.as_user("owner")
    wanted = {"name": "Acme Roasters", "slug": "roasters", "timezone": "Europe/Berlin", "metadata": {"crm": "4711"}}
    answer = owner.patch("/organizations/me", wanted)
    assert answer.status_code == 200
    assert {name: answer.get_json()[name] for name in wanted} == wanted
    entry = world.all_of(AuditEntry)[-1]
    assert entry.action == "organization.updated"
    assert entry.changes["name"] == {"before": "Acme Corp", "after": "Acme Roasters"}
    assert set(entry.changes) == set(wanted)
    before = len(world.all_of(AuditEntry))
    owner.patch("/organizations/me", wanted)
    assert len(world.all_of(AuditEntry)) == before, "nothing changed, nothing to tell"


@pytest.mark.parametrize(
    ("fields", "said", "param"),
    [
        ({"plan": "ENTERPRISE"}, "parameter_unknown", "plan"),
        ({"mode": "live"}, "parameter_unknown", "mode"),
        ({"slug": "-acme"}, "slug_invalid", "slug"),
        ({"slug": "Acme"}, "slug_invalid", "slug"),
        ({"slug": ""}, "slug_invalid", "slug"),
        ({"name": "  "}, "parameter_invalid", "name"),
        ({"timezone": "Mars/Base"}, "timezone_unknown", "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone_unknown", "timezone"),
        ({"currency": "XXY"}, "currency_unknown", "currency"),
        ({"currency": "usd"}, "currency_unknown", "currency"),
        ({"metadata": {f"k{n}": "v" for n in range(21)}}, "parameter_invalid", "metadata"),
        ({"metadata": {"k": 1}}, "parameter_invalid", "metadata.k"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(world: World, fields: dict[str, Any], said: str, param: str) -> None:
    answer = world.as_user("owner").patch("/organizations/me", fields)
    assert code(answer) == (400, said)
    assert answer.get_json()["error"]["param"] == param


def test_an_address_another_organization_has_is_refused(world: World) -> None:
    assert code(world.as_user("owner").patch("/organizations/me", {"slug": "elsewhere"})) == (409, "slug_taken")
    assert world.as_user("owner").get("/organizations/me").get_json()["slug"] == "acme"


def test_the_currency_stays_while_processor_accounts_have_amounts_in_it(world: World) -> None:
    from ballast.models import ProcessorAccount

    owner = world.as_user("owner")
    db.session.rollback()
    with organization(world.acme.id), transaction() as session:
        session.execute(update(ProcessorAccount).values(amount_from=100))
    assert code(owner.patch("/organizations/me", {"currency": "EUR"})) == (409, "currency_in_use")
    with organization(world.acme.id), transaction() as session:
        session.execute(update(ProcessorAccount).values(amount_from=None))
    assert owner.patch("/organizations/me", {"currency": "EUR"}).get_json()["currency"] == "EUR"
