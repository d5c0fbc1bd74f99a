"""What it costs to send an order: the rates of a shop, those an order may be sent at, and the chosen one, a line of the order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from babel import Locale
from sqlalchemy import delete, select

from ballast import money
from ballast.billing import kept, places
from ballast.clock import now
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.models import CheckoutSession, Order, OrderLine, ShippingRate
from ballast.models.orders import lines_of_order
from ballast.models.shipping import LONGEST_DELIVERY, MOST_RATES, rates_of


@dataclass(frozen=True)
class Option:
    """A rate as an order would pay it; `amount` is minor units."""

    rate: ShippingRate
    amount: int


@dataclass(frozen=True)
class NewRate:
    """A way to send things: `amount` and `free_from` in minor units; `countries` as ISO 3166, none for everywhere."""

    name: str
    amount: int
    currency: str
    min_days: int
    max_days: int
    countries: Sequence[str] = field(default_factory=tuple)
    free_from: int | None = None


# --- Rates -------------------------------------------------------------------------------------------------------------------


def create(organization_id: str, asked: NewRate) -> ShippingRate:
    """Another way to send things. In the caller's transaction.

    Raises InvalidRequest(`currency_unknown`, `amount_invalid`, `country_unknown`, `days_invalid`), Conflict(`too_many_rates`).
    """
    money.exponent(asked.currency)
    _check(asked)
    if len(active(organization_id)) >= MOST_RATES:
        raise Conflict("too_many_rates", f"A shop has at most {MOST_RATES} rates. Archive one first.")
    return kept.add(
        ShippingRate(
            id=new_id("shr"),
            organization_id=organization_id,
            name=asked.name,
            amount=asked.amount,
            currency=asked.currency,
            countries=sorted(set(asked.countries)),
            free_from=asked.free_from,
            min_days=asked.min_days,
            max_days=asked.max_days,
            created_at=now(),
        )
    )


def _check(asked: NewRate) -> None:
    if not 0 <= asked.amount <= money.MAX_AMOUNT:
        raise InvalidRequest("amount_invalid", "Enter an amount, or 0 for free.", param="amount")
    if asked.free_from is not None and not 0 < asked.free_from <= money.MAX_AMOUNT:
        raise InvalidRequest("amount_invalid", "Enter an amount above zero, or nothing.", param="free_from")
    unknown = [code for code in asked.countries if len(code) != 2 or code not in Locale("en").territories]
    if unknown:
        raise InvalidRequest("country_unknown", f"There is no country {unknown[0]}.", param="countries")
    if not 0 <= asked.min_days <= asked.max_days <= LONGEST_DELIVERY:
        said = f"Enter from how many to how many days it takes, at most {LONGEST_DELIVERY}."
        raise InvalidRequest("days_invalid", said, param="max_days")


def active(organization_id: str) -> list[ShippingRate]:
    """The rates a shop has, the cheapest first."""
    return list(db.session.scalars(rates_of(organization_id).where(ShippingRate.archived_at.is_(None))))


def check_options(organization_id: str, rate_ids: Sequence[str], currency: str) -> list[str]:
    """The rates that a program offers its shopper. Raises InvalidRequest(`shipping_rate_unknown`, `currency_mismatch`)."""
    known = {rate.id: rate for rate in active(organization_id)} if rate_ids else {}
    for rate_id in rate_ids:
        if rate_id not in known:
            raise InvalidRequest(
                "shipping_rate_unknown", "There is no such shipping rate, or it is archived.", param="shipping_options"
            )
        if known[rate_id].currency != currency:
            said = f"Every shipping rate of a session is in its currency, {currency}."
            raise InvalidRequest("currency_mismatch", said, param="shipping_options")
    return list(dict.fromkeys(rate_ids))


# --- An order ----------------------------------------------------------------------------------------------------------------


def is_sent(order: Order) -> bool:
    """Whether something of it is sent by post."""
    return order.fulfillment is not None


def options(order: Order, session: CheckoutSession | None, country: str | None = None) -> list[Option] | None:
    """At what an order may be sent to where it goes, the cheapest first, none at all if it goes there at no price; None where there
    is nothing to choose: nothing is sent, or the shop has no rates and sends for free. `session`: whose rates alone count."""
    if not is_sent(order):
        return None
    rates = [rate for rate in active(order.organization_id) if session is None or rate.id in session.shipping_rates]
    rates = [rate for rate in rates if rate.currency == order.currency]
    if not rates:
        return None
    place = country or places.of_order(order).country
    goods = sum(line.amount for line in _lines(order) if line.kind == "item" and not line.is_recurring)
    there = [Option(rate, costs(rate, goods)) for rate in rates if not rate.countries or place in rate.countries]
    return sorted(there, key=lambda one: (one.amount, one.rate.max_days))


def costs(rate: ShippingRate, goods: int) -> int:
    """What it costs to send goods of so many minor units."""
    return 0 if rate.free_from is not None and goods >= rate.free_from else rate.amount


def _lines(order: Order) -> list[OrderLine]:
    return list(db.session.scalars(lines_of_order(order.organization_id, order.id)))


def choose(order: Order, session: CheckoutSession | None, rate_id: str | None) -> bool:
    """Have the order sent at this rate, or at the cheapest where it is none of those it may be sent at: a line of it, in its amount.
    In the caller's transaction, with the order locked and nothing of it being paid. False where it cannot be sent to where it goes."""
    found = options(order, session)
    if found is None:
        _put(order, None)
        return True
    chosen = next((one for one in found if one.rate.id == rate_id), found[0] if found else None)
    _put(order, chosen)
    return chosen is not None


