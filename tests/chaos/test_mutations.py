"""A guard that is broken on purpose is found: a small campaign in one process passes as we are, and fails with each guard gone.

The campaign loses answers and kills processes around Stripe's confirm; people try again what they are told was not charged, and an
older program that looks at nothing tries what is under way. No event comes from the processor: what is not asked for stays lost.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.orm.attributes import set_committed_value

from ballast.billing import payments, processing
from ballast.clock import shifted
from ballast.db import db, organization, transaction
from ballast.errors import Conflict
from ballast.ids import new_id
from ballast.processors.base import Declined, Outcome, Prepared, Unknown
from ballast.processors.stripe import StripeAdapter
from tests.billing.acts import Died
from tests.chaos import truth
from tests.stack import outside
from tests.world import World

Patch = pytest.MonkeyPatch
PAYMENTS = 8
# After each of them the resolver has asked, or said that a thing was never sent.
PROBED = (timedelta(seconds=40), timedelta(minutes=5), timedelta(minutes=20))
FATES = ("well", "reset_after", "reset_before", "error_after", "killed")
SUBMIT = StripeAdapter.submit


def campaign(world: World, superuser: psycopg.Connection, seed: int = 1) -> list[str]:
    """What is found at its end. Each fate strikes at least once."""
    fates = [*FATES, *random.Random(seed).choices(FATES, k=PAYMENTS - len(FATES))]
    for fate in fates:
        made = world.api(world.acme.api_key).pay(confirm=False).get_json()["id"]
        try_with(world, made, fate)
        look_at_nothing(world, made)
    settle(world)
    for payment_id in unpaid(superuser):
        world.api(world.acme.api_key).post(f"/payments/{payment_id}/confirm", {"payment_method": "pm_card_visa"})
    settle(world)
    found = truth.find(lambda said, *values: superuser.execute(said, values or None).fetchall(), world.charges())  # type: ignore[arg-type]
    return [*found.findings, *(f"came late: {answer}" for answer in found.late)]


def try_with(world: World, payment_id: str, fate: str) -> None:
    """Somebody confirms it, and the answer gets lost, or the process dies after the charge."""
    if fate not in ("well", "killed"):
        world.fault(kind=fate, operation="payment_intents.confirm", count=1)
    with pytest.MonkeyPatch.context() as patch, organization(world.acme.id), suppress(Died):
        if fate == "killed":
            patch.setattr(StripeAdapter, "submit", dying(StripeAdapter.submit))
        payments.confirm(world.acme.id, payment_id, "pm_card_visa")
    db.session.rollback()


def dying(submit: Callable[..., Outcome]) -> Callable[..., Outcome]:
    def die_afterwards(*given: Any) -> Outcome:
        submit(*given)
        raise Died

    return die_afterwards


def look_at_nothing(world: World, payment_id: str) -> None:
    """A program of a release that read the payment's status long before: only the database can refuse it."""
    with organization(world.acme.id), suppress(Conflict):
        with transaction():
            payment = payments.locked(world.acme.id, payment_id)
            if payment.status != "processing":
                return
            set_committed_value(payment, "status", "requires_confirmation")
            begun = payments.begin(payment, payments.Source("pm_card_visa"))
        payments.run(begun)
    db.session.rollback()


def settle(world: World) -> None:
    world.forget_faults()
    for passed in PROBED:
        with shifted(passed), suppress(Conflict):
            world.drain()


def unpaid(superuser: psycopg.Connection) -> list[str]:
    rows = superuser.execute(
        "select id from payments where status in ('requires_confirmation', 'requires_payment_method')"
    )
    return [outside("pay", row[0]) for row in rows.fetchall()]


def test_as_we_are_nothing_is_found(world: World, superuser: psycopg.Connection) -> None:
    assert campaign(world, superuser) == []


def test_without_the_index_of_one_open_attempt_it_is_found(world: World, superuser: psycopg.Connection) -> None:
    made = superuser.execute("select indexdef from pg_indexes where indexname = 'uq_attempts_one_open'").fetchall()
    superuser.execute("drop index uq_attempts_one_open")
    try:
        found = campaign(world, superuser)
    finally:
        superuser.execute("delete from attempts")
        superuser.execute(made[0][0])
    assert any("Two attempts are open or approved" in one or "Charged twice" in one for one in found), found


def test_a_retry_with_a_fresh_key_is_found(world: World, superuser: psycopg.Connection, monkeypatch: Patch) -> None:
    def submit(self: StripeAdapter, charge: Any) -> Outcome:
        outcome = SUBMIT(self, charge)
        if not isinstance(outcome, Unknown):
            return outcome
        fresh = replace(charge, reference=new_id("att"))
        prepared = self.prepare(fresh)
        assert isinstance(prepared, Prepared)
        return SUBMIT(self, replace(fresh, external_id=prepared.external_id))

    monkeypatch.setattr(StripeAdapter, "submit", submit)
    found = campaign(world, superuser)
    assert any("of no attempt of ours" in one for one in found), found


def test_unknown_taken_for_declined_is_found(world: World, superuser: psycopg.Connection, monkeypatch: Patch) -> None:
    def submit(self: StripeAdapter, charge: Any) -> Outcome:
        outcome = SUBMIT(self, charge)
        return Declined("soft", "no_answer", "No answer.") if isinstance(outcome, Unknown) else outcome

    monkeypatch.setattr(StripeAdapter, "submit", submit)
    found = campaign(world, superuser)
    assert any("Money is lost" in one for one in found), found


def test_a_commit_after_the_call_instead_of_before_is_found(
    world: World, superuser: psycopg.Connection, monkeypatch: Patch
) -> None:
    def run(begun: payments.Begun) -> None:
        prepared = processing.send(begun.account, lambda adapter: adapter.prepare(begun.charge), begun.send_by)
        assert isinstance(prepared, Prepared)
        charge = replace(begun.charge, external_id=prepared.external_id)
        outcome: Outcome = processing.send(begun.account, lambda adapter: adapter.submit(charge), begun.send_by)
        payments.mark_submitted([(begun, prepared)])
        payments.record(begun.organization_id, begun.attempt_id, outcome)

    monkeypatch.setattr(payments, "run", run)
    found = campaign(world, superuser)
    assert any("Money is lost" in one for one in found), found
