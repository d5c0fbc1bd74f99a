"""API keys over the API and on the dashboard: shown once, rotated, revoked; and how many requests each may send."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from ballast import config
from ballast.clock import real_time, shifted
from ballast.db import db, organization, transaction
from ballast.local.valkey import Valkey
from ballast.models import ApiKey, AuditEntry
from ballast.security import hash_token
from tests.world import World, csrf


def make(world: World, **fields: Any) -> dict[str, Any]:
    answer = world.as_user("admin").post("/api-keys", {"name": "Nightly export", **fields})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    made: dict[str, Any] = answer.get_json()
    return made


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error"]["code"]


def test_a_key_is_shown_once_and_only_its_hash_is_kept(world: World) -> None:
    made = make(world, scopes=["payments:read"])
    assert re.fullmatch(r"bl_test_[\w-]{43}", made["key"])
    assert made["key"].startswith(made["prefix"])
    listed = world.as_user("viewer").get("/api-keys").get_json()["data"]
    assert [one["name"] for one in listed] == ["Nightly export", "Tests"]
    assert all("key" not in one for one in listed)
    row = world.all_of(ApiKey)[-1]
    assert row.token_hash == hash_token(made["key"])
    assert made["key"] not in repr([vars(row), *(vars(entry) for entry in world.all_of(AuditEntry))])
    theirs = world.api(made["key"])
    assert theirs.get("/payments").status_code == 200
    assert code(theirs.pay()) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"scopes": ["everything"]}, "scopes.0"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"key": "bl_test_mine"}, "key"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_its_field(world: World, fields: dict[str, Any], param: str) -> None:
    answer = world.as_user("owner").post("/api-keys", {"name": "x", **fields})
    assert answer.status_code == 400
    assert answer.get_json()["error"]["param"] == param


def test_a_revoked_key_is_refused_at_its_next_request_and_stays_in_the_list(world: World) -> None:
    made, admin = make(world), world.as_user("admin")
    theirs = world.api(made["key"])
    assert theirs.get("/payments").status_code == 200
    assert admin.delete(f"/api-keys/{made['id']}").get_json()["status"] == "revoked"
    assert code(theirs.get("/payments")) == (401, "api_key_revoked")
    assert admin.delete(f"/api-keys/{made['id']}").status_code == 200, "again changes nothing"
    assert [entry.action for entry in world.all_of(AuditEntry)].count("api_key.revoked") == 1
    assert admin.get("/api-keys").get_json()["data"][0]["status"] == "revoked"


def test_after_rotation_both_keys_work_until_the_overlap_is_over(world: World) -> None:
    old = make(world, scopes=["payments:read"], rate_limit=500)
    answer = world.as_user("admin").post(f"/api-keys/{old['id']}/rotate", {"overlap_seconds": 3600})
    assert answer.status_code == 201
    new = answer.get_json()
    assert (new["scopes"], new["name"], new["rate_limit"]) == (["payments:read"], "Nightly export", 500)
    with shifted(timedelta(minutes=59)):
        assert {world.api(key).get("/payments").status_code for key in (old["key"], new["key"])} == {200}
    with shifted(timedelta(minutes=61)):
        assert code(world.api(old["key"]).get("/payments")) == (401, "api_key_revoked")
        assert world.api(new["key"]).get("/payments").status_code == 200


def test_rotation_never_lets_an_old_key_live_longer(world: World) -> None:
    soon = (real_time() + timedelta(hours=1)).isoformat()
    old = make(world, expires_at=soon)
    world.as_user("admin").post(f"/api-keys/{old['id']}/rotate", {"overlap_seconds": 86_400})
    listed = world.as_user("admin").get("/api-keys").get_json()["data"]
    assert next(one["expires_at"] for one in listed if one["id"] == old["id"]) == soon
    revoked = make(world)
    world.as_user("admin").delete(f"/api-keys/{revoked['id']}")
    assert code(world.as_user("admin").post(f"/api-keys/{revoked['id']}/rotate")) == (409, "api_key_inactive")


def test_keys_are_listed_by_cursor(world: World) -> None:
    made = [make(world, name=f"{n}")["id"] for n in range(3)]
    viewer = world.as_user("viewer")
    first = viewer.get("/api-keys", limit=2).get_json()
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (made[:0:-1], True)
    rest = viewer.get("/api-keys", limit=5, starting_after=made[1]).get_json()
    assert ([one["name"] for one in rest["data"]], rest["has_more"]) == (["0", "Tests"], False)
    assert viewer.get("/api-keys", starting_after="pay_x").status_code == 400


# --- The dashboard -------------------------------------------------------------------------------------------------------


def post(client: FlaskClient, path: str, page: str = "/admin/settings/api-keys/new", **form: Any) -> Any:
    token = csrf(client.get(page).get_data(as_text=True))
    return client.post(path, data={"csrf_token": token, **form})


def test_the_dashboard_shows_a_new_key_once(world: World) -> None:
    admin = world.sign_in("admin")
    answer = post(admin, "/admin/settings/api-keys/new", name="Export", scopes=["payments:read"], lives="30")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    found = re.search(r"bl_test_[\w-]{43}", page)
    assert found
    assert world.api(found[0]).get("/payments").status_code == 200
    listed = admin.get("/admin/settings/api-keys").get_data(as_text=True)
    assert found[0] not in listed
    assert found[0][:12] in listed
    row = world.all_of(ApiKey)[-1]
    assert row.expires_at - real_time() == pytest.approx(timedelta(days=30), abs=timedelta(minutes=1))


@pytest.mark.parametrize(
    "form", [{"scopes": ["payments:read"]}, {"name": "x"}, {"name": "x", "scopes": ["payments:read"], "lives": "9"}]
)
def test_a_form_with_something_missing_makes_no_key(world: World, form: dict[str, Any]) -> None:
    before = len(world.all_of(ApiKey))
    assert post(world.sign_in("admin"), "/admin/settings/api-keys/new", **form).status_code == 422
    assert len(world.all_of(ApiKey)) == before


def test_revoking_on_the_dashboard_shows_the_consequence_first(world: World) -> None:
    admin, made = world.sign_in("admin"), make(world)
    page = f"/admin/settings/api-keys/{made['id']}/revoke"
    assert "Its next request is refused" in admin.get(page).get_data(as_text=True)
    assert world.api(made["key"]).get("/payments").status_code == 200
    assert post(admin, page, page=page).status_code == 303
    assert world.api(made["key"]).get("/payments").status_code == 401


def test_rotating_on_the_dashboard_shows_the_new_key_and_how_long_the_old_one_works(world: World) -> None:
    admin, made = world.sign_in("admin"), make(world)
    page = f"/admin/settings/api-keys/{made['id']}/rotate"
    answer = post(admin, page, page=page, overlap="0")
    assert "The old key no longer works" in answer.get_data(as_text=True)
    assert world.api(made["key"]).get("/payments").status_code == 401
    assert post(admin, page, page=page, overlap="0").status_code == 422


def test_a_viewer_sees_prefixes_and_no_way_to_change(world: World) -> None:
    page = world.sign_in("viewer").get("/admin/settings/api-keys").get_data(as_text=True)
    assert world.acme.api_key[:12] in page
    assert "Revoke" not in page
    assert "Create key" not in page


# --- How many requests -----------------------------------------------------------------------------------------------------


def limit(world: World, most: int) -> None:
    db.session.rollback()
    with organization(world.acme.id), transaction() as session:
        session.execute(update(ApiKey).values(rate_limit=most))


def many(world: World, times: int) -> list[Any]:
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda _: world.api(world.acme.api_key).get("/payments", limit=1), range(times)))


def test_of_200_parallel_requests_with_a_limit_of_100_exactly_100_pass(world: World) -> None:
    limit(world, 100)
    answers = many(world, 200)
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (100, 100)
    refused = next(answer for answer in answers if answer.status_code == 429)
    seconds = refused.headers["Retry-After"]
    assert 1 <= int(seconds) <= 60
    assert refused.get_json()["error"]["message"] == (
        f"Limit: 100 requests per 60 seconds for this key. Retry after {seconds} seconds with the same Idempotency-Key."
    )
    assert code(refused) == (429, "rate_limit_exceeded")
    assert (refused.headers["RateLimit-Limit"], refused.headers["RateLimit-Remaining"]) == ("100", "0")


def test_the_window_slides(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(config.current(), "rate_limit_window_seconds", 2)
    limit(world, 2)
    api = world.api(world.acme.api_key)
    assert api.get("/payments").status_code == 200
    time.sleep(1.2)
    assert [api.get("/payments").status_code for _ in range(2)] == [200, 429]
    time.sleep(1)
    # The first one has left the window, the second has not: one more, not two, as a fixed window would give.
    assert [api.get("/payments").status_code for _ in range(2)] == [200, 429]


def test_every_answer_says_what_is_left(world: World) -> None:
    api = world.api(world.acme.api_key)
    left = [api.get("/payments").headers["RateLimit-Remaining"] for _ in range(2)]
    assert left == ["999", "998"]
    assert api.get("/payments/nothing").headers["RateLimit-Remaining"] == "997"
    assert world.as_user("owner").get("/payments").headers["RateLimit-Remaining"] == "999", (
        "people have a count of their own"
    )


def test_with_redis_stopped_requests_pass_and_a_key_revoked_meanwhile_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    limit(world, 3)
    with Valkey(tmp_path) as server:
        monkeypatch.setattr(config.current(), "redis_url", server.url)
        assert sorted(answer.status_code for answer in many(world, 5)) == [200, 200, 200, 429, 429]
    answers = many(world, 20)
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit-Limit" not in answers[0].headers
    said = [record for record in caplog.records if "while Redis is away" in record.message]
    assert 1 <= len(said) <= 16, "once a while, and not once a request"
    with organization(world.acme.id), transaction() as session:
        session.execute(update(ApiKey).values(revoked_at=real_time()))
    assert code(world.api(world.acme.api_key).get("/payments")) == (401, "api_key_revoked")


def test_a_key_that_does_not_hold_counts_for_nobody(world: World) -> None:
    key = world.acme.api_key
    for _ in range(3):
        world.api(key[:-1] + ("y" if key.endswith("x") else "x")).get("/payments")
    assert world.api(world.acme.api_key).get("/payments").headers["RateLimit-Remaining"] == "999"
