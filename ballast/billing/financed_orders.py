"""An order as plans see it: what is bought, where, by whom; and whether a program's order may be paid with one at all."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from ballast.billing import places
from ballast.billing.financing import quoting
from ballast.db import db
from ballast.errors import BallastError, InvalidRequest
from ballast.models import Customer, FinancingOffer, Order, OrderLine, Organization, Price
from ballast.models.financing_offers import published_offers
from ballast.models.orders import lines_of_order
from ballast.money import format_money

# Of an order's products, what is none of the catalog's: a plan for certain products is not for it.
NO_PRODUCT: Final = ""


def shop_of(order: Order) -> Organization:
    """Whose order it is."""
    return db.session.scalars(select(Organization).where(Organization.id == order.organization_id)).one()


def sale_of(order: Order) -> tuple[str, tuple[str, ...], Customer | None]:
    """Country, products and customer of an order, as far as they are known."""
    customer = db.session.get(Customer, (order.organization_id, order.customer_id)) if order.customer_id else None
    return places.of_order(order).country, products_of(order), customer


def products_of(order: Order) -> tuple[str, ...]:
    """The products that are bought once in an order, NO_PRODUCT for a line that is of no catalog."""
    lines = db.session.scalars(lines_of_order(order.organization_id, order.id).where(OrderLine.is_recurring.is_(False)))
    priced = [line.price_id for line in lines if line.kind == "item"]
    wanted = select(Price.id, Price.product_id).where(
        Price.organization_id == order.organization_id, Price.id.in_([one for one in priced if one])
    )
    known = {row[0]: row[1] for row in db.session.execute(wanted)}
    return tuple(dict.fromkeys(known.get(price_id or "", NO_PRODUCT) for price_id in priced))


def check_offered(order: Order, offer_id: str | None) -> None:
    """Whether an order that a program made can be paid with a plan, wherever its shopper turns out to be.

    Raises NotFound for an offer there is not, InvalidRequest as `quoting.quote_for` does, and `financing_not_offered` where none fits.
    """
    shop = shop_of(order)
    if offer_id is not None:
        _quote_anywhere(shop, order, quoting.find(shop.id, offer_id))
        return
    if not any(_is_offered(shop, order, offer) for offer in db.session.scalars(published_offers(shop.id))):
        said = f"No plan you have published is for {format_money(order.amount, order.currency)} of these."
        raise InvalidRequest("financing_not_offered", said, param="mode")


def _is_offered(shop: Organization, order: Order, offer: FinancingOffer) -> bool:
    try:
        _quote_anywhere(shop, order, offer)
    except BallastError:
        return False
    return True


def _quote_anywhere(shop: Organization, order: Order, offer: FinancingOffer) -> None:
    country = offer.countries[0] if offer.countries else None
    _home, products, customer = sale_of(order)
    quoting.quote_for(shop, offer.id, order.amount, order.currency, country, products, customer)
