"""Checkout: the page, the one pay button, the bank's challenge, the receipt."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, g, request, url_for
from flask import session as browser
from sqlalchemy import select

from ballast import checkout_pages, receipt_pages
from ballast.billing import (
    asked_address,
    checkout,
    checkout_form,
    delivery_page,
    return_urls,
    returning,
    ways,
)
from ballast.billing.financing_checkout import IN_FULL, Agreed
from ballast.db import db, set_organization
from ballast.errors import BallastError, NotFound, TooManyAttempts
from ballast.identity.users import lookup
from ballast.models import Organization
from ballast.web import act, is_htmx, see_other

blueprint = Blueprint("checkout", __name__, url_prefix="/checkout/<token>")

ANOTHER_WAY = "You have chosen another way to pay. Please look at what it comes to."


@blueprint.before_request
def find_shop() -> None:
    """Whose checkout this is; from here on the request works for that organization."""
    organization_id = lookup("organization_of_order", (request.view_args or {}).get("token", ""))
    if organization_id is None:
        raise NotFound("checkout")
    set_organization(organization_id)
    act("customer", None)
    g.shop = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()


@blueprint.get("")
def show(token: str) -> Response:
    """The checkout in whatever state it is."""
    return checkout_pages.page(checkout.with_setup(checkout.find(g.shop.id, token)))


@blueprint.post("")
def pay(token: str) -> Response:
    """Try to pay. 303 to the receipt; 422 with the form and the reason; the challenge; "we are checking"; or 409 with another way to
    pay, when the account the card was typed for takes it no more."""
    typed = {name: value for name, value in request.form.items() if isinstance(value, str)}
    before = checkout.find(g.shop.id, token)
    if before.state in ("paid", "gone"):
        return see_other(url_for("checkout.show", token=token)) if is_htmx() else checkout_pages.page(before)
    looked_at = _look(before, typed)
    if looked_at is not None:
        return looked_at
    chosen = typed.get("pay_with", IN_FULL)
    agreed = None if chosen == IN_FULL else Agreed(chosen, typed.get("shown_terms", ""), request.user_agent.string)
    try:
        customer = checkout_pages.customer_of(before)
        asked = asked_address.fields(before.order, before.lines)
        details = replace(checkout_form.read_details(typed, asked), customer_id=customer.id if customer else None)
        checkout.pay(g.shop.id, token, details, _shown(typed), agreed)
    except BallastError as error:
        return _refused(token, typed, error)
    after = checkout.with_setup(checkout.find(g.shop.id, token))
    if after.state == "paid":
        return see_other(_next(after))
    return checkout_pages.page(after, typed, status=422 if after.state == "form" else 200)


def _look(found: checkout.Checkout, typed: dict[str, str]) -> Response | None:
    """The form again, where the shopper asks what their choice comes to, or has to look at it again before they pay; else None."""
    token, chosen = found.order.token, typed.get("pay_with", IN_FULL)
    code_problem = None
    if found.is_subscription or "pay_with" in typed or "shown" in typed:
        code_problem = checkout.note(g.shop.id, token, typed)
        found = checkout.find(g.shop.id, token)
        if typed.get("intent") == "look":
            return checkout_pages.page(found, checkout_form.shown_again(typed), code_problem=code_problem)
    if chosen != typed.get("shown_with", chosen):
        return checkout_pages.page(found, checkout_form.shown_again(typed), status=409, notice=ANOTHER_WAY)
    problems = _problems(found, typed, chosen) | delivery_page.problems(found.order, found.session, typed)
    if (
        not problems
        and chosen == IN_FULL
        and not found.is_subscription
        and _shown(typed) not in (None, found.order.amount)
    ):
        changed = checkout.total_changed(found.order)
        return checkout_pages.page(
            found, checkout_form.shown_again(typed), status=409, notice=changed, code_problem=code_problem
        )
    again = checkout_form.shown_again(typed)
    return checkout_pages.page(found, again, problems, status=422, code_problem=code_problem) if problems else None


def _problems(found: checkout.Checkout, typed: dict[str, str], chosen: str) -> dict[str, str]:
    """What is wrong with what was typed, by field; no card is asked for where nothing is to be paid."""
    asked = asked_address.fields(found.order, found.lines)
    problems = checkout_form.check(typed, asked)
    if found.is_free:
        problems.pop("payment_method", None)
    if "country" in asked and typed.get("country", "") not in dict(asked_address.countries()):
        problems.setdefault("country", checkout_form.REQUIRED["country"])
    if chosen != IN_FULL and typed.get("agree") != "yes":
        problems["agree"] = "Read the plan, and tick the box to agree to it."
    return problems


def _shown(typed: dict[str, str]) -> int | None:
    """What the page said is due today."""
    said = typed.get("shown", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 15 else None


def _refused(token: str, typed: dict[str, str], error: BallastError) -> Response:
    """The form again with the reason; the reason alone is no page to leave a shopper on."""
    found = checkout.find(g.shop.id, token)
    if isinstance(error, TooManyAttempts):
        response = checkout_pages.page(found, typed, status=error.status, refusal=error.message)
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    if error.param == "payment_method":
        return checkout_pages.page(found, typed, {"payment_method": error.message}, status=422)
    if error.code == "resource_missing":  # the account named is none of this shop's
        return checkout_pages.page(found, typed, status=409, notice=ways.CHANGED)
    if error.code in ("processor_changed", "total_changed"):
        return checkout_pages.page(found, typed, status=409, notice=error.message)
    return checkout_pages.page(found, typed, status=409, refusal=error.message)


@blueprint.get("/return")
def returned(token: str) -> Response:
    """Back from the bank: what it says in the address is a hint, the processor is asked."""
    checkout.look_again(g.shop.id, token)
    return see_other(_next(checkout.with_setup(checkout.find(g.shop.id, token))))


@blueprint.post("/another-card")
def another_card(token: str) -> Response:
    """The shopper would rather not confirm with this bank: the challenge is taken back at the processor, the form comes again."""
    checkout.take_back_challenge(g.shop.id, token)
    return see_other(url_for("checkout.show", token=token))


@blueprint.post("/forget")
def forget(token: str) -> Response:
    """The shopper would rather be nobody here: another address, another card."""
    browser[returning.key(g.shop.id)] = returning.NOBODY
    return see_other(url_for("checkout.show", token=token))


@blueprint.get("/status")
def status(token: str) -> Response:
    """Polled while the outcome is open; ends by sending the browser on, or by answering without the trigger."""
    found = checkout.with_setup(checkout.find(g.shop.id, token))
    if found.state != "processing":
        return see_other(_next(found))
    return checkout_pages.page(found, block="processing")


def _next(found: checkout.Checkout) -> str:
    """Where the shopper goes now: with a paid order to the merchant's own page, if its session names one, else to the receipt."""
    if found.state != "paid":
        return url_for("checkout.show", token=found.order.token)
    if found.session is not None and found.session.success_url:
        return return_urls.fill(found.session.success_url, found.session.id)
    return url_for("checkout.receipt", token=found.order.token)


@blueprint.get("/receipt")
def receipt(token: str) -> Response:
    """The receipt, for whoever holds the token."""
    found = checkout.find(g.shop.id, token)
    return receipt_pages.of(found) if found.state == "paid" else see_other(url_for("checkout.show", token=token))
