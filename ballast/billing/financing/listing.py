"""Agreements as lists show them: with customer and offer, by status, by how far they are behind, by their customer's address."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Date, Select, cast, func, select

from ballast.billing.financing import balances, rows
from ballast.clock import now
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
