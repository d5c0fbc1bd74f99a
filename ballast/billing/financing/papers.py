"""What was agreed, as it is kept: the frozen terms with their hash, and the disclosure as its customer saw it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from ballast.billing import lookup
from ballast.billing.financing import rows
from ballast.billing.financing.terms import hash_of
from ballast.db import db
from ballast.models import AgreementDocument, FinancingAgreement


@dataclass(frozen=True)
class Papers:
    """`sha256` and `kept_at`: of the stored disclosure. `holds`: the terms still have the hash they were consented to with."""

    agreement: FinancingAgreement
    sha256: str
    kept_at: datetime
    holds: bool

    @property
    def terms(self) -> dict[str, Any]:
        return self.agreement.terms

    @property
    def offer(self) -> dict[str, Any]:
        """The offer's terms on that day."""
        offer: dict[str, Any] = self.agreement.terms["offer"]
        return offer


def read(organization_id: str, agreement_id: str) -> Papers:
    """The papers of an agreement, without the disclosure itself. Raises NotFound."""
    agreement = rows.find(organization_id, agreement_id)
    kept = select(AgreementDocument.sha256, AgreementDocument.created_at).where(
        AgreementDocument.organization_id == organization_id, AgreementDocument.agreement_id == agreement_id
    )
    sha256, kept_at = db.session.execute(kept).one()
    return Papers(agreement, sha256, kept_at, hash_of(agreement.terms) == agreement.terms_hash)


def document(organization_id: str, agreement_id: str) -> AgreementDocument:
    """The stored disclosure, HTML and PDF. Raises NotFound."""
    wanted = select(AgreementDocument).where(
        AgreementDocument.organization_id == organization_id, AgreementDocument.agreement_id == agreement_id
    )
    return lookup.find(wanted, agreement_id, "agr", "financing agreement")
