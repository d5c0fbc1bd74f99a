"""Explain this charge: for any payment, what it comes to and why, and why it was or was not tried again; for staff and for customers.

Everything is read from what is kept: frozen terms, entries, invoice lines, attempts. Nothing is computed anew but the sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from sqlalchemy import select

from ballast.billing import invoices, order_parts, order_totals, payments
from ballast.billing.financing import letters, locks, rows
from ballast.billing.financing.terms import OfferTerms
from ballast.db import db
from ballast.errors import NotFound
from ballast.models import (
    AgreementEntry,
    Attempt,
    Claim,
    FinancingAgreement,
    Installment,
    Invoice,
    Order,
    OrderLine,
    Payment,
)
from ballast.models.invoices import invoice_of, lines_of_invoice
from ballast.models.orders import lines_of_order
from ballast.models.payments import attempts_of
from ballast.money import format_money
from ballast.templating import show_date, show_every, show_percent

PLAN_SAYS: Final = (
    "Money pays the oldest payment first: its late fee, then its interest, then what is left of the price.",
    "These numbers were set when you agreed to the plan and never change.",
)
# What follows a decline of a class, for staff and for the customer.
RETRIED: Final = {
    "soft": (
        "Soft decline: the same card may be tried again on the days of your retry schedule, counted from the first failure.",
        "The bank did not approve it this time, so it was, or will be, tried again.",
    ),
    "hard": (
        "Hard decline: this card is never tried again; the customer was asked for another one.",
        "The bank does not allow this card here, so it is not tried again.",
    ),
    "fraud": (
        "Declined as suspected fraud: never tried again, and the customer is told nothing specific.",
        "This card can't be used here, so it is not tried again.",
    ),
    "authentication": (
        "The bank wants its customer: not tried again without them; they were sent a link.",
        "Your bank wanted you to confirm it, so it waited for you.",
    ),
    "configuration": (
        "Our configuration was at fault: tried again a day later, and the customer was left alone.",
        "Something on our side went wrong, so it was tried again later.",
    ),
}


@dataclass(frozen=True)
class Part:
    """A part of the amount, minor units, and how it came about."""

    label: str
    amount: int
    how: str = ""


@dataclass(frozen=True)
class Try:
    """An attempt, what came of it, and why it was or was not tried again, in either kind of words."""

    attempt: Attempt
    outcome: str
    operator: str
    customer: str


@dataclass(frozen=True)
class Explanation:
    """`heading` and `sentences` are for the customer; `parts` for both; `facts` (label, value) for staff. `amount`: minor units."""

    payment: Payment | None
    amount: int
    currency: str
    heading: str
    sentences: tuple[str, ...]
    parts: tuple[Part, ...]
    facts: tuple[tuple[str, str], ...]
    tries: tuple[Try, ...]


def of(organization_id: str, resource_id: str) -> Explanation:
    """Why a payment, an installment, a plan or an invoice comes to what it does. Reads only. Raises NotFound."""
    match resource_id.partition("_")[0]:
        case "pay":
            return explain(payments.find(organization_id, resource_id))
        case "in":
            return _of_invoice(None, invoices.find(organization_id, resource_id), ())
        case "inst":
            agreement_id = db.session.scalar(
                select(Installment.agreement_id).where(
                    Installment.organization_id == organization_id, Installment.id == resource_id
                )
            )
            if agreement_id is None:
                raise NotFound("page")
            return _of_installments(rows.find(organization_id, agreement_id), resource_id)
    return _of_installments(rows.find(organization_id, resource_id))


def explain(payment: Payment) -> Explanation:
    """Why a payment is what it is. Reads only."""
    tries = _tries(payment)
    if (invoice := _invoice_of(payment)) is None:
        return _of_the_rest(payment, tries)
    billed = _of_invoice(payment, invoice, tries)
    return _together(_of_the_rest(payment, tries), billed) if order_parts.is_mixed(payment) else billed


def _together(bought: Explanation, billed: Explanation) -> Explanation:
    """What was bought once, and the first invoice of a subscription, in one payment."""
    both = bought.sentences + billed.sentences
    heading = f"{bought.heading}, and {billed.heading[:1].lower()}{billed.heading[1:]}"
    return replace(
        billed, heading=heading, sentences=both, parts=bought.parts + billed.parts, facts=bought.facts + billed.facts
    )


def _of_the_rest(payment: Payment, tries: tuple[Try, ...]) -> Explanation:
    """Of a payment that is for no invoice, or what it is for beside that."""
    agreement_id = locks.agreement_id_of(payment.organization_id, payment.id)
    if agreement_id is not None:
        agreement = rows.find(payment.organization_id, agreement_id)
        if payment.order_id == agreement.order_id:
            return _of_down_payment(payment, agreement, tries)
        return _of_plan(payment, agreement, tries)
    return _of_order(payment, tries)


# --- Installments ------------------------------------------------------------------------------------------------------------


def _of_plan(payment: Payment, agreement: FinancingAgreement, tries: tuple[Try, ...]) -> Explanation:
    terms = OfferTerms.from_dict(agreement.terms["offer"])
    found = _settled(payment, agreement)
    parts = [part for one, entry in found for part in _parts(agreement, terms, one, *entry)]
    ahead = payment.amount - sum(part.amount for part in parts) if parts else 0
    if ahead:
        parts.append(Part("Set against it", ahead, "Interest that was paid ahead and is not owed any more"))
    item = letters.item_of(agreement)
    numbers = ", ".join(str(one.number) for one, _entry in found)
    heading = f"Payment {numbers or '–'} of your plan for {item}"
    facts = [
        ("Agreement", agreement.id),
        ("Terms", f"SHA-256 {agreement.terms_hash[:16]}…"),
        ("Allocation", str(agreement.terms["allocation"])),
        ("Rounding", "Each line to the minor unit, half up; the last line takes what rounding leaves"),
    ]
    return Explanation(payment, payment.amount, payment.currency, heading, PLAN_SAYS, tuple(parts), tuple(facts), tries)


def _of_installments(agreement: FinancingAgreement, only: str | None = None) -> Explanation:
    """What is left of one installment, or of a plan; once nothing is, what it came to, the down payment included."""
    terms = OfferTerms.from_dict(agreement.terms["offer"])
    chosen = [one for one in rows.installments(agreement) if only in (None, one.id)]
    left = any(one.left for one in chosen)
    shown = [
        (one, (one.principal_left, one.interest_left, one.late_fee_left) if left else _paid_of(one)) for one in chosen
    ]
    parts = [part for one, amounts in shown for part in _parts(agreement, terms, one, *amounts)]
    if only is None and not left:
        parts.insert(0, Part("Paid at the start", agreement.down_payment + agreement.terms["fee_upfront"]))
    item = letters.item_of(agreement)
    heading = f"Payment {chosen[0].number} of your plan for {item}" if only else f"Your plan for {item}"
    parts = [part for part in parts if part.amount]
    amount = sum(part.amount for part in parts)
    return Explanation(None, amount, agreement.currency, heading, PLAN_SAYS, tuple(parts), (), ())


def _paid_of(one: Installment) -> tuple[int, int, int]:
    return one.principal_paid, one.interest_paid, one.late_fee_paid


def _settled(payment: Payment, agreement: FinancingAgreement) -> list[tuple[Installment, tuple[int, int, int]]]:
    """The installments it paid with principal, interest and late fee; those it claimed, where nothing has come yet."""
    by_id = {one.id: one for one in rows.installments(agreement)}
    wanted = select(AgreementEntry).where(
        AgreementEntry.organization_id == payment.organization_id,
        AgreementEntry.payment_id == payment.id,
        AgreementEntry.kind == "payment",
    )
    paid = [
        (by_id[entry.installment_id], (-entry.principal, -entry.interest, -entry.late_fee))
        for entry in db.session.scalars(wanted.order_by(AgreementEntry.id))
    ]
    if paid:
        return sorted(paid, key=lambda found: found[0].number)
    claimed = select(Claim).where(
        Claim.organization_id == payment.organization_id,
        Claim.payment_id == payment.id,
        Claim.obligation == "installment",
    )
    chosen = sorted((by_id[claim.obligation_id] for claim in db.session.scalars(claimed)), key=lambda one: one.number)
    return [(one, (one.principal_left, one.interest_left, one.late_fee_left)) for one in chosen]


def _parts(
    agreement: FinancingAgreement, terms: OfferTerms, one: Installment, principal: int, interest: int, late_fee: int
) -> list[Part]:
    name = f"Payment {one.number}, due {show_date(one.due_on)}"
    said = (
        (f"{name}: part of the price", principal, _how_principal(agreement, one)),
        ("Interest", interest, _how_interest(agreement, terms, one)),
        ("Late fee", late_fee, f"Not paid within {terms.grace_days} days of its day; charged once"),
    )
    return [Part(label, amount, how) for label, amount, how in said if amount]


def _how_principal(agreement: FinancingAgreement, one: Installment) -> str:
    if one.kind == "reopened":
        return "Your bank took an earlier payment back, so this is owed again"
    line = _line(agreement, one)
    return (
        f"{format_money(line['principal'], agreement.currency)} of this payment, as agreed"
        if line
        else "As rescheduled"
    )


def _how_interest(agreement: FinancingAgreement, terms: OfferTerms, one: Installment) -> str:
    """Balance × yearly rate × the line's part of a year: the formula of `schedule`."""
    line = _line(agreement, one)
    if line is None:
        return "As rescheduled, never more than was agreed"
    before = sum(other["principal"] for other in agreement.terms["schedule"] if other["number"] >= one.number)
    begin = _begin(agreement, one.number)
    days = (date.fromisoformat(line["due_on"]) - begin).days
    every = show_every(terms.interval, terms.interval_count)
    return (
        f"{format_money(before, agreement.currency)} still owed × {show_percent(terms.rate_bps)} a year × one period "
        f"({every}; {days} days from {show_date(begin)}), rounded half up to the minor unit"
    )


