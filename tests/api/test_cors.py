"""Pages of WEBAPP_URL and ADMIN_URL may call the API from a browser; pages of anybody else may not."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from ballast.blueprints.api.cors import origin_of
from tests.world import World

APP, ADMIN = "https://app.acme.example", "http://localhost:5173"


@pytest.fixture
def front_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(world.settings, "webapp_url", f"{APP}/start")
    monkeypatch.setattr(world.settings, "admin_url", ADMIN)
    return world


def preflight(world: World, origin: str, path: str = "/api/v1/payments") -> TestResponse:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,ballast-version",
    }
    return world.app.test_client().options(path, headers=headers)


def allowed(answer: TestResponse) -> str | None:
    assert "Access-Control-Allow-Credentials" not in answer.headers
    return answer.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("origin", [APP, ADMIN])
def test_a_preflight_of_ours_is_answered_without_a_token(front_ends: World, origin: str) -> None:
    answer = preflight(front_ends, origin)
    assert (answer.status_code, allowed(answer), answer.get_data()) == (204, origin, b"")
    assert answer.headers["Access-Control-Allow-Headers"] == (
        "Authorization, Content-Type, Idempotency-Key, Ballast-Version"
    )
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, PATCH, DELETE"
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", [APP, ADMIN])
def test_a_page_of_ours_reads_answers_errors_and_what_they_carry(front_ends: World, origin: str) -> None:
    client, token = front_ends.app.test_client(), front_ends.token("owner")
    good = client.get("/api/v1/payments", headers={"Origin": origin, "Authorization": f"Bearer {token}"})
    bad = client.get("/api/v1/payments", headers={"Origin": origin})
    assert (good.status_code, allowed(good), bad.status_code, allowed(bad)) == (200, origin, 401, origin)
    shown = {name.strip() for name in good.headers["Access-Control-Expose-Headers"].split(",")}
    assert {name for name in dict(good.headers) if name.startswith(("X-Request", "RateLimit", "Ballast"))} <= shown
    assert {"Idempotent-Replayed", "Retry-After"} <= shown


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://app.acme.example",
        "https://app.acme.example:8443",
        "https://app.acme.example.evil.example",
        "https://APP.acme.example",
        f"{APP}/",
        f"{APP}, https://evil.example",
        "",
    ],
)
def test_nobody_elses_page_is_told_anything(front_ends: World, origin: str) -> None:
    token = front_ends.token("owner")
    asked = preflight(front_ends, origin)
    sent = front_ends.app.test_client().get(
        "/api/v1/payments", headers={"Origin": origin, "Authorization": f"Bearer {token}"}
    )
    for answer in (asked, sent):
        assert [name for name in dict(answer.headers) if name.startswith("Access-Control")] == []
        assert "Origin" in answer.headers["Vary"], "or a cache would mix them up"


@pytest.mark.parametrize("path", ["/admin/payments", "/sign-in", "/internal/jobs/x", "/hooks/stripe/x"])
def test_only_the_api_is_open_to_other_origins(front_ends: World, path: str) -> None:
    client = front_ends.app.test_client()
    for answer in (preflight(front_ends, APP, path), client.get(path, headers={"Origin": APP})):
        assert allowed(answer) is None


def test_without_front_ends_there_is_nobody_to_allow(world: World) -> None:
    for origin in (APP, "null", ""):
        assert allowed(preflight(world, origin)) is None


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://app.example", "https://app.example"),
        ("https://App.Example:443/a/b?c#d", "https://app.example"),
        ("http://localhost:5173/", "http://localhost:5173"),
        ("http://[::1]:80", "http://[::1]"),
        ("", ""),
        ("app.example", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_an_address_stands_for_its_origin(url: str, origin: str) -> None:
    assert origin_of(url) == origin
