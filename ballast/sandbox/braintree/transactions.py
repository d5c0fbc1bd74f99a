"""Charges: making them, reading them, and what every transaction is made of."""

import hashlib
from decimal import Decimal
from typing import Any

from ballast.sandbox.braintree import settlement
from ballast.sandbox.braintree.bank import APPROVED, Verdict, judge, reject
from ballast.sandbox.braintree.card_numbers import read_card, unique_identifier
from ballast.sandbox.braintree.errors import Unsuccessful, invalid
from ballast.sandbox.braintree.markup import words
from ballast.sandbox.braintree.merchants import currency_of, default_account
from ballast.sandbox.braintree.money import read_amount, whole
from ballast.sandbox.braintree.nonces import IN_TRANSACTION, consume, show_three_ds
from ballast.sandbox.braintree.objects import show_transaction
from ballast.sandbox.braintree.parameters import (
    ADDRESS,
    ADYEN,
    ANY,
    DEVICE,
    INDUSTRY,
    LINE_ITEM,
    OTHER_WALLETS,
    PERSON,
    RISK,
    THREE_DS,
    keys,
)
from ballast.sandbox.braintree.routes import Call, Reply, new_id, route
from ballast.sandbox.braintree.vault import TYPED, store_method
from ballast.sandbox.store import Record

SOURCES = ("recurring_first", "recurring", "unscheduled", "installment_first", "installment", "moto", "estimated", None)
LONGEST_ORDER_ID = 255
OPTIONS = keys(
    "submit_for_settlement store_in_vault store_in_vault_on_success store_shipping_address_in_vault skip_avs skip_cvv "
    "skip_advanced_fraud_checking add_billing_address_to_payment_method payee_id payee_email venmo_sdk_session",
    three_d_secure=keys("required"),
    credit_card=keys("account_type process_debit_as_credit"),
    paypal=ANY,
    amex_rewards=keys("currency_amount currency_iso_code points request_id"),
    venmo=keys("profile_id"),
    us_bank_account=keys("ach_type"),
    adyen=ADYEN,
    processing_overrides=keys("customer_email customer_first_name customer_last_name customer_tax_identifier"),
)
SALE = keys(
    "type amount api_request_key payment_method_nonce payment_method_token order_id customer_id merchant_account_id channel "
    "transaction_source purchase_order_number tax_amount tax_exempt discount_amount shipping_amount shipping_tax_amount "
    "ships_from_postal_code surcharge_amount billing_address_id shipping_address_id exchange_rate_quote_id foreign_retailer "
    "product_sku sca_exemption recurring three_d_secure_authentication_id processing_merchant_category_code "
    "accept_partial_authorization shared_customer_id shared_payment_method_nonce shared_payment_method_token "
    "shared_billing_address_id shared_shipping_address_id three_d_secure_token venmo_sdk_payment_method_code",
    options=OPTIONS,
    credit_card=TYPED | keys("", network_tokenization_attributes=ANY, payment_reader_card_details=ANY),
    customer=PERSON | keys("id"),
    billing=ADDRESS,
    shipping=ADDRESS | keys("shipping_method"),
    descriptor=keys("name phone url"),
    custom_fields=ANY,
    external_vault=keys("status previous_network_transaction_id previous_mastercard_transaction_link_id"),
    risk_data=RISK,
    line_items=LINE_ITEM,
    industry=INDUSTRY,
    installments=ANY,
    three_d_secure_pass_thru=THREE_DS,
    payment_facilitator=ANY,
    transfer=ANY,
    us_bank_account=ANY,
    **DEVICE,
    **OTHER_WALLETS,
)


@route("POST", "transactions", "transactions.create", "transaction", SALE, keyed=True)
def create(call: Call) -> Reply:
    """Charge or authorize a card. Raises Invalid, or Unsuccessful for what was declined or rejected."""
    given = call.params
    check_type(given)
    currency = currency_of(call.merchant, given.get("merchant_account_id"))
    if currency is None:
        raise invalid("merchant_account_id", "91513")
    amount = read_amount(given.get("amount"), currency, "transaction")
    check_texts(given)
    source = find_source(call)
    check_three_ds(call, whole(amount, currency), source)
    verdict = check_first(call, amount, currency, source) or judge(call, amount, currency, source["card"])
    record = make(call, amount, currency, source, verdict)
    if verdict is not APPROVED:
        raise refuse(call, record, verdict)
    remember_for_duplicates(call, record)
    store_card(call, record)
    if is_true((given.get("options") or {}).get("submit_for_settlement")):
        settlement.submit(call, record)
    save(call, record)
    return reply(call, record, 201)


