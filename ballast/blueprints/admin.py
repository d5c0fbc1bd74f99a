"""The dashboard: overview, payments, refunds. Guarded as a whole; views read and make one domain call."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import Select, select

from ballast import answers
from ballast.billing import dispute_reasons, explaining, figures, order_parts, payments, refunds, timeline
from ballast.billing.financing import locks
from ballast.billing.refund_parts import Part
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError
from ballast.identity import users
from ballast.models import Customer, Payment, Refund
from ballast.models.payments import attempts_of
from ballast.models.states import PAYMENT
from ballast.money import format_money, from_decimal, to_decimal
from ballast.web import dashboard, filter_url, keyset, render, requires, see_other

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
dashboard(blueprint)

REASONS = [
    ("requested_by_customer", "Requested by the customer"),
    ("duplicate", "Duplicate"),
    ("fraudulent", "Fraudulent"),
    ("other", "Something else"),
]


# What of a payment for an order and an invoice goes back; none of them: the order's part first.
PARTS: Final[dict[str, Part]] = {"order": "order", "invoice": "invoice"}

# Of a payment and its customer.
COLUMNS: Final[answers.Columns] = {
    "id": lambda payment, _customer: payment.id,
    "status": lambda payment, _customer: payment.status,
    "amount": lambda payment, _customer: to_decimal(payment.amount, payment.currency),
    "captured": lambda payment, _customer: to_decimal(payment.amount_captured, payment.currency),
    "refunded": lambda payment, _customer: to_decimal(payment.amount_refunded, payment.currency),
    "currency": lambda payment, _customer: payment.currency,
    "description": lambda payment, _customer: payment.description,
    "customer": lambda payment, _customer: payment.customer_id,
    "customer_email": lambda _payment, customer: customer.email if customer else None,
    "customer_name": lambda _payment, customer: customer.name if customer else None,
    "processor": lambda payment, _customer: payment.processor,
    "card_brand": lambda payment, _customer: payment.card_brand,
    "card_last4": lambda payment, _customer: payment.card_last4,
    "order": lambda payment, _customer: payment.order_id,
    "created_at": lambda payment, _customer: payment.created_at,
    "succeeded_at": lambda payment, _customer: payment.succeeded_at,
}


@blueprint.get("/")
def overview() -> Response:
    """How it goes, and what needs attention."""
    seen = figures.overview(g.organization)
    recent = db.session.execute(_with_customers().order_by(Payment.id.desc()).limit(8))
    return render(
        "admin/overview.html",
        metrics=seen.metrics,
        volume=seen.volume,
        attention=[{**item, "url": _attention_url(item)} for item in seen.attention],
        payments=[{"payment": row[0], "customer": row[1]} for row in recent],
    )


# What a matter is about → the list that shows it, and what narrows that down.
ABOUT: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "disputes": ("disputes.index", {}),
    "held_back": ("card_testing.index", {}),
    "deliveries": ("webhook_deliveries.index", {"status": "dead_letter"}),
    "payments": ("radar.unknown_outcomes", {}),
    "inbox": ("processor_events.index", {"status": "failed"}),
    "emails": ("mails.index", {"status": "failed"}),
    "drifts": ("reconciliation.index", {}),
    "days": ("reconciliation.index", {}),
    "cards": ("subscriptions.index", {"card": "expiring"}),
    "late_renewals": ("subscriptions.index", {"status": "active"}),
    "late_installments": ("agreements.index", {"status": "active"}),
    "late_refunds": ("refunds.index", {"status": "pending"}),
    "late_deliveries": ("webhook_deliveries.index", {"status": "pending"}),
    "late_emails": ("mails.index", {"status": "pending"}),
}


def _attention_url(item: dict[str, Any]) -> str:
    route, narrowed = ABOUT[item["about"]]
    return filter_url(route, narrowed) or ""


@blueprint.get("/payments", endpoint="payments")
def payments_list() -> Response:
    """Payments, newest first, by status."""
    chosen = _status()
    wanted = _listed(chosen)
    page = keyset(wanted, Payment.id, "pay", request.args.get("before"), request.args.get("after"))
    return render(
        "admin/payments/index.html",
        "list",
        payments=[{"payment": row[0], "customer": row[1]} for row in page.rows],
        filters=_filters(chosen),
        filtered=chosen in PAYMENT,
        export_url=url_for("admin.export", status=chosen or None),
        previous_url=_page_url(chosen, before=page.before),
        next_url=_page_url(chosen, after=page.after),
    )


@blueprint.get("/payments/export.csv")
def export() -> Response:
    """All that fits the filter, as a file."""
    return answers.listed("payments", _listed(_status()), Payment.id, COLUMNS)


def _status() -> str:
    return request.args.get("status", "").replace("cancelled", "canceled")[:40]


def _listed(chosen: str) -> Select[Payment, Customer]:
    wanted = _with_customers()
    return wanted.where(Payment.status == chosen) if chosen in PAYMENT else wanted


def _with_customers() -> Select[Payment, Customer]:
    return (
        select(Payment, Customer)
        .outerjoin(
            Customer, (Customer.organization_id == Payment.organization_id) & (Customer.id == Payment.customer_id)
        )
        .where(Payment.organization_id == g.organization.id)
    )


def _filters(chosen: str) -> list[dict[str, Any]]:
    shown = [
        ("", "All"),
        ("succeeded", "Succeeded"),
        ("processing", "Processing"),
        ("requires_action", "Needs approval"),
    ]
    shown += [
        ("requires_capture", "On hold"),
        ("requires_payment_method", "Needs a card"),
        ("canceled", "Canceled"),
        ("failed", "Failed"),
    ]
    return [
        {
            "label": label,
            "url": url_for("admin.payments", status=status or None),
            "current": status == (chosen if chosen in PAYMENT else ""),
        }
        for status, label in shown
    ]


def _page_url(chosen: str, **edge: Any) -> str | None:
    return url_for("admin.payments", status=chosen or None, **edge) if any(edge.values()) else None


@blueprint.get("/payments/<payment_id>")
def payment(payment_id: str) -> Response:
    """One payment and all that belongs to it."""
    history = timeline.read(g.organization.id, payment_id)
    return render(
        "admin/payments/show.html",
        "live",
        payment=history.payment,
        attempts=history.attempts,
        timeline=history.entries,
        customer=history.customer,
        stored_card=history.stored_card,
        order=history.order,
        lines=history.lines,
        settles=history.settles,
        refunds=history.refunds,
        disputes=history.disputes,
        lost=history.lost,
        may_answer=users.may(g.role, "disputes"),
        reason_of=dispute_reasons.read,
        may_refund=users.may(g.role, "refund") and history.payment.status == "succeeded" and _left(history) > 0,
        may_capture=users.may(g.role, "capture") and history.payment.status == "requires_capture",
        transfers=history.transfers,
        deliveries=history.deliveries,
        emails=history.emails,
        inbox=history.inbox,
        pending=history.pending,
    )


@blueprint.get("/payments/<payment_id>/why")
def why(payment_id: str) -> Response:
    """Explain this charge: what the amount is made of, and why it was or was not tried again."""
    found = payments.find(g.organization.id, payment_id)
    return render("admin/payments/why.html", payment=found, why=explaining.explain(found))


def _left(history: timeline.History) -> int:
    """Nothing while a dispute is open: whatever goes back goes back through it."""
    if any(dispute.is_open for dispute in history.disputes):
        return 0
    ours = [refund for refund in history.refunds if refund.late_success_id is None]
    held = sum(refund.amount for refund in ours if refund.status not in ("failed", "canceled"))
    return history.payment.amount_captured - held - history.lost


@blueprint.get("/payments/<payment_id>/refund")
@requires("refund")
def refund_form(payment_id: str) -> Response:
    """The consequence, before it happens."""
    found = payments.find(g.organization.id, payment_id)
    if agreement_id := locks.agreement_id_of(g.organization.id, payment_id):
        return see_other(url_for("agreement_acts.form", agreement_id=agreement_id, name="refund"))
    return _refund_page(found, None, "requested_by_customer")


@blueprint.post("/payments/<payment_id>/refund")
@requires("refund")
def refund(payment_id: str) -> Response:
    """Give money back. The form's key makes a form that is sent twice one refund."""
    found = payments.find(g.organization.id, payment_id)
    typed, reason = request.form.get("amount", ""), request.form.get("reason", "")
    part = PARTS.get(request.form.get("part", ""))
    if reason not in refunds.REASONS:
        return _refund_page(found, typed, "", {"reason": "Choose a reason."})
    try:
        amount = from_decimal(typed, found.currency)
        end_reading()
        with transaction():
            key = request.form.get("form_key") or None
            made = refunds.request(g.organization.id, payment_id, amount, reason, key, part=part)
            refund_id, was_new = made.id, made.status == "pending"
        if was_new:
            refunds.send(g.organization.id, refund_id)
    except BallastError as error:
        found = payments.find(g.organization.id, payment_id)
        if error.param == "amount":
            return _refund_page(found, typed, reason, {"amount": error.message})
        return _refund_page(found, typed, reason, problem=error.message)
    _tell_refund(refund_id, format_money(amount, found.currency))
    return see_other(url_for("admin.payment", payment_id=payment_id))


