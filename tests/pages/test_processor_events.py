"""What the processors told us: listed, shown without secrets, and replayed without a second effect."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ballast.billing.processor_events import HIDDEN, text_of
from ballast.clock import shifted
from ballast.db import organization, transaction
from ballast.ids import new_id
from ballast.models import AuditEntry, Email, Event, InboxEvent, LedgerTransfer, WebhookDelivery
from tests.billing.acts import attempts, event_of, hook, rows
from tests.world import Api, World, csrf

LIST = "/admin/processor-events"


def post(client: FlaskClient, path: str) -> TestResponse:
    return client.post(path, data={"csrf_token": csrf(client.get("/admin/").get_data(as_text=True))})


def look(client: FlaskClient, path: str = "", **query: str) -> str:
    answer = client.get(f"{LIST}{path}", query_string=query)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def events(world: World) -> list[InboxEvent]:
    found: list[InboxEvent] = rows(world, InboxEvent)
    return found


def store(world: World, **changes: Any) -> str:
    """An event that came at some time; its id."""
    fields: dict[str, Any] = {
        "type": "payment_intent.succeeded",
        "payload": b"{}",
        "status": "ignored",
        "next_attempt_at": None,
    }
    event_id = new_id("inb")
    with organization(world.acme.id), transaction() as session:
        session.add(
            InboxEvent(
                id=event_id,
                organization_id=world.acme.id,
                processor_account_id=world.acme.account_id,
                external_id=new_id("evt"),
                **(fields | changes),
            )
        )
    return event_id


@pytest.fixture
def applied(world: World, api: Api) -> str:
    """The id of an event about a payment that was charged, applied."""
    assert api.pay().status_code == 201
    hook(world, event_of(attempts(world)[0].external_id or ""))
    with shifted(timedelta(seconds=20)):
        world.drain()
    (event,) = events(world)
    assert event.status == "applied"
    return event.id


# --- The list ----------------------------------------------------------------------------------------------------------------


def test_events_are_listed_newest_first_and_paged(world: World) -> None:
    made = [store(world) for _ in range(30)]
    viewer = world.sign_in("viewer")
    first = look(viewer)
    assert [one for one in reversed(made) if f'href="{LIST}/{one}"' in first] == made[:4:-1]
    older = look(viewer, after=made[5])
    assert [one for one in made if f'href="{LIST}/{one}"' in older] == made[:5]
    assert made[5] in look(viewer, before=made[4])


def test_events_are_found_by_account_status_and_type(world: World) -> None:
    failed = store(world, status="failed", type="charge.refunded")
    ignored = store(world, type="payment_intent.created")
    viewer = world.sign_in("viewer")

    def shown(**query: str) -> list[str]:
        page = look(viewer, **query)
        return [one for one in (failed, ignored) if one in page]

    assert shown(status="failed") == [failed]
    assert shown(type="payment_intent.") == [ignored]
    assert shown(type="%") == shown(type="_harge") == []
    assert shown(account=world.acme.account_id) == [failed, ignored]
    assert shown(account=new_id("pac")) == []
    assert shown(account="nonsense", status="nonsense") == [failed, ignored]
    assert "No events like this" in look(viewer, status="applied")


@pytest.mark.parametrize("field", ["account", "status", "type"])
def test_a_card_number_is_looked_for_nowhere_and_never_shown_again(world: World, field: str) -> None:
    for _ in range(60):
        store(world)
    page = look(world.sign_in("viewer"), **{field: "4242 4242 4242 4242"})
    assert [written for written in ("4242 4242", "4242+4242", "4242%204242") if written in page] == []
    assert "after=" in page, "the address of the next page is there, and holds none of it"


def test_before_anything_came_the_list_says_why(world: World) -> None:
    assert "No events yet" in look(world.sign_in("viewer"))


def test_htmx_gets_the_list_alone(world: World) -> None:
    answer = world.sign_in("viewer").get(LIST, headers={"HX-Request": "true"})
    assert answer.get_data(as_text=True).lstrip().startswith('<div id="events"')


# --- One event ---------------------------------------------------------------------------------------------------------------


def test_an_event_shows_what_it_is_about_and_what_came_of_it(world: World, applied: str) -> None:
    page = look(world.sign_in("viewer"), f"/{applied}")
    payment_id = attempts(world)[0].payment_id
    assert f'href="/admin/payments/{payment_id}"' in page
    assert "Applied" in page
    assert "&#34;object&#34;: &#34;payment_intent&#34;" in page
    assert f'href="/admin/payments/{payment_id}"' in look(world.sign_in("viewer"))


def test_a_page_asks_again_while_the_event_is_about_to_be_applied(world: World, applied: str) -> None:
    viewer = world.sign_in("viewer")
    assert "every 3s" not in look(viewer, f"/{applied}")
    assert "every 3s" in look(viewer, f"/{store(world, status='received', attempts=2)}")
    assert "every 3s" not in look(viewer, f"/{store(world, status='received', attempts=3)}")


def braintree(xml: str) -> bytes:
    """A notification as Braintree posts it."""
    payload = base64.encodebytes(xml.encode()).decode()
    return urlencode({"bt_signature": "public|0123", "bt_payload": payload}).encode()


def test_braintrees_base64_is_shown_as_the_xml_it_is(world: World) -> None:
    event_id = store(world, payload=braintree("<notification>\n  <kind>dispute_opened</kind>\n</notification>"))
    page = look(world.sign_in("viewer"), f"/{event_id}")
    assert "&lt;kind&gt;dispute_opened&lt;/kind&gt;" in page
    assert "bt_payload" not in page


def test_xml_on_one_line_is_indented() -> None:
    flat = "<?xml version='1.0'?><n><kind>check</kind><subject><check type='boolean'>true</check><none/></subject></n>"
    assert text_of(braintree(flat)).splitlines()[1:] == [
        "<n>",
        "  <kind>check</kind>",
        "  <subject>",
        "    <check type='boolean'>true</check>",
        "    <none/>",
        "  </subject>",
        "</n>",
    ]


CARD = "4242424242424242"


@pytest.mark.parametrize(
    ("payload", "hidden"),
    [
        (json.dumps({"client_secret": "pi_1_secret_abc"}).encode(), "pi_1_secret_abc"),
        (json.dumps({"note": "see pi_1_secret_abc"}).encode(), "pi_1_secret_abc"),
        (json.dumps({"a": {"password": 'with a "quote'}}).encode(), "with a"),
        (json.dumps({"access_token": "EAAAEabcdefghijklmnopqrstuvw"}).encode(), "EAAAE"),
        (json.dumps({"key": "sk_live_abc", "hook": "whsec_abc+/="}).encode(), "sk_live_abc"),
        (json.dumps({"description": f"card {CARD}"}).encode(), CARD),
        (json.dumps({"description": "4242 4242-4242 4242"}).encode(), "4242-4242"),
        (json.dumps({"number": int(CARD)}).encode(), CARD),
        (braintree(f"<n><number>{CARD}</number></n>"), CARD),
        (braintree("<n><client-token>abc</client-token></n>"), "abc"),
        (braintree('<n><private-key type="string">abc</private-key></n>'), "abc"),
        (f"not json, {CARD}".encode(), CARD),
    ],
)
def test_card_numbers_and_secrets_never_appear(payload: bytes, hidden: str) -> None:
    text = text_of(payload)
    assert HIDDEN in text
    assert hidden not in text


def test_what_is_no_secret_stays() -> None:
    said = {
        "id": "pi_1",
        "amount": 2000,
        "created": 1795827803,
        "bin": "424242",
        "last4": "4242",
        "ref": "att_01m8ftt4byex2sq9712aqgybtp",
    }
    assert json.loads(text_of(json.dumps(said).encode())) == said


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\xfe\x00", b"bt_payload=%%%&bt_signature=", b"bt_payload=a", b"<b>bold</b>", b"[" * 5000]
)
def test_a_payload_that_is_odd_is_shown_as_it_came(world: World, payload: bytes) -> None:
    page = look(world.sign_in("viewer"), f"/{store(world, payload=payload)}")
    assert "<b>bold</b>" not in page


def test_a_very_long_payload_is_cut(world: World) -> None:
    assert len(text_of(b'"' + b"x" * 900_000 + b'"')) < 250_000


# --- Replay ------------------------------------------------------------------------------------------------------------------


def effects(world: World) -> dict[str, int]:
    """What a second effect would add to."""
    told = {model.__name__: len(rows(world, model)) for model in (LedgerTransfer, Email, Event, WebhookDelivery)}
    return told | {"charges": len(world.charges()), "mails": len(world.mails()), "webhooks": len(world.received())}


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_replaying_an_applied_event_changes_nothing_that_is_true_already(world: World, applied: str, role: str) -> None:
    payment_id = attempts(world)[0].payment_id
    before, payment = effects(world), world.payment(payment_id).status
    client = world.sign_in(role)
    for _ in range(2):
        answer = post(client, f"{LIST}/{applied}/replay")
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{LIST}/{applied}")
        assert events(world)[0].status == "received"
        with shifted(timedelta(seconds=20)):
            world.drain()
        assert events(world)[0].status == "applied"
    assert effects(world) == before
    assert world.payment(payment_id).status == payment == "succeeded"
    entries = [one for one in rows(world, AuditEntry) if one.action == "processor_event.replayed"]
    assert [(one.actor_kind, one.resource_id) for one in entries] == [("user", applied)] * 2


def test_replaying_an_event_that_was_given_up_applies_it(world: World, api: Api) -> None:
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    payment_id = api.pay().get_json()["id"]
    assert world.payment(payment_id).status == "processing"
    event_id = store(
        world, subject_id=attempts(world)[0].external_id, status="failed", reason="OperationalError", attempts=20
    )
    assert "Given up after 20 tries." in look(world.sign_in("viewer"), f"/{event_id}")
    post(world.sign_in("owner"), f"{LIST}/{event_id}/replay")
    with shifted(timedelta(seconds=20)):
        world.drain()
    assert world.payment(payment_id).status == "succeeded"
    assert [one.status for one in events(world)] == ["applied"]


@pytest.mark.parametrize("role", ["viewer", "staff"])
def test_who_may_only_read_replays_nothing_and_sees_no_button(world: World, applied: str, role: str) -> None:
    client = world.sign_in(role)
    assert f"{LIST}/{applied}/replay" not in look(client, f"/{applied}")
    assert post(client, f"{LIST}/{applied}/replay").status_code == 403
    assert events(world)[0].status == "applied"


def test_a_strangers_event_is_not_found(world: World, applied: str) -> None:
    stranger = world.sign_in("stranger")
    assert applied not in look(stranger)
    for event_id in (applied, new_id("inb"), "inb_nonsense", "x"):
        assert stranger.get(f"{LIST}/{event_id}").status_code == 404
        assert post(stranger, f"{LIST}/{event_id}/replay").status_code == 404
    assert events(world)[0].status == "applied"