def check_type(given: dict[str, Any]) -> None:
    """Raise Invalid for anything but a sale."""
    if given.get("type") is None:
        raise invalid("type", "91524")
    if given["type"] != "sale":
        raise invalid("type", "91523")


def check_texts(given: dict[str, Any]) -> None:
    """Raise Invalid for an order id that is too long, or a source that does not exist."""
    if len(str(given.get("order_id") or "")) > LONGEST_ORDER_ID:
        raise invalid("order_id", "91501")
    if given.get("transaction_source") not in SOURCES:
        raise invalid("transaction_source", "915133")


def find_source(call: Call) -> Record:
    """Return what is paid with: card facts, token and customer, and what 3-D Secure said. Raises Invalid."""
    given = call.params
    named = [name for name in ("payment_method_nonce", "payment_method_token", "credit_card") if given.get(name)]
    if len(named) > 1:
        raise invalid("base", "91515")
    if "payment_method_nonce" in named:
        nonce = consume(call, given["payment_method_nonce"], IN_TRANSACTION, "transaction")
        return nonce | {"customer": nonce["customer"] or given.get("customer_id")}
    if "credit_card" in named:
        facts = read_card(given["credit_card"], "transaction", "credit_card")
        return {"card": facts, "token": None, "customer": given.get("customer_id"), "three_ds": None}
    return find_stored(call, given.get("payment_method_token"), given.get("customer_id"))


def find_stored(call: Call, token: Any, customer: Any) -> Record:
    """Return a stored card, by its token or as its customer's default. Raises Invalid."""
    if token:
        method = call.tx.get("payment_methods", str(token))
        if method is None:
            raise invalid("payment_method_token", "91518")
        if customer and method["customer"] != customer:
            raise invalid("payment_method_token", "91516")
    elif customer:
        if call.tx.get("customers", str(customer)) is None:
            raise invalid("customer_id", "91510")
        method = next((one for one in call.tx.find("payment_methods", str(customer)) if one["default"]), None)
        if method is None:
            raise invalid("customer_id", "91511")
    else:
        raise invalid("base", "91508")
    return {"card": method["card"], "token": method["id"], "customer": method["customer"], "three_ds": None}


def check_three_ds(call: Call, amount: Decimal, source: Record) -> None:
    """Raise Invalid if the holder agreed to another amount, or to pay into another account (which is: another currency)."""
    bound = source["three_ds"] or {}
    if bound.get("amount") is None:
        return
    if Decimal(bound["amount"]) != amount:
        raise invalid("amount", "91585")
    if bound["account"] != (call.params.get("merchant_account_id") or default_account(call.merchant)):
        raise invalid("merchant_account_id", "91584")


def check_first(call: Call, amount: int, currency: str, source: Record) -> Verdict | None:
    """Return the rejection for a duplicate, or for 3-D Secure that is required and did not succeed."""
    required = ((call.params.get("options") or {}).get("three_d_secure") or {}).get("required")
    if is_true(required) and not (source["three_ds"] or {}).get("shifted"):
        return reject("three_d_secure")
    if call.params.get("api_request_key"):
        return None
    earlier = call.tx.get("duplicates", duplicate_key(amount, currency, call.params.get("order_id"), source["card"]))
    lately = earlier is not None and call.now - earlier["at"] < call.merchant["duplicate_seconds"]
    return reject("duplicate") if lately else None


def duplicate_key(amount: int, currency: str, order_id: Any, facts: dict[str, Any]) -> str:
    """Return what two charges have in common when the second is a duplicate."""
    common = f"{amount}|{currency}|{order_id or ''}|{unique_identifier(facts)}"
    return hashlib.sha256(common.encode()).hexdigest()[:32]


def remember_for_duplicates(call: Call, record: Record) -> None:
    """Write down that this charge was made."""
    key = duplicate_key(record["amount"], record["currency"], record["order_id"], record["card"])
    call.tx.put("duplicates", {"id": key, "at": call.now, "transaction": record["id"]})


