"""Events as they are sent to an endpoint, signed with its secret; while a secret is rolled, with the old one too.

Source: docs.stripe.com/webhooks (signatures, rolling an endpoint's secret).
"""

import hashlib
import hmac
import time

from ballast.sandbox.deliveries import Carrier, Message
from ballast.sandbox.store import Record, Transaction, encode
from ballast.sandbox.stripe.events import API_VERSION, format_event


def write(tx: Transaction, delivery: Record, forged: bool) -> Message | None:
    """Return an event as its endpoint is sent it, or None for one that is gone or switched off."""
    endpoint, event = tx.get("webhook_endpoints", delivery["endpoint"]), tx.get("events", delivery["event"])
    if endpoint is None or event is None or endpoint.get("status") == "disabled":
        return None
    body = encode(format_event(event, endpoint.get("api_version") or API_VERSION, 1)).encode()
    moment = int(time.time())
    secrets = ["whsec_of_somebody_else"] if forged else secrets_of(endpoint, moment)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": sign(body, secrets, moment),
    }
    return Message(endpoint["url"], body, headers)


def secrets_of(endpoint: Record, moment: float) -> list[str]:
    """Return the secret, and an earlier one that has not expired."""
    old = endpoint.get("_old_secret")
    return [endpoint["_secret"]] + ([old["secret"]] if old and old["until"] > moment else [])


def sign(body: bytes, secrets: list[str], moment: int) -> str:
    """Return the header `t=…,v1=…`: for each secret the HMAC-SHA256 of the moment, a dot and the body."""
    signed = f"{moment}.".encode() + body
    digests = (hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join([f"t={moment}", *(f"v1={digest}" for digest in digests)])


CARRIER = Carrier("stripe", "deliveries", write)
