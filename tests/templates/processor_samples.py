"""Sample contexts of the pages about processor accounts and their events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace as Row
from typing import Any

from ballast.billing.account_fields import FIELDS
from tests.templates.samples import ADMIN, NOW, Context


def _account(processor: str = "stripe", **changes: Any) -> Row:
    fields: dict[str, Any] = {
        "id": "pac_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "processor": processor,
        "name": "Acme Corp",
        "external_account": "acct_1QzAcme",
        "mode": "test",
        "enabled": True,
        "is_default": False,
        "share": 60,
        "currencies": [],
        "takes_currencies": [],
        "amount_from": None,
        "amount_to": None,
        "public_config": {"publishable_key": "pk_test_51QzAcme", "merchant_id": "acme", "location_id": "L1"},
        "checked_at": NOW,
        "problem": None,
        "paused_until": None,
        "archived_at": None,
        "created_at": NOW,
    }
    return Row(**(fields | changes))


DEFAULT = _account(is_default=True)
PAUSED = _account(
    "braintree",
    name="",
    paused_until=NOW + timedelta(seconds=20),
    currencies=["USD", "EUR"],
    takes_currencies=["USD", "EUR"],
)
BROKEN = _account("square", problem="Square did not accept the access token.", amount_from=1000, amount_to=99900)
ARCHIVED = _account(enabled=False, archived_at=NOW, checked_at=None)
EVENT = Row(
    id="inb_01kbe8wv6pe2r9f3x7m5d0t1ac",
    processor_account_id=DEFAULT.id,
    external_id="evt_3QzAcme",
    type="payment_intent.succeeded",
    subject_id="pi_3QzAcme",
    dispute_id=None,
    status="applied",
    attempts=1,
    reason=None,
    received_at=NOW,
    applied_at=NOW,
    next_attempt_at=None,
)
PAYMENT_ID = "pay_01kbe8wv6pe2r9f3x7m5d0t1ac"


def _shown(account: Row, state: str, **changes: Any) -> Context:
    context: Context = {
        "account": account,
        "label": account.name or account.external_account,
        "state": state,
        "since": NOW if state == "paused" else None,
        "percent": 60 if state == "enabled" else 0,
        "fields": [field for field in FIELDS[account.processor] if not field.secret],
        "hook_url": f"https://pay.acme.test/hooks/{account.processor}/{account.id}",
        "registers": account.processor != "braintree",
        "has_webhook_secret": None if account.processor == "braintree" else True,
        "last_event_at": NOW,
        "cards": 14,
        "most_counted": 10_000,
        "may_change": True,
        "problem": None,
    }
    return ADMIN | context | changes


def _form(account: Row, **more: Any) -> Context:
    told: Context = {"account": account, "label": account.name or "acme", "errors": {}, "problem": None, "values": {}}
    return ADMIN | told | more


def account_samples() -> Iterator[tuple[str, str, Context]]:
    page = "admin/processors/index.html"
    described = [(DEFAULT, "enabled"), (PAUSED, "paused"), (BROKEN, "disabled")]
    rows = [_shown(account, state) for account, state in described]
    listed: Context = ADMIN | {"rows": rows, "archived": [ARCHIVED], "may_change": True}
    yield page, "full", listed
    yield page, "read only", listed | {"may_change": False, "archived": []}
    yield page, "empty", listed | {"rows": [], "archived": []}
    yield page, "empty, read only", listed | {"rows": [], "archived": [], "may_change": False}
    page = "admin/processors/show.html"
    yield page, "default", _shown(DEFAULT, "enabled", percent=100, cards=0)
    yield page, "paused", _shown(PAUSED, "paused", last_event_at=None, cards=1)
    yield page, "broken", _shown(BROKEN, "disabled", has_webhook_secret=False, cards=20_000)
    yield page, "archived", _shown(ARCHIVED, "archived", problem="Bring this account back before enabling it.")
    yield page, "read only", _shown(DEFAULT, "enabled", may_change=False)


def form_samples() -> Iterator[tuple[str, str, Context]]:
    page = "admin/processors/new.html"
    yield page, "choose", _form(DEFAULT, processor=None, fields=())
    yield page, "unknown", _form(DEFAULT, processor=None, fields=(), problem="Choose Stripe, Braintree or Square.")
    for processor, fields in FIELDS.items():
        yield page, processor, _form(DEFAULT, processor=processor, fields=fields)
    wrong = {"secret_key": "Stripe did not accept the secret key."}
    yield page, "wrong", _form(DEFAULT, processor="stripe", fields=FIELDS["stripe"], errors=wrong)
    keys = _form(DEFAULT, fields=FIELDS["stripe"], values=DEFAULT.public_config, kept={"secret_key", "webhook_secret"})
    yield "admin/processors/keys.html", "fresh", keys
    yield "admin/processors/keys.html", "wrong", keys | {"errors": wrong}
    yield "admin/processors/keys.html", "unreachable", keys | {"problem": "Stripe did not answer. Nothing was stored."}
    values = {"share": "60", "currencies": "USD, EUR", "amount_from": "", "amount_to": "999.00"}
    routing = _form(DEFAULT, values=values, others=[PAUSED, BROKEN])
    yield "admin/processors/routing.html", "fresh", routing
    yield (
        "admin/processors/routing.html",
        "wrong",
        routing | {"errors": {"share": "A number from 0 to 100."}, "others": []},
    )
    for name, account, cards in (
        ("cards", BROKEN, 14),
        ("one", BROKEN, 1),
        ("none", BROKEN, 0),
        ("default", DEFAULT, 3),
    ):
        yield "admin/processors/archive.html", name, _form(account, cards=cards, most_counted=10_000)
    refused = _form(DEFAULT, cards=3, most_counted=10_000, problem="Make another account the default first.")
    yield "admin/processors/archive.html", "refused", refused


def event_samples() -> Iterator[tuple[str, str, Context]]:
    page = "admin/processor_events/index.html"
    chips = [{"label": "All", "url": "/admin/processor-events", "current": True}]
    listed: Context = ADMIN | {
        "events": [EVENT, Row(**{**vars(EVENT), "id": "inb_2", "status": "failed"})],
        "payments": {EVENT.id: PAYMENT_ID},
        "accounts": {DEFAULT.id: DEFAULT},
        "chosen": {"account": "", "status": "", "type": ""},
        "filters": chips,
        "filtered": False,
        "previous_url": None,
        "next_url": "/admin/processor-events?after=x",
    }
    yield page, "full", listed
    chosen = {"account": DEFAULT.id, "status": "failed", "type": "charge."}
    yield page, "filtered", listed | {"events": [], "filtered": True, "chosen": chosen}
    yield page, "empty", listed | {"events": [], "next_url": None}
    page = "admin/processor_events/show.html"
    shown: Context = ADMIN | {
        "event": EVENT,
        "account": DEFAULT,
        "payment_id": PAYMENT_ID,
        "text": '{\n  "id": "evt_3QzAcme"\n}',
        "may_replay": True,
        "pending": False,
    }
    yield page, "applied", shown
    for status, tries in (("ignored", 3), ("failed", 20), ("received", 2), ("received", 1)):
        row = Row(**{**vars(EVENT), "status": status, "attempts": tries, "reason": "OperationalError"})
        row.next_attempt_at, row.applied_at, row.dispute_id = NOW, None, "dp_1"
        yield page, f"{status} {tries}", shown | {"event": row, "payment_id": None, "may_replay": False}
    fresh = Row(**{**vars(EVENT), "status": "received", "attempts": 0, "subject_id": None})
    yield page, "pending", shown | {"event": fresh, "pending": True}


def processor_samples() -> Iterator[tuple[str, str, Context]]:
    """(template, name of the state, context) for every page about processors."""
    yield from account_samples()
    yield from form_samples()
    yield from event_samples()
