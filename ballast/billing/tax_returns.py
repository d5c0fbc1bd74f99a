"""How much tax of an order goes back with a part of its price: in proportion, so that any split of it ends at exactly the tax.

Of all that is back so far, with this part, the share of the tax is rounded once; what was given back before is taken off. A part that
failed is forgotten by whoever asks next. Exact while the payment is locked, or the plan the order is paid with.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy import ColumnElement, Select, and_, func, select

from ballast.billing import order_parts
from ballast.db import db
from ballast.models import (
    AgreementEntry,
    Dispute,
    FinancingAgreement,
    LedgerTransfer,
    Order,
    Payment,
    Refund,
)
from ballast.models.disputes import WITHDRAWN, of_what_paid
from ballast.models.states import HELD_REFUND
from ballast.money import round_half_up


@dataclass(frozen=True)
class Back:
    """Minor units of an order's price that are back or on their way, the tax in them, and their share of its discount."""

    amount: int = 0
    tax: int = 0
    discount: int = 0

    def __add__(self, other: Back) -> Back:
        return Back(self.amount + other.amount, self.tax + other.tax, self.discount + other.discount)


def tax_in(price: int, tax: int, back: Back, amount: int) -> int:
    """The tax in `amount` of a price with so much tax in it, of which `back` is back. Never more than is left of either."""
    due = share(price, tax, back.amount + amount) - back.tax
    net_left = (price - tax) - (back.amount - back.tax)
    return min(max(due, amount - net_left, 0), amount, tax - back.tax)


def share(price: int, whole: int, amount: int) -> int:
    """Of `whole`, which belongs to a price, what belongs to `amount` of it; rounded half up."""
    return round_half_up(Fraction(whole * amount, price)) if price else 0


def of_refund(payment: Payment, amount: int) -> Back:
    """What goes back with minor units of what a payment paid for an order, in full or with a plan. With both locked."""
    order = _order_behind(payment)
    if order is None or not amount or not (order.tax or order.discount):
        return Back()
    back = _refunded(order) + _credited(order) + _disputed(order)
    amount = min(amount, max(order.goods_amount - back.amount, 0))
    discount = share(order.goods_amount, order.discount, back.amount + amount) - back.discount
    return Back(amount, tax_in(order.goods_amount, order.tax, back, amount), max(discount, 0))


def of_credit(agreement: FinancingAgreement, source: str, amount: int) -> int:
    """The tax in minor units that a plan's balance is lowered by because of `source`, since goods came back. With the plan locked."""
    order = db.session.get_one(Order, (agreement.organization_id, agreement.order_id))
    if not order.tax:
        return 0
    return tax_in(order.goods_amount, order.tax, _refunded(order) + _credited(order, source), amount)


def of_dispute(payment: Payment, dispute: Dispute) -> int:
    """The tax in what the bank has taken back of what was paid for an order in full; a debt that stands has none. With the payment
    locked."""
    order = _order_behind(payment)
    if order is None or not order.tax or _is_on_plan(order):
        return 0
    back = _refunded(order) + _disputed(order, dispute)
    left = max(order_parts.of_order(payment) - back.amount, 0)
    return tax_in(order.goods_amount, order.tax, back, min(dispute.amount, left))


# --- What is back so far -----------------------------------------------------------------------------------------------------


def _order_behind(payment: Payment) -> Order | None:
    """The order a payment paid, or an installment of whose plan."""
    order_id = payment.order_id or db.session.scalars(_plan_of(payment)).first()
    return db.session.get(Order, (payment.organization_id, order_id)) if order_id else None


def _plan_of(payment: Payment) -> Select[str]:
    """The order behind the plan that a payment has paid something of."""
    wanted = select(FinancingAgreement.order_id).join(AgreementEntry, _of_agreement())
    mine = wanted.where(
        AgreementEntry.organization_id == payment.organization_id, AgreementEntry.payment_id == payment.id
    )
    return mine.limit(1)


def _of_agreement() -> ColumnElement[bool]:
    return and_(
        AgreementEntry.organization_id == FinancingAgreement.organization_id,
        AgreementEntry.agreement_id == FinancingAgreement.id,
    )


def _is_on_plan(order: Order) -> bool:
    return order.financing_offer_id is not None


def _payments(order: Order) -> ColumnElement[bool]:
    """Of which payments the refunds are the order's: its own, and those of its plan's installments."""
    mine = select(Payment.id).where(Payment.organization_id == order.organization_id, Payment.order_id == order.id)
    if not _is_on_plan(order):
        return Refund.payment_id.in_(mine)
    theirs = (
        select(AgreementEntry.payment_id)
        .join(FinancingAgreement, _of_agreement())
        .where(FinancingAgreement.organization_id == order.organization_id, FinancingAgreement.order_id == order.id)
        .where(AgreementEntry.payment_id.is_not(None))
    )
    return Refund.payment_id.in_(mine) | Refund.payment_id.in_(theirs)


def _refunded(order: Order) -> Back:
    """What was refunded of it, or is reserved to be."""
    db.session.flush()
    sums = (Refund.amount - Refund.of_invoice, Refund.tax, Refund.discount)
    return _sum(
        select(*(func.coalesce(func.sum(one), 0) for one in sums)).where(
            Refund.organization_id == order.organization_id,
            _payments(order),
            Refund.late_success_id.is_(None),
            Refund.status.in_(HELD_REFUND),
        )
    )


def _credited(order: Order, but: str | None = None) -> Back:
    """What came off what is owed of its plan, `but` because of that; its tax is what was posted for it."""
    if not _is_on_plan(order):
        return Back()
    entries = (
        select(AgreementEntry.source, -func.sum(AgreementEntry.principal))
        .join(FinancingAgreement, _of_agreement())
        .where(
            FinancingAgreement.organization_id == order.organization_id,
            FinancingAgreement.order_id == order.id,
            AgreementEntry.kind == "principal_credited",
            AgreementEntry.source.startswith("amd_", autoescape=True),
        )
        .group_by(AgreementEntry.source)
    )
    found = {source: int(amount) for source, amount in db.session.execute(entries) if source != but}
    posted = select(func.coalesce(func.sum(LedgerTransfer.amount), 0)).where(
        LedgerTransfer.organization_id == order.organization_id,
        LedgerTransfer.kind == "plan_credit_tax",
        LedgerTransfer.source.in_(list(found)),
    )
    amount = sum(found.values())
    return Back(amount, int(db.session.scalar(posted) or 0), share(order.goods_amount, order.discount, amount))


def _disputed(order: Order, but: Dispute | None = None) -> Back:
    """What the bank has taken of what paid it and not given back, `but` for that dispute."""
    if _is_on_plan(order):
        return Back()
    wanted = (
        select(func.coalesce(func.sum(Dispute.amount), 0), func.coalesce(func.sum(Dispute.tax), 0))
        .join(Payment, and_(Payment.organization_id == Dispute.organization_id, Payment.id == Dispute.payment_id))
        .where(
            Payment.organization_id == order.organization_id,
            Payment.order_id == order.id,
            Dispute.status.in_(WITHDRAWN),
            of_what_paid(),
        )
    )
    if but is not None:
        wanted = wanted.where(Dispute.id != but.id)
    found = _sum(wanted)
    amount = min(found.amount, order.goods_amount)
    return Back(amount, found.tax, share(order.goods_amount, order.discount, amount))


def _sum(wanted: Select[int, int] | Select[int, int, int]) -> Back:
    return Back(*map(int, db.session.execute(wanted).one()))
