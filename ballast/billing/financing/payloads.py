"""An agreement and an installment as the API, webhooks and exports show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ballast.billing.financing import balances
from ballast.models import FinancingAgreement, Installment


def agreement_payload(agreement: FinancingAgreement, installments: Sequence[Installment]) -> dict[str, Any]:
    """The agreement with its schedule as it stands; amounts in minor units, dates in the agreement's time zone."""
    left = balances.of(installments)
    return {
        "id": agreement.id,
        "object": "financing_agreement",
        "status": agreement.status,
        "customer": agreement.customer_id,
        "order": agreement.order_id,
        "offer": agreement.offer_id,
        "payment_method": agreement.payment_method_id,
        "currency": agreement.currency,
        "price": agreement.price,
        "down_payment": agreement.down_payment,
        "fee": agreement.fee,
        "principal": agreement.principal,
        "interest": agreement.interest,
        "balance": {
            "principal": left.principal,
            "interest": left.interest,
            "late_fee": left.late_fee,
            "total": left.total,
        },
        "past_due_since": agreement.past_due_since.isoformat() if agreement.past_due_since else None,
        "paused_until": agreement.paused_until.isoformat() if agreement.paused_until else None,
        "installments": [installment_payload(one) for one in installments],
        "terms_hash": agreement.terms_hash,
        "consented_at": agreement.consented_at.isoformat(),
        "activated_at": _time(agreement.activated_at),
        "closed_at": _time(agreement.closed_at),
        "defaulted_at": _time(agreement.defaulted_at),
        "metadata": agreement.metadata_,
        "created_at": agreement.created_at.isoformat(),
    }


def installment_payload(installment: Installment) -> dict[str, Any]:
    """One installment, minor units: `amount` is `paid`, `forgiven` (credited, rebated, waived) and `left` together."""
    return {
        "id": installment.id,
        "object": "installment",
        "agreement": installment.agreement_id,
        "number": installment.number,
        "kind": installment.kind,
        "status": installment.status,
        "due_on": installment.due_on.isoformat(),
        "principal": installment.principal,
        "interest": installment.interest,
        "late_fee": installment.late_fee,
        "amount": installment.amount,
        "paid": installment.paid,
        "forgiven": installment.forgiven,
        "left": installment.left,
        "payment": installment.payment_id,
        "paid_at": _time(installment.paid_at),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
