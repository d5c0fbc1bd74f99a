"""What is owed under an offer: by everybody, and by one customer. A cap holds however many agree at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, case, func, literal, select

from ballast.billing.financing import rows
from ballast.db import db
from ballast.errors import Conflict
from ballast.models import Customer, FinancingAgreement, FinancingOffer, Installment
from ballast.models.financing_offers import offer_of
from ballast.money import share

REACHED: Final = "This plan has no room for this amount. Pay in full, or with another plan."


@dataclass(frozen=True)
class Owed:
    """Minor units still owed under an offer, drafts included: by all together, and by the customer who asks."""

    total: int = 0
    by_customer: int = 0


def of(
    organization_id: str, offer_ids: Sequence[str], customer_id: str | None = None, without_order: str | None = None
) -> dict[str, Owed]:
    """What is owed under each of these offers, in one statement; an offer nobody took is missing.

    `without_order`: leave out what that order already has (a draft that is about to be replaced).
    """
    own = case((FinancingAgreement.customer_id == customer_id, _left()), else_=0) if customer_id else literal(0)
    joined = (Installment.organization_id == FinancingAgreement.organization_id) & (
        Installment.agreement_id == FinancingAgreement.id
    )
    wanted = select(FinancingAgreement.offer_id, func.sum(_left()), func.sum(own)).join(Installment, joined)
    wanted = wanted.where(
        FinancingAgreement.organization_id == organization_id,
        FinancingAgreement.offer_id.in_(offer_ids),
        FinancingAgreement.status.not_in(rows.CLOSED),
    )
    if without_order:
        wanted = wanted.where(FinancingAgreement.order_id != without_order)
    found = db.session.execute(wanted.group_by(FinancingAgreement.offer_id))
    return {offer_id: Owed(int(total), int(by_customer)) for offer_id, total, by_customer in found}


def _left() -> ColumnElement[int]:
    """`Installment.left`, as Postgres computes it."""
    one = Installment
    principal = one.principal - one.principal_paid - one.principal_credited
    interest = one.interest - one.interest_paid - one.interest_waived
    return principal + interest + one.late_fee - one.late_fee_paid - one.late_fee_waived


@dataclass(frozen=True)
class Expected:
    """What a lender may expect of what is owed, minor units: what comes in, and what is lost."""

    cash: int
    loss: int


def expected(offer: FinancingOffer, owed: int) -> Expected:
    """What is to be expected of `owed` minor units under the offer, by the loss its merchant reckons with."""
    loss = share(owed, offer.expected_loss_bps)
    return Expected(owed - loss, loss)


def has_room(offer: FinancingOffer, owed: Owed, amount: int) -> bool:
    """Whether `amount` more (minor units, all installments of a plan) stays within the offer's caps."""
    total_fits = offer.exposure_cap is None or owed.total + amount <= offer.exposure_cap
    return total_fits and (offer.customer_cap is None or owed.by_customer + amount <= offer.customer_cap)


def reserve(offer: FinancingOffer, customer: Customer, amount: int, order_id: str | None = None) -> None:
    """Make sure that a plan of `amount` (minor units, all its installments) still fits within the caps, in the transaction that takes
    the consent, before the agreement is drafted. `order_id`: the order it is for, whose earlier draft is being replaced.

    An offer with a cap is locked until that commits, so of two who agree at once the second sees what the first owes. Lock it after
    the order and before any agreement. Raises Conflict(`financing_limit_reached`).
    """
    if offer.exposure_cap is None and offer.customer_cap is None:
        return
    wanted = offer_of(offer.organization_id, offer.id).with_for_update()
    held = db.session.scalars(wanted.execution_options(populate_existing=True)).one()
    owed = of(offer.organization_id, [offer.id], customer.id, order_id).get(offer.id, Owed())
    if not has_room(held, owed, amount):
        raise Conflict("financing_limit_reached", REACHED, param="offer")
