"""Plans on pages: made in the dashboard, shown in the shop with the terms that must stand beside them, and on sites elsewhere."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from ballast.billing.financing import lending_settings, offers
from ballast.blueprints import plan_quotes
from ballast.db import organization, transaction
from ballast.models import AuditEntry, FinancingOffer
from tests.api.selling import PAY_IN_FOUR
from tests.shopper import Shopper
from tests.world import World, csrf

FORM = {
    "name": "Six months",
    "currency": "USD",
    "minimum_amount": "100",
    "maximum_amount": "1,000.00",
    "installments": "6",
    "interval": "month",
    "interval_count": "1",
    "rate_bps": "12.5",
    "prepayment": "rebate",
    "grace_days": "10",
    "default_after_days": "90",
}


def text_of(client: FlaskClient, path: str) -> str:
    """What a page says, tags taken out."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return said(answer.get_data(as_text=True))


def said(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def publish(world: World, **fields: object) -> str:
    with organization(world.acme.id), transaction():
        made = offers.create(world.acme.id, PAY_IN_FOUR | fields)
        return offers.publish(world.acme.id, made.id).id


def send(client: FlaskClient, page: str, path: str, **form: str) -> str:
    """Send a form of a page; answers where it led."""
    token = csrf(client.get(page).get_data(as_text=True))
    answer = client.post(path, data={"csrf_token": token, **form})
    assert answer.status_code == 303, said(answer.get_data(as_text=True))
    return answer.headers["Location"]


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_an_offer_at_a_cost_is_drafted_then_allowed_then_published_and_who_may_do_so_is_noted(
    world: World, role: str
) -> None:
    client, index = world.sign_in(role), "/admin/financing/offers"
    looked = client.post(
        f"{index}/new", data={**FORM, "csrf_token": csrf(client.get(f"{index}/new").text), "preview": "yes"}
    )
    assert "from $95.04/month" in said(looked.text)  # 550 · i / (1 − (1 + i)^−6), i = 12.5 % / 12
    assert world.all_of(FinancingOffer) == []
    path = send(client, f"{index}/new", f"{index}/new", **FORM)
    assert "Lending at a cost is not allowed yet" in text_of(client, f"{path}/publish")
    refused = client.post(f"{path}/publish", data={"csrf_token": csrf(client.get(path).text)})
    assert (refused.status_code, "it charges interest" in refused.text) == (409, True)
    settings = "/admin/financing/settings"
    blind = client.post(f"{settings}/interest", data={"allow": "yes", "csrf_token": csrf(client.get(settings).text)})
    assert (blind.status_code, "Confirm that you know" in blind.text) == (422, True)
    send(client, settings, f"{settings}/interest", allow="yes", confirmed="yes")
    assert send(client, path, f"{path}/publish") == path
    assert "Published" in text_of(client, path)
    send(client, f"{path}/edit", f"{path}/edit", **FORM | {"maximum_amount": "2000"})
    assert [one.maximum_amount for one in world.all_of(FinancingOffer)] == [200000]
    kept = client.post(f"{settings}/interest", data={"allow": "no", "csrf_token": csrf(client.get(settings).text)})
    assert (kept.status_code, "Unpublish these offers first: Six months" in kept.text) == (409, True)
    with organization(world.acme.id):
        assert lending_settings.read(world.acme.id).interest_allowed_by is not None
    assert "financing_settings.interest_allowed" in [one.action for one in world.all_of(AuditEntry)]


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ({"rate_bps": "twelve"}, "Enter a percentage"),
        ({"minimum_amount": "-5"}, "Enter an amount above zero"),
        ({"installments": "1"}, "Choose a whole number from 2 to 120"),
        ({"countries": "USA"}, "“USA” is no country"),
        ({"currency": "XYZ"}, "is not a currency we know"),
        ({"product_ids": "prod_01jd8h2m4s6v8x0z2b4d6f8h0k"}, "is not yours"),
        ({"down_payment_bps": "10", "down_payment_amount": "5"}, "not both"),
    ],
)
def test_a_form_that_cannot_be_read_keeps_what_was_typed(world: World, typed: dict[str, str], error: str) -> None:
    client, path = world.sign_in("owner"), "/admin/financing/offers/new"
    answer = client.post(path, data={**FORM, **typed, "csrf_token": csrf(client.get(path).text)})
    assert answer.status_code == 422
    assert error in answer.text
    assert all(value in answer.text for name, value in typed.items() if name != "product_ids")


