"""Agreements, amendments and previews as the API and the dashboard show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import select

from ballast.billing.financing.balances import Balance
from ballast.billing.financing.payloads import agreement_payload
from ballast.billing.financing.rows import installments
from ballast.billing.financing.servicing import amendments, wording
from ballast.billing.financing.servicing.previews import Line, Preview
from ballast.db import db
from ballast.models import AgreementAmendment, FinancingAgreement, Installment, Payment


def listed(found: Sequence[FinancingAgreement]) -> list[dict[str, Any]]:
    """Agreements with their installments: one statement for all."""
    if not found:
        return []
    wanted = select(Installment).where(
        Installment.organization_id == found[0].organization_id,
        Installment.agreement_id.in_([one.id for one in found]),
    )
    by_agreement: dict[str, list[Installment]] = {one.id: [] for one in found}
    for one in db.session.scalars(wanted.order_by(Installment.number)):
        by_agreement[one.agreement_id].append(one)
    return [agreement_payload(one, by_agreement[one.id]) for one in found]


def whole(agreement: FinancingAgreement) -> dict[str, Any]:
    """An agreement with its installments and amendments."""
    made = [amendment_payload(one) for one in amendments.of(agreement)]
    return agreement_payload(agreement, installments(agreement)) | {"amendments": made}


def amendment_payload(one: AgreementAmendment) -> dict[str, Any]:
    """What was done, by whom, and what it changed."""
    return {
        "id": one.id,
        "object": "agreement_amendment",
        "number": one.number,
        "kind": one.kind,
        "preview_hash": one.preview_hash,
        "reason": one.reason,
        "actor": one.actor,
        "payment": one.payment_id,
        "refund": one.refund_id,
        "before": one.before,
        "after": one.after,
        "effective_at": one.effective_at.isoformat(),
        "created_at": one.created_at.isoformat(),
    }


def preview(seen: Preview) -> dict[str, Any]:
    """All of a preview, minor units."""
    wanted = seen.consequence
    return {
        "object": "financing_preview",
        "agreement": seen.agreement_id,
        "kind": wanted.kind,
        "on": wanted.on.isoformat(),
        "currency": seen.currency,
        "charged": wanted.charged,
        "recorded": wanted.recorded,
        "credit": wanted.credit,
        "rebated": seen.rebated,
        "credited": seen.credited,
        "waived": seen.waived,
        "written_off": seen.written_off,
        "back": [{"payment": one.payment_id, "amount": one.amount, "card": one.card} for one in wanted.back],
        "balance_before": _balance(seen.balance_before),
        "balance_after": _balance(seen.balance_after),
        "status_after": seen.status_after,
        "before": [_line(one) for one in seen.before],
        "after": [_line(one) for one in seen.after],
        "lines": [{"label": label, "value": value} for label, value in wording.lines(seen)],
        "mails": list(seen.mails),
        "events": list(seen.events),
        "preview_hash": seen.hash,
    }


def _balance(found: Balance) -> dict[str, int]:
    return asdict(found) | {"total": found.total}


def _line(one: Line) -> dict[str, Any]:
    return asdict(one) | {"due_on": one.due_on.isoformat()}


def refused(organization_id: str, payment_id: str) -> Payment | None:
    """The payment of an act, where the bank said no to it (it is closed then, and nothing has changed)."""
    payment = db.session.get(Payment, (organization_id, payment_id), populate_existing=True)
    return payment if payment is not None and payment.status == "canceled" and payment.last_error else None
