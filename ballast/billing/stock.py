"""How many of a counted product are left: held when the payment of an order begins, sold when it is paid, given back when it is not.

How many are left is one row that all buyers of a product share, a stated exception to principle 10: it is locked for the commit that
begins a payment, never while a processor is asked, and products are locked in the order of their ids. The database refuses a count
below zero. If the process dies …
  before the commit that begins the payment: nothing is held.
  after it: the order holds what it is for. It is sold with the commit that records the payment, or given back with the one that
  cancels the order; a shopper who never comes back holds it for half an hour, then `release_due` gives it back.
A payment that is under way keeps its hold, however long it takes. One that succeeds after all, when nothing is held any more, takes
what there is, and says so in the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, update

from ballast import audit
from ballast.billing import catalog_payloads, kept, unpaid_orders
from ballast.clock import now, real_time
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id
from ballast.models import Order, OrderLine, Price, Product, StockHold
from ballast.models.states import move
from ballast.models.stock import being_paid, due_holds, holds_of
from ballast.notifications import webhooks

MOST_COUNTED: Final = 1_000_000_000
# A shop says how many are left when there are so few.
FEW: Final = 5


def check(organization_id: str, wanted: Mapping[str, int]) -> None:
    """Whether there are so many now, by product. Promises nothing; `reserve` does. Raises Conflict(`out_of_stock`)."""
    asked = select(Product.id, Product.name, Product.stock)
    asked = asked.where(Product.organization_id == organization_id, Product.id.in_(list(wanted)))
    for product_id, name, left in db.session.execute(asked.order_by(Product.id)):
        if left is not None and left < wanted[product_id]:
            raise _short(name, left)


def words(left: int | None) -> str:
    """What a shop says of how many are left; nothing while there are enough."""
    if left is None or left > FEW:
        return ""
    return f"{left} left" if left else "Sold out"


def _short(name: str, left: int) -> Conflict:
    if left == 0:
        return Conflict("out_of_stock", f"{name} is sold out. Nothing was charged. Please take it out of your cart.")
    few = f"Only {left} of {name} {'is' if left == 1 else 'are'} left. Nothing was charged."
    return Conflict("out_of_stock", f"{few} Please change how many you want.")


# --- An order ----------------------------------------------------------------------------------------------------------------


def reserve(order: Order) -> None:
    """Hold what the order is for; what it holds already it holds for longer. In the caller's transaction, with the order locked.

    Raises Conflict(`out_of_stock`), and then nothing is held.
    """
    until = real_time() + unpaid_orders.HOLDS_FOR
    present = list(db.session.scalars(holds_of(order.organization_id, order.id, "held", "sold")))
    for hold in present:
        hold.expires_at = until
    for product_id, name, quantity in [] if present else _counted(order):
        _take(order.organization_id, product_id, name, quantity)
        db.session.add(
            StockHold(
                organization_id=order.organization_id,
                id=new_id("hold"),
                order_id=order.id,
                product_id=product_id,
                quantity=quantity,
                created_at=now(),
                expires_at=until,
            )
        )
    db.session.flush()


def _counted(order: Order) -> list[tuple[str, str, int]]:
    """(product, name, quantity) of what of the order is counted; what is subscribed to is not."""
    wanted = (
        select(Product.id, Product.name, func.sum(OrderLine.quantity))
        .join(Price, (Price.organization_id == OrderLine.organization_id) & (Price.id == OrderLine.price_id))
        .join(Product, (Product.organization_id == Price.organization_id) & (Product.id == Price.product_id))
        .where(
            OrderLine.organization_id == order.organization_id,
            OrderLine.order_id == order.id,
            Price.kind == "one_time",
            Product.stock.is_not(None),
        )
        .group_by(Product.id, Product.name)
        .order_by(Product.id)
    )
    return [(product_id, name, int(quantity)) for product_id, name, quantity in db.session.execute(wanted)]


def _take(organization_id: str, product_id: str, name: str, quantity: int) -> None:
    taking = update(Product).where(*_is(organization_id, product_id), Product.stock >= quantity)
    taking = taking.values(stock=Product.stock - quantity).execution_options(synchronize_session=False)
    if db.session.execute(taking.returning(Product.stock)).first() is None:
        left = db.session.scalars(select(Product.stock).where(*_is(organization_id, product_id))).one()
        if left is not None:
            raise _short(name, left)


def _is(organization_id: str, product_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Product.organization_id == organization_id, Product.id == product_id


def sell(order: Order) -> None:
    """The order is paid: what it holds is gone for good. In the caller's transaction, with the order locked."""
    held = list(db.session.scalars(holds_of(order.organization_id, order.id, "held")))
    for hold in held:
        move(hold, "sold")
    if not held:
        _sell_late(order)


