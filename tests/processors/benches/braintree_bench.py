"""Braintree's bench."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, ClassVar
from urllib.parse import urlencode

import requests

from ballast.processors.adapter import Adapter
from ballast.processors.base import Charge
from ballast.processors.braintree import BraintreeAdapter
from tests.processors.benches.base import IS_LIVE, LIVE, Bench, Headers, Refusal


class BraintreeBench(Bench):
    """Braintree."""

    name = "braintree"
    make = BraintreeAdapter
    card = "fake-valid-nonce"
    refused_card = "fake-processor-declined-visa-nonce"
    wrong_key = "production_of_nobody"
    confirmed: ClassVar = {"verification": "fake-three-d-secure-visa-full-authentication-nonce"}
    off_session_mark = "<transaction_source>unscheduled</transaction_source>"
    operations: ClassVar = {
        "charge": "transactions.create",
        "capture": "transactions.submit_for_settlement",
        "void": "transactions.void",
        "refund": "transactions.refund",
        "find": "transactions.find",
        "list": "transactions.search",
        "save_card": "payment_methods.create",
        "forget_card": "payment_methods.delete",
        "dispute": "disputes.finalize",
        "disputes": "disputes.search",
    }
    refusals = (
        Refusal("soft", "2001", {"amount": 200_100}),
        Refusal("soft", "2000", {"payment_method": "fake-processor-declined-visa-nonce"}),
        Refusal("hard", "2004", {"amount": 200_400}),
        Refusal("fraud", "fraud", {"payment_method": "fake-gateway-rejected-fraud-nonce"}),
        Refusal("fraud", "2014", {"amount": 201_400}),
        Refusal("authentication", "2099", {"amount": 209_900}),
        Refusal(
            "authentication",
            "authenticate_failed",
            {"verification": "fake-three-d-secure-visa-failed-authentication-nonce"},
        ),
        Refusal("configuration", "application_incomplete", {"amount": 500_100}),
        Refusal("hard", "91564", {"payment_method": "fake-consumed-nonce"}),
    )

    def keys(self, _currency: str) -> dict[str, Any]:
        """Merchants of our sandbox are called ballast_…; any pair of keys opens them."""
        if IS_LIVE:
            said = LIVE["braintree"]
            extra = (("merchant_id", said["BRAINTREE_MERCHANT_ID"]), ("public_key", said["BRAINTREE_PUBLIC_KEY"]))
            return {"secret_key": said["BRAINTREE_PRIVATE_KEY"], "extra": extra}
        extra = (("merchant_id", f"ballast_{self.account}"), ("public_key", "public"))
        return {"secret_key": "private", "extra": extra}

    def settle(self, external_id: str) -> None:
        """The SDK's own testing call, which both sandboxes have."""
        assert isinstance(self.adapter, BraintreeAdapter)
        self.adapter._gateway.testing.settle_transaction(external_id)

    def event(self, charge: Charge) -> tuple[bytes, Headers, str]:
        """`transaction_settled`, as the SDK's own samples are, about this charge and with its order id."""
        subject = f"<order-id>{charge.reference}</order-id><currency-iso-code>USD</currency-iso-code>"
        return self._signed("transaction_settled", charge.external_id or "", subject), {}, "https://shop.test/hooks"

    def spoiled(self, raw: bytes, headers: Headers, url: str) -> dict[str, tuple[bytes, Headers, str]]:
        """Braintree signs inside the form, and signs no time."""
        stranger = BraintreeAdapter(self.credentials(secret_key="another"))
        foreign = stranger._gateway.webhook_testing.sample_notification("transaction_settled", "x")
        pair = {"bt_signature": foreign["bt_signature"], "bt_payload": foreign["bt_payload"].decode()}
        return {
            "tampered": (raw.replace(b"bt_payload=", b"bt_payload=QUFB"), headers, url),
            "another's key": (urlencode(pair).encode(), headers, url),
            "no signature": (raw.partition(b"bt_payload")[2], headers, url),
            "no body": (b"", headers, url),
        }

    def subscribe(self, address: str) -> Adapter:
        """Braintree takes an address by hand, and asks it to prove that it has the keys."""
        said = {"merchant_id": f"ballast_{self.account}", "url": address}
        keys = {"public_key": "public", "private_key": "private"}
        answer = requests.post(f"{self.url}/_sandbox/braintree/webhooks", json=said | keys, timeout=10)
        assert answer.json()["verified"], answer.text
        return self.adapter

    def _signed(self, kind: str, subject_id: str, more: str) -> bytes:
        """The SDK's sample with more in it, signed anew by the SDK."""
        assert isinstance(self.adapter, BraintreeAdapter)
        testing = self.adapter._gateway.webhook_testing
        sample = base64.decodebytes(testing.sample_notification(kind, subject_id)["bt_payload"]).decode()
        payload = base64.encodebytes(
            sample.replace("<order-id", "<old-order-id").replace("</transaction>", f"{more}</transaction>").encode()
        )
        key = hashlib.sha1(self.adapter._gateway.config.private_key.encode()).digest()
        signature = hmac.new(key, payload, hashlib.sha1).hexdigest()
        public = self.adapter._gateway.config.public_key
        return urlencode({"bt_signature": f"{public}|{signature}", "bt_payload": payload.decode()}).encode()
