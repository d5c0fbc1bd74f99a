"""An invoice's own page, for whoever holds its address: what is billed, the ways to pay it, the paper."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, g, make_response, request, url_for
from sqlalchemy import select

from ballast.billing import branding, checkout_form, invoice_page, on_session, paper, ways
from ballast.billing.invoice_page import Page
from ballast.clock import now
from ballast.db import db, is_reading, set_organization
from ballast.errors import BallastError, NotFound, TooManyAttempts
from ballast.identity.users import lookup
from ballast.models import Organization
from ballast.money import to_decimal
from ballast.web import act, policy, render, see_other

blueprint = Blueprint("invoice_page", __name__, url_prefix="/invoices")

# The page asks every two seconds for this long; after that the mail tells.
POLL_FOR = timedelta(minutes=2)
# Somebody else was faster, in another tab or at night: the page shows how it stands.
OVERTAKEN = ("payment_in_progress", "invoice_not_payable")


@blueprint.before_request
def find_shop() -> None:
    """Whose invoice this is; from here on the request works for that organization."""
    organization_id = lookup("organization_of_invoice", (request.view_args or {}).get("token", ""))
    if organization_id is None:
        raise NotFound("invoice")
    set_organization(organization_id)
    act("customer", None)
    g.shop = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()


@blueprint.get("/<token>")
def show(token: str) -> Response:
    """The invoice in whatever state it is."""
    return _page(invoice_page.find(g.shop.id, token))


@blueprint.post("/<token>")
def pay(token: str) -> Response:
    """Try to pay with a new card. 303 to the paid invoice; 422 with the reason; the challenge; "we are checking"; or 409."""
    typed = {name: value for name, value in request.form.items() if isinstance(value, str)}
    found = invoice_page.find(g.shop.id, token)
    if found.state in ("paid", "void"):
        return see_other(url_for("invoice_page.show", token=token))
    problems = checkout_form.check_token(typed)
    if problems:
        return _page(found, problems, status=422)
    return _try(token, checkout_form.read_token(typed), keep=typed.get("keep_card") == "yes")


@blueprint.post("/<token>/stored-card")
def pay_with_stored_card(token: str) -> Response:
    """Try to pay with the card that is stored. Works without scripts, unless the bank asks."""
    return _try(token, None, keep=False)


def _try(token: str, typed: checkout_form.Token | None, *, keep: bool) -> Response:
    try:
        invoice_page.pay(g.shop.id, token, typed, keep=keep)
    except BallastError as error:
        return _refused(token, error)
    after = invoice_page.find(g.shop.id, token)
    if after.state in ("paid", "void"):
        return see_other(url_for("invoice_page.show", token=token))
    return _page(after, status=422 if after.state == "form" else 200)


def _refused(token: str, error: BallastError) -> Response:
    """The page again with the reason."""
    if error.code in OVERTAKEN:
        return see_other(url_for("invoice_page.show", token=token))
    found = invoice_page.find(g.shop.id, token)
    if isinstance(error, TooManyAttempts):
        response = _page(found, status=error.status, notice=error.message)
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    if error.param == "payment_method":
        return _page(found, {"payment_method": error.message}, status=422)
    if error.code in ("resource_missing", "processor_changed"):
        return _page(found, status=409, notice=ways.CHANGED)
    return _page(found, status=409, refusal=error.message)


@blueprint.get("/<token>/return")
def returned(token: str) -> Response:
    """Back from the bank: what it says in the address is a hint, the processor is asked."""
    invoice_page.look_again(g.shop.id, token)
    return see_other(url_for("invoice_page.show", token=token))


@blueprint.post("/<token>/another-card")
def another_card(token: str) -> Response:
    """Its customer would rather not confirm with this bank: the challenge is taken back, the form comes again."""
    invoice_page.take_back_challenge(g.shop.id, token)
    return see_other(url_for("invoice_page.show", token=token))


@blueprint.get("/<token>/status")
def status(token: str) -> Response:
    """Polled while the outcome is open; ends by sending the browser on, or by answering without the trigger."""
    found = invoice_page.find(g.shop.id, token)
    if found.state != "processing":
        return see_other(url_for("invoice_page.show", token=token))
    return _page(found, block="processing")


@blueprint.get("/<token>.pdf")
def pdf(token: str) -> Response:
    """The invoice on paper."""
    found = invoice_page.find(g.shop.id, token)
    return _paper(paper.of_invoice(g.shop, found), found.invoice.number or found.invoice.id)


@blueprint.get("/<token>/credit-notes/<number>.pdf")
def credit_note_pdf(token: str, number: str) -> Response:
    """A credit note on paper."""
    found, note = invoice_page.credit_note(g.shop.id, token, number)
    return _paper(paper.of_credit_note(g.shop, found, note), note.number)


def _paper(sheet: paper.Sheet, name: str) -> Response:
    """The sheet, drawn if it is not known yet, unless the browser has it already."""
    response = Response(mimetype="application/pdf")
    response.set_etag(sheet.fingerprint)
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    if request.if_none_match.contains(sheet.fingerprint):
        response.status_code = 304
        return response
    response.set_data(paper.draw(sheet))
    return response


def _page(
    found: Page,
    problems: dict[str, str] | None = None,
    status: int = 200,
    block: str | None = None,
    notice: str | None = None,
    refusal: str | None = None,
) -> Response:
    invoice, way = found.invoice, _way(found)
    if way is not None and not is_reading():
        found = invoice_page.find(g.shop.id, invoice.token)
        invoice = found.invoice
    response = make_response(
        render(
            "invoices/show.html",
            block,
            status,
            shop=g.shop,
            brand=branding.of(g.shop),
            page=found,
            invoice=invoice,
            token=invoice.token,
            state=found.state,
            tz=found.subscription.timezone if found.subscription else g.shop.timezone,
            errors=problems or {},
            decline=refusal or (None if problems or notice else found.decline),
            notice=notice,
            keep=request.form.get("keep_card", "yes" if request.method == "GET" else "") == "yes",
            processor=way.for_page if way else None,
            due=f"{to_decimal(invoice.amount_due, invoice.currency):f}",
            currency=invoice.currency,
            not_confirmed=ways.NOT_CONFIRMED,
            action=on_session.challenge_of(found.payment, url_for("invoice_page.returned", token=invoice.token)),
            polling=found.waiting_since is not None and found.waiting_since > now() - POLL_FOR,
        )
    )
    response.headers["Content-Security-Policy"] = policy(dict(way.config.csp) if way else {})
    return response


def _way(found: Page) -> ways.Way | None:
    match found.state:
        case "form":
            return invoice_page.way_to_pay(g.shop, found)
        case "action":
            return invoice_page.way_of(found)
        case _:
            return None
