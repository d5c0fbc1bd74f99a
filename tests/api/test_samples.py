"""The samples of the reference, in curl and in Python, run as they stand against the application, ids that exist put in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from ballast.blueprints.api.catalog_schemas import PRICE_ID, PRODUCT_ID
from ballast.blueprints.api.discount_schemas import (
    COUPON_ID,
    EXAMPLE_CODE,
    EXAMPLE_REGION,
    PROMOTION_CODE_ID,
    TAX_RATE_ID,
)
from ballast.blueprints.api.fields import PAYMENT_ID
from ballast.blueprints.api.financing_schemas import OFFER_ID
from ballast.blueprints.api.identity_schemas import EMAIL, EXAMPLE_PASSWORD, KEY_ID, MEMBER_ID
from ballast.blueprints.api.image_schemas import IMAGE_ID, PIXEL
from ballast.blueprints.api.invoice_schemas import CREDIT_NOTE_ID, INVOICE_ID, SUBSCRIPTION_ID
from ballast.blueprints.api.objects import DISPUTE_ID, EVENT_ID, REFUND_ID
from ballast.blueprints.api.order_schemas import ORDER_ID
from ballast.blueprints.api.people import CARD_ID, CUSTOMER_ID
from ballast.blueprints.api.session_schemas import SESSION_ID, SHIPPING_RATE_ID
from ballast.blueprints.api.webhook_schemas import DELIVERY_ID, ENDPOINT_ID
from ballast.db import organization, transaction
from ballast.models import Organization
from tests.api.lending import with_a_plan
from tests.api.selling import PAY_IN_FOUR, RATE, Seller
from tests.api.test_lists import ids
from tests.billing.disputing import Desk, connect, serving
from tests.shopper import Shopper
from tests.world import PASSWORD, Api, World

# What a payment must be for a call about it.
PAYMENTS: dict[str, dict[str, Any]] = {
    "POST /api/v1/payments/{payment_id}/confirm": {"confirm": False},
    "POST /api/v1/payments/{payment_id}/capture": {"capture_method": "manual", "amount": 49900},
    "POST /api/v1/payments/{payment_id}/cancel": {"confirm": False},
}


@pytest.fixture
def desk(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Acme at Stripe, the application where its processor and its programs can reach it."""
    with serving(world.app) as address:
        monkeypatch.setattr(world.settings, "public_url", address)
        monkeypatch.setenv("BALLAST_URL", address)
        monkeypatch.setenv("BALLAST_API_KEY", world.acme.api_key)
        monkeypatch.setenv("BALLAST_ACCESS_TOKEN", world.token("owner"))
        yield Desk(world, "stripe", connect(world, "stripe"))


def with_real_ids(api: Api, desk: Desk, name: str, source: str) -> str:
    """The sample, about things that exist."""
    source = with_what_is_sold(api, name, with_a_plan(desk.world, api, name, source))
    if OFFER_ID in source:
        source = source.replace(OFFER_ID, offer_for(Seller(api), name)["id"])
    if PAYMENT_ID in source:
        source = source.replace(PAYMENT_ID, api.pay(**PAYMENTS.get(name, {})).get_json()["id"])
    if SESSION_ID in source:
        opened = api.post("/checkout_sessions", {"lines": [{"name": "Tea", "amount": 300}]})
        source = source.replace(SESSION_ID, opened.get_json()["id"])
    if CUSTOMER_ID in source:
        source = source.replace(CUSTOMER_ID, api.post("/customers").get_json()["id"])
    if CARD_ID in source:
        customer = api.post("/customers").get_json()["id"]
        assert api.pay(customer=customer, save_payment_method=True).status_code == 201
        source = source.replace(CARD_ID, ids(api.get("/payment_methods", customer=customer))[0])
    if REFUND_ID in source:
        refund = api.post("/refunds", {"payment": api.pay().get_json()["id"]})
        source = source.replace(REFUND_ID, refund.get_json()["id"])
    if EVENT_ID in source:
        api.post("/customers")
        source = source.replace(EVENT_ID, ids(api.get("/events"))[0])
    if name == "POST /api/v1/clock/advance":
        stand_still(desk.world)
    if DISPUTE_ID in source:
        seen = len(desk.disputes())
        desk.contest(desk.pay())
        desk.await_(lambda: len(desk.disputes()) > seen)
        source = source.replace(DISPUTE_ID, desk.disputes()[-1].id)
    source = with_an_order(desk.world, api, source)
    return with_real_people(desk.world, name, with_real_endpoints(api, source))


def with_an_order(world: World, api: Api, source: str) -> str:
    """The sample, about an order that is paid and not sent yet."""
    if ORDER_ID not in source:
        return source
    Shopper(world).buy()
    return source.replace(ORDER_ID, ids(api.get("/orders", status="paid", fulfillment="unfulfilled"))[0])


