"""The checkout's page in each of its states: the form, the bank's challenge, "we are checking", and what is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from flask import Response, g, url_for
from flask import session as browser
from flask_login import current_user

from ballast import receipt_pages
from ballast.billing import (
    asked_address,
    checkout,
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
from ballast.billing.financing_checkout import Plan
from ballast.clock import now
from ballast.models import CheckoutSession, Customer
from ballast.money import to_decimal
from ballast.web import policy, render

# The page asks every two seconds for this long; after that the mail tells.
POLL_FOR: Final = timedelta(minutes=2)


def page(
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
    shown = (
        _sums(found, offer, plan)
        | _form(found, typed)
        | {"notice": notice}
        | code_field.shown(found, offer, code_problem)
    )
    errors = problems or delivery_page.problems(found.order, found.session, found.order.address or {})
    decline = refusal or (None if problems or notice else found.decline)
    processor = way.for_page if way else None
    response = render(
        "checkout/show.html", block, status, **shown, plans=plans, errors=errors, decline=decline, processor=processor
    )
    response.headers["Content-Security-Policy"] = policy(_sources(way, found.session))
    return response


def _sums(found: checkout.Checkout, offer: subscription_checkout.Offer | None, plan: Plan | None) -> dict[str, Any]:
    """What is bought, what it comes to, and when."""
    seen = _outlook(found, offer, plan)
    return {
        "amount": _due(found, offer, plan),
        "offer": offer,
        "outlook": seen,
        "every": receipt_pages.every(seen),
        "plan": plan,
        "agreed": found.agreement.terms if found.agreement and found.state != "form" else None,
        "price": found.order.goods_amount,
        "in_full": None if _needs_plan(found) else found.order.goods_amount,
        "order": found.order,
        "beside": order_totals.beside(found.order, found.lines),
        "free": found.is_free,
        "currency": found.order.currency,
        "lines": found.lines,
        "due": f"{to_decimal(checkout.account_amount(found, offer, plan), found.order.currency):f}",
    }


def _form(found: checkout.Checkout, typed: dict[str, str] | None) -> dict[str, Any]:
    """Who buys, where it goes, and what is under way."""
    customer = customer_of(found)
    known = {"email": customer.email or ""} if customer else {}
    return {
        "shop": g.shop,
        "token": found.order.token,
        "state": found.state,
        "values": _values(found, typed) | known,
        "returning": customer,
        "cards": returning.cards(customer, found.order.currency) if customer and found.state == "form" else [],
        "not_confirmed": ways.NOT_CONFIRMED,
        "action": _action(found),
        "email": found.order.email or "",
        "fixed_email": _is_email_fixed(found) or bool(customer and customer.email),
        "cancel_url": found.session.cancel_url if found.session else None,
        "polling": found.waiting_since is not None and found.waiting_since > now() - POLL_FOR,
    } | _delivery(found)


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


def customer_of(found: checkout.Checkout) -> Customer | None:
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
