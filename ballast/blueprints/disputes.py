"""Disputes in the dashboard: what is contested, until when, and the answer. Guarded as a whole; views make one domain call."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import ColumnElement, Select, func, literal_column, select, tuple_
from sqlalchemy.orm import aliased

from ballast import answers
from ballast.billing import dispute_answers, dispute_reasons, disputes, payments
from ballast.clock import real_time
from ballast.db import db, end_reading
from ballast.errors import Conflict, InvalidRequest
from ballast.identity import users
from ballast.ids import to_uuid
from ballast.models import Attempt, Customer, Dispute, Event, Payment
from ballast.models.disputes import LOST, NEEDS_ANSWER
from ballast.money import format_money, to_decimal
from ballast.security import looks_like_card_number
from ballast.web import PAGE_SIZE, Page, dashboard, keyset, render, requires, see_other

blueprint = Blueprint("disputes", __name__, url_prefix="/admin/disputes")
dashboard(blueprint)

# filter → (label, statuses); the first is what one comes for.
FILTERS: Final = {
    "needs_answer": ("Needs an answer", NEEDS_ANSWER),
    "under_review": ("Under review", ("under_review",)),
    "won": ("Won", ("won",)),
    "lost": ("Lost", LOST),
    "all": ("All", ()),
}
SHOWN: Final = 50
# Of a dispute, its payment and its customer.
COLUMNS: Final[answers.Columns] = {
    "id": lambda dispute, _payment, _customer: dispute.id,
    "payment": lambda dispute, _payment, _customer: dispute.payment_id,
    "status": lambda dispute, _payment, _customer: dispute.status,
    "reason": lambda dispute, _payment, _customer: dispute.reason,
    "amount": lambda dispute, _payment, _customer: to_decimal(dispute.amount, dispute.currency),
    "currency": lambda dispute, _payment, _customer: dispute.currency,
    "customer_email": lambda _dispute, _payment, customer: customer.email if customer else None,
    "due_at": lambda dispute, _payment, _customer: dispute.due_at,
    "created_at": lambda dispute, _payment, _customer: dispute.created_at,
    "finished_at": lambda dispute, _payment, _customer: dispute.finished_at,
}


@blueprint.get("")
def index() -> Response:
    """Disputes by status: those that need an answer due soonest first, the others newest first."""
    chosen = _chosen()
    before, after = request.args.get("before"), request.args.get("after")
    wanted = _listed(chosen)
    page = (
        _due_soonest(wanted, before, after)
        if chosen == "needs_answer"
        else keyset(wanted, Dispute.id, "dp", before, after)
    )
    return render(
        "admin/disputes/index.html",
        "list",
        rows=[_row(*row) for row in page.rows],
        chosen=chosen,
        export_url=url_for(".export", status=chosen),
        filters=[
            {"label": label, "url": _index_url(name), "current": name == chosen} for name, (label, _) in FILTERS.items()
        ],
        previous_url=_index_url(chosen, before=page.before) if page.before else None,
        next_url=_index_url(chosen, after=page.after) if page.after else None,
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """All that fits the filter, as a file, newest first."""
    return answers.listed("disputes", _listed(_chosen()), Dispute.id, COLUMNS)


def _chosen() -> str:
    given = request.args.get("status", "")
    return given if given in FILTERS else "needs_answer"


def _listed(chosen: str) -> Select[Dispute, Payment, Customer]:
    wanted = _with_payments()
    return wanted if chosen == "all" else wanted.where(Dispute.status.in_(FILTERS[chosen][1]))


def _index_url(chosen: str, **edge: Any) -> str:
    return url_for("disputes.index", status=None if chosen == "needs_answer" else chosen, **edge)


def _with_payments() -> Select[Dispute, Payment, Customer]:
    return (
        select(Dispute, Payment, Customer)
        .join(Payment, (Payment.organization_id == Dispute.organization_id) & (Payment.id == Dispute.payment_id))
        .outerjoin(
            Customer, (Customer.organization_id == Payment.organization_id) & (Customer.id == Payment.customer_id)
        )
        .where(Dispute.organization_id == g.organization.id)
    )


def _row(dispute: Dispute, payment: Payment, customer: Customer | None) -> dict[str, Any]:
    return {
        "dispute": dispute,
        "payment": payment,
        "customer": customer,
        "reason": dispute_reasons.read(dispute.reason),
    }


def _due_soonest(
    wanted: Select[Dispute, Payment, Customer], before: str | None, after: str | None, size: int = PAGE_SIZE
) -> Page:
    """A keyset page by (until when, id), the earliest first; `before` and `after` are ids of rows of this list."""
    key = _due_key(Dispute)
    edge = next((one for one in (before, after) if one and to_uuid(one, "dp")), None)
    backwards = edge is not None and edge == before
    if edge is not None:
        wanted = wanted.where(_beyond(edge, backwards))
    ordered = wanted.order_by(*(one.desc() if backwards else one.asc() for one in key))
    found = list(db.session.execute(ordered.limit(size + 1)))
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    first, last = (str(found[0][0].id), str(found[-1][0].id)) if found else (None, None)
    earlier, later = (more, True) if backwards else (edge is not None, more)
    return Page(found, first if earlier else None, last if later else None)


def _due_key(model: Any) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """What has no end comes last."""
    return func.coalesce(model.due_at, literal_column("timestamptz 'infinity'")), model.id


def _beyond(edge: str, backwards: bool) -> ColumnElement[bool]:
    """Before or after the row with this id, whatever its status is by now."""
    there = aliased(Dispute)
    place = select(*_due_key(there)).where(there.organization_id == g.organization.id, there.id == edge)
    here = tuple_(*_due_key(Dispute))
    return here < place.scalar_subquery() if backwards else here > place.scalar_subquery()


@blueprint.get("/<dispute_id>")
def show(dispute_id: str) -> Response:
    """One dispute: what is said, how much, until when, and the answer."""
    return _page(disputes.find(g.organization.id, dispute_id))


def _page(dispute: Dispute, typed: str | None = None, error: str | None = None, problem: str | None = None) -> Response:
    payment = payments.find(g.organization.id, dispute.payment_id)
    processor = _processor(dispute)
    most = dispute_answers.longest(processor)
    text = dispute_answers.tidy(dispute.evidence or "" if typed is None else typed)
    return render(
        "admin/disputes/show.html",
        "live",
        422 if error else 409 if problem else 200,
        dispute=dispute,
        payment=payment,
        processor=processor,
        customer=_customer(payment),
        reason=dispute_reasons.read(dispute.reason),
        holds_money=disputes.holds_money(dispute),
        is_late=dispute.due_at is not None and dispute.due_at < real_time(),
        history=_history(dispute),
        may_answer=users.may(g.role, "disputes"),
        text="" if looks_like_card_number(text) else text,
        most=most,
        error=error,
        problem=problem,
    )


def _processor(dispute: Dispute) -> str:
    """Where it is disputed; a payment may have moved between accounts, its attempts never do."""
    wanted = select(Attempt.processor).where(
        Attempt.organization_id == g.organization.id, Attempt.id == dispute.attempt_id
    )
    return db.session.scalars(wanted).one()


def _customer(payment: Payment) -> Customer | None:
    wanted = select(Customer).where(Customer.organization_id == g.organization.id, Customer.id == payment.customer_id)
    return db.session.scalars(wanted).first() if payment.customer_id else None


def _history(dispute: Dispute) -> list[Event]:
    """What was told of it, newest first."""
    wanted = select(Event).where(
        Event.organization_id == g.organization.id,
        Event.resource_id == dispute.payment_id,
        Event.type.startswith("dispute."),
        Event.data["id"].astext == dispute.id,
    )
    return list(db.session.scalars(wanted.order_by(Event.id.desc()).limit(SHOWN)))


@blueprint.post("/<dispute_id>/evidence")
@requires("disputes")
def submit_evidence(dispute_id: str) -> Response:
    """Send the answer, for good."""
    typed = request.form.get("text", "")
    end_reading()
    try:
        dispute_answers.submit_evidence(g.organization.id, dispute_id, typed)
    except (InvalidRequest, Conflict) as error:
        return _refused(dispute_id, error, typed)
    _tell(disputes.find(g.organization.id, dispute_id), "Your answer is with the bank.")
    return see_other(url_for("disputes.show", dispute_id=dispute_id))


@blueprint.get("/<dispute_id>/accept")
@requires("disputes")
def accept_form(dispute_id: str) -> Response:
    """The consequence, before it happens."""
    return _accept_page(disputes.find(g.organization.id, dispute_id))


def _accept_page(dispute: Dispute) -> Response:
    return render(
        "admin/disputes/accept.html",
        "form",
        dispute=dispute,
        payment=payments.find(g.organization.id, dispute.payment_id),
        reason=dispute_reasons.read(dispute.reason),
        holds_money=disputes.holds_money(dispute),
    )


@blueprint.post("/<dispute_id>/accept")
@requires("disputes")
def accept(dispute_id: str) -> Response:
    """Give in."""
    end_reading()
    try:
        dispute_answers.accept(g.organization.id, dispute_id)
    except Conflict as error:
        return _refused(dispute_id, error)
    dispute = disputes.find(g.organization.id, dispute_id)
    _tell(dispute, f"Dispute accepted. {format_money(dispute.amount, dispute.currency)} stays with the customer.")
    return see_other(url_for("disputes.show", dispute_id=dispute_id))


def _refused(dispute_id: str, error: InvalidRequest | Conflict, typed: str | None = None) -> Response:
    """The page as it is now, with what was wrong."""
    dispute = disputes.find(g.organization.id, dispute_id)
    if isinstance(error, Conflict):
        return _page(dispute, problem=error.message)
    return _page(dispute, typed, error=error.message)


def _tell(dispute: Dispute, done: str) -> None:
    if dispute.message:
        flash(f"The processor did not take it: {dispute.message}", "danger")
    elif dispute.action:
        flash("On its way. The processor has not answered yet, and we keep asking.", "warning")
    else:
        flash(done, "success")
