"""Subscriptions in the dashboard: the list, and one with all that belongs to it. What is done to them is in subscription_acts."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, g, request, url_for
from sqlalchemy import Select, select

from ballast import answers
from ballast.billing.attention import expiring
from ballast.billing.subscriptions import ending, history, rows
from ballast.billing.subscriptions.changing import CHANGEABLE
from ballast.clock import now
from ballast.db import db
from ballast.identity import users
from ballast.ids import to_uuid
from ballast.models import Customer, PaymentMethod, Price, Product, Subscription
from ballast.models.catalog import recurring_prices
from ballast.models.columns import begins
from ballast.models.customers import customer_of
from ballast.models.states import RENEWING
from ballast.models.subscriptions import subscriptions_with_plans
from ballast.money import to_decimal
from ballast.security import without_card_number
from ballast.web import dashboard, filter_url, keyset, render, status_chips

blueprint = Blueprint("subscriptions", __name__, url_prefix="/admin/subscriptions")
dashboard(blueprint)

ROUTE: Final = "subscriptions.index"
FILTERS: Final = ("status", "customer", "price", "card", "q")
LABELS: Final = {
    "": "All",
    "active": "Active",
    "trialing": "In trial",
    "past_due": "Past due",
    "unpaid": "Unpaid",
    "paused": "Paused",
    "incomplete": "Incomplete",
    "canceled": "Canceled",
    "defaulted": "Defaulted",
    "incomplete_expired": "Expired",
}

# Of a subscription, its customer, price and product.
COLUMNS: Final[answers.Columns] = {
    "id": lambda subscription, *_: subscription.id,
    "status": lambda subscription, *_: subscription.status,
    "customer": lambda subscription, *_: subscription.customer_id,
    "customer_email": lambda _subscription, customer, *_: customer.email,
    "product": lambda _subscription, _customer, _price, product: product.name,
    "quantity": lambda subscription, *_: subscription.quantity,
    "amount": lambda subscription, _customer, price, _product: to_decimal(
        price.amount * subscription.quantity, price.currency
    ),
    "currency": lambda subscription, *_: subscription.currency,
    "interval": lambda _subscription, _customer, price, _product: price.interval,
    "interval_count": lambda _subscription, _customer, price, _product: price.interval_count,
    "current_period_start": lambda subscription, *_: subscription.current_period_start,
    "current_period_end": lambda subscription, *_: subscription.current_period_end,
    "cancel_at_period_end": lambda subscription, *_: str(subscription.cancel_at_period_end).lower(),
    "created_at": lambda subscription, *_: subscription.created_at,
    "ended_at": lambda subscription, *_: subscription.ended_at,
}


@blueprint.get("")
def index() -> Response:
    """Newest first, by status, customer, price and the beginning of an address."""
    chosen = _chosen()
    edges = (request.args.get("before"), request.args.get("after"))
    page = keyset(_wanted(chosen), Subscription.id, "sub", *edges)
    return render(
        "admin/subscriptions/index.html",
        "list",
        rows=[{"subscription": row[0], "customer": row[1], "price": row[2], "product": row[3]} for row in page.rows],
        chosen=chosen,
        customer=_customer(chosen["customer"]),
        prices=_prices(),
        filters=status_chips(ROUTE, LABELS, chosen),
        filtered=any(chosen.values()),
        export_url=filter_url("subscriptions.export", chosen),
        renewing=RENEWING,
        may_start=users.may(g.role, "charge"),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """All that fits the filters, as a file."""
    return answers.listed("subscriptions", _wanted(_chosen()), Subscription.id, COLUMNS)


def _chosen() -> dict[str, str]:
    chosen = {name: without_card_number(request.args.get(name, "").strip())[:254] for name in FILTERS}
    chosen["status"] = chosen["status"].replace("cancelled", "canceled")
    return chosen


def _wanted(chosen: dict[str, str]) -> Select[Subscription, Customer, Price, Product]:
    wanted = subscriptions_with_plans(g.organization.id)
    if chosen["status"] in LABELS and chosen["status"]:
        wanted = wanted.where(Subscription.status == chosen["status"])
    if to_uuid(chosen["customer"], "cus"):
        wanted = wanted.where(Subscription.customer_id == chosen["customer"])
    if to_uuid(chosen["price"], "price"):
        wanted = wanted.where(Subscription.price_id == chosen["price"])
    if chosen["card"] == "expiring":
        wanted = wanted.where(
            Subscription.payment_method_id.in_(select(PaymentMethod.id).where(*expiring(g.organization)))
        )
    if chosen["q"]:
        wanted = wanted.where(begins(Customer.email, chosen["q"].lower()))
    return wanted


def _customer(customer_id: str) -> Customer | None:
    if not to_uuid(customer_id, "cus"):
        return None
    return db.session.scalars(customer_of(g.organization.id, customer_id)).first()


def _prices() -> list[dict[str, Any]]:
    return [
        {"price": price, "product": product}
        for price, product in db.session.execute(recurring_prices(g.organization.id))
    ]


@blueprint.get("/<subscription_id>")
def show(subscription_id: str) -> Response:
    """One subscription: what it is on, what comes next, what happened."""
    found = rows.find(g.organization.id, subscription_id)
    told = history.read(found)
    may = users.may(g.role, "charge")
    return render(
        "admin/subscriptions/show.html",
        told=told,
        subscription=found,
        customer=told.customer,
        plan=told.plan,
        acts=_acts(found, told) if may else {},
        may_change=may,
        is_renewing=found.status in RENEWING,
        percent=_passed(found),
    )


def _passed(found: Subscription) -> int:
    """How much of the present period has passed, percent."""
    whole = found.current_period_end - found.current_period_start
    return round(100 * min(max((now() - found.current_period_start) / whole, 0), 1))


def _acts(found: Subscription, told: history.History) -> dict[str, str]:
    """What can be done to it as it is now: name → address."""
    possible = {
        "change": found.status in CHANGEABLE,
        "card": found.status not in rows.ENDED,
        "retry": told.dunning is not None and told.card is not None and found.status not in rows.ENDED,
        "pause": found.status in ("active", "trialing") and not found.cancel_at_period_end,
        "resume": found.status == "paused",
        "keep": found.cancel_at_period_end and found.status not in rows.ENDED,
        "cancel": found.status in ending.CANCELABLE,
        "drop": told.pending is not None and found.status not in rows.ENDED,
    }
    route = {"change": "subscription_changes.choose"}
    return {
        name: url_for(route.get(name, f"subscription_acts.{name}"), subscription_id=found.id)
        for name, can in possible.items()
        if can
    }
