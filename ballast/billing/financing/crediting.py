"""Money of a plan that nobody owed: it is the customer's credit."""

from __future__ import annotations

from ballast.billing import credit
from ballast.billing.financing import postings
from ballast.models import FinancingAgreement


def give(agreement: FinancingAgreement, source: str, amount: int) -> None:
    """What was posted against the receivable and nobody owed (minor units) is the customer's credit."""
    whose = (agreement.organization_id, agreement.customer_id, agreement.currency)
    credit.move(*whose, amount, "financing_overpaid", source)
    postings.overpaid(agreement, source, amount)
