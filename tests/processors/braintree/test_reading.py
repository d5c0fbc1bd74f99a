"""The Braintree adapter lists, configures the page, reads notifications and survives what it does not know."""

from __future__ import annotations

from base64 import encodebytes
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from braintree.util.crypto import Crypto

from ballast import clock
from ballast.processors.base import (
    BadSignature,
    UnavailableError,
    Unknown,
    UnreadableEvent,
)
from ballast.processors.braintree import BraintreeAdapter
from tests.processors.braintree.conftest import (
    MINUTE,
    Desk,
    approved,
    lookup_of,
    make_charge,
    make_credentials,
    request_refund,
)


def test_a_window_lists_charges_and_refunds_once(desk: Desk) -> None:
    start = datetime.now(UTC) - timedelta(seconds=2)
    charge, taken = approved(desk.adapter)
    desk.settle(taken.external_id)
    request = request_refund(taken, 500)
    desk.adapter.refund(request)
    declined = make_charge(amount=200_100)
    desk.adapter.submit(declined)
    held_charge, held = approved(desk.adapter, capture=False, amount=1100)
    desk.adapter.capture(lookup_of(held_charge, held.external_id), 600, "cap")
    found = list(desk.adapter.list_window(start, datetime.now(UTC) + timedelta(seconds=2)))
    assert {(one.kind, one.reference, one.amount) for one in found} == {
        ("charge", charge.reference, 2000),
        ("refund", request.reference, 500),
        ("charge", declined.reference, 200_100),
        ("charge", held_charge.reference, 600),
    }
    assert all(one.created_at.tzinfo is UTC and one.currency == "USD" for one in found)
    five_east = datetime.now(UTC).astimezone(tz=datetime.now().astimezone().tzinfo)
    assert len(list(desk.adapter.list_window(start.astimezone(), five_east + timedelta(seconds=2)))) == 4
    assert list(desk.adapter.list_window(start - timedelta(hours=2), start - timedelta(hours=1))) == []


def test_a_window_that_breaks_off_says_so(desk: Desk) -> None:
    approved(desk.adapter)
    desk.fault("reset_before", "transactions.search_page")
    with pytest.raises(UnavailableError):
        list(desk.adapter.list_window(datetime.now(UTC) - MINUTE, datetime.now(UTC) + MINUTE))


def test_the_page_is_told_where_everything_is(desk: Desk) -> None:
    config = desk.adapter.client_config("USD")
    for script in config.scripts:
        answer = requests.get(script, timeout=5)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/javascript")
    assert dict(config.values)["client_token"]
    assert dict(config.csp) == dict.fromkeys(("script-src", "frame-src", "connect-src"), (desk.url,))


@pytest.mark.parametrize(
    ("base", "connect", "cardinal"),
    [
        (
            "https://api.braintreegateway.com",
            "https://api.braintreegateway.com",
            "https://songbird.cardinalcommerce.com",
        ),
        (
            "https://api.sandbox.braintreegateway.com",
            "https://api.sandbox.braintreegateway.com",
            "https://songbirdstag.cardinalcommerce.com",
        ),
    ],
)
def test_at_braintree_the_banks_challenge_may_come_from_anywhere(
    monkeypatch: pytest.MonkeyPatch, base: str, connect: str, cardinal: str
) -> None:
    adapter = BraintreeAdapter(make_credentials(base, "m"))
    monkeypatch.setattr(adapter._page, "_generate", lambda _currency: "a_token")
    config = adapter.client_config("USD")
    policy = dict(config.csp)
    assert config.scripts[0].startswith("https://js.braintreegateway.com/web/")
    assert connect in policy["connect-src"]
    assert cardinal in policy["script-src"]
    assert (policy["frame-src"], policy["form-action"]) == (("*",), ("*",))


def test_a_page_waits_for_the_gateway_once_in_a_while_and_not_long(desk: Desk) -> None:
    patient = BraintreeAdapter(make_credentials(desk.url, desk.merchant, connect_timeout=9, read_timeout=65))
    assert patient._merchant.quick.config.timeout == (2, 5)
    first = patient.client_config("USD")
    assert patient.client_config("USD") == first
    assert patient.client_config("EUR") != first
    with clock.shifted(timedelta(minutes=11)):
        assert patient.client_config("USD") != first
    asked = [line for line in desk.wire() if '"operation":"client_token.generate"' in line]
    assert len(asked) == 3


def test_while_the_gateway_is_away_an_older_token_serves(desk: Desk) -> None:
    with pytest.raises(UnavailableError, match="merchant_account_missing"):
        desk.adapter.client_config("ISK")
    first = desk.adapter.client_config("USD")
    with clock.shifted(timedelta(minutes=11)):
        desk.fault("error_before", "client_token.generate")
        assert desk.adapter.client_config("USD") == first
    desk.fault("error_before", "client_token.generate")
    with clock.shifted(timedelta(hours=7)), pytest.raises(UnavailableError, match="http_500"):
        desk.adapter.client_config("USD")


def test_braintree_takes_an_address_by_hand_only(adapter: BraintreeAdapter) -> None:
    with pytest.raises(UnavailableError, match="by_hand_only"):
        adapter.listen("https://shop.test/hooks")


