"""How an agreement stands: the status of each installment and its own, from what is left of them and what day it is.

`refresh` is called at the end of every act that changed something, in its transaction. It charges nothing and decides no fee, no
default and no charge-off: that is `lateness`. A look that is due already stays due: what it decides is not lost to an act before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import select

from ballast.billing.financing import balances, earning, rows
from ballast.billing.financing.terms import INTERVALS, OfferTerms
from ballast.billing.subscriptions.rows import LONG_INTERVAL, LONG_NOTICE, usual_notice
from ballast.clock import now
from ballast.db import db, glance
from ballast.models import Claim, FinancingAgreement, FinancingSettings, Installment, Payment
from ballast.models.states import COLLECTED, move

DELINQUENT_AFTER: Final = 30
DONE: Final = ("paid", "waived", "refunded")
# A payment in one of these holds what it claims; one that was declined does not, though its claim stands for the next try.
UNDER_WAY: Final = ("processing", "requires_action", "requires_capture")


def refresh(agreement: FinancingAgreement, installments: Sequence[Installment]) -> None:
    """Bring every status up to date, the date of the next look too. With agreement and installments locked."""
    db.session.flush()
    today = rows.today(agreement)
    under_way = claimed(agreement.organization_id, [one.id for one in installments])
    for one in installments:
        _set(one, status_of(one, today, one.id in under_way))
    agreement.past_due_since = balances.past_due_since(installments, today)
    wanted = status_on(agreement, installments, today)
    if wanted != agreement.status:
        _become(agreement, installments, wanted)
    if wanted in rows.CLOSED:
        agreement.next_action_at = agreement.next_reminder_at = None
        return
    if agreement.next_action_at is None or agreement.next_action_at > now():
        agreement.next_action_at = next_look(agreement, installments, today)
    if agreement.next_reminder_at is None or agreement.next_reminder_at > now():
        agreement.next_reminder_at = next_reminder(agreement, installments)


def _become(agreement: FinancingAgreement, installments: Sequence[Installment], status: str) -> None:
    was = agreement.status
    if status in rows.CLOSED:
        earning.close(agreement, installments)
    if was == "defaulted" and status in COLLECTED:
        _collect_again(agreement, installments)
    rows.set_status(agreement, status)


def _collect_again(agreement: FinancingAgreement, installments: Sequence[Installment]) -> None:
    """What was behind is paid: the rest is charged by its dates again."""
    agreement.defaulted_at = None
    for one in installments:
        if one.left and one.kind == "scheduled":
            one.next_attempt_at = one.next_attempt_at or one.due_at


def claimed(organization_id: str, installment_ids: Sequence[str]) -> set[str]:
    """Those that a payment under way claims: nobody else may charge, waive, move or reschedule them."""
    claiming = (Payment.organization_id == Claim.organization_id) & (Payment.id == Claim.payment_id)
    wanted = (
        select(Claim.obligation_id)
        .join(Payment, claiming)
        .where(
            Claim.organization_id == organization_id,
            Claim.obligation == "installment",
            Claim.obligation_id.in_(installment_ids),
            Claim.status == "open",
            Payment.status.in_(UNDER_WAY),
        )
    )
    found: set[str] = glance((Claim, *sorted(installment_ids)), lambda: set(db.session.scalars(wanted)))
    return set(found)


def status_of(one: Installment, today: date, is_under_way: bool) -> str:
    """What an installment is, on that day."""
    if not one.left:
        return _done_as(one)
    if is_under_way:
        return "processing"
    if one.due_on < today:
        return "late"
    if one.principal_paid or one.interest_paid or one.late_fee_paid:
        return "partially_paid"
    return "due" if one.due_on == today else "scheduled"


def _done_as(one: Installment) -> str:
    """`refunded` where none of its principal was paid in the end; the interest of the time it ran may have been."""
    if one.principal_credited > one.written_off and not one.principal_paid:
        return "refunded"
    return "paid" if one.principal_paid or one.interest_paid else "waived"


def _set(one: Installment, status: str) -> None:
    if one.status != status:
        move(one, status)
    if status in DONE:
        one.paid_at = one.paid_at or now()
        one.next_attempt_at = None
    else:
        one.paid_at = None


def status_on(agreement: FinancingAgreement, installments: Sequence[Installment], today: date) -> str:
    """Closed once nothing is left; a default is cured by paying what is behind, a charge-off only by paying all."""
    if agreement.status in ("draft", "canceled"):
        return agreement.status
    if not balances.of(installments).total:
        return _closed_as(installments)
    if agreement.charged_off_at is not None:
        return "charged_off"
    days = balances.days_past_due(balances.past_due_since(installments, today), today)
    if agreement.status == "defaulted" and days:
        return "defaulted"
    if not days:
        return "active"
    return "late" if days < DELINQUENT_AFTER else "delinquent"


def _closed_as(installments: Sequence[Installment]) -> str:
    if _is_given_back(installments):
        return "refunded"
    return "settled" if any(one.written_off for one in installments) else "paid_off"


def _is_given_back(installments: Sequence[Installment]) -> bool:
    """Whether nothing of the principal was paid in the end: what a bank took back (and reopened) was not."""
    paid = sum(one.principal_paid - (one.principal if one.kind == "reopened" else 0) for one in installments)
    return paid <= 0 and any(one.principal_credited > one.written_off for one in installments)


def next_look(agreement: FinancingAgreement, installments: Sequence[Installment], today: date) -> datetime | None:
    """When something may change by itself: an installment falls due, is late, costs a late fee; 30 days late, default, charge-off."""
    terms = OfferTerms.from_dict(agreement.terms["offer"])
    after = (0, 1, terms.grace_days + 1, DELINQUENT_AFTER, terms.default_after_days, charge_off_days(agreement))
    days = {one.due_on + timedelta(days=wait) for one in balances.unpaid(installments) for wait in after}
    coming = min((day for day in days if day > today), default=None)
    return rows.begins(agreement, coming) if coming else None


def next_reminder(agreement: FinancingAgreement, installments: Sequence[Installment]) -> datetime | None:
    """When the customer is told of the next charge: some days before it, a week before rare ones."""
    if agreement.status not in COLLECTED:
        return None
    notice = notice_of(agreement)
    moments = (one.due_at - notice for one in balances.unpaid(installments) if one.kind == "scheduled")
    return min((moment for moment in moments if moment > now()), default=None)


def notice_of(agreement: FinancingAgreement) -> timedelta:
    """How long before a charge the customer is told; see docs/subscriptions.md for where a week comes from."""
    offer = agreement.terms["offer"]
    between = timedelta(days=365) * offer["interval_count"] / INTERVALS[offer["interval"]]
    usual = usual_notice(agreement.organization_id)
    return max(usual, LONG_NOTICE) if between >= LONG_INTERVAL else usual


def charge_off_days(agreement: FinancingAgreement) -> int:
    """Days past due after which nothing is expected any more."""
    found = db.session.get(FinancingSettings, agreement.organization_id)
    return found.charge_off_days if found else 180
