"""What the gateway takes: everything the SDK may send, and nothing else."""

from typing import Any
from xml.etree.ElementTree import fromstring

import braintree
import pytest
import requests
from braintree.client_token import ClientToken
from braintree.customer import Customer
from braintree.payment_method import PaymentMethod
from braintree.transaction import Transaction

import ballast.sandbox.braintree  # noqa: F401 (fills the table)
from ballast.sandbox.braintree.parameters import ANY
from ballast.sandbox.braintree.routes import ROUTES
from tests.sandbox.conftest import Sandbox

Tree = dict[str, Any]
SIGNATURES: dict[str, Any] = {
    "transactions.create": Transaction.create_signature,
    "transactions.submit_for_settlement": Transaction.submit_for_settlement_signature,
    "transactions.submit_for_partial_settlement": Transaction.submit_for_partial_settlement_signature,
    "transactions.refund": Transaction.refund_signature,
    "transactions.reverse": Transaction.reverse_signature,
    "customers.create": Customer.create_signature,
    "customers.update": Customer.update_signature,
    "payment_methods.create": PaymentMethod.create_signature,
    "client_token.generate": ClientToken.generate_signature,
}
# Ways to pay, and other merchants' money, that the sandbox does not look into.
NOT_PLAYED = {"apple_pay_card", "android_pay_card", "android_pay_network_token", "paypal_account", "us_bank_account"}
NOT_PLAYED |= {"paypal", "payment_facilitator", "transfer", "custom_fields", "domains", "data", "installments"}
NOT_PLAYED |= {"network_tokenization_attributes", "payment_reader_card_details"}


def read_signature(signature: list[Any]) -> Tree:
    """The SDK's list of names and of dicts with lists, as a tree."""
    tree: Tree = {}
    for one in signature:
        inner = one if isinstance(one, dict) else {one: None}
        # One of the SDK's lists names `url,`, which its server cannot mean.
        tree |= {name.rstrip(","): read_signature(value) if value else None for name, value in inner.items()}
    return tree


def compare(tree: Tree, schema: Tree, path: str) -> list[str]:
    """What a schema lacks of a signature, or leaves open where the signature names names."""
    faults = []
    for name, inner in tree.items():
        if name not in schema:
            faults.append(f"{path}{name} is missing")
        elif inner and name not in NOT_PLAYED:
            known = schema[name]
            faults += [f"{path}{name} is open"] if known in (None, ANY) else compare(inner, known, f"{path}{name}.")
    return faults


@pytest.mark.parametrize("operation", SIGNATURES)
def test_the_list_is_that_of_the_sdk(operation: str) -> None:
    [route] = [one for one in ROUTES.values() if one.operation == operation]
    assert compare(read_signature(SIGNATURES[operation]()), route.schema, "") == []


@pytest.fixture
def say(sandbox: Sandbox, merchant: str) -> Any:
    """Send what the SDK would not."""

    def send(method: str, path: str, body: Any, kind: str = "xml") -> requests.Response:
        said: Any = {"data": body} if kind == "xml" else {"json": body}
        return requests.request(
            method,
            f"{sandbox.url}/merchants/{merchant}/{path}",
            auth=("public", "private"),
            headers={"X-ApiVersion": "6", "Content-Type": f"application/{kind}"},
            timeout=5,
            **said,
        )

    return send


SALE = "<amount>10.00</amount><type>sale</type><payment_method_nonce>fake-valid-nonce</payment_method_nonce>"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (f"<transaction>{SALE}<color>red</color></transaction>", "transaction[color]"),
        (f"<transaction>{SALE}<options><submit>true</submit></options></transaction>", "transaction[options][submit]"),
        (f"<transaction>{SALE}<billing><zip>1</zip></billing></transaction>", "transaction[billing][zip]"),
        (
            f'<transaction>{SALE}<line_items type="array"><item><sku>1</sku></item></line_items></transaction>',
            "transaction[line_items][sku]",
        ),
        (f"<transaction>{SALE}<order_id><is>1</is></order_id></transaction>", "transaction[order_id]"),
        (f"<transaction>{SALE}<options>yes</options></transaction>", "transaction[options]"),
        (f"<sale>{SALE}</sale>", "sale"),
    ],
)
def test_what_is_not_on_the_list_is_refused(say: Any, sandbox: Sandbox, merchant: str, body: str, named: str) -> None:
    answer = say("POST", "transactions", body)
    assert answer.status_code == 403
    assert fromstring(answer.text).findtext("message") == f"Invalid params: {named}"
    assert sandbox.charges(merchant) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "plans"), ("POST", "transactions/x/y/z"), ("PATCH", "transactions/x"), ("GET", "transactions/none")],
)
def test_an_unknown_address_is_404(say: Any, method: str, path: str) -> None:
    assert say(method, path, "").status_code == 404


def test_json_is_taken_as_well(say: Any) -> None:
    sale = {"amount": "10.00", "type": "sale", "paymentMethodNonce": "fake-valid-nonce", "orderId": "o-1"}
    made = say("POST", "transactions", {"transaction": sale}, "json")
    assert (made.status_code, fromstring(made.text).findtext("order-id")) == (201, "o-1")
    assert say("POST", "transactions", {"transaction": sale | {"colorOfCar": 1}}, "json").status_code == 403
    assert say("POST", "transactions", ["transaction"], "json").status_code == 400
    assert say("POST", "transactions", "<transaction>").status_code == 400


def test_a_body_where_none_belongs_is_refused(say: Any, gateway: Any, sell: Any) -> None:
    key = sell().transaction.id
    assert say("PUT", f"transactions/{key}/settle", "<transaction><amount>1</amount></transaction>").status_code == 403
    assert isinstance(gateway.testing.settle_transaction(key), braintree.SuccessfulResult)
