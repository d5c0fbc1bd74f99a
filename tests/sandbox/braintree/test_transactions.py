"""Charges with the official SDK: nonces, amounts, validation, captures, voids, refunds, settlement."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import braintree
import pytest
import requests
from braintree import exceptions
from braintree.transaction import Transaction

from ballast.sandbox.braintree.routes import ROUTES
from ballast.sandbox.braintree.transactions import OPTIONS, SALE
from tests.sandbox.braintree.conftest import Setup, codes, connect
from tests.sandbox.conftest import Sandbox, wait_until

Sell = Callable[..., Any]


def test_a_sale_is_approved_and_submitted(sell: Sell, sandbox: Sandbox, merchant: str) -> None:
    made = sell(order_id="o-1").transaction
    assert (made.status, made.amount, made.currency_iso_code) == ("submitted_for_settlement", Decimal("10.00"), "USD")
    assert (made.credit_card_details.card_type, made.credit_card_details.last_4) == ("Visa", "1111")
    assert [event.status for event in made.status_history] == ["authorized", "submitted_for_settlement"]
    assert made.processor_response_type == "approved"
    [line] = [one for one in sandbox.charges(merchant) if one["id"] == made.id]
    assert line["processor"] == "braintree"
    assert (line["reference"], line["status"], line["amount_captured"]) == ("o-1", "captured", 1000)


def test_the_answer_to_a_sale_is_what_find_answers(gateway: Any, sell: Sell) -> None:
    made = sell().transaction
    found = gateway.transaction.find(made.id)
    assert repr(found).partition(" at ")[0][:200] == repr(made).partition(" at ")[0][:200]
    assert found.authorization_adjustments == []
    assert found.disbursement_details.is_valid is False


@pytest.mark.parametrize(
    ("amount", "status", "code", "kind"),
    [
        ("1999.99", "submitted_for_settlement", "1000", "approved"),
        ("2000.00", "processor_declined", "2000", "soft_declined"),
        ("2001.00", "processor_declined", "2001", "soft_declined"),
        ("2004.99", "processor_declined", "2004", "hard_declined"),
        ("2099.00", "processor_declined", "2099", "soft_declined"),
        ("2999.99", "processor_declined", "2999", "soft_declined"),
        ("3000.00", "failed", "3000", "soft_declined"),
        ("3001.00", "submitted_for_settlement", "1000", "approved"),
        ("4001.00", "submitted_for_settlement", "1000", "approved"),
    ],
)
def test_the_amount_decides(sell: Sell, amount: str, status: str, code: str, kind: str) -> None:
    result = sell(amount=amount)
    made = result.transaction
    assert (made.status, made.processor_response_code, made.processor_response_type) == (status, code, kind)
    assert result.is_success is (kind == "approved")
    if not result.is_success:
        assert result.errors.deep_errors == []
        assert result.message == made.processor_response_text


@pytest.mark.parametrize(
    ("nonce", "status", "reason"),
    [
        ("fake-processor-declined-visa-nonce", "processor_declined", None),
        ("fake-processor-declined-mastercard-nonce", "processor_declined", None),
        ("fake-processor-failure-jcb-nonce", "failed", None),
        ("fake-gateway-rejected-fraud-nonce", "gateway_rejected", "fraud"),
        ("fake-gateway-rejected-risk-thresholds-nonce", "gateway_rejected", "risk_threshold"),
    ],
)
def test_the_nonce_decides(sell: Sell, nonce: str, status: str, reason: str | None) -> None:
    made = sell(nonce).transaction
    assert (made.status, made.gateway_rejection_reason) == (status, reason)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"amount": "0"}, "81531"),
        ({"amount": "-1.00"}, "81501"),
        ({"amount": "ten"}, "81503"),
        ({"amount": "1.001"}, "81503"),
        ({"amount": "9999999999999"}, "81503"),
        ({"amount": None}, "81502"),
        ({"order_id": "x" * 256}, "91501"),
        ({"merchant_account_id": "nowhere"}, "91513"),
        ({"transaction_source": "sometimes"}, "915133"),
    ],
)
def test_a_wrong_parameter_is_a_validation_error_at_its_place(sell: Sell, params: dict[str, Any], code: str) -> None:
    result = sell(**params)
    assert codes(result) == [code]
    assert result.transaction is None
    assert [error.code for error in result.errors.for_object("transaction").errors] == [code]


@pytest.mark.parametrize(
    ("nonce", "code"), [("fake-consumed-nonce", "91564"), ("fake-luhn-invalid-nonce", "81715"), ("unheard-of", "91565")]
)
def test_a_nonce_that_is_no_good(sell: Sell, nonce: str, code: str) -> None:
    assert codes(sell(nonce)) == [code]


def test_the_errors_of_a_typed_card_are_nested(sell: Sell) -> None:
    result = sell(credit_card={"number": "4111111111111112", "expiration_date": "13/2030"})
    found = result.errors.for_object("transaction").for_object("credit_card")
    assert [error.code for error in found.on("number")] == ["81715"]
    assert [error.code for error in found.on("expiration_date")] == ["81710"]
    assert codes(sell(credit_card={"number": "4242424242424242", "expiration_date": "12/2030"})) == ["81717"]


def test_security_code_and_postal_code_are_answered_and_reject_only_by_rule(sell: Sell, setup: Setup) -> None:
    card = {"number": "4111111111111111", "expiration_date": "12/2030", "cvv": "200"}
    made = sell(credit_card=card).transaction
    assert (made.status, made.cvv_response_code) == ("submitted_for_settlement", "N")
    setup(rejects=["cvv"])
    assert sell(credit_card=card, amount="11.00").transaction.gateway_rejection_reason == "cvv"


def test_an_expired_card_is_declined(sell: Sell) -> None:
    made = sell(credit_card={"number": "4111111111111111", "expiration_date": "01/2020"}).transaction
    assert made.processor_response_code == "2004"


def test_an_unknown_parameter_is_forbidden(sandbox: Sandbox, merchant: str) -> None:
    body = "<transaction><amount>1.00</amount><color>red</color><type>sale</type></transaction>"
    answer = requests.post(
        f"{sandbox.url}/merchants/{merchant}/transactions",
        data=body,
        auth=("p", "q"),
        headers={"Content-Type": "application/xml"},
        timeout=5,
    )
    assert answer.status_code == 403
    assert "transaction[color]" in answer.text


@pytest.mark.parametrize(
    "body", ["<transaction><amount>", "<!DOCTYPE x [<!ENTITY a 'b'>]><transaction>&a;</transaction>", "<a>" * 60, "{}"]
)
def test_a_body_that_cannot_be_read(sandbox: Sandbox, merchant: str, body: str) -> None:
    answer = requests.post(f"{sandbox.url}/merchants/{merchant}/transactions", data=body, auth=("p", "q"), timeout=5)
    assert answer.status_code == 400


def test_a_json_body_is_taken_too(sandbox: Sandbox, merchant: str) -> None:
    said = {"amount": "10.00", "paymentMethodNonce": "fake-valid-nonce", "type": "sale", "orderId": "o-json"}
    answer = requests.post(
        f"{sandbox.url}/merchants/{merchant}/transactions", json={"transaction": said}, auth=("p", "q"), timeout=5
    )
    assert answer.status_code == 201
    assert "<order-id>o-json</order-id>" in answer.text


@pytest.mark.parametrize(
    ("merchant_id", "public", "private"),
    [("acme", "p", "q"), ("ballast_x", "p", "production_key"), ("ballast_x", "live_p", "q")],
)
def test_what_could_be_live_is_refused(sandbox: Sandbox, merchant_id: str, public: str, private: str) -> None:
    gateway = connect(sandbox.url, merchant_id, public, private)
    with pytest.raises(exceptions.AuthenticationError):
        gateway.transaction.find("x")


def test_what_is_not_there_is_not_found(gateway: Any) -> None:
    with pytest.raises(exceptions.NotFoundError):
        gateway.transaction.find("nothing")
    with pytest.raises(exceptions.NotFoundError):
        gateway.customer.find("nobody")


@pytest.mark.parametrize(
    ("account", "amount", "currency", "minor"),
    [("jpy", "1050", "JPY", 1050), ("kwd", "1.050", "KWD", 1050), ("acme_eur", "10.50", "EUR", 1050)],
)
def test_the_merchant_account_has_the_currency(
    sell: Sell, sandbox: Sandbox, merchant: str, account: str, amount: str, currency: str, minor: int
) -> None:
    made = sell(amount=amount, merchant_account_id=account).transaction
    assert (made.currency_iso_code, str(made.amount)) == (currency, amount)
    assert sandbox.charges(merchant)[0]["amount"] == minor
    assert codes(sell(amount="10.5", merchant_account_id="jpy")) == ["81503"]


def test_capture_of_all_and_of_less(gateway: Any, sell: Sell, sandbox: Sandbox, merchant: str) -> None:
    whole = sell(submit=False).transaction
    assert whole.status == "authorized"
    assert gateway.transaction.submit_for_settlement(whole.id).transaction.status == "submitted_for_settlement"
    less = sell(submit=False, order_id="less").transaction
    assert codes(gateway.transaction.submit_for_settlement(less.id, Decimal("10.01"))) == ["91522"]
    assert gateway.transaction.submit_for_settlement(less.id, Decimal("8.00")).transaction.amount == Decimal("8.00")
    assert codes(gateway.transaction.submit_for_settlement(less.id)) == ["91507"]
    line = next(one for one in sandbox.charges(merchant) if one["reference"] == "less")
    assert (line["amount"], line["amount_captured"]) == (1000, 800)


def test_parts_are_transactions_of_their_own(gateway: Any, sell: Sell, setup: Setup) -> None:
    parent = sell(submit=False).transaction
    parts = gateway.transaction.submit_for_partial_settlement
    first = parts(parent.id, Decimal("3.00"), {"order_id": "part-1"}).transaction
    second = parts(parent.id, Decimal("7.00")).transaction
    assert (first.status, first.authorized_transaction_id) == ("submitted_for_settlement", parent.id)
    assert codes(parts(parent.id, Decimal("0.01"))) == ["91522"]
    found = gateway.transaction.find(parent.id)
    assert (found.status, found.partial_settlement_transaction_ids) == ("settlement_pending", [first.id, second.id])
    assert codes(gateway.transaction.submit_for_settlement(parent.id)) == ["91507"]
    for part in (first, second):
        gateway.testing.settle_transaction(part.id)
    assert gateway.transaction.find(parent.id).status == "settled"
    setup(partial_settlements=False)
    assert codes(parts(sell(submit=False, order_id="x").transaction.id, Decimal("1.00"))) == ["915102"]


def test_void_until_it_settles(gateway: Any, sell: Sell, settled: Sell, sandbox: Sandbox, merchant: str) -> None:
    assert gateway.transaction.void(sell(submit=False).transaction.id).transaction.status == "voided"
    late = settled(order_id="late")
    assert codes(gateway.transaction.void(late.id)) == ["91504"]
    assert [one["status"] for one in sandbox.charges(merchant)] == ["canceled", "captured"]


def test_refunds_add_up(gateway: Any, settled: Sell, sandbox: Sandbox, merchant: str) -> None:
    charge = settled(order_id="o-9")
    first = gateway.transaction.refund(charge.id, {"amount": "4.00", "order_id": "r-1"}).transaction
    assert (first.type, first.refunded_transaction_id, first.order_id) == ("credit", charge.id, "r-1")
    assert codes(gateway.transaction.refund(charge.id, Decimal("6.01"))) == ["91521"]
    rest = gateway.transaction.refund(charge.id).transaction
    assert (rest.amount, rest.order_id) == (Decimal("6.00"), "o-9")
    assert codes(gateway.transaction.refund(charge.id)) == ["91512"]
    assert codes(gateway.transaction.refund(first.id)) == ["91505"]
    assert gateway.transaction.find(charge.id).refund_ids == [first.id, rest.id]
    assert sandbox.charges(merchant)[0]["amount_refunded"] == 1000


def test_no_refund_before_settlement_and_reverse_does_what_is_possible(gateway: Any, sell: Sell, settled: Sell) -> None:
    early = sell().transaction
    assert codes(gateway.transaction.refund(early.id)) == ["91506"]
    assert gateway.transaction.reverse(early.id).transaction.status == "voided"
    reversal = gateway.transaction.reverse(settled(order_id="z").id).transaction
    assert (reversal.type, reversal.amount) == ("credit", Decimal("10.00"))
    assert codes(gateway.transaction.reverse(early.id)) == ["915282"]


def test_settlement_moves_by_itself(gateway: Any, sell: Sell, setup: Setup) -> None:
    setup(settle_after=1)
    good, bad = sell().transaction, sell(amount="4001.00").transaction
    wait_until(lambda: gateway.transaction.find(good.id).status == "settled")
    history = [event.status for event in gateway.transaction.find(good.id).status_history]
    assert history == ["authorized", "submitted_for_settlement", "settling", "settled"]
    wait_until(lambda: gateway.transaction.find(bad.id).status == "settlement_declined")


def test_the_testing_gateway_settles_at_once(gateway: Any, sell: Sell) -> None:
    testing = gateway.testing
    confirmed = sell(order_id="1").transaction
    assert testing.settlement_confirm_transaction(confirmed.id).transaction.status == "settlement_confirmed"
    pending = sell(order_id="2").transaction
    assert testing.settlement_pending_transaction(pending.id).transaction.status == "settlement_pending"
    assert testing.settlement_decline_transaction(pending.id).transaction.status == "settlement_declined"
    held = sell(submit=False, order_id="3").transaction
    assert codes(testing.settle_transaction(held.id)) == ["91575"]


def test_a_summary_of_the_days_settlements(gateway: Any, settled: Sell) -> None:
    settled(order_id="1")
    settled(order_id="2", amount="5.00")
    today = dt.datetime.now(dt.UTC).date().isoformat()
    [record] = gateway.settlement_batch_summary.generate(today).settlement_batch_summary.records
    assert (record["count"], record["amount_settled"], record["card_type"]) == ("2", "15.00", "Visa")
    empty = gateway.settlement_batch_summary.generate("2020-01-01").settlement_batch_summary
    assert empty.records == []


def test_three_d_secure_that_is_required_and_did_not_succeed(gateway: Any, sell: Sell) -> None:
    options = {"submit_for_settlement": True, "three_d_secure": {"required": True}}
    good = sell("fake-three-d-secure-visa-full-authentication-nonce", options=options).transaction
    assert good.three_d_secure_info.liability_shifted is True
    bad = sell("fake-three-d-secure-visa-failed-authentication-nonce", options=options, amount="11.00").transaction
    assert bad.gateway_rejection_reason == "three_d_secure"
    info = gateway.payment_method_nonce.find("fake-three-d-secure-visa-failed-authentication-nonce").three_d_secure_info
    assert (info.status, info.liability_shift_possible) == ("authenticate_failed", True)


def test_the_sale_remembers_its_place_in_a_series(sell: Sell) -> None:
    for number, source in enumerate(
        ("recurring_first", "recurring", "unscheduled", "installment_first", "installment")
    ):
        made = sell(transaction_source=source, order_id=str(number)).transaction
        assert made.recurring is source.startswith("recurring")


def test_the_clients_configuration_names_every_merchant_account(gateway: Any) -> None:
    accounts = list(gateway.merchant_account.all().merchant_accounts.items)
    assert {"USD", "EUR", "INR", "JPY", "KWD"} <= {one.currency_iso_code for one in accounts}
    assert [one.id for one in accounts if one.default] == ["usd"]
    assert isinstance(gateway, braintree.BraintreeGateway)


def test_the_strict_list_has_nothing_that_the_sdk_does_not_know() -> None:
    signature = Transaction.create_signature()
    known = {word for word in signature if isinstance(word, str)}
    known |= {name for group in signature if isinstance(group, dict) for name in group}
    assert set(SALE) <= known
    options = next(group["options"] for group in signature if isinstance(group, dict) and "options" in group)
    known = {word for word in options if isinstance(word, str)}
    known |= {name for group in options if isinstance(group, dict) for name in group}
    assert set(OPTIONS) <= known
    partial = Transaction.submit_for_partial_settlement_signature()
    known = {word if isinstance(word, str) else next(iter(word)) for word in partial} | {"amount"}
    assert set(ROUTES["POST", "transactions/{}/submit_for_partial_settlement"].schema) <= known
