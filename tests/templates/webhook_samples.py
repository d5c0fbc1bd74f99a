"""Sample contexts of the pages about webhook endpoints and deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace as Row
from typing import Any

from ballast.notifications.catalog import EVENTS, families
from ballast.notifications.lab import Finding
from ballast.notifications.posting import Answer
from tests.templates.samples import ADMIN, NOW, Context


def _endpoint(**changes: Any) -> Row:
    fields: Context = {
        "id": "we_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "url": "https://hooks.acme.test/ballast",
        "event_types": ["*"],
        "enabled": True,
        "sequence": 1284,
        "failing_since": None,
        "disabled_at": None,
        "disabled_because": None,
        "old_secret_until": None,
        "deleted_at": None,
        "created_at": NOW - timedelta(days=40),
    }
    return Row(**(fields | changes))


WELL = _endpoint()
ILL = _endpoint(
    url="https://erp.acme.test/a/rather/long/path/to/the/endpoint/of/the/warehouse",
    event_types=["refund.*", "payment_intent.succeeded"],
    failing_since=NOW - timedelta(days=2),
    old_secret_until=NOW + timedelta(hours=20),
)
OFF = _endpoint(enabled=False, disabled_at=NOW, disabled_because="failing", failing_since=NOW - timedelta(days=5))
EVENT = Row(id="evt_01kbe8wv6pe2r9f3x7m5d0t1ac", type="payment_intent.succeeded", created_at=NOW)


def _delivery(status: str, **changes: Any) -> Row:
    fields: Context = {
        "id": "del_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "endpoint_id": WELL.id,
        "status": status,
        "sequence": 1284,
        "attempts": 1,
        "response_status": 204,
        "reason": None,
        "next_attempt_at": NOW + timedelta(seconds=30),
        "delivered_at": NOW,
    }
    return Row(**(fields | changes))


DELIVERIES = [
    _delivery("delivered"),
    _delivery("failed", response_status=503, reason="http_503", attempts=3),
    _delivery("dead_letter", response_status=None, reason="timeout", attempts=6, endpoint_id="we_gone"),
    _delivery("pending", response_status=None, sequence=None, attempts=0),
]
ATTEMPTS = [
    Row(number=2, response_status=204, response_body="", reason=None, duration_ms=84, sent_at=NOW),
    Row(number=1, response_status=500, response_body="<h1>Down</h1>", reason="http_500", duration_ms=1204, sent_at=NOW),
]
FINDINGS = [
    Finding(
        "duplicate", "The same event twice. Take both.", True, [Answer(204, "", None, 8), Answer(200, "", None, 6)]
    ),
    Finding("badly signed", "Refuse it.", False, [Answer(200, "thanks", None, 9)]),
    Finding("late", "Take it.", True, [Answer(None, "", "timeout", 5003)]),
]


def _named(endpoint: Row, **more: Any) -> Context:
    state = "disabled" if not endpoint.enabled else "failing" if endpoint.failing_since else "enabled"
    named: Context = {"endpoint": endpoint, "label": endpoint.url[8:40], "state": state, "problem": None}
    return ADMIN | named | more


def endpoint_samples() -> Iterator[tuple[str, str, Context]]:
    page = "admin/webhooks/index.html"
    rows = [{"endpoint": one, "state": _named(one)["state"]} for one in (WELL, ILL, OFF)]
    yield page, "full", ADMIN | {"rows": rows, "may_change": True}
    yield page, "read only", ADMIN | {"rows": rows, "may_change": False}
    yield page, "empty", ADMIN | {"rows": [], "may_change": True}
    yield page, "empty, read only", ADMIN | {"rows": [], "may_change": False}
    page, sent = "admin/webhooks/show.html", [(delivery, EVENT) for delivery in DELIVERIES]
    for name, endpoint in (("well", WELL), ("failing", ILL), ("off", OFF)):
        yield page, name, _named(endpoint, rows=sent, overlaps=endpoint is ILL, may_change=True)
    by_hand = _endpoint(enabled=False, disabled_at=NOW, disabled_because="by_hand")
    yield page, "by hand", _named(by_hand, rows=[], overlaps=False, may_change=True, problem="It is disabled.")
    gone = _endpoint(enabled=False, disabled_at=NOW, disabled_because="gone")
    yield page, "gone, read only", _named(gone, rows=[], overlaps=False, may_change=False)


def act_samples() -> Iterator[tuple[str, str, Context]]:
    page, form = "admin/webhooks/form.html", {"families": families(), "events": EVENTS, "errors": {}, "problem": None}
    new: Context = ADMIN | form | {"endpoint": None, "label": "", "state": "", "values": {"url": "", "events": ["*"]}}
    yield page, "new", new
    yield page, "too many", new | {"problem": "There are 50 endpoints already."}
    wrong = {"errors": {"url": "This is not a web address.", "events": "Name an event."}}
    yield page, "wrong", new | wrong | {"values": {"url": "nowhere", "events": []}}
    yield page, "edit", _named(ILL) | form | {"values": {"url": ILL.url, "events": ILL.event_types}}
    for because, endpoint in (("created", WELL), ("rotated", ILL), ("rotated", OFF)):
        context = _named(endpoint, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", because=because)
        yield "admin/webhooks/secret.html", f"{because} {endpoint.enabled} {endpoint is ILL}", context
    for act in ("rotate", "disable", "delete"):
        for waiting in (0, 1, 12, 1000):
            yield f"admin/webhooks/{act}.html", str(waiting), _named(WELL, waiting=waiting)
        yield f"admin/webhooks/{act}.html", "refused", _named(WELL, waiting=0, problem="Not now.")
    values = {"start": "2026-11-20T09:30", "end": "2026-11-21T09:30"}
    replay = _named(WELL, values=values, errors={})
    yield "admin/webhooks/replay.html", "fresh", replay
    yield "admin/webhooks/replay.html", "wrong", replay | {"errors": {"start": "Enter a date.", "end": "Too long."}}
    yield "admin/webhooks/replay.html", "refused", replay | {"problem": "This endpoint is disabled."}
    yield "admin/webhooks/lab.html", "before", _named(WELL, findings=[])
    yield "admin/webhooks/lab.html", "after", _named(WELL, findings=FINDINGS)
    yield "admin/webhooks/lab.html", "all well", _named(WELL, findings=FINDINGS[:1])
    yield "admin/webhooks/lab.html", "off", _named(OFF, findings=[])


def delivery_samples() -> Iterator[tuple[str, str, Context]]:
    page = "admin/webhooks/deliveries.html"
    listed: Context = ADMIN | {
        "rows": [(delivery, EVENT) for delivery in DELIVERIES],
        "endpoints": {WELL.id: WELL},
        "chosen": {"to": "", "status": "", "type": ""},
        "filters": [{"label": "All", "url": "/admin/webhooks/deliveries", "current": True}],
        "filtered": False,
        "previous_url": None,
        "next_url": "/admin/webhooks/deliveries?after=x",
        "may_change": True,
        "problem": None,
    }
    yield page, "full", listed
    yield page, "read only", listed | {"may_change": False}
    yield page, "refused", listed | {"problem": "Choose 1 to 100 deliveries."}
    chosen = {"to": WELL.id, "status": "failed", "type": "refund.*"}
    yield page, "filtered", listed | {"chosen": chosen, "filtered": True}
    yield page, "nothing fits", listed | {"rows": [], "chosen": chosen, "filtered": True, "next_url": None}
    yield page, "empty", listed | {"rows": [], "next_url": None}
    page = "admin/webhooks/delivery.html"
    deleted = _endpoint(enabled=False, deleted_at=NOW)
    for delivery in DELIVERIES:
        shown: Context = {"delivery": delivery, "event": EVENT, "attempts": ATTEMPTS[: delivery.attempts]}
        shown |= {"pending": delivery.status == "pending", "text": "{}", "may_change": True}
        yield page, delivery.status, _named(WELL) | shown
        yield page, f"{delivery.status}, deleted", _named(deleted, problem="No.") | shown | {"may_change": False}


def webhook_samples() -> Iterator[tuple[str, str, Context]]:
    yield from endpoint_samples()
    yield from act_samples()
    yield from delivery_samples()