def make(call: Call, amount: int, currency: str, source: Record, verdict: Verdict) -> Record:
    """Return a fresh transaction with its verdict."""
    given = call.params
    account = given.get("merchant_account_id") or default_account(call.merchant)
    record = blank(call, "sale", amount, currency, account, source["card"])
    customer = call.tx.get("customers", str(source["customer"])) if source["customer"] else None
    record |= {
        "order_id": given.get("order_id"),
        "channel": given.get("channel"),
        "source": given.get("transaction_source"),
        "key": given.get("api_request_key"),
        "purchase_order_number": given.get("purchase_order_number"),
        "token": source["token"],
        "customer": customer or given.get("customer"),
        "billing": given.get("billing"),
        "shipping": given.get("shipping"),
        "descriptor": given.get("descriptor"),
        "three_ds": show_three_ds(source["three_ds"]),
        "code": verdict.code,
        "text": verdict.text,
        "kind": verdict.kind,
        "rejection": verdict.rejection,
        "additional": f"{verdict.code} : {verdict.text}" if verdict.kind and verdict is not APPROVED else None,
        "authorization": new_id(6).upper() if verdict is APPROVED else None,
    }
    settlement.move(call, record, verdict.status)
    return record


def blank(call: Call, kind: str, amount: int, currency: str, account: str, facts: dict[str, Any]) -> Record:
    """Return a transaction of which nothing is known but this."""
    nothing = words(
        "order_id channel source key purchase_order_number token customer billing shipping descriptor three_ds "
        "code text rejection additional authorization settlement_code settlement_text batch settled_at refunded "
        "authorized status"
    )
    return dict.fromkeys(nothing) | {
        "kind": None,
        "id": new_id(),
        "type": kind,
        "amount": amount,
        "currency": currency,
        "merchant_account": account,
        "card": facts,
        "created": call.now,
        "updated": call.now,
        "history": [],
        "refunds": [],
        "partials": [],
        "returned": 0,
    }


def refuse(call: Call, record: Record, verdict: Verdict) -> Unsuccessful:
    """Return the 422 of a transaction that is recorded and did not go through."""
    save(call, record)
    return unsuccessful(call, record, verdict.text)


def unsuccessful(call: Call, record: Record, text: str | None) -> Unsuccessful:
    """Return the 422 that shows a transaction; a gateway's rejection is named in its message."""
    rejection = record["rejection"]
    message = f"Gateway Rejected: {rejection}" if rejection else str(text or "Processor Declined")
    return Unsuccessful("transaction", show_transaction(record, call.now), message)


def store_card(call: Call, record: Record) -> None:
    """Keep the card if that was asked for; with no customer named one is made."""
    options = call.params.get("options") or {}
    if record["token"] or not (
        is_true(options.get("store_in_vault_on_success")) or is_true(options.get("store_in_vault"))
    ):
        return
    person = record["customer"] or {}
    key = str(person.get("id") or new_id(10))
    if call.tx.get("customers", key) is None:
        made = {"merchant": call.merchant["merchant_id"], "created": call.now, "updated": call.now}
        record["customer"] = call.tx.put("customers", person | made | {"id": key})
    token = str((call.params.get("credit_card") or {}).get("token") or new_id(6))
    record["token"] = store_method(call, key, record["card"], token, {})["id"]


def save(call: Call, record: Record) -> None:
    """Write a transaction, and enter it under its order id."""
    call.tx.put("transactions", record)
    if record["order_id"] is None:
        return
    key = order_key(record["order_id"])
    order = call.tx.get("orders", key) or {"id": key, "transactions": []}
    if record["id"] not in order["transactions"]:
        order["transactions"].append(record["id"])
        call.tx.put("orders", order)


def order_key(order_id: Any) -> str:
    """Return the key of an order id in its table, which takes no blanks."""
    return hashlib.sha256(str(order_id).encode()).hexdigest()[:32]


def reply(call: Call, record: Record, status: int = 200) -> Reply:
    """Answer a transaction."""
    return Reply("transaction", show_transaction(record, call.now), status, record["id"])


def load(call: Call, key: str) -> Record:
    """Return a transaction. Raises 404."""
    return call.load("transactions", key, "transaction")


def is_true(value: Any) -> bool:
    """Tell whether an option is switched on, typed or as text."""
    return value is True or value == "true"


@route("GET", "transactions/{}", "transactions.find")
def find(call: Call, key: str) -> Reply:
    """Answer one transaction."""
    return reply(call, load(call, key))
