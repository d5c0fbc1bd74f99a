"""The portfolio: what is out, how much of it is behind, what is coming, what is lost. A fixed number of statements.

Sums go over what is open: `ix_installments_coming` holds installments of which something is owed, and nothing else. What was late at
the end of past months is read from the entries of installments that are late now or were paid late (`ix_installments_paid_late`), so
it grows with what went wrong and not with what was paid on time; no rollup has to be kept true. What was given up and what was
recovered stands in the ledger, whose accounts of losses hold what went wrong alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Date, and_, case, cast, column, func, or_, select, values

from ballast.billing.financing import balances, listing
from ballast.billing.financing.listing import OWED
from ballast.billing.financing.progress import left
from ballast.clock import now
from ballast.db import db
from ballast.models import (
    AgreementEntry,
    FinancingAgreement,
    FinancingOffer,
    Installment,
    LedgerAccount,
    LedgerTransfer,
)
from ballast.models.states import COLLECTED
from ballast.money import BPS
from ballast.templating import zone

MONTHS: Final = 12
WEEKS: Final = 12
NAMES: Final = ("current", "1-29", "30-59", "60-89", "90+")
BEHIND: Final = NAMES[1:]


def _owed(organization_id: str, statuses: Iterable[str] = OWED) -> tuple[Any, ...]:
    """What is owed of agreements in these statuses; for a select that joins them to their installments."""
    return (
        Installment.organization_id == organization_id,
        Installment.paid_at.is_(None),
        FinancingAgreement.status.in_(tuple(statuses)),
    )


def _of_agreement() -> Any:
    return and_(
        FinancingAgreement.organization_id == Installment.organization_id,
        FinancingAgreement.id == Installment.agreement_id,
    )


# --- For the overview --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Summary:
    """Of one currency: `outstanding` is all that is owed and expected, `behind` what is owed by agreements that are past due."""

    currency: str
    outstanding: int
    behind: int


def summary(organization_id: str) -> list[Summary]:
    """What is out and how much of it is behind, by currency; one statement, for the overview."""
    behind = func.coalesce(func.sum(left()).filter(FinancingAgreement.past_due_since.is_not(None)), 0)
    wanted = (
        select(FinancingAgreement.currency, func.sum(left()), behind)
        .select_from(Installment)
        .join(FinancingAgreement, _of_agreement())
        .where(*_owed(organization_id))
        .group_by(FinancingAgreement.currency)
        .order_by(FinancingAgreement.currency)
    )
    return [Summary(row[0], int(row[1]), int(row[2])) for row in db.session.execute(wanted)]


# --- What is out -------------------------------------------------------------------------------------------------------------


@dataclass
class Sum:
    """Agreements, and what they owe in minor units."""

    count: int = 0
    amount: int = 0

    def add(self, count: int, amount: int) -> None:
        self.count += count
        self.amount += amount


@dataclass(frozen=True)
class OfferSum:
    """What is out under an offer. `expected_loss`: its share of it that its merchant expects to lose."""

    id: str
    name: str
    expected_loss_bps: int
    out: Sum = field(default_factory=Sum)

    @property
    def expected_loss(self) -> int:
        return self.out.amount * self.expected_loss_bps // BPS


@dataclass(frozen=True)
class Standing:
    """Of one currency: what is out by bucket and by offer, most first; `charged_off` is not expected and not in it."""

    currency: str
    buckets: dict[str, Sum]
    offers: list[OfferSum]
    charged_off: Sum

    @property
    def out(self) -> Sum:
        """All that is owed and expected."""
        return _together(self.buckets.values())

    @property
    def behind(self) -> Sum:
        """Of agreements that are past due."""
        return _together(self.buckets[name] for name in BEHIND)

    @property
    def expected_loss(self) -> int:
        return sum(one.expected_loss for one in self.offers)


def _together(sums: Iterable[Sum]) -> Sum:
    whole = Sum()
    for one in sums:
        whole.add(one.count, one.amount)
    return whole


def standing(organization_id: str) -> list[Standing]:
    """By currency, most agreements first: one statement over what is open."""
    found: dict[str, Standing] = {}
    offers: dict[tuple[str, str], OfferSum] = {}
    for row in db.session.execute(_by_bucket(organization_id)):
        one = found.setdefault(row.currency, Standing(row.currency, {name: Sum() for name in NAMES}, [], Sum()))
        if row.status == "charged_off":
            one.charged_off.add(row.agreements, int(row.amount))
            continue
        one.buckets[row.bucket].add(row.agreements, int(row.amount))
        key = (row.currency, row.offer_id)
        if key not in offers:
            offers[key] = OfferSum(row.offer_id, row.name, row.expected_loss_bps)
            one.offers.append(offers[key])
        offers[key].out.add(row.agreements, int(row.amount))
    for one in found.values():
        one.offers.sort(key=lambda offer: offer.out.amount, reverse=True)
    return sorted(found.values(), key=lambda one: one.out.count, reverse=True)


def _by_bucket(organization_id: str) -> Any:
    agreement = FinancingAgreement
    days = func.coalesce(listing.days_behind(), 0)
    bucket = case(*((days <= last, name) for name, last in balances.BUCKETS), else_="90+").label("bucket")
    wanted = (
        select(
            agreement.currency,
            agreement.status,
            agreement.offer_id,
            FinancingOffer.name,
            FinancingOffer.expected_loss_bps,
            bucket,
            func.count(agreement.id.distinct()).label("agreements"),
            func.sum(left()).label("amount"),
        )
        .select_from(Installment)
        .join(agreement, _of_agreement())
        .join(
            FinancingOffer,
            and_(FinancingOffer.organization_id == agreement.organization_id, FinancingOffer.id == agreement.offer_id),
        )
        .where(*_owed(organization_id, (*OWED, "charged_off")))
    )
    return wanted.group_by(
        agreement.currency,
        agreement.status,
        agreement.offer_id,
        FinancingOffer.name,
        FinancingOffer.expected_loss_bps,
        bucket,
    )


# --- What is coming ----------------------------------------------------------------------------------------------------------


def expected(organization_id: str, currency: str, today: date) -> list[tuple[date, int]]:
    """(first day, minor units) of each of the next twelve weeks: installments that cards are charged for, as they stand.

    What is behind is in none of them.
    """
    week = (Installment.due_on - today) / 7
    wanted = (
        select(week, func.sum(left()))
        .select_from(Installment)
        .join(FinancingAgreement, _of_agreement())
        .where(
            *_owed(organization_id, COLLECTED),
            FinancingAgreement.currency == currency,
            Installment.due_on >= today,
            Installment.due_on < today + timedelta(weeks=WEEKS),
        )
        .group_by(week)
    )
    found = {int(row[0]): int(row[1]) for row in db.session.execute(wanted)}
    return [(today + timedelta(weeks=number), found.get(number, 0)) for number in range(WEEKS)]


# --- What was behind ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Month:
    """What was past due at the end of a month, or is today: minor units by bucket of the days each installment was late."""

    on: date
    behind: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.behind.values())


def roll(organization_id: str, currency: str, today: date) -> list[Month]:
    """The last twelve month ends and today. Of installments as they are dated now: a date that was moved counts from where it is.

    One statement over what is late or was paid late. What was charged off by then is not in it.
    """
    days = month_ends(today)
    first = datetime.combine(days[0], datetime.min.time(), zone(None))
    ends = values(column("day", Date), name="ends").data([(day,) for day in days]).alias("ends")
    day, one, agreement = ends.c.day, Installment, FinancingAgreement
    paid_on = cast(func.timezone(agreement.timezone, one.paid_at), Date)
    gone_on = cast(func.timezone(agreement.timezone, agreement.charged_off_at), Date)
    bucket = case(*((day - one.due_on <= last, name) for name, last in balances.BUCKETS), else_="90+").label("bucket")
    amount = func.sum(AgreementEntry.principal + AgreementEntry.interest + AgreementEntry.late_fee)
    paid_late = and_(cast(func.timezone("UTC", one.paid_at), Date) > one.due_on, one.paid_at >= first)
    wanted = (
        select(day, bucket, amount)
        .select_from(Installment)
        .join(agreement, _of_agreement())
        .join(ends, and_(one.due_on < day, or_(one.paid_at.is_(None), paid_on > day)))
        .join(AgreementEntry, _until(day))
        .where(
            one.organization_id == organization_id,
            or_(and_(one.paid_at.is_(None), one.due_on < today), paid_late),
            agreement.currency == currency,
            agreement.activated_at.is_not(None),
            or_(agreement.charged_off_at.is_(None), gone_on > day),
        )
        .group_by(day, bucket)
    )
    months = {on: Month(on, dict.fromkeys(BEHIND, 0)) for on in days}
    for row in db.session.execute(wanted):
        months[row[0]].behind[row[1]] = int(row[2])
    return list(months.values())


def _until(day: Any) -> Any:
    """The entries of an installment up to a day: what they come to was owed of it then."""
    return and_(
        AgreementEntry.organization_id == Installment.organization_id,
        AgreementEntry.agreement_id == Installment.agreement_id,
        AgreementEntry.installment_id == Installment.id,
        AgreementEntry.effective_on <= day,
    )


def month_ends(today: date) -> list[date]:
    """The last days of the twelve months before, and today."""
    found, first = [today], today.replace(day=1)
    for _ in range(MONTHS):
        found.append(first - timedelta(days=1))
        first = found[-1].replace(day=1)
    return found[::-1]


# --- What was earned and lost ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Earned:
    """Interest of the agreements that are out, minor units: what they agreed to, and what of it is earned so far."""

    agreed: int
    earned: int


def interest(organization_id: str, currency: str) -> Earned:
    """Of what is out. (All that was ever earned is the balance of `interest_income`: an entry a day and agreement, too many.)"""
    agreement = FinancingAgreement
    wanted = select(func.sum(agreement.interest), func.sum(agreement.interest_earned)).where(
        agreement.organization_id == organization_id,
        agreement.status.in_(OWED),
        agreement.currency == currency,
    )
    row = db.session.execute(wanted).one()
    return Earned(int(row[0] or 0), int(row[1] or 0))


@dataclass(frozen=True)
class Losses:
    """Minor units of the last 365 days: what was given up of what was owed, and what of such came in after all."""

    given_up: int
    recovered: int


def losses(organization_id: str, currency: str) -> Losses:
    """From the ledger: `bad_debt` and `recoveries`, as far as they are of financing."""
    account, transfer = LedgerAccount, LedgerTransfer
    of_account = or_(transfer.debit_account_id == account.id, transfer.credit_account_id == account.id)
    moved = func.sum(case((transfer.debit_account_id == account.id, transfer.amount), else_=-transfer.amount))
    wanted = (
        select(account.code, moved)
        .join(transfer, and_(transfer.organization_id == account.organization_id, of_account))
        .where(
            account.organization_id == organization_id,
            account.currency == currency,
            account.code.in_(("bad_debt", "recoveries")),
            transfer.kind.startswith("financing_"),
            transfer.posted_at >= now() - timedelta(days=365),
        )
        .group_by(account.code)
    )
    found = {code: int(total) for code, total in db.session.execute(wanted)}
    return Losses(found.get("bad_debt", 0), -found.get("recoveries", 0))