def _begin(agreement: FinancingAgreement, number: int) -> date:
    earlier = [other for other in agreement.terms["schedule"] if other["number"] == number - 1]
    return date.fromisoformat(earlier[0]["due_on"]) if earlier else agreement.started_on


def _line(agreement: FinancingAgreement, one: Installment) -> dict[str, Any] | None:
    """The line of the frozen schedule, where the installment still is what was agreed."""
    found = next((line for line in agreement.terms["schedule"] if line["number"] == one.number), None)
    same = found is not None and (found["principal"], found["interest"]) == (one.principal, one.interest)
    return found if same else None


def _of_down_payment(payment: Payment, agreement: FinancingAgreement, tries: tuple[Try, ...]) -> Explanation:
    terms = OfferTerms.from_dict(agreement.terms["offer"])
    share = f"{show_percent(terms.down_payment_bps)} of " if terms.down_payment_bps else "of "
    how = f"{share}{format_money(agreement.price, agreement.currency)}, as agreed"
    fee = agreement.terms["fee_upfront"]
    said = (("Down payment", agreement.down_payment, how), ("Origination fee", fee, "Paid at the start, as agreed"))
    parts = tuple(Part(label, amount, how) for label, amount, how in said if amount)
    facts = (("Agreement", agreement.id), ("Terms", f"SHA-256 {agreement.terms_hash[:16]}…"))
    heading = f"What was due at the start of your plan for {letters.item_of(agreement)}"
    return Explanation(
        payment, payment.amount, payment.currency, heading, ("The rest is paid in installments.",), parts, facts, tries
    )


