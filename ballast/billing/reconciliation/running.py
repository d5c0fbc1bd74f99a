"""Comparing a day: the processor's list window by window, with no transaction open while it answers, and what was found in one commit.

If the process dies on the way, nothing of the comparison is written but fees and payouts, each posted once; the row is taken up again
when its lease ends, and the day is compared from its beginning.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import select

from ballast.billing import processing
from ballast.billing.processing import Account
from ballast.billing.reconciliation import comparing, contesting, looking, matching, posting, recording
from ballast.billing.reconciliation.comparing import Found, OurCharge
from ballast.billing.reconciliation.matching import Place
from ballast.clock import real_time
from ballast.db import end_reading, organization, transaction
from ballast.models import ProcessorAccount, Reconciliation
from ballast.models.customers import account_behind
from ballast.processors.base import Capabilities, UnavailableError
from ballast.processors.lists import Listed

log = logging.getLogger(__name__)

# One call's worth of a list, so that a call that is repeated repeats little and the memory stays small.
WINDOW: Final = timedelta(hours=4)
# The list is read a little beyond the day, so that what we sent at its edge is not missed; drift is told of the day itself alone.
EDGE: Final = timedelta(minutes=10)
# A payout is looked at until it has arrived, or has not; and a dispute may not be readable on the day it was opened.
PAYOUTS_BACK: Final = timedelta(days=10)


@dataclass(frozen=True)
class Day:
    """What is compared. `start` up to `end` is the day, or what there is of it."""

    reconciliation_id: str
    place: Place
    account: Account
    capabilities: Capabilities
    start: datetime
    end: datetime


@dataclass
class Tally:
    """What came of it so far. `confirmed`: our ids that a list has, with money."""

    charges: int = 0
    refunds: int = 0
    fees: int = 0
    unheard: int = 0
    confirmed: set[str] = field(default_factory=set)
    found: list[Found] = field(default_factory=list)


def run(key: tuple[str, str]) -> None:
    """Compare the day of one row, and write down what was found; when the processor cannot say now, the row waits."""
    organization_id, reconciliation_id = key
    with organization(organization_id):
        try:
            day = _read(organization_id, reconciliation_id)
            tally = compare(day)
        except (UnavailableError, ValueError) as error:
            log.warning("reconciliation %s waits: %s", reconciliation_id, error)
            recording.put_off(organization_id, reconciliation_id, str(error))
            return
        recording.finish(organization_id, reconciliation_id, tally)


def _read(organization_id: str, reconciliation_id: str) -> Day:
    """Raises ValueError for an account whose secrets cannot be unsealed."""
    with transaction() as session:
        wanted = select(Reconciliation, ProcessorAccount).join(ProcessorAccount, account_behind(Reconciliation))
        mine = (Reconciliation.organization_id == organization_id, Reconciliation.id == reconciliation_id)
        row, account = session.execute(wanted.where(*mine)).one()
        start, end = bounds(row.day)
        return Day(
            row.id,
            Place(organization_id, account.id),
            processing.open_account(account),
            processing.capabilities_of(account.processor),
            start,
            min(end, real_time()),
        )


def bounds(day: date) -> tuple[datetime, datetime]:
    """A day of the processors' accounts, in UTC."""
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def compare(day: Day) -> Tally:
    """Raises UnavailableError."""
    tally = Tally()
    for start, end in _windows(day.start - EDGE, min(day.end + EDGE, real_time() + EDGE)):
        lines = processing.read(day.account, lambda adapter, s=start, e=end: list(adapter.list_window(s, e)))  # type: ignore[misc]
        _compare_charges(day, [line for line in lines if line.kind == "charge"], tally)
        _compare_refunds(day, [line for line in lines if line.kind == "refund"], tally)
    _look_for_missing(day, tally)
    since = day.start - PAYOUTS_BACK
    paid_out = processing.read(day.account, lambda adapter: list(adapter.list_payouts(since, day.end)))
    posting.record_payouts(day.place, paid_out)
    _catch_up_on_disputes(day, since)
    return tally


def _catch_up_on_disputes(day: Day, since: datetime) -> None:
    """Those opened since. A key that may not read disputes keeps nothing from being compared."""
    try:
        opened = processing.read(day.account, lambda adapter: list(adapter.list_disputes(since, day.end)))
    except UnavailableError as error:
        log.warning("the disputes of account %s are not listed: %s", day.place.account_id, error)
        return
    contesting.catch_up(day.place, opened)


def _windows(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        yield start, min(start + WINDOW, end)
        start += WINDOW


def _compare_charges(day: Day, lines: list[Listed], tally: Tally) -> None:
    if not lines:
        return
    ours = matching.charges_of(day.place, lines)
    matched = [(line, ours.get(line.external_id) or ours.get(line.reference or "")) for line in lines]
    paid = [(one, line.fee) for line, one in matched if one and line.fee and one.external_id == line.external_id]
    _hear(day, [line for line, one in matched if one], tally)
    end_reading()
    posting.post_fees(day.place, paid)
    for line, one in matched:
        if one and line.status != "failed" and one.external_id in (None, line.external_id):
            tally.confirmed.add(one.attempt_id)
        if day.start <= line.created_at < day.end:
            tally.charges += 1
            tally.fees += bool(line.fee)
            tally.found += comparing.charge(line, one, real_time(), day.capabilities.tells_fees)


def _hear(day: Day, lines: list[Listed], tally: Tally) -> None:
    """Count what was taken and not told, where a processor tells of every charge. Braintree's silence is no drift."""
    if day.capabilities.tells_every_charge:
        taken = {line.external_id for line in lines if line.is_taken and day.start <= line.created_at < day.end}
        tally.unheard += len(taken - matching.heard_of(day.place, taken)) if taken else 0


def _compare_refunds(day: Day, lines: list[Listed], tally: Tally) -> None:
    if not lines:
        return
    ours = matching.refunds_of(day.place, lines)
    end_reading()
    grouped: dict[str, list[Listed]] = defaultdict(list)
    for line in lines:
        one = ours.get(line.external_id) or ours.get(line.reference or "")
        grouped[one.refund_id if one else line.external_id].append(line)
    for same in grouped.values():
        one = ours.get(same[0].external_id) or ours.get(same[0].reference or "")
        if one and any(line.status != "failed" for line in same):
            tally.confirmed.add(one.refund_id)
        if day.start <= same[0].created_at < day.end:
            tally.refunds += len(same)
            tally.found += comparing.refund(same, one, real_time())


def _look_for_missing(day: Day, tally: Tally) -> None:
    """What we sent that day and no list has: asked for by its own id before it is called missing."""
    missing: list[OurCharge] = []
    for sent in matching.charges_sent(day.place, day.start, day.end):
        missing += [one for one in sent if comparing.is_missing(one) and one.attempt_id not in tally.confirmed]
    refunds = matching.refunds_sent(day.place, day.start, day.end)
    end_reading()
    for charge in missing:
        tally.found += looking.charge(day.account, charge)
    for refund in refunds:
        if comparing.refund_is_missing(refund) and refund.refund_id not in tally.confirmed:
            tally.found += looking.refund(day.account, refund)
