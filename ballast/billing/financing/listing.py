"""Agreements as lists show them: with customer and offer, by status, by how far they are behind, by their customer's address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Date, Select, cast, func, select

from ballast.billing.financing import balances, progress, rows
from ballast.clock import now
from ballast.db import db
from ballast.models import Customer, FinancingAgreement, FinancingOffer
from ballast.models.states import COLLECTED

# Money is owed in these, and expected.
OWED: Final = (*COLLECTED, "defaulted")
# Delinquency bucket → days past due, first and last.
BUCKETS: Final = {"1-29": (1, 29), "30-59": (30, 59), "60-89": (60, 89), "90+": (90, 100_000)}


def listed(organization_id: str) -> Select[FinancingAgreement, Customer, str]:
    """Agreements with their customer and the name of their offer."""
    of_customer = (Customer.organization_id == FinancingAgreement.organization_id) & (
        Customer.id == FinancingAgreement.customer_id
    )
    of_offer = (FinancingOffer.organization_id == FinancingAgreement.organization_id) & (
        FinancingOffer.id == FinancingAgreement.offer_id
    )
    return (
        select(FinancingAgreement, Customer, FinancingOffer.name)
        .join(Customer, of_customer)
        .join(FinancingOffer, of_offer)
        .where(FinancingAgreement.organization_id == organization_id)
    )


def shown(organization_id: str, found: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of `listed` as a page shows them, each with how far it has come; one statement more."""
    come = progress.of_all(organization_id, [row[0] for row in found])
    return [
        {
            "agreement": agreement,
            "customer": customer,
            "offer": offer,
            "progress": come[agreement.id],
            "days": days_past_due(agreement),
        }
        for agreement, customer, offer in found
    ]


def of_customer(organization_id: str, customer_id: str, most: int) -> list[dict[str, Any]]:
    """A customer's newest agreements, as `shown`."""
    wanted = listed(organization_id).where(FinancingAgreement.customer_id == customer_id)
    newest = wanted.order_by(FinancingAgreement.id.desc()).limit(most)
    return shown(organization_id, db.session.execute(newest).all())


def days_behind() -> Any:
    """The column of whole days past due, where each agreement is kept; null where it is not behind."""
    today = cast(func.timezone(FinancingAgreement.timezone, now()), Date)
    return today - FinancingAgreement.past_due_since


def within(bucket: str) -> tuple[Any, ...]:
    """The conditions for owed agreements that are behind by a bucket's days; BUCKETS has the names."""
    first, last = BUCKETS[bucket]
    return (
        FinancingAgreement.past_due_since.is_not(None),
        FinancingAgreement.status.in_(OWED),
        days_behind().between(first, last),
    )


def days_past_due(agreement: FinancingAgreement) -> int:
    """How many days it is behind today; 0 where it is not."""
    return balances.days_past_due(agreement.past_due_since, rows.today(agreement))