# --- Invoices and orders -----------------------------------------------------------------------------------------------------


def _invoice_of(payment: Payment) -> Invoice | None:
    claimed = select(Claim.obligation_id).where(
        Claim.organization_id == payment.organization_id, Claim.payment_id == payment.id, Claim.obligation == "period"
    )
    invoice_id = db.session.scalars(claimed).first()
    return db.session.scalars(invoice_of(payment.organization_id, invoice_id)).first() if invoice_id else None


def _of_invoice(payment: Payment | None, invoice: Invoice, tries: tuple[Try, ...]) -> Explanation:
    parts = [
        Part(line.description, line.amount, _period(line.period_start, line.period_end))
        for line in db.session.scalars(lines_of_invoice(invoice.organization_id, invoice.id))
    ]
    tax = 0 if invoice.tax_inclusive else invoice.tax
    beside = (
        ("Discount", -invoice.discount),
        (invoice.tax_name or "Tax", tax),
        ("Your credit", -invoice.credit_applied),
    )
    parts += [Part(label, amount) for label, amount in beside if amount]
    facts = (("Invoice", invoice.number or invoice.id), ("Billed because", invoice.billing_reason.replace("_", " ")))
    sentences = ("A part of a period is priced to the second; each line is rounded to the minor unit.",)
    amount = payment.amount if payment else invoice.amount_due
    return Explanation(
        payment,
        amount,
        invoice.currency,
        f"Invoice {invoice.number or ''}".strip(),
        sentences,
        tuple(parts),
        facts,
        tries,
    )


