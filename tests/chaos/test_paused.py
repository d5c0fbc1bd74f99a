"""A process is paused (SIGSTOP) right before its call, and woken after the resolver has given its attempt up: it sends nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import psycopg
import pytest
import requests

from ballast.billing.processing import SEND_SLACK
from tests.stack import PATIENCE, Stack, await_value, outside

pytestmark = pytest.mark.stack

CHARGES = {
    "stripe": ("pm_card_visa", "payment_intents.confirm"),
    "braintree": ("fake-valid-visa-nonce", "transactions.create"),
    "square": ("cnon:card-nonce-ok", "payments.create"),
}
STALL = """
create function stall() returns trigger language plpgsql as $$
  begin perform pg_advisory_xact_lock(20261128), pg_sleep(3); return null; end $$;
create constraint trigger stall after update on attempts deferrable initially deferred for each row
  when (new.status = 'submitted' and old.status = 'created') execute function stall();
"""


@pytest.fixture
def slow_commit(stack: Stack) -> Iterator[None]:
    """The commit that announces a charge takes three seconds, so that its process can be met between it and the call."""
    with psycopg.connect(stack.local["database_url"], autocommit=True) as connection:
        connection.execute(STALL)  # type: ignore[arg-type]
        yield
        connection.execute("drop function stall cascade")


@contextmanager
def everything_halted(stack: Stack) -> Iterator[None]:
    """The web server and all its workers stand still inside the block."""
    parent = psutil.Process(stack.pid_of("web"))
    halted = [parent, *parent.children(recursive=True)]
    for process in halted:
        process.suspend()
    try:
        yield
    finally:
        for process in halted:
            process.resume()


def let_time_pass(stack: Stack, attempt_id: object) -> None:
    """As if the process had slept for an hour: the row is due, and its deadline long over."""
    with psycopg.connect(stack.local["database_url"], autocommit=True) as connection:
        connection.execute(
            "update attempts set send_deadline_at = now() - interval '1 hour', next_probe_at = now() where id = %s",
            [attempt_id],
        )


def charges_sent(stack: Stack, processor: str) -> int:
    lines = requests.get(f"{stack.sandbox}/_sandbox/wire", params={"processor": processor}, timeout=PATIENCE).text
    return sum(json.loads(line)["operation"] == CHARGES[processor][1] for line in lines.splitlines())


@pytest.mark.parametrize("processor", CHARGES)
def test_woken_after_the_resolver_gave_up_it_sends_nothing(stack: Stack, slow_commit: None, processor: str) -> None:
    before = charges_sent(stack, processor)
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(stack.pay, processor=processor, payment_method=CHARGES[processor][0])
        newest = "select id, payment_id from attempts where status = 'created'"
        ((attempt_id, payment_id),) = await_value(lambda: stack.query(newest), explain=stack.read_output)
        await_value(lambda: stack.query("select 1 from pg_locks where locktype = 'advisory' and objid = 20261128"))
        with everything_halted(stack):
            status = "select status from attempts where id = %s and status = %s"
            await_value(lambda: stack.query(status, attempt_id, "submitted"))
            time.sleep(SEND_SLACK.total_seconds())
            let_time_pass(stack, attempt_id)
            await_value(lambda: stack.query(status, attempt_id, "not_sent"), explain=stack.read_output)
        answer = paying.result(PATIENCE)
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "requires_confirmation"
    assert charges_sent(stack, processor) == before
    assert stack.charges(outside("pay", payment_id)) == []
