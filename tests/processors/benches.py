"""One bench for each processor: an account of the test's own, the tokens for each case, and how to make things happen there.

The conformance suite knows processors by these alone. `live` benches stand at the processors' own hosted sandboxes (see `live`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode
from uuid import uuid4

import requests

from ballast.clock import real_time
from ballast.processors.base import (
    Adapter,
    Approved,
    Charge,
    Credentials,
    Lookup,
    Outcome,
    Prepared,
    RefundRequest,
)
from ballast.processors.braintree import BraintreeAdapter
from ballast.processors.square import SquareAdapter
from ballast.processors.stripe import StripeAdapter

IS_LIVE: Final = os.environ.get("BALLAST_TEST_LIVE") == "yes"
SECRET: Final = "whsec_of_the_conformance_suite"
Headers = dict[str, str]


@dataclass(frozen=True)
class Refusal:
    """A charge that is refused: what is different about it, and how the refusal is read."""

    decline_class: str
    code: str
    changes: dict[str, Any]


class Bench:
    """What the suite needs of one processor."""

    name: ClassVar[str]
    make: ClassVar[Callable[[Credentials], Adapter]]
    card: ClassVar[str]
    refused_card: ClassVar[str]
    refusals: ClassVar[tuple[Refusal, ...]]
    # The sandbox's name of the operation that asks the bank, captures, refunds, lists, stores.
    operations: ClassVar[dict[str, str]]
    # Keys that open nothing.
    wrong_key: ClassVar[str]
    # What is different about a charge its holder has confirmed before, where the challenge comes before.
    confirmed: ClassVar[dict[str, Any]] = {}
    # What tells the bank that the holder is not there.
    off_session_mark: ClassVar[str]
    # Whether an amount in KWD may end in another digit than 0.
    takes_last_digit_of_three: ClassVar[bool] = True

    def __init__(self, url: str) -> None:
        self.url = url
        self.began_at = time.time()
        self.account = f"t{uuid4().hex[:12]}"
        self.adapter = self.open()

    # --- The account

    def credentials(self, currency: str = "USD", **changes: Any) -> Credentials:
        """Credentials of the account that takes this currency."""
        fields: dict[str, Any] = {
            "processor": self.name,
            "secret_key": "",
            "publishable_key": "",
            "webhook_secret": SECRET,
            "api_base": self.url,
            "connect_timeout": 2.0,
            "read_timeout": 65.0 if IS_LIVE else 3.0,
        }
        return Credentials(**(fields | self.keys(currency) | changes))

    def keys(self, currency: str) -> dict[str, Any]:
        """What is this processor's own in the credentials."""
        raise NotImplementedError

    def open(self, currency: str = "USD", **changes: Any) -> Adapter:
        """An adapter for that account."""
        return type(self).make(self.credentials(currency, **changes))

    # --- Charging

    def charge(self, **changes: Any) -> Charge:
        """An attempt at 20.00."""
        fields: dict[str, Any] = {
            "reference": f"att_{uuid4().hex[:26]}",
            "payment_id": "pay_1",
            "amount": 2000,
            "currency": "USD",
            "payment_method": self.card,
            "capture": True,
            "off_session": False,
        }
        return Charge(**(fields | changes))

    def pay(self, charge: Charge, adapter: Adapter | None = None) -> tuple[Charge, Outcome]:
        """Prepare and submit, as billing does; the charge as it is known then, and the outcome."""
        asked = adapter or self.adapter
        prepared = asked.prepare(charge)
        if not isinstance(prepared, Prepared):
            return charge, prepared
        charge = replace(charge, external_id=prepared.external_id)
        return charge, asked.submit(charge)

    def approved(self, adapter: Adapter | None = None, **changes: Any) -> tuple[Charge, Approved]:
        """A charge that went through, with its id."""
        charge, outcome = self.pay(self.charge(**changes), adapter)
        assert isinstance(outcome, Approved), outcome
        return replace(charge, external_id=outcome.external_id), outcome

    def settle(self, external_id: str) -> None:
        """Let a captured charge be one that may be refunded. Nothing to do where there is no settlement."""

    def taken(self, charge: Charge) -> list[int]:
        """The amounts taken or held under this reference, in minor units: what the processor says, not the adapter."""
        if IS_LIVE:
            start, end = real_time() - timedelta(minutes=10), real_time() + timedelta(minutes=1)
            lines = self.adapter.list_window(start, end)
            held = ("captured", "authorized")
            return [one.amount for one in lines if one.reference == charge.reference and one.status in held]
        return [one["amount"] for one in self.money() if one["reference"] == charge.reference]

    # --- What only our sandbox can do

    def money(self) -> list[dict[str, Any]]:
        """What the sandbox took from this account's shoppers, or holds."""
        found = requests.get(f"{self.url}/_sandbox/charges", timeout=5).json()
        ours = (one for one in found if one["processor"] == self.name and self.account in one["account"])
        return [one for one in ours if one["status"] != "canceled"]

    def fault(self, kind: str, step: str, **rule: Any) -> None:
        """Have the sandbox misbehave once."""
        wanted = {"processor": self.name, "kind": kind, "operation": self.operations[step], "count": 1} | rule
        requests.post(f"{self.url}/_sandbox/faults", json=wanted, timeout=5).raise_for_status()

    def dispute(self, external_id: str) -> str:
        """Have its holder dispute a charge; the dispute's id."""
        self.settle(external_id)
        answer = requests.post(f"{self.url}/_sandbox/charges/{self.name}/{external_id}/dispute", json={}, timeout=5)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def wire(self) -> list[dict[str, Any]]:
        """What the sandbox was asked by this processor's adapters, oldest first."""
        text = requests.get(f"{self.url}/_sandbox/wire?processor={self.name}", timeout=10).text
        return [json.loads(line) for line in text.splitlines()]

    # --- Events

    def event(self, charge: Charge) -> tuple[bytes, Headers, str]:
        """An event as this processor sends and signs it, that the charge was paid: body, headers, our address."""
        raise NotImplementedError

    def spoiled(self, raw: bytes, headers: Headers, url: str) -> dict[str, tuple[bytes, Headers, str]]:
        """The same event with one thing wrong about it, by what that is."""
        raise NotImplementedError

    def subscribe(self, address: str) -> Adapter:
        """Have the sandbox send its events to this address; the adapter that can read them."""
        return self.open(webhook_secret=self.adapter.listen(address))


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
        "save_card": "setup_intents.create",
        "dispute": "disputes.update",
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
        "dispute": "disputes.finalize",
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
        "save_card": "cards.create",
        "dispute": "disputes.submit_evidence",
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


