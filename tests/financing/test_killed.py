"""A worker that is killed while it charges installments: everything is charged, and nothing twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from ballast.models import Attempt, Installment, Payment
from tests.financing.acts import Lender
from tests.subscriptions.fleet import worker
from tests.subscriptions.test_killed import await_charges
from tests.world import World

COUNT = 5


def test_a_run_killed_twice_charges_each_installment_once(world: World) -> None:
    lender = Lender(world)
    plans = [lender.agree(64000 + 100 * place) for place in range(COUNT)]
    lender.at = lender.installments(plans[0])[0].due_at
    world.fault(kind="latency", operation="payment_intents.confirm", seconds=0.3)
    for kill in range(2):
        with worker(world, lender.at, shift=60 * kill, package="financing") as process:
            await_charges(world, COUNT + 1 + kill)
            process.kill()
    world.forget_faults()
    with worker(world, lender.at + timedelta(minutes=5), shift=60 * 24, package="financing") as last:
        assert last.wait(60) == 0
    first = [one for one in lender.all(Installment) if one.number == 1]
    assert {one.status for one in first} == {"paid"}
    assert len(world.charges()) == 2 * COUNT
    assert {one.status for one in lender.all(Payment)} == {"succeeded"}
    assert Counter(one.status for one in lender.all(Attempt))["approved"] == 2 * COUNT
    assert lender.account("financing_receivable") == sum(lender.balance(plan) for plan in plans)
