"""Checkout: the page, the one pay button, the bank's challenge, the receipt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, g, make_response, request, url_for
from flask import session as browser
from flask_login import current_user
from sqlalchemy import select

from ballast import receipt_pages
from ballast.billing import (
    asked_address,
    checkout,
    checkout_form,
    code_field,
    delivery_page,
    due_dates,
    financing_checkout,
    on_session,
    order_totals,
    outlook,
    payment_links,
    places,
    return_urls,
    returning,
    subscription_checkout,
    ways,
)
from ballast.billing.financing_checkout import IN_FULL, Agreed, Plan
from ballast.clock import now
from ballast.db import db, set_organization
from ballast.errors import BallastError, NotFound, TooManyAttempts
from ballast.identity.users import lookup
from ballast.models import CheckoutSession, Customer, Organization
from ballast.money import to_decimal
from ballast.web import act, is_htmx, policy, render, see_other

blueprint = Blueprint("checkout", __name__, url_prefix="/checkout/<token>")

ANOTHER_WAY = "You have chosen another way to pay. Please look at what it comes to."
# The page asks every two seconds for this long; after that the mail tells.
POLL_FOR = timedelta(minutes=2)


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
    return _page(checkout.with_setup(checkout.find(g.shop.id, token)))


@blueprint.post("")
def pay(token: str) -> Response:
    """Try to pay. 303 to the receipt; 422 with the form and the reason; the challenge; "we are checking"; or 409 with another way to
    pay, when the account the card was typed for takes it no more."""
    typed = {name: value for name, value in request.form.items() if isinstance(value, str)}
    before = checkout.find(g.shop.id, token)
    if before.state in ("paid", "gone"):
        return see_other(url_for("checkout.show", token=token)) if is_htmx() else _page(before)
    looked_at = _look(before, typed)
    if looked_at is not None:
        return looked_at
    chosen = typed.get("pay_with", IN_FULL)
    agreed = None if chosen == IN_FULL else Agreed(chosen, typed.get("shown_terms", ""), request.user_agent.string)
    try:
        customer = _returning(before)
        asked = asked_address.fields(before.order, before.lines)
        details = replace(checkout_form.read_details(typed, asked), customer_id=customer.id if customer else None)
        checkout.pay(g.shop.id, token, details, _shown(typed), agreed)
    except BallastError as error:
        return _refused(token, typed, error)
    after = checkout.with_setup(checkout.find(g.shop.id, token))
    if after.state == "paid":
        return see_other(_next(after))
    return _page(after, typed, status=422 if after.state == "form" else 200)


def _look(found: checkout.Checkout, typed: dict[str, str]) -> Response | None:
    """The form again, where the shopper asks what their choice comes to, or has to look at it again before they pay; else None."""
    token, chosen = found.order.token, typed.get("pay_with", IN_FULL)
    code_problem = None
    if found.is_subscription or "pay_with" in typed or "shown" in typed:
        code_problem = checkout.note(g.shop.id, token, typed)
        found = checkout.find(g.shop.id, token)
        if typed.get("intent") == "look":
            return _page(found, checkout_form.shown_again(typed), code_problem=code_problem)
    if chosen != typed.get("shown_with", chosen):
        return _page(found, checkout_form.shown_again(typed), status=409, notice=ANOTHER_WAY)
    problems = _problems(found, typed, chosen) | delivery_page.problems(found.order, found.session, typed)
    if (
        not problems
        and chosen == IN_FULL
        and not found.is_subscription
        and _shown(typed) not in (None, found.order.amount)
    ):
        changed = checkout.total_changed(found.order)
        return _page(found, checkout_form.shown_again(typed), status=409, notice=changed, code_problem=code_problem)
    again = checkout_form.shown_again(typed)
    return _page(found, again, problems, status=422, code_problem=code_problem) if problems else None


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
        response = _page(found, typed, status=error.status, refusal=error.message)
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    if error.param == "payment_method":
        return _page(found, typed, {"payment_method": error.message}, status=422)
    if error.code == "resource_missing":  # the account named is none of this shop's
        return _page(found, typed, status=409, notice=ways.CHANGED)
    if error.code in ("processor_changed", "total_changed"):
        return _page(found, typed, status=409, notice=error.message)
    return _page(found, typed, status=409, refusal=error.message)


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
    return _page(found, block="processing")


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


def _page(
    found: checkout.Checkout,
    typed: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
    status: int = 200,
    block: str | None = None,
    notice: str | None = None,
    refusal: str | None = None,
    code_problem: str | None = None,
) -> Response:
    """`notice`: why the card must be typed in again; `refusal`: why it was not tried; `code_problem`: what the order does not say."""
    is_sold = not found.is_subscription or subscription_checkout.is_on_sale(found.order)
    if found.state in ("paid", "gone") or (found.state == "form" and not is_sold):
        return _closed(found)
    way = _way(found, _plan(found, _plans(found)))
    found = replace(checkout.find(g.shop.id, found.order.token), setup=found.setup)
    offer = subscription_checkout.offer(found.order) if found.is_subscription and is_sold else None
    plans = _plans(found)
    plan = _plan(found, plans)
    if found.state == "form" and not found.is_free and (way is None or (_needs_plan(found) and plan is None)):
        return _unavailable(found)
    seen = _outlook(found, offer, plan)
    customer = _returning(found)
    response = make_response(
        render(
            "checkout/show.html",
            block,
            status,
            shop=g.shop,
            token=found.order.token,
            state=found.state,
            amount=_due(found, offer, plan),
            offer=offer,
            outlook=seen,
            every=receipt_pages.every(seen),
            plans=plans,
            plan=plan,
            agreed=found.agreement.terms if found.agreement and found.state != "form" else None,
            price=found.order.goods_amount,
            in_full=None if _needs_plan(found) else found.order.goods_amount,
            order=found.order,
            beside=order_totals.beside(found.order, found.lines),
            free=found.is_free,
            currency=found.order.currency,
            lines=found.lines,
            values=_values(found, typed) | ({"email": customer.email or ""} if customer else {}),
            returning=customer,
            cards=returning.cards(customer, found.order.currency) if customer and found.state == "form" else [],
            errors=problems or delivery_page.problems(found.order, found.session, found.order.address or {}),
            decline=refusal or (None if problems or notice else found.decline),
            notice=notice,
            processor=way.for_page if way else None,
            due=f"{to_decimal(checkout.account_amount(found, offer, plan), found.order.currency):f}",
            not_confirmed=ways.NOT_CONFIRMED,
            action=_action(found),
            email=found.order.email or "",
            fixed_email=_is_email_fixed(found) or bool(customer and customer.email),
            cancel_url=found.session.cancel_url if found.session else None,
            polling=found.waiting_since is not None and found.waiting_since > now() - POLL_FOR,
            **_delivery(found),
            **code_field.shown(found, offer, code_problem),
        )
    )
    response.headers["Content-Security-Policy"] = policy(_sources(way, found.session))
    return response


def _delivery(found: checkout.Checkout) -> dict[str, Any]:
    """Where it goes and how, as far as it is asked."""
    is_asked = found.state == "form"
    rates = delivery_page.rates(found.order, found.session) if is_asked else None
    fields = asked_address.fields(found.order, found.lines) if is_asked else ()
    where = {"countries": asked_address.countries(), "asked": fields}
    return {"delivers": found.is_sent, "rates": rates, "rate": found.order.shipping_rate_id} | where


def _plans(found: checkout.Checkout) -> list[Plan]:
    """What the shopper may choose from, while they may."""
    return financing_checkout.choices(found.order, found.session) if found.state == "form" else []


def _plan(found: checkout.Checkout, plans: list[Plan]) -> Plan | None:
    return financing_checkout.chosen(found.order, found.session, plans)


def _needs_plan(found: checkout.Checkout) -> bool:
    """Whether the merchant's program wants a plan, and nothing else."""
    return found.session is not None and found.session.mode == "financing"


