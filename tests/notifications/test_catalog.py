"""The catalog in docs/webhooks.md: every event there is, each with an example as the real one looks, and code that verifies."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

import ballast
from ballast.billing import invoice_payloads, kept, order_payloads, payloads
from ballast.billing.financing import payloads as plan_payloads
from ballast.billing.financing import rows as agreements
from ballast.billing.financing.offer_payloads import offer_payload
from ballast.billing.session_payloads import payload_of
from ballast.billing.subscriptions import rows
from ballast.db import db, organization
from ballast.errors import InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.local.postgres import Postgres
from ballast.models import (
    CheckoutSession,
    CreditNote,
    Customer,
    Dispute,
    Event,
    FinancingAgreement,
    FinancingOffer,
    Installment,
    Invoice,
    Order,
    Payment,
    PaymentMethod,
    Refund,
    Subscription,
)
from ballast.notifications.catalog import EVENTS, TEST_EVENT, check_patterns
from ballast.notifications.signatures import signed_headers
from ballast.security import new_webhook_secret
from tests.app.populated import populate
from tests.financing.acts import Lender
from tests.notifications.acts import SECRET
from tests.world import World

HOME = Path(ballast.__file__).parent
DOCS = (HOME.parent / "docs" / "webhooks.md").read_text()
EXAMPLES: dict[str, dict[str, Any]] = {
    name: json.loads(example)
    for name, example in re.findall(r"### `([\w.]+)`\n\n[^`#]+```json\n(.+?)```", DOCS, re.DOTALL)
}


# The fourth argument of `rows.note` is the event; those before it are the row, and what the audit log calls it.
NOTES_ARGUMENTS = 3


def told_in_source() -> set[str]:
    """The types that some code publishes: texts with a dot inside a call of publish(), tell(), _tell() or note(), and two tables."""
    found = {f"{kind.noun}.{verb}" for kind in kept.KINDS.values() for verb in ("created", "updated")}
    found |= set(rows.EVENTS.values()) | set(agreements.EVENTS.values())
    for path in HOME.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(call.func).rpartition(".")[2] if isinstance(call, ast.Call) else ""
            if isinstance(call, ast.Call) and name in ("publish", "_tell", "tell", "note"):
                args = call.args[NOTES_ARGUMENTS:] if name == "note" else call.args
                texts = [one.value for given in args for one in ast.walk(given) if isinstance(one, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str) and re.fullmatch(r"\w+(\.\w+)+", text)}
    return found


def test_the_catalog_is_what_the_code_tells() -> None:
    assert told_in_source() == set(EVENTS)


def test_every_event_has_one_example_in_the_docs() -> None:
    assert list(EXAMPLES) == [*EVENTS, TEST_EVENT]
    assert DOCS.count("### `") == len(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_an_event_of_its_type(name: str) -> None:
    example = EXAMPLES[name]
    assert list(example) == ["id", "type", "created_at", "timestamp", "sequence", "api_version", "data"]
    assert example["type"] == name
    assert to_uuid(example["id"], "evt")


def first(model: Any) -> Any:
    return db.session.scalars(select(model).limit(1)).one()


def test_an_examples_data_has_the_fields_of_the_real_object(world: World, postgres: Postgres) -> None:
    populate(world, postgres.owner_url)
    Lender(world).agree()
    with organization(world.acme.id):
        real = {
            "payment": payloads.payment_payload(first(Payment)),
            "refund": payloads.refund_payload(first(Refund)),
            "dispute": payloads.dispute_payload(first(Dispute)),
            "customer": payloads.customer_payload(first(Customer)),
            "payment_method": payloads.card_payload(first(PaymentMethod), "stripe"),
            "order": order_payloads.payload_of(first(Order)),
            "checkout_session": payload_of(first(CheckoutSession)),
            "subscription": invoice_payloads.subscription_payload(first(Subscription)),
            "invoice": invoice_payloads.invoice_payload(first(Invoice)),
            "credit_note": invoice_payloads.credit_note_payload(first(CreditNote)),
            "financing_agreement": plan_payloads.agreement_payload(first(FinancingAgreement), [first(Installment)]),
            "financing_offer": offer_payload(first(FinancingOffer)),
            "installment": plan_payloads.installment_payload(first(Installment)),
        } | {kind.noun: kept.payload(first(model)) for model, kind in kept.KINDS.items()}
        told = {event.type: event.data for event in db.session.scalars(select(Event))}
    for name, example in EXAMPLES.items():
        data = example["data"]
        if name == TEST_EVENT:
            continue
        assert list(data) == list(real[data["object"]]), name
        prefix = real[data["object"]]["id"].partition("_")[0]
        assert data["id"].startswith(f"{prefix}_"), name
    assert {"payment_intent.created", "payment_intent.succeeded", "refund.created"} <= set(told)
    for name, data in told.items():
        assert set(data) == set(EXAMPLES[name]["data"]), name


def snippet(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.+?)```", DOCS, re.DOTALL)
    return str(found)


def test_the_python_of_the_docs_verifies() -> None:
    body, event_id = b'{"id":1}', new_id("evt")
    headers = signed_headers(event_id, body, [new_webhook_secret(), SECRET], int(time.time()))

    class Request:
        def __init__(self) -> None:
            self.headers = headers

        def get_data(self) -> bytes:
            return body

    names: dict[str, Any] = {"request": Request()}
    exec(snippet("python").replace("whsec_…", SECRET), names)
    assert names["event"] == {"id": 1}
    assert names["Webhook"] is Webhook


@pytest.mark.parametrize(
    ("secrets", "age", "said"),
    [
        ([SECRET], 0, "ok"),
        ([new_webhook_secret(), SECRET], 0, "ok"),
        ([new_webhook_secret()], 0, "not signed by us"),
        ([SECRET], 400, "too old"),
    ],
    ids=["signed", "while rotating", "by a stranger", "old"],
)
def test_the_node_of_the_docs_verifies(tmp_path: Path, secrets: list[str], age: int, said: str) -> None:
    body = '{"id":"1","note":"é 水"}'
    headers = signed_headers(new_id("evt"), body.encode(), secrets, int(time.time()) - age)
    given = ", ".join(json.dumps(one, ensure_ascii=False) for one in (SECRET, headers, body))
    script = tmp_path / "verify.mjs"
    script.write_text(
        snippet("js")
        + f"\ntry {{ verify({given}); console.log('ok'); }} catch (error) {{ console.log(error.message); }}\n"
    )
    done = subprocess.run(["node", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == said


@pytest.mark.parametrize("patterns", [["*"], ["refund.*", "payment_intent.succeeded"], [" * "]])
def test_a_filter_that_lets_something_through_is_kept(patterns: list[str]) -> None:
    assert check_patterns(patterns) == [one.strip() for one in patterns]
    assert check_patterns(patterns * 2) == check_patterns(patterns)


@pytest.mark.parametrize("pattern", ["", "refund", "refund.", ".*", "*.*", "refund.*.*", "Refund.*", "lease.*"])
def test_a_filter_that_lets_nothing_through_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidRequest):
        check_patterns(["*", pattern])
