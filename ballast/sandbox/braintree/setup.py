"""How people and tests set a merchant up, and make happen what only banks and card holders can make happen."""

import json
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from ballast.sandbox.braintree import deliveries, disputes, notifications, reversals
from ballast.sandbox.braintree.errors import BraintreeError
from ballast.sandbox.braintree.merchants import DEFAULTS, account_of, is_ours, load_merchant, save_merchant
from ballast.sandbox.braintree.routes import Call
from ballast.sandbox.braintree.transactions import load
from ballast.sandbox.pages.rendering import answer_json
from ballast.sandbox.world import WORLD

SHOWN = [name for name in DEFAULTS if name != "keys"]
NUMBERS = ("settle_after", "duplicate_seconds", "search_lag")
SWITCHES = ("api_request_keys", "partial_settlements")


class WrongSettingError(ValueError):
    """What is asked for makes no sense; the message says why."""


async def set_webhook(request: web.Request) -> web.Response:
    """Take the address for a merchant's notifications; `verified` tells whether it proved to have the merchant's keys.

    Braintree has no API for this. `public_key` and `private_key` may come along before the merchant has ever called.
    """
    wanted, call = await read(request)
    url = str(wanted.get("url") or "")
    if urlsplit(url).scheme not in ("http", "https"):
        raise web.HTTPUnprocessableEntity(text="url must begin with http:// or https://")
    if wanted.get("public_key") and wanted.get("private_key"):
        call.merchant["keys"] |= {str(wanted["public_key"]): str(wanted["private_key"])}
    call.merchant |= {"url": url, "verified": await prove(request, call, url)}
    save_merchant(call.tx, call.merchant)
    request.app[WORLD].braintree.commit(call.tx)
    return answer_json(show(call), 201)


async def prove(request: web.Request, call: Call, url: str) -> bool:
    """Ask the address to answer a challenge with the merchant's latest keys."""
    keys = list(call.merchant["keys"].items())
    return bool(keys) and await deliveries.prove(request.app[WORLD].braintree.deliveries.session, url, *keys[-1])


async def change_settings(request: web.Request) -> web.Response:
    """Set seconds to settlement, the duplicate check, the lag of searches, rules, and what the merchant is allowed."""
    wanted, call = await read(request)
    try:
        call.merchant |= read_settings(wanted)
    except WrongSettingError as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from error
    save_merchant(call.tx, call.merchant)
    request.app[WORLD].braintree.commit(call.tx)
    return answer_json(show(call))


def read_settings(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the settings given. Raises WrongSettingError."""
    found = {name: value for name, value in wanted.items() if name != "merchant_id"}
    for name, value in found.items():
        if not fits(name, value):
            raise WrongSettingError(f"{name} cannot be set to {value!r}.")
    return found


def fits(name: str, value: Any) -> bool:
    """Tell whether a setting exists and can have this value."""
    if name in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 86400
    if name in SWITCHES:
        return isinstance(value, bool)
    return name == "rejects" and isinstance(value, list) and all(one in ("cvv", "avs") for one in value)


async def send_check(request: web.Request) -> web.Response:
    """Send a notification that says nothing, as the button in the control panel does."""
    _, call = await read(request)
    notifications.notify(call, "check", {"check": True})
    request.app[WORLD].braintree.commit(call.tx)
    return answer_json(show(call))


async def dispute(request: web.Request) -> web.Response:
    """Have the holder dispute a charge: {merchant_id, transaction_id, amount?, reason?}, the amount in minor units."""
    wanted, call = await read(request)
    try:
        transaction = load(call, str(wanted.get("transaction_id")))
        amount = wanted.get("amount")
        opened = disputes.open_dispute(call, transaction, int(amount) if amount else None, wanted.get("reason"))
    except BraintreeError as error:
        return answer_json({"error": {"message": str(error)}}, error.status)
    request.app[WORLD].braintree.commit(call.tx)
    return answer_json({"id": opened["id"], "status": opened["status"]}, 201)


async def fail_refund(request: web.Request) -> web.Response:
    """Have the bank send a refund back: {merchant_id, transaction_id}, which is the refund's."""
    wanted, call = await read(request)
    try:
        failed = reversals.fail_refund(call, str(wanted.get("transaction_id")))
    except BraintreeError as error:
        return answer_json({"error": {"message": str(error)}}, error.status)
    request.app[WORLD].braintree.commit(call.tx)
    return answer_json({"id": failed["id"], "status": failed["status"]})


async def read(request: web.Request) -> tuple[dict[str, Any], Call]:
    """Return the object in the body and a call for its merchant. Raises 422."""
    try:
        wanted = json.loads(await request.text())
        merchant_id = str(wanted["merchant_id"])
    except (ValueError, TypeError, KeyError) as error:
        raise web.HTTPUnprocessableEntity(text='The body must be like {"merchant_id": "ballast_…"}.') from error
    if not is_ours(merchant_id):
        raise web.HTTPUnprocessableEntity(text="Merchants of the sandbox are called ballast_…")
    tx = request.app[WORLD].store.begin(account_of(merchant_id))
    return wanted, Call(tx, load_merchant(tx))


def show(call: Call) -> dict[str, Any]:
    """Return what is set for a merchant, but for its keys."""
    return {"merchant_id": call.merchant["merchant_id"]} | {name: call.merchant[name] for name in SHOWN}
