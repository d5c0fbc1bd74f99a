"""What goes along with a mail: kept with what it is of, read when the mail leaves."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, tuple_

from ballast.db import db
from ballast.models import AgreementDocument, Email

AGREEMENT = "agreement"
Key = tuple[str, str | None]


def of(mails: Sequence[Email]) -> dict[Key, list[dict[str, Any]]]:
    """(organization, resource) → attachments as Resend takes them: of an agreement its disclosure, byte for byte as it was agreed."""
    keys = [(mail.organization_id, mail.resource_id) for mail in mails if mail.kind == AGREEMENT]
    if not keys:
        return {}
    document = AgreementDocument
    wanted = select(document.organization_id, document.agreement_id, document.pdf)
    found = db.session.execute(wanted.where(tuple_(document.organization_id, document.agreement_id).in_(keys)))
    return {(row[0], row[1]): [_pdf("payment-plan.pdf", row[2])] for row in found}


def _pdf(name: str, content: bytes) -> dict[str, Any]:
    return {"filename": name, "content": base64.b64encode(content).decode(), "content_type": "application/pdf"}
