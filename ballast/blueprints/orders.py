"""Orders and carts in the dashboard: what was bought, what pays it, and what somebody has gathered and not bought yet."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import Select, func, select, true

from ballast import answers
from ballast.billing import fulfillment, lookup, order_totals, shipping
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError
from ballast.identity import users
from ballast.ids import to_uuid
from ballast.models import Cart, CartLine, Customer, Order, Payment, Price, Subscription
from ballast.models.columns import begins
from ballast.models.orders import lines_of_cart, lines_of_order
from ballast.models.states import CART, ORDER
from ballast.money import to_decimal
from ballast.security import without_card_number
from ballast.web import dashboard, filter_url, keyset, render, requires, see_other, status_chips

blueprint = Blueprint("orders", __name__, url_prefix="/admin/orders")
dashboard(blueprint)

ROUTE: Final = "orders.index"
CARTS: Final = "orders.carts"
LABELS: Final = {
    "": "All",
    "paid": "Paid",
    "pending": "Awaiting payment",
    "refunded": "Refunded",
    "canceled": "Canceled",
}
CART_LABELS: Final = {"": "All", "open": "Open", "ordered": "Ordered", "abandoned": "Abandoned"}
MOST: Final = 100
PARCEL_FIELDS: Final = ("carrier", "tracking_number", "tracking_url")
SENDING: Final = {"unfulfilled": "To send", "partially_fulfilled": "Partly sent", "fulfilled": "Sent"}
COLUMNS: Final[answers.Columns] = {
    "number": lambda order: order.number,
    "id": lambda order: order.id,
    "status": lambda order: order.status,
    "fulfillment": lambda order: order.fulfillment,
    "amount": lambda order: to_decimal(order.amount, order.currency),
    "discount": lambda order: to_decimal(order.discount, order.currency),
    "tax": lambda order: to_decimal(order.tax, order.currency),
    "currency": lambda order: order.currency,
    "email": lambda order: order.email,
    "name": lambda order: order.name,
    "customer": lambda order: order.customer_id,
    "created_at": lambda order: order.created_at,
    "paid_at": lambda order: order.paid_at,
}
CART_COLUMNS: Final[answers.Columns] = {
    "id": lambda cart, _pieces, _amount: cart.id,
    "status": lambda cart, _pieces, _amount: cart.status,
    "pieces": lambda _cart, pieces, _amount: pieces or 0,
    "amount": lambda cart, _pieces, amount: to_decimal(int(amount or 0), cart.currency),
    "currency": lambda cart, _pieces, _amount: cart.currency,
    "created_at": lambda cart, _pieces, _amount: cart.created_at,
}


@blueprint.get("")
def index() -> Response:
    """Orders, newest first, by status and the beginning of an address."""
    chosen = _chosen()
    page = keyset(_wanted(chosen), Order.id, "ord", request.args.get("before"), request.args.get("after"))
    return render(
        "admin/orders/index.html",
        "list",
        rows=[row[0] for row in page.rows],
        chosen=chosen,
        filters=_chips(chosen),
        filtered=any(chosen.values()),
        export_url=filter_url("orders.export", chosen),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """All that fits the filters, as a file."""
    return answers.listed("orders", _wanted(_chosen()), Order.id, COLUMNS)


def _chips(chosen: dict[str, str]) -> list[dict[str, Any]]:
    """Filters by status, and by how far paid orders are sent: one of them at a time."""
    by_status = status_chips(ROUTE, LABELS, chosen | {"fulfillment": ""})
    if chosen["fulfillment"] in SENDING:
        by_status = [chip | {"current": False} for chip in by_status]
    return by_status + [
        {
            "label": label,
            "url": filter_url(ROUTE, chosen | {"status": "", "fulfillment": name}),
            "current": chosen["fulfillment"] == name,
        }
        for name, label in SENDING.items()
    ]


def _chosen() -> dict[str, str]:
    chosen = {
        name: without_card_number(request.args.get(name, "").strip())[:254]
        for name in ("status", "fulfillment", "customer", "q")
    }
    chosen["status"] = chosen["status"].replace("cancelled", "canceled")
    return chosen


def _wanted(chosen: dict[str, str]) -> Select[Order]:
    wanted = select(Order).where(Order.organization_id == g.organization.id)
    if chosen["status"] in ORDER:
        wanted = wanted.where(Order.status == chosen["status"])
    if chosen["fulfillment"] in SENDING:
        wanted = wanted.where(Order.fulfillment == chosen["fulfillment"], Order.status == "paid")
    if to_uuid(chosen["customer"], "cus"):
        wanted = wanted.where(Order.customer_id == chosen["customer"])
    if chosen["q"]:
        wanted = wanted.where(begins(Order.email, chosen["q"].lower()))
    return wanted


@blueprint.get("/<order_id>")
def show(order_id: str) -> Response:
    """One order: what was bought, where it goes, what paid or may pay it."""
    return _page(order_id)


def _page(order_id: str, typed: dict[str, str] | None = None, error: BallastError | None = None) -> Response:
    order = lookup.find(_of(Order, order_id), order_id, "ord", "order")
    paid_by = select(Payment).where(Payment.organization_id == g.organization.id, Payment.order_id == order.id)
    payments = list(db.session.scalars(paid_by.order_by(Payment.id.desc()).limit(MOST)))
    customer = _one(Customer, order.customer_id)
    lines = list(db.session.scalars(lines_of_order(g.organization.id, order.id)))
    return render(
        "admin/orders/show.html",
        "live",
        (409 if error.status == 409 else 422) if error else 200,
        order=order,
        lines=lines,
        beside=order_totals.beside(order, lines),
        left=fulfillment.left(lines) if order.status == "paid" else [],
        parcels=fulfillment.parcels(order),
        rate=shipping.rate_of(order),
        carriers=[("", "Another, or none"), *((name, name) for name in fulfillment.TRACKED_AT)],
        typed=dict.fromkeys(PARCEL_FIELDS, "") | (typed or {}),
        errors={error.param or "lines": error.message} if error else {},
        may_send=users.may(g.role, "orders"),
        payments=[{"payment": payment, "customer": customer} for payment in payments],
        customer=customer,
        subscription=_one(Subscription, order.subscription_id),
        cart_id=order.cart_id,
        pending=order.status == "pending" and any(payment.status == "processing" for payment in payments),
    )


@blueprint.post("/<order_id>/shipments")
@requires("orders")
def send(order_id: str) -> Response:
    """A parcel has left: its customer is told."""
    typed = {name: without_card_number(request.form.get(name, "").strip())[:600] for name in PARCEL_FIELDS}
    quantities = {
        name.removeprefix("line-"): _pieces(text) for name, text in request.form.items() if name[:5] == "line-"
    }
    end_reading()
    try:
        with transaction():
            parcel = fulfillment.Parcel(quantities, typed["carrier"], typed["tracking_number"], typed["tracking_url"])
            fulfillment.send(g.organization.id, order_id, parcel)
    except BallastError as error:
        if error.status == 404:
            raise
        return _page(order_id, typed, error)
    flash("Sent. The customer is told by mail.", "success")
    return see_other(url_for(".show", order_id=order_id))


def _pieces(typed: str) -> int:
    """What was typed; -1 for what is no number, of which nothing is left to send."""
    given = typed.strip() or "0"
    return int(given) if given.isascii() and given.isdigit() and len(given) < 4 else -1


def _of(model: Any, row_id: str) -> Select[Any]:
    return select(model).where(model.organization_id == g.organization.id, model.id == row_id)


def _one(model: Any, row_id: str | None) -> Any:
    return db.session.scalars(_of(model, row_id)).first() if row_id is not None else None


# --- Carts -------------------------------------------------------------------------------------------------------------------


@blueprint.get("/carts")
def carts() -> Response:
    """Carts, newest first, by status, with what they come to now."""
    chosen = {"status": request.args.get("status", "")[:20]}
    page = keyset(_carts(chosen["status"]), Cart.id, "cart", request.args.get("before"), request.args.get("after"))
    found = [row[0] for row in page.rows]
    sums = _sums_of([cart.id for cart in found])
    return render(
        "admin/orders/carts.html",
        "list",
        rows=[
            {"cart": cart, "pieces": sums.get(cart.id, (0, 0))[0], "amount": sums.get(cart.id, (0, 0))[1]}
            for cart in found
        ],
        filters=status_chips(CARTS, CART_LABELS, chosen),
        filtered=bool(chosen["status"]),
        export_url=filter_url("orders.export_carts", chosen),
        previous_url=filter_url(CARTS, chosen, before=page.before),
        next_url=filter_url(CARTS, chosen, after=page.after),
    )


@blueprint.get("/carts/export.csv")
def export_carts() -> Response:
    """All that fits the filter, as a file."""
    sums = (
        select(func.sum(CartLine.quantity), func.sum(CartLine.quantity * Price.amount))
        .join(Price, (Price.organization_id == CartLine.organization_id) & (Price.id == CartLine.price_id))
        .where(CartLine.organization_id == Cart.organization_id, CartLine.cart_id == Cart.id)
        .lateral()
    )
    wanted = _carts(request.args.get("status", "")[:20]).add_columns(*sums.c).outerjoin(sums, true())
    return answers.listed("carts", wanted, Cart.id, CART_COLUMNS)


def _carts(status: str) -> Select[Cart]:
    wanted = select(Cart).where(Cart.organization_id == g.organization.id)
    return wanted.where(Cart.status == status) if status in CART else wanted


def _sums_of(cart_ids: list[str]) -> dict[str, tuple[int, int]]:
    """Pieces and minor units by cart, in one statement."""
    wanted = (
        select(CartLine.cart_id, func.sum(CartLine.quantity), func.sum(CartLine.quantity * Price.amount))
        .join(Price, (Price.organization_id == CartLine.organization_id) & (Price.id == CartLine.price_id))
        .where(CartLine.organization_id == g.organization.id, CartLine.cart_id.in_(cart_ids))
        .group_by(CartLine.cart_id)
    )
    return {cart_id: (int(pieces), int(amount)) for cart_id, pieces, amount in db.session.execute(wanted)}


@blueprint.get("/carts/<cart_id>")
def cart(cart_id: str) -> Response:
    """One cart: its lines at today's prices, and the orders made of it."""
    found = lookup.find(_of(Cart, cart_id), cart_id, "cart", "cart")
    made = select(Order).where(Order.organization_id == g.organization.id, Order.cart_id == found.id)
    rows = list(db.session.execute(lines_of_cart(g.organization.id, found.id)))
    return render(
        "admin/orders/cart.html",
        cart=found,
        lines=[{"line": line, "price": price, "product": product} for line, price, product in rows],
        total=sum(line.quantity * price.amount for line, price, _product in rows),
        orders=list(db.session.scalars(made.order_by(Order.id.desc()).limit(MOST))),
    )