def require(order: Order, session: CheckoutSession | None, rate_id: str | None) -> None:
    """As `choose`. Raises Conflict(`shipping_unavailable`)."""
    if not choose(order, session, rate_id):
        raise Conflict("shipping_unavailable", unavailable((order.address or {}).get("country", "")), param="country")


def unavailable(country: str) -> str:
    """What a shopper reads who lives where nothing is sent to."""
    name = Locale("en").territories.get(country, "this country")
    return f"This shop doesn't deliver to {name}. Choose another country, or contact the shop."


def _put(order: Order, chosen: Option | None) -> None:
    present = [line for line in _lines(order) if line.kind == "shipping"]
    amount = chosen.amount if chosen else 0
    name = f"Delivery: {chosen.rate.name}" if chosen else ""
    order.shipping_rate_id = chosen.rate.id if chosen else None
    if [(line.name, line.amount) for line in present] == ([(name, amount)] if chosen else []):
        return
    order.amount += amount - sum(line.amount for line in present)
    mine = (OrderLine.organization_id == order.organization_id, OrderLine.order_id == order.id)
    db.session.execute(delete(OrderLine).where(*mine, OrderLine.kind == "shipping"))
    if chosen is not None:
        db.session.add(_line(order, name, amount))
    db.session.flush()


def _line(order: Order, name: str, amount: int) -> OrderLine:
    return OrderLine(
        organization_id=order.organization_id,
        id=new_id("ol"),
        order_id=order.id,
        position=max((line.position for line in _lines(order)), default=0) + 1,
        name=name,
        quantity=1,
        unit_amount=amount,
        amount=amount,
        kind="shipping",
    )


def rate_of(order: Order) -> ShippingRate | None:
    """The rate an order is sent at, archived since or not."""
    if order.shipping_rate_id is None or to_uuid(order.shipping_rate_id, "shr") is None:
        return None
    wanted = select(ShippingRate).where(
        ShippingRate.organization_id == order.organization_id, ShippingRate.id == order.shipping_rate_id
    )
    return db.session.scalars(wanted).one()


def words(rate: Any) -> str:
    """How long it takes, as a shopper reads it."""
    if rate.min_days == rate.max_days:
        return "Today" if rate.max_days == 0 else f"{rate.max_days} {'day' if rate.max_days == 1 else 'days'}"
    return f"{rate.min_days} to {rate.max_days} days"
