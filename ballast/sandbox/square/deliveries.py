"""Events as they are sent to a subscription.

The signature is over the exact address and the body, without a timestamp. Source: developer.squareup.com/docs/webhooks/step3validate.
"""

import base64
import hashlib
import hmac

from ballast.sandbox.deliveries import Carrier, Message
from ballast.sandbox.square.events import show_event
from ballast.sandbox.square.routes import write_instant
from ballast.sandbox.store import Record, Transaction, encode


def write(tx: Transaction, delivery: Record, forged: bool) -> Message | None:
    """Return an event as its subscription is sent it, or None for one that is gone or switched off."""
    subscription, event = (
        tx.get("square_subscriptions", delivery["subscription"]),
        tx.get("square_events", delivery["event"]),
    )
    if subscription is None or event is None or not subscription["enabled"]:
        return None
    url, body = subscription["notification_url"], encode(show_event(event)).encode()
    key = "the_key_of_somebody_else" if forged else subscription["signature_key"]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Square Connect v2",
        "X-Square-HmacSha256-Signature": sign(url, body, key),
        "Square-Environment": "Sandbox",
        "Square-Initial-Delivery-Timestamp": write_instant(event["_moment"]),
    }
    if delivery["attempts"]:
        headers |= {"Square-Retry-Number": str(delivery["attempts"]), "Square-Retry-Reason": "other_error"}
    return Message(url, body, headers)


def sign(url: str, body: bytes, key: str) -> str:
    """Return the base64 of the HMAC-SHA256 over the address and the body."""
    return base64.b64encode(hmac.new(key.encode(), url.encode() + body, hashlib.sha256).digest()).decode()


CARRIER = Carrier("square", "square_deliveries", write)
