"""Stripe's bench."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from typing import Any, ClassVar
from uuid import uuid4

from ballast.processors.base import Charge
from ballast.processors.stripe import StripeAdapter
from tests.processors.benches.base import IS_LIVE, LIVE, SECRET, Bench, Headers, Refusal


class StripeBench(Bench):
    """Stripe."""

    name = "stripe"
    make = StripeAdapter
    card = "pm_card_visa"
    refused_card = "pm_card_chargeDeclined"
    takes_last_digit_of_three = False
    wrong_key = "sk_live_of_nobody"
    off_session_mark = "off_session=true"
    operations: ClassVar = {
        "charge": "payment_intents.confirm",
        "capture": "payment_intents.capture",
        "void": "payment_intents.cancel",
        "refund": "refunds.create",
        "find": "payment_intents.retrieve",
        "list": "charges.list",
        "payouts": "payouts.list",
        "save_card": "setup_intents.create",
        "forget_card": "payment_methods.detach",
        "dispute": "disputes.update",
        "disputes": "disputes.list",
        "listen": "webhook_endpoints.create",
    }
    refusals = (
        Refusal("soft", "insufficient_funds", {"payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"}),
        Refusal("soft", "generic_decline", {"payment_method": "pm_card_visa_chargeDeclined"}),
        Refusal("hard", "expired_card", {"payment_method": "pm_card_chargeDeclinedExpiredCard"}),
        Refusal("fraud", "stolen_card", {"payment_method": "pm_card_visa_chargeDeclinedStolenCard"}),
        Refusal(
            "authentication",
            "authentication_required",
            {"payment_method": "pm_card_authenticationRequired", "off_session": True},
        ),
        Refusal("configuration", "resource_missing", {"payment_method": "pm_nobody_knows"}),
    )

    def keys(self, _currency: str) -> dict[str, Any]:
        """Any key opens an account of its own in our sandbox."""
        if IS_LIVE:
            publishable = os.environ.get("STRIPE_PUBLISHABLE_KEY", "pk_test_")
            return {"secret_key": LIVE["stripe"]["STRIPE_SECRET_KEY"], "publishable_key": publishable}
        return {"secret_key": f"sk_test_{self.account}", "publishable_key": f"pk_test_{self.account}"}

    def event(self, charge: Charge) -> tuple[bytes, Headers, str]:
        """`payment_intent.succeeded`, signed now."""
        intent = {"id": charge.external_id, "object": "payment_intent", "metadata": {"attempt": charge.reference}}
        said = {"id": f"evt_{uuid4().hex}", "object": "event", "type": "payment_intent.succeeded"}
        raw = json.dumps(said | {"data": {"object": intent}}).encode()
        return raw, {"Stripe-Signature": _stripe_signature(raw, SECRET, time.time())}, "https://shop.test/hooks"

    def spoiled(self, raw: bytes, headers: Headers, url: str) -> dict[str, tuple[bytes, Headers, str]]:
        """Stripe signs a time: an old event is refused too."""
        return {
            "tampered": (raw.replace(b"succeeded", b"canceled!"), headers, url),
            "another's key": (raw, {"Stripe-Signature": _stripe_signature(raw, "whsec_x", time.time())}, url),
            "too old": (raw, {"Stripe-Signature": _stripe_signature(raw, SECRET, time.time() - 301)}, url),
            "no header": (raw, {}, url),
            "no body": (b"", headers, url),
        }


def _stripe_signature(raw: bytes, secret: str, at: float) -> str:
    digest = hmac.new(secret.encode(), f"{int(at)}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={int(at)},v1={digest}"
