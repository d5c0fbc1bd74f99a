"""api_request_keys: the same key with the same request gives the same transaction, as it now is.

Source: tests/integration/test_transaction_idempotency.py of the SDK, and
developer.paypal.com/braintree/graphql/integration_guides/idempotency (30 days, at most 255 characters).
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from ballast.sandbox.braintree.errors import Invalid, Unsuccessful, invalid
from ballast.sandbox.braintree.routes import Call, Reply
from ballast.sandbox.braintree.transactions import reply, unsuccessful
from ballast.sandbox.store import Transaction

LONGEST = 255
LASTS_SECONDS = 30 * 86400
WENT_WRONG = ("processor_declined", "gateway_rejected", "failed")


def run_once(call: Call, key: str, request: str, perform: Callable[[], Reply | None]) -> Reply | None:
    """Carry the request out unless its key has been seen; then answer what the first one made. Raises Invalid, Unsuccessful."""
    if len(key) > LONGEST:
        raise invalid("api_request_key", "915230")
    if not call.merchant["api_request_keys"]:
        raise invalid("api_request_key", "915231")
    kept = call.tx.get("request_keys", name_of(key))
    if kept is None or call.now - kept["at"] > LASTS_SECONDS:
        return perform_first(call, key, request, perform)
    if kept["request"] != request:
        raise invalid("api_request_key", "915232")
    if kept["transaction"] is None:
        raise invalid("api_request_key", "915234")
    record = call.load("transactions", kept["transaction"], "transaction")
    if record["status"] in WENT_WRONG:
        raise unsuccessful(call, record, record["text"])
    return reply(call, record)


def perform_first(call: Call, key: str, request: str, perform: Callable[[], Reply | None]) -> Reply | None:
    """Carry the request out, and keep under its key what it made, or that it was refused."""
    try:
        answer = perform()
    except Unsuccessful as error:
        keep(call.tx, key, request, error.shown["id"])
        raise
    except Invalid as error:
        call.tx.changes.clear()
        keep(call.tx, key, request, None)
        error.committed = True
        raise
    if answer is not None:
        keep(call.tx, key, request, answer.transaction)
    return answer


def keep(tx: Transaction, key: str, request: str, transaction: str | None) -> None:
    """Write a key down; None is a request that was refused."""
    tx.put("request_keys", {"id": name_of(key), "request": request, "transaction": transaction, "at": tx.now})


def name_of(key: str) -> str:
    """Return the key's name in its table, which takes no blanks."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def fingerprint(method: str, path: str, params: dict[str, Any]) -> str:
    """Return what is the same for the same request."""
    said = json.dumps([method, path, params], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:32]
