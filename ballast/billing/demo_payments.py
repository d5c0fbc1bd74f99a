"""Twenty payments of the demo organization, one at least in each status, made and moved by what makes and moves all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from ballast import audit
from ballast.billing import cancellations, customers, holds, new_payments, payments, refunds
from ballast.billing.new_payments import NewPayment
from ballast.billing.outcomes import record
from ballast.billing.payments import begin, locked
from ballast.db import db, transaction
from ballast.models import Payment
from ballast.models.states import move
from ballast.processors.base import Unknown

MARK: Final = {"seed": "payments"}


@dataclass(frozen=True)
class Plan:
    """One payment: whose, for what, and how far it goes. `card`: a test token of Stripe's. Amounts in minor units."""

    who: str
    amount: int
    description: str
    card: str | None = "pm_card_visa"
    end: str = "paid"
    refund: int | None = None
    capture_method: str = "automatic"


PLANS: Final = (
    Plan("Ada Lovell", 64_000, "Espresso machine"),
    Plan("Marco Silva", 24_000, "Grinder", "pm_card_mastercard"),
    Plan("Yuki Tanaka", 9_000, "Kettle", "pm_card_amex"),
    Plan("Priya Nair", 1_800, "Beans, 500 g"),
    Plan("Tom Becker", 3_600, "Beans, 1 kg", "pm_card_discover"),
    Plan("Ines Duarte", 73_000, "Espresso machine and kettle", "pm_card_visa_debit"),
    Plan("Olu Adeyemi", 24_000, "Grinder", refund=24_000),
    Plan("Sara Lind", 10_800, "Kettle and beans", refund=1_800),
    Plan("Jonas Weber", 9_000, "Kettle", "pm_card_mastercard"),
    Plan("Mei Chen", 64_000, "Espresso machine", "pm_card_chargeDeclinedInsufficientFunds", "tried"),
    Plan("Luc Moreau", 24_000, "Grinder", "pm_card_chargeDeclinedExpiredCard", "tried"),
    Plan("Ana Petrova", 1_800, "Beans, 500 g", None, "made"),
    Plan("Ben Carter", 9_000, "Kettle", "pm_card_visa", "made"),
    Plan("Zoe Martin", 64_000, "Espresso machine", "pm_card_authenticationRequired", "tried"),
    Plan("Ravi Menon", 88_000, "Espresso machine and grinder", capture_method="manual", end="tried"),
    Plan("Emma Novak", 24_000, "Grinder", capture_method="manual", end="captured"),
    Plan("Leo Fischer", 9_000, "Kettle", capture_method="manual", end="voided"),
    Plan("Nora Haugen", 3_600, "Beans, 1 kg", "pm_card_visa", "canceled"),
    Plan("Omar Haddad", 64_000, "Espresso machine", "pm_card_chargeDeclinedLostCard", "failed"),
    Plan("Eva Kowalska", 24_000, "Grinder", "pm_card_visa", "unanswered"),
)


def plant_payments(organization_id: str) -> int:
    """Make the payments that are not there yet; answers how many. Work for the organization first. Calls its Stripe account."""
    wanted = select(Payment.description, Payment.metadata_["who"].as_string()).where(
        Payment.organization_id == organization_id, Payment.metadata_.contains(MARK)
    )
    known = {tuple(row) for row in db.session.execute(wanted)}
    missing = [plan for plan in PLANS if (plan.description, plan.who) not in known]
    for plan in missing:
        _play(organization_id, plan)
    return len(missing)


def _play(organization_id: str, plan: Plan) -> None:
    payment_id = _make(organization_id, plan)
    match plan.end:
        case "made":
            return
        case "canceled":
            with transaction():
                cancellations.begin(organization_id, payment_id)
        case "unanswered":
            _lose_answer(organization_id, payment_id)
        case end:
            payments.confirm(organization_id, payment_id)
            _follow(organization_id, payment_id, end, plan.refund)


def _make(organization_id: str, plan: Plan) -> str:
    first, _, last = plan.who.lower().partition(" ")
    with transaction():
        customer = customers.create(
            organization_id, customers.NewCustomer(email=f"{first}.{last}@example.com", name=plan.who)
        )
        asked = NewPayment(
            plan.amount,
            "USD",
            plan.description,
            customer.id,
            processor="stripe",
            payment_method=plan.card,
            capture_method=plan.capture_method,
            metadata=MARK | {"who": plan.who},
        )
        return new_payments.create(organization_id, asked).id


def _follow(organization_id: str, payment_id: str, end: str, refund: int | None) -> None:
    match end:
        case "captured":
            holds.capture(organization_id, payment_id)
        case "voided":
            holds.void(organization_id, payment_id)
        case "failed":
            _give_up(organization_id, payment_id)
    if refund:
        with transaction():
            made = refunds.request(organization_id, payment_id, refund, "requested_by_customer").id
        refunds.send(organization_id, made)


def _lose_answer(organization_id: str, payment_id: str) -> None:
    """As when the processor's answer never arrives: the resolver asks, finds that nothing was charged, and says so within minutes."""
    with transaction():
        begun = begin(locked(organization_id, payment_id))
    record(organization_id, begun.attempt_id, Unknown("timeout"))


def _give_up(organization_id: str, payment_id: str) -> None:
    """Closed by the merchant after its decline."""
    with transaction():
        payment = locked(organization_id, payment_id)
        move(payment, "failed")
        audit.record(organization_id, "payment.failed", "payment", payment_id)
