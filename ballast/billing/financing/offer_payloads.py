"""An offer and a quote as the API and webhooks show them; amounts in minor units, shares in basis points."""

from __future__ import annotations

from typing import Any, Final

from ballast.billing.catalog_payloads import iso
from ballast.billing.financing.quotes import Quote
from ballast.models import FinancingOffer

SHOWN: Final = (
    "name",
    "description",
    "status",
    "currency",
    "installments",
    "interval",
    "interval_count",
    "rate_bps",
    "down_payment_bps",
    "down_payment_amount",
    "fee_bps",
    "fee_amount",
    "fee_financed",
    "minimum_amount",
    "maximum_amount",
    "late_fee_bps",
    "late_fee_amount",
    "late_fee_cap",
    "grace_days",
    "first_due_days",
    "first_due_day",
    "prepayment",
    "default_after_days",
    "accelerates",
    "countries",
    "customer_cap",
    "exposure_cap",
    "expected_loss_bps",
    "position",
)


def offer_payload(offer: FinancingOffer) -> dict[str, Any]:
    """An offer as it stands now."""
    return {
        "id": offer.id,
        "object": "financing_offer",
        **{name: getattr(offer, name) for name in SHOWN},
        "products": offer.product_ids,
        "metadata": offer.metadata_,
        "created_at": offer.created_at.isoformat(),
        "published_at": iso(offer.published_at) if offer.status == "published" else None,
        "archived_at": iso(offer.archived_at),
    }


def quote_payload(offer: FinancingOffer, quote: Quote) -> dict[str, Any]:
    """What a price costs on an offer. `apr` is percent with two decimals, as text."""
    return {
        "object": "financing_quote",
        "offer": offer.id,
        "name": offer.name,
        "amount": quote.price,
        "currency": quote.currency,
        "start_on": quote.start.isoformat(),
        "due_today": quote.due_today,
        "down_payment": quote.down_payment,
        "fee_upfront": quote.fee_upfront,
        "fee_financed": quote.fee_financed,
        "principal": quote.note,
        "interest": quote.interest,
        "amount_financed": quote.amount_financed,
        "finance_charge": quote.finance_charge,
        "apr": str(quote.apr),
        "payment": quote.payment,
        "total_of_payments": quote.total_of_payments,
        "total_sale_price": quote.total_sale_price,
        "installments": [
            {
                "number": line.number,
                "due_on": line.due_on.isoformat(),
                "amount": line.amount,
                "principal": line.principal,
                "interest": line.interest,
                "balance": line.balance,
            }
            for line in quote.lines
        ],
    }
