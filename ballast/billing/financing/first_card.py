"""The card an agreement's installments are charged to, while it is still being stored from the down payment.

Some processors store a card after the charge (see `cards`). The agreement then begins with a card that is `pending`; here it ends with
the one that is stored, in the commit that records it. If the process dies …
  before the processor is asked, or before its answer is recorded: the card is pending, and `cards.store_due` asks again for the same.
  after that: card and agreement say the same, since one commit wrote both.
A card that cannot be stored at all is alarmed, and its customer asked by mail to add another; nothing is charged meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import select

from ballast.billing.financing import agreement_letters, rows
from ballast.db import db
from ballast.models import FinancingAgreement, PaymentMethod

log = logging.getLogger(__name__)


def locked_by(organization_id: str, card_id: str) -> Sequence[FinancingAgreement]:
    """The agreements a card is charged for, locked: before the card itself, as everywhere."""
    wanted = select(FinancingAgreement).where(
        FinancingAgreement.organization_id == organization_id, FinancingAgreement.payment_method_id == card_id
    )
    found = wanted.order_by(FinancingAgreement.id).with_for_update().execution_options(populate_existing=True)
    return db.session.scalars(found).all()


def not_stored(agreements: Sequence[FinancingAgreement], card: PaymentMethod, external_id: str | None) -> None:
    """A card was not stored, or was already, as `external_id` at its processor: charge that one, or ask for another. In the
    transaction that records it, with the agreements locked."""
    twin = _stored_as(card, external_id) if external_id else None
    for agreement in agreements:
        agreement.payment_method_id = twin.id if twin else None
        if twin is None:
            missing(agreement)
        else:
            changed = {"payment_method": {"before": card.id, "after": twin.id}}
            rows.note(agreement, "financing_agreement.card_changed", changed)


def missing(agreement: FinancingAgreement) -> None:
    """An agreement runs without a card: say so where staff look, and ask its customer for one."""
    log.error("agreement %s has no card: what its down payment was charged to could not be stored", agreement.id)
    rows.note(agreement, "financing_agreement.card_missing")
    agreement_letters.card_needed(agreement)


def _stored_as(card: PaymentMethod, external_id: str) -> PaymentMethod | None:
    wanted = select(PaymentMethod).where(
        PaymentMethod.organization_id == card.organization_id,
        PaymentMethod.processor_account_id == card.processor_account_id,
        PaymentMethod.external_id == external_id,
        PaymentMethod.customer_id == card.customer_id,
        PaymentMethod.status == "active",
    )
    return db.session.scalars(wanted).first()
