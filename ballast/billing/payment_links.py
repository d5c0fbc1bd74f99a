"""Payment links: something for sale at a standing address. Each visit that goes on makes a checkout session of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import exists, func, or_, select

from ballast import audit, money
from ballast.billing import checkout_sessions, lookup, return_urls
from ballast.billing.checkout_sessions import Line, NewSession
from ballast.clock import now, real_time
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.models import (
    CheckoutSession,
    Organization,
    Payment,
    PaymentLink,
    PaymentMethod,
    Price,
    Product,
)
from ballast.models.catalog import subscribable
from ballast.models.checkout_sessions import IN_FLIGHT, link_of, session_of
from ballast.models.orders import lines_of_order
from ballast.templating import show_every

MOST_USES: Final = 1_000_000
LONGEST_NAME: Final = 120

State = Literal["active", "inactive", "ended", "used_up"]


@dataclass(frozen=True)
class NewLink:
    """What is sold: a `price_id` of the catalog with its name and amount, or both typed. `amount`: minor units, of one."""

    name: str
    amount: int
    currency: str
    price_id: str | None = None
    quantity_adjustable: bool = False
    allow_promotion_codes: bool = True
    active_until: datetime | None = None
    max_uses: int | None = None
    success_url: str | None = None
    created_by: str | None = None


@dataclass(frozen=True)
class Offer:
    """What a visitor is offered. `amount`: minor units, of one. `terms`: how often it is paid again, and what is said of its
    beginning; empty for what is paid once."""

    name: str
    amount: int
    currency: str
    image: str | None = None
    tagline: str = ""
    every: str = ""
    terms: str = ""


def create(shop: Organization, asked: NewLink) -> PaymentLink:
    """An active link. In the caller's transaction.

    Raises InvalidRequest(`name_invalid`, `currency_unknown`, `amount_invalid`, `max_uses_invalid`, `active_until_invalid`,
    `return_url_invalid`).
    """
    _check(asked)
    link = PaymentLink(
        id=new_id("plink"),
        organization_id=shop.id,
        name=asked.name,
        price_id=asked.price_id,
        amount=asked.amount,
        currency=asked.currency,
        quantity_adjustable=asked.quantity_adjustable,
        allow_promotion_codes=asked.allow_promotion_codes,
        active_until=asked.active_until,
        max_uses=asked.max_uses,
        success_url=return_urls.check(asked.success_url, shop.mode, "success_url"),
        created_by=asked.created_by,
        created_at=now(),
    )
    db.session.add(link)
    db.session.flush()
    said = {"name": link.name, "amount": link.amount, "currency": link.currency}
    audit.record(shop.id, "payment_link.created", "payment_link", link.id, said)
    return link


def _check(asked: NewLink) -> None:
    if not 1 <= len(asked.name) <= LONGEST_NAME:
        raise InvalidRequest("name_invalid", f"Use 1 to {LONGEST_NAME} characters.", param="name")
    money.exponent(asked.currency)
    if not 0 < asked.amount <= money.MAX_AMOUNT:
        raise InvalidRequest("amount_invalid", "Enter an amount above zero.", param="amount")
    if asked.max_uses is not None and not 1 <= asked.max_uses <= MOST_USES:
        raise InvalidRequest("max_uses_invalid", f"Enter a number from 1 to {MOST_USES:,}.", param="max_uses")
    if asked.active_until is not None and asked.active_until <= real_time():
        raise InvalidRequest("active_until_invalid", "Choose a day that is still to come.", param="active_until")


def activate(organization_id: str, link_id: str, active: bool) -> PaymentLink:
    """Take payments again, or no more; checkouts that were begun go on. In the caller's transaction. Raises NotFound."""
    link = find(organization_id, link_id, lock=True)
    changes = audit.differences({"active": link.deactivated_at is None}, {"active": active})
    link.deactivated_at = None if active else link.deactivated_at or real_time()
    audit.record(
        organization_id, f"payment_link.{'activated' if active else 'deactivated'}", "payment_link", link.id, changes
    )
    return link


def find(organization_id: str, link_id: str, lock: bool = False) -> PaymentLink:
    """The link. Raises NotFound."""
    wanted = link_of(organization_id, link_id)
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    return lookup.find(wanted, link_id, "plink", "payment link")


def state_of(link: PaymentLink, uses: int) -> State:
    """Whether it takes payments, and why not; `uses` as of `uses_of`."""
    if link.deactivated_at is not None:
        return "inactive"
    if link.active_until is not None and link.active_until <= real_time():
        return "ended"
    return "used_up" if link.max_uses is not None and uses >= link.max_uses else "active"


def uses_of(organization_id: str, link_ids: list[str]) -> dict[str, int]:
    """How often each was paid."""
    wanted = (
        select(CheckoutSession.payment_link_id, func.count())
        .where(
            CheckoutSession.organization_id == organization_id,
            CheckoutSession.payment_link_id.in_(link_ids),
            CheckoutSession.status == "complete",
        )
        .group_by(CheckoutSession.payment_link_id)
    )
    found = {str(row[0]): int(row[1]) for row in db.session.execute(wanted)}
    return {link_id: found.get(link_id, 0) for link_id in link_ids}


def behind(session: CheckoutSession) -> PaymentLink | None:
    """The link a session came from, if it did."""
    if session.payment_link_id is None:
        return None
    return db.session.scalars(link_of(session.organization_id, session.payment_link_id)).one()


