"""Notifications: XML, base64 with line ends, and a signature for each pair of keys the merchant has.

Source: developer.paypal.com/braintree/docs/guides/webhooks/parse. Braintree sends none for a plain authorization or decline.
"""

import hashlib
import hmac
from base64 import encodebytes
from typing import Any

from ballast.sandbox.braintree.cards import CARDS
from ballast.sandbox.braintree.markup import Instant, write
from ballast.sandbox.braintree.routes import Call
from ballast.sandbox.deliveries import make_delivery
from ballast.sandbox.store import Record


def notify(call: Call, kind: str, subject: Any) -> None:
    """Plan a notification; a merchant without an address gets none."""
    if not call.merchant["url"]:
        return
    document = {
        "timestamp": Instant(call.now),
        "kind": kind,
        "source_merchant_id": call.merchant["merchant_id"],
        "subject": subject,
    }
    body = write("notification", document).decode()
    call.tx.put("notifications", make_delivery(call.tx, kind, body=body))


def is_disputed(record: Record) -> bool:
    """Tell whether this charge was made with the card whose holder always disputes."""
    return bool(record["type"] == "sale" and CARDS[record["card"]["name"]].disputed)


def encode(body: str) -> str:
    """Return the payload: base64 in lines of 76."""
    return encodebytes(body.encode()).decode()


def sign(keys: dict[str, str], payload: str) -> str:
    """Return `bt_signature`: `public_key|hex` for each pair, joined by `&`."""
    return "&".join(f"{public}|{digest(private, payload)}" for public, private in keys.items())


def digest(private_key: str, text: str) -> str:
    """Return the HMAC-SHA1 whose key is the SHA1 of the private key."""
    return hmac.new(hashlib.sha1(private_key.encode()).digest(), text.encode(), hashlib.sha1).hexdigest()  # noqa: S324
