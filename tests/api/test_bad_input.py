"""Whatever is sent, the answer is a 4xx with a code, and nothing has been written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from werkzeug.test import TestResponse

from ballast.blueprints.api.image_schemas import PIXEL
from ballast.db import organization, transaction
from ballast.models import ApiKey
from ballast.money import MAX_AMOUNT
from tests.api.conftest import VALID, problem
from tests.api.selling import RATE
from tests.world import Api, World

Written = Callable[[], tuple[int, ...]]
CARD = "4242424242424242"

# case → (body as sent, content type, status, code)
RAW: dict[str, tuple[bytes, str | None, int, str]] = {
    "nothing": (b"", "application/json", 400, "parameter_missing"),
    "spaces": (b" \n ", "application/json", 400, "parameter_missing"),
    "half an object": (b'{"amount": 2000', "application/json", 400, "json_invalid"),
    "a trailing comma": (b'{"amount": 2000,}', "application/json", 400, "json_invalid"),
    "single quotes": (b"{'amount': 2000}", "application/json", 400, "json_invalid"),
    "an array": (b"[]", "application/json", 400, "json_invalid"),
    "a string": (b'"amount"', "application/json", 400, "json_invalid"),
    "a number": (b"2000", "application/json", 400, "json_invalid"),
    "null": (b"null", "application/json", 400, "json_invalid"),
    "NaN alone": (b"NaN", "application/json", 400, "json_invalid"),
    "NaN as amount": (b'{"amount": NaN, "currency": "USD"}', "application/json", 400, "parameter_invalid"),
    "Infinity as amount": (b'{"amount": Infinity, "currency": "USD"}', "application/json", 400, "parameter_invalid"),
    "not UTF-8": (b'{"description": "\xff\xfe"}', "application/json", 400, "json_invalid"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "application/json", 400, "parameter_missing"),
    "an integer of 5000 digits": (b'{"amount": ' + b"9" * 5000 + b"}", "application/json", 400, "json_invalid"),
    "60000 open brackets": (b"[" * 60_000, "application/json", 400, "json_invalid"),
    "10000 nested objects": (b'{"a":' * 10_000, "application/json", 400, "json_invalid"),
    "too deep but well formed": (
        b'{"metadata": ' + b'{"a":' * 20 + b"1" + b"}" * 21,
        "application/json",
        400,
        "json_invalid",
    ),
    "65 kB": (b'{"description": "' + b"a" * 65_536 + b'"}', "application/json", 413, "body_too_large"),
    "2 MB": (b'{"description": "' + b"a" * 2_000_000 + b'"}', "application/json", 413, "body_too_large"),
    "a form": (b"amount=2000&currency=USD", "application/x-www-form-urlencoded", 415, "content_type_invalid"),
    "text": (b'{"amount": 2000, "currency": "USD"}', "text/plain", 415, "content_type_invalid"),
    "no content type": (b'{"amount": 2000, "currency": "USD"}', None, 415, "content_type_invalid"),
    "a multipart form": (b"--x--", "multipart/form-data; boundary=x", 415, "content_type_invalid"),
}

ABSENT = object()
# case → (what differs from a valid body, code, param)
FIELDS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "amount missing": ({"amount": ABSENT}, "parameter_missing", "amount"),
    "amount null": ({"amount": None}, "parameter_invalid", "amount"),
    "amount 0": ({"amount": 0}, "parameter_invalid", "amount"),
    "amount negative": ({"amount": -1}, "parameter_invalid", "amount"),
    "amount above the maximum": ({"amount": MAX_AMOUNT + 1}, "parameter_invalid", "amount"),
    "amount 2^53": ({"amount": 2**53}, "parameter_invalid", "amount"),
    "amount 2^63": ({"amount": 2**63}, "parameter_invalid", "amount"),
    "amount 2^64 negative": ({"amount": -(2**64)}, "parameter_invalid", "amount"),
    "amount float": ({"amount": 20.5}, "parameter_invalid", "amount"),
    "amount whole float": ({"amount": 2000.0}, "parameter_invalid", "amount"),
    "amount in exponents": ({"amount": 2e3}, "parameter_invalid", "amount"),
    "amount true": ({"amount": True}, "parameter_invalid", "amount"),
    "amount string": ({"amount": "2000"}, "parameter_invalid", "amount"),
    "amount array": ({"amount": [2000]}, "parameter_invalid", "amount"),
    "amount object": ({"amount": {"value": 2000}}, "parameter_invalid", "amount"),
    "currency missing": ({"currency": ABSENT}, "parameter_missing", "currency"),
    "currency unknown": ({"currency": "ABC"}, "currency_unknown", "currency"),
    "currency small": ({"currency": "usd"}, "parameter_invalid", "currency"),
    "currency long": ({"currency": "USDT"}, "parameter_invalid", "currency"),
    "currency with a line break": ({"currency": "USD\n"}, "parameter_invalid", "currency"),
    "currency number": ({"currency": 840}, "parameter_invalid", "currency"),
    "currency gold": ({"currency": "XAU"}, "currency_unknown", "currency"),
    "currency test code": ({"currency": "XTS"}, "currency_unknown", "currency"),
    "description long": ({"description": "a" * 501}, "parameter_invalid", "description"),
    "description number": ({"description": 5}, "parameter_invalid", "description"),
    "description with NUL": ({"description": "a\0b"}, "character_invalid", "description"),
    "description with half a pair": ({"description": "a\ud800b"}, "character_invalid", "description"),
    "customer not an id": ({"customer": "somebody"}, "customer_unknown", "customer"),
    "customer unknown": ({"customer": "cus_01jd8h2m4s6v8x0z2b4d6f8h0k"}, "customer_unknown", "customer"),
    "customer of another kind": ({"customer": "pay_01jd8h2m4s6v8x0z2b4d6f8h0k"}, "customer_unknown", "customer"),
    "customer with quotes": ({"customer": "'; drop table payments; --"}, "parameter_invalid", "customer"),
    "customer empty": ({"customer": ""}, "parameter_invalid", "customer"),
    "processor unknown": ({"processor": "paypal"}, "parameter_invalid", "processor"),
    "processor not set up": ({"processor": "square"}, "processor_unavailable", "processor"),
    "payment_method empty": ({"payment_method": ""}, "parameter_invalid", "payment_method"),
    "payment_method long": ({"payment_method": "a" * 256}, "parameter_invalid", "payment_method"),
    "payment_method with spaces": ({"payment_method": "pm card visa"}, "parameter_invalid", "payment_method"),
    "payment_method with a line break": ({"payment_method": "pm_card_visa\n"}, "parameter_invalid", "payment_method"),
    "capture_method unknown": ({"capture_method": "later"}, "parameter_invalid", "capture_method"),
    "confirm string": ({"confirm": "true"}, "parameter_invalid", "confirm"),
    "confirm 1": ({"confirm": 1}, "parameter_invalid", "confirm"),
    "confirm without a payment_method": ({"confirm": True}, "payment_method_required", "payment_method"),
    "return_url not one": ({"return_url": "/back"}, "parameter_invalid", "return_url"),
    "return_url script": ({"return_url": "javascript:alert(1)"}, "parameter_invalid", "return_url"),
    "return_url long": ({"return_url": "https://a.example/" + "a" * 3000}, "parameter_invalid", "return_url"),
    "metadata array": ({"metadata": ["a"]}, "parameter_invalid", "metadata"),
    "metadata null": ({"metadata": None}, "parameter_invalid", "metadata"),
    "metadata number": ({"metadata": {"a": 1}}, "parameter_invalid", "metadata.a"),
    "metadata nested": ({"metadata": {"a": {"b": "c"}}}, "parameter_invalid", "metadata.a"),
    "metadata of 21 keys": ({"metadata": {str(i): "" for i in range(21)}}, "parameter_invalid", "metadata"),
    "metadata with a long value": ({"metadata": {"a": "b" * 501}}, "parameter_invalid", "metadata.a"),
    "metadata with a NUL key": ({"metadata": {"a\0": "b"}}, "character_invalid", "metadata"),
    "an unknown field": ({"amuont": 5}, "parameter_unknown", "amuont"),
    "a field of ours": ({"status": "succeeded"}, "parameter_unknown", "status"),
    "another's organization": ({"organization_id": "org_1"}, "parameter_unknown", "organization_id"),
}


def send(
    world: World, raw: bytes, content_type: str | None = "application/json", path: str = "/payments"
) -> TestResponse:
    headers = {"X-API-Key": world.acme.api_key, "Idempotency-Key": str(uuid4())}
    return world.app.test_client().post(f"/api/v1{path}", data=raw, content_type=content_type, headers=headers)


def changed(**fields: Any) -> bytes:
    body = {name: value for name, value in {**VALID, **fields}.items() if value is not ABSENT}
    return json.dumps(body).encode()


def test_a_body_that_is_no_object_of_ours_is_refused_with_its_code(world: World, written: Written) -> None:
    before = written()
    got = {}
    for case, (raw, content_type, *_expected) in RAW.items():
        answer = send(world, raw, content_type)
        got[case] = (answer.status_code, problem(answer)["code"])
    assert got == {case: (status, code) for case, (_raw, _type, status, code) in RAW.items()}
    assert written() == before


def test_a_field_that_cannot_be_is_refused_with_its_code_and_name(world: World, written: Written) -> None:
    before = written()
    got = {}
    for case, (fields, *_expected) in FIELDS.items():
        answer = send(world, changed(**fields))
        error = problem(answer)
        got[case] = (answer.status_code, error["code"], error["param"])
    assert got == {case: (400, code, param) for case, (_fields, code, param) in FIELDS.items()}
    assert written() == before


@pytest.mark.parametrize(
    "body",
    [
        changed(description=CARD),
        changed(description="my card is 4242 4242 4242 4242, exp 12/26"),
        changed(payment_method=CARD),
        changed(payment_method="4242-4242-4242-4242"),
        changed(customer=CARD),
        changed(currency=CARD),
        changed(amount=int(CARD)),
        changed(amount=CARD),
        changed(metadata={"note": CARD}),
        changed(metadata={CARD: "note"}),
        changed(metadata={"4242 4242 4242 4242": "note"}),
        changed(metadata={"a": [{"b": CARD}]}),
        changed(return_url=f"https://shop.example/?card={CARD}"),
        changed(**{CARD: "unknown field"}),
        changed(description="3782 822463 10005"),
        changed(description="４２４２ ４２４２ ４２４２ ４２４２"),
    ],
)
def test_a_card_number_in_any_field_is_refused_and_repeated_nowhere(
    world: World, written: Written, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    before = written()
    answer = send(world, body)
    assert (answer.status_code, problem(answer)["code"]) == (400, "card_number_refused")
    assert "4242" not in answer.get_data(as_text=True)
    assert "4242" not in caplog.text
    assert written() == before


def test_a_card_number_is_refused_on_confirm_too(api: Api, world: World) -> None:
    payment_id = api.pay(confirm=False).get_json()["id"]
    for field in ("payment_method", "return_url", "anything"):
        answer = api.post(f"/payments/{payment_id}/confirm", {field: CARD})
        assert problem(answer)["code"] == "card_number_refused"
    assert world.charges() == []


def test_the_largest_amount_and_the_longest_texts_are_taken(world: World) -> None:
    body = changed(
        amount=MAX_AMOUNT,
        description="é" * 500,
        metadata={f"{index:040}": "💸" * 500 for index in range(5)},
        payment_method="a" * 255,
        return_url="https://shop.example/back?order=1042",
    )
    answer = send(world, body)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    assert answer.get_json()["amount"] == MAX_AMOUNT


def test_what_was_sent_is_not_repeated_in_a_validation_error(world: World) -> None:
    answer = send(world, changed(amount="a secret of mine"))
    assert "a secret of mine" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_method_that_does_not_exist_is_405_and_says_which_do(world: World, method: str) -> None:
    answer = getattr(world.app.test_client(), method)("/api/v1/payments", headers={"X-API-Key": world.acme.api_key})
    assert (answer.status_code, problem(answer)["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_an_address_that_does_not_exist_is_404_in_the_envelope(api: Api) -> None:
    answer = api.get("/paymints")
    assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "payment_id", ["1", "pay_", "pay_01jd8h2m4s6v8x0z2b4d6f8h0k", "cus_01jd8h2m4s6v8x0z2b4d6f8h0k", "x" * 500]
)
def test_a_payment_that_does_not_exist_is_404(api: Api, payment_id: str) -> None:
    for answer in (api.get(f"/payments/{payment_id}"), api.post(f"/payments/{payment_id}/confirm")):
        assert (answer.status_code, problem(answer)["code"]) == (404, "resource_missing")
        assert len(answer.get_data()) < 600


# --- Fuzz --------------------------------------------------------------------------------------------------------------------

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
text = st.text(max_size=30) | st.sampled_from(["", "USD", "pm_card_visa", "\0", "\ud800", CARD, "4242 4242 4242 4242"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)
names = st.sampled_from(
    [
        "amount",
        "currency",
        "description",
        "customer",
        "processor",
        "payment_method",
        "capture_method",
        "metadata",
        "return_url",
    ]
)


@FUZZ
@given(body=st.dictionaries(names | text, values, min_size=1, max_size=6))
def test_no_json_object_breaks_the_api(world: World, written: Written, body: dict[str, Any]) -> None:
    before = written()
    answer = send(world, json.dumps({**VALID, **body}).encode())
    if answer.status_code == 201:
        assert answer.get_json()["amount"] == {**VALID, **body}["amount"]
        return
    assert 400 <= answer.status_code < 500
    problem(answer)
    assert written() == before


@FUZZ
@given(body=values)
def test_no_json_value_breaks_the_api(world: World, written: Written, body: Any) -> None:
    before = written()
    answer = send(world, json.dumps(body).encode())
    assert 400 <= answer.status_code < 500
    problem(answer)
    assert written() == before


@FUZZ
@given(
    raw=st.binary(max_size=200),
    kind=st.sampled_from(["application/json", "text/plain", "application/json; charset=utf-16", "", "x"]),
)
def test_no_bytes_break_the_api(world: World, written: Written, raw: bytes, kind: str) -> None:
    before = written()
    answer = send(world, raw, kind)
    assert 400 <= answer.status_code < 500
    problem(answer)
    assert written() == before


@FUZZ
@given(
    query=st.dictionaries(
        st.sampled_from(["limit", "status", "customer", "starting_after", "ending_before", "x"]),
        text | st.integers().map(str),
    )
)
def test_no_query_breaks_the_list(api: Api, query: dict[str, str]) -> None:
    answer = api.get("/payments", **{name: value.encode("utf-8", "replace").decode() for name, value in query.items()})
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        problem(answer)


@FUZZ
@given(key=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60))
def test_no_idempotency_key_breaks_the_api(world: World, written: Written, key: str) -> None:
    before = written()
    headers = {"X-API-Key": world.acme.api_key, "Idempotency-Key": key}
    answer = world.app.test_client().post("/api/v1/payments", json=VALID, headers=headers)
    assert (answer.status_code, problem(answer)["param"]) == (400, "Idempotency-Key")
    assert written() == before


# --- Every call that takes a body --------------------------------------------------------------------------------------------

BODIES: dict[str, dict[str, Any]] = {
    "POST /payments": VALID,
    "POST /refunds": {"payment": "pay_01jd8h2m4s6v8x0z2b4d6f8h0k"},
    "POST /disputes/<dispute_id>/evidence": {"text": "They have it."},
    "POST /webhooks/endpoints": {"url": "https://example.com/hooks", "events": ["*"]},
    "POST /webhooks/endpoints/<endpoint_id>/replay": {"start": "2026-11-01", "end": "2026-11-02"},
    "POST /webhooks/deliveries/retry": {"deliveries": ["del_01jd8h2m4s6v8x0z2b4d6f8h0k"]},
    "POST /auth/register": {"email": "a@example.com", "password": "a kettle of words", "organization_name": "Kettles"},
    "POST /auth/login": {"email": "a@example.com", "password": "a kettle of words"},
    "POST /organizations/me/members": {"email": "a@example.com", "role": "viewer"},
    "PATCH /organizations/me/members/<member_id>": {"role": "viewer"},
    "POST /api-keys": {"name": "Nightly export"},
    "POST /products": {"name": "Coffee club"},
    "POST /prices": {"product": "prod_01jd8h2m4s6v8x0z2b4d6f8h0k", "amount": 2400, "currency": "USD"},
    "POST /coupons": {"name": "Spring", "percent_bps": 2500, "duration": "once"},
    "POST /promotion_codes": {"coupon": "cpn_01jd8h2m4s6v8x0z2b4d6f8h0k"},
    "POST /shipping_rates": RATE,
    "POST /orders/<order_id>/shipments": {"carrier": "UPS"},
    "POST /products/<product_id>/stock": {"by": 3, "reason": "Counted"},
    "POST /products/<product_id>/images": {"content": PIXEL},
    "POST /tax_rates": {"name": "VAT", "country": "DE", "bps": 1900},
    "POST /subscriptions": {
        "customer": "cus_01jd8h2m4s6v8x0z2b4d6f8h0k",
        "price": "price_01jd8h2m4s6v8x0z2b4d6f8h0k",
    },
    "POST /subscriptions/preview": {"price": "price_01jd8h2m4s6v8x0z2b4d6f8h0k"},
    "POST /invoices": {
        "customer": "cus_01jd8h2m4s6v8x0z2b4d6f8h0k",
        "currency": "USD",
        "lines": [{"description": "Work", "amount": 5000}],
    },
    "POST /financing/offers": {
        "name": "Four",
        "currency": "USD",
        "installments": 4,
        "minimum_amount": 5000,
        "maximum_amount": 50000,
    },
    "POST /financing/quotes": {"amount": 64000, "currency": "USD"},
    "POST /credit_notes": {"invoice": "in_01jd8h2m4s6v8x0z2b4d6f8h0k", "how": "credit"},
}
# What may be larger than other bodies.
LARGER = "/products/<product_id>/images"
# What takes no Idempotency-Key.
WITHOUT_KEY = ("/auth/", "/organizations/me/members", "/api-keys")


def body_of(world: World, method: str, path: str) -> dict[str, Any]:
    """A body the call takes: one of ours, else the example of its description."""
    if f"{method} {path}" in BODIES:
        return BODIES[f"{method} {path}"]
    document = world.app.test_client().get("/api/openapi.json").get_json()
    described = document["paths"]["/api/v1" + path.replace("<", "{").replace(">", "}")][method.lower()]
    schema = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    example: dict[str, Any] = named.get("example") or next(iter(named.get("examples", [])), {})
    return example if named.get("required") else {}


def calls(world: World) -> list[tuple[str, str]]:
    """Method and path of every call that takes a body, with ids that look right."""
    ours = [rule for rule in world.app.url_map.iter_rules() if rule.endpoint.startswith("api")]
    return sorted(
        (method, rule.rule.removeprefix("/api/v1"))
        for rule in ours
        for method in (rule.methods or set()) & {"POST", "PATCH"}
    )


KINDS = {"payment_id": "pay", "customer_id": "cus", "payment_method_id": "pm", "dispute_id": "dp", "refund_id": "re"}
KINDS |= {"endpoint_id": "we", "delivery_id": "del", "key_id": "key", "member_id": "usr"}


def address(path: str) -> str:
    for name, kind in KINDS.items():
        path = path.replace(f"<{name}>", f"{kind}_01jd8h2m4s6v8x0z2b4d6f8h0k")
    return f"/api/v1{path}"


Call = Callable[..., TestResponse]


@pytest.fixture
def call(world: World) -> Call:
    """Makes a call with a key of Acme's, or with its owner's access token where only people do this."""
    token = world.token("owner")
    with organization(world.acme.id), transaction() as session:
        session.execute(update(ApiKey).values(rate_limit=100_000))

    def make(method: str, path: str, **more: Any) -> TestResponse:
        by_people = path.startswith(("/organizations", "/api-keys"))
        headers = {"Authorization": f"Bearer {token}"} if by_people else {"X-API-Key": world.acme.api_key}
        headers |= {"Idempotency-Key": str(uuid4())} | more.pop("headers", {})
        return world.app.test_client().open(address(path), method=method, headers=headers, **more)

    return make


def test_there_are_calls_to_try(world: World) -> None:
    assert {("POST", "/refunds"), ("PATCH", "/customers/<customer_id>")} <= set(calls(world))
    assert len(calls(world)) >= 11


def test_every_call_refuses_a_body_that_is_no_object_of_ours_with_its_code(
    world: World, call: Call, written: Written
) -> None:
    before = written()
    for method, path in calls(world):
        for case, (raw, content_type, status, code) in RAW.items():
            if code in ("parameter_missing", "parameter_invalid"):
                continue  # nothing is wrong with it where every field is optional
            if code == "body_too_large" and path == LARGER:
                continue
            answer = call(method, path, data=raw, content_type=content_type)
            assert (answer.status_code, problem(answer)["code"]) == (status, code), (method, path, case)
    assert written() == before


def test_every_call_refuses_fields_it_does_not_have_and_card_numbers(
    world: World, call: Call, written: Written
) -> None:
    before = written()
    for method, path in calls(world):
        body = body_of(world, method, path)
        unknown = call(method, path, json={**body, "organization_id": "org_1"})
        assert (unknown.status_code, problem(unknown)["code"]) == (400, "parameter_unknown"), (method, path)
        card = call(method, path, json={**body, "note": CARD})
        assert (card.status_code, problem(card)["code"]) == (400, "card_number_refused"), (method, path)
        assert CARD not in card.get_data(as_text=True)
    assert written() == before


def test_every_post_wants_a_uuid_for_its_key_before_it_looks_for_anything(
    world: World, call: Call, written: Written
) -> None:
    before = written()
    for method, path in calls(world):
        if method == "POST" and not path.startswith(WITHOUT_KEY):
            body = body_of(world, method, path)
            for key in ("", "order-1042", '"1"', f"{uuid4()}x"):
                answer = call(method, path, json=body, headers={"Idempotency-Key": key})
                assert (answer.status_code, problem(answer)["code"]) == (400, "idempotency_key_invalid"), (path, key)
    assert written() == before


@FUZZ
@given(
    body=st.dictionaries(
        names | st.sampled_from(["payment", "reason", "text", "email", "name"]) | text, values, max_size=5
    )
)
def test_no_json_object_breaks_any_call(world: World, call: Call, body: dict[str, Any]) -> None:
    for method, path in calls(world):
        answer = call(method, path, json=body)
        assert answer.status_code < 500, (method, path, answer.get_data(as_text=True))
        if answer.status_code >= 400:
            problem(answer)


LISTS = ("/refunds", "/customers", "/payment_methods", "/disputes", "/events")
QUERY = ["limit", "status", "customer", "payment", "email", "type", "resource", "starting_after", "ending_before", "x"]
QUERY += ["page", "pageSize", "from", "to", "amount", "amount_gte", "metadata", "metadata[a]", "metadata[", "expand[]"]


@FUZZ
@given(query=st.dictionaries(st.sampled_from(QUERY) | text, text | st.integers().map(str), max_size=5))
def test_no_query_breaks_any_list(api: Api, query: dict[str, str]) -> None:
    sent = {
        name.encode("utf-8", "replace").decode(): value.encode("utf-8", "replace").decode()
        for name, value in query.items()
    }
    for path in ("/payments", *LISTS, "/balance"):
        answer = api.get(path, **sent)
        assert answer.status_code in (200, 400), (path, answer.status_code)
        if answer.status_code == 400:
            problem(answer)


def test_every_list_refuses_pages_that_cannot_be(api: Api) -> None:
    for path in ("/payments", *LISTS):
        more = {"customer": "cus_01jd8h2m4s6v8x0z2b4d6f8h0k"} if path == "/payment_methods" else {}
        cases = [({"limit": 101}, "limit"), ({"page": 0}, "page"), ({"pageSize": 101}, "pageSize")]
        cases += [({"starting_after": "x"}, "starting_after"), ({"page": 501}, "page"), ({"offset": 1}, "offset")]
        for query, param in cases:
            answer = api.get(path, **query, **more)
            assert (answer.status_code, problem(answer)["param"]) == (400, param), (path, query)
