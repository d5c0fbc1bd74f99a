"""Registering and signing in over the API, and how long an access token holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import delete, func, select, update
from werkzeug.test import TestResponse

from ballast import config
from ballast.clock import real_time, shifted
from ballast.db import db, organization, transaction
from ballast.identity import leaked, passwords, users
from ballast.models import AuditEntry, Email, Membership, Organization, User, UserLink
from tests.world import PASSWORD, World

NEW = {
    "email": "ada@new.example",
    "password": "a kettle of unrelated words",
    "full_name": "Ada Okafor",
    "organization_name": "Café Zoë & Co.",
}


def call(world: World, path: str, **body: Any) -> TestResponse:
    return world.app.test_client().post(f"/api/v1/auth/{path}", json=body)


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error"]["code"]


def change_user(email: str, **fields: Any) -> None:
    db.session.rollback()
    with transaction() as session:
        session.execute(update(User).where(User.email == email).values(**fields))


def bearer(world: World, token: str) -> TestResponse:
    return world.app.test_client().get("/api/v1/payments", headers={"Authorization": f"Bearer {token}"})


def test_registering_makes_an_organization_in_sandbox_mode_whose_owner_signs_in(world: World) -> None:
    answer = call(world, "register", **NEW)
    assert answer.status_code == 201
    org = answer.get_json()["org"]
    assert (org["name"], org["slug"], org["mode"], org["plan"]) == (
        "Café Zoë & Co.",
        "cafe-zoe-co",
        "sandbox",
        "STARTER",
    )
    signed_in = call(world, "login", email="ADA@new.example", password=NEW["password"]).get_json()
    assert signed_in["user"]["role"] == "owner"
    assert signed_in["org"] == org
    assert bearer(world, signed_in["access_token"]).get_json()["data"] == []


def test_a_slug_is_given_once(world: World) -> None:
    slugs = [
        call(world, "register", **NEW | {"email": f"{n}@new.example", "organization_name": "Acme!"}).get_json()["org"][
            "slug"
        ]
        for n in range(2)
    ]
    assert slugs == ["acme-2", "acme-3"]


def test_registering_is_in_the_audit_log_and_sends_mail_with_a_link(world: World) -> None:
    org = call(world, "register", **NEW).get_json()["org"]["id"]
    with organization(org):
        entries = list(db.session.scalars(select(AuditEntry)))
        mail = db.session.scalars(select(Email)).one()
        assert "/verify-email/" in mail.text
    assert [entry.action for entry in entries] == ["organization.created", "member.joined"]
    assert (entries[0].resource_id, entries[1].changes["role"]) == (org, {"before": None, "after": "owner"})
    world.drain()
    assert [(sent["to"], sent["subject"]) for sent in world.mails()] == [(["ada@new.example"], "Confirm your address")]
    db.session.rollback()
    with organization(org):
        mail = db.session.scalars(select(Email)).one()
        assert (mail.status, mail.text, mail.html) == ("sent", "", ""), "who reads the outbox finds no link"


# --- Who has an account is nobody's business -----------------------------------------------------------------------------


def shape(answer: TestResponse) -> Any:
    body = answer.get_json()
    return (
        answer.status_code,
        sorted(answer.headers.keys()),
        {name: sorted(part) for name, part in body.items()},
        {name: type(value) for part in body.values() for name, value in part.items()},
    )


def test_a_taken_address_is_answered_like_a_free_one_and_its_owner_gets_mail(world: World) -> None:
    free = call(world, "register", **NEW)
    taken = call(world, "register", **NEW | {"email": "Owner@example.com"})
    assert shape(taken) == shape(free)
    assert (taken.get_json()["org"]["slug"], free.get_json()["org"]["slug"]) == ("cafe-zoe-co-2", "cafe-zoe-co")
    assert taken.get_json()["user"] == {"object": "user", "email": "owner@example.com", "full_name": "Ada Okafor"}
    world.drain()
    subjects = {sent["to"][0]: sent["subject"] for sent in world.mails()}
    assert subjects["owner@example.com"] == "Add Café Zoë & Co. to your account"
    assert users.authenticate("owner@example.com", PASSWORD) is not None, "nothing about the account has changed"
    assert users.authenticate("owner@example.com", NEW["password"]) is None


def test_registering_costs_one_hash_whether_or_not_the_address_is_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes: list[str] = []
    real = passwords.hash_password
    monkeypatch.setattr(passwords, "hash_password", lambda given: hashes.append(given) or real(given))
    for email in ("owner@example.com", "ada@new.example"):
        call(world, "register", **NEW | {"email": email})
    assert len(hashes) == 2


def test_an_unknown_user_a_wrong_password_and_a_ban_get_one_answer(world: World) -> None:
    change_user("viewer@example.com", banned_at=real_time())
    answers = [
        call(world, "login", email="nobody@example.com", password=PASSWORD),
        call(world, "login", email="owner@example.com", password="wrong"),
        call(world, "login", email="viewer@example.com", password=PASSWORD),
    ]
    bodies = [answer.get_json()["error"] | {"request_id": ""} for answer in answers]
    assert {answer.status_code for answer in answers} == {401}
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["code"] == "credentials_invalid"


def test_where_signing_in_waits_for_the_address_registering_and_signing_in_tells_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config.current(), "sign_in_needs_verified_email", True)
    for email in ("ada@new.example", "owner@example.com"):
        made = call(world, "register", **NEW | {"email": email}).get_json()["org"]
        assert code(call(world, "login", email=email, password=NEW["password"])) == (401, "credentials_invalid")
        assert world.app.test_client().get(f"/shop/{made['slug']}/").status_code == 404


# --- Passwords and throttling --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "password_too_short"),
        ("x" * 257, "password_too_long"),
        ("aaaaaaaaaaaaaaaa", "password_too_easy"),
        ("ada@new.example", "password_too_easy"),
        ("ada12ada12ada12", "password_too_easy"),
    ],
)
def test_a_password_that_is_easily_guessed_is_refused_with_the_reason(world: World, password: str, said: str) -> None:
    answer = call(world, "register", **NEW | {"password": password})
    assert code(answer) == (400, said)
    assert answer.get_json()["error"]["param"] == "password"


@pytest.mark.parametrize("email", ["", "nobody", "a@b", "a b@c.example", "a@" + "b" * 300 + ".example"])
def test_an_address_that_is_none_is_refused(world: World, email: str) -> None:
    assert call(world, "register", **NEW | {"email": email}).status_code == 400


@pytest.mark.parametrize("email", ["owner@example.com", "nobody@example.com"])
def test_an_account_is_throttled_whether_or_not_there_is_one(world: World, email: str) -> None:
    tries = [call(world, "login", email=email, password="wrong") for _ in range(11)]
    assert [answer.status_code for answer in tries] == [401] * 10 + [429]
    assert 0 < int(tries[-1].headers["Retry-After"]) <= 900
    assert code(call(world, "login", email=email.upper(), password=PASSWORD)) == (429, "rate_limit_exceeded")
    assert call(world, "login", email="admin@example.com", password=PASSWORD).status_code == 200


def test_the_right_password_begins_the_count_anew(world: World) -> None:
    for _ in range(3):
        for _ in range(9):
            assert call(world, "login", email="owner@example.com", password="wrong").status_code == 401
        assert call(world, "login", email="owner@example.com", password=PASSWORD).status_code == 200


def test_an_address_is_throttled_over_all_accounts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from ballast.identity import throttle

    monkeypatch.setitem(throttle.TRIES, "sign_in", (10, 5, 900))
    tries = [call(world, "login", email=f"{n}@example.com", password="x").status_code for n in range(6)]
    assert tries == [401] * 5 + [429]


def test_signing_in_is_throttled_while_redis_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.current(), "redis_url", "redis://127.0.0.1:9/0")
    tries = [call(world, "login", email="away@example.com", password="x").status_code for _ in range(11)]
    assert tries == [401] * 10 + [429]


# --- How long a token holds ----------------------------------------------------------------------------------------------


def test_a_token_says_who_where_and_since_when_and_not_what_they_may_do(world: World) -> None:
    claims = jwt.decode(world.token("owner"), options={"verify_signature": False})
    assert set(claims) == {"sub", "org", "generation", "iat", "exp"}
    assert claims["org"] == world.acme.id
    assert claims["exp"] - claims["iat"] == 604_800


def forged(world: World, **changes: Any) -> str:
    claims = jwt.decode(world.token("owner"), options={"verify_signature": False}) | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, world.settings.jwt_secret, algorithm="HS256")


FORGERIES: dict[str, Callable[[World], str]] = {
    "another secret": lambda world: jwt.encode(
        jwt.decode(world.token("owner"), options={"verify_signature": False}), "x" * 40, algorithm="HS256"
    ),
    "no signature": lambda world: jwt.encode(
        jwt.decode(world.token("owner"), options={"verify_signature": False}), None, algorithm="none"
    ),
    "another hash": lambda world: jwt.encode(
        jwt.decode(world.token("owner"), options={"verify_signature": False}),
        world.settings.jwt_secret * 3,
        algorithm="HS512",
    ),
    "no generation": lambda world: forged(world, generation=None),
    "a generation that is no number": lambda world: forged(world, generation="0"),
    "a truth for a generation": lambda world: forged(world, generation=False),
    "no end": lambda world: forged(world, exp=None),
    "an organization that is none": lambda world: forged(world, org="acme"),
    "cut": lambda world: world.token("owner")[:-2],
    "endless": lambda world: world.token("owner") + "x" * 9000,
}


@pytest.mark.parametrize("how", FORGERIES)
def test_a_token_we_did_not_write_is_refused(world: World, how: str) -> None:
    assert code(bearer(world, FORGERIES[how](world))) == (401, "token_invalid")


def test_a_token_for_another_organization_is_refused_although_it_is_signed(world: World) -> None:
    assert code(bearer(world, forged(world, org=world.stranger.id))) == (401, "token_revoked")


def test_a_token_expires(world: World) -> None:
    token = world.token("owner")
    with shifted(timedelta(days=6, hours=23)):
        assert bearer(world, token).status_code == 200
    with shifted(timedelta(days=7, seconds=1)):
        assert code(bearer(world, token)) == (401, "token_expired")


@pytest.mark.parametrize("change", [{"token_generation": 1}, {"banned_at": real_time()}], ids=["signed out", "banned"])
def test_a_ban_or_signing_out_everywhere_holds_from_the_next_request_on(world: World, change: dict[str, Any]) -> None:
    token = world.token("owner")
    assert bearer(world, token).status_code == 200
    change_user("owner@example.com", **change)
    assert code(bearer(world, token)) == (401, "token_revoked")


def test_a_role_is_read_at_each_request(world: World) -> None:
    owner = world.as_user("owner")
    assert owner.patch("/organizations/me", {"name": "Acme"}).status_code == 200
    db.session.rollback()
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Membership).where(Membership.role == "owner").values(role="viewer"))
    assert code(owner.patch("/organizations/me", {"name": "Acme"})) == (403, "role_insufficient")
    db.session.rollback()
    with organization(world.acme.id), transaction() as session:
        session.execute(delete(Membership))
    assert code(owner.get("/organizations/me")) == (401, "token_revoked")


def test_a_user_of_two_organizations_chooses_one_when_signing_in(world: World) -> None:
    db.session.rollback()
    owner = db.session.scalars(select(User.id).where(User.email == "owner@example.com")).one()
    db.session.rollback()
    with organization(world.stranger.id), transaction() as session:
        session.add(Membership(organization_id=world.stranger.id, user_id=owner, role="viewer"))
    for wanted, found in ((None, "acme"), ("elsewhere", "elsewhere"), (world.stranger.id, "elsewhere")):
        body = {"email": "owner@example.com", "password": PASSWORD} | ({"organization": wanted} if wanted else {})
        signed_in = call(world, "login", **body).get_json()
        assert signed_in["org"]["slug"] == found
        assert signed_in["user"]["role"] == ("owner" if found == "acme" else "viewer")


def test_who_is_in_no_such_organization_is_told_so_only_with_the_right_password(world: World) -> None:
    asked = {"email": "owner@example.com", "organization": "elsewhere"}
    assert code(call(world, "login", **asked, password=PASSWORD)) == (403, "organization_unavailable")
    assert code(call(world, "login", **asked, password="wrong")) == (401, "credentials_invalid")


def test_a_viewers_token_charges_nobody(world: World) -> None:
    answer = world.as_user("viewer").pay()
    assert code(answer) == (403, "role_insufficient")
    assert world.charges() == []
    assert world.as_user("admin").pay().status_code == 201


def test_what_a_user_did_over_the_api_is_in_the_audit_log_under_their_id(world: World) -> None:
    world.as_user("admin").pay(confirm=False)
    admin = db.session.scalars(select(User.id).where(User.email == "admin@example.com")).one()
    entry = next(row for row in world.all_of(AuditEntry) if row.action == "payment.created")
    assert (entry.actor_kind, entry.actor_id) == ("user", admin)


def test_nothing_is_left_of_a_registration_that_was_refused(world: World) -> None:
    call(world, "register", **NEW | {"password": "short"})
    call(world, "register", **NEW | {"organization_name": "   "})
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(User).where(User.email == NEW["email"])) == 0
    assert db.session.scalar(select(func.count()).select_from(UserLink)) == 0


def test_a_user_reads_and_writes_what_their_organization_is_called(world: World) -> None:
    assert world.as_user("viewer").get("/organizations/me").get_json()["slug"] == "acme"
    assert world.api(world.acme.api_key).get("/organizations/me").get_json()["id"] == world.acme.id
    db.session.rollback()
    with organization(world.acme.id):
        assert db.session.scalars(select(Organization.name)).one() == "Acme Corp"


def test_a_leaked_password_is_refused_by_our_list_and_by_the_operators(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for known in ("1qaz2wsx3edc", "Qwerty123456"):
        answer = call(world, "register", **{**NEW, "password": known})
        assert code(answer) == (400, "password_too_easy")
        assert "leaked" in answer.get_json()["error"]["message"]
    words = [f"a kettle of {number} words" for number in range(200)]
    hashes = sorted(sha1(word.encode(), usedforsecurity=False).hexdigest().upper() for word in words)
    theirs = tmp_path / "pwned.txt"
    theirs.write_bytes("".join(f"{one}:{3}\r\n" for one in hashes).encode())
    monkeypatch.setattr(config.current(), "leaked_passwords_file", str(theirs))
    assert all(leaked.holds(word) for word in words)
    assert not any(leaked.holds(f"{word}s") for word in words)
    assert code(call(world, "register", **{**NEW, "password": words[7]})) == (400, "password_too_easy")


def test_who_did_not_get_in_is_in_the_log_without_address_or_password(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for email in ("owner@acme.example", "nobody@acme.example"):
        call(world, "login", email=email, password="not the password of it")
    said = [one.getMessage() for one in caplog.records if "refused" in one.getMessage()]
    assert [line.partition(", account")[0] for line in said] == ["sign_in refused: wrong password or no account"] * 2
    assert "from 127.0.0.1" in said[0]
    assert not any("acme.example" in line or "not the password" in line for line in said)
