"""Customers and their stored cards."""

import re
from typing import Any

from ballast.sandbox.braintree.bank import verify
from ballast.sandbox.braintree.card_numbers import Facts, read_card, unique_identifier
from ballast.sandbox.braintree.errors import Place, Unsuccessful, invalid
from ballast.sandbox.braintree.nonces import IN_PAYMENT_METHOD, consume
from ballast.sandbox.braintree.objects import PERSON, show_customer, show_method
from ballast.sandbox.braintree.parameters import ADDRESS, ADYEN, ANY, DEVICE, OTHER_WALLETS, RISK, THREE_DS, keys
from ballast.sandbox.braintree.parameters import PERSON as PERSON_KEYS
from ballast.sandbox.braintree.routes import Call, Reply, new_id, route
from ballast.sandbox.store import Record

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]+")
LONGEST_ID = 36
OPTIONS = keys(
    "verify_card make_default verification_merchant_account_id verification_amount verification_account_type "
    "fail_on_duplicate_payment_method fail_on_duplicate_payment_method_for_customer skip_advanced_fraud_checking "
    "account_information_inquiry verification_add_ons us_bank_account_verification_method venmo_sdk_session "
    "verification_currency_iso_code update_existing_token",
    adyen=ADYEN,
    paypal=ANY,
)
TYPED = keys("cardholder_name cvv expiration_date expiration_month expiration_year number token")
CARD = TYPED | keys(
    "payment_method_nonce billing_address_id customer_id venmo_sdk_payment_method_code paypal_refresh_token",
    billing_address=ADDRESS | keys("customer_id", options=keys("update_existing")),
    options=OPTIONS,
    three_d_secure_pass_thru=THREE_DS,
    us_bank_account=ANY,
    **DEVICE,
)
CUSTOMER = PERSON_KEYS | keys(
    "id payment_method_nonce default_payment_method_token",
    credit_card=CARD,
    custom_fields=ANY,
    risk_data=RISK,
    android_pay_network_token=ANY,
    options=keys("", paypal=ANY),
    tax_identifiers=keys("country_code identifier"),
    three_d_secure_pass_thru=THREE_DS,
    **DEVICE,
    **OTHER_WALLETS,
)


@route("POST", "customers", "customers.create", "customer", CUSTOMER)
def create_customer(call: Call) -> Reply:
    """Make a customer, perhaps with a first card."""
    given = call.params
    key = str(given.get("id") or new_id(10))
    check_new_id(call, key)
    check_email(given)
    customer: Record = {"id": key, "merchant": call.merchant["merchant_id"], "created": call.now, "updated": call.now}
    customer |= {name: given.get(name) for name in PERSON}
    call.tx.put("customers", customer)
    card = given.get("credit_card") or {}
    if given.get("payment_method_nonce"):
        card = card | {"payment_method_nonce": given["payment_method_nonce"]}
    methods = [add_method(call, key, card, ("customer", "credit_card"))] if card else []
    return Reply("customer", show_customer(customer, methods, call.now), 201)


def check_new_id(call: Call, key: str) -> None:
    """Raise Invalid for an id of a wrong form, or one that is taken."""
    if not IDENTIFIER.fullmatch(key):
        raise invalid("id", "91610", "customer")
    if len(key) > LONGEST_ID:
        raise invalid("id", "91612", "customer")
    if call.tx.get("customers", key):
        raise invalid("id", "91609", "customer")


def check_email(given: dict[str, Any]) -> None:
    """Raise Invalid for what cannot be an address."""
    email = given.get("email")
    if email and "@" not in str(email):
        raise invalid("email", "81604", "customer")


@route("GET", "customers/{}", "customers.find")
def find_customer(call: Call, key: str) -> Reply:
    """Answer a customer with all stored cards."""
    customer = call.load("customers", key, "customer")
    return Reply("customer", show_customer(customer, call.tx.find("payment_methods", key), call.now))


@route("PUT", "customers/{}", "customers.update", "customer", CUSTOMER)
def update_customer(call: Call, key: str) -> Reply:
    """Change what is given."""
    customer = call.load("customers", key, "customer")
    check_email(call.params)
    customer |= {name: call.params[name] for name in PERSON if name in call.params} | {"updated": call.now}
    call.tx.put("customers", customer)
    added = []
    if call.params.get("payment_method_nonce"):
        card = {"payment_method_nonce": call.params["payment_method_nonce"]}
        added = [add_method(call, key, card, ("customer", "credit_card"))]
    return Reply("customer", show_customer(customer, [*added, *call.tx.find("payment_methods", key)], call.now))


