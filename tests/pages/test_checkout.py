"""Paying at the checkout page, filled in badly and well."""

from __future__ import annotations

import pytest

from ballast.models import Attempt, Customer, Order, Payment
from tests.shopper import TYPED, Shopper
from tests.world import World

CARD = "4242424242424242"


@pytest.fixture
def shopper(world: World) -> Shopper:
    """Somebody in Acme's shop."""
    return Shopper(world)


@pytest.fixture
def checkout(shopper: Shopper) -> str:
    """The path of a checkout of one kettle."""
    shopper.add()
    return shopper.check_out()


def test_a_good_card_pays_once_and_leads_to_the_receipt(shopper: Shopper, world: World, checkout: str) -> None:
    answer = shopper.pay(checkout)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{checkout}/receipt")
    page = shopper.client.get(f"{checkout}/receipt").get_data(as_text=True)
    assert "Paid. Thank you." in page
    assert "4242" in page
    assert [(charge["amount"], charge["currency"].upper()) for charge in world.charges()] == [(9000, "USD")]
    assert "Your cart is empty" in shopper.cart()


def test_htmx_is_sent_to_the_receipt_by_header(shopper: Shopper, checkout: str) -> None:
    answer = shopper.post(checkout, TYPED, **{"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == f"{checkout}/receipt"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("email", "", "Enter an email address such as ada@example.com."),
        ("email", "noor", "Enter an email address such as ada@example.com."),
        ("email", "noor@", "Enter an email address such as ada@example.com."),
        ("email", "a b@example.com", "Enter an email address such as ada@example.com."),
        ("email", "noor@example.com\nBcc: x@example.com", "Enter an email address such as ada@example.com."),
        ("email", "a" * 300 + "@example.com", "Enter an email address such as ada@example.com."),
        ("name", "", "Enter your full name."),
        ("name", "   ", "Enter your full name."),
        ("name", "a" * 121, "This is too long."),
        ("line1", "", "Enter your street and number."),
        ("city", "", "Enter your city."),
        ("postal_code", "", "Enter your postal code."),
        ("postal_code", "1" * 21, "This is too long."),
        ("country", "", "Choose your country."),
        ("country", "GBR", "This is too long."),
        ("payment_method", "", "Enter your card details."),
        ("payment_method", "pm card", "Enter your card details."),
        ("payment_method", "x" * 256, "Enter your card details."),
    ],
)
def test_a_field_that_is_missing_or_wrong_is_named_and_nothing_is_charged(
    shopper: Shopper, world: World, checkout: str, field: str, value: str, sentence: str
) -> None:
    answer = shopper.pay(checkout, **{field: value})
    assert answer.status_code == 422
    assert sentence in answer.get_data(as_text=True)
    assert world.charges() == world.all_of(Payment) == world.all_of(Customer) == []


def test_what_was_typed_is_kept_when_a_field_is_missing(shopper: Shopper, checkout: str) -> None:
    page = shopper.pay(checkout, city="").get_data(as_text=True)
    for value in ("noor@example.com", "Noor Haddad", "12 Mill Lane", "LS1 4AP"):
        assert f'value="{value}"' in page, value
    assert '<option value="GB" selected' in page
    assert 'name="payment_method" value=""' in page, "a card token is good for one try"


def test_a_declined_card_is_told_in_plain_words_and_what_was_typed_is_kept(
    shopper: Shopper, world: World, checkout: str
) -> None:
    answer = shopper.pay(checkout, payment_method="pm_card_visa_chargeDeclined", name="Ada <b>Lovelace</b>")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'id="decline"' in page
    assert "generic_decline" not in page
    assert 'value="Ada &lt;b&gt;Lovelace&lt;/b&gt;"' in page
    assert world.charges() == []
    assert "Kettle" in shopper.cart()
    assert shopper.pay(checkout).status_code == 303
    assert [row.status for row in world.all_of(Attempt)] == ["declined", "approved"]
    assert len(world.all_of(Payment)) == len(world.charges()) == 1


@pytest.mark.parametrize(
    ("field", "number"),
    [
        *((field, CARD) for field in ("email", "name", "line1", "line2", "city", "region", "postal_code")),
        ("name", "4242 4242 4242 4242"),
        ("line1", "4242-4242-4242-4242 12/26"),
    ],
)
def test_a_card_number_typed_anywhere_but_in_the_card_field_is_refused_and_kept_nowhere(
    shopper: Shopper, world: World, checkout: str, field: str, number: str
) -> None:
    answer = shopper.pay(checkout, **{field: number})
    assert answer.status_code == 422
    assert "4242" not in answer.get_data(as_text=True)
    assert world.all_of(Order)[0].name is None
    assert world.charges() == world.all_of(Payment) == []