def _tell_refund(refund_id: str, shown: str) -> None:
    wanted = select(Refund.status).where(Refund.organization_id == g.organization.id, Refund.id == refund_id)
    match db.session.scalars(wanted).one():
        case "failed":
            flash(f"The processor refused to refund {shown}. Nothing went back.", "danger")
        case "pending_settlement":
            flash(f"Refund of {shown} goes out by itself as soon as the charge has settled.", "success")
        case "canceled":
            flash(f"The payment was disputed meanwhile. {shown} does not go back.", "danger")
        case _:
            flash(f"Refund of {shown} sent.", "success")


def _refund_page(
    found: Payment, typed: str | None, reason: str, errors: dict[str, str] | None = None, problem: str | None = None
) -> Response:
    """`typed`: the amount as it was typed; none for all that is left."""
    left = refunds.refundable(found)
    typed = str(to_decimal(left, found.currency)) if typed is None else typed
    disputed = refunds.is_disputed(found)
    if not errors and not problem and (left <= 0 or disputed):
        problem = "Nothing is left to refund on this payment."
    return render(
        "admin/payments/refund.html",
        "form",
        422 if errors or problem else 200,
        payment=found,
        attempts=list(db.session.scalars(attempts_of(found.organization_id, found.id))),
        refundable=left,
        disputed=disputed,
        amount_text=typed,
        amount=_amount_or(typed, found.currency, left),
        reason=reason,
        reasons=REASONS,
        parts=_parts(found) if order_parts.is_mixed(found) else [],
        part=request.form.get("part", ""),
        errors=errors or {},
        problem=problem,
        form_key=request.form.get("form_key") or str(uuid4()),
    )


def _parts(found: Payment) -> list[tuple[str, str]]:
    """What of a payment for an order and an invoice may go back, each with how much at most."""
    order, invoice = (format_money(refunds.refundable(found, part), found.currency) for part in PARTS.values())
    return [
        ("", "The order first, then the subscription"),
        ("order", f"The order alone, {order} at most"),
        ("invoice", f"The subscription alone, {invoice} at most"),
    ]


def _amount_or(typed: str, currency: str, otherwise: int) -> int:
    try:
        return from_decimal(typed, currency)
    except BallastError:
        return otherwise


@blueprint.get("/style")
def style() -> Response:
    """Every component, in every state."""
    return render("admin/style.html")
