"""A day of a processor account compared with ours: nothing differs where nothing should, every kind of drift is told, and what is
mended is what the processor says."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
import requests
from click.testing import Result

from ballast.billing import ledger
from ballast.billing.reconciliation import comparing, days, recording
from ballast.billing.reconciliation.comparing import OurCharge
from ballast.clock import real_time
from ballast.db import organization, transaction
from ballast.models import Attempt, Drift, LateSuccess, Payout, Reconciliation
from ballast.processors.lists import Listed
from tests.billing.acts import as_worker, balance, elsewhere, pause, rows, stripe
from tests.pages.mixing import Mixer
from tests.statements import counted
from tests.world import Api, World

CARDS = {"stripe": "pm_card_visa", "braintree": "fake-valid-visa-nonce", "square": "cnon:card-nonce-ok"}


def today() -> date:
    """The processor's day, whose clock `pause` does not move: what was charged before midnight stays of that day."""
    return datetime.now(UTC).date()


def compare(world: World, account_id: str | None = None) -> Reconciliation:
    """Compare today, as a worker does; answers the row."""
    with organization(world.acme.id):
        found = account_id or world.acme.account_id
    elsewhere(world.app, lambda: _compare(world, found))
    return next(one for one in rows(world, Reconciliation) if one.processor_account_id == found)


def _compare(world: World, account_id: str) -> None:
    with organization(world.acme.id):
        days.run_now(world.acme.id, account_id, today())


def drifts(world: World) -> list[tuple[str, str, str]]:
    return [(one.drift_class, one.kind, one.status) for one in rows(world, Drift)]


def flask(world: World, *words: str) -> Result:
    return world.app.test_cli_runner().invoke(
        args=["reconcile", "--organization", "acme", "--day", f"{today()}", *words]
    )


