"""Card testing: who has been declined too often is held back before a processor hears of it, is told so kindly, and is counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from redis import Redis

from ballast.billing import held_back, velocity
from ballast.db import organization, transaction
from ballast.identity import limiting
from ballast.models import Attempt, AuditEntry, Organization
from tests.billing.acts import Shopper, rows, wire
from tests.world import Api, World, csrf

DECLINED = "pm_card_visa_chargeDeclined"


def limit(world: World, **wanted: int) -> None:
    with organization(world.acme.id), transaction():
        held_back.change(world.acme.id, wanted)


def decline(api: Api, **fields: Any) -> int:
    return api.pay(payment_method=DECLINED, **fields).status_code


@pytest.fixture
def from_elsewhere(world: World) -> Shopper:
    """A shopper at another address on the network."""
    shopper = Shopper(world)
    shopper.client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    return shopper


def test_an_address_is_held_back_at_the_checkout_and_others_are_not(
    world: World, shopper: Shopper, from_elsewhere: Shopper
) -> None:
    limit(world, address=2)
    token = shopper.buy()
    assert [shopper.pay(token, DECLINED).status_code for _ in range(2)] == [422, 422]
    said = len(wire(world))
    answer = shopper.pay(token, "pm_card_visa")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 3000
    page = answer.get_data(as_text=True)
    assert "Too many cards were declined just now, so this one was not tried. Nothing was charged." in page
    assert "Please enter your card again" not in page
    assert 'value="ada@example.com"' in page, "what was typed is kept"
    assert len(wire(world)) == said, "no processor heard of it"
    assert len(rows(world, Attempt)) == 2
    assert from_elsewhere.pay(from_elsewhere.buy()).status_code == 303


def test_a_card_is_held_back_over_the_api_and_another_is_not(world: World, api: Api) -> None:
    limit(world, card=2)
    assert [decline(api) for _ in range(2)] == [402, 402]
    said = len(wire(world))
    answer = api.pay(payment_method=DECLINED)
    error = answer.get_json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (429, "too_many_attempts", "rate_limit_error")
    assert answer.headers["Retry-After"]
    assert len(wire(world)) == said
    assert api.pay().status_code == 201


def test_one_card_is_one_card_however_often_it_is_typed_in(world: World, shopper: Shopper) -> None:
    account, tokens = world.acme.account_id, fresh_tokens(world)
    limit(world, card=2)
    token = shopper.buy()
    answers = [shopper.pay(token, next(tokens), account=account).status_code for _ in range(3)]
    assert answers == [422, 422, 429]
    assert len(rows(world, Attempt)) == 2, "no bank was asked a third time"
    with organization(world.acme.id):
        assert {row.rule for row in held_back.last_day(world.acme.id)} == {"card"}


def fresh_tokens(world: World) -> Iterator[str]:
    """A card that is declined, typed into Stripe's field anew each time."""
    said = {"type": "card", "card[number]": "4000000000000002", "card[cvc]": "123"}
    said |= {"card[exp_month]": "4", "card[exp_year]": "2031"}
    browser = {"Authorization": f"Bearer {world.settings.stripe_publishable_key}_{world.acme.slug}"}
    while True:
        made = requests.post(f"{world.sandbox_url}/v1/payment_methods", data=said, headers=browser, timeout=5)
        yield str(made.json()["id"])


def test_confirming_again_is_held_back_too(world: World, api: Api) -> None:
    limit(world, card=2)
    payment = api.pay(payment_method=DECLINED, confirm=False).get_json()["id"]
    assert [api.post(f"/payments/{payment}/confirm").status_code for _ in range(3)] == [402, 402, 429]
    assert len(rows(world, Attempt)) == 2


