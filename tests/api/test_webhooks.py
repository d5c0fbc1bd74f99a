"""Endpoints and deliveries over the API: made, changed, rotated, tested, looked at, sent again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook, WebhookVerificationError

from ballast.clock import shifted
from ballast.db import db, organization, transaction
from ballast.identity import api_keys
from ballast.models import AuditEntry, IdempotencyKey, Organization, WebhookEndpoint
from ballast.notifications import endpoints, lanes
from tests.notifications.acts import deliver, give_up, publish
from tests.notifications.endpoint import Endpoint, answering, serving
from tests.world import Api, World

ENDPOINTS, DELIVERIES = "/webhooks/endpoints", "/webhooks/deliveries"
PUBLIC = "https://hooks.example.com/ballast"


@pytest.fixture
def endpoint(world: World) -> Iterator[Endpoint]:
    """A server of Acme's; the endpoint the world came with is off."""
    with organization(world.acme.id), transaction() as session:
        session.execute(update(WebhookEndpoint).values(enabled=False))
    with serving() as made:
        yield made


def create(api: Api, url: str = PUBLIC, *events: str) -> dict[str, Any]:
    answer = api.post(ENDPOINTS, {"url": url, "events": list(events) or ["*"]})
    assert answer.status_code == 201, answer.get_json()
    made: dict[str, Any] = answer.get_json()
    return made


def patch(api: Api, path: str, body: Any) -> Any:
    return api.client.patch(f"/api/v1{path}", json=body, headers={"X-API-Key": api.key})


def refused(answer: Any) -> tuple[int, str, str | None]:
    error = answer.get_json()["error"]
    return (answer.status_code, error["code"], error["param"])


def test_a_secret_is_in_the_first_answer_and_in_no_other(world: World, api: Api) -> None:
    made = create(api, PUBLIC, "payment_intent.*", "refund.failed")
    assert made["secret"].startswith("whsec_")
    assert (made["events"], made["enabled"]) == (["payment_intent.*", "refund.failed"], True)
    got = api.get(f"{ENDPOINTS}/{made['id']}")
    listed = api.get(ENDPOINTS)
    assert got.get_json() == made | {"secret": None}
    assert listed.get_json()["data"][0] == made | {"secret": None}
    kept = [str(row.changes) for row in world.all_of(AuditEntry)]
    with organization(world.acme.id):
        kept += [str(row.response) for row in db.session.scalars(select(IdempotencyKey))]
    assert len(kept) > 2
    assert not [text for text in kept if made["secret"] in text]


