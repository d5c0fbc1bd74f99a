"""From the first payment on: renewed, declined, recovered, changed, ended."""

from __future__ import annotations

from datetime import UTC, datetime

from ballast.billing.subscriptions import changing, ending
from tests.subscriptions.acts import Desk


def test_a_subscription_starts_is_paid_and_renews_each_month(desk: Desk) -> None:
    sub = desk.start(desk.price(2000), desk.customer())
    assert desk.subscription(sub).status == "active"
    desk.until(datetime(2026, 4, 1, tzinfo=UTC))
    assert [(one.number, one.status, one.total) for one in desk.invoices()] == [
        ("ACME-000001", "paid", 2000),
        ("ACME-000002", "paid", 2000),
        ("ACME-000003", "paid", 2000),
    ]
    assert desk.subscription(sub).current_period_end == datetime(2026, 4, 15, 9, 30, tzinfo=UTC)
    assert len(desk.world.charges()) == 3
    assert desk.run() == 0


def test_an_upgrade_within_a_period_is_paid_first_and_to_the_second(desk: Desk) -> None:
    small, large = desk.price(2000, name="Small"), desk.price(6000, name="Large")
    sub = desk.start(small, desk.customer())
    desk.at = datetime(2026, 1, 30, 21, 30, tzinfo=UTC)
    seen = desk.act(sub, changing.preview, changing.Change(price_id=large))
    assert seen.amount_due == 2000
    desk.move(minutes=10)
    desk.act(sub, changing.change, changing.Change(price_id=large, at=seen.at))
    invoice = desk.invoices()[-1]
    assert (invoice.status, invoice.total) == ("paid", 2000)
    assert desk.subscription(sub).price_id == large
    desk.act(sub, ending.cancel_at_period_end)
    desk.until(datetime(2026, 3, 1, tzinfo=UTC))
    assert desk.subscription(sub).status == "canceled"
    assert len(desk.world.charges()) == 2
