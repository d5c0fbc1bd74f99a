"""Financing → Offers: plans as a merchant makes them, tried out while they are typed, and published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, abort, flash, g, request, url_for
from sqlalchemy import select

from ballast import config
from ballast.billing.financing import advertising, exposure, lending_settings, offer_form, offers, quoting
from ballast.billing.financing.disclosure import Disclosure
from ballast.billing.financing.exposure import Expected, Owed
from ballast.billing.financing.quotes import Quote
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError
from ballast.identity import users
from ballast.models import FinancingOffer, Product
from ballast.models.states import OFFER
from ballast.money import from_decimal, to_decimal
from ballast.web import dashboard, keyset, render, requires, see_other

blueprint = Blueprint("financing_offers", __name__, url_prefix="/admin/financing/offers")
dashboard(blueprint)

RIGHT: Final = "lending"
MOST_PRODUCTS: Final = 100
INTERVALS: Final = [("month", "Months"), ("week", "Weeks"), ("day", "Days")]
PREPAYMENTS: Final = [("rebate", "Takes back interest not yet earned"), ("no_rebate", "All interest stays owed")]
# What a page of consequences does, from which status, and what is said when it is done.
ACTS: Final[dict[str, tuple[Callable[[str, str], FinancingOffer], str]]] = {
    "publish": (offers.publish, "Published. Shoppers see it from now on."),
    "unpublish": (offers.unpublish, "Unpublished. Agreements go on as they were agreed."),
    "archive": (offers.archive, "Archived. Agreements go on as they were agreed."),
    "restore": (offers.restore, "Restored, as a draft."),
}


@blueprint.get("")
def index() -> Response:
    """In the order they were made, newest first, each with what is owed under it."""
    status = request.args.get("status", "")
    wanted = select(FinancingOffer).where(FinancingOffer.organization_id == g.organization.id)
    if status in OFFER:
        wanted = wanted.where(FinancingOffer.status == status)
    page = keyset(wanted, FinancingOffer.id, "offer", request.args.get("before"), request.args.get("after"))
    found = [row[0] for row in page.rows]
    owed = exposure.of(g.organization.id, [offer.id for offer in found]) if found else {}
    chosen = status if status in OFFER else None
    return render(
        "admin/financing/offers.html",
        "list",
        rows=[{"offer": offer, "owed": owed.get(offer.id, Owed())} for offer in found],
        chosen=chosen or "",
        may_change=users.may(g.role, RIGHT),
        previous_url=url_for(".index", status=chosen, before=page.before) if page.before else None,
        next_url=url_for(".index", status=chosen, after=page.after) if page.after else None,
    )


@blueprint.get("/new")
@requires(RIGHT)
def new() -> Response:
    """An empty form."""
    return _form(offer_form.blank() | {"installments": "6"}, g.organization.currency)


@blueprint.post("/new")
@requires(RIGHT)
def create() -> Response:
    """Make it, a draft; or look at what it would be; or take the ready-made one."""
    if "ready_made" in request.form:
        return _start()
    typed, currency = _typed(), request.form.get("currency", "").strip().upper()[:12]
    if "preview" in request.form:
        return _form(typed, currency)
    end_reading()
    try:
        with transaction():
            given = offer_form.read(typed, currency) | {"currency": currency}
            offer_id = offers.create(g.organization.id, given).id
    except BallastError as error:
        return _form(typed, currency, error=error)
    flash("Made, a draft. Shoppers see it once it is published.", "success")
    return see_other(url_for(".show", offer_id=offer_id))


def _start() -> Response:
    """“Pay in 4”, in one click."""
    end_reading()
    with transaction():
        offer_id = offers.ready_made(g.organization).id
    flash("“Pay in 4” is published. Shoppers see it from now on.", "success")
    return see_other(url_for(".show", offer_id=offer_id))


@blueprint.post("/preview")
@requires(RIGHT)
def preview() -> Response:
    """What is typed as a shopper would see it, while it is typed."""
    currency = request.form.get("currency", "").strip().upper()[:12]
    context = _form_context(_typed(), currency)
    status = 422 if context["problem"] else 200
    return render("admin/financing/offer_form.html", "preview", status, **context, offer=None, errors={})


@blueprint.get("/<offer_id>")
def show(offer_id: str) -> Response:
    """One offer: its terms, an example, what is owed under it."""
    offer = quoting.find(g.organization.id, offer_id)
    owed = exposure.of(g.organization.id, [offer.id]).get(offer.id, Owed())
    return render(
        "admin/financing/offer.html",
        offer=offer,
        owed=owed,
        expected=exposure.expected(offer, owed.total),
        tried=_try(offer, request.args.get("example", "")),
        needs=lending_settings.reasons(offer),
        products=_products(offer.product_ids),
        snippet_origin=config.current().public_url,
        may_change=users.may(g.role, RIGHT),
    )


@blueprint.get("/<offer_id>/edit")
@requires(RIGHT)
def edit(offer_id: str) -> Response:
    """The form with what it is now."""
    offer = quoting.find(g.organization.id, offer_id)
    return _form(offer_form.of(offer), offer.currency, offer)


@blueprint.post("/<offer_id>/edit")
@requires(RIGHT)
def change(offer_id: str) -> Response:
    """Change it; or look at what it would be."""
    offer, typed = quoting.find(g.organization.id, offer_id), _typed()
    if "preview" in request.form:
        return _form(typed, offer.currency, offer)
    currency = offer.currency
    end_reading()
    try:
        with transaction():
            offers.edit(g.organization.id, offer_id, offer_form.read(typed, currency))
    except BallastError as error:
        return _form(typed, currency, quoting.find(g.organization.id, offer_id), error)
    flash("Saved. Agreements keep what was agreed.", "success")
    return see_other(url_for(".show", offer_id=offer_id))


@blueprint.get("/<offer_id>/<act>")
@requires(RIGHT)
def confirm(offer_id: str, act: str) -> Response:
    """What publishing, unpublishing, archiving or restoring will do."""
    return _confirm(offer_id, act)


@blueprint.post("/<offer_id>/<act>")
@requires(RIGHT)
def do(offer_id: str, act: str) -> Response:
    """Do it."""
    if act not in ACTS:
        abort(404)
    perform, said = ACTS[act]
    end_reading()
    try:
        with transaction():
            perform(g.organization.id, offer_id)
    except BallastError as error:
        if error.status == 404:
            raise
        return _confirm(offer_id, act, error)
    flash(said, "success")
    return see_other(url_for(".show", offer_id=offer_id))


def _confirm(offer_id: str, act: str, error: BallastError | None = None) -> Response:
    if act not in ACTS:
        abort(404)
    offer = quoting.find(g.organization.id, offer_id)
    allowed = lending_settings.read(g.organization.id).interest_allowed_at is not None
    needs = lending_settings.reasons(offer)
    return render(
        "admin/financing/offer_act.html",
        status=error.status if error else 200,
        offer=offer,
        act=act,
        needs=needs,
        blocked=act == "publish" and bool(needs) and not allowed,
        tried=[_try(offer, str(to_decimal(amount, offer.currency))) for amount in offers.examples(offer)],
        owed=exposure.of(g.organization.id, [offer.id]).get(offer.id, Owed()),
        problem=error.message if error else None,
    )


# --- The form ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    """An offer at an example price, minor units: its quote as a shopper would see it, or the sentence why there is none."""

    price: int
    typed: str
    problem: str | None = None
    quote: Quote | None = None
    line: str = ""
    terms: str = ""
    box: Disclosure | None = None
    expected: Expected | None = None


def _try(offer: FinancingOffer, typed: str) -> Tried:
    """The offer at the amount that was typed; at its middle one where none was."""
    amounts = offers.examples(offer)
    price = amounts[len(amounts) // 2]
    try:
        price = from_decimal(typed, offer.currency) if typed else price
        quote = quoting.checked(price, offer.currency, quoting.terms_of(offer), quoting.today(g.organization))
    except BallastError as error:
        return Tried(price, typed, error.message)
    shown = str(to_decimal(price, offer.currency))
    said = (advertising.line(quote), advertising.terms(quote))
    box = quoting.box(g.organization, quote)
    return Tried(price, shown, None, quote, *said, box, exposure.expected(offer, quote.total_of_payments))


def _typed() -> dict[str, Any]:
    return offer_form.typed(request.form, request.form.getlist("product_ids"))


def _form(
    typed: dict[str, Any], currency: str, offer: FinancingOffer | None = None, error: BallastError | None = None
) -> Response:
    context = _form_context(typed, currency)
    errors = {"product_ids" if error.param == "products" else error.param or "name": error.message} if error else {}
    return render(
        "admin/financing/offer_form.html", status=422 if error else 200, **context, offer=offer, errors=errors
    )


def _form_context(typed: dict[str, Any], currency: str) -> dict[str, Any]:
    tried, problem, needs = _try_typed(typed, currency)
    named = select(Product).where(Product.organization_id == g.organization.id, Product.archived_at.is_(None))
    return {
        "typed": typed,
        "currency": currency,
        "products": list(db.session.scalars(named.order_by(Product.name, Product.id).limit(MOST_PRODUCTS))),
        "intervals": INTERVALS,
        "prepayments": PREPAYMENTS,
        "tried": tried,
        "problem": problem,
        "needs": needs,
        "example": request.form.get("example", "").strip()[:40] or (tried.typed if tried else ""),
    }


def _try_typed(typed: dict[str, Any], currency: str) -> tuple[Tried | None, str | None, list[str]]:
    """The example of what is typed, or why there is none yet, and what it needs the switch for."""
    try:
        given = offer_form.read(typed, currency) | {"currency": currency}
        offer = offers.built(g.organization.id, given | {"name": given["name"] or "Plan"})
    except BallastError as error:
        return None, error.message, []
    return _try(offer, request.form.get("example", "").strip()[:40]), None, lending_settings.reasons(offer)


def _products(product_ids: list[str]) -> list[Product]:
    wanted = select(Product).where(Product.organization_id == g.organization.id, Product.id.in_(product_ids))
    return list(db.session.scalars(wanted.order_by(Product.name))) if product_ids else []
