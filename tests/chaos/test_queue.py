"""The worker and the queue are killed and emptied while webhooks and mails wait: rows are the jobs, so all go out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis

from tests.stack import Shopper, Stack, await_value

pytestmark = pytest.mark.stack

SHOPPERS = 3
TOLD = ("payment_intent.created", "payment_intent.succeeded")


@pytest.fixture
def shoppers(stack: Stack) -> Iterator[list[Shopper]]:
    """Some people with a checkout each."""
    with ExitStack() as exits:
        found = [exits.enter_context(Shopper(stack)) for _ in range(SHOPPERS)]
        for shopper in found:
            shopper.fill_cart()
        yield found


def buy(stack: Stack, shoppers: list[Shopper]) -> list[str]:
    """Everybody pays; the payments."""
    for shopper in shoppers:
        assert shopper.pay().status_code == 303
    return [stack.newest_payment(shopper.email) for shopper in shoppers]


def expect_all_told(stack: Stack, shoppers: list[Shopper], payments: list[str]) -> None:
    """Every event reached the merchant's server, and every shopper has one receipt."""

    def is_told() -> bool:
        found = {(payment_id, one["type"]) for payment_id in payments for one in stack.received(payment_id)}
        return found >= {(payment_id, kind) for payment_id in payments for kind in TOLD}

    await_value(is_told, explain=stack.read_output)
    await_value(lambda: all(stack.mails(shopper.email) for shopper in shoppers), explain=stack.read_output)
    assert [len(stack.mails(shopper.email)) for shopper in shoppers] == [1] * len(shoppers)
    assert all(one["valid"] for payment_id in payments for one in stack.received(payment_id))
    await_value(lambda: not waiting(stack), explain=stack.read_output)


def waiting(stack: Stack) -> list[tuple[object, ...]]:
    """Deliveries and mails that have not gone out."""
    return stack.query(
        "select id from webhook_deliveries where status <> 'delivered' union all select id from emails where status <> 'sent'"
    )


def test_a_worker_killed_while_it_delivers_loses_nothing(stack: Stack, shoppers: list[Shopper]) -> None:
    await_value(lambda: not waiting(stack))
    worker = stack.pid_of("worker")
    with stack.halted("worker"):
        payments = buy(stack, shoppers)
        with stack.halted("sandbox"):
            stack.resume("worker")
            await_value(lambda: claimed(stack))
            stack.kill("worker")
    assert claimed(stack), "the worker had them in hand"
    stack.await_restart("worker", worker)
    expect_all_told(stack, shoppers, payments)


def claimed(stack: Stack) -> list[tuple[object, ...]]:
    """Deliveries a worker holds."""
    return stack.query("select id from webhook_deliveries where status <> 'delivered' and lease_until > now()")


def test_an_emptied_and_killed_queue_loses_nothing(stack: Stack, shoppers: list[Shopper]) -> None:
    await_value(lambda: not waiting(stack))
    valkey = stack.pid_of("valkey")
    with stack.halted("worker"), stack.halted("cron"):
        payments = buy(stack, shoppers)
        assert len(waiting(stack)) >= 3 * SHOPPERS
        with redis.Redis.from_url(stack.local["redis_url"]) as queue:
            queue.flushall()
        stack.kill("valkey")
        # Nobody needs the queue to take a payment.
        late = stack.pay()
        assert late.status_code == 201
    stack.await_restart("valkey", valkey)
    expect_all_told(stack, shoppers, payments)
    assert stack.received(late.json()["id"], TOLD[1])
