"""What the customer is told by mail when their plan has changed: composed with the amendment, once for each."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func, select

from ballast.billing import branding, portal_links
from ballast.billing.financing import balances, letters, rows
from ballast.db import db
from ballast.models import AgreementAmendment, AgreementEntry, Customer, FinancingAgreement, Organization
from ballast.notifications import emails

# Kind of amendment → subject. No mail of this kind for the others: a new card shows in the next one, the end of a plan has its own.
SUBJECTS: Final = {
    "payment_early": "Thank you for paying early",
    "extra_payment": "We received your payment",
    "recorded_payment": "We received your payment",
    "date_moved": "Your payment date has moved",
    "paused": "Your plan is paused",
    "late_fee_waived": "Your late fee is waived",
    "rescheduled": "Your plan has a new schedule",
    "refunded": "Your plan after the refund",
    "dispute_lost": "A payment of your plan was taken back",
}
SAYS: Final = {
    "payment_early": "You paid ahead. Thank you.",
    "extra_payment": "Your payment went to the oldest installments first.",
    "recorded_payment": "We wrote your payment down.",
    "date_moved": "Your payment date has moved. It costs you nothing.",
    "paused": "Nothing is charged during the pause, and no interest or fee is added.",
    "late_fee_waived": "You don't owe the late fee any more.",
    "rescheduled": "This is what is left, on its new dates.",
    "refunded": "What we refunded came off what you still owed first.",
    "dispute_lost": "Your bank took the payment back. We never charge that amount by ourselves: you can pay it on your page.",
}
GIVEN_BACK: Final = "Your bank gave back a payment it had taken, so you don't owe that amount again."


def changed(agreement: FinancingAgreement, amendment: AgreementAmendment) -> None:
    """The plan as it is now. In the transaction of the act."""
    if agreement.status == "paid_off":
        letters.paid_off(agreement)
        return
    if amendment.kind == "settled":
        let_off = _let_off(agreement, amendment)
        letters.settled(agreement, sum(amendment.before["balance"].values()) - let_off, let_off)
        return
    subject = SUBJECTS.get(amendment.kind)
    customer = db.session.get_one(Customer, (agreement.organization_id, agreement.customer_id))
    if subject is None or not customer.email or customer.erased_at:
        return
    context = context_of(agreement, amendment, customer)
    key = f"plan_amended/{amendment.id}"
    emails.compose(agreement.organization_id, "plan_amended", customer.email, subject, key, agreement.id, context)


def _let_off(agreement: FinancingAgreement, amendment: AgreementAmendment) -> int:
    """What a settlement wrote off, minor units."""
    written = func.sum(AgreementEntry.principal + AgreementEntry.interest + AgreementEntry.late_fee)
    wanted = select(written).where(
        AgreementEntry.organization_id == agreement.organization_id,
        AgreementEntry.agreement_id == agreement.id,
        AgreementEntry.source == amendment.id,
        AgreementEntry.kind == "written_off",
    )
    return -int(db.session.scalar(wanted) or 0)


def context_of(agreement: FinancingAgreement, amendment: AgreementAmendment, customer: Customer) -> dict[str, Any]:
    """What the template needs."""
    organization = db.session.get_one(Organization, agreement.organization_id)
    installments = rows.installments(agreement)
    return {
        "organization": organization,
        "brand": branding.of(organization),
        "customer": customer,
        "agreement": agreement,
        "says": GIVEN_BACK if amendment.after.get("dispute_status") == "won" else SAYS[amendment.kind],
        "left": balances.of(installments).total,
        "coming": balances.unpaid(installments),
        "manage_url": portal_links.url(agreement.organization_id, customer.id),
    }
