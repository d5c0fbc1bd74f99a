"""The clients are generated from the description, and a journey through each does with the API what it says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from standardwebhooks.webhooks import WebhookVerificationError

from ballast.models import Payment, Refund
from scripts.write_clients import name_of, simplify, write_node, write_python
from tests.billing.disputing import serving
from tests.world import World

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
JOURNEY = Path(__file__).with_name("journey.ts")
WRITTEN = shutil.ignore_patterns("node_modules", "dist", "rest", "schema.ts", "__pycache__")


@pytest.fixture(scope="module")
def clients(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in `clients` of a clean checkout, with the description as it is now."""
    folder = tmp_path_factory.mktemp("made") / "clients"
    shutil.copytree(CLIENTS, folder, ignore=WRITTEN)
    document = simplify(app.test_client().get("/api/openapi.json").get_json())
    (folder / "openapi.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def address(world: World) -> Iterator[str]:
    with serving(world.app) as address:
        yield address


def delivered(world: World) -> Any:
    """What told the merchant's server that a payment of $20.00 was made."""
    return next(one for one in world.received() if one["type"] == "payment_intent.created")


def test_a_call_is_named_by_what_it_does() -> None:
    assert [name_of(one) for one in ("Create a payment", "Rotate an endpoint's secret", "Sign in")] == [
        "create_payment",
        "rotate_endpoint_secret",
        "sign_in",
    ]


def test_a_journey_in_python(clients: Path, world: World, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_python(clients / "python", clients / "openapi.json")
    monkeypatch.syspath_prepend(str(clients / "python"))
    from ballast_client import ApiError, connect, value, verify  # type: ignore[import-not-found]
    from ballast_client.rest.api.payments import confirm_payment, create_payment, list_payments  # type: ignore[import-not-found]
    from ballast_client.rest.api.refunds import refund_payment  # type: ignore[import-not-found]
    from ballast_client.rest.models import PaymentConfirm, PaymentCreate, RefundCreate  # type: ignore[import-not-found]

    with connect(world.acme.api_key, address) as ballast:
        wanted = PaymentCreate(amount=2000, currency="USD", payment_method="pm_card_visa")
        payment = value(create_payment.sync(client=ballast, body=wanted))
        assert payment.status == "requires_confirmation"
        paid = value(confirm_payment.sync(payment.id, client=ballast, body=PaymentConfirm()))
        assert (paid.id, paid.status, paid.amount_captured) == (payment.id, "succeeded", 2000)

        named = connect(world.acme.api_key, address).with_headers({"Idempotency-Key": str(uuid4())})
        with named:
            back = RefundCreate(payment=payment.id, amount=500)
            first, again = [value(refund_payment.sync(client=named, body=back)) for _ in range(2)]
        assert first.id == again.id
        assert [one.id for one in value(list_payments.sync(client=ballast)).data] == [payment.id]

        declined = PaymentCreate(amount=2000, currency="USD", payment_method="pm_card_chargeDeclined", confirm=True)
        with pytest.raises(ApiError, match="bank") as refused:
            value(create_payment.sync(client=ballast, body=declined))
        assert (refused.value.type, refused.value.code) == ("card_error", "card_declined")
    assert [one.amount for one in world.all_of(Refund)] == [500]

    world.drain()
    delivery = delivered(world)
    assert verify(world.acme.webhook_secret, delivery["headers"], delivery["body"])["data"]["amount"] == 2000
    with pytest.raises(WebhookVerificationError):
        verify(world.acme.webhook_secret, delivery["headers"], delivery["body"].replace("2000", "1000"))


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no Node here: its client is not tried")
def test_a_journey_in_typescript_with_node(clients: Path, world: World, address: str) -> None:
    shutil.copy(JOURNEY, clients / "node" / "src" / "journey.ts")
    write_node(clients / "node")
    world.api(world.acme.api_key).pay(confirm=False)
    world.drain()
    told = delivered(world)
    settings = {
        "BALLAST_URL": address,
        "BALLAST_API_KEY": world.acme.api_key,
        "WEBHOOK_SECRET": world.acme.webhook_secret,
        "DELIVERY": json.dumps({"headers": told["headers"], "body": told["body"]}),
    }
    command = ["node", clients / "node" / "dist" / "journey.js"]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one.status for one in world.all_of(Payment) if one.id == done.stdout.strip()] == ["succeeded"]
    assert [one.amount for one in world.all_of(Refund)] == [500]
