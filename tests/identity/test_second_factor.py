"""Second factors: codes of an app, recovery codes, and organizations that ask for one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from ballast import config
from ballast.clock import real_time, shifted
from ballast.db import db
from ballast.models import User
from tests.world import PASSWORD, World, csrf

PAGE = "/admin/account/second-factor"


def submit(client: FlaskClient, path: str, page: str = "", **form: Any) -> TestResponse:
    token = csrf(client.get(page or path).get_data(as_text=True))
    return client.post(path, data={"csrf_token": token, **form})


def code_of(secret: str) -> str:
    return pyotp.TOTP(secret).at(real_time())


def set_up(client: FlaskClient) -> tuple[str, list[str]]:
    """The secret, and the recovery codes."""
    begun = submit(client, PAGE).get_data(as_text=True)
    found = re.search(r"<code>([A-Z2-7]{32})</code>", begun)
    assert found
    answer = submit(client, f"{PAGE}/confirm", PAGE, code=code_of(found[1]))
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return found[1], re.findall(r"(?:[0-9a-f]{6}-){4}[0-9a-f]{6}", answer.get_data(as_text=True))


@pytest.fixture
def owner(world: World) -> FlaskClient:
    return world.sign_in("owner")


def half_way(world: World) -> FlaskClient:
    """A browser that gave the right password."""
    client = world.app.test_client()
    answer = submit(client, "/sign-in", email="owner@example.com", password=PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/code")
    return client


def login(world: World, **more: Any) -> tuple[int, str]:
    body = {"email": "owner@example.com", "password": PASSWORD, **more}
    answer = world.app.test_client().post("/api/v1/auth/login", json=body)
    return answer.status_code, (answer.get_json().get("error") or {}).get("code", "")


def test_signing_in_takes_a_code_once_there_is_a_second_factor(world: World, owner: FlaskClient) -> None:
    secret, recovery = set_up(owner)
    assert len(set(recovery)) == 10, "of 120 bits each"
    client = half_way(world)
    assert client.get("/admin/").status_code == 303, "the password alone opens nothing"
    assert submit(client, "/sign-in/code", code="000000").status_code == 422
    with shifted(timedelta(seconds=30)):
        answer = submit(client, "/sign-in/code", code=code_of(secret))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/")
    assert client.get("/admin/").status_code == 200


def test_a_code_works_once(world: World, owner: FlaskClient) -> None:
    secret, _ = set_up(owner)
    with shifted(timedelta(seconds=30)):
        code = code_of(secret)
        assert submit(half_way(world), "/sign-in/code", code=code).status_code == 303
        assert submit(half_way(world), "/sign-in/code", code=code).status_code == 422


def test_a_recovery_code_works_once_however_it_is_written(world: World, owner: FlaskClient) -> None:
    _, recovery = set_up(owner)
    assert submit(half_way(world), "/sign-in/code", code=f" {recovery[3].upper()} ").status_code == 303
    assert submit(half_way(world), "/sign-in/code", code=recovery[3]).status_code == 422
    assert submit(half_way(world), "/sign-in/code", code=recovery[4]).status_code == 303


def test_codes_are_throttled(world: World, owner: FlaskClient) -> None:
    _, recovery = set_up(owner)
    client = half_way(world)
    statuses = [submit(client, "/sign-in/code", code="000000").status_code for _ in range(10)]
    assert statuses[-1] == 429
    assert submit(client, "/sign-in/code", code=recovery[0]).status_code == 429


def test_the_second_half_lapses_after_ten_minutes(world: World, owner: FlaskClient) -> None:
    secret, _ = set_up(owner)
    client = half_way(world)
    with shifted(timedelta(minutes=11)):
        token = csrf(world.app.test_client().get("/sign-in").get_data(as_text=True))
        answer = client.get("/sign-in/code")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
        assert client.post("/sign-in/code", data={"csrf_token": token, "code": code_of(secret)}).status_code in (
            303,
            400,
        )
        assert client.get("/admin/").status_code == 303


def test_who_gave_no_password_cannot_give_a_code(world: World) -> None:
    answer = world.app.test_client().get("/sign-in/code")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")


def test_over_the_api_the_code_comes_with_the_password(world: World, owner: FlaskClient) -> None:
    secret, recovery = set_up(owner)
    assert login(world) == (401, "second_factor_required")
    assert login(world, password="wrong", code=recovery[0]) == (401, "credentials_invalid")
    assert login(world, code="000000") == (401, "second_factor_wrong")
    assert login(world, code=recovery[0]) == (200, "")
    with shifted(timedelta(seconds=30)):
        assert login(world, code=code_of(secret)) == (200, "")


def test_a_wrong_code_turns_nothing_on_and_the_secret_stays(world: World, owner: FlaskClient) -> None:
    begun = submit(owner, PAGE).get_data(as_text=True)
    secret = re.findall(r"<code>([A-Z2-7]{32})</code>", begun)[0]
    answer = submit(owner, f"{PAGE}/confirm", PAGE, code="000000")
    assert answer.status_code == 422
    assert secret in answer.get_data(as_text=True)
    assert login(world) == (200, "")


def test_the_secret_is_sealed_and_recovery_codes_are_hashed(world: World, owner: FlaskClient) -> None:
    secret, recovery = set_up(owner)
    db.session.rollback()
    row = db.session.scalars(select(User).where(User.email == "owner@example.com")).one()
    assert secret.encode() not in (row.totp_secret or b"")
    assert not {code.encode() for code in recovery} & set(row.recovery_codes)


def test_turning_it_off_takes_the_password_and_a_code(world: World, owner: FlaskClient) -> None:
    _, recovery = set_up(owner)
    assert submit(owner, f"{PAGE}/off", PAGE, password="wrong", code=recovery[0]).status_code == 422
    assert submit(owner, f"{PAGE}/off", PAGE, password=PASSWORD, code="000000").status_code == 422
    assert submit(owner, f"{PAGE}/off", PAGE, password=PASSWORD, code=recovery[0]).status_code == 303
    assert login(world) == (200, "")


def test_an_owner_with_a_second_factor_may_ask_it_of_everybody(world: World, owner: FlaskClient) -> None:
    viewer, token = world.sign_in("viewer"), world.as_user("viewer")
    settings = "/admin/settings"
    answer = submit(owner, f"{settings}/second-factor", settings, required="yes")
    assert answer.status_code == 422
    assert "Set up your own second factor first." in answer.get_data(as_text=True)
    set_up(owner)
    assert submit(owner, f"{settings}/second-factor", settings, required="yes").status_code == 303
    assert owner.get("/admin/").status_code == 200
    stopped = viewer.get("/admin/payments")
    assert (stopped.status_code, stopped.headers["Location"]) == (303, PAGE)
    refused = token.get("/payments")
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (403, "second_factor_missing")
    assert world.api(world.acme.api_key).get("/payments").status_code == 200, "programs go on"
    set_up(viewer)
    assert viewer.get("/admin/payments").status_code == 200
    assert token.get("/payments").status_code == 200


def test_an_installation_may_ask_a_second_factor_of_everybody(
    world: World, owner: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config.current(), "second_factor_required", True)
    stopped = owner.get("/admin/payments")
    assert (stopped.status_code, stopped.headers["Location"]) == (303, PAGE)
    refused = world.as_user("owner").get("/payments")
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (403, "second_factor_missing")
    set_up(owner)
    assert owner.get("/admin/payments").status_code == 200
    settings = owner.get("/admin/settings").get_data(as_text=True)
    assert "Everybody here needs one" in settings
    assert "Stop requiring it" not in settings
    stopped = world.sign_in("staff").get("/platform/organizations")
    assert (stopped.status_code, stopped.headers["Location"]) == (303, PAGE)
