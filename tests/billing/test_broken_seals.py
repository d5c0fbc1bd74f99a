"""An account whose keys nobody can read: what is due there waits, and nobody else's waits with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest
from sqlalchemy import select, update

from ballast.billing import card_removal, card_setup, cards, dispute_answers, holds, late_releases, refunds, resolver
from ballast.clock import real_time
from ballast.db import organization, transaction
from ballast.ids import new_id
from ballast.models import Attempt, Dispute, HoldAction, LateSuccess, PaymentMethod, Refund
from tests.billing.acts import as_worker, break_seal, rows
from tests.world import Api, World

Patch = pytest.MonkeyPatch
Plant = Callable[[World, Attempt], Any]
MONEY: Final = {"amount": 2000, "currency": "USD"}


def due(world: World, attempt: Attempt) -> dict[str, Any]:
    """What every row is planted with: it has been due for a minute."""
    minute_ago = real_time() - timedelta(minutes=1)
    return {
        "organization_id": world.acme.id,
        "payment_id": attempt.payment_id,
        "next_attempt_at": minute_ago,
        "created_at": minute_ago,
    }


def late_success(world: World, attempt: Attempt) -> LateSuccess:
    given = due(world, attempt)
    given["arrived_at"] = given.pop("created_at")
    return LateSuccess(id=new_id("late"), attempt_id=attempt.id, was="declined", answer="release", **MONEY, **given)


def hold(world: World, attempt: Attempt) -> HoldAction:
    return HoldAction(
        id=new_id("hold"), attempt_id=attempt.id, kind="void", requested_by="x", **MONEY, **due(world, attempt)
    )


def refund(world: World, attempt: Attempt) -> Refund:
    return Refund(
        id=new_id("re"), attempt_id=attempt.id, status="pending", requested_by="x", **MONEY, **due(world, attempt)
    )


def dispute(world: World, attempt: Attempt) -> Dispute:
    said = {"external_id": "dp_1", "reason": "fraudulent", "status": "needs_response", "action": "accept"}
    where = {"attempt_id": attempt.id, "processor_account_id": attempt.processor_account_id}
    return Dispute(id=new_id("dp"), **where, **said, **MONEY, **due(world, attempt))


def card(world: World, attempt: Attempt, **more: Any) -> PaymentMethod:
    given = due(world, attempt) | {"processor_account_id": attempt.processor_account_id} | more
    return PaymentMethod(id=new_id("pm"), **given)


def no_row(world: World, attempt: Attempt) -> None:
    """The attempt itself is due."""
    with organization(world.acme.id), transaction() as session:
        past = real_time() - timedelta(minutes=1)
        session.execute(update(Attempt).values(status="submitted", next_probe_at=past))


@dataclass(frozen=True)
class Sweeper:
    batch: Callable[[], tuple[int, int]]
    plant: Plant


SWEEPERS: Final = {
    "attempts": Sweeper(lambda: resolver._resolve_batch(None, "stripe"), no_row),
    "refunds": Sweeper(refunds._submit_batch, refund),
    "holds": Sweeper(holds._act_batch, hold),
    "late successes": Sweeper(late_releases._release_batch, late_success),
    "disputes": Sweeper(dispute_answers._send_batch, dispute),
    "cards of charges": Sweeper(cards._store_batch, partial(card, status="pending", source="pi_1")),
    "typed cards": Sweeper(
        lambda: card_setup._batch(lambda _: None), partial(card, status="pending", payment_id=None, purpose="ord_1")
    ),
    "removed cards": Sweeper(
        card_removal._remove_batch, partial(card, status="detached", removal="pending", external_id="pm_1")
    ),
}


def plant(world: World, made: Any) -> None:
    if made is not None:
        with organization(world.acme.id), transaction() as session:
            session.add(made)


@pytest.mark.parametrize("kind", SWEEPERS)
def test_what_cannot_be_worked_on_was_taken_all_the_same_and_is_out_of_the_way(
    world: World, paid: str, kind: str
) -> None:
    sweeper = SWEEPERS[kind]
    (attempt,) = rows(world, Attempt)
    plant(world, sweeper.plant(world, attempt))
    break_seal(world, world.acme.account_id)
    batch = as_worker(world, sweeper.batch)
    assert batch() == (1, 0), "one was taken: a run that goes by the number goes on to those behind it"
    assert batch() == (0, 0), "it is not due for a while"


def test_what_is_held_at_another_account_is_let_go_of_behind_it(world: World, api: Api, monkeypatch: Patch) -> None:
    held = {"capture_method": "manual", "amount": 2000}
    assert api.pay(payment_method="pm_card_visa", **held).status_code == 201
    world.use("braintree")
    assert api.pay(processor="braintree", payment_method="fake-valid-visa-nonce", **held).status_code == 201
    for attempt in rows(world, Attempt):
        plant(world, late_success(world, attempt))
    break_seal(world, world.acme.account_id)
    monkeypatch.setattr(late_releases, "THREADS", 1)
    assert as_worker(world, late_releases.release_due)() == 2
    with organization(world.acme.id), transaction() as session:
        wanted = select(Attempt.processor, LateSuccess.released_at).join(Attempt, Attempt.id == LateSuccess.attempt_id)
        released = dict(session.execute(wanted.where(LateSuccess.organization_id == world.acme.id)).all())
    assert released["stripe"] is None
    assert released["braintree"] is not None
    break_seal(world, world.acme.account_id)
    with organization(world.acme.id), transaction() as session:
        session.execute(
            update(LateSuccess).where(LateSuccess.released_at.is_(None)).values(next_attempt_at=real_time())
        )
    as_worker(world, late_releases.release_due)()
    assert all(late.released_at for late in rows(world, LateSuccess))