def _sell_late(order: Order) -> None:
    """It was paid after its hold had ended: it takes what there is, never more."""
    released = {one.product_id for one in db.session.scalars(holds_of(order.organization_id, order.id, "released"))}
    for product_id, name, quantity in _counted(order) if released else []:
        try:
            _take(order.organization_id, product_id, name, quantity)
        except Conflict:
            _set(order.organization_id, product_id, 0)
            audit.record(order.organization_id, "stock.oversold", "product", product_id, {"order": order.id})


def give_back(order: Order) -> None:
    """The order is given up: others may have what it held. In the caller's transaction, with the order locked."""
    for hold in db.session.scalars(holds_of(order.organization_id, order.id, "held").with_for_update()):
        move(hold, "released")
        _set(order.organization_id, hold.product_id, Product.stock + hold.quantity)
    db.session.flush()


def _set(organization_id: str, product_id: str, stock: Any) -> None:
    """What is not counted any more stays uncounted."""
    setting = update(Product).where(*_is(organization_id, product_id), Product.stock.is_not(None))
    db.session.execute(setting.values(stock=stock).execution_options(synchronize_session=False))


# --- What nobody paid --------------------------------------------------------------------------------------------------------


def release_due() -> int:
    """Give back what has been held for too long by orders that nobody is paying. A job of `queue.SCHEDULE`; safe to run twice."""
    return unpaid_orders.release("release_stock", due_holds(real_time()), _release)


def _release(order: Order) -> bool:
    held = holds_of(order.organization_id, order.id, "held")
    over = held.where(StockHold.expires_at <= real_time(), ~being_paid())
    if db.session.scalars(over).first() is None:
        return False
    give_back(order)
    return True


# --- By hand -----------------------------------------------------------------------------------------------------------------


def adjust(
    organization_id: str, product_id: str, reason: str, *, by: int | None = None, to: int | None = None
) -> Product:
    """Count `by` more (fewer, if negative), or say how many there are; neither: count no more. In the caller's transaction.

    What is held by orders is not among them. Raises NotFound, InvalidRequest(`parameter_missing`, `stock_invalid`).
    """
    if not reason.strip():
        raise InvalidRequest("parameter_missing", "Say why: the audit log keeps it.", param="reason")
    product = kept.find(Product, organization_id, product_id, lock=True)
    before = product.stock
    after = (before or 0) + by if by is not None else to
    if after is not None and not 0 <= after <= MOST_COUNTED:
        said = f"There are {before or 0} now, and there cannot be fewer than none."
        raise InvalidRequest("stock_invalid", said, param="by" if by is not None else "to")
    product.stock = after
    db.session.flush()
    changes = audit.differences({"stock": before}, {"stock": after})
    audit.record(organization_id, "stock.adjusted", "product", product.id, changes | {"reason": reason.strip()})
    webhooks.publish(
        organization_id, "product.updated", "product", product.id, catalog_payloads.product_payload(product)
    )
    return product


def held(organization_id: str, product_id: str) -> int:
    """How many of a product are held by orders that are being paid."""
    wanted = select(func.coalesce(func.sum(StockHold.quantity), 0)).where(
        StockHold.organization_id == organization_id,
        StockHold.product_id == product_id,
        StockHold.status == "held",
    )
    return int(db.session.scalars(wanted).one())
