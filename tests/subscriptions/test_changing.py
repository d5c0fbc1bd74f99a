"""Another price, another number of seats: what is billed for it, and when it is in force."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from ballast.billing import credit, credit_notes
from ballast.billing.credit_notes import NewNote
from ballast.billing.subscriptions import changing, ending, rows
from ballast.billing.subscriptions.changing import Change
from ballast.db import transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id
from ballast.models import Coupon, Customer, TaxRate
from tests.billing.acts import balance
from tests.subscriptions.acts import Desk

RENEWAL = datetime(2026, 2, 15, 9, 30, tzinfo=UTC)
HALF_WAY = datetime(2026, 1, 30, 21, 30, tzinfo=UTC)


@pytest.fixture
def prices(desk: Desk) -> dict[str, str]:
    return {
        "small": desk.price(2000, name="Small"),
        "large": desk.price(6000, name="Large"),
        "yearly": desk.price(20000, interval="year", name="Small"),
        "euro": desk.price(2000, currency="EUR"),
    }


@pytest.fixture
def sub(desk: Desk, prices: dict[str, str]) -> str:
    """On the small plan, half-way through its first period."""
    started = desk.start(prices["small"], desk.customer())
    desk.at = HALF_WAY
    return started


def change(desk: Desk, sub: str, **wanted: Any) -> Any:
    return desk.act(sub, changing.change, Change(**wanted))


def credit_of(desk: Desk) -> int:
    with desk.clocked():
        return credit.available(desk.world.acme.id, desk.all(Customer)[0].id, "USD")


def test_a_downgrade_is_credit_that_the_next_invoices_use_up(desk: Desk, prices: dict[str, str], sub: str) -> None:
    change(desk, sub, price_id=prices["large"])
    change(desk, sub, price_id=prices["small"])
    assert [one.total for one in desk.invoices()] == [2000, 2000, -2000]
    assert credit_of(desk) == 2000
    desk.until(RENEWAL + timedelta(days=29))
    renewed = desk.invoices()[3:]
    assert [(one.total, one.credit_applied, one.amount_due, one.status) for one in renewed] == [
        (2000, 2000, 0, "paid"),
        (2000, 0, 2000, "paid"),
    ]
    assert credit_of(desk) == 0
    assert balance(desk.world, "receivables") == balance(desk.world, "customer_credit") == 0
    assert -balance(desk.world, "subscription_revenue") == 2000 + 2000 - 2000 + 2000 + 2000


def test_an_upgrade_whose_charge_is_declined_changes_nothing(desk: Desk, prices: dict[str, str], sub: str) -> None:
    desk.world.fault(kind="decline", count=1)
    change(desk, sub, price_id=prices["large"])
    found = desk.subscription(sub)
    assert (found.price_id, found.status, desk.invoices()[1].status) == (prices["small"], "active", "open")
    desk.until(RENEWAL)
    assert [(one.status, one.total) for one in desk.invoices()] == [("paid", 2000), ("void", 2000), ("paid", 2000)]


def test_a_change_that_is_being_paid_when_the_period_ends_is_waited_for(
    desk: Desk, prices: dict[str, str], sub: str
) -> None:
    desk.at = RENEWAL - timedelta(hours=10)
    desk.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    change(desk, sub, price_id=prices["large"])
    with pytest.raises(Conflict, match="being paid"):
        change(desk, sub, quantity=3)
    desk.until(RENEWAL + timedelta(minutes=1))
    assert len(desk.invoices()) == 2
    desk.settle()
    desk.until(RENEWAL + timedelta(minutes=15))
    assert desk.subscription(sub).price_id == prices["large"]
    assert [(one.status, one.total) for one in desk.invoices()][2:] == [("paid", 6000)]


def test_a_change_at_renewal_is_free_until_then_and_can_be_undone(desk: Desk, prices: dict[str, str], sub: str) -> None:
    change(desk, sub, quantity=3, when="renewal")
    desk.until(RENEWAL)
    assert [one.total for one in desk.invoices()] == [2000, 6000]
    change(desk, sub, price_id=prices["large"], when="renewal")
    desk.act(sub, changing.forget_pending)
    desk.until(RENEWAL + timedelta(days=28))
    assert desk.invoices()[-1].total == 6000
    assert desk.subscription(sub).price_id == prices["small"]


def test_another_interval_begins_a_period_of_its_own(desk: Desk, prices: dict[str, str], sub: str) -> None:
    change(desk, sub, price_id=prices["yearly"])
    found = desk.subscription(sub)
    assert (found.current_period_start, found.current_period_end) == (HALF_WAY, HALF_WAY.replace(year=2027))
    assert desk.invoices()[-1].total == 20000 - 1000
    desk.until(datetime(2027, 2, 1, tzinfo=UTC))
    assert [one.total for one in desk.invoices()] == [2000, 19000, 20000]


def test_seats_added_twice_are_billed_for_what_is_left(desk: Desk, prices: dict[str, str], sub: str) -> None:
    change(desk, sub, quantity=2)
    desk.at = RENEWAL - timedelta(days=1)
    change(desk, sub, quantity=10)
    assert [one.total for one in desk.invoices()] == [2000, 1000, 516]  # (20,000 - 4,000) / 31
    desk.until(RENEWAL)
    assert desk.invoices()[-1].total == 20000


def test_cents_that_no_processor_takes_are_the_customers(desk: Desk, prices: dict[str, str], sub: str) -> None:
    desk.at = RENEWAL - timedelta(minutes=5)
    change(desk, sub, price_id=prices["large"])
    invoice = desk.invoices()[-1]
    assert (invoice.total, invoice.credit_applied, invoice.amount_due, invoice.status) == (1, 1, 0, "paid")
    assert desk.subscription(sub).price_id == prices["large"]
    assert (balance(desk.world, "bad_debt"), balance(desk.world, "receivables"), credit_of(desk)) == (1, 0, 0)


def test_dinars_are_charged_in_tens_of_fils(desk: Desk) -> None:
    desk.start(desk.price(9_999, currency="KWD"), desk.customer())
    assert (desk.invoices()[0].amount_due, desk.world.charges()[0]["amount"]) == (9_990, 9_990)


def test_a_change_in_a_trial_costs_nothing(desk: Desk, prices: dict[str, str]) -> None:
    sub = desk.start(prices["small"], desk.customer(), card="", trial_days=14)
    change(desk, sub, price_id=prices["large"], quantity=2)
    assert desk.subscription(sub).status == "trialing"
    assert desk.invoices() == []


def test_a_percentage_applies_to_what_is_billed_and_given_back(desk: Desk, prices: dict[str, str]) -> None:
    with desk.clocked(), transaction() as session:
        coupon = Coupon(
            id=new_id("cpn"), organization_id=desk.world.acme.id, name="Half", percent_bps=5000, duration="forever"
        )
        session.add(coupon)
        coupon_id = coupon.id
    sub = desk.start(prices["small"], desk.customer(), coupon_id=coupon_id)
    desk.at = HALF_WAY
    change(desk, sub, price_id=prices["large"])
    assert [one.total for one in desk.invoices()] == [1000, 1000]
    change(desk, sub, price_id=prices["small"])
    assert desk.invoices()[-1].total == -1000


def test_tax_is_given_back_with_what_it_was_paid_for(desk: Desk, prices: dict[str, str]) -> None:
    with desk.clocked(), transaction() as session:
        session.add(TaxRate(id=new_id("txr"), organization_id=desk.world.acme.id, name="VAT", country="DE", bps=1900))
    sub = desk.start(prices["large"], desk.customer(country="DE"))
    desk.at = HALF_WAY
    change(desk, sub, price_id=prices["small"])
    assert [(one.tax, one.total) for one in desk.invoices()] == [(1140, 7140), (-380, -2380)]
    assert -balance(desk.world, "tax_payable") == 760


@pytest.mark.parametrize("bps", [1900, 10_000])
def test_a_change_that_is_paid_after_its_subscription_ended_gives_all_of_it_back(
    desk: Desk, prices: dict[str, str], sub: str, bps: int
) -> None:
    """Part of it was paid with credit, which comes back too; the tax may be more than what the card paid."""
    with desk.clocked(), transaction() as session:
        session.add(TaxRate(id=new_id("txr"), organization_id=desk.world.acme.id, name="VAT", country="DE", bps=bps))
        session.execute(update(Customer).values(country="DE"))
        credit_notes.create(desk.world.acme.id, NewNote(desk.invoices()[0].id, "credit", 1500))
    books = [balance(desk.world, code) for code in ("subscription_revenue", "tax_payable")]
    desk.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    change(desk, sub, price_id=prices["large"])
    assert (desk.invoices()[1].credit_applied, credit_of(desk)) == (1500, 0)
    with desk.clocked(), transaction():
        rows.set_status(rows.locked(desk.world.acme.id, sub), "defaulted")
    desk.settle()
    paid = desk.invoices()[1]
    assert (paid.status, credit_of(desk)) == ("paid", paid.total)
    assert [balance(desk.world, code) for code in ("subscription_revenue", "tax_payable")] == books
    assert (balance(desk.world, "receivables"), -balance(desk.world, "customer_credit")) == (0, paid.total)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"price_id": "euro"}, "currency_mismatch"),
        ({"price_id": "small"}, "nothing_to_change"),
        ({"quantity": 0}, "quantity_invalid"),
        ({"price_id": "large", "at": HALF_WAY - timedelta(hours=2)}, "preview_expired"),
        ({"price_id": "large", "at": HALF_WAY + timedelta(hours=2)}, "preview_expired"),
    ],
)
def test_what_cannot_be_changed(desk: Desk, prices: dict[str, str], sub: str, wanted: Any, code: str) -> None:
    asked = wanted | ({"price_id": prices[wanted["price_id"]]} if "price_id" in wanted else {})
    with pytest.raises(InvalidRequest) as refused:
        change(desk, sub, **asked)
    assert refused.value.code == code
    assert len(desk.invoices()) == 1


def test_canceling_with_what_is_left_given_back(desk: Desk, prices: dict[str, str], sub: str) -> None:
    desk.act(sub, ending.cancel_now, give_back=True)
    assert desk.subscription(sub).status == "canceled"
    assert credit_of(desk) == 1000


def test_a_pause_bills_nothing_and_goes_on_where_it_can(desk: Desk, prices: dict[str, str], sub: str) -> None:
    desk.act(sub, ending.pause, RENEWAL + timedelta(days=45))
    desk.until(RENEWAL + timedelta(days=44))
    assert (desk.subscription(sub).status, len(desk.invoices())) == ("paused", 1)
    desk.until(RENEWAL + timedelta(days=46))
    found = desk.subscription(sub)
    assert (found.status, found.current_period_start) == ("active", RENEWAL + timedelta(days=45))
    assert len(desk.invoices()) == 2
    desk.act(sub, ending.pause)
    desk.move(days=3)
    desk.act(sub, ending.resume)
    assert desk.subscription(sub).current_period_start == RENEWAL + timedelta(days=45)
    assert desk.run() == 0
