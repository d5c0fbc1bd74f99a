"""The amendments of an agreement: what it was before and after an act, by whom, why, and the preview they had seen. Append-only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from ballast import audit
from ballast.billing.financing import amendments as amended
from ballast.billing.financing import balances, rows
from ballast.billing.financing.payloads import installment_payload
from ballast.clock import now
from ballast.db import db
from ballast.errors import Conflict
from ballast.ids import new_id
from ballast.models import AgreementAmendment, FinancingAgreement, Installment
from ballast.models.financing import amendments_of


@dataclass(frozen=True)
class Signed:
    """Who acts, why, and what they had seen. `key` makes one amendment, ever. `kind`, `id`: as the audit log names them."""

    preview_hash: str = ""
    reason: str = ""
    key: str | None = None
    kind: str = "system"
    id: str | None = None


def signed(preview_hash: str = "", reason: str = "", key: str | None = None) -> Signed:
    """By whoever acts here."""
    who = audit.actor()
    return Signed(preview_hash, reason.strip()[:500], key, who.kind, who.id)


def snapshot(agreement: FinancingAgreement, installments: Sequence[Installment]) -> dict[str, Any]:
    """Schedule and balance as an amendment keeps them, minor units."""
    left = balances.of(installments)
    return {
        "status": agreement.status,
        "payment_method": agreement.payment_method_id,
        "balance": {"principal": left.principal, "interest": left.interest, "late_fee": left.late_fee},
        "installments": [installment_payload(one) for one in installments],
    }


def append(
    agreement: FinancingAgreement,
    kind: str,
    before: dict[str, Any],
    after: dict[str, Any],
    by: Signed,
    on: date | None = None,
    **behind: Any,
) -> AgreementAmendment:
    """Write one down, with the agreement locked. `behind`: its id, the payment or the refund behind it.

    Raises Conflict(`idempotency_key_expired`) where one was made under its key before.
    """
    try:
        with audit.acting(audit.Actor(by.kind, by.id)):  # who asked, though a resolver may be who found out
            return amended.add(
                agreement,
                kind,
                before,
                after,
                by.reason,
                **{"id": new_id("amd"), **behind},
                preview_hash=by.preview_hash,
                idempotency_key=by.key,
                effective_at=_effective(agreement, on),
            )
    except IntegrityError as error:
        if "idempotency_key" not in str(error.orig):
            raise
        said = "This was done under this Idempotency-Key before. Look at the agreement's amendments."
        raise Conflict("idempotency_key_expired", said) from error


def _effective(agreement: FinancingAgreement, on: date | None) -> datetime:
    """Now, or the first moment of a day that is past."""
    return now() if on is None or on >= rows.today(agreement) else rows.begins(agreement, on)


def of(agreement: FinancingAgreement) -> list[AgreementAmendment]:
    """All of them, first to last."""
    return list(db.session.scalars(amendments_of(agreement.organization_id, agreement.id)))


def count(agreement: FinancingAgreement, kind: str) -> int:
    """How many there are of a kind."""
    wanted = select(func.count()).where(
        AgreementAmendment.organization_id == agreement.organization_id,
        AgreementAmendment.agreement_id == agreement.id,
        AgreementAmendment.kind == kind,
    )
    return int(db.session.scalar(wanted) or 0)
