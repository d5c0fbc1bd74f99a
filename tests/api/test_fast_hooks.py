"""An event of a processor past Flask: the row and the answer of the plain road, and nothing where all is not as it was."""

from __future__ import annotations

import json
import logging

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from ballast.billing import direct_events, processing
from ballast.db import organization, transaction
from ballast.models import InboxEvent, Prevented, ProcessorAccount
from ballast.security import keyring
from tests.billing.acts import event_of, hook, rows
from tests.statements import counted
from tests.world import World

# What differs between any two events.
OWN = ("id", "external_id", "payload", "received_at", "next_attempt_at")


def tell(world: World, event_id: str, *, fast: bool) -> TestResponse:
    """An event that Stripe sends; on the fast road nothing is said through SQLAlchemy."""
    with counted(world.app) as seen:
        answer = hook(world, event_of("pi_1", event_id=event_id))
    assert (not seen) is fast, seen
    return answer


@pytest.fixture
def known(world: World) -> World:
    """A process that was sent an event already, `evt_0`."""
    direct_events._known.clear()
    assert tell(world, "evt_0", fast=False).status_code == 204
    return world


def test_row_answer_and_log_are_those_of_the_plain_road(known: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ballast.requests"):
        fast = tell(known, "evt_1", fast=True)
        direct_events._known.clear()
        plain = tell(known, "evt_2", fast=False)
    assert (fast.status, fast.data) == (plain.status, plain.data) == ("204 NO CONTENT", b"")
    headers = [{name: value for name, value in answer.headers if name != "X-Request-Id"} for answer in (fast, plain)]
    assert headers[0] == headers[1]
    first, second = (vars(row) for row in rows(known, InboxEvent)[1:])
    assert first["external_id"] == "evt_1"
    assert json.loads(first["payload"])["id"] == "evt_1"
    assert {key: first[key] for key in first if key not in (*OWN, "_sa_instance_state")} == {
        key: second[key] for key in second if key not in (*OWN, "_sa_instance_state")
    }
    assert first["received_at"] == first["next_attempt_at"]
    said = [(vars(record)["route"], vars(record)["status"]) for record in caplog.records if "route" in vars(record)]
    assert said == [("/hooks/<processor>/<account_id>", 204)] * 2


def test_what_is_known_already_is_noted_by_the_plain_road(known: World) -> None:
    assert tell(known, "evt_0", fast=False).status_code == 204
    assert len(rows(known, InboxEvent)) == 1
    with organization(known.acme.id), transaction() as session:
        assert list(session.scalars(select(Prevented.route))) == ["duplicate_event"]


def test_what_is_signed_by_somebody_else_is_refused_and_kept_nowhere(known: World) -> None:
    answer = hook(known, event_of("pi_1", event_id="evt_1"), secret="whsec_of_nobody")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "signature_invalid")
    assert len(rows(known, InboxEvent)) == 1


def test_a_secret_that_was_changed_is_the_one_that_counts(known: World) -> None:
    account = next(one for one in rows(known, ProcessorAccount) if one.id == known.acme.account_id)
    name = processing.seal_name(account.id)
    secrets = json.loads(keyring().decrypt(account.credentials, name)) | {"webhook_secret": "whsec_new"}
    sealed = keyring().encrypt(json.dumps(secrets), name)
    with organization(known.acme.id), transaction() as session:
        session.execute(update(ProcessorAccount).where(ProcessorAccount.id == account.id).values(credentials=sealed))
    assert hook(known, event_of("pi_1", event_id="evt_1")).status_code == 400
    assert hook(known, event_of("pi_1", event_id="evt_2"), secret="whsec_new").status_code == 204
    assert [one.external_id for one in rows(known, InboxEvent)] == ["evt_0", "evt_2"]


def test_another_processors_address_is_nobodys(known: World) -> None:
    answer = known.app.test_client().post(f"/hooks/square/{known.acme.account_id}", data=b"{}")
    assert answer.status_code == 404


def test_what_nobody_thought_of_is_told_and_the_event_stored_on_the_plain_road(
    known: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bool:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(direct_events, "store", fail)
    assert tell(known, "evt_1", fast=False).status_code == 204
    assert [one.external_id for one in rows(known, InboxEvent)] == ["evt_0", "evt_1"]
    assert "nobody thought of this" in caplog.text
