"""What a customer is told of their plan, by mail: written in the transaction of the fact, from the state it leaves, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select

from ballast import config
from ballast.billing import branding, explanation_links, portal_links
from ballast.billing.financing import balances, progress, rows
from ballast.billing.financing.terms import OfferTerms
from ballast.billing.subscriptions.rows import card_of_row
from ballast.db import db
from ballast.models import Attempt, FinancingAgreement, Installment, OrderLine, Organization, PaymentMethod
from ballast.notifications import emails


@dataclass(frozen=True)
class Part:
    """An installment as mails name it; amounts in minor units."""

    number: int
    total: int
    due_on: date
    amount: int

    @property
    def name(self) -> str:
        """Payment 2 of 4."""
        return f"Payment {self.number} of {self.total}"


def part_of(agreement: FinancingAgreement, installment: Installment) -> Part:
    """What is left of an installment, in words and figures."""
    total = select(func.count()).where(
        Installment.organization_id == agreement.organization_id, Installment.agreement_id == agreement.id
    )
    return Part(installment.number, db.session.scalar(total) or 1, installment.due_on, installment.left)


def upcoming(agreement: FinancingAgreement, installment: Installment, at: datetime) -> None:
    """A charge is coming, at that moment. Once for each amount."""
    part = part_of(agreement, installment)
    _send(
        agreement,
        "installment_upcoming",
        notice_key(installment),
        installment.id,
        part=part,
        charge_on=rows.day_of(agreement, at),
    )


def notice_key(installment: Installment) -> str:
    """Under which key an installment's charge is announced."""
    return f"installment_upcoming/{installment.id}/{installment.due_on.isoformat()}/{installment.left}"


def charge_failed(
    agreement: FinancingAgreement, installment: Installment, decline_class: str, attempt: Attempt | None
) -> None:
    """A charge did not work: what will happen and when. Nothing for suspected fraud: whoever holds the card learns nothing from us."""
    if decline_class == "fraud":
        return
    if decline_class == "authentication":
        action_needed(agreement, installment, attempt)
        return
    key = f"installment_failed/{installment.id}/{attempt.id if attempt else installment.failures}"
    on = rows.day_of(agreement, installment.next_attempt_at) if installment.next_attempt_at else None
    part = part_of(agreement, installment)
    _send(
        agreement,
        "installment_failed",
        key,
        _tried(installment, attempt),
        part=part,
        decline_class=decline_class,
        retry_on=on,
    )


def action_needed(agreement: FinancingAgreement, installment: Installment, attempt: Attempt | None) -> None:
    """The bank asks for its customer's confirmation."""
    key = f"installment_action_needed/{installment.id}/{attempt.id if attempt else installment.failures}"
    _send(
        agreement, "installment_action_needed", key, _tried(installment, attempt), part=part_of(agreement, installment)
    )


def _tried(installment: Installment, attempt: Attempt | None) -> str:
    """What explains a charge that did not work: its payment, with what was tried."""
    return attempt.payment_id if attempt else installment.id


def late(agreement: FinancingAgreement, installment: Installment, stage: str) -> None:
    """An installment was not paid on its day: until when it costs nothing (`stage` late), or what it costs now (`fee`), or that it is
    far behind (`delinquent`)."""
    terms = OfferTerms.from_dict(agreement.terms["offer"])
    fee = 0 if installment.late_fee_at else terms.late_fee(installment.principal_left + installment.interest_left)
    detail = {"part": part_of(agreement, installment), "added": installment.late_fee_left, "fee": fee}
    until = installment.due_on + timedelta(days=terms.grace_days)
    key = f"installment_late/{installment.id}/{stage}/{installment.due_on.isoformat()}"
    _send(agreement, "installment_late", key, installment.id, stage=stage, grace_on=until, **detail)


def defaulted(agreement: FinancingAgreement, installments: Sequence[Installment]) -> None:
    """The plan is in default: nothing is charged by itself any more; what is owed, and what of it now (minor units)."""
    today = rows.today(agreement)
    owed = balances.of(installments).total
    due = sum(one.left for one in installments if one.due_on <= today)
    since = agreement.defaulted_at.isoformat() if agreement.defaulted_at else ""
    _send(agreement, "agreement_defaulted", f"agreement_defaulted/{agreement.id}/{since}", owed=owed, due=due)


