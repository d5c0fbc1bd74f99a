"""Searching transactions: first the ids of all that match, then the transactions page by page."""

import time
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from ballast.sandbox.braintree.errors import BraintreeError
from ballast.sandbox.braintree.markup import Instant, Items, MarkupError, Page, read_instant
from ballast.sandbox.braintree.money import whole
from ballast.sandbox.braintree.objects import show_transaction
from ballast.sandbox.braintree.parameters import ANY, Schema
from ballast.sandbox.braintree.routes import Call, Reply, route
from ballast.sandbox.braintree.transactions import order_key
from ballast.sandbox.store import Record

PAGE_SIZE = 50
MOST = 50_000
TEXTS = {"id": "id", "order_id": "order_id", "payment_method_token": "token", "currency": "currency"}
LISTS = {"ids": "id", "status": "status", "type": "type", "merchant_account_id": "merchant_account"}
TIMES = {"created_at": "created", "settled_at": "settled_at"}
CRITERIA: Schema = dict.fromkeys((*TEXTS, *LISTS, *TIMES, "amount", "customer_id"), ANY)


@route("POST", "transactions/advanced_search_ids", "transactions.search", "search", CRITERIA)
def search_ids(call: Call) -> Reply:
    """Answer the ids of all that match, the newest first."""
    found = [record["id"] for record in find(call)][:MOST]
    return Reply("search_results", {"page_size": PAGE_SIZE, "ids": Items("item", found)})


@route("POST", "transactions/advanced_search", "transactions.search_page", "search", CRITERIA)
def search(call: Call) -> Reply:
    """Answer the transactions that match, at most a page of them."""
    found = list(find(call))
    shown = [show_transaction(record, call.now) for record in found[:PAGE_SIZE]]
    return Reply("credit_card_transactions", Page("transaction", shown, 1, PAGE_SIZE, len(found)))


def find(call: Call) -> Iterator[Record]:
    """Yield what matches every criterion, the newest first."""
    wanted = {name: value for name, value in call.params.items() if value is not None}
    visible_until = time.time() - call.merchant["search_lag"]
    for record in candidates(call, wanted):
        if record["created"] <= visible_until and all(matches(record, name, value) for name, value in wanted.items()):
            yield record


def candidates(call: Call, wanted: dict[str, Any]) -> Iterator[Record]:
    """Yield the transactions that may match: those of the ids or the order id asked for, else all since the earliest time."""
    if isinstance(wanted.get("ids"), list):
        yield from pick(call, [str(key) for key in wanted["ids"]])
    elif said(wanted.get("id"), "is"):
        yield from pick(call, [str(wanted["id"]["is"])])
    elif said(wanted.get("order_id"), "is"):
        order = call.tx.get("orders", order_key(wanted["order_id"]["is"]))
        yield from pick(call, order["transactions"][::-1] if order else [])
    else:
        since = said(wanted.get("created_at"), "min")
        for record in call.tx.newest("transactions"):
            if since is not None and record["created"] < read_moment(since):
                return
            yield record


def pick(call: Call, ids: list[str]) -> Iterator[Record]:
    """Yield the transactions with these ids."""
    for key in ids:
        record = call.tx.get("transactions", key)
        if record is not None:
            yield record


def said(criterion: Any, word: str) -> Any:
    """Return what a criterion says under a word, or None."""
    return criterion.get(word) if isinstance(criterion, dict) else None


def matches(record: Record, name: str, criterion: Any) -> bool:
    """Tell whether a transaction fits one criterion."""
    if name in LISTS:
        return isinstance(criterion, list) and record[LISTS[name]] in criterion
    if not isinstance(criterion, dict):
        raise BraintreeError(403, f"Invalid params: search[{name}]")
    if name in TIMES:
        return fits_range(record[TIMES[name]], {word: read_moment(value) for word, value in criterion.items()})
    if name == "amount":
        return fits_range(
            whole(record["amount"], record["currency"]), {word: read_number(one) for word, one in criterion.items()}
        )
    value = (record["customer"] or {}).get("id") if name == "customer_id" else record[TEXTS[name]]
    return all(fits_text(str(value or ""), word, str(one or "")) for word, one in criterion.items())


def fits_text(value: str, word: str, wanted: str) -> bool:
    """Compare texts, without regard to capitals, as the gateway does."""
    value, wanted = value.lower(), wanted.lower()
    match word:
        case "is":
            return value == wanted
        case "is_not":
            return value != wanted
        case "starts_with":
            return value.startswith(wanted)
        case "ends_with":
            return value.endswith(wanted)
        case "contains":
            return wanted in value
    raise BraintreeError(403, f"Invalid params: {word}")


def fits_range(value: Any, wanted: dict[str, Any]) -> bool:
    """Compare a number or a moment with `min`, `max` or `is`."""
    if value is None:
        return False
    return (
        ("min" not in wanted or value >= wanted["min"])
        and ("max" not in wanted or value <= wanted["max"])
        and ("is" not in wanted or value == wanted["is"])
    )


def read_moment(value: Any) -> int:
    """Return a moment in seconds since the epoch. Raises 403."""
    try:
        return value if isinstance(value, Instant) else read_instant(str(value))
    except MarkupError as error:
        raise BraintreeError(403, str(error)) from error


def read_number(value: Any) -> Decimal:
    """Return a number. Raises 403."""
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise BraintreeError(403, f"{value} is no amount") from error
