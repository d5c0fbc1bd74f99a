"""How an agreement begins: consent makes a draft with frozen terms, the money that is due today makes it active.

If the process dies …
  before the commit that takes the consent: nothing was agreed and nothing sent; the shopper sees the form again.
  after it: the draft stands, and the down payment's attempt is the resolver's. What it finds is recorded as any outcome is: approved
  activates the agreement in the same commit, declined leaves the draft for the next try.
A draft is replaced when the shopper comes back with other terms (another day, another amount), never changed. The database allows an
order one agreement that is not canceled, and one payment with a claim on it that is open or paid; while the order is unpaid and has a
draft, that payment is the draft's. So whoever changes the way it is paid closes both, with the order locked.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Any, Final

from ballast import audit
from ballast.billing import cards, order_parts
from ballast.billing.financing import agreement_letters, entries, first_card, postings, rows, standing
from ballast.billing.financing.entries import Fact, Parts
from ballast.billing.financing.quotes import Quote
from ballast.billing.financing.terms import hash_of
from ballast.clock import now
from ballast.db import db
from ballast.models import AgreementDocument, FinancingAgreement, Installment, Order, Payment

log = logging.getLogger(__name__)

# How money received is allocated; stands in every agreement.
ALLOCATION: Final = "oldest_due_first:late_fee,interest,principal"


@dataclass(frozen=True)
class Consent:
    """What the shopper saw and from where they agreed: the disclosure as rendered, their address and browser."""

    html: str
    pdf: bytes
    ip: str | None
    agent: str
    timezone: str


def terms_of(quote: Quote) -> dict[str, Any]:
    """Everything that was agreed, as it is frozen: the offer's terms, the figures, the schedule, the allocation of money."""
    return {
        "offer": quote.terms.to_dict(),
        "currency": quote.currency,
        "price": quote.price,
        "down_payment": quote.down_payment,
        "fee_upfront": quote.fee_upfront,
        "fee_financed": quote.fee_financed,
        "note": quote.note,
        "amount_financed": quote.amount_financed,
        "finance_charge": quote.finance_charge,
        "apr": str(quote.apr),
        "total_of_payments": quote.total_of_payments,
        "total_sale_price": quote.total_sale_price,
        "start": quote.start.isoformat(),
        "allocation": ALLOCATION,
        "schedule": [
            {
                "number": line.number,
                "due_on": line.due_on.isoformat(),
                "principal": line.principal,
                "interest": line.interest,
            }
            for line in quote.lines
        ],
    }


def draft(order: Order, offer_id: str, quote: Quote, consent: Consent) -> FinancingAgreement:
    """Take the shopper's consent to a quote. In the caller's transaction, with the order locked and its customer known.

    A draft of the same order with the same terms is answered again; another one is canceled.
    """
    terms = terms_of(quote)
    earlier = rows.of_order(order.organization_id, order.id)
    if earlier is not None:
        earlier = rows.locked(order.organization_id, earlier.id)
        if earlier.status != "draft" or _is_same(earlier, order, offer_id, hash_of(terms)):
            return earlier
        rows.set_status(earlier, "canceled")
        db.session.flush()
    made = _agreement(order, offer_id, quote, terms, consent)
    db.session.add(made)
    db.session.flush()
    _keep(made, consent)
    _schedule(made, quote)
    rows.note(made, "financing_agreement.consented", {"terms_hash": made.terms_hash}, "financing.agreement.created")
    return made


def _is_same(earlier: FinancingAgreement, order: Order, offer_id: str, terms_hash: str) -> bool:
    agreed = (earlier.customer_id, earlier.offer_id, earlier.terms_hash)
    return agreed == (order.customer_id, offer_id, terms_hash)


