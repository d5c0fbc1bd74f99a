"""Sample contexts of the audit log and of the platform's area."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace as Row

from ballast.audit.reading import Difference, Shown, Who
from ballast.billing.going_live import Outlook
from ballast.blueprints.audit import RESOURCE_TYPES
from ballast.identity.bans import Place
from ballast.models.identity import MODES, PLANS
from tests.templates.samples import ADMIN, FILTERS, NOW, SHOP, Context


def _shown(action: str, who: Who, differences: list[Difference], facts: list[tuple[str, str]]) -> Shown:
    entry = Row(
        id=f"aud_{action}",
        action=action,
        resource_type="payment",
        resource_id="pay_01kbe8wv6pe2r9f3x7m5d0t1ac",
        request_id="req_01kbe8wv6pe2r9f3x7m5d0t1ac" if differences else None,
        created_at=NOW,
    )
    return Shown(entry, who, "203.0.113.7" if differences else None, differences, facts)  # type: ignore[arg-type]


ADA = Who("user", "usr_1", "Ada Okafor", "ada@example.com")
SHOWN = [
    _shown("member.role_changed", ADA, [Difference("role", "viewer", "admin")], []),
    _shown(
        "webhook_endpoint.updated",
        Who("key", "key_1", "Nightly export", "bl_test_3fA9…"),
        [
            Difference("url", "https://hooks.acme.test/ballast", "https://hooks.acme.test/payments/incoming"),
            Difference("events", "*", "payment_intent.*, refund.*, dispute.*"),
        ],
        [],
    ),
    _shown("api_key.created", ADA, [], [("name", "Nightly export"), ("scopes", "payments:read, refunds:write")]),
    _shown("user.banned", Who("staff", None, "Ballast staff"), [], [("reason", "fraud")]),
    _shown("payment.canceled", Who("system", None, "Ballast"), [], []),
]
STAFF: Context = {"current_user": Row(email="staff@example.com", full_name="Sam Staff", is_admin=True)}


def _user(**changes: object) -> Row:
    fields: Context = {
        "id": "usr_01kbe8wv6pe2r9f3x7m5d0t1an",
        "email": "ada@example.com",
        "full_name": "Ada Okafor",
        "is_admin": False,
        "email_verified": True,
        "banned_at": None,
        "totp_confirmed_at": NOW,
        "created_at": NOW,
    }
    return Row(**(fields | changes))


PEOPLE = [
    _user(),
    _user(full_name="", banned_at=NOW, totp_confirmed_at=None),
    _user(is_admin=True, email_verified=False),
]
ORGANIZATION = Row(**(vars(SHOP) | {"plan": "GROWTH", "requires_second_factor": True, "archived_at": None}))
LIVE = Row(**(vars(ORGANIZATION) | {"mode": "live"}))
WAITING = Row(**(vars(ORGANIZATION) | {"archived_at": NOW, "requires_second_factor": False}))
PLACES = [
    Place(ORGANIZATION, "owner", 2, 0, True),  # type: ignore[arg-type]
    Place(LIVE, None, 0, 1, False),  # type: ignore[arg-type]
]


def platform_samples() -> Iterator[tuple[str, str, Context]]:
    """(template, name of the state, context)."""
    yield from _log()
    yield from _organizations()
    yield from _people()


def _log() -> Iterator[tuple[str, str, Context]]:
    chosen = dict.fromkeys(("action", "resource_type", "resource_id", "actor", "from", "to"), "")
    page = ADMIN | {"shown": SHOWN, "links": {SHOWN[0].entry.id: "/admin/payments/x"}, "chosen": chosen, "errors": {}}
    page |= {"filtered": False, "resource_types": RESOURCE_TYPES, "export_url": "/admin/audit/export.csv"}
    page |= {"previous_url": None, "next_url": "/admin/audit?after=x"}
    nothing: Context = {"shown": [], "links": {}, "next_url": None}
    yield "admin/audit.html", "full", page
    yield "admin/audit.html", "empty", page | nothing
    yield "admin/audit.html", "filtered", page | nothing | {"filtered": True, "chosen": chosen | {"actor": "ada@"}}
    wrong = {"errors": {"from": "Enter a day, such as 2026-11-28."}, "chosen": chosen | {"from": "x"}}
    yield "admin/audit.html", "errors", page | nothing | wrong
    log = STAFF | {"shown": SHOWN, "links": {}, "previous_url": None, "next_url": "/platform/audit?after=x"}
    yield "platform/audit.html", "full", log
    yield "platform/audit.html", "empty", log | nothing


def _organizations() -> Iterator[tuple[str, str, Context]]:
    page = STAFF | {
        "rows": [(ORGANIZATION, 3), (LIVE, 12), (WAITING, 0)],
        "chosen": {"text": "", "plan": "", "mode": ""},
    }
    page |= {"plans": PLANS, "modes": MODES, "filtered": False, "previous_url": None, "next_url": "/older"}
    yield "platform/organizations.html", "full", page
    yield "platform/organizations.html", "empty", page | {"rows": [], "next_url": None}
    filtered = {"filtered": True, "chosen": {"text": "x", "plan": "GROWTH", "mode": "live"}}
    yield "platform/organizations.html", "filtered", page | {"rows": [], "next_url": None} | filtered
    members = [(Row(role="owner"), PEOPLE[0]), (Row(role="viewer"), PEOPLE[1])]
    for name, found in (("sandbox", ORGANIZATION), ("live", LIVE), ("waiting", WAITING)):
        one = STAFF | {"found": found, "members": [] if name == "waiting" else members}
        one |= {"asks_factor": found.requires_second_factor}
        yield "platform/organization.html", name, one
    key = Row(name="Nightly export", prefix="bl_test_3fA9")
    outlook = Outlook([], [key, key], ["Acme at Stripe"])  # type: ignore[list-item]
    form = STAFF | {"found": ORGANIZATION, "outlook": outlook, "reason": "", "errors": {}, "problem": None}
    yield "platform/live.html", "fresh", form
    yield "platform/live.html", "bare", form | {"outlook": Outlook([], [], []), "errors": {"reason": "Say why."}}
    yield "platform/live.html", "used", form | {"outlook": Outlook(["payments", "orders"], [], [])}
    yield "platform/live.html", "live", form | {"found": LIVE, "problem": "Acme is live already."}


def _people() -> Iterator[tuple[str, str, Context]]:
    page = STAFF | {"people": PEOPLE, "chosen": {"text": "", "status": ""}, "filters": FILTERS[:3], "filtered": False}
    page |= {"previous_url": None, "next_url": "/older"}
    yield "platform/users.html", "full", page
    yield "platform/users.html", "empty", page | {"people": [], "next_url": None}
    nobody = {"filtered": True, "chosen": {"text": "zoe", "status": "banned"}}
    yield "platform/users.html", "filtered", page | {"people": [], "next_url": None} | nobody
    sessions = [Row(device="Firefox on Linux", last_seen_at=NOW)]
    show = STAFF | {"user": PEOPLE[0], "places": PLACES, "sessions": sessions, "shown": SHOWN}
    show |= {"has_second_factor": True, "is_me": False}
    yield "platform/user.html", "full", show
    bare: Context = {"places": [], "sessions": [], "shown": [], "has_second_factor": False}
    yield "platform/user.html", "banned", show | bare | {"user": PEOPLE[1]}
    yield "platform/user.html", "me", show | bare | {"user": PEOPLE[2], "is_me": True, "sessions": sessions * 2}
    form = STAFF | {"user": PEOPLE[0], "places": PLACES, "reason": "", "keys": "freeze", "errors": {}, "problem": None}
    form |= {"has_second_factor": True, "is_me": False}
    wrong = {"errors": {"reason": "Say why."}, "keys": "keep", "places": []}
    for act in ("ban", "unban", "second_factor"):
        yield f"platform/{act}.html", "fresh", form
        yield f"platform/{act}.html", "errors", form | wrong
        conflict = {"user": PEOPLE[1], "problem": "They are banned already.", "has_second_factor": False}
        yield f"platform/{act}.html", "conflict", form | conflict
