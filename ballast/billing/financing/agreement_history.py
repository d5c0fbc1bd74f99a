"""Everything there is to know of one agreement, read for a person: a fixed number of statements, however much there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Final

from sqlalchemy import func, select

from ballast.billing.financing import balances, listing, progress, rows
from ballast.billing.financing.balances import Balance
from ballast.billing.subscriptions.history import Budget, budget_of
from ballast.db import db
from ballast.errors import NotFound
from ballast.ids import to_uuid
from ballast.models import (
    AgreementAmendment,
    AgreementEntry,
    Attempt,
    Customer,
    Email,
    Event,
    FinancingAgreement,
    Installment,
    OrderLine,
    PaymentMethod,
)
from ballast.models.financing import amendments_of, entries_of, installments_of
from ballast.money import format_money
from ballast.templating import show_date

MOST: Final = 60
# Event → (tone, title). What changed beside the status is told by its amendment or its entries.
TOLD: Final = {
    "financing.agreement.created": ("neutral", "Agreed"),
    "financing.agreement.activated": ("success", "Runs as agreed"),
    "financing.agreement.late": ("warning", "Late"),
    "financing.agreement.delinquent": ("danger", "30 days and more past due"),
    "financing.agreement.defaulted": ("danger", "In default: nothing is charged by itself any more"),
    "financing.agreement.charged_off": ("danger", "Charged off"),
    "financing.agreement.paid_off": ("success", "Paid off"),
    "financing.agreement.settled": ("neutral", "Settled for less"),
    "financing.agreement.refunded": ("neutral", "Refunded"),
    "financing.agreement.canceled": ("neutral", "Canceled"),
}
# Kind of entry → (tone, title), `{}` for the amount; those of an amendment are told with it.
CHANGED: Final = {
    "payment": ("success", "{} paid"),
    "payment_reversed": ("danger", "Payment of {} went back"),
    "late_fee": ("warning", "Late fee of {}"),
    "late_fee_waived": ("neutral", "Late fee of {} waived"),
    "interest_rebated": ("neutral", "Interest of {} rebated"),
    "interest_waived": ("neutral", "Interest of {} waived"),
    "principal_credited": ("neutral", "{} credited by a refund"),
    "credit_reversed": ("warning", "Credit of {} taken back"),
    "rescheduled": ("neutral", "Rescheduled by {}"),
    "reopened": ("danger", "{} owed again after a lost dispute"),
    "written_off": ("danger", "{} written off"),
}
AMENDED: Final = {
    "payment_early": ("success", "Installment paid early"),
    "payoff": ("success", "Paid off early"),
    "extra_payment": ("success", "Extra payment"),
    "recorded_payment": ("success", "Payment recorded"),
    "date_moved": ("accent", "Due date moved"),
    "card_changed": ("accent", "Card changed"),
    "paused": ("accent", "Paused"),
    "late_fee_waived": ("neutral", "Late fee waived"),
    "rescheduled": ("accent", "Rescheduled"),
    "written_off": ("danger", "Written off"),
    "settled": ("neutral", "Settled for less"),
    "refunded": ("neutral", "Refunded in part or whole"),
    "dispute_lost": ("danger", "Dispute lost"),
    "accelerated": ("danger", "Everything is due at once"),
    "canceled": ("neutral", "Canceled"),
}


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `payment_id`: the payment it concerns; `mail`: the mail it is."""

    at: datetime
    key: str
    tone: str
    title: str
    note: str = ""
    payment_id: str | None = None
    mail: Email | None = None


@dataclass(frozen=True)
class Around:
    """An agreement with who and what it is about. `goods`: what was bought, in words; `today`: where the agreement is kept."""

    agreement: FinancingAgreement
    customer: Customer
    offer: str
    goods: str
    card: PaymentMethod | None
    installments: list[Installment]

    @property
    def today(self) -> date:
        return rows.today(self.agreement)


@dataclass(frozen=True)
class History(Around):
    """An agreement with what happened to it. `days`: past due. `budget`: None where nothing failed."""

    amendments: list[AgreementAmendment]
    progress: progress.Progress
    balance: Balance
    days: int
    budget: Budget | None
    entries: list[Entry]

    @property
    def failing(self) -> list[Installment]:
        """Those that a card was declined for and that are still owed."""
        return [one for one in self.installments if one.failures and one.left]


def read(organization_id: str, agreement_id: str) -> History:
    """All of it, as it is now. Raises NotFound."""
    found = around(organization_id, agreement_id)
    agreement, installments = found.agreement, found.installments
    amendments = list(db.session.scalars(amendments_of(organization_id, agreement_id)))
    return History(
        **vars(found),
        amendments=amendments,
        progress=progress.of(agreement, installments),
        balance=balances.of(installments),
        days=listing.days_past_due(agreement),
        budget=_budget(found.card, installments),
        entries=_entries(agreement, installments, amendments),
    )