@pytest.mark.parametrize("processor", CARDS)
def test_a_day_of_everything_differs_in_nothing_and_its_fees_are_posted_once(
    world: World, api: Api, processor: str
) -> None:
    account_id = world.use(processor)
    card = {"payment_method": CARDS[processor]}
    kept = api.pay(**card).get_json()["id"]
    back = api.pay(**card, amount=3000).get_json()["id"]
    api.pay(**card, amount=4000, capture_method="manual")
    let_go = api.pay(**card, amount=4100, capture_method="manual").get_json()["id"]
    assert api.post(f"/payments/{let_go}/cancel").status_code == 200
    part = api.pay(**card, amount=4200, capture_method="manual").get_json()["id"]
    assert api.post(f"/payments/{part}/capture", {"amount_to_capture": 4000}).status_code == 200
    api.post("/refunds", {"payment": back})
    api.post("/refunds", {"payment": kept, "amount": 500})
    world.drain()
    row = compare(world, account_id)
    assert drifts(world) == []
    assert (row.status, row.charges, row.drifts) == ("done", 5, 0)
    fee = sum(min(amount, (amount * 29 + 500) // 1000 + 30) for amount in (2000, 3000, 4000))
    told = 0 if processor == "braintree" else 3
    assert (row.fees, balance(world, "processor_fees")) == (told, fee if told else 0)
    again = compare(world, account_id)
    assert (again.id, again.charges, again.drifts) == (row.id, row.charges, 0)
    assert balance(world, "processor_fees") == (fee if told else 0)


def test_one_charge_for_goods_and_an_invoice_is_compared_whole(world: World) -> None:
    noor = Mixer(world)
    assert noor.buy_both().headers["Location"].endswith("/receipt")
    world.drain()
    row = compare(world)
    assert (row.charges, drifts(world)) == (1, [])


def test_a_charge_whose_answer_was_lost_differs_in_state_and_is_mended_by_asking(world: World, api: Api) -> None:
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    lost = api.pay().get_json()["id"]
    assert world.payment(lost).status == "processing"
    assert compare(world).drifts == 0, "it may still be on its way"
    pause(minutes=11)
    assert compare(world).drifts == 1
    assert drifts(world) == [("state_differs", "charge", "open")]
    result = flask(world, "--repair")
    assert "The processor took $20.00" in result.output
    assert (result.exit_code, world.payment(lost).status) == (0, "succeeded"), result.output
    assert drifts(world) == [("state_differs", "charge", "repaired")]
    assert balance(world, "processor_receivable") == 2000 - 88


def test_a_charge_we_do_not_know_is_missing_here_and_nothing_pretends_to_mend_it(world: World) -> None:
    made = charge_beside(world)
    result = flask(world, "--repair")
    assert result.exit_code == 1
    assert f"missing_here\tcharge\t{made}" in result.output
    assert drifts(world) == [("missing_here", "charge", "open")]


def charge_beside(world: World, **fields: str) -> str:
    """A charge at the processor that we have not asked for; its id."""
    made = stripe(
        world,
        "payment_intents",
        amount=700,
        currency="usd",
        payment_method="pm_card_visa",
        confirm="true",
        **{"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"},
        **fields,
    )
    assert made.json()["status"] == "succeeded"
    return str(made.json()["id"])


def test_a_charge_under_the_reference_of_one_that_was_declined_goes_back_as_a_late_success(
    world: World, api: Api
) -> None:
    assert api.pay(payment_method="pm_card_visa_chargeDeclined").status_code == 402
    (attempt,) = rows(world, Attempt)
    found = charge_beside(world, **{"metadata[attempt]": attempt.id})
    result = flask(world)
    assert f"missing_here\tcharge\t{found}" in result.output
    mended = flask(world, "--repair")
    assert "The processor took $7.00 under our reference" in mended.output
    assert mended.exit_code == 0, mended.output
    world.drain()
    (late,) = rows(world, LateSuccess)
    assert (late.attempt_id, late.amount, late.answer) == (attempt.id, 700, "refund")
    assert [charge["amount_refunded"] for charge in world.charges()] == [700]
    assert (balance(world, "processor_receivable"), balance(world, "late_receipts")) == (-50, 0), "the fee is kept"


def test_a_second_charge_under_the_reference_of_one_that_was_paid_is_left_to_a_person(world: World, api: Api) -> None:
    api.pay()
    (attempt,) = rows(world, Attempt)
    found = charge_beside(world, **{"metadata[attempt]": attempt.id})
    result = flask(world, "--repair")
    assert result.exit_code == 1
    assert f"missing_here\tcharge\t{found}" in result.output
    assert rows(world, LateSuccess) == []


def test_what_the_processor_has_lost_is_missing_there_charge_and_refund(world: World, api: Api) -> None:
    paid = api.pay().get_json()["id"]
    api.post("/refunds", {"payment": paid, "amount": 500})
    world.drain()
    requests.post(f"{world.sandbox_url}/_sandbox/reset", timeout=5).raise_for_status()
    pause(minutes=1)
    assert compare(world).drifts == 2
    assert sorted(drifts(world)) == [("missing_there", "charge", "open"), ("missing_there", "refund", "open")]


def test_the_ledger_is_compared_too_and_what_is_right_again_is_gone(world: World, api: Api) -> None:
    paid = api.pay().get_json()["id"]
    (attempt,) = rows(world, Attempt)
    words = (world.acme.id, "late_success", attempt.id, "processor_receivable", "sales", 1, "USD", paid)
    with organization(world.acme.id), transaction():
        ledger.post(*words)
    assert compare(world).drifts == 1
    (found,) = rows(world, Drift)
    assert (found.drift_class, found.ours["amount"], found.theirs["captured"]) == ("amount_differs", 2001, 2000)
    with organization(world.acme.id), transaction():
        ledger.post(world.acme.id, "correction", attempt.id, "sales", "processor_receivable", 1, "USD", paid)
    compare(world)
    assert drifts(world) == [("amount_differs", "charge", "gone")]


def test_a_payout_is_in_transit_then_in_the_bank_and_comes_back_when_it_fails(world: World, api: Api) -> None:
    api.pay()
    (attempt,) = rows(world, Attempt)
    sent = _act(world, f"charges/stripe/{attempt.external_id}/pay-out")
    compare(world)
    assert (balance(world, "payouts_in_transit"), balance(world, "processor_receivable")) == (1912, 0)
    _act(world, f"payouts/stripe/{sent}/arrive")
    compare(world)
    compare(world)
    assert (balance(world, "payouts_in_transit"), balance(world, "bank")) == (0, 1912)
    api.pay()
    failed = _act(world, f"charges/stripe/{rows(world, Attempt)[1].external_id}/pay-out")
    _act(world, f"payouts/stripe/{failed}/fail")
    compare(world)
    assert [one.status for one in rows(world, Payout)] == ["paid", "failed"]
    assert (balance(world, "payouts_in_transit"), balance(world, "processor_receivable")) == (0, 1912)


def _act(world: World, path: str) -> str:
    answer = requests.post(f"{world.sandbox_url}/_sandbox/{path}", timeout=5)
    answer.raise_for_status()
    return str(answer.json()["id"])


def test_the_night_compares_yesterday_waits_for_a_processor_that_is_away_and_gives_up_in_the_end(world: World) -> None:
    job = as_worker(world, days.reconcile_due)
    pause(seconds=(datetime.combine(today(), time(0, 30), UTC) + timedelta(days=1) - real_time()).total_seconds())
    elsewhere(world.app, job)
    assert rows(world, Reconciliation) == []
    pause(hours=1)
    world.fault(kind="error_before", operation="charges.list")
    elsewhere(world.app, job)
    (row,) = rows(world, Reconciliation)
    assert (row.day, row.status, row.reason) == (today(), "waiting", "http_500")
    with organization(world.acme.id):
        for _ in range(7):
            recording.put_off(world.acme.id, row.id, "http_500")
    (row,) = rows(world, Reconciliation)
    next_night = datetime.combine(today() + timedelta(days=2), time(1), UTC)
    assert (row.status, row.attempts, row.next_attempt_at) == ("failed", 8, next_night)


def test_a_long_day_costs_as_many_statements_as_a_short_one(world: World, api: Api) -> None:
    api.pay()
    compare(world)
    with counted(world.app) as few, organization(world.acme.id):
        days.run_now(world.acme.id, world.acme.account_id, today())
    for _ in range(6):
        api.pay()
    compare(world)
    with counted(world.app) as many, organization(world.acme.id):
        days.run_now(world.acme.id, world.acme.account_id, today())
    assert len(many) == len(few)


def test_a_fee_that_is_not_told_within_the_hour_is_drift_where_fees_are_told() -> None:
    moment = real_time()
    line = Listed("charge", "pi_1", None, 900, "USD", "captured", moment, captured=900)
    ours = OurCharge("att_1", "pi_1", "approved", "succeeded", 900, "USD", 900, 0, 900, False, moment)
    late = moment + timedelta(hours=2)
    assert [one.drift_class for one in comparing.charge(line, ours, late, tells_fees=True)] == ["fee_unknown"]
    assert list(comparing.charge(line, ours, moment, tells_fees=True)) == []
    assert list(comparing.charge(line, ours, late, tells_fees=False)) == []
