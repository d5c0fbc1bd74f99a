"""What a merchant has: accounts in currencies, tokens for browsers, a summary of what was settled."""

import base64
import json
from collections import Counter
from typing import Any

from ballast.sandbox.braintree.cards import CARDS
from ballast.sandbox.braintree.errors import invalid
from ballast.sandbox.braintree.markup import Items, Page, write_instant
from ballast.sandbox.braintree.merchants import LISTED, currency_of, default_account
from ballast.sandbox.braintree.money import write_amount
from ballast.sandbox.braintree.parameters import ANY, keys
from ballast.sandbox.braintree.routes import Call, Reply, route
from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record


@route("GET", "merchant_accounts", "merchant_accounts.list")
def list_accounts(call: Call) -> Reply:
    """Answer the merchant accounts: one a currency."""
    shown = [show_account(call, code.lower(), code) for code in LISTED]
    return Reply("merchant_accounts", Page("merchant_account", shown, 1, len(shown), len(shown)))


@route("GET", "merchant_accounts/{}", "merchant_accounts.find")
def find_account(call: Call, key: str) -> Reply:
    """Answer one merchant account."""
    currency = currency_of(call.merchant, key)
    if currency is None:
        raise invalid("merchant_account_id", "91513")
    return Reply("merchant_account", show_account(call, key, currency))


def show_account(call: Call, key: str, currency: str) -> dict[str, Any]:
    """Return a `merchant-account`."""
    return {
        "id": key,
        "currency_iso_code": currency,
        "default": key == default_account(call.merchant),
        "status": "active",
        "sub_merchant_account": False,
    }


OPTIONS = keys(
    "make_default verify_card fail_on_duplicate_payment_method fail_on_duplicate_payment_method_for_customer"
)


@route(
    "POST",
    "client_token",
    "client_token.generate",
    "client_token",
    keys(
        "customer_id merchant_account_id version preferred_payment_method_token proxy_merchant_id",
        domains=ANY,
        options=OPTIONS,
    ),
)
def generate_token(call: Call) -> Reply:
    """Make what a browser needs to speak for this merchant: base64 of JSON."""
    customer = call.params.get("customer_id")
    if customer and call.tx.get("customers", str(customer)) is None:
        raise invalid("customer_id", "91510", "client_token")
    account = call.params.get("merchant_account_id") or default_account(call.merchant)
    if currency_of(call.merchant, account) is None:
        raise invalid("merchant_account_id", "91513", "client_token")
    token = {"id": new_id("fp", 24), "customer": customer, "account": account, "created": call.now}
    token["options"] = call.params.get("options")
    call.tx.put("client_tokens", token)
    said = configuration(call, account) | {"version": 2, "authorizationFingerprint": token["id"]}
    return Reply("client_token", {"value": base64.b64encode(json.dumps(said).encode()).decode()}, 201)


def configuration(call: Call, account: str) -> dict[str, Any]:
    """Return what the browser library is told about the merchant."""
    merchant_id = call.merchant["merchant_id"]
    base = f"{call.base_url}/merchants/{merchant_id}/client_api"
    return {
        "environment": "sandbox",
        "merchantId": merchant_id,
        "merchantAccountId": account,
        "clientApiUrl": base,
        "configUrl": f"{base}/v1/configuration",
        "assetsUrl": call.base_url,
        "authUrl": call.base_url,
        "challenges": [],
        "creditCards": {"supportedCardTypes": sorted({card.brand for card in CARDS.values()})},
        "threeDSecureEnabled": True,
        "threeDSecure": {"cardinalAuthenticationJWT": None},
    }


@route(
    "POST",
    "settlement_batch_summary",
    "settlement_batch_summary.generate",
    "settlement_batch_summary",
    keys("settlement_date group_by_custom_field"),
)
def summarize(call: Call) -> Reply:
    """Answer how many transactions were settled on a day, and how much, by card brand and kind."""
    day = call.params.get("settlement_date")
    if day is None:
        raise invalid("settlement_date", "92301", "settlement_batch_summary")
    wanted = write_instant(day)[:10] if isinstance(day, int) else str(day)[:10]
    count: Counter[tuple[str, str, str]] = Counter()
    amounts: Counter[tuple[str, str, str]] = Counter()
    currencies: dict[str, str] = {}
    for record in call.tx.newest("transactions"):
        if (
            record["settled_at"] is not None
            and write_instant(record["settled_at"])[:10] == wanted
            and not record["partials"]
        ):
            group = group_of(record)
            count[group] += 1
            amounts[group] += record["amount"]
            currencies[record["merchant_account"]] = record["currency"]
    records = [
        {
            "card_type": brand,
            "kind": kind,
            "merchant_account_id": account,
            "count": str(count[brand, kind, account]),
            "amount_settled": write_amount(amounts[brand, kind, account], currencies[account]),
        }
        for brand, kind, account in sorted(count)
    ]
    return Reply("settlement_batch_summary", {"records": Items("record", records)})


def group_of(record: Record) -> tuple[str, str, str]:
    """Return what settled transactions are grouped by."""
    return CARDS[record["card"]["name"]].brand, record["type"], record["merchant_account"]
