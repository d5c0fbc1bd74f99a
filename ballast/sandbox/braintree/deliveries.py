"""Notifications as a merchant is sent them, and asking an address who it is."""

import secrets
from urllib.parse import urlencode

import aiohttp

from ballast.sandbox.braintree.merchants import load_merchant
from ballast.sandbox.braintree.notifications import digest, encode, sign
from ballast.sandbox.deliveries import Carrier, Message
from ballast.sandbox.store import Record, Transaction


def write(tx: Transaction, notification: Record, forged: bool) -> Message | None:
    """Return a notification as a form, signed with each pair of keys; None for a merchant without an address or keys."""
    merchant = load_merchant(tx)
    keys = dict.fromkeys(merchant["keys"], "the key of somebody else") if forged else merchant["keys"]
    if not merchant["url"] or not keys:
        return None
    payload = encode(notification["body"])
    form = urlencode({"bt_signature": sign(keys, payload), "bt_payload": payload})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Braintree-Webhooks"}
    return Message(merchant["url"], form.encode(), headers)


async def prove(session: aiohttp.ClientSession, url: str, public_key: str, private_key: str) -> bool:
    """Ask an address to prove that it has the keys, as Braintree does before it takes it: GET ?bt_challenge=…"""
    challenge = secrets.token_hex(16)
    try:
        async with session.get(url, params={"bt_challenge": challenge}, allow_redirects=False) as response:
            said = (await response.text()).strip()
    except (TimeoutError, aiohttp.ClientError, ValueError):
        return False
    expected = f"{public_key}|{digest(private_key, challenge)}"
    return response.status == 200 and secrets.compare_digest(said.encode(), expected.encode())


CARRIER = Carrier("braintree", "notifications", write)
