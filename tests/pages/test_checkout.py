"""Paying at the checkout page, filled in badly and well."""

from __future__ import annotations

import re

import pytest
import requests
from sqlalchemy import select, update

from ballast.billing import accounts, routing
from ballast.billing.checkout_form import ADDRESS_FIELDS
from ballast.billing.routing import Route
from ballast.db import db, organization, transaction
from ballast.models import Attempt, Customer, Order, Organization, Payment, PaymentMethod, Product
from tests.shopper import TYPED, Shopper
from tests.world import ACCOUNTS, World

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


# --- Three processors ---------------------------------------------------------------------------------------------------------


def route_to(world: World, processor: str | None) -> str:
    """Have all new cards go to a processor (to nobody), whose account is made where there is none; the account's id."""
    with organization(world.acme.id), transaction() as session:
        known = {account.processor: account.id for account in accounts.all_of(world.acme.id)}
        if processor and processor not in known:
            acme = session.get_one(Organization, world.acme.id)
            known[processor] = accounts.add(acme, processor, ACCOUNTS[processor]).id
        for name, account_id in known.items():
            routing.route(world.acme.id, account_id, Route(100 if name == processor else 0))
    db.session.rollback()
    return known.get(processor or "", "")


FIELDS = {
    "stripe": ["card"],
    "braintree": ["number", "expirationDate", "cvv"],
    "square": ["card"],
}


@pytest.mark.parametrize("processor", FIELDS)
def test_the_page_is_made_for_the_processor_the_card_goes_to(
    shopper: Shopper, world: World, checkout: str, processor: str
) -> None:
    account_id = route_to(world, processor)
    answer = shopper.client.get(checkout)
    page = answer.get_data(as_text=True)
    assert re.findall(r'data-part="(\w+)"', page) == FIELDS[processor]
    for said in (
        f'data-processor="{processor}"',
        f'value="{account_id}"',
        'data-amount="90.00"',
        'data-currency="USD"',
    ):
        assert said in page, said
    assert f"/static/js/checkout/{processor}.js?v=" in page
    assert "(not " not in page
    scripts = re.findall(r'<script src="([^"]+)" defer', page)
    assert [script for script in scripts if script.startswith(world.sandbox_url)]
    policy = answer.headers["Content-Security-Policy"]
    for directive in ("script-src", "frame-src", "connect-src"):
        assert re.search(rf"{directive} [^;]*{re.escape(world.sandbox_url)}", policy), directive
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("processor", "token", "decline"),
    [
        ("braintree", "fake-valid-visa-nonce", "fake-processor-declined-visa-nonce"),
        ("square", "cnon:card-nonce-ok", "cnon:card-nonce-declined"),
    ],
)
def test_every_processor_declines_in_the_same_words_and_pays(
    shopper: Shopper, world: World, checkout: str, processor: str, token: str, decline: str
) -> None:
    account_id = route_to(world, processor)
    answer = shopper.pay(checkout, account=account_id, payment_method=decline)
    assert answer.status_code == 422
    assert "Your bank didn&#39;t approve this payment." in answer.get_data(as_text=True)
    assert shopper.pay(checkout, account=account_id, payment_method=token).status_code == 303
    assert [(row.processor, row.status) for row in world.all_of(Attempt)] == [
        (processor, "declined"),
        (processor, "approved"),
    ]
    assert [charge["amount"] for charge in world.charges()] == [9000]


@pytest.mark.parametrize(
    ("nonce", "status"),
    [("full-authentication", 303), ("failed-authentication", 422), ("authentication-unavailable", 422)],
)
def test_what_the_bank_said_before_the_charge_is_looked_up_and_not_believed(
    shopper: Shopper, world: World, checkout: str, nonce: str, status: int
) -> None:
    account_id = route_to(world, "braintree")
    token = f"fake-three-d-secure-visa-{nonce}-nonce"
    answer = shopper.pay(checkout, account=account_id, payment_method=token, verification=token)
    assert answer.status_code == status
    assert ("couldn&#39;t confirm it was you" in answer.get_data(as_text=True)) is (status == 422)
    assert len(world.charges()) == (1 if status == 303 else 0)


def test_where_3_d_secure_is_required_a_card_whose_holder_was_not_asked_is_refused(
    shopper: Shopper, world: World, checkout: str
) -> None:
    account_id = route_to(world, "braintree")
    with organization(world.acme.id), transaction():
        account = accounts.find(world.acme.id, account_id, lock=True)
        account.public_config = account.public_config | {"three_d_secure": "required"}
    answer = shopper.pay(checkout, account=account_id, payment_method="fake-valid-visa-nonce", verification="")
    assert answer.status_code == 422
    assert "couldn&#39;t confirm it was you" in answer.get_data(as_text=True)
    assert [attempt.decline_code for attempt in world.all_of(Attempt)] == ["authentication_required"]
    assert world.charges() == []
    good = "fake-three-d-secure-visa-full-authentication-nonce"
    assert shopper.pay(checkout, account=account_id, payment_method=good, verification=good).status_code == 303