def test_an_organization_is_held_back_at_its_own_limit_and_nobody_else(
    world: World, api: Api, shopper: Shopper
) -> None:
    limit(world, organization=2)
    assert [decline(api), decline(api)] == [402, 402]
    assert api.pay(payment_method="pm_card_mastercard").status_code == 429
    assert shopper.pay(shopper.buy()).status_code == 429
    assert world.api(world.stranger.api_key).pay().status_code == 201


def test_cards_that_are_approved_and_stored_cards_are_not_counted(world: World, api: Api) -> None:
    limit(world, organization=1)
    customer = api.post("/customers").get_json()["id"]
    assert api.pay(customer=customer, save_payment_method=True).status_code == 201
    card = api.get("/payment_methods", customer=customer).get_json()["data"][0]["id"]
    assert [api.pay().status_code for _ in range(3)] == [201, 201, 201]
    assert decline(api) == 402
    assert api.pay().status_code == 429
    assert api.pay(payment_method=card, off_session=True).status_code == 201, "nobody tests cards with a stored one"
    assert api.pay(payment_method=card, customer=customer).status_code == 201


def test_what_is_held_back_is_counted_by_hour_and_rule_and_shown(world: World, api: Api, shopper: Shopper) -> None:
    limit(world, card=1, address=1)
    decline(api)
    assert [decline(api) for _ in range(3)] == [429, 429, 429]
    token = shopper.buy()
    shopper.pay(token, "pm_card_visa_chargeDeclinedInsufficientFunds")
    shopper.pay(token)
    with organization(world.acme.id):
        found = {row.rule: (row.count, row.last_address) for row in held_back.last_day(world.acme.id)}
    assert found == {"card": (3, None), "address": (1, "127.0.0.1")}
    viewer = world.sign_in("viewer")
    page = viewer.get("/admin/settings/card-testing").get_data(as_text=True)
    assert re.search(r'<dt>Last day</dt><dd class="value">4</dd>', page)
    assert "127.0.0.1" in page
    assert "Card testing held back: 4 tries in the last day." in viewer.get("/admin/").get_data(as_text=True)


def test_with_redis_away_cards_are_tried_and_it_is_logged(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    limit(world, card=1)
    monkeypatch.setattr(world.settings, "redis_url", "redis://127.0.0.1:1/0")
    assert [decline(api) for _ in range(3)] == [402, 402, 402]
    assert "limits are not shared while Redis is away" in caplog.text


def test_redis_learns_neither_addresses_nor_tokens(world: World, api: Api) -> None:
    decline(api)
    with Redis.from_url(world.settings.redis_url) as counted:
        keys = b" ".join(counted.keys("*declined*")).decode()
    assert keys
    assert DECLINED not in keys
    assert world.acme.id not in keys


def test_owners_set_the_limits_and_an_empty_one_is_the_usual(world: World) -> None:
    owner = world.sign_in("owner")
    form = {"csrf_token": csrf(owner.get("/admin/settings/card-testing").get_data(as_text=True))}
    for typed in ("0", "-1", "1.5", "many", "9999999"):
        assert owner.post("/admin/settings/card-testing", data=form | {"card": typed}).status_code == 422
    assert owner.post("/admin/settings/card-testing", data=form | {"card": "7", "address": ""}).status_code == 303
    (acme,) = [one for one in world.all_of(AuditEntry) if one.action == "organization.card_testing_changed"]
    assert acme.changes == {"before": {}, "after": {"card": 7}}
    with organization(world.acme.id):
        found = velocity.limits_of(world.app.extensions["sqlalchemy"].session.query(Organization).one())
    assert (found.card, found.address) == (7, velocity.DEFAULTS["sandbox"].address)


def test_looking_at_a_limit_counts_nothing(world: World) -> None:
    item = limiting.window(1, 60)
    assert [limiting.look(item, "nobody").passed for _ in range(3)] == [True, True, True]  # type: ignore[union-attr]
    assert limiting.take(item, "nobody").passed  # type: ignore[union-attr]
    assert not limiting.look(item, "nobody").passed  # type: ignore[union-attr]
