"""The catalog over the API: products, prices, coupons, codes and taxes are made, found, changed and archived, and never deleted."""

from __future__ import annotations

from typing import Any

import pytest

from ballast.models import AuditEntry
from tests.api.conftest import problem
from tests.api.selling import Seller
from tests.api.test_lists import ids
from tests.shopper import Shopper
from tests.world import Api, World


@pytest.fixture
def seller(api: Api) -> Seller:
    return Seller(api)


def test_a_product_takes_an_address_of_its_name_and_is_archived_with_its_prices(api: Api, seller: Seller) -> None:
    first, second = (seller.made("/products", {"name": "Café – Club"}) for _ in range(2))
    assert first["slug"] == "caf-club"
    assert second["slug"] == f"caf-club-{second['id'][-8:]}"
    assert problem(api.patch(f"/products/{second['id']}", {"slug": "caf-club"}))["code"] == "slug_taken"
    price = seller.made("/prices", {"product": first["id"], "amount": 900, "currency": "JPY", "interval": "week"})
    archived = api.patch(f"/products/{first['id']}", {"archived": True}).get_json()
    assert archived["archived_at"]
    body = {"product": first["id"], "amount": 1, "currency": "USD"}
    assert problem(api.post("/prices", body))["code"] == "product_unknown"
    assert problem(api.post("/subscriptions", seller.wanted(price=price["id"])))["code"] == "price_unknown"
    assert ids(api.get("/products", archived="true")) == [first["id"]]
    assert api.patch(f"/products/{first['id']}", {"archived": False}).get_json()["archived_at"] is None


def test_a_price_changes_in_nothing_that_was_agreed_to_and_who_has_it_keeps_it(
    api: Api, world: World, seller: Seller
) -> None:
    made = seller.start()
    path = f"/prices/{made['price']}"
    assert problem(api.patch(path, {"amount": 1}))["code"] == "parameter_unknown"
    changed = api.patch(path, {"nickname": "Old", "metadata": {"a": "1"}, "archived": True}).get_json()
    assert (changed["nickname"], changed["amount"]) == ("Old", 2400)
    assert api.patch(path, {"nickname": "Old"}).get_json() == changed
    assert api.post(f"/subscriptions/{made['id']}/change", {"quantity": 2}).get_json()["quantity"] == 2
    told = [entry for entry in world.all_of(AuditEntry) if entry.action == "price.updated"]
    assert [entry.changes["nickname"] for entry in told] == [{"before": "", "after": "Old"}]
    assert told[0].changes["archived"] == {"before": False, "after": True}
    assert [event["type"] for event in api.get("/events", type="price.*").get_json()["data"]] == [
        "price.updated",
        "price.created",
    ]


def test_prices_are_found_by_product_kind_and_currency(api: Api, seller: Seller) -> None:
    monthly, once = seller.price(), seller.price(interval=None, currency="EUR")
    product = api.get(f"/prices/{once}").get_json()["product"]
    assert ids(api.get("/prices", product=product)) == [once]
    assert ids(api.get("/prices", type="recurring")) == [monthly]
    assert ids(api.get("/prices", currency="EUR")) == [once]
    assert api.get(f"/prices/{once}").get_json()["interval_count"] is None


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/prices", {"amount": 1, "currency": "XXX"}, "currency_unknown"),
        ("/prices", {"amount": 0, "currency": "USD"}, "parameter_invalid"),
        ("/prices", {"amount": 1, "currency": "USD", "setup_fee": 5}, "parameter_conflict"),
        ("/prices", {"amount": 1, "currency": "USD", "interval": "year", "interval_count": 4}, "interval_invalid"),
        ("/coupons", {"duration": "once"}, "parameter_conflict"),
        ("/coupons", {"duration": "once", "percent_bps": 1, "amount_off": 1}, "parameter_conflict"),
        ("/coupons", {"duration": "once", "amount_off": 1}, "parameter_conflict"),
        ("/coupons", {"duration": "once", "amount_off": 1, "currency": "XXX"}, "currency_unknown"),
        ("/coupons", {"duration": "repeating", "percent_bps": 1}, "parameter_conflict"),
        ("/coupons", {"duration": "once", "percent_bps": 1, "redeem_by": "2020-01-01"}, "time_past"),
        ("/coupons", {"duration": "once", "percent_bps": 1, "redeem_by": 5}, "parameter_invalid"),
        ("/promotion_codes", {"coupon": "cpn_1"}, "coupon_invalid"),
        ("/tax_rates", {"country": "us", "bps": 1}, "parameter_invalid"),
    ],
)
def test_what_cannot_be_is_refused(api: Api, seller: Seller, path: str, body: dict[str, Any], code: str) -> None:
    if path == "/prices":
        body = body | {"product": seller.made("/products", {"name": "Club"})["id"]}
    elif path != "/promotion_codes":
        body = body | {"name": "Something"}
    assert problem(api.post(path, body))["code"] == code


def test_a_code_is_there_once_and_counts_what_it_is_used_for(api: Api, seller: Seller) -> None:
    coupon = seller.made("/coupons", {"name": "Fiver", "amount_off": 500, "currency": "USD", "duration": "once"})
    limited = {"coupon": coupon["id"], "code": "only-1", "max_redemptions": 1}
    code = seller.made("/promotion_codes", limited)
    assert code["code"] == "ONLY-1"
    assert problem(api.post("/promotion_codes", limited))["code"] == "code_taken"
    assert seller.start(promotion_code="Only-1")["latest_invoice"]["discount"] == 500
    refused = api.post("/subscriptions", seller.wanted(promotion_code="ONLY-1"))
    assert problem(refused)["code"] == "promotion_code_invalid"
    assert [one["redeemed"] for one in api.get("/promotion_codes", code="only-1").get_json()["data"]] == [1]
    api.patch(f"/coupons/{coupon['id']}", {"archived": True})
    assert problem(api.post("/subscriptions", seller.wanted(coupon=coupon["id"])))["code"] == "coupon_invalid"


def test_a_place_has_one_tax_and_the_next_one_only_after_it(api: Api, seller: Seller) -> None:
    rate = {"name": "VAT", "country": "DE", "bps": 1900, "inclusive": True}
    old = seller.made("/tax_rates", rate)
    assert problem(api.post("/tax_rates", rate | {"bps": 2000}))["code"] == "tax_rate_exists"
    api.patch(f"/tax_rates/{old['id']}", {"archived": True})
    seller.made("/tax_rates", rate | {"bps": 2000})
    assert problem(api.patch(f"/tax_rates/{old['id']}", {"archived": False}))["code"] == "tax_rate_exists"
    assert ids(api.get("/tax_rates", country="DE", archived="true")) == [old["id"]]


def test_the_shop_shows_a_product_once_whatever_it_costs_elsewhere_and_sells_nothing_archived(
    api: Api, world: World, seller: Seller
) -> None:
    product = seller.made("/products", {"name": "Teapot"})
    euro, dollar = (
        seller.made("/prices", {"product": product["id"], "amount": 4200, "currency": currency})["id"]
        for currency in ("EUR", "USD")
    )
    page = world.app.test_client().get("/shop/acme/").get_data(as_text=True)
    assert (page.count("Teapot</"), "$42.00" in page, "€42.00" in page) == (1, True, False)
    api.patch(f"/products/{product['id']}", {"archived": True})
    assert "Teapot" not in world.app.test_client().get("/shop/acme/").get_data(as_text=True)
    for price in (euro, dollar):
        assert Shopper(world).add(price_id=price).status_code == 400
