"""The audit log over the API: filtered, paged, with who and what it was before, and never a secret."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ballast import audit
from ballast.audit import reading
from ballast.db import db, organization, transaction
from ballast.models import AuditEntry
from tests.api.conftest import problem
from tests.api.test_lists import ids
from tests.world import Api, World


def note(world: World, *actions: str, actor: audit.Actor = audit.SYSTEM) -> None:
    db.session.rollback()
    with organization(world.acme.id), audit.acting(actor), transaction():
        for action in actions:
            audit.record(world.acme.id, action, "kettle", f"kettle_{action[4:]}", {"note": action})
            db.session.flush()


def found(api: Api, **query: Any) -> list[str]:
    return [one["action"] for one in api.get("/audit", **query).get_json()["data"]]


def test_an_entry_says_who_did_what_from_where_and_what_it_was_before(world: World) -> None:
    owner = world.as_user("owner")
    viewer = next(one for one in owner.get("/organizations/me/members").get_json()["data"] if one["role"] == "viewer")
    owner.patch(f"/organizations/me/members/{viewer['id']}", {"role": "admin"})
    (entry,) = owner.get("/audit", action="member.role_changed").get_json()["data"]
    assert entry["changes"] == {"role": {"before": "viewer", "after": "admin"}}
    assert (entry["resource_type"], entry["resource_id"]) == ("user", viewer["id"])
    assert entry["actor"] | {"id": None} == {
        "type": "user",
        "id": None,
        "name": "Owner",
        "detail": "owner@example.com",
    }
    assert entry["actor"]["id"].startswith("usr_")
    assert entry["ip"] == "127.0.0.1"
    assert entry["request_id"].startswith("req_")
    assert abs(datetime.fromisoformat(entry["created_at"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_key_is_named_and_staff_are_not(world: World, api: Api) -> None:
    api.post("/customers")
    note(world, "a.staffs", actor=audit.Actor("staff", "usr_01kbe8wv6pe2r9f3x7m5d0t1an", "203.0.113.7"))
    (made,) = api.get("/audit", action="customer.created").get_json()["data"]
    assert made["actor"]["type"] == "key"
    assert (made["actor"]["name"], made["actor"]["detail"]) == ("Tests", f"{world.acme.api_key[:12]}…")
    (staffs,) = api.get("/audit", actor="staff").get_json()["data"]
    assert staffs["actor"] == {"type": "staff", "id": None, "name": "Ballast staff", "detail": None}
    assert staffs["ip"] is None
    assert found(api, actor="usr_01kbe8wv6pe2r9f3x7m5d0t1an") == [], "nor found by their id"


def test_it_is_filtered_by_action_family_resource_actor_and_time(world: World, api: Api) -> None:
    note(world, "tea.made", "tea.drunk", "teapot.washed")
    assert found(api, action="tea.made") == ["tea.made"]
    assert found(api, action="tea.*") == ["tea.drunk", "tea.made"]
    assert found(api, resource_type="kettle") == found(api, resourceType="kettle")
    assert len(found(api, resource_type="kettle")) == 3
    for name in ("resource_id", "resourceId"):
        assert found(api, **{name: "kettle_drunk"}) == ["tea.drunk"]
    api.post("/customers")
    for actor in ("key", world.acme.api_key[:12]):
        assert found(api, actor=actor) == ["customer.created"], actor
    world.as_user("admin").post("/customers")
    assert found(api, actor="ADMIN@example.com") == ["customer.created"]
    assert found(api, actor="nobody@example.com") == []
    today, hour = datetime.now(UTC), timedelta(hours=1)
    assert len(found(api, **{"from": (today - hour).isoformat(), "to": today.isoformat()})) >= 3
    assert found(api, **{"from": (today + hour).isoformat()}) == found(api, to=(today - hour).isoformat()) == []


def test_it_is_paged_by_cursor_and_by_number(world: World, api: Api) -> None:
    note(world, *(f"tea.{name}" for name in "abcde"))
    walked = ids(first := api.get("/audit", action="tea.*", limit=2))
    assert first.get_json()["has_more"] is True
    walked += ids(api.get("/audit", action="tea.*", limit=2, starting_after=walked[-1]))
    walked += ids(api.get("/audit", action="tea.*", limit=2, starting_after=walked[-1]))
    assert len(walked) == len(set(walked)) == 5
    assert walked == ids(api.get("/audit", action="tea.*"))
    assert ids(api.get("/audit", action="tea.*", ending_before=walked[2])) == walked[:2]
    assert [
        one for page in (1, 2, 3) for one in ids(api.get("/audit", action="tea.*", page=page, pageSize=2))
    ] == walked


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ({"action": "Tea made"}, "action", "parameter_invalid"),
        ({"resourceType": "kettle", "resource_type": "pot"}, "resource_type", "parameter_conflict"),
        ({"resource_id": "a b"}, "resource_id", "parameter_invalid"),
        ({"from": "yesterday"}, "from", "parameter_invalid"),
        ({"starting_after": "pay_01jd8h2m4s6v8x0z2b4d6f8h0k"}, "starting_after", "parameter_invalid"),
        ({"kind": "x"}, "kind", "parameter_unknown"),
    ],
)
def test_a_query_that_cannot_be_is_refused_and_named(api: Api, query: dict[str, str], param: str, code: str) -> None:
    answer = api.get("/audit", **query)
    assert (answer.status_code, problem(answer)["code"], problem(answer)["param"]) == (400, code, param)


def test_no_secret_is_ever_in_it(world: World) -> None:
    """Whatever people and programs can be shown once is made, changed and rotated; none of it is in any entry."""
    owner = world.as_user("owner")
    key = owner.post("/api-keys", {"name": "One"}).get_json()
    rotated = owner.post(f"/api-keys/{key['id']}/rotate", {"overlap_seconds": 60}).get_json()
    owner.delete(f"/api-keys/{rotated['id']}")
    made = owner.post("/webhooks/endpoints", {"url": "https://example.com/hooks", "events": ["*"]}).get_json()
    path = f"/webhooks/endpoints/{made['id']}"
    renewed = owner.post(f"{path}/rotate").get_json()
    owner.patch(path, {"url": "https://example.com/other", "events": ["refund.*"], "enabled": False})
    owner.delete(path)
    said = json.dumps(owner.get("/audit", limit=100).get_json())
    for secret in (key["key"], rotated["key"], made["secret"], renewed["secret"], world.acme.api_key):
        assert secret not in said
    by_action = {one["action"]: one["changes"] for one in owner.get("/audit", limit=100).get_json()["data"]}
    assert by_action["api_key.revoked"]["state"] == {"before": "active", "after": "revoked"}
    assert by_action["api_key.rotated"]["expires_at"]["before"] is None
    assert by_action["webhook_endpoint.updated"] == {
        "url": {"before": "https://example.com/hooks", "after": "https://example.com/other"},
        "events": {"before": ["*"], "after": ["refund.*"]},
    }
    assert by_action["webhook_endpoint.disabled"]["enabled"] == {"before": True, "after": False}
    assert by_action["webhook_endpoint.deleted"]["url"]["after"] is None


def test_a_list_asks_for_actors_in_as_many_statements_however_many_there_are(world: World, api: Api) -> None:
    from tests.statements import counted

    api.post("/customers")
    api.get("/audit")
    with counted(world.app) as few:
        api.get("/audit", limit=1)
    for _ in range(5):
        api.post("/customers")
        world.as_user("admin").post("/customers")
    with counted(world.app) as many:
        assert len(api.get("/audit", limit=10).get_json()["data"]) == 10
    assert len(many) <= len(few) + 1
    with organization(world.acme.id):
        row = db.session.query(AuditEntry).filter_by(action="customer.created").first()
        assert row is not None
        assert reading.show([row])[0].title == "Customer created"
