"""When something is not there, not allowed, or broken on our side."""

from __future__ import annotations

import logging
import re

import pytest
from flask.testing import FlaskClient

from ballast.billing import figures
from tests.world import World


def test_a_page_that_does_not_exist_is_404_in_our_clothes(client: FlaskClient) -> None:
    answer = client.get("/nowhere")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 404
    assert "There is nothing at this address." in page
    assert answer.headers["X-Request-Id"] in page


def test_a_kind_of_request_that_an_address_does_not_take_is_405_and_says_which_it_does(client: FlaskClient) -> None:
    answer = client.delete("/sign-in")
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
    assert answer.headers["X-Request-Id"] in answer.get_data(as_text=True)


@pytest.fixture
def broken(world: World, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """The owner's browser, in a dashboard whose overview crashes with a secret in its message."""

    def crash(*_args: object) -> None:
        raise RuntimeError("password=hunter2 at db.internal")

    monkeypatch.setattr(figures, "overview", crash)
    monkeypatch.setitem(world.app.config, "PROPAGATE_EXCEPTIONS", False)
    return world.sign_in("owner")


def test_a_crash_is_500_with_the_request_id_and_without_its_trace(
    broken: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "ballast.web"):
        answer = broken.get("/admin/", headers={"X-Request-Id": "trace-0123456789"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 500
    assert "trace-0123456789" in page
    assert not re.search("hunter2|Traceback|RuntimeError", page)
    assert "trace-0123456789" in caplog.text
    assert "RuntimeError" in caplog.text


def test_a_crash_leaves_the_next_request_whole(broken: FlaskClient) -> None:
    assert broken.get("/admin/").status_code == 500
    assert broken.get("/admin/payments").status_code == 200


def test_a_crash_on_the_api_is_500_in_the_envelope(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from ballast.billing import payments

    def crash(*_args: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(payments, "find", crash)
    monkeypatch.setitem(world.app.config, "PROPAGATE_EXCEPTIONS", False)
    answer = world.api(world.acme.api_key).get("/payments/pay_1")
    assert answer.status_code == 500
    assert answer.get_json()["error"]["code"] == "internal_error"
    assert "hunter2" not in answer.get_data(as_text=True)


def test_a_form_that_is_too_large_is_413(world: World) -> None:
    answer = world.app.test_client().post("/sign-in", data={"email": "x" * 1_500_000})
    assert answer.status_code == 413


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_address_of_an_error_is_not_repeated_as_markup(client: FlaskClient, method: str) -> None:
    answer = getattr(client, method)("/nowhere/<script>alert(1)</script>?q=<script>")
    assert "<script>alert" not in answer.get_data(as_text=True)
    assert "<script>" not in re.sub(r'<script src="[^"]+"', "", answer.get_data(as_text=True))