def _stripe_signature(raw: bytes, secret: str, at: float) -> str:
    digest = hmac.new(secret.encode(), f"{int(at)}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={int(at)},v1={digest}"


def _square_signature(raw: bytes, url: str, key: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), url.encode() + raw, hashlib.sha256).digest()).decode()


BENCHES: Final[dict[str, type[Bench]]] = {one.name: one for one in (StripeBench, BraintreeBench, SquareBench)}
# What each hosted sandbox needs of the environment, and where it is.
NEEDED: Final = {
    "stripe": ("STRIPE_SECRET_KEY",),
    "braintree": ("BRAINTREE_MERCHANT_ID", "BRAINTREE_PUBLIC_KEY", "BRAINTREE_PRIVATE_KEY"),
    "square": ("SQUARE_ACCESS_TOKEN", "SQUARE_APPLICATION_ID", "SQUARE_LOCATION_ID"),
}
HOSTED: Final = {
    "stripe": "https://api.stripe.com",
    "braintree": "https://api.sandbox.braintreegateway.com",
    "square": "https://connect.squareupsandbox.com",
}
# Read when this module is: the suite hides a developer's environment from its tests.
LIVE: Final = {
    name: {key: os.environ[key] for key in keys}
    for name, keys in NEEDED.items()
    if all(os.environ.get(key) for key in keys)
}
# The processors this run is about.
CHOSEN: Final = [name for name in BENCHES if not IS_LIVE or name in LIVE]


def look(charge: Charge, **changes: Any) -> Lookup:
    """How the resolver asks after a charge that may have been sent just now."""
    fields = {"reference": charge.reference, "external_id": charge.external_id, "amount": charge.amount}
    fields |= {"currency": charge.currency, "sent_at": real_time()}
    return Lookup(**(fields | changes))


def refund_of(charge: Charge, amount: int, **changes: Any) -> RefundRequest:
    """Money back, as a request nobody has sent yet."""
    fields: dict[str, Any] = {
        "reference": f"re_{uuid4().hex[:26]}",
        "external_payment_id": charge.external_id,
        "amount": amount,
        "currency": charge.currency,
        "reason": "requested_by_customer",
    }
    return RefundRequest(**(fields | changes))
