"""Mails: one of each, whatever runs twice, and none lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy.dialects.postgresql import insert

from ballast.clock import shifted
from ballast.db import organization, transaction
from ballast.ids import new_id
from ballast.models import Email, Order, Product
from ballast.notifications import emails
from tests.billing.acts import Died, Shopper, as_worker, at_once, rows
from tests.world import Api, World


def compose(world: World, dedupe_key: str = "receipt/1", recipient: str = "ada@example.com") -> None:
    """A refund notice needs the least context of all mails; its text is looked at elsewhere."""
    with organization(world.acme.id), transaction() as session:
        from ballast.clock import now

        session.execute(
            insert(Email)
            .values(
                organization_id=world.acme.id,
                id=new_id("em"),
                kind="receipt",
                dedupe_key=dedupe_key,
                recipient=recipient,
                subject="A receipt",
                html="<p>Paid</p>",
                text="Paid",
                status="pending",
                created_at=now(),
                next_attempt_at=now(),
            )
            .on_conflict_do_nothing(index_elements=["organization_id", "dedupe_key"])
        )


def send(world: World) -> None:
    as_worker(world, emails.send_due)()


def posted(world: World) -> list[dict[str, Any]]:
    """What was said to Resend."""
    raw = requests.get(f"{world.sandbox_url}/_sandbox/wire", params={"processor": "resend"}, timeout=5).text
    return [json.loads(line) for line in raw.splitlines()]


@pytest.mark.parametrize(
    "kind", ["reset_before", "reset_after", "error_before", "error_after", "truncate", "rate_limit"]
)
def test_a_lost_answer_is_asked_for_again_with_the_same_key_and_one_mail_arrives(world: World, kind: str) -> None:
    compose(world)
    world.fault(processor="resend", operation="emails.send", kind=kind, count=2)
    send(world)
    (mail,) = rows(world, Email)
    assert (mail.status, mail.attempts) == ("failed", 1)
    send(world)
    assert len(posted(world)) == 1, "not before its time"
    with shifted(timedelta(seconds=31)):
        send(world)
    with shifted(timedelta(seconds=31 + 121)):
        send(world)
    (mail,) = rows(world, Email)
    assert (mail.status, mail.attempts, mail.reason) == ("sent", 3, None)
    assert mail.external_id
    assert len(world.mails()) == 1
    assert {said["idempotency_key"] for said in posted(world)} == {mail.id}
    with shifted(timedelta(days=30)):
        send(world)
    assert len(posted(world)) == 3


def test_a_mail_nobody_can_take_is_tried_once(world: World) -> None:
    compose(world)
    world.fault(processor="resend", operation="emails.send", kind="error_before", status=422)
    send(world)
    (mail,) = rows(world, Email)
    assert (mail.status, mail.reason, mail.next_attempt_at) == ("failed", "http_422", None)
    with shifted(timedelta(days=2)):
        send(world)
    assert len(posted(world)) == 1


def test_resend_away_for_good_is_given_up_and_waits_for_a_person(world: World) -> None:
    compose(world)
    world.fault(processor="resend", operation="emails.send", kind="error_before")
    passed = 0
    for seconds in (0, 31, 121, 601, 3601, 21_601):
        passed += seconds
        with shifted(timedelta(seconds=passed)):
            send(world)
    (mail,) = rows(world, Email)
    assert (mail.status, mail.attempts, mail.next_attempt_at) == ("failed", 6, None)
    assert passed < 24 * 3600, "Resend keeps idempotency keys for a day"


def test_two_workers_at_once_send_each_mail_once(world: World) -> None:
    for number in range(25):
        compose(world, f"receipt/{number}")
    at_once(world.app, *[as_worker(world, emails.send_due)] * 2)
    assert len(world.mails()) == 25
    assert len(posted(world)) == 25
    assert {mail.status for mail in rows(world, Email)} == {"sent"}


def test_a_killed_worker_leaves_the_mail_to_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    compose(world)
    real = emails._post

    def killed(letter: emails.Letter) -> emails.Posted:
        real(letter)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(emails, "_post", killed)
        with pytest.raises(Died):
            send(world)
    send(world)
    assert len(posted(world)) == 1
    with shifted(timedelta(minutes=2)):
        send(world)
    assert len(world.mails()) == 1
    assert [mail.status for mail in rows(world, Email)] == ["sent"]


def test_a_worker_that_comes_back_late_does_not_unsend_a_mail(world: World) -> None:
    compose(world)
    with world.worker_app.app_context():
        (letter,) = emails._letters([(mail.organization_id, mail.id) for mail in rows(world, Email)])
    send(world)
    with organization(world.acme.id), transaction():
        emails._record(letter, emails.Posted(None, "no_answer"))
    assert [(mail.status, mail.attempts) for mail in rows(world, Email)] == [("sent", 1)]


def test_one_mail_that_breaks_does_not_hold_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        compose(world, f"receipt/{number}", f"person{number}@example.com")
    real = emails._post

    def broken(letter: emails.Letter) -> emails.Posted:
        if letter.params["to"] == ["person1@example.com"]:
            raise ValueError("a bug")
        return real(letter)

    monkeypatch.setattr(emails, "_post", broken)
    send(world)
    assert sorted((mail.status, mail.reason) for mail in rows(world, Email)) == [
        ("failed", "internal_error"),
        ("sent", None),
        ("sent", None),
    ]


def test_nobodys_mail_is_in_what_a_worker_might_log(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compose(world)
    monkeypatch.setattr("resend.Emails.send", lambda *_given: 1 / 0)
    send(world)
    assert "a row of a batch failed" in caplog.text
    assert "ada@example.com" not in caplog.text


def test_a_receipt_says_what_was_paid_with_which_card_and_for_which_order(world: World) -> None:
    with organization(world.acme.id), transaction() as session:
        session.query(Product).filter_by(organization_id=world.acme.id).update({"name": "Kettle & <Sons>"})
    shopper = Shopper(world)
    shopper.add(quantity=2)
    shopper.pay(shopper.checkout())
    world.drain()
    (mail,) = world.mails()
    (order,) = rows(world, Order)
    assert mail["to"] == ["ada@example.com"]
    assert "$180.00" in mail["subject"]
    for body in (mail["html"], mail["text"]):
        for said in ("$180.00", "4242", order.number, f"/checkout/{order.token}/receipt"):
            assert said in body, said
    assert "Kettle &amp; &lt;Sons&gt;" in mail["html"]
    assert "Kettle & <Sons>" in mail["text"]
    assert "Visa" in mail["text"]


def test_a_payment_without_an_address_sends_no_mail(world: World, api: Api) -> None:
    api.pay()
    assert rows(world, Email) == []
