"""The bank asks for its customer: by redirect, and off-session not at all."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.sandbox.conftest import NO_REDIRECTS, Sandbox, catch

BACK = "http://127.0.0.1:9/back?cart=1"


def answer_bank(intent: Any, decision: str) -> Any:
    """Open the bank's page, answer it as a form would, and return what the holder is sent back with."""
    url = intent.next_action.redirect_to_url.url
    page = requests.get(url, timeout=5)
    assert page.status_code == 200
    assert "Approve" in page.text
    answer = requests.post(url, data={"decision": decision}, allow_redirects=False, timeout=5)
    assert answer.status_code == 303
    return answer.headers["Location"]


@pytest.mark.parametrize(
    "token",
    [
        "authenticationRequired",
        "authenticationRequiredOnSetup",
        "threeDSecure2Required",
        "authenticationRequiredSetupForOffSession",
    ],
)
def test_an_approved_challenge_charges_and_returns(
    sandbox: Sandbox, account: str, api: Any, pay: Any, token: str
) -> None:
    intent = pay(f"pm_card_{token}", return_url=BACK)
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")
    assert sandbox.charges(account) == []
    location = urlsplit(answer_bank(intent, "approve"))
    told = parse_qs(location.query)
    assert told["cart"] == ["1"]
    assert told["payment_intent"] == [intent.id]
    assert told["payment_intent_client_secret"] == [intent.client_secret]
    assert told["redirect_status"] == ["succeeded"]
    paid = api.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert paid.status == "succeeded"
    assert paid.latest_charge.payment_method_details.card.three_d_secure.result == "authenticated"
    assert len(sandbox.charges(account)) == 1


@pytest.mark.parametrize("decision", ["fail", "cancel"])
def test_a_refused_challenge_charges_nothing(sandbox: Sandbox, account: str, api: Any, pay: Any, decision: str) -> None:
    intent = pay("pm_card_authenticationRequired", return_url=BACK)
    assert "redirect_status=failed" in answer_bank(intent, decision)
    failed = api.payment_intents.retrieve(intent.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    assert sandbox.charges(account) == []


def test_answering_twice_charges_once(sandbox: Sandbox, account: str, pay: Any) -> None:
    intent = pay("pm_card_authenticationRequired", return_url=BACK)
    answer_bank(intent, "approve")
    again = requests.post(
        intent.next_action.redirect_to_url.url, data={"decision": "fail"}, allow_redirects=False, timeout=5
    )
    assert "redirect_status=succeeded" in again.headers["Location"]
    assert len(sandbox.charges(account)) == 1


def test_a_card_may_decline_after_the_challenge(api: Any, pay: Any) -> None:
    intent = pay("pm_card_threeDSecureRequiredChargeDeclined", return_url=BACK)
    assert "redirect_status=failed" in answer_bank(intent, "approve")
    assert api.payment_intents.retrieve(intent.id).last_payment_error.code == "card_declined"


def test_the_browsers_library_is_asked_where_there_is_no_return_url(pay: Any) -> None:
    intent = pay("pm_card_authenticationRequired")
    assert (intent.status, intent.next_action.type) == ("requires_action", "use_stripe_sdk")


def test_off_session_the_bank_refuses(api: Any, pay: Any) -> None:
    customer = api.customers.create({}).id
    method = api.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer}).id
    error = catch(lambda: pay(method, customer=customer, off_session=True))
    assert (error.http_status, error.code) == (402, "authentication_required")
    intent = error.error.payment_intent
    assert (error.error.decline_code, intent.status) == ("authentication_required", "requires_payment_method")
    assert intent.last_payment_error.payment_method.id == method
    recovered = api.payment_intents.confirm(intent.id, {"payment_method": method, "return_url": BACK})
    assert recovered.status == "requires_action"


def test_a_card_set_up_once_passes_off_session_and_asks_on_session(api: Any, pay: Any) -> None:
    customer = api.customers.create({}).id
    first = pay(
        "pm_card_authenticationRequiredOnSetup", customer=customer, setup_future_usage="off_session", return_url=BACK
    )
    answer_bank(first, "approve")
    [kept] = api.customers.payment_methods.list(customer).data
    assert pay(kept.id, customer=customer, off_session=True).status == "succeeded"
    assert pay(kept.id, customer=customer, return_url=BACK).status == "requires_action"


def test_a_setup_intent_asks_the_bank_and_sets_the_card_up(api: Any, pay: Any) -> None:
    customer = api.customers.create({}).id
    wanted = {
        "customer": customer,
        "payment_method": "pm_card_authenticationRequiredOnSetup",
        "confirm": True,
        "return_url": BACK,
        "automatic_payment_methods": NO_REDIRECTS,
    }
    intent = api.setup_intents.create(wanted)
    assert intent.status == "requires_action"
    assert "setup_intent=" in answer_bank(intent, "approve")
    done = api.setup_intents.retrieve(intent.id)
    assert done.status == "succeeded"
    assert pay(done.payment_method, customer=customer, off_session=True).status == "succeeded"


def test_error_on_requires_action_declines_instead_of_asking(pay: Any) -> None:
    error = catch(lambda: pay("pm_card_authenticationRequired", error_on_requires_action=True))
    assert error.code == "authentication_required"


def test_an_optional_challenge_is_made_when_asked_for(pay: Any) -> None:
    wanted = {"card": {"request_three_d_secure": "challenge"}}
    assert pay("pm_card_threeDSecureOptional").status == "succeeded"
    assert pay("pm_card_threeDSecureOptional", payment_method_options=wanted).status == "requires_action"


def test_the_banks_page_needs_the_secret(pay: Any) -> None:
    url = pay("pm_card_authenticationRequired", return_url=BACK).next_action.redirect_to_url.url
    assert requests.get(url.replace("_secret_", "_secret_x"), timeout=5).status_code == 404
