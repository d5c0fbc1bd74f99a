"""Amendments: what a running agreement was before and after a change, who made it. Append-only; the agreement's terms never change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from ballast import audit
from ballast.clock import now
from ballast.db import db
from ballast.models import AgreementAmendment, FinancingAgreement, Installment


def add(
    agreement: FinancingAgreement,
    kind: str,
    before: dict[str, Any],
    after: dict[str, Any],
    reason: str = "",
    **more: Any,
) -> AgreementAmendment:
    """Write down a change. In the caller's transaction, with the agreement locked. `kind`: one of AMENDMENT_KINDS; `more`: other
    columns (`preview_hash`, `payment_id`, `effective_at` …)."""
    wanted = select(func.max(AgreementAmendment.number)).where(
        AgreementAmendment.organization_id == agreement.organization_id,
        AgreementAmendment.agreement_id == agreement.id,
    )
    who = audit.actor()
    made = AgreementAmendment(
        organization_id=agreement.organization_id,
        agreement_id=agreement.id,
        number=(db.session.scalar(wanted) or 0) + 1,
        kind=kind,
        before=before,
        after=after,
        reason=reason,
        actor=f"{who.kind}:{who.id}" if who.id else who.kind,
        **({"effective_at": now()} | more),
    )
    db.session.add(made)
    db.session.flush()
    return made


def dates(installments: Sequence[Installment]) -> dict[str, Any]:
    """When each is due, by its number, as an amendment keeps it."""
    return {str(one.number): one.due_on.isoformat() for one in installments}