def _due(found: checkout.Checkout, offer: subscription_checkout.Offer | None, plan: Plan | None) -> int:
    """Minor units today; what is being tried, once it is."""
    if found.state != "form":
        return 0 if found.is_storing or found.payment is None else found.payment.amount
    return (plan.due if plan else found.order.goods_amount) + (offer.due if offer else 0)


def _outlook(
    found: checkout.Checkout, offer: subscription_checkout.Offer | None, plan: Plan | None
) -> outlook.Outlook | None:
    """What is due today and what later, where both goods and a subscription are bought; as it was agreed to, once it is being paid."""
    if offer is None or not found.is_mixed:
        return None
    kept = outlook.of(found.order) if found.state != "form" else None
    order, timezone = found.order, g.shop.timezone
    return kept or due_dates.of_checkout(order, found.lines, offer, plan, timezone)


def _action(found: checkout.Checkout) -> dict[str, str | None]:
    back = url_for("checkout.returned", token=found.order.token)
    if found.is_storing and found.setup is not None:
        return {"redirect_url": None, "client_secret": found.setup.client_secret, "return_url": back}
    return on_session.challenge_of(found.payment, back)


def _sources(way: ways.Way | None, session: CheckoutSession | None) -> dict[str, tuple[str, ...]]:
    """What the page's policy adds: the processor's own, and where the form leads in the end (browsers ask of redirects too)."""
    found = dict(way.config.csp) if way else {}
    if session is not None and session.success_url:
        found["form-action"] = (*found.get("form-action", ()), return_urls.origin(session.success_url))
    return found