def with_what_is_sold(api: Api, name: str, source: str) -> str:
    """The sample, about a subscription in the state the call is for, and about the catalog."""
    seller = Seller(api)
    if CREDIT_NOTE_ID in source:
        note = {"invoice": seller.start()["latest_invoice"]["id"], "how": "credit"}
        source = source.replace(CREDIT_NOTE_ID, seller.made("/credit_notes", note)["id"])
    if INVOICE_ID in source:
        is_paid = name == "POST /api/v1/credit_notes"
        source = source.replace(INVOICE_ID, seller.start()["latest_invoice"]["id"] if is_paid else seller.bill()["id"])
    if SUBSCRIPTION_ID in source:
        started = seller.start(customer=seller.customer())
        source = source.replace(SUBSCRIPTION_ID, started["id"]).replace(CARD_ID, started["payment_method"])
        if name.endswith("/resume"):
            api.post(f"/subscriptions/{started['id']}/pause")
    if PRICE_ID in source:
        source = source.replace(PRICE_ID, seller.price())
    if PRODUCT_ID in source:
        source = with_a_product(seller, source)
    for example, path, body in (
        (PROMOTION_CODE_ID, "/promotion_codes", None),
        (COUPON_ID, "/coupons", {"name": "Spring", "percent_bps": 2500, "duration": "once"}),
        (SHIPPING_RATE_ID, "/shipping_rates", RATE),
        (TAX_RATE_ID, "/tax_rates", {"name": "Tax", "country": "GB", "region": uuid4().hex, "bps": 2000}),
    ):
        if example in source:
            coupon = {"name": "Spring", "percent_bps": 2500, "duration": "once"}
            wanted = body or {"coupon": seller.made("/coupons", coupon)["id"]}
            source = source.replace(example, seller.made(path, wanted)["id"])
    # A code, and a place's tax, there can be but once.
    if name == "POST /api/v1/tax_rates":
        source = source.replace(EXAMPLE_REGION, uuid4().hex)
    return source.replace(EXAMPLE_CODE, f"S{uuid4().hex[:8]}")


def with_a_product(seller: Seller, source: str) -> str:
    """The sample, about a product with a picture."""
    product = seller.made("/products", {"name": "Coffee club"})["id"]
    image = seller.made(f"/products/{product}/images", {"content": PIXEL})["id"]
    return source.replace(PRODUCT_ID, product).replace(IMAGE_ID, image)


def offer_for(seller: Seller, name: str) -> dict[str, Any]:
    """An offer in the state the call is for."""
    offer: dict[str, Any] = seller.made("/financing/offers", PAY_IN_FOUR)
    before = {"unpublish": "publish", "restore": "archive"}.get(name.rpartition("/")[2])
    if before:
        assert seller.api.post(f"/financing/offers/{offer['id']}/{before}").status_code == 200
    return offer


def stand_still(world: World) -> None:
    """Acme's clock is on its way to nowhere."""
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Organization).values(clock_target_at=None))


def with_real_endpoints(api: Api, source: str) -> str:
    """The sample, about an endpoint that exists and what was sent there."""
    if ENDPOINT_ID in source or DELIVERY_ID in source:
        made = api.post("/webhooks/endpoints", {"url": "https://example.com/hooks", "events": ["*"]}).get_json()["id"]
        source = source.replace(ENDPOINT_ID, made)
        if DELIVERY_ID in source:
            sent = api.post(f"/webhooks/endpoints/{made}/test").get_json()["id"]
            source = source.replace(DELIVERY_ID, sent)
    return source


def with_real_people(world: World, name: str, source: str) -> str:
    """The sample, about somebody who is invited and a key that works, signed in to by somebody with an account."""
    if MEMBER_ID in source:
        invited = world.as_user("owner").post(
            "/organizations/me/members", {"email": f"{uuid4()}@example.com", "role": "admin"}
        )
        source = source.replace(MEMBER_ID, invited.get_json()["id"])
    if KEY_ID in source:
        key = world.as_user("owner").post("/api-keys", {"name": "To be rotated or revoked"})
        source = source.replace(KEY_ID, key.get_json()["id"])
    if name == "POST /api/v1/auth/login":
        source = source.replace(EMAIL, "owner@example.com").replace(EXAMPLE_PASSWORD, PASSWORD)
    return source


def run(lang: str, source: str) -> None:
    """Raises what went wrong."""
    if lang == "python":
        exec(compile(source, "sample.py", "exec"), {})
    else:
        script = source.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)
        done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=False, env=os.environ)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_call_has_samples_in_curl_and_python_that_work_as_they_stand(api: Api, desk: Desk) -> None:
    paths = api.client.get("/api/openapi.json").get_json()["paths"]
    ran = 0
    for path, item in paths.items():
        for method, operation in item.items():
            name = f"{method.upper()} {path}"
            samples = {sample["lang"]: sample["source"] for sample in operation["x-codeSamples"]}
            assert list(samples) == ["curl", "python"], name
            for lang, source in samples.items():
                assert source in operation["description"]
                try:
                    run(lang, with_real_ids(api, desk, name, source))
                except Exception as error:
                    raise AssertionError(f"{name} in {lang}:\n{source}") from error
                ran += 1
    assert ran >= 2 * len(paths)
