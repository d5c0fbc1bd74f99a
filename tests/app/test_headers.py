"""What every answer carries."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ballast.db import db, organization
from tests.shopper import Shopper
from tests.world import Api, World


def pages(world: World) -> list[TestResponse]:
    """One answer of every kind of page there is."""
    shopper = Shopper(world)
    shopper.add()
    checkout = shopper.check_out()
    found = [
        shopper.client.get(path)
        for path in ("/", f"/shop/{world.acme.slug}/", f"/shop/{world.acme.slug}/cart", checkout)
    ]
    found += [shopper.pay(checkout, name=""), shopper.pay(checkout, payment_method="pm_card_visa_chargeDeclined")]
    found += [shopper.pay(checkout), shopper.client.get(checkout), shopper.client.get(f"{checkout}/receipt")]
    found += [shopper.client.get(path) for path in ("/sign-in", "/nowhere", "/checkout/nobody", "/api/docs")]
    owner = world.sign_in("owner")
    payment_id = owner.get("/admin/payments").get_data(as_text=True).split("/admin/payments/pay_")[1].split('"')[0]
    one = f"/admin/payments/pay_{payment_id}"
    found += [owner.get(path) for path in ("/admin/", "/admin/payments", "/admin/style", one, f"{one}/refund")]
    found += [owner.post(f"{one}/refund"), owner.put("/admin/")]
    statuses = [answer.status_code for answer in found]
    assert statuses == [200] * 4 + [422, 422, 303, 200, 200] + [200, 404, 404, 200] + [200] * 5 + [400, 405]
    return found


def directives(answer: TestResponse) -> dict[str, str]:
    policy = answer.headers["Content-Security-Policy"]
    return {part.split(" ")[0]: part.partition(" ")[2] for part in policy.split("; ")}


def test_every_page_has_a_strict_policy_and_the_security_headers(world: World) -> None:
    for answer in pages(world):
        where = (answer.request.path, answer.status_code)
        policy = directives(answer)
        assert policy["default-src"] == "'self'", where
        assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'", where
        assert not re.search(r"unsafe|\*|data:|blob:", policy["script-src"]), where
        wide = answer.request.path == "/api/docs"
        assert policy["style-src"] == ("'self' 'unsafe-inline'" if wide else "'self'"), where
        assert answer.headers["X-Content-Type-Options"] == "nosniff", where
        assert answer.headers["Referrer-Policy"], where
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", where


def test_the_processors_script_is_allowed_on_the_checkout_and_nowhere_else(world: World) -> None:
    script = world.settings.stripe_js_url.partition("/js/")[0]
    for answer in pages(world):
        at_checkout = answer.request.path.startswith("/checkout/") and 'id="checkout-step"' in answer.get_data(
            as_text=True
        )
        assert (script in directives(answer)["script-src"]) == at_checkout, answer.request.path


def test_no_page_holds_inline_script_style_or_handlers(world: World) -> None:
    for answer in pages(world):
        if answer.mimetype != "text/html":
            continue
        page = answer.get_data(as_text=True)
        for tag in re.findall(r"<script\b[^>]*>", page):
            assert " src=" in tag, (answer.request.path, tag)
        assert not re.search(r"<style\b|\sstyle=|\son[a-z]+=|\shx-on|javascript:", page), answer.request.path


def test_pages_are_not_kept_and_differ_for_htmx(world: World) -> None:
    for answer in pages(world):
        if answer.mimetype == "text/html":
            assert answer.headers["Cache-Control"] == "no-store", answer.request.path
            assert "HX-Request" in answer.headers["Vary"], answer.request.path


@pytest.mark.parametrize("path", ["/health", "/sign-in", "/nowhere", "/api/v1/payments", "/checkout/nobody", "/admin/"])
def test_a_request_id_comes_back_as_it_was_given(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"X-Request-Id": "trace-0123456789_abc"})
    assert answer.headers["X-Request-Id"] == "trace-0123456789_abc"


@pytest.mark.parametrize(
    "given",
    ["", "short", "x" * 65, "with space", "<script>", "Ünïcödé-1234", "4242424242424242", "4242-4242-4242-4242"],
)
def test_a_request_id_that_is_none_is_replaced(client: FlaskClient, given: str) -> None:
    found = client.get("/health", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert re.fullmatch(r"req_[0-9a-z]{26}", found)


def test_an_error_on_the_api_names_the_request_id_of_its_header(client: FlaskClient) -> None:
    answer = client.get("/api/v1/payments")
    assert answer.get_json()["error"]["request_id"] == answer.headers["X-Request-Id"]


def test_the_request_id_reaches_the_audit_log_and_the_event(api: Api, world: World) -> None:
    from ballast.models import AuditEntry, Event

    api.post("/payments", {"amount": 100, "currency": "USD"}, **{"X-Request-Id": "trace-0123456789"})
    with organization(world.acme.id):
        created = db.session.query(AuditEntry).filter_by(action="payment.created").one()
        assert (created.request_id, created.actor_kind) == ("trace-0123456789", "key")
        assert db.session.query(Event).one().request_id == "trace-0123456789"


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(world: World) -> None:
    cookie = world.app.test_client().get("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie, "the test world is plain http"


def test_production_asks_for_https_and_marks_its_cookie_secure(world: World) -> None:
    from ballast import config, create_app

    settings = world.settings.model_copy(update={"ballast_env": "production", "public_url": "https://pay.example"})
    try:
        made = create_app("app", settings)
        answer = made.test_client().get("/sign-in", base_url="https://pay.example")
    finally:
        config.use(world.settings)
        with made.app_context():
            db.engine.dispose()
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Set-Cookie"].startswith("__Host-ballast=")
    assert "Path=/" in answer.headers["Set-Cookie"]
    assert "Domain" not in answer.headers["Set-Cookie"]


def test_a_page_is_compressed_for_who_understands_it_and_a_short_answer_is_not(client: FlaskClient) -> None:
    plain = client.get("/sign-in")
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    squeezed = client.get("/sign-in", headers={"Accept-Encoding": "br, gzip"})
    assert squeezed.headers["Content-Encoding"] == "br"
    assert int(squeezed.headers["Content-Length"]) == len(squeezed.data) < len(plain.data) / 2
    short = client.get("/health", headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in short.headers


def test_what_the_server_says_of_itself_is_nothing(client: FlaskClient) -> None:
    headers = client.get("/nowhere").headers
    assert "X-Powered-By" not in headers
    assert "Server" not in headers