def around(organization_id: str, agreement_id: str) -> Around:
    """Two statements. Raises NotFound."""
    agreement = FinancingAgreement
    goods = (
        select(func.string_agg(OrderLine.name, ", "))
        .where(OrderLine.organization_id == agreement.organization_id, OrderLine.order_id == agreement.order_id)
        .scalar_subquery()
    )
    of_card = (PaymentMethod.organization_id == agreement.organization_id) & (
        PaymentMethod.id == agreement.payment_method_id
    )
    wanted = listing.listed(organization_id).add_columns(goods, PaymentMethod).outerjoin(PaymentMethod, of_card)
    known = to_uuid(agreement_id, "agr")
    found = db.session.execute(wanted.where(agreement.id == agreement_id)).first() if known else None
    if found is None:
        raise NotFound("financing agreement")
    agreed, customer, offer, bought, card = found
    installments = list(db.session.scalars(installments_of(organization_id, agreement_id)))
    return Around(agreed, customer, offer, bought or "A purchase", card, installments)


def _budget(card: PaymentMethod | None, installments: Sequence[Installment]) -> Budget | None:
    """Of the oldest installment that was declined: the next try is for what is left of it."""
    failing = next((one for one in balances.unpaid(installments) if one.failures), None)
    return budget_of(card, failing.left) if card is not None and failing is not None else None


# --- What happened -----------------------------------------------------------------------------------------------------------


def _entries(
    agreement: FinancingAgreement, installments: list[Installment], amendments: list[AgreementAmendment]
) -> list[Entry]:
    """Newest first; what happened at the same instant in the order it was written: the ids tell."""
    changes = list(db.session.scalars(entries_of(agreement.organization_id, agreement.id)))
    payment_ids = {payment_id for payment_id in (one.payment_id for one in changes) if payment_id}
    payment_ids |= {one.payment_id for one in installments if one.payment_id}
    entries = [
        *_told(agreement),
        *_changed(agreement, changes, {one.id: one.number for one in installments}),
        *(_amended(agreement, one) for one in amendments),
        *_declined(agreement, payment_ids),
        *_mailed(agreement),
    ]
    return sorted(entries, key=lambda entry: (entry.at, entry.key.rpartition("_")[2]), reverse=True)


def _told(agreement: FinancingAgreement) -> Iterator[Entry]:
    wanted = select(Event.id, Event.type, Event.created_at).where(
        Event.organization_id == agreement.organization_id,
        Event.resource_id == agreement.id,
        Event.type.in_(TOLD),
    )
    for key, kind, at in db.session.execute(wanted.order_by(Event.id.desc()).limit(MOST)):
        yield Entry(at, key, *TOLD[kind])


def _changed(agreement: FinancingAgreement, changes: list[AgreementEntry], numbers: dict[str, int]) -> Iterator[Entry]:
    """One line for each fact, however many installments it touched."""
    shown = [one for one in changes if one.kind in CHANGED and not one.source.startswith("amd_")]
    for _, group in groupby(shown, key=lambda one: (one.source, one.kind)):
        fact = list(group)
        amount = abs(sum(one.principal + one.interest + one.late_fee for one in fact))
        tone, title = CHANGED[fact[0].kind]
        touched = sorted({numbers[one.installment_id] for one in fact})
        words = "Installment " if len(touched) == 1 else "Installments "
        note = words + ", ".join(str(number) for number in touched)
        said = title.format(format_money(amount, agreement.currency))
        yield Entry(fact[0].created_at, fact[0].id, tone, said, note, fact[0].payment_id)


def _amended(agreement: FinancingAgreement, amendment: AgreementAmendment) -> Entry:
    tone, title = AMENDED[amendment.kind]
    since, noted = (rows.day_of(agreement, one) for one in (amendment.effective_at, amendment.created_at))
    note = ". ".join(
        [f"Amendment {amendment.number}"]
        + ([f"As of {show_date(since)}"] if since < noted else [])
        + ([f"“{amendment.reason}”"] if amendment.reason else [])
    )
    return Entry(amendment.created_at, amendment.id, tone, title, note, amendment.payment_id)


def _declined(agreement: FinancingAgreement, payment_ids: set[str]) -> Iterator[Entry]:
    wanted = select(Attempt).where(
        Attempt.organization_id == agreement.organization_id,
        Attempt.payment_id.in_(payment_ids),
        Attempt.status == "declined",
    )
    for one in db.session.scalars(wanted.order_by(Attempt.id.desc()).limit(MOST)):
        why = (one.decline_code or "no reason given").replace("_", " ").capitalize()
        said = f"{format_money(one.amount, one.currency)} declined"
        yield Entry(one.created_at, one.id, "danger", said, why, one.payment_id)


def _mailed(agreement: FinancingAgreement) -> Iterator[Entry]:
    wanted = select(Email).where(Email.organization_id == agreement.organization_id, Email.resource_id == agreement.id)
    for mail in db.session.scalars(wanted.order_by(Email.id.desc()).limit(MOST)):
        yield Entry(mail.created_at, mail.id, "neutral", f"Mail: {mail.subject}", mail=mail)
