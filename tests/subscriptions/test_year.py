"""A year in seconds: one customer's whole story, to the cent, by the clock of a sandbox organization."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from ballast.billing import clocks
from ballast.billing.subscriptions import changing, collecting, ending
from ballast.billing.subscriptions.changing import Change
from ballast.db import organization, set_organization, transaction
from ballast.models import Email, Event, Invoice, LedgerAccount, LedgerTransfer, Organization
from tests.subscriptions.acts import Desk
from tests.world import World

BEGIN = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)


class Year(Desk):
    """Time that is moved by the organization's clock."""

    def __init__(self, world: World) -> None:
        super().__init__(world, BEGIN)
        with organization(world.acme.id), transaction() as session:
            session.execute(update(Organization).where(Organization.id == world.acme.id).values(clock_at=BEGIN))

    def to(self, *date: int) -> None:
        """Advance to a day of 2026, at eight in the morning, UTC."""
        self.at = datetime(2026, *date, 8, tzinfo=UTC)  # type: ignore[misc, arg-type]
        with organization(self.world.acme.id), transaction():
            clocks.ask(self.world.acme.id, self.at)
        with self.world.worker_app.app_context():
            set_organization(None)
            clocks.advance_due()

    def bills(self) -> list[tuple[str, int, str]]:
        """(day it was drawn up, what was due, what became of it) of each invoice."""
        return [(f"{one.created_at:%m-%d}", one.amount_due, one.status) for one in self.invoices()]


def test_a_year_in_seconds(world: World) -> None:
    year = Year(world)
    basic, pro = year.price(3000, name="Basic", trial_days=14), year.price(9000, name="Pro")
    ada = year.customer()

    # A trial of two weeks, the card given at the start with a set-up nobody is charged for.
    sub = year.start(basic, ada, card="")
    other = year.start(year.price(100), ada)  # the card that is stored with another purchase
    year.act(other, ending.cancel_now)
    card = year.card().id
    year.act(sub, collecting.use_card, card)
    year.to(2, 13)
    assert (year.subscription(sub).status, year.mails().count("trial_ending")) == ("trialing", 1)
    year.to(2, 15)
    assert (year.subscription(sub).status, year.bills()[1]) == ("active", ("02-14", 3000, "paid"))

    # Upgraded half-way through the 28 days, then two seats more a week later.
    year.to(2, 28)
    year.act(sub, changing.change, Change(price_id=pro))
    assert year.bills()[-1] == ("02-28", 3000, "paid")  # (9,000 - 3,000) / 2
    year.to(3, 7)
    year.act(sub, changing.change, Change(quantity=3))
    assert year.bills()[-1] == ("03-07", 4500, "paid")  # 7 of 28 days of 18,000
    year.to(3, 15)
    assert year.bills()[-1] == ("03-14", 27000, "paid")

    # Two soft declines, and the third try goes through.
    world.fault(kind="decline", count=2)
    year.to(4, 15)
    assert (year.subscription(sub).status, year.bills()[-1][2]) == ("past_due", "open")
    year.to(4, 20)
    assert (year.subscription(sub).status, year.bills()[-1]) == ("active", ("04-14", 27000, "paid"))
    assert year.mails().count("charge_failed") == 2

    # The card expires, and another one is charged at once.
    expired = year.another_card("pm_card_chargeDeclinedExpiredCard", exp_month=5, exp_year=2026)
    year.act(sub, collecting.use_card, expired)
    year.to(5, 20)
    assert (year.subscription(sub).status, year.bills()[-1]) == ("past_due", ("05-14", 27000, "open"))
    assert year.mails().count("card_expiring") == 1
    year.act(sub, collecting.use_card, year.another_card("pm_card_mastercard"))
    year.to(5, 21)
    assert (year.subscription(sub).status, year.bills()[-1]) == ("active", ("05-14", 27000, "paid"))

    # Paused over the summer; back with a period of its own.
    year.to(6, 20)
    year.act(sub, ending.pause, datetime(2026, 9, 1, 8, tzinfo=UTC))
    year.to(9, 2)
    found = year.subscription(sub)
    assert (found.status, f"{found.current_period_start:%m-%d}") == ("active", "09-01")

    # Canceled at the end of the period, and that is all.
    year.act(sub, ending.cancel_at_period_end)
    year.to(12, 31)
    assert year.subscription(sub).status == "canceled"
    bills = [
        bill for bill, invoice in zip(year.bills(), year.invoices(), strict=True) if invoice.subscription_id == sub
    ]
    assert bills == [
        ("02-14", 3000, "paid"),
        ("02-28", 3000, "paid"),
        ("03-07", 4500, "paid"),
        ("03-14", 27000, "paid"),
        ("04-14", 27000, "paid"),
        ("05-14", 27000, "paid"),
        ("06-14", 27000, "paid"),
        ("09-01", 27000, "paid"),
    ]
    expect_books_in_order(year)


def expect_books_in_order(year: Year) -> None:
    """One mail a key, one event a fact, and a ledger that balances on every day of the year."""
    mails, events, invoices = year.all(Email), year.all(Event), year.all(Invoice)
    assert Counter(Counter(mail.dedupe_key for mail in mails).values()).keys() <= {1}
    paid = Counter(event.resource_id for event in events if event.type == "invoice.paid")
    assert paid == Counter(invoice.id for invoice in invoices if invoice.status == "paid")
    assert [one.number for one in invoices] == [f"ACME-{place:06d}" for place in range(1, len(invoices) + 1)]
    codes = {account.id: account.code for account in year.all(LedgerAccount)}
    moved = year.all(LedgerTransfer)
    for day in range(366):
        until = BEGIN + timedelta(days=day)
        sums: Counter[str] = Counter()
        for one in moved:
            if one.posted_at <= until:
                sums[codes[one.debit_account_id]] += one.amount
                sums[codes[one.credit_account_id]] -= one.amount
        owed = sum(
            one.amount_due
            for one in invoices
            if one.finalized_at <= until and (one.paid_at is None or one.paid_at > until)
        )
        collected = sum(one.amount_paid for one in invoices if one.paid_at and one.paid_at <= until)
        assert (sums["receivables"], sums["processor_receivable"]) == (owed, collected)
        assert sum(sums.values()) == 0
    assert sum(charge["amount"] for charge in year.world.charges()) == collected
