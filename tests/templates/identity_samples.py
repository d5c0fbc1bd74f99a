"""Sample contexts of the pages about people, keys and settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace as Row

from ballast.blueprints.keys import LIVES, OVERLAPS, SCOPE_WORDS
from ballast.blueprints.settings import PERMISSION_WORDS, ROLE_WORDS, SHOWN_ROLES
from ballast.identity import users
from ballast.identity.members import Person
from tests.templates.samples import ADMIN, NOW, SHOP, USER, Context

WEEK = NOW + timedelta(days=7)
PEOPLE = [
    Person("usr_1", "owner@acme.test", "Ada Okafor", "owner", "active", NOW),
    Person("usr_2", "lena@acme.test", "", "viewer", "active", NOW),
    Person("inv_1", "jun@acme.test", "", "admin", "invited", NOW, WEEK),
    Person("inv_2", "old@acme.test", "", "admin", "expired", NOW, NOW),
]


def _key(state: str, **changes: object) -> Row:
    fields: Context = {
        "id": f"key_{state}",
        "name": "Nightly export",
        "prefix": "bl_test_3fA9",
        "scopes": ["payments:read"],
        "state": state,
        "created_at": NOW,
        "expires_at": None,
        "last_used_at": None,
    }
    return Row(**(fields | changes))


def identity_samples() -> Iterator[tuple[str, str, Context]]:
    """(template, name of the state, context)."""
    yield from _settings()
    yield from _keys()
    yield from _account()
    yield from _doors()


def _settings() -> Iterator[tuple[str, str, Context]]:
    values = {"name": "Acme Corp", "shop_name": "", "slug": "acme", "currency": "USD", "timezone": "UTC"}
    matrix = [(words, [users.may(role, right) for role in SHOWN_ROLES]) for right, words in PERMISSION_WORDS.items()]
    organization = Row(**(vars(SHOP) | {"plan": "GROWTH", "requires_second_factor": False}))
    page = ADMIN | {"organization": organization, "values": values, "errors": {}, "may_change": True}
    page |= {"roles": SHOWN_ROLES, "matrix": matrix, "asks_factor": False, "is_free_to_choose": True}
    yield "admin/settings/index.html", "owner", page
    yield "admin/settings/index.html", "installation", page | {"asks_factor": True, "is_free_to_choose": False}
    yield "admin/settings/index.html", "viewer", page | {"may_change": False}
    strict = Row(**(vars(organization) | {"requires_second_factor": True}))
    yield (
        "admin/settings/index.html",
        "strict",
        page | {"organization": strict, "asks_factor": True, "errors": {"required": "Set up your own."}},
    )
    yield "admin/settings/index.html", "errors", page | {"errors": {"slug": "This address is taken. Choose another."}}
    listed = ADMIN | {"people": PEOPLE, "may_change": True, "myself": "usr_1"}
    yield "admin/settings/members.html", "owner", listed
    yield "admin/settings/members.html", "viewer", listed | {"may_change": False, "myself": "usr_2"}
    form = ADMIN | {"email": "", "role": "viewer", "roles": ROLE_WORDS, "errors": {}, "problem": None}
    yield "admin/settings/invite.html", "fresh", form
    yield "admin/settings/invite.html", "errors", form | {"errors": {"email": "Enter an email address."}}
    yield "admin/settings/invite.html", "full", form | {"problem": "An organization has at most 500 members."}
    for person in PEOPLE:
        one = ADMIN | {"person": person, "roles": ROLE_WORDS, "is_me": person.id == "usr_1", "problem": None}
        yield "admin/settings/member.html", person.id, one
    yield "admin/settings/member.html", "last", one | {"problem": "An organization needs an owner."}


def _keys() -> Iterator[tuple[str, str, Context]]:
    keys = [_key(state) for state in ("active", "revoked", "expired", "frozen")]
    keys.append(_key("active", scopes=list(SCOPE_WORDS), expires_at=WEEK, last_used_at=NOW))
    page = ADMIN | {
        "keys": keys,
        "all_scopes": list(SCOPE_WORDS),
        "usual_scopes": list(SCOPE_WORDS)[:-1],
        "may_change": True,
    }
    page |= {"previous_url": None, "next_url": "/older"}
    yield "admin/settings/keys.html", "full", page
    yield "admin/settings/keys.html", "viewer", page | {"may_change": False}
    yield "admin/settings/keys.html", "empty", page | {"keys": [], "next_url": None}
    typed = {"name": "", "lives": "", "scopes": list(SCOPE_WORDS)}
    form = ADMIN | {"typed": typed, "scopes": list(SCOPE_WORDS.items()), "lives": LIVES, "errors": {}}
    yield "admin/settings/key_new.html", "fresh", form
    errors = {"name": "A name has 1 to 80 characters.", "scopes": "Choose at least one."}
    yield "admin/settings/key_new.html", "errors", form | {"errors": errors}
    once = ADMIN | {"key": keys[0], "token": "bl_test_" + "a" * 43, "replaced": None, "public_url": "http://127.0.0.1"}
    yield "admin/settings/key_once.html", "new", once
    yield "admin/settings/key_once.html", "overlap", once | {"replaced": keys[-1]}
    yield "admin/settings/key_once.html", "at-once", once | {"replaced": keys[2]}
    for key in (keys[0], keys[1], keys[-1]):
        name = f"{key.state}-{bool(key.last_used_at)}"
        yield "admin/settings/key_revoke.html", name, ADMIN | {"key": key}
        rotate = ADMIN | {"key": key, "overlaps": OVERLAPS, "problem": None}
        yield "admin/settings/key_rotate.html", name, rotate
    yield "admin/settings/key_rotate.html", "problem", rotate | {"problem": "This key no longer works."}


def _account() -> Iterator[tuple[str, str, Context]]:
    me = Row(**(vars(USER) | {"email_verified": True, "has_second_factor": False}))
    sessions = [
        Row(
            id="ses_1",
            ip="203.0.113.7",
            user_agent="Mozilla",
            device="Firefox on Linux",
            created_at=NOW,
            last_seen_at=NOW,
        ),
        Row(id="ses_2", ip=None, user_agent="", device="A browser", created_at=NOW, last_seen_at=NOW),
    ]
    page = ADMIN | {"current_user": me, "sessions": sessions, "this_session": "ses_1", "errors": {}, "new_email": ""}
    yield "admin/account.html", "full", page
    names = (
        "email.email",
        "email.password",
        "email.form",
        "password.password",
        "password.new_password",
        "password.form",
    )
    wrong = dict.fromkeys(names, "This is not right.")
    unproved = Row(**(vars(me) | {"email_verified": False, "has_second_factor": True}))
    setup = Row(secret="JBSWY3DPEHPK3PXP")
    factor = ADMIN | {"current_user": me, "setup": None, "picture": None, "is_required": True, "errors": {}}
    yield "admin/second_factor.html", "off", factor
    begun = {"setup": setup, "picture": "data:image/svg+xml,", "errors": {"code": "This code does not fit."}}
    yield "admin/second_factor.html", "begun", factor | begun
    yield "admin/second_factor.html", "on", factor | {"current_user": unproved, "errors": {"form": "Too many tries."}}
    yield "admin/second_factor_codes.html", "codes", ADMIN | {"codes": ["0a1b2c-3d4e5f"] * 10}
    yield "admin/account.html", "errors", page | {"errors": wrong, "current_user": unproved}


def _doors() -> Iterator[tuple[str, str, Context]]:
    yield (
        "auth/organizations.html",
        "two",
        {"organizations": [SHOP, Row(id="org_2", name="B", mode="live")], "chosen": SHOP.id},
    )
    yield "auth/organizations.html", "none", {"organizations": [], "chosen": None}
    yield "auth/code.html", "fresh", {"error": None}
    yield "auth/code.html", "wrong", {"error": "This code does not fit."}
    values = {"email": "", "full_name": "", "organization_name": ""}
    yield "auth/sign_up.html", "fresh", {"values": values, "errors": {}}
    yield "auth/sign_up.html", "errors", {"values": values, "errors": {"password": "Use at least 12 characters."}}
    for kind in ("sign_up", "forgot_password"):
        yield "auth/sent.html", kind, {"kind": kind, "email": "ada@example.com"}
    invitation = Row(email="jun@acme.test", role="admin", expires_at=WEEK)
    page: Context = {"token": "t0k3n", "invitation": invitation, "organization": SHOP, "full_name": "", "errors": {}}
    for name, known, inside in (("new", False, False), ("known", True, False), ("signed-in", True, True)):
        yield "auth/invitation.html", name, page | {"has_account": known, "is_signed_in": inside}
    wrong = {"has_account": False, "is_signed_in": False, "errors": {"password": "Use at least 12 characters."}}
    yield "auth/invitation.html", "errors", page | wrong
    for kind in ("verify_email", "claim_organization", "change_email"):
        yield "auth/confirm.html", kind, {"kind": kind, "token": "t0k3n", "email": "ada@example.com"}
    yield "auth/forgot_password.html", "fresh", {"email": "", "error": None}
    yield "auth/forgot_password.html", "throttled", {"email": "a@b.example", "error": "Too many tries."}
    for errors in ({}, {"password": "Use at least 12 characters."}):
        name = "errors" if errors else "fresh"
        yield "auth/reset_password.html", name, {"token": "t0k3n", "email": "ada@example.com", "errors": errors}
