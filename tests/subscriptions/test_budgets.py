"""The networks' limits on trying a card again: counted per card and amount, and not exceedable by anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from ballast.billing import budgets, stored_charges
from ballast.billing.stored_charges import StoredCharge
from ballast.billing.subscriptions import collecting
from ballast.errors import Conflict
from ballast.models import Attempt, Subscription
from tests.billing.acts import at_once
from tests.subscriptions.acts import Desk

RENEWAL = datetime(2026, 2, 15, 9, 30, tzinfo=UTC)


@pytest.fixture
def holder(desk: Desk) -> str:
    """A customer with a Visa card that is declined from now on."""
    customer = desk.customer()
    desk.start(desk.price(100), customer)
    desk.world.fault(kind="decline")
    return customer


def charge(desk: Desk, customer: str, card: str, amount: int = 2000) -> None:
    with desk.clocked():
        stored_charges.charge(desk.world.acme.id, StoredCharge(customer, card, amount, "USD", None, str(uuid4())))


def tries(desk: Desk, amount: int = 2000) -> int:
    return sum(1 for attempt in desk.all(Attempt) if attempt.amount == amount)


def test_a_visa_card_is_tried_sixteen_times_in_thirty_days_and_no_more(desk: Desk, holder: str) -> None:
    card = desk.card().id
    for _ in range(16):
        charge(desk, holder, card)
        desk.move(hours=6)
    with pytest.raises(Conflict) as refused:
        charge(desk, holder, card)
    assert refused.value.code == "retry_limit_reached"
    assert tries(desk) == 16
    charge(desk, holder, card, amount=2100)  # another amount is another count
    with desk.clocked():
        meter = budgets.meters(desk.card(), 2000)[0]
        first = min(attempt.created_at for attempt in desk.all(Attempt) if attempt.amount == 2000)
    assert (meter.used, meter.limit.attempts) == (16, 16)
    desk.at = first + timedelta(days=30)
    charge(desk, holder, card)
    assert tries(desk) == 17


def test_a_mastercard_is_tried_ten_times_a_day_however_many_click_at_once(desk: Desk, holder: str) -> None:
    card = desk.another_card()
    for _ in range(8):
        charge(desk, holder, card)
    acts = [lambda: charge(desk, holder, card) for _ in range(5)]
    results = at_once(desk.world.app, *acts)
    refused = [one for one in results if isinstance(one, Conflict)]
    assert (tries(desk), len(refused)) == (10, 3)
    assert {one.code for one in refused} == {"retry_limit_reached"}


def test_dunning_keeps_to_the_networks_pace(desk: Desk, holder: str) -> None:
    desk.until(RENEWAL - timedelta(hours=20))
    card = desk.card().id
    for _ in range(16):
        charge(desk, holder, card, amount=100)
    earliest = min(attempt.created_at for attempt in desk.all(Attempt)[1:])
    desk.until(RENEWAL + timedelta(days=1))
    invoice = desk.invoices()[1]
    assert (tries(desk, 100), invoice.failures) == (17, 0)
    assert invoice.next_attempt_at == earliest + timedelta(days=30)


def test_a_card_declined_for_good_is_refused_before_anything_is_sent(desk: Desk, holder: str) -> None:
    desk.world.forget_faults()
    card = desk.another_card("pm_card_chargeDeclinedExpiredCard")
    charge(desk, holder, card)
    with pytest.raises(Conflict) as refused:
        charge(desk, holder, card, amount=5)
    assert refused.value.code == "payment_method_blocked"
    with pytest.raises(Conflict, match="for good"):
        desk.act(desk.all(Subscription)[0].id, collecting.use_card, card)
