"""Financing over the API: offers are made, tried out and published; a price is quoted on them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from ballast.billing.financing import lending_settings, reading
from ballast.db import organization, transaction
from ballast.models import AuditEntry, FinancingOffer, User
from tests.api.conftest import problem
from tests.api.selling import PAY_IN_FOUR, Seller
from tests.api.test_lists import ids
from tests.statements import counted
from tests.world import Api, World


@pytest.fixture
def seller(api: Api) -> Seller:
    return Seller(api)


def allow_interest(world: World) -> None:
    with organization(world.acme.id), transaction() as session:
        lending_settings.allow_interest(
            world.acme.id, session.query(User).filter_by(email="owner@example.com").one().id
        )


def test_an_offer_goes_from_draft_to_published_to_archived_and_every_step_is_audited_and_told(
    api: Api, world: World, seller: Seller
) -> None:
    key = str(uuid4())
    made = api.post("/financing/offers", PAY_IN_FOUR, key).get_json()
    assert (made["status"], made["grace_days"], made["products"]) == ("draft", 10, [])
    assert api.post("/financing/offers", PAY_IN_FOUR, key).get_json() == made
    path = f"/financing/offers/{made['id']}"
    assert api.post(f"{path}/publish").get_json()["status"] == "published"
    changed = api.patch(path, {"maximum_amount": 200000, "countries": ["US"], "metadata": {"a": "1"}}).get_json()
    assert (changed["maximum_amount"], changed["countries"]) == (200000, ["US"])
    assert problem(api.patch(path, {"rate_bps": 1000}))["code"] == "financing_interest_not_allowed"
    assert api.get(path).get_json() == changed
    assert ids(api.get("/financing/offers", status="published")) == [made["id"]]
    assert api.post(f"{path}/archive").get_json()["status"] == "archived"
    assert problem(api.patch(path, {"grace_days": 3}))["code"] == "financing_offer_archived"
    assert problem(api.post(f"{path}/publish"))["code"] == "state_conflict"
    assert api.post(f"{path}/restore").get_json()["archived_at"] is None
    audited = [one.action for one in world.all_of(AuditEntry) if one.resource_id == made["id"]]
    assert audited == ["financing_offer.created"] + ["financing_offer.updated"] * 4
    told = api.get("/events", type="financing.offer.*", limit=100).get_json()["data"]
    assert [one["type"] for one in told][::-1] == ["financing.offer.created"] + ["financing.offer.updated"] * 4


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({"currency": "XAU"}, "currency_unknown", "currency"),
        ({"minimum_amount": 200000}, "parameter_invalid", "maximum_amount"),
        ({"down_payment_amount": 5000, "down_payment_bps": 0}, "parameter_invalid", "down_payment_amount"),
        ({"down_payment_amount": 1000}, "financing_terms_invalid", "down_payment_amount"),
        ({"interval": "week", "first_due_day": 5}, "financing_terms_invalid", "first_due_day"),
        ({"products": ["prod_01jd8h2m4s6v8x0z2b4d6f8h0k"]}, "product_unknown", "products"),
        ({"countries": ["US", "US"]}, "parameter_invalid", "countries"),
        ({"name": "4242 4242 4242 4242"}, "card_number_refused", "name"),
        ({"installments": 121}, "parameter_invalid", "installments"),
    ],
)
def test_an_offer_that_cannot_be_is_refused_with_its_field(
    api: Api, world: World, given: dict[str, object], code: str, param: str
) -> None:
    error = problem(api.post("/financing/offers", PAY_IN_FOUR | given))
    assert (error["code"], error["param"]) == (code, param)
    assert world.all_of(FinancingOffer) == []


def test_a_quote_is_the_schedule_with_its_figures_and_a_disclosure_that_says_the_same(
    api: Api, world: World, seller: Seller
) -> None:
    """The regulation's example is 5,000 in 24 monthly payments of 230.00, 9.69 %: so 9.69 % must come to about that."""
    allow_interest(world)
    credit = {"name": "Two years", "currency": "USD", "installments": 24, "rate_bps": 969}
    offer = seller.made("/financing/offers", {**credit, "minimum_amount": 100000, "maximum_amount": 1000000})
    wanted = {"amount": 500000, "currency": "USD", "offer": offer["id"], "disclosure": True}
    refused = problem(api.post("/financing/quotes", wanted))
    assert refused["code"] == "financing_offer_not_published"
    api.post(f"/financing/offers/{offer['id']}/publish")
    quote = api.post("/financing/quotes", wanted).get_json()["data"][0]
    lines = quote["installments"]
    assert quote["payment"] in range(22990, 23010)
    assert quote["apr"] == "9.69"
    assert sum(line["principal"] for line in lines) == quote["amount_financed"] == 500000
    assert sum(line["amount"] for line in lines) == quote["total_of_payments"] == 500000 + quote["finance_charge"]
    shown = reading.read(quote["disclosure"])
    assert shown.sums["finance_charge"] == quote["finance_charge"]
    assert [on.isoformat() for on, _ in shown.payments] == [line["due_on"] for line in lines]
    assert api.post("/financing/quotes", wanted | {"offer": None, "amount": 99999}).get_json()["data"] == []
    small = problem(api.post("/financing/quotes", wanted | {"amount": 99999}))
    assert (small["code"], small["message"]) == (
        "financing_amount_out_of_range",
        "This plan is for amounts from $1,000.00 to $10,000.00.",
    )


def test_whoever_may_only_read_may_ask_for_a_quote_and_change_no_offer(world: World, seller: Seller, api: Api) -> None:
    offer = seller.made("/financing/offers", PAY_IN_FOUR)
    api.post(f"/financing/offers/{offer['id']}/publish")
    key = (
        world.as_user("owner")
        .post("/api-keys", {"name": "Shop window", "scopes": ["financing:read"]})
        .get_json()["key"]
    )
    reader = world.api(key)
    assert len(reader.post("/financing/quotes", {"amount": 64000, "currency": "USD"}).get_json()["data"]) == 1
    assert problem(reader.post(f"/financing/offers/{offer['id']}/archive"))["code"] == "scope_missing"
    viewer = world.as_user("viewer").post("/financing/quotes", {"amount": 64000, "currency": "USD"})
    assert viewer.status_code == 200


def test_choices_take_no_more_statements_however_many_offers_there_are(api: Api, world: World, seller: Seller) -> None:
    def published(position: int) -> None:
        made = seller.made("/financing/offers", {**PAY_IN_FOUR, "position": position, "exposure_cap": 1000000})
        api.post(f"/financing/offers/{made['id']}/publish")

    wanted = {"amount": 64000, "currency": "USD"}
    published(1)
    with counted(world.app) as one:
        assert len(api.post("/financing/quotes", wanted).get_json()["data"]) == 1
    for position in range(2, 6):
        published(position)
    with counted(world.app) as five:
        assert len(api.post("/financing/quotes", wanted).get_json()["data"]) == 5
    assert len(five) == len(one)