def test_the_same_key_makes_one_endpoint_and_does_not_tell_its_secret_twice(world: World, api: Api) -> None:
    key, body = str(uuid4()), {"url": PUBLIC, "events": ["*"]}
    first, second = (api.post(ENDPOINTS, body, key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.get_json() == first.get_json() | {"secret": None}
    assert len(world.all_of(WebhookEndpoint)) == 2
    assert refused(api.post(ENDPOINTS, body | {"events": ["refund.*"]}, key))[:2] == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.com/", "url_invalid"),
        ("example.com/hook", "url_invalid"),
        ("https://", "url_invalid"),
        ("https://user:word@example.com/", "url_invalid"),
        ("https://example.com:22/", "url_invalid"),
        ("https://example.com:99999/", "url_invalid"),
        ("https://exa mple.com/", "url_invalid"),
        ("https://ex\u00e4mple.com/", "url_invalid"),
        ("javascript:alert(1)", "url_invalid"),
        ("https://[::1", "url_invalid"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(api: Api, url: str, code: str) -> None:
    assert refused(api.post(ENDPOINTS, {"url": url, "events": ["*"]})) == (400, code, "url")


def test_a_live_organization_cannot_listen_inside_our_network(world: World, api: Api) -> None:
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Organization).where(Organization.id == world.acme.id).values(mode="live"))
    for host in ("127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "100.64.0.1"):
        answer = api.post(ENDPOINTS, {"url": f"http://{host}:8000/", "events": ["*"]})
        assert refused(answer) == (400, "url_private", "url"), host
    assert create(api)["url"] == PUBLIC


@pytest.mark.parametrize("events", [["payment_intent"], ["nothing.*"], ["**"], [""], [], ["*"] * 51, "*", None])
def test_a_filter_that_lets_nothing_through_is_refused(api: Api, events: Any) -> None:
    answer = api.post(ENDPOINTS, {"url": PUBLIC, "events": events})
    assert answer.status_code == 400
    assert answer.get_json()["error"]["code"] in ("events_invalid", "parameter_invalid")


def test_an_endpoint_is_changed_switched_off_and_deleted(world: World, api: Api) -> None:
    made = create(api)
    path = f"{ENDPOINTS}/{made['id']}"
    assert patch(api, path, {"events": ["refund.*"]}).get_json()["events"] == ["refund.*"]
    off = patch(api, path, {"enabled": False, "url": PUBLIC + "/2"}).get_json()
    assert (off["enabled"], off["disabled_because"], off["url"]) == (False, "by_hand", PUBLIC + "/2")
    on = patch(api, path, {"enabled": True}).get_json()
    assert (on["enabled"], on["disabled_because"], on["disabled_at"]) == (True, None, None)
    assert refused(patch(api, path, {"events": ["no"], "enabled": False}))[1] == "events_invalid"
    assert api.get(path).get_json()["enabled"] is True, "all or nothing"
    gone = api.client.delete(f"/api/v1{path}", headers={"X-API-Key": api.key})
    assert gone.get_json() == {"id": made["id"], "object": "webhook_endpoint", "deleted": True}
    assert api.get(path).status_code == 404
    assert made["id"] not in [row["id"] for row in api.get(ENDPOINTS).get_json()["data"]]
    actions = [row.action for row in world.all_of(AuditEntry) if row.resource_id == made["id"]]
    assert actions == [
        f"webhook_endpoint.{did}" for did in ("created", "updated", "updated", "disabled", "enabled", "deleted")
    ]


def test_both_secrets_sign_until_the_old_one_lapses(world: World, api: Api, endpoint: Endpoint) -> None:
    made = create(api, endpoint.url)
    rotated = api.post(f"{ENDPOINTS}/{made['id']}/rotate", {"overlap_hours": 2}).get_json()
    old, new = made["secret"], rotated["secret"]
    assert old != new
    publish(world)
    deliver(world)
    for secret in (old, new):
        Webhook(secret).verify(endpoint.received[0].body, endpoint.received[0].headers)
    publish(world)
    with shifted(timedelta(hours=2, seconds=1)):
        deliver(world)
    signatures = endpoint.received[1].headers["webhook-signature"].split(" ")
    assert len(signatures) == 1
    assert len(endpoint.received[0].headers["x-ballast-signature"].split(",")) == 2
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(endpoint.received[1].body, endpoint.received[1].headers)
    at_once = api.post(f"{ENDPOINTS}/{made['id']}/rotate", {"overlap_hours": 0}).get_json()
    assert at_once["old_secret_until"] is None
    assert refused(api.post(f"{ENDPOINTS}/{made['id']}/rotate", {"overlap_hours": 169}))[0] == 400


def test_a_test_event_goes_to_one_endpoint_whatever_its_filter(world: World, api: Api, endpoint: Endpoint) -> None:
    made = create(api, endpoint.url, "refund.*")
    create(api, endpoint.url + "/other", "*")
    sent = api.post(f"{ENDPOINTS}/{made['id']}/test")
    assert (sent.status_code, sent.get_json()["status"]) == (201, "pending")
    deliver(world)
    (got,) = endpoint.received
    assert (got.path, json.loads(got.body)["type"]) == ("/hook", "webhook_endpoint.test")
    detail = api.get(f"{DELIVERIES}/{sent.get_json()['id']}").get_json()
    assert detail["status"] == "delivered"
    assert detail["payload"] == json.loads(got.body)
    assert [(one["number"], one["response_status"], one["reason"]) for one in detail["attempts"]] == [(1, 204, None)]
    patch(api, f"{ENDPOINTS}/{made['id']}", {"enabled": False})
    assert refused(api.post(f"{ENDPOINTS}/{made['id']}/test"))[:2] == (409, "endpoint_disabled")


def test_deliveries_are_listed_by_endpoint_status_and_type(world: World, api: Api, endpoint: Endpoint) -> None:
    first, second = create(api, endpoint.url), create(api, endpoint.url + "/2", "refund.*")
    endpoint.manner = answering(500)
    publish(world, "refund.created")
    publish(world)
    deliver(world)

    def listed(**query: str) -> list[tuple[str, str]]:
        rows = api.get(DELIVERIES, **query).get_json()["data"]
        return [(row["event_type"], row["endpoint"]) for row in rows]

    assert len(listed()) == 3
    assert listed(endpoint=second["id"]) == [("refund.created", second["id"])]
    assert listed(event_type="payment_intent.*") == [("payment_intent.succeeded", first["id"])]
    assert len(listed(status="failed")) == 3
    assert listed(status="delivered") == []
    assert refused(api.get(DELIVERIES, endpoint="nobody"))[0] == 400
    assert refused(api.get(DELIVERIES, status="lost"))[0] == 400
    page = api.get(DELIVERIES, limit=2).get_json()
    rest = api.get(DELIVERIES, limit=2, starting_after=page["data"][-1]["id"]).get_json()
    assert (len(page["data"]), page["has_more"], len(rest["data"]), rest["has_more"]) == (2, True, 1, False)


def test_a_delivery_is_sent_again_one_or_many_and_keeps_its_number(world: World, api: Api, endpoint: Endpoint) -> None:
    create(api, endpoint.url)
    publish(world, count=3)
    deliver(world)
    rows = api.get(DELIVERIES).get_json()["data"]
    again = api.post(f"{DELIVERIES}/{rows[0]['id']}/retry").get_json()
    assert (again["status"], again["delivered_at"]) == ("pending", None)
    deliver(world)
    assert [json.loads(got.body)["sequence"] for got in endpoint.received[3:]] == [rows[0]["sequence"]]
    many = api.post(f"{DELIVERIES}/retry", {"deliveries": [row["id"] for row in rows[1:]]})
    assert [row["status"] for row in many.get_json()["data"]] == ["pending", "pending"]
    deliver(world)
    assert len(endpoint.received) == 6
    unknown = {"deliveries": [rows[0]["id"], "del_01jd8h2m4s6v8x0z2b4d6f8h0k"]}
    assert api.post(f"{DELIVERIES}/retry", unknown).status_code == 404
    deliver(world)
    assert len(endpoint.received) == 6, "all or none"


def test_a_dead_letter_that_is_sent_again_begins_the_schedule_anew(world: World, api: Api, endpoint: Endpoint) -> None:
    create(api, endpoint.url)
    endpoint.manner = answering(500)
    publish(world)
    give_up(world)
    (row,) = api.get(DELIVERIES).get_json()["data"]
    assert (row["status"], row["attempt_count"], row["next_attempt_at"]) == ("dead_letter", 6, None)
    api.post(f"{DELIVERIES}/{row['id']}/retry")
    deliver(world)
    detail = api.get(f"{DELIVERIES}/{row['id']}").get_json()
    due = datetime.fromisoformat(detail["next_attempt_at"]) - datetime.now(UTC)
    assert [one["number"] for one in detail["attempts"]] == [7, 6, 5, 4, 3, 2, 1]
    assert detail["status"] == "failed"
    assert timedelta(seconds=15) < due <= timedelta(seconds=30)


def test_what_is_being_sent_is_not_sent_twice_by_impatience(world: World, api: Api, endpoint: Endpoint) -> None:
    create(api, endpoint.url)
    publish(world)
    with world.worker_app.app_context():
        (parcel,) = lanes.claim([])
    answer = api.post(f"{DELIVERIES}/{parcel.key[1]}/retry")
    assert refused(answer)[:2] == (409, "delivery_under_way")
    now = {"start": "2020-01-01", "end": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    api.post(f"{ENDPOINTS}/{parcel.endpoint_id}/replay", now | {"include_delivered": True})
    assert deliver(world) == 0, "its lease holds"


def test_there_are_so_many_endpoints_and_no_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MOST_ENDPOINTS", 2)
    create(api)
    assert refused(api.post(ENDPOINTS, {"url": PUBLIC, "events": ["*"]}))[:2] == (409, "too_many_endpoints")


def test_a_range_is_replayed_once_for_a_key(world: World, api: Api, endpoint: Endpoint) -> None:
    made = create(api, endpoint.url)
    patch(api, f"{ENDPOINTS}/{made['id']}", {"enabled": False})
    publish(world, count=3)
    patch(api, f"{ENDPOINTS}/{made['id']}", {"enabled": True})
    body = {"start": "2020-01-01", "end": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    key = str(uuid4())
    first = api.post(f"{ENDPOINTS}/{made['id']}/replay", body, key)
    deliver(world)
    again = api.post(f"{ENDPOINTS}/{made['id']}/replay", body, key)
    assert first.get_json() == again.get_json() == {"object": "webhook_replay", "endpoint": made["id"], "events": 3}
    assert len(endpoint.received) == 3
    wrong = [body | {"start": "soon"}, body | {"end": "2019-01-01"}, {"start": "2020-01-01"}]
    assert {api.post(f"{ENDPOINTS}/{made['id']}/replay", one).status_code for one in wrong} == {400}


def test_a_key_needs_the_scope(world: World, endpoint: Endpoint) -> None:
    with organization(world.acme.id), transaction() as session:
        acme = session.get_one(Organization, world.acme.id)
        tokens = [
            api_keys.create(acme, "narrow", None, scopes)[1]
            for scopes in (("payments:read", "payments:write"), ("webhooks:read",))
        ]
    neither, reader = (world.api(token) for token in tokens)
    assert refused(neither.get(ENDPOINTS))[:2] == (403, "scope_missing")
    assert reader.get(ENDPOINTS).status_code == 200
    assert refused(reader.post(ENDPOINTS, {"url": PUBLIC, "events": ["*"]}))[:2] == (403, "scope_missing")
    assert refused(reader.get("/payments"))[:2] == (403, "scope_missing")