def offer(link: PaymentLink) -> Offer | None:
    """What the link sells now; None when its price is no longer for sale."""
    if link.price_id is None:
        return Offer(link.name, link.amount, link.currency)
    try:
        price, product = find_price(link.organization_id, link.price_id)
    except InvalidRequest:
        return None
    shown = Offer(product.name, price.amount, price.currency, product.image, product.tagline)
    if price.interval is None:
        return shown
    return replace(shown, every=show_every(price.interval, price.interval_count), terms=_terms(price))


def _terms(price: Price) -> str:
    """How a subscription begins, and that it ends when its holder says so."""
    trial = f"Free for {price.trial_days} days, then charged. " if price.trial_days else ""
    fee = f"{money.format_money(price.setup_fee, price.currency)} once, to set it up. " if price.setup_fee else ""
    return f"{trial}{fee}You can cancel at any time."


def find_price(organization_id: str, price_id: str) -> tuple[Price, Product]:
    """A price that a link may sell, with its product: one that repeats, or the one-time price a product has now.

    Raises InvalidRequest(`price_unknown`).
    """
    again = subscribable(organization_id).where(Price.id == price_id)
    found = db.session.execute(again).first() if to_uuid(price_id, "price") is not None else None
    return (found[1], found[0]) if found else checkout_sessions.find_price(organization_id, price_id)


def go_on(shop: Organization, link_id: str, quantity: int, earlier_id: str | None) -> CheckoutSession:
    """A checkout for `quantity` of what the link sells; the visitor's earlier one again while it still fits. In the caller's
    transaction.

    Raises NotFound, Conflict(`payment_link_closed`), and what `checkout_sessions.create` raises.
    """
    link = find(shop.id, link_id)
    earlier = _earlier(link, earlier_id)
    if earlier is not None and (_fits(earlier, quantity) or _is_being_paid(earlier)):
        return earlier
    if state_of(link, uses_of(shop.id, [link.id])[link.id]) != "active" or offer(link) is None:
        raise Conflict("payment_link_closed", "This link takes no payments any more.")
    if earlier is not None:
        checkout_sessions.expire(shop.id, earlier.id)
    line = Line(quantity, price=link.price_id) if link.price_id else Line(quantity, name=link.name, amount=link.amount)
    currency = None if link.price_id else link.currency
    is_again = link.price_id is not None and find_price(shop.id, link.price_id)[0].interval is not None
    asked = NewSession(
        [line],
        mode="subscription" if is_again else "payment",
        currency=currency,
        success_url=link.success_url,
        payment_link_id=link.id,
        allow_promotion_codes=link.allow_promotion_codes,
    )
    return checkout_sessions.create(shop, asked)


def _earlier(link: PaymentLink, session_id: str | None) -> CheckoutSession | None:
    """The visitor's open session of this link."""
    if session_id is None or to_uuid(session_id, "cs") is None:
        return None
    wanted = session_of(link.organization_id, session_id).where(
        CheckoutSession.payment_link_id == link.id, CheckoutSession.status == "open"
    )
    found = db.session.scalars(wanted).first()
    return found if found is not None and (not found.is_over or _is_being_paid(found)) else None


def _fits(session: CheckoutSession, quantity: int) -> bool:
    lines = db.session.scalars(lines_of_order(session.organization_id, session.order_id))
    return [line.quantity for line in lines] == [quantity]


def _is_being_paid(session: CheckoutSession) -> bool:
    wanted = select(Payment.id).where(
        Payment.organization_id == session.organization_id,
        Payment.order_id == session.order_id,
        Payment.status.in_(IN_FLIGHT),
    )
    return db.session.scalars(wanted).first() is not None


def take_place(session: CheckoutSession | None) -> None:
    """Make sure that a link with a limit is not paid more often, by however many at once. In the transaction that begins to pay.

    Who is paying just now counts too, so the link's row is locked. Raises Conflict(`payment_link_used_up`).
    """
    if session is None or session.payment_link_id is None:
        return
    link = find(session.organization_id, session.payment_link_id)
    if link.max_uses is None:
        return
    find(session.organization_id, session.payment_link_id, lock=True)
    if _taken(session) >= link.max_uses:
        raise Conflict("payment_link_used_up", "Somebody was faster: everything here has been sold.")


def _taken(session: CheckoutSession) -> int:
    """How many other sessions of the link are paid, or are being paid, or have their card stored just now."""
    under_way = exists().where(
        Payment.organization_id == CheckoutSession.organization_id,
        Payment.order_id == CheckoutSession.order_id,
        Payment.status.in_((*IN_FLIGHT, "succeeded")),
    )
    stored_now = select(PaymentMethod.purpose).where(
        PaymentMethod.organization_id == session.organization_id,
        PaymentMethod.status == "pending",
        PaymentMethod.purpose.startswith("ord_", autoescape=True),
    )
    storing = CheckoutSession.order_id.in_(list(db.session.scalars(stored_now)))
    wanted = select(func.count()).where(
        CheckoutSession.organization_id == session.organization_id,
        CheckoutSession.payment_link_id == session.payment_link_id,
        CheckoutSession.id != session.id,
        or_(CheckoutSession.status == "complete", under_way, storing),
    )
    return db.session.scalars(wanted).one()