@pytest.mark.parametrize(
    ("said", "passed_on"), [('{"correlation_id":"c0ffee"}', True), ("", False), ("x" * 4001, False), ("a\tb", False)]
)
def test_what_the_library_says_of_the_device_goes_to_the_processor_alone(
    shopper: Shopper, world: World, checkout: str, said: str, passed_on: bool
) -> None:
    account_id = route_to(world, "braintree")
    answer = shopper.pay(checkout, account=account_id, payment_method="fake-valid-visa-nonce", device_data=said)
    assert answer.status_code == 303
    wire = requests.get(f"{world.sandbox_url}/_sandbox/wire", params={"processor": "braintree"}, timeout=5).text
    (sale,) = [line for line in wire.splitlines() if '"transactions.create"' in line]
    assert ("<device_data>" in sale) is passed_on
    assert ("c0ffee" in sale) is passed_on


def test_an_account_closed_meanwhile_brings_the_page_anew_with_what_was_typed(
    shopper: Shopper, world: World, checkout: str
) -> None:
    old = route_to(world, "stripe")
    new = route_to(world, "square")
    answer = shopper.pay(checkout, account=old, save_card="yes")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert 'id="notice"' in page
    assert "the card you typed was not used" in page
    assert f'name="account" value="{new}"' in page
    assert 'data-processor="square"' in page
    for value in ("noor@example.com", "Noor Haddad", "12 Mill Lane", "LS1 4AP"):
        assert f'value="{value}"' in page, value
    assert re.search(r'name="save_card"[^>]*checked', page)
    assert world.charges() == world.all_of(Payment) == []
    assert shopper.pay(checkout, account=new, payment_method="cnon:card-nonce-ok").status_code == 303


@pytest.mark.parametrize("account", ["pac_01jd8h2m4s6v8x0z2b4d6f8h0k", "nobody", "\u0664"])
def test_an_account_nobody_has_takes_nothing(shopper: Shopper, world: World, checkout: str, account: str) -> None:
    assert shopper.pay(checkout, account=account).status_code == 409
    assert world.charges() == []


def test_without_a_processor_that_takes_cards_the_page_says_so(shopper: Shopper, world: World, checkout: str) -> None:
    old = route_to(world, "stripe")
    route_to(world, None)
    for answer in (shopper.client.get(checkout), shopper.pay(checkout, account=old)):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "30"
        assert "We can&#39;t take cards right now." in answer.get_data(as_text=True).replace("'", "&#39;")
    assert world.charges() == []


# --- Saving the card ----------------------------------------------------------------------------------------------------------


def test_a_card_is_stored_only_when_asked_for(shopper: Shopper, world: World, checkout: str) -> None:
    page = shopper.client.get(checkout).get_data(as_text=True)
    assert re.search(r'<input id="save_card" name="save_card" type="checkbox" value="yes"  ', page)
    assert "Nothing is stored for later charges." in page
    shopper.pay(checkout)
    assert "For next time" not in shopper.client.get(f"{checkout}/receipt").get_data(as_text=True)
    assert world.all_of(PaymentMethod) == []


def test_a_card_that_is_stored_after_the_charge_will_be_saved_and_then_is(
    shopper: Shopper, world: World, checkout: str
) -> None:
    account_id = route_to(world, "square")
    shopper.pay(checkout, account=account_id, payment_method="cnon:card-nonce-ok", save_card="yes")
    receipt = f"{checkout}/receipt"
    saved = 'Visa ending <span class="num">1111</span>'
    assert f"{saved} will be saved" in shopper.client.get(receipt).get_data(as_text=True)
    (payment,) = world.all_of(Payment)
    owner = world.sign_in("owner")
    assert "Square is being asked to store it." in owner.get(f"/admin/payments/{payment.id}").get_data(as_text=True)
    world.drain()
    assert f"{saved} is saved" in shopper.client.get(receipt).get_data(as_text=True)
    assert "Stored at Square" in owner.get(f"/admin/payments/{payment.id}").get_data(as_text=True)


def test_what_is_only_fetched_asks_for_no_address_and_for_the_country_alone_where_tax_depends_on_it(
    shopper: Shopper, world: World, checkout: str
) -> None:
    bare = {"email": "noor@example.com", "name": "Noor Haddad", "payment_method": "pm_card_visa"}
    assert shopper.post(checkout, bare).status_code == 422, "a kettle goes somewhere"
    with organization(world.acme.id), transaction() as session:
        session.scalars(select(Order)).one().fulfillment = None
    assert shopper.post(checkout, bare).status_code == 422, "what is sent with each period goes somewhere too"
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Product).values(shippable=False))
    page = shopper.client.get(checkout).get_data(as_text=True)
    assert not [name for name in ADDRESS_FIELDS if f'name="{name}"' in page]
    api = world.api(world.acme.api_key)
    assert api.post("/tax_rates", {"name": "VAT", "country": "DE", "bps": 1900}).status_code == 201
    page = shopper.client.get(checkout).get_data(as_text=True)
    assert [name for name in ADDRESS_FIELDS if f'name="{name}"' in page] == ["country"]
    assert "Choose your country." in shopper.post(checkout, bare).get_data(as_text=True)
    assert api.post("/tax_rates", {"name": "Tax", "country": "US", "region": "NY", "bps": 888}).status_code == 201
    assert 'name="region"' in shopper.client.get(checkout).get_data(as_text=True)
    answer = shopper.post(checkout, {**bare, "country": "NO", "line1": "not asked for"})
    assert answer.headers["Location"] == f"{checkout}/receipt"
    (paid,) = world.all_of(Order)
    assert (paid.status, paid.address) == ("paid", {"country": "NO", "region": ""})
    assert "Billed to" in shopper.client.get(f"{checkout}/receipt").get_data(as_text=True)