def test_pay_in_4_begins_with_one_click_and_is_in_the_shop_with_its_terms_and_disclosure(world: World) -> None:
    send(world.sign_in("owner"), "/admin/financing/offers", "/admin/financing/offers/new", ready_made="pay_in_4")
    client = world.app.test_client()
    page = text_of(client, f"/shop/{world.acme.slug}/products/kettle")
    assert "4 × $22.50, 0%" in page
    assert (
        "$22.50 today, then 3 monthly payments of $22.50. 0.00% annual percentage rate, no interest and no fees."
        in page
    )
    assert "Annual percentage rate 0.00%" in page
    assert "4 × $22.50, 0%" in text_of(client, f"/shop/{world.acme.slug}/")
    shopper = Shopper(world)
    shopper.add(quantity="2")
    assert "or 4 × $45.00, 0%" in text_of(shopper.client, f"/shop/{world.acme.slug}/cart")


def test_an_offer_for_one_country_is_shown_to_who_says_they_are_there(world: World) -> None:
    publish(world, countries=["US"])
    client, path = world.app.test_client(), f"/shop/{world.acme.slug}/products/kettle"
    assert "0.00%" not in text_of(client, path)
    assert "Some plans are for some countries only" in text_of(client, path)
    assert "0.00%" in text_of(client, f"{path}?country=US")
    assert "0.00%" in text_of(client, path), "remembered"
    assert "0.00%" not in text_of(client, f"{path}?country=DE")


def test_a_site_of_the_merchants_own_shows_plans_from_an_address_that_caches_may_keep(world: World) -> None:
    publish(world)
    owner = world.sign_in("owner")  # has a session that is renewed with each answer, but for these
    asked = f"shop={world.acme.slug}&amount=64000&currency=USD"
    for path in ("/plans/quote.json", "/plans/quote", "/plans/embed.js"):
        answer = owner.get(f"{path}?{asked}", headers={"Origin": "https://shop.example"})
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"].startswith("public, max-age="), path
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Set-Cookie" not in answer.headers
    (plan,) = owner.get(f"/plans/quote.json?{asked}").get_json()["plans"]
    assert (plan["line"], plan["due_today"], plan["apr"]) == ("4 × $160.00, 0%", 16000, "0.00")
    frame = owner.get(f"/plans/quote?{asked}")
    assert frame.headers["Content-Security-Policy"].endswith("frame-ancestors *")
    assert said(plan["terms"]) in said(frame.text)
    assert owner.get(f"/plans/quote.json?shop={world.acme.slug}&amount=1").get_json() == {"plans": []}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("shop=nobody&amount=100", 404, "resource_missing"),
        ("shop=acme&amount=", 400, "amount_invalid"),
        ("shop=acme&amount=9999999999999999", 400, "amount_invalid"),
        ("shop=acme&amount=100&currency=XXX", 400, "currency_unknown"),
        ("shop=acme&amount=100&product=kettle", 400, "parameter_invalid"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_in_a_way_other_sites_can_read(
    world: World, query: str, status: int, code: str
) -> None:
    answer = world.app.test_client().get(f"/plans/quote.json?{query.replace('acme', world.acme.slug)}")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (status, code)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "no-store"


def test_one_address_asks_only_so_often(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_quotes, "MOST", 3)
    client, path = world.app.test_client(), f"/plans/quote.json?shop={world.acme.slug}&amount=100"
    answers = [client.get(path, environ_overrides={"REMOTE_ADDR": "192.0.2.7"}) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_policies_are_within_their_bounds(world: World) -> None:
    client, path = world.sign_in("admin"), "/admin/financing/settings"
    given = {
        "charge_off_days": "120",
        "date_move_days": "7",
        "date_moves": "1",
        "pause_months": "2",
        "payoff_days": "5",
    }
    send(client, path, path, **given)
    with organization(world.acme.id):
        assert lending_settings.read(world.acme.id).charge_off_days == 120
    answer = client.post(path, data={**given, "charge_off_days": "5", "csrf_token": csrf(client.get(path).text)})
    assert (answer.status_code, "Choose a whole number from 30 to 730" in answer.text) == (422, True)
