"""Unknown outcomes: listed, asked after, said by a person and confirmed by the processor; nobody pays twice meanwhile."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from ballast.billing import outcomes, resolver
from ballast.clock import shifted
from ballast.db import db, organization
from ballast.models import AuditEntry, Email, Payment, Prevented
from tests.billing.acts import Shopper, as_worker, attempts, elsewhere, event_of, hook, rows, taken
from tests.pages.dashboard import after, page, send
from tests.world import Api, World, csrf

UNKNOWN = "/admin/radar/unknown"
NEVER_CHARGED, CHARGED = "reset_before", "reset_after"


@pytest.fixture
def silent(world: World, api: Api, request: pytest.FixtureRequest) -> str:
    """A payment whose attempt Stripe did not answer; the id of the attempt."""
    world.fault(kind=getattr(request, "param", CHARGED), operation="payment_intents.confirm", count=1)
    assert api.pay().get_json()["status"] == "processing"
    (attempt,) = attempts(world)
    assert attempt.status == "unknown"
    return attempt.id


def says(world: World, role: str, attempt_id: str, word: str) -> str:
    client = world.sign_in(role)
    path = f"{UNKNOWN}/{attempt_id}"
    return after(client, send(client, path, f"{path}/resolve", word=word, reason="The bank told me so."))


@pytest.mark.parametrize("silent", [CHARGED, NEVER_CHARGED], indirect=True)
def test_it_is_listed_until_the_processor_was_asked(world: World, silent: str) -> None:
    owner = world.sign_in("owner")
    assert "did not answer" in page(owner, UNKNOWN)
    assert "1 payment has no answer from the processor yet" in page(owner, "/admin/")
    shown = after(owner, send(owner, f"{UNKNOWN}/{silent}", f"{UNKNOWN}/{silent}/probe"))
    charged = len(taken(world)) == 1
    assert ("The processor says: charged." in shown) == charged
    assert ("Every outcome is known" in page(owner, UNKNOWN)) == charged, (
        "not found is no proof that it was not charged"
    )


@pytest.mark.parametrize("role", ["owner", "admin", "staff"])
def test_who_says_not_charged_is_told_better_where_it_was(world: World, silent: str, role: str) -> None:
    assert "The processor says: charged." in says(world, role, silent, "not_charged")
    assert [one.status for one in rows(world, Payment)] == ["succeeded"]
    said = [entry for entry in rows(world, AuditEntry) if entry.action == "payment.outcome_said"]
    assert [entry.changes["reason"] for entry in said] == ["The bank told me so."]


@pytest.mark.parametrize("silent", [NEVER_CHARGED], indirect=True)
def test_not_charged_opens_another_try_only_once_it_is_canceled_at_the_processor(
    world: World, silent: str, api: Api
) -> None:
    (payment,) = rows(world, Payment)
    world.fault(kind="error_before", operation="payment_intents.cancel")
    assert "The processor does not say yet." in says(world, "owner", silent, "not_charged")
    again = api.post(f"/payments/{payment.id}/confirm", {"payment_method": "pm_card_visa"})
    assert again.get_json()["error"]["code"] == "payment_in_progress"
    world.forget_faults()
    assert "cannot be charged any more" in says(world, "owner", silent, "not_charged")
    assert api.post(f"/payments/{payment.id}/confirm", {"payment_method": "pm_card_visa"}).status_code == 200
    assert len(taken(world)) == 1
    owner = world.sign_in("owner")
    late = send(owner, f"{UNKNOWN}/{silent}", f"{UNKNOWN}/{silent}/resolve", word="charged", reason="I was late.")
    assert late.status_code == 409
    assert "This attempt is decided" in late.get_data(as_text=True)


def test_a_word_needs_a_reason_and_a_viewer_has_none(world: World, silent: str) -> None:
    owner, viewer = world.sign_in("owner"), world.sign_in("viewer")
    path = f"{UNKNOWN}/{silent}"
    for form in ({"word": "not_charged", "reason": ""}, {"word": "maybe", "reason": "I think so."}):
        assert send(owner, path, f"{path}/resolve", **form).status_code == 422
    assert "Ask now" not in page(viewer, path)
    assert send(viewer, path, f"{path}/probe", csrf_token=csrf_of(viewer)).status_code == 403
    assert [attempt.status for attempt in attempts(world)] == ["unknown"]
    staff = page(world.sign_in("staff"), "/platform/unknown")
    assert "Acme Corp" in staff
    assert "$20.00" in staff


def csrf_of(client: FlaskClient) -> str:
    return csrf(client.get("/sign-up").get_data(as_text=True))


def test_past_an_hour_each_owner_has_one_mail_and_the_overview_says_so(world: World, silent: str) -> None:
    world.fault(kind="error_before", operation="payment_intents.retrieve")
    for passed in outcomes.PROBES[1:5]:
        with shifted(timedelta(hours=2) + passed):
            elsewhere(world.app, as_worker(world, resolver.resolve_due))
    mails = [mail for mail in rows(world, Email) if mail.kind == "payment_unknown"]
    assert [mail.recipient for mail in mails] == ["owner@example.com"]
    assert silent in mails[0].text
    with shifted(timedelta(hours=2)):
        assert "the oldest for over an hour" in page(world.sign_in("owner"), "/admin/")


def test_a_shopper_never_sees_a_second_pay_button_while_one_is_open(world: World, shopper: Shopper) -> None:
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    token = shopper.buy()
    for answer in (shopper.pay(token), shopper.look(token), shopper.pay(token), shopper.look(token)):
        shown = html.unescape(answer.get_data(as_text=True))
        assert "please don't pay again" in shown.replace("’", "'")
        assert 'name="payment_method"' not in shown
    assert len(attempts(world)) == 1
    routes = noted(world)
    assert routes == ["open_attempt"], "the second press is on the radar"
    world.drain()
    (attempt,) = attempts(world)
    hook(world, event_of(attempt.external_id or "", event_id="evt_twice"))
    hook(world, event_of(attempt.external_id or "", event_id="evt_twice"))
    world.drain()
    assert "Already paid" in shopper.pay(token).get_data(as_text=True)
    assert len(taken(world)) == 1
    owner = world.sign_in("owner")
    shown = page(owner, "/admin/radar")
    assert noted(world) == ["duplicate_event", "lost_answer", "open_attempt"]
    for name in ("Second try while one was open", "Answer lost and found", "Event told twice"):
        assert name in shown


def noted(world: World) -> list[str]:
    db.session.rollback()
    with organization(world.acme.id):
        return sorted(one.route for one in db.session.query(Prevented))


def test_a_repeated_request_and_two_at_once_are_noted_once_each(world: World, api: Api) -> None:
    key = "5f0c2f6e-3b0e-4a53-9d6e-0d8f0a1b2c3d"
    body = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    made = api.post("/payments", body, key).get_json()["id"]
    for _ in range(2):
        assert api.post("/payments", body, key).get_json()["id"] == made
        assert api.post(f"/payments/{made}/confirm", {}).status_code == 409
    assert noted(world) == ["open_attempt", "same_key"]