def _agreement(
    order: Order, offer_id: str, quote: Quote, terms: dict[str, Any], consent: Consent
) -> FinancingAgreement:
    assert order.customer_id is not None, "the customer is known before they agree to anything"
    return FinancingAgreement(
        organization_id=order.organization_id,
        customer_id=order.customer_id,
        order_id=order.id,
        offer_id=offer_id,
        currency=quote.currency,
        timezone=consent.timezone,
        price=quote.price,
        down_payment=quote.down_payment,
        fee=quote.fee_upfront + quote.fee_financed,
        principal=quote.note,
        interest=quote.interest,
        started_on=quote.start,
        terms=terms,
        terms_hash=hash_of(terms),
        consented_at=now(),
        consent_ip=consent.ip,
        consent_agent=consent.agent[:500],
        metadata_={},
    )


def _keep(agreement: FinancingAgreement, consent: Consent) -> None:
    db.session.add(
        AgreementDocument(
            organization_id=agreement.organization_id,
            agreement_id=agreement.id,
            html=consent.html,
            pdf=consent.pdf,
            sha256=hashlib.sha256(consent.html.encode()).hexdigest(),
        )
    )


def _schedule(agreement: FinancingAgreement, quote: Quote) -> None:
    schedule = [
        Installment(
            organization_id=agreement.organization_id,
            agreement_id=agreement.id,
            number=line.number,
            due_on=line.due_on,
            due_at=rows.begins(agreement, line.due_on),
            principal=0,
            interest=0,
        )
        for line in quote.lines
    ]
    db.session.add_all(schedule)
    db.session.flush()
    fact = Fact("scheduled", agreement.id, quote.start)
    for one, line in zip(schedule, quote.lines, strict=True):
        entries.entry(agreement, one, fact, Parts(line.principal, line.interest))
    db.session.flush()


def locked_of(order: Order) -> FinancingAgreement | None:
    """The order's agreement, draft or not, locked. In the caller's transaction, with the order locked before."""
    found = rows.of_order(order.organization_id, order.id)
    return rows.locked(order.organization_id, found.id) if found is not None else None


def withdraw(order: Order) -> None:
    """Nobody pays the order with the plan it has a draft of any more. In the caller's transaction, with the order locked and no
    payment of it yet: whoever calls closes the payment in the same transaction, or fails."""
    agreement = locked_of(order)
    if agreement is not None and agreement.status == "draft":
        rows.set_status(agreement, "canceled")
        db.session.flush()


def settle(order: Order, payment: Payment) -> None:
    """What is due today has arrived, now or late: the order's plan runs. In the transaction that records the payment, with order and
    agreement locked; does nothing for an order without a plan, or whose plan runs already."""
    agreement = locked_of(order)
    if agreement is None or agreement.status != "draft":
        return
    if order_parts.of_order(payment) != due_today(agreement):
        log.error("payment %s is not what agreement %s has due today", payment.id, agreement.id)
        audit.record(order.organization_id, "financing_agreement.payment_mismatch", "financing_agreement", agreement.id)
        return
    activate(agreement, payment)
    agreement_letters.agreed(agreement)
    if agreement.payment_method_id is None:
        first_card.missing(agreement)


def due_today(agreement: FinancingAgreement) -> int:
    """Down payment and up-front fee, minor units."""
    return agreement.down_payment + int(agreement.terms["fee_upfront"])


def activate(agreement: FinancingAgreement, payment: Payment | None, card_id: str | None = None) -> None:
    """What is due today is paid (by `payment`), or the card is stored where nothing is: the agreement runs. In the transaction that
    records it, with order and agreement locked; does nothing for one that runs already."""
    if agreement.status != "draft":
        return
    card = cards.of_payment(payment) if payment is not None else None
    agreement.payment_method_id = card.id if card is not None else card_id
    agreement.activated_at = now()
    agreement.accrued_on = agreement.started_on
    postings.opened(agreement, agreement.terms["fee_financed"], agreement.terms["fee_upfront"])
    schedule = rows.locked_installments(agreement)
    for one in schedule:
        one.next_attempt_at = one.due_at
    rows.set_status(agreement, "active")
    standing.refresh(agreement, schedule)