@route("DELETE", "customers/{}", "customers.delete")
def delete_customer(call: Call, key: str) -> None:
    """Forget a customer and every stored card."""
    call.load("customers", key, "customer")
    for method in call.tx.find("payment_methods", key):
        call.tx.delete("payment_methods", method["id"])
    call.tx.delete("customers", key)


@route("POST", "payment_methods", "payment_methods.create", "payment_method", CARD)
def create_method(call: Call) -> Reply:
    """Store a card for a customer, once its bank has said that it exists if that is asked for."""
    customer = call.params.get("customer_id")
    if not customer:
        raise invalid("customer_id", "93104", "payment_method")
    if call.tx.get("customers", str(customer)) is None:
        raise invalid("customer_id", "93105", "payment_method")
    method = add_method(call, str(customer), call.params, ("payment_method",))
    return Reply("credit_card", show_method(method, call.now), 201)


@route("GET", "payment_methods/any/{}", "payment_methods.find")
def find_method(call: Call, token: str) -> Reply:
    """Answer a stored card."""
    return Reply("credit_card", show_method(call.load("payment_methods", token, "payment method"), call.now))


@route("DELETE", "payment_methods/any/{}", "payment_methods.delete")
def delete_method(call: Call, token: str) -> None:
    """Forget a stored card."""
    call.load("payment_methods", token, "payment method")
    call.tx.delete("payment_methods", token)


def add_method(call: Call, customer: str, given: dict[str, Any], place: Place) -> Record:
    """Store a card. Raises Invalid, or Unsuccessful if it was to be verified and its bank refused."""
    token = str(given.get("token") or new_id(6))
    check_token(call, token, place)
    options = given.get("options") or {}
    facts = read_method(call, given, place)
    check_duplicate(call, customer, facts, options, place)
    if options.get("verify_card"):
        refused = verify(call, facts)
        if refused:
            raise Unsuccessful("verification", refused, refused["processor_response_text"])
    return store_method(call, customer, facts, token, given)


def store_method(call: Call, customer: str, facts: Facts, token: str, given: dict[str, Any]) -> Record:
    """Write a card; the first of a customer, or one that is said to be, becomes the default."""
    others = call.tx.find("payment_methods", customer)
    default = not others or bool((given.get("options") or {}).get("make_default"))
    for other in others if default else []:
        call.tx.put("payment_methods", other | {"default": False})
    method = {
        "id": token,
        "customer": customer,
        "card": facts | {"cvv": "I"},
        "default": default,
        "created": call.now,
        "billing": given.get("billing_address"),
    }
    return call.tx.put("payment_methods", method)


def check_token(call: Call, token: str, place: Place) -> None:
    """Raise Invalid for a token of a wrong form, or one that is taken."""
    if not IDENTIFIER.fullmatch(token):
        raise invalid("token", "91718", *place)
    if len(token) > LONGEST_ID:
        raise invalid("token", "91720", *place)
    if call.tx.get("payment_methods", token):
        raise invalid("token", "91719", *place)


def read_method(call: Call, given: dict[str, Any], place: Place) -> Facts:
    """Return the card behind a nonce, or as it was typed."""
    if given.get("payment_method_nonce"):
        facts: Facts = consume(call, given["payment_method_nonce"], IN_PAYMENT_METHOD, *place)["card"]
        postal = (given.get("billing_address") or {}).get("postal_code")
        return facts | ({"postal_code": str(postal)} if postal else {})
    if given.get("number"):
        return read_card(given, *place)
    raise invalid("payment_method_nonce", "93103", *place)


def check_duplicate(call: Call, customer: str, facts: Facts, options: dict[str, Any], place: Place) -> None:
    """Raise Invalid if the customer has this card already and that is to fail."""
    if not options.get("fail_on_duplicate_payment_method_for_customer"):
        return
    if any(
        unique_identifier(one["card"]) == unique_identifier(facts) for one in call.tx.find("payment_methods", customer)
    ):
        raise invalid("number", "81724", *place)
