"""The radar: what the firewall kept from happening, charges that came late, and attempts whose outcome nobody knows yet."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for

from ballast.billing import late_successes, payments, radar, unknown
from ballast.clock import real_time
from ballast.db import end_reading, transaction
from ballast.errors import BallastError
from ballast.identity import users
from ballast.models import Attempt
from ballast.security import without_card_number
from ballast.web import dashboard, filter_url, keyset, render, requires, see_other

blueprint = Blueprint("radar", __name__, url_prefix="/admin/radar")
dashboard(blueprint)

UNKNOWN: Final = "radar.unknown_outcomes"
RIGHT: Final = "resolve"
# Route → what it is called, and what would have happened.
WORDS: Final = {
    "same_key": ("Same key again", "An API request was repeated with its Idempotency-Key. It had its first answer."),
    "open_attempt": ("Second try while one was open", "Pay was pressed twice, or two tried at once."),
    "paid_already": ("Paid already", "Somebody tried to pay what was paid, often in a second tab."),
    "claim_taken": ("Already being paid", "Another payment was under way for the same installment."),
    "duplicate_event": ("Event told twice", "A processor sent an event again. It had no second effect."),
    "lost_answer": ("Answer lost and found", "The processor's answer was lost. Asked again, it said: charged."),
    "late_send": ("Paused before sending", "A process slept past its deadline and sent nothing."),
    "late_success": ("Came through late", "A charge given up was approved after all. It went back, or was credited."),
}


@blueprint.get("")
def index() -> Response:
    """What was prevented in 30 days, by route and by day; the newest of it; what came late."""
    return render(
        "admin/radar/index.html",
        found=radar.read(g.organization),
        words=WORDS,
        may_refund=users.may(g.role, "refund"),
    )


@blueprint.post("/late/<late_id>/refund")
@requires("refund")
def refund_late(late_id: str) -> Response:
    """Give back once more what came late, after a refund that failed."""
    end_reading()
    try:
        with transaction():
            late_successes.refund_again(g.organization.id, late_id)
        flash("The refund is on its way again.", "success")
    except BallastError as error:
        if error.status == 404:
            raise
        flash(error.message, "danger")
    return see_other(url_for("radar.index"))


@blueprint.get("/unknown")
def unknown_outcomes() -> Response:
    """Attempts nobody knows the outcome of, newest first."""
    given = request.args
    page = keyset(unknown.listed(g.organization.id), Attempt.id, "att", given.get("before"), given.get("after"))
    return render(
        "admin/radar/unknown.html",
        "list",
        rows=[_shown(attempt) | {"payment": payment} for attempt, payment in page.rows],
        previous_url=filter_url(UNKNOWN, {}, before=page.before),
        next_url=filter_url(UNKNOWN, {}, after=page.after),
    )


def _shown(attempt: Attempt) -> dict[str, Any]:
    since = unknown.since(attempt)
    return {
        "attempt": attempt,
        "known": unknown.what_is_known(attempt),
        "since": since,
        "is_alarming": real_time() - since > unknown.ALARMING,
    }


@blueprint.get("/unknown/<attempt_id>")
def unknown_outcome(attempt_id: str) -> Response:
    """One of them, with what may be done; or what has become of it."""
    return _page(attempt_id)


@blueprint.post("/unknown/<attempt_id>/probe")
@requires(RIGHT)
def probe(attempt_id: str) -> Response:
    """Ask the processor now."""
    try:
        status = unknown.probe(g.organization.id, attempt_id)
    except BallastError as error:
        if error.status == 404:
            raise
        flash(error.message, "warning")
        return see_other(url_for("radar.unknown_outcome", attempt_id=attempt_id))
    return _tell(attempt_id, status)


@blueprint.post("/unknown/<attempt_id>/resolve")
@requires(RIGHT)
def resolve(attempt_id: str) -> Response:
    """Take somebody's word, and have the processor confirm it."""
    word, reason = request.form.get("word", ""), request.form.get("reason", "")
    try:
        status = unknown.resolve(g.organization.id, attempt_id, word, reason)
    except BallastError as error:
        if error.status == 404:
            raise
        return _page(attempt_id, error)
    return _tell(attempt_id, status)


def _tell(attempt_id: str, status: str) -> Response:
    match status:
        case "approved":
            flash("The processor says: charged. The payment is recorded.", "success")
        case "declined" | "not_sent":
            flash(
                "The processor says: not charged, and it cannot be charged any more. It may be tried again.", "success"
            )
        case "action_required":
            flash("The processor waits for the customer to confirm with their bank.", "warning")
        case _:
            flash("The processor does not say yet. Nothing is decided, and nobody charges again.", "warning")
    return see_other(url_for("radar.unknown_outcome", attempt_id=attempt_id))


def _page(attempt_id: str, error: BallastError | None = None) -> Response:
    attempt = unknown.find(g.organization.id, attempt_id)
    is_typed = error is not None and error.param in ("reason", "word")
    return render(
        "admin/radar/resolve.html",
        status=(422 if is_typed else error.status) if error else 200,
        payment=payments.find(g.organization.id, attempt.payment_id),
        **_shown(attempt),
        may_resolve=users.may(g.role, RIGHT),
        word=request.form.get("word", ""),
        reason=without_card_number(request.form.get("reason", ""))[:500],
        errors={error.param: error.message} if error and is_typed else {},
        problem=error.message if error and not is_typed else None,
    )
