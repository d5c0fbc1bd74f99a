"""What customers are told ahead of time, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ballast import clock
from ballast.billing.subscriptions import collecting, ending, reminding
from ballast.db import set_organization
from tests.subscriptions.acts import Desk

RENEWAL = datetime(2026, 2, 15, 9, 30, tzinfo=UTC)


def told_at(desk: Desk, moment: datetime) -> list[str]:
    """The mails there are after the reminders of that moment, receipts left out."""
    desk.at = moment
    with desk.world.worker_app.app_context(), clock.at(moment):
        set_organization(None)
        for _ in range(2):  # whoever asks, and how often
            reminding.remind_due()
            reminding.warn_of_expiry()
    return [kind for kind in desk.mails() if kind != "receipt"]


@pytest.mark.parametrize(
    ("interval", "trial", "notice", "kind"),
    [("month", 0, 3, "upcoming_charge"), ("year", 0, 7, "upcoming_charge"), ("month", 31, 7, "trial_ending")],
)
def test_a_charge_is_announced_once_and_in_time(desk: Desk, interval: str, trial: int, notice: int, kind: str) -> None:
    sub = desk.start(desk.price(2000, interval), desk.customer(), trial_days=trial)
    end = desk.subscription(sub).current_period_end
    assert told_at(desk, end - timedelta(days=notice, seconds=1)) == []
    assert told_at(desk, end - timedelta(days=notice)) == [kind]
    told = {"upcoming_charge": "invoice.upcoming", "trial_ending": "subscription.trial_will_end"}[kind]
    assert desk.events(told) == [told]


def test_nothing_is_announced_of_what_will_not_be_charged(desk: Desk) -> None:
    sub = desk.start(desk.price(2000), desk.customer())
    desk.act(sub, ending.cancel_at_period_end)
    assert told_at(desk, RENEWAL - timedelta(days=1)) == []
    desk.act(sub, ending.keep)
    assert told_at(desk, RENEWAL - timedelta(hours=1)) == ["upcoming_charge"]


def test_a_card_that_expires_is_told_of_a_month_and_a_week_before(desk: Desk) -> None:
    sub = desk.start(desk.price(2000), desk.customer())
    card = desk.another_card(exp_month=2, exp_year=2026)
    desk.at += timedelta(hours=1)
    desk.act(sub, collecting.use_card, card)
    last = datetime(2026, 2, 28, 12, tzinfo=UTC)
    seen = [told_at(desk, last - timedelta(days=days)).count("card_expiring") for days in (31, 30, 8, 7, 0)]
    assert seen == [0, 1, 1, 2, 2]
    assert told_at(desk, last + timedelta(days=1)).count("card_expiring") == 2