def _is_email_fixed(found: checkout.Checkout) -> bool:
    """Whether the merchant said whose address it is."""
    session = found.session
    return session is not None and bool(found.order.email and (session.customer_email or session.customer_id))


def _way(found: checkout.Checkout, plan: Plan | None) -> ways.Way | None:
    """What the page needs of a processor: of the one a new card goes to, or of the one whose bank asks for more."""
    match found.state:
        case "form":
            return None if found.is_free else checkout.way_to_pay(g.shop, found, plan)
        case "action":
            return checkout.way_of(found)
        case _:
            return None


def _unavailable(found: checkout.Checkout) -> Response:
    response = render(
        "checkout/unavailable.html",
        shop=g.shop,
        token=found.order.token,
        amount=found.order.amount,
        currency=found.order.currency,
    )
    response.status_code = 503
    response.headers["Retry-After"] = "30"
    return response


def _closed(found: checkout.Checkout) -> Response:
    paid_at = found.order.paid_at or found.order.created_at
    return render(
        "checkout/gone.html",
        shop=g.shop,
        reason=_reason(found),
        back_url=_back(found.session),
        amount=found.payment.amount_captured if found.payment else 0,
        currency=found.order.currency,
        paid_at=paid_at,
        receipt_url=url_for("checkout.receipt", token=found.order.token),
    )


def _reason(found: checkout.Checkout) -> str:
    """Why it takes no payment any more; in state `form` since something of it is not for sale."""
    match found.state:
        case "paid":
            return "paid"
        case "form":
            return "item"
        case _:
            return "expired" if found.session else "changed"


def _back(session: CheckoutSession | None) -> str | None:
    """Where somebody whose time is over may begin anew."""
    link = payment_links.behind(session) if session else None
    if link is not None:
        return url_for("buy.show", token=link.token)
    return session.cancel_url if session else None


def _returning(found: checkout.Checkout) -> Customer | None:
    """Who the shopper has shown to be, by the mailed link of their page or by signing in; nobody where the merchant named another."""
    kept, session = browser.get(returning.key(g.shop.id)), found.session
    customer = None
    if kept and kept != returning.NOBODY:
        customer = returning.of_link(g.shop.id, kept)
    elif kept is None and current_user.is_authenticated:
        customer = returning.of_user(g.shop.id, current_user)
    if session is not None and (session.customer_id or session.customer_email):
        return customer if customer and customer.id == session.customer_id else None
    return customer


def _values(found: checkout.Checkout, typed: dict[str, str] | None) -> dict[str, str]:
    """What the form's fields hold; its country is the one that the sums are of."""
    values = typed or _known(found)
    return values if values.get("country") else values | vars(places.of_order(found.order))


def _known(found: checkout.Checkout) -> dict[str, str]:
    """What we know already: typed before, or from the signed-in shopper."""
    order = found.order
    known = {"email": order.email or "", "name": order.name or "", **(order.address or {})}
    if not order.email and current_user.is_authenticated:
        known |= {"email": current_user.email, "name": current_user.full_name}
    return known
