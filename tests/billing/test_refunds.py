"""Money back: never more than was taken, never twice, and the books say the same as the processor."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ballast.billing import refund_outcomes, refunds
from ballast.clock import shifted
from ballast.db import organization, transaction
from ballast.errors import BallastError, Conflict, InvalidRequest
from ballast.models import Email, Event, LedgerTransfer, Order, Payment, Refund
from tests.billing.acts import (
    Died,
    Shopper,
    as_worker,
    at_once,
    attempts,
    balance,
    die,
    elsewhere,
    event_of,
    hook,
    rows,
    taken,
    wire,
)
from tests.world import Api, World

Patch = pytest.MonkeyPatch


def reserve(world: World, payment_id: str, amount: int | None = None, key: str | None = None) -> str:
    """Reserve a refund; answers its id."""
    with organization(world.acme.id), transaction():
        return refunds.request(world.acme.id, payment_id, amount, "requested_by_customer", key).id


def refund(world: World, payment_id: str, amount: int | None = None) -> str:
    """Reserve and send."""
    refund_id = reserve(world, payment_id, amount)
    with organization(world.acme.id):
        refunds.send(world.acme.id, refund_id)
    return refund_id


def one(world: World, refund_id: str) -> Refund:
    (found,) = [row for row in rows(world, Refund) if row.id == refund_id]
    return found


def given_back(world: World, payment_id: str) -> int:
    """What the sandbox says it gave back of a payment, in minor units."""
    mine = {attempt.external_id for attempt in attempts(world) if attempt.payment_id == payment_id}
    return sum(charge["amount_refunded"] for charge in taken(world) if charge["payment_intent"] in mine)


def until(holds: Callable[[], bool], patience: float = 10) -> None:
    limit = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.1)


def test_parts_and_the_rest(world: World, paid: str) -> None:
    refund(world, paid, 700)
    refund(world, paid, 800)
    refund(world, paid)
    assert [row.amount for row in rows(world, Refund)] == [700, 800, 500]
    assert {row.status for row in rows(world, Refund)} == {"succeeded"}
    assert world.payment(paid).amount_refunded == 2000
    assert given_back(world, paid) == 2000
    assert balance(world, "processor_receivable") == 0
    with pytest.raises(Conflict, match="payment_refunded"):
        refund(world, paid)


@pytest.mark.parametrize("amount", [2001, 0, -1])
def test_an_amount_that_makes_no_sense_is_refused(world: World, paid: str, amount: int) -> None:
    with pytest.raises(InvalidRequest):
        reserve(world, paid, amount)
    assert rows(world, Refund) == []


def test_what_was_not_taken_is_not_given_back(world: World, api: Api, unpaid: str) -> None:
    authorized = api.pay(capture_method="manual").get_json()["id"]
    for payment_id in (unpaid, authorized):
        with pytest.raises(Conflict, match="payment_not_refundable"):
            reserve(world, payment_id)


def test_a_refunded_order_says_so_and_the_shopper_is_told_once(world: World, shopper: Shopper) -> None:
    shopper.pay(shopper.buy())
    (payment,) = rows(world, Payment)
    refund(world, payment.id, 4000)
    assert [order.status for order in rows(world, Order)] == ["paid"]
    refund(world, payment.id)
    assert [order.status for order in rows(world, Order)] == ["refunded"]
    world.drain()
    assert Counter(mail.kind for mail in rows(world, Email)) == {"receipt": 1, "refund": 2}
    assert [mail["subject"] for mail in world.mails()].count("We refunded $40.00") == 1


def test_one_form_key_is_one_refund_of_one_payment(world: World, api: Api, paid: str) -> None:
    other = api.pay().get_json()["id"]
    first, second = reserve(world, paid, 500, "a key"), reserve(world, paid, 500, "a key")
    assert first == second
    with pytest.raises(Conflict, match="idempotency_key_reused"):
        reserve(world, other, 500, "a key")
    assert len(rows(world, Refund)) == 1


def test_refunds_of_the_rest_at_once_are_one_refund(world: World, paid: str) -> None:
    answers = at_once(world.app, *[lambda: refund(world, paid)] * 5)
    assert len([answer for answer in answers if isinstance(answer, str)]) == 1
    assert all(isinstance(answer, str | BallastError) for answer in answers)
    assert given_back(world, paid) == 2000


def test_halves_and_a_bit_at_once_never_exceed_the_whole(world: World, paid: str) -> None:
    at_once(world.app, *[lambda: refund(world, paid, 900)] * 5)
    assert given_back(world, paid) == 1800
    assert world.payment(paid).amount_refunded == 1800


def test_a_refund_sent_by_two_at_once_is_given_once(world: World, paid: str) -> None:
    refund_id = reserve(world, paid, 900)
    world.fault(kind="latency", operation="refunds.create", seconds=0.3)

    def send() -> None:
        with organization(world.acme.id):
            refunds.send(world.acme.id, refund_id)

    at_once(world.app, *[send] * 4)
    with shifted(timedelta(minutes=5)):
        world.drain()
    assert given_back(world, paid) == 900
    assert one(world, refund_id).status == "succeeded"
    assert [row.kind for row in rows(world, LedgerTransfer)].count("refund") == 1


@pytest.mark.parametrize("kind", ["reset_after", "error_after", "truncate", "reset_before"])
def test_a_lost_answer_keeps_the_money_reserved_until_it_is_known(world: World, paid: str, kind: str) -> None:
    world.fault(kind=kind, operation="refunds.create", count=1)
    refund_id = refund(world, paid, 1500)
    assert one(world, refund_id).status == "unknown"
    with pytest.raises(InvalidRequest, match="refund_too_large"):
        reserve(world, paid, 501)
    with shifted(timedelta(seconds=31)):
        world.drain()
    assert one(world, refund_id).status == "succeeded"
    assert given_back(world, paid) == 1500
    assert len({said["idempotency_key"] for said in wire(world, "/refunds")}) == 1


def test_looking_for_a_refund_is_not_sending_it(world: World, paid: str) -> None:
    world.fault(kind="reset_before", operation="refunds.create", count=1)
    refund_id = refund(world, paid, 1500)
    sent_at = one(world, refund_id).sent_at
    world.fault(kind="error_before")
    with shifted(timedelta(seconds=40)):
        world.drain()
    looked = one(world, refund_id)
    assert (looked.status, looked.probes, looked.sent_at) == ("unknown", 1, sent_at)
    world.forget_faults()
    with shifted(timedelta(minutes=5)):
        world.drain()
    again = one(world, refund_id)
    assert again.status == "succeeded"
    assert again.sent_at > sent_at, "it was sent once more"
    assert given_back(world, paid) == 1500


LINES: dict[str, tuple[Any, str]] = {
    "reserved and not sent": (refunds, "_mark_submitted"),
    "marked and not sent": (refunds, "_settle"),
    "sent and not recorded": (refunds, "record"),
    "while recording": (refund_outcomes, "_succeed"),
}


@pytest.mark.parametrize("line", LINES)
def test_a_process_that_dies_leaves_one_refund(world: World, paid: str, monkeypatch: Patch, line: str) -> None:
    refund_id = reserve(world, paid, 600)
    with monkeypatch.context() as patch:
        patch.setattr(*LINES[line], die)
        with organization(world.acme.id), pytest.raises(Died):
            refunds.send(world.acme.id, refund_id)
    with shifted(timedelta(minutes=5)):
        world.drain()
    assert one(world, refund_id).status == "succeeded"
    assert given_back(world, paid) == 600
    assert world.payment(paid).amount_refunded == 600
    assert balance(world, "processor_receivable") == 1400


def test_two_sweepers_at_once_send_once(world: World, paid: str) -> None:
    reserve(world, paid, 600)
    world.fault(kind="latency", operation="refunds.create", seconds=0.3)
    with shifted(timedelta(minutes=5)):
        at_once(world.app, *[as_worker(world, refunds.submit_due)] * 3)
    assert len(wire(world, "/refunds")) == 1
    assert given_back(world, paid) == 600


def test_a_refund_the_bank_thinks_about_arrives_later(world: World, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    payment_id = api.pay(payment_method="pm_card_pendingRefund").get_json()["id"]
    refund_id = refund(world, payment_id)
    assert one(world, refund_id).status == "processing"
    assert balance(world, "processor_receivable") == 2000
    world.fault(kind="error_before", operation="refunds.retrieve", count=1)
    with shifted(timedelta(seconds=40)):
        world.drain()
    assert one(world, refund_id).status == "processing", "an answer that is missing changes nothing"
    assert "a row of a batch failed" not in caplog.text
    shift = timedelta(minutes=10)

    def arrived() -> bool:
        nonlocal shift
        shift += timedelta(hours=8)
        with shifted(shift):
            world.drain()
        return one(world, refund_id).status == "succeeded"

    until(arrived)
    assert balance(world, "processor_receivable") == 0
    assert world.payment(payment_id).amount_refunded == 2000


@pytest.mark.parametrize("asking_fails", [False, True])
def test_a_refund_that_comes_back_from_the_bank_is_taken_back(world: World, api: Api, asking_fails: bool) -> None:
    payment_id = api.pay(payment_method="pm_card_refundFail").get_json()["id"]
    refund_id = refund(world, payment_id)
    assert one(world, refund_id).status == "succeeded"
    assert balance(world, "processor_receivable") == 0
    until(lambda: given_back(world, payment_id) == 0)
    if asking_fails:
        world.fault(kind="error_before", operation="refunds.retrieve", count=1)
    (attempt,) = attempts(world)
    assert hook(world, event_of(attempt.external_id or "", "refund.failed")).status_code == 204
    world.drain()
    with shifted(timedelta(seconds=5)):
        world.drain()
    assert one(world, refund_id).status == "failed"
    assert world.payment(payment_id).amount_refunded == 0
    assert balance(world, "processor_receivable") == 2000
    assert balance(world, "refunds") == 0
    assert [event.type for event in rows(world, Event)][-1] == "refund.failed"
    hook(world, event_of(attempt.external_id or "", "refund.failed"))
    world.drain()
    assert balance(world, "processor_receivable") == 2000


def test_an_order_whose_refund_comes_back_is_paid_again(world: World) -> None:
    shopper = Shopper(world)
    shopper.pay(shopper.buy(), "pm_card_refundFail")
    (order,) = rows(world, Order)
    (payment,) = rows(world, Payment)
    refund_id = refund(world, payment.id)
    assert rows(world, Order)[0].status == "refunded"
    until(lambda: given_back(world, payment.id) == 0)
    (attempt,) = attempts(world)
    hook(world, event_of(attempt.external_id or "", "refund.failed"))
    world.drain()
    assert one(world, refund_id).status == "failed"
    assert [(found.id, found.status) for found in rows(world, Order)] == [(order.id, "paid")]


FAULTS = ("reset_after", "reset_before", "error_after", "truncate", "rate_limit")
STEP = st.tuples(st.integers(1, 1500), st.one_of(st.none(), st.sampled_from(FAULTS)), st.booleans())


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, min_size=1, max_size=6))
def test_whatever_goes_wrong_refunds_never_exceed_what_was_taken(
    world: World, api: Api, steps: list[tuple[int, str | None, bool]]
) -> None:
    payment_id = api.pay().get_json()["id"]
    for amount, fault, ask_in_between in steps:
        if fault:
            world.fault(kind=fault, operation="refunds.create", count=1)
        with suppress(InvalidRequest, Conflict):
            refund(world, payment_id, amount)
        world.forget_faults()
        if ask_in_between:
            with shifted(timedelta(minutes=1)):
                elsewhere(world.app, as_worker(world, refunds.submit_due))
        assert_within(world, payment_id)
    with shifted(timedelta(hours=1)):
        elsewhere(world.app, as_worker(world, refunds.submit_due))
    assert_within(world, payment_id)
    payment = world.payment(payment_id)
    refunded = payment.amount_refunded
    assert given_back(world, payment_id) == refunded
    assert {row.status for row in rows(world, Refund) if row.payment_id == payment_id} <= {"succeeded"}


def assert_within(world: World, payment_id: str) -> None:
    (payment,) = [row for row in rows(world, Payment) if row.id == payment_id]
    mine = [row for row in rows(world, Refund) if row.payment_id == payment_id]
    held = sum(row.amount for row in mine if row.status not in ("failed", "canceled"))
    assert payment.amount_refunded == sum(row.amount for row in mine if row.status == "succeeded")
    assert payment.amount_refunded <= held <= 2000
    assert given_back(world, payment_id) <= held
    posted = [row for row in rows(world, LedgerTransfer) if row.payment_id == payment_id]
    back = sum(row.amount for row in posted if row.kind == "refund")
    assert (back, sum(row.amount for row in posted if row.kind == "capture")) == (payment.amount_refunded, 2000)


def test_a_seal_that_cannot_be_opened_stops_nobody_elses_refunds(
    world: World, api: Api, paid: str, monkeypatch: Patch
) -> None:
    other = api.pay().get_json()["id"]
    first, second = reserve(world, paid, 100), reserve(world, other, 200)
    real = refunds._sending

    def broken(row: Refund, *rest: Any) -> Any:
        if row.id == first:
            raise ValueError("this secret was sealed with a key that is not in ENCRYPTION_KEY")
        return real(row, *rest)

    monkeypatch.setattr(refunds, "_sending", broken)
    with shifted(timedelta(minutes=5)):
        world.drain()
    assert (one(world, first).status, one(world, second).status) == ("pending", "succeeded")