@pytest.mark.parametrize("number", [CARD, "4242-4242-4242-4242"])
def test_a_card_number_in_place_of_the_processors_token_is_refused(
    shopper: Shopper, world: World, checkout: str, number: str
) -> None:
    answer = shopper.pay(checkout, payment_method=number)
    assert answer.status_code == 422
    assert "4242" not in answer.get_data(as_text=True)
    assert world.all_of(Payment) == []


def test_a_nul_character_is_refused(shopper: Shopper, world: World, checkout: str) -> None:
    assert shopper.pay(checkout, name="Noor\0").status_code == 400
    assert world.all_of(Payment) == []


def test_a_paid_checkout_says_so_and_charges_no_second_time(shopper: Shopper, world: World, checkout: str) -> None:
    shopper.pay(checkout)
    for answer in (shopper.client.get(checkout), shopper.pay(checkout), shopper.pay(checkout, name="")):
        assert answer.status_code == 200
        assert "Already paid." in answer.get_data(as_text=True)
    assert len(world.charges()) == 1


def test_another_browser_with_the_address_pays_the_same_order_once(
    world: World, shopper: Shopper, checkout: str
) -> None:
    other = Shopper(world)
    assert other.pay(checkout).status_code == 303
    assert "Already paid." in shopper.pay(checkout).get_data(as_text=True)
    assert len(world.charges()) == 1


def test_a_card_that_asks_the_bank_shows_the_step_and_has_charged_nothing(
    shopper: Shopper, world: World, checkout: str
) -> None:
    answer = shopper.pay(checkout, payment_method="pm_card_authenticationRequired")
    assert answer.status_code == 200
    assert "Confirm with your bank." in answer.get_data(as_text=True)
    assert world.charges() == []
    assert shopper.client.get(f"{checkout}/receipt").headers["Location"] == checkout


def test_an_outcome_nobody_knows_shows_that_we_are_checking_and_takes_no_second_payment(
    shopper: Shopper, world: World, checkout: str
) -> None:
    world.fault(kind="error_after", operation="payment_intents.confirm", count=1)
    page = shopper.pay(checkout).get_data(as_text=True)
    assert "We&#39;re checking with your bank." in page or "We're checking with your bank." in page
    assert "data-pay-form" not in page
    assert "checking with your bank" in shopper.pay(checkout, payment_method="pm_card_mastercard").get_data(
        as_text=True
    )
    status = shopper.client.get(f"{checkout}/status", headers={"HX-Request": "true"})
    assert status.status_code == 200
    assert "checking with your bank" in status.get_data(as_text=True)
    assert len(world.charges()) == 1


def test_the_bank_sends_the_shopper_back_to_what_is_true_whatever_the_address_claims(
    shopper: Shopper, world: World, checkout: str
) -> None:
    shopper.pay(checkout, payment_method="pm_card_authenticationRequired")
    answer = shopper.client.get(f"{checkout}/return?redirect_status=succeeded&payment_intent=pi_1")
    assert (answer.status_code, answer.headers["Location"]) == (303, checkout)
    assert world.all_of(Order)[0].status == "pending"


def test_a_returning_shopper_is_the_same_customer(world: World) -> None:
    for email in ("noor@example.com", "NOOR@example.com "):
        shopper = Shopper(world)
        shopper.add()
        assert shopper.pay(shopper.check_out(), email=email).status_code == 303
    assert [row.email for row in world.all_of(Customer)] == ["noor@example.com"]


def test_a_held_customer_is_told_to_ask_the_shop_and_charged_nothing(
    world: World, shopper: Shopper, checkout: str
) -> None:
    from ballast.clock import real_time
    from ballast.db import organization, transaction

    with organization(world.acme.id), transaction() as session:
        session.add(Customer(organization_id=world.acme.id, email="noor@example.com", held_at=real_time()))
    answer = shopper.pay(checkout)
    assert answer.status_code == 409
    assert "Please contact the shop." in answer.get_data(as_text=True)
    assert world.charges() == []


@pytest.mark.parametrize("token", ["nothing", "%00", "x" * 500, "'--"])
def test_a_checkout_that_does_not_exist_is_404(shopper: Shopper, token: str) -> None:
    for path in (f"/checkout/{token}", f"/checkout/{token}/receipt", f"/checkout/{token}/status"):
        assert shopper.client.get(path).status_code in (400, 404)