def _period(start: Any, end: Any) -> str:
    return f"{show_date(start)} – {show_date(end)}" if start and end else ""


def _of_order(payment: Payment, tries: tuple[Try, ...]) -> Explanation:
    order = _order_of(payment)
    lines = _goods(order) if order else ()
    parts = tuple(Part(f"{line.name} × {line.quantity}", line.amount) for line in lines)
    besides = order_totals.beside(order, lines) if order else []
    parts += tuple(Part(one.label, one.amount) for one in besides if not one.is_included)
    heading = f"Order {order.number}" if order else (payment.description or "One payment")
    included = [(one.label, format_money(one.amount, payment.currency)) for one in besides if one.is_included]
    facts = (("Order", order.id), *included) if order else ()
    return Explanation(
        payment, payment.amount, payment.currency, heading, ("Charged once, when you paid.",), parts, facts, tries
    )


def _goods(order: Order) -> Sequence[OrderLine]:
    """What is bought once."""
    wanted = lines_of_order(order.organization_id, order.id).where(OrderLine.is_recurring.is_(False))
    return db.session.scalars(wanted).all()


def _order_of(payment: Payment) -> Order | None:
    wanted = select(Order).where(Order.organization_id == payment.organization_id, Order.id == payment.order_id)
    return db.session.scalars(wanted).first() if payment.order_id else None


# --- Tries -------------------------------------------------------------------------------------------------------------------


def _tries(payment: Payment) -> tuple[Try, ...]:
    found: Sequence[Attempt] = db.session.scalars(attempts_of(payment.organization_id, payment.id)).all()
    return tuple(_try(one) for one in found)


def _try(one: Attempt) -> Try:
    if one.status == "declined":
        operator, customer = RETRIED[one.decline_class or "soft"]
        return Try(one, f"Declined: {one.decline_code}", operator, customer)
    match one.status:
        case "approved":
            return Try(one, "Approved", "Charged once; nothing is tried after it.", "The bank approved it, once.")
        case "not_sent":
            return Try(
                one, "Not sent", "Nothing reached the bank, so it may be tried again.", "Nothing reached your bank."
            )
    waiting = "The outcome is not known yet; nothing else is tried before it is."
    return Try(one, "Open", waiting, "We are waiting for the bank's answer.")
