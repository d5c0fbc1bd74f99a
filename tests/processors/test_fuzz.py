"""Whatever is sent to the hooks is an event, or refused as badly signed or unreadable; nothing else comes out of the parsers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ballast.processors.base import BadSignature, Credentials, ProcessorEvent, UnreadableEvent
from ballast.processors.braintree import BraintreeAdapter
from ballast.processors.square import SquareAdapter
from ballast.processors.stripe import StripeAdapter

URL, SECRET = "https://shop.test/hooks", "secret-of-the-tests"
ADAPTERS: dict[str, Any] = {"stripe": StripeAdapter, "braintree": BraintreeAdapter, "square": SquareAdapter}
NAMES = ("Stripe-Signature", "x-square-hmacsha256-signature", "Content-Type", "")
KINDS = ("transaction_settled", "dispute_opened", "refund_failed", "check", "disbursement", "no_such_kind")
words = st.text(max_size=20)
texts = st.one_of(st.none(), words, st.integers(), st.booleans(), st.floats())
values = st.recursive(
    texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=8
)
nouns = st.sampled_from(["payment_intent", "charge", "refund", "dispute", "payment", "event", "object", "", "id"])
envelopes = st.dictionaries(
    st.sampled_from(["id", "event_id", "type", "object", "data"]),
    st.one_of(
        values, nouns, st.dictionaries(nouns, st.one_of(values, st.dictionaries(nouns, values, max_size=4)), max_size=4)
    ),
    max_size=6,
)
elements = st.sampled_from(
    ["transaction", "dispute", "id", "type", "order-id", "transaction-details", "amount", "status", "kind"]
)


@cache
def adapter_of(processor: str) -> Any:
    extra = (("merchant_id", "m"), ("public_key", "public"), ("location_id", "L"))
    given_ = Credentials(processor, SECRET, "public", SECRET, "http://127.0.0.1:9", 1, 1, extra)
    return ADAPTERS[processor](given_)


def read(processor: str, raw: bytes, headers: dict[str, str]) -> ProcessorEvent | None:
    """What the parser makes of it; None where it refuses it."""
    try:
        found: ProcessorEvent = adapter_of(processor).parse_event(raw, headers, URL)
    except (BadSignature, UnreadableEvent):
        return None
    return found


def signed(processor: str, body: str) -> tuple[bytes, dict[str, str]]:
    """The body as the processor would sign and send it."""
    raw = body.encode()
    if processor == "stripe":
        at = int(time.time())
        digest = hmac.new(SECRET.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
        return raw, {"Stripe-Signature": f"t={at},v1={digest}"}
    if processor == "square":
        digest_ = hmac.new(SECRET.encode(), URL.encode() + raw, hashlib.sha256).digest()
        return raw, {"x-square-hmacsha256-signature": base64.b64encode(digest_).decode()}
    payload = base64.encodebytes(raw).decode()
    key = hashlib.sha1(SECRET.encode()).digest()
    signature = hmac.new(key, payload.encode(), hashlib.sha1).hexdigest()
    return urlencode({"bt_signature": f"public|{signature}", "bt_payload": payload}).encode(), {}


@pytest.mark.parametrize("processor", ADAPTERS)
@settings(max_examples=60, deadline=None)
@given(raw=st.binary(max_size=300), headers=st.dictionaries(st.sampled_from(NAMES), words))
def test_nothing_unsigned_is_an_event(processor: str, raw: bytes, headers: dict[str, str]) -> None:
    assert read(processor, raw, headers) is None


@pytest.mark.parametrize("processor", ["stripe", "square"])
@settings(max_examples=150, deadline=None)
@given(envelope=st.one_of(envelopes, values))
def test_whatever_is_signed_as_json_is_an_event_or_refused(processor: str, envelope: Any) -> None:
    found = read(processor, *signed(processor, json.dumps(envelope)))
    if found is not None:
        assert found.external_id
        assert found.type
        assert "\0" not in found.external_id + found.type + (found.reference or "") + (found.subject_id or "")


def element(name: str, inside: Any) -> str:
    if isinstance(inside, dict):
        return f"<{name}>{''.join(element(*one) for one in inside.items())}</{name}>"
    return f"<{name}>{str(inside).replace('&', '&amp;').replace('<', '&lt;')}</{name}>"


@settings(max_examples=150, deadline=None)
@given(
    kind=st.one_of(st.sampled_from(KINDS), words),
    subject=st.dictionaries(elements, st.one_of(words, st.dictionaries(elements, words, max_size=4)), max_size=4),
    noun=st.sampled_from(["transaction", "dispute", "disbursement", "subject", "check"]),
    at=st.sampled_from(["2026-11-28T10:00:00Z", "", "yesterday", "2026-13-40T99:00:00Z"]),
)
def test_whatever_is_signed_as_xml_is_an_event_or_refused(kind: str, subject: Any, noun: str, at: str) -> None:
    stamp = f'<timestamp type="datetime">{at}</timestamp>'
    inside = element("kind", kind) + stamp + f"<subject>{element(noun, subject)}</subject>"
    found = read("braintree", *signed("braintree", f"<notification>{inside}</notification>"))
    assert found is None or found.type == kind


def test_a_plain_event_of_each_is_read() -> None:
    """So that the examples above are not refused for a signature that is made wrongly."""
    stripe = {
        "id": "evt_1",
        "type": "payment_intent.succeeded",
        "data": {"object": {"id": "pi_1", "object": "payment_intent"}},
    }
    square = {
        "event_id": "e1",
        "type": "payment.updated",
        "data": {"object": {"payment": {"id": "p1", "status": "COMPLETED"}}},
    }
    stamp = '<timestamp type="datetime">2026-11-28T10:00:00Z</timestamp>'
    braintree = (
        f'<notification><kind>check</kind>{stamp}<subject><check type="boolean">true</check></subject></notification>'
    )
    for processor, body in (("stripe", json.dumps(stripe)), ("square", json.dumps(square)), ("braintree", braintree)):
        assert read(processor, *signed(processor, body)) is not None, processor