def paid_off(agreement: FinancingAgreement) -> None:
    """Nothing is owed any more; what was paid in all, minor units."""
    closed = agreement.closed_at.isoformat() if agreement.closed_at else ""
    paid = progress.of(agreement, rows.installments(agreement)).paid
    _send(agreement, "agreement_paid_off", f"agreement_paid_off/{agreement.id}/{closed}", paid=paid)


def settled(agreement: FinancingAgreement, amount: int, let_off: int) -> None:
    """An amount (minor units) was taken for all that was owed; `let_off` of it nobody owes any more."""
    closed = agreement.closed_at.isoformat() if agreement.closed_at else ""
    key = f"agreement_settled/{agreement.id}/{closed}"
    _send(agreement, "agreement_settled", key, amount=amount, let_off=let_off)


def charged_off(agreement: FinancingAgreement, owed: int) -> None:
    """The lender counts on it no more, and nothing is charged by itself; `owed` (minor units) stands all the same."""
    since = agreement.charged_off_at.isoformat() if agreement.charged_off_at else ""
    _send(agreement, "agreement_charged_off", f"agreement_charged_off/{agreement.id}/{since}", owed=owed)


def dates_moved(agreement: FinancingAgreement, installments: Sequence[Installment]) -> None:
    """Charges were on hold, and go on: when the next ones are due."""
    parts = [part_of(agreement, one) for one in balances.unpaid(installments)]
    key = f"agreement_dates_moved/{agreement.id}/{'/'.join(part.due_on.isoformat() for part in parts[:1])}"
    _send(agreement, "agreement_dates_moved", key, parts_left=parts)


def card_expiring(agreement: FinancingAgreement, card: PaymentMethod, days: int) -> None:
    """The card it is charged to expires in at most `days` days."""
    key = f"agreement_card_expiring/{card.id}/{agreement.id}/{days}"
    _send(agreement, "agreement_card_expiring", key, card=card)


def _send(agreement: FinancingAgreement, kind: str, key: str, why: str | None = None, **detail: Any) -> None:
    """`why`: the id of what explains the amount; the plan itself where it is left out."""
    organization_id = agreement.organization_id
    customer = rows.customer_of(agreement)
    if not customer.email or customer.erased_at:
        return
    shop = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
    item = item_of(agreement)
    context = {
        "organization": shop,
        "brand": branding.of(shop),
        "customer": customer,
        "agreement": agreement,
        "item": item,
        "card": card_of_row(agreement, customer),
        "plan_url": plan_url(agreement),
        "why_url": explanation_links.url(organization_id, why or agreement.id),
        "manage_url": f"{portal_links.url(organization_id, customer.id)}/plans/{agreement.id}",
        **detail,
    }
    emails.compose(organization_id, kind, customer.email, SUBJECTS[kind].format(item=item), key, agreement.id, context)


def plan_url(agreement: FinancingAgreement) -> str:
    """The plan's own page, for whoever holds its address."""
    return f"{config.current().public_url}/plans/{agreement.token}"


def item_of(agreement: FinancingAgreement) -> str:
    """What was bought on the plan: "Espresso machine and 2 more"; delivery, and a subscription beside it, are none of that."""
    wanted = select(OrderLine.name).where(
        OrderLine.organization_id == agreement.organization_id,
        OrderLine.order_id == agreement.order_id,
        OrderLine.kind == "item",
        OrderLine.is_recurring.is_(False),
    )
    names = list(db.session.scalars(wanted.order_by(OrderLine.position)))
    if not names:
        return "your order"
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


SUBJECTS: Final = {
    "installment_upcoming": "Your next payment for {item}",
    "installment_failed": "We couldn't charge your card for {item}",
    "installment_action_needed": "Please confirm your payment for {item}",
    "installment_late": "A payment for {item} is late",
    "agreement_defaulted": "Your plan for {item} is in default",
    "agreement_paid_off": "Your plan for {item} is paid off",
    "agreement_settled": "Your plan for {item} is settled",
    "agreement_charged_off": "Your plan for {item} is closed for charges",
    "agreement_dates_moved": "New dates of your plan for {item}",
    "agreement_card_expiring": "Your card for {item} expires soon",
}
