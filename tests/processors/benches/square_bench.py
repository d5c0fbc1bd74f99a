"""Square's bench."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any, ClassVar
from uuid import uuid4

from ballast.processors.base import Charge
from ballast.processors.square import SquareAdapter
from tests.processors.benches.base import IS_LIVE, LIVE, SECRET, Bench, Headers, Refusal


class SquareBench(Bench):
    """Square, where an account takes one currency."""

    name = "square"
    make = SquareAdapter
    card = "cnon:card-nonce-ok"
    refused_card = "cnon:card-nonce-declined"
    wrong_key = "EAAAF-of-production"
    off_session_mark = '"customer_initiated":false'
    operations: ClassVar = {
        "charge": "payments.create",
        "capture": "payments.complete",
        "void": "payments.cancel",
        "refund": "refunds.create",
        "find": "payments.get",
        "list": "payments.list",
        "payouts": "payouts.list",
        "save_card": "cards.create",
        "forget_card": "cards.disable",
        "dispute": "disputes.submit_evidence",
        "disputes": "disputes.list",
        "listen": "webhook_subscriptions.create",
    }
    refusals = (
        Refusal("soft", "GENERIC_DECLINE", {"payment_method": "cnon:card-nonce-declined"}),
        Refusal("soft", "INSUFFICIENT_FUNDS", {"payment_method": "cnon:gift-card-nonce-insufficient-funds"}),
        Refusal("hard", "CVV_FAILURE", {"payment_method": "cnon:card-nonce-rejected-cvv"}),
        Refusal("hard", "INVALID_EXPIRATION", {"payment_method": "cnon:card-nonce-rejected-expiration"}),
        Refusal("fraud", "GENERIC_DECLINE", {"payment_method": "cnon:card-nonce-declined", "amount": 3333}),
        Refusal(
            "authentication",
            "CARD_DECLINED_VERIFICATION_REQUIRED",
            {"payment_method": "ccof:customer-card-id-requires-verification"},
        ),
        Refusal("configuration", "NOT_FOUND", {"payment_method": "cnon:nobody-knows"}),
    )

    def keys(self, currency: str) -> dict[str, Any]:
        """In our sandbox the account's name ends with its currency."""
        if IS_LIVE:
            said = LIVE["square"]
            extra = (("location_id", said["SQUARE_LOCATION_ID"]),)
            return {
                "secret_key": said["SQUARE_ACCESS_TOKEN"],
                "publishable_key": said["SQUARE_APPLICATION_ID"],
                "extra": extra,
            }
        account = self.account if currency == "USD" else f"{self.account}-{currency}"
        extra = (("location_id", f"L{account}"),)
        return {"secret_key": f"EAAAE{account}", "publishable_key": f"sandbox-sq0idb-{account}", "extra": extra}

    def event(self, charge: Charge) -> tuple[bytes, Headers, str]:
        """`payment.updated`, signed for our address."""
        payment = {"id": charge.external_id, "status": "COMPLETED", "reference_id": charge.reference}
        data = {"type": "payment", "id": charge.external_id, "object": {"payment": payment}}
        said = {"merchant_id": "M1", "type": "payment.updated", "event_id": str(uuid4()), "data": data}
        raw, url = json.dumps(said).encode(), "https://shop.test/hooks/square/acc_1"
        return raw, {"x-square-hmacsha256-signature": _square_signature(raw, url, SECRET)}, url

    def spoiled(self, raw: bytes, headers: Headers, url: str) -> dict[str, tuple[bytes, Headers, str]]:
        """Square signs the address too, and no time."""
        foreign = {"x-square-hmacsha256-signature": _square_signature(raw, url, "another")}
        return {
            "tampered": (raw.replace(b"COMPLETED", b"CANCELED!"), headers, url),
            "another's key": (raw, foreign, url),
            "another address": (raw, headers, f"{url}/"),
            "no header": (raw, {}, url),
            "no body": (b"", headers, url),
        }


def _square_signature(raw: bytes, url: str, key: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), url.encode() + raw, hashlib.sha256).digest()).decode()
