"""An agreement as its customer sees it: where it stands, what comes next, what was agreed, and the paper they agreed to. Read-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select

from ballast.billing.financing import agreement_letters, balances, opening, progress, rows
from ballast.billing.financing.balances import Balance
from ballast.billing.financing.progress import Progress
from ballast.billing.financing.terms import OfferTerms
from ballast.db import db
from ballast.errors import NotFound
from ballast.models import AgreementDocument, FinancingAgreement, Installment, Order, PaymentMethod


@dataclass(frozen=True)
class Seen:
    """An agreement with what its pages show; amounts in minor units. `next`: the oldest installment of which something is left."""

    agreement: FinancingAgreement
    order: Order
    installments: list[Installment]
    card: PaymentMethod | None
    url: str

    @property
    def balance(self) -> Balance:
        return balances.of(self.installments)

    @property
    def next(self) -> Installment | None:
        return next(iter(balances.unpaid(self.installments)), None)

    @property
    def terms(self) -> dict[str, Any]:
        """What was agreed, as it is frozen."""
        return self.agreement.terms

    @property
    def offered(self) -> OfferTerms:
        """The terms of the offer as they were agreed to."""
        return OfferTerms.from_dict(self.agreement.terms["offer"])

    @property
    def paid_today(self) -> int:
        """What was due on the day it began."""
        return opening.due_today(self.agreement)

    @property
    def progress(self) -> Progress:
        """How far it has come, as the dashboard counts: what was paid at the start is a payment too."""
        return progress.of(self.agreement, self.installments)


def find(organization_id: str, token: str) -> Seen:
    """The agreement behind the address of its page. Raises NotFound, for a draft too: nothing is agreed before it is paid."""
    agreement = rows.by_token(organization_id, token)
    if agreement is None or agreement.activated_at is None:
        raise NotFound("plan")
    return of(agreement)


def of(agreement: FinancingAgreement) -> Seen:
    """An agreement with what its pages show."""
    order, card = _order_and_card(agreement)
    return Seen(agreement, order, rows.installments(agreement), card, agreement_letters.page_url(agreement))


def _order_and_card(agreement: FinancingAgreement) -> tuple[Order, PaymentMethod | None]:
    """What was bought, and the card that is charged, in one statement."""
    its_card = and_(
        PaymentMethod.organization_id == Order.organization_id, PaymentMethod.id == agreement.payment_method_id
    )
    wanted = (
        select(Order, PaymentMethod)
        .outerjoin(PaymentMethod, its_card)
        .where(Order.organization_id == agreement.organization_id, Order.id == agreement.order_id)
    )
    order, card = db.session.execute(wanted).one()
    return order, card


def document(agreement: FinancingAgreement) -> AgreementDocument:
    """The disclosure as it was shown and consented to."""
    wanted = select(AgreementDocument).where(
        AgreementDocument.organization_id == agreement.organization_id, AgreementDocument.agreement_id == agreement.id
    )
    return db.session.scalars(wanted).one()