@pytest.mark.parametrize("base", ["https://127.0.0.1:8443", "ftp://x", "http://x:443"])
def test_an_address_the_sdk_cannot_reach_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="BRAINTREE_BASE_URL"):
        BraintreeAdapter(make_credentials(base, "m"))


def sign(adapter: BraintreeAdapter, kind: str, subject: str) -> bytes:
    made = adapter._gateway.webhook_testing.sample_notification(kind, subject)
    return urlencode({"bt_signature": made["bt_signature"], "bt_payload": made["bt_payload"].decode()}).encode()


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("transaction_settled", "abc123"),
        ("transaction_settlement_declined", "abc123"),
        ("transaction_disbursed", "abc123"),
        ("dispute_opened", "abc123"),
        ("dispute_won", "abc123"),
        ("transaction_reviewed", "abc123"),
        ("disbursement", None),
        ("check", None),
        ("subscription_charged_successfully", None),
    ],
)
def test_an_event_is_verified_and_read(adapter: BraintreeAdapter, kind: str, subject: str | None) -> None:
    raw = sign(adapter, kind, "abc123")
    event = adapter.parse_event(raw, {}, "http://127.0.0.1/hooks")
    assert event.type == kind
    assert event.subject_id == subject or kind == "transaction_disbursed"
    assert event.external_id.startswith(f"{kind}:")
    assert adapter.parse_event(raw, {}, "") == event


def test_an_event_that_was_tampered_with_is_refused(desk: Desk) -> None:
    raw = sign(desk.adapter, "transaction_settled", "abc123")
    stranger = BraintreeAdapter(make_credentials(desk.url, desk.merchant, secret_key="another"))
    bad = [raw.replace(b"bt_payload=", b"bt_payload=QUFB"), b"", b"bt_payload=x", b"\xff", b"{}", raw[:-9]]
    bad += [sign(stranger, "transaction_settled", "abc123"), raw.replace(b"public%7C", b"public%7C%7C")]
    for one in bad:
        with pytest.raises(BadSignature):
            desk.adapter.parse_event(one, {}, "")


@pytest.mark.parametrize("xml", ["<a>" * 50_000 + "</a>" * 50_000, "<notification><kind>" + "k" * 600])
def test_what_braintree_signed_and_nobody_can_keep_is_refused(adapter: BraintreeAdapter, xml: str) -> None:
    closing = "</kind><timestamp type='datetime'>2026-01-01T00:00:00Z</timestamp><subject/></notification>"
    payload = encodebytes((xml if xml.endswith("</a>") else xml + closing).encode()).decode()
    gateway = adapter._gateway
    digest = Crypto.sha1_hmac_hash(gateway.config.private_key, payload)
    form = {"bt_signature": f"{gateway.config.public_key}|{digest}", "bt_payload": payload}
    with pytest.raises(UnreadableEvent):
        adapter.parse_event(urlencode(form).encode(), {}, "")


def test_a_challenge_is_answered(adapter: BraintreeAdapter) -> None:
    assert adapter.answer_challenge("20f9f8ed05f77439fe955c977e4c8a53").startswith("public|")
    with pytest.raises(BadSignature):
        adapter.answer_challenge("<script>")


def test_unknown_fields_and_unknown_states_are_survived(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    charge, outcome = approved(desk.adapter)
    http = desk.adapter._gateway.config.http_strategy()
    plain = http.http_do

    def answer(*args: Any) -> Any:
        status, text = plain(*args)
        return [status, text.replace("<id>", "<brand-new type='object'><a>1</a></brand-new><id>", 1)]

    monkeypatch.setattr(http, "http_do", answer)
    assert desk.adapter.find(lookup_of(charge, outcome.external_id)) == outcome

    def shrug(*args: Any) -> Any:
        status, text = plain(*args)
        return [
            status,
            text.replace("<status>submitted_for_settlement</status><type>", "<status>pondering</status><type>", 1),
        ]

    monkeypatch.setattr(http, "http_do", shrug)
    assert desk.adapter.find(lookup_of(charge, outcome.external_id)) == Unknown("pondering", outcome.external_id)
    for text in ("", "<html>busy</html>", "no xml", "<transaction><id>1</id></transaction>"):
        monkeypatch.setattr(http, "http_do", lambda *_, text=text: [200, text])
        assert isinstance(desk.adapter.submit(make_charge()), Unknown)


def test_the_proxies_of_the_environment_are_not_used(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as environment:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            environment.setenv(name, "http://127.0.0.1:9")
        approved(desk.adapter)


def test_a_lookup_by_reference_does_not_take_a_refund_or_a_part_for_the_charge(desk: Desk) -> None:
    charge, held = approved(desk.adapter, capture=False)
    lookup = lookup_of(charge, held.external_id)
    outcome = desk.adapter.capture(lookup, 500, "cap_1", final=False)
    assert desk.adapter.find(replace(lookup, external_id=None)) == outcome
    assert desk.adapter.find(replace(lookup, external_id=None, currency="EUR")) == Unknown("not_found_yet")
    assert desk.adapter.find(replace(lookup, external_id=None, amount=100)) == Unknown("not_found_yet")
