"""A shopper pays an order: the page's state, and the one way to try.

Whatever the shopper does (a second click, a second tab, the back button, a reload), the order has one payment, the payment one open
attempt, and an order that is paid stays paid once: the claim's unique index decides, not this module.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select

from ballast import audit, config
from ballast.billing import (
    card_setup,
    card_sources,
    due_today,
    financing_checkout,
    free_orders,
    new_cards,
    on_session,
    order_payments,
    order_totals,
    orders,
    payment_links,
    payments,
    prevented,
    redemptions,
    session_ends,
    shipping,
    stock,
    subscription_checkout,
    velocity,
    ways,
)
from ballast.billing.checkout_form import Details
from ballast.billing.financing import rows
from ballast.billing.financing_checkout import Agreed, Plan
from ballast.clock import now
from ballast.db import db, end_reading, transaction
from ballast.errors import Conflict, NotFound
from ballast.ids import new_id, to_uuid
from ballast.models import (
    Cart,
    CheckoutSession,
    Customer,
    FinancingAgreement,
    FinancingOffer,
    Order,
    OrderLine,
    Organization,
    Payment,
    PaymentMethod,
    Refund,
)
from ballast.models.financing_offers import offer_of
from ballast.models.orders import lines_of_order
from ballast.models.payments import refunds_of
from ballast.money import format_money


@dataclass(frozen=True)
class Checkout:
    """An order on its way to being paid. `state`: form, action, processing, paid or gone. `session`: what led here, unless the shop
    did. `agreement`: of the plan it is paid with, consented to or running. `setup`: how a card stands that is stored because
    nothing is due today."""

    order: Order
    lines: list[OrderLine]
    payment: Payment | None
    refunds: list[Refund] = field(default_factory=list)
    waiting_since: datetime | None = None
    session: CheckoutSession | None = None
    agreement: FinancingAgreement | None = None
    setup: card_setup.Outcome | None = None

    @property
    def state(self) -> str:
        if self.order.status in ("paid", "refunded"):
            return "paid"
        if self.order.status == "canceled":
            return "gone"
        return "gone" if self._state == "form" and self.is_expired else self._state

    @property
    def is_expired(self) -> bool:
        """Whether the time of its session, if it has one, is over."""
        return self.session is not None and self.session.is_over

    @property
    def _state(self) -> str:
        if self.is_storing and self.setup is not None:
            return {"action": "action", "processing": "processing", "stored": "paid"}.get(self.setup.state, "form")
        return on_session.state_of(self.payment)

    @property
    def is_storing(self) -> bool:
        """Whether a card is stored, or was tried to be, and nothing charged."""
        return self.setup is not None and (self.payment is None or self.payment.status in order_payments.CLOSED)

    @property
    def is_subscription(self) -> bool:
        """Whether it starts one, alone or beside goods."""
        return any(line.is_recurring for line in self.lines)

    @property
    def is_mixed(self) -> bool:
        """Whether it starts a subscription beside goods."""
        return len({line.is_recurring for line in self.lines}) == 2

    @property
    def is_free(self) -> bool:
        """Whether it is goods of which nothing is left to pay."""
        return not self.is_subscription and self.order.amount == 0

    @property
    def is_sent(self) -> bool:
        """Whether something of it is sent by post."""
        return shipping.is_sent(self.order)

    @property
    def decline(self) -> str | None:
        """Why the last try did not work, in plain words."""
        if self.is_storing and self.setup is not None:
            return self.setup.sentence or None
        return on_session.decline_of(self.payment) if self.state == "form" else None


def find(organization_id: str, token: str) -> Checkout:
    """The checkout behind a token. Raises NotFound."""
    of_session = (CheckoutSession.organization_id == Order.organization_id) & (CheckoutSession.order_id == Order.id)
    wanted = select(Order, CheckoutSession).outerjoin(CheckoutSession, of_session)
    row = db.session.execute(wanted.where(Order.organization_id == organization_id, Order.token == token)).first()
    if row is None:
        raise NotFound("checkout")
    order, session = row
    payment = order_payments.newest(order)
    return Checkout(
        order,
        list(db.session.scalars(lines_of_order(organization_id, order.id))),
        payment,
        list(db.session.scalars(refunds_of(organization_id, payment.id))) if payment else [],
        on_session.waiting_since(payment),
        session,
        rows.of_order(organization_id, order.id),
    )


def pay(
    organization_id: str, token: str, details: Details, shown: int | None = None, agreed: Agreed | None = None
) -> None:
    """Try to collect the order with the card given. What came of it is read with `find`. `shown`: minor units due, as the page said,
    where it said it. `agreed`: the plan to pay it with; None for in full.

    An earlier try that waits for the shopper's bank is canceled at the processor first; one whose outcome is open stays, and nothing
    new is tried. What it is for is held meanwhile. Raises TooManyAttempts, Conflict(`out_of_stock`, `shipping_unavailable`,
    `total_changed`), and then nothing was sent to a processor.
    """
    end_reading()
    take_back_challenge(organization_id, token)
    velocity.check(organization_id, details.payment_method or None, details.account_id)
    with transaction():
        order = _locked(organization_id, token)
        session = session_ends.of_order(order)
        if order.status != "pending" or (session and session.is_over):
            _note_second(order)
            return
        details = replace(details, customer_id=_known(session, details.customer_id))
        payment_links.take_place(session)
        details = _as_asked(details, session)
        stock.reserve(order)
        return_url = f"{config.current().public_url}/checkout/{token}/return"
        if due_today.is_for(order):
            begun = _subscribe(order, details, session, agreed, shown, return_url)
        else:
            begun = _begin(order, details, session, shown, agreed, return_url)
        if isinstance(begun, PaymentMethod):
            due_today.complete(begun, order.id)
        elif begun is None:
            _note_second(order)
    match begun:
        case payments.Begun():
            payments.run(begun)
        case card_setup.Setup():
            card_setup.run(begun, new_cards.use)


def _note_second(order: Order) -> None:
    """Pay was pressed again, here or in another tab, on what is paid or being paid."""
    if (payment := order_payments.newest(order)) is not None and payment.status in order_payments.UNDER_WAY:
        route = "paid_already" if payment.status == "succeeded" else "open_attempt"
        prevented.note(order.organization_id, route, payment.id, payment.id)


def _begin(
    order: Order,
    details: Details,
    session: CheckoutSession | None,
    shown: int | None,
    agreed: Agreed | None,
    return_url: str,
) -> payments.Begun | card_setup.Setup | PaymentMethod | None:
    """Begin to pay it once, or what of a plan is due today; None where it is paid, or being paid."""
    named = session.customer_id if session else None
    _keep_details(order, details, named or details.customer_id)
    if financing_checkout.unpaid(order) is None:
        return None
    shipping.require(order, session, details.shipping_rate)
    order_totals.settle(order)
    redemptions.hold(order)
    if order.amount == 0 and shown in (None, 0):
        free_orders.give(order)
        return None
    if agreed is not None:
        return financing_checkout.begin(order, details, session, agreed, return_url)
    if session is not None and session.mode == "financing":
        raise Conflict("total_changed", "This order is to be paid with a plan. Please choose one.")
    if shown not in (None, order.amount):
        raise Conflict("total_changed", total_changed(order))
    payment = financing_checkout.begin_in_full(order)
    if payment is None:
        return None
    return payments.begin(payment, card_sources.of(order, details, order.amount), return_url=return_url)


def total_changed(order: Order) -> str:
    """What a shopper reads whose page has shown another total."""
    due = format_money(order.amount, order.currency)
    said = f"With tax, discount and delivery for what you typed, {due} is due today."
    return f"{said} Please look at it, and enter your card again."


def _subscribe(
    order: Order,
    details: Details,
    session: CheckoutSession | None,
    agreed: Agreed | None,
    shown: int | None,
    return_url: str,
) -> payments.Begun | card_setup.Setup | PaymentMethod | None:
    """Begin to start its subscription, and to pay what is bought with it; None where that is under way, or done."""
    if due_today.is_under_way(order):
        return None
    customer = subscription_checkout.customer_for(order, details)
    email = customer.email or details.email if details.customer_id else details.email
    _take_details(order, replace(details, email=email), customer)
    shipping.require(order, session, details.shipping_rate)
    return due_today.begin(order, details, session, agreed, shown, return_url)


def note(organization_id: str, token: str, typed: dict[str, str]) -> str | None:
    """Keep what tax, discount and delivery depend on, and which plan is chosen, as it was typed (country, region, promotion_code,
    shipping_rate, pay_with), while nothing is paid or being paid; answers what is wrong with the code. Raises NotFound."""
    end_reading()
    with transaction():
        order = _locked(organization_id, token)
        if order.status != "pending" or financing_checkout.unpaid(order) is None:
            return None
        order.financing_offer_id = _offered(organization_id, typed.get("pay_with", ""))
        known = {name: typed.get(name, "").strip()[:100] for name in ("country", "region")}
        order.address = {**(order.address or {}), **known}
        session = session_ends.of_order(order)
        _take_code(order, session, typed.get("promotion_code"))
        shipping.choose(order, session, typed.get("shipping_rate"))
        customer = _customer(organization_id, typed.get("email", "").strip().lower(), order.customer_id)
        problem = order_totals.settle(order, customer.id if customer else None)
        return problem.message if problem else _check_plan_left(order, session)


def _check_plan_left(order: Order, session: CheckoutSession | None) -> str | None:
    """Where nothing but a plan will do, a code that leaves too little for one is taken out again; answers why."""
    is_needed = session is not None and session.mode == "financing" and order.promotion_code and order.amount
    if not is_needed or financing_checkout.choices(order, session):
        return None
    order_totals.change_code(order, "")
    order_totals.settle(order)
    return "No plan is offered for what this code leaves."


def _take_code(order: Order, session: CheckoutSession | None, typed: str | None) -> None:
    """A form that does not ask for a code says nothing of it. The cart it came from says what the checkout says."""
    if typed is None or (session is not None and not session.allow_promotion_codes):
        return
    order_totals.change_code(order, typed.strip()[:64])
    cart = db.session.get(Cart, (order.organization_id, order.cart_id)) if order.cart_id else None
    if cart is not None:
        cart.promotion_code = order.promotion_code


def _offered(organization_id: str, chosen: str) -> str | None:
    """The id of the offer that was chosen, if it is one. Whether it is for this order is decided each time the page is shown."""
    is_id = to_uuid(chosen, "offer") is not None
    return (
        db.session.scalars(offer_of(organization_id, chosen).with_only_columns(FinancingOffer.id)).first()
        if is_id
        else None
    )


def _as_asked(details: Details, session: CheckoutSession | None) -> Details:
    """Whom the merchant named a session for, nobody else becomes by typing another address."""
    return replace(details, email=session.customer_email) if session and session.customer_email else details


def _known(session: CheckoutSession | None, customer_id: str | None) -> str | None:
    """Who the shopper has shown to be, unless the merchant named somebody else."""
    if session is not None and (session.customer_id or session.customer_email):
        return customer_id if customer_id == session.customer_id else None
    return customer_id


def way_to_pay(organization: Organization, found: Checkout, plan: Plan | None = None) -> ways.Way | None:
    """How a new card pays this order now, with a plan where one is chosen; None when no account takes one. Holds no transaction while
    it asks."""
    amount = account_amount(found, subscription_checkout.offer(found.order) if found.is_subscription else None, plan)
    return ways.to_pay(organization, amount, found.order.currency, found.order.token)


def account_amount(found: Checkout, offer: subscription_checkout.Offer | None, plan: Plan | None) -> int:
    """By what amount an account is chosen, minor units; the bank is asked about it."""
    if offer is not None:
        return due_today.account_amount(found.order, plan, offer)
    return plan.account_amount if plan else found.order.amount


def with_setup(found: Checkout) -> Checkout:
    """As `find`, the processor asked about a card whose storing is not decided. Holds no transaction while it asks."""
    if not (found.is_subscription or found.agreement) or found.order.status != "pending":
        return found
    if found.payment is not None and found.payment.status not in order_payments.CLOSED:
        return found
    outcome = new_cards.look_for_order(found.order)
    return found if outcome is None else replace(find(found.order.organization_id, found.order.token), setup=outcome)


def way_of(found: Checkout) -> ways.Way | None:
    """The account of a payment, or of a card, under way, with what the page needs of it. Holds no transaction while it asks."""
    if found.payment is not None and not found.is_storing:
        return ways.of_payment(found.payment)
    card = card_setup.of_order(found.order, "pending")
    return ways.of_card(card.organization_id, card.id, found.order.currency) if card else None


def _locked(organization_id: str, token: str) -> Order:
    order = orders.locked(organization_id, Order.token == token)
    if order is None:
        raise NotFound("checkout")
    return order


def _keep_details(order: Order, details: Details, customer_id: str | None) -> None:
    """`customer_id`: who the shopper is, where the merchant says so; else whoever has the address that was typed."""
    customer = _customer(order.organization_id, details.email, customer_id)
    if customer is None:
        customer = Customer(
            id=new_id("cus"),
            organization_id=order.organization_id,
            email=details.email,
            name=details.name,
            created_at=now(),
        )
        db.session.add(customer)
        db.session.flush()
        audit.record(order.organization_id, "customer.created", "customer", customer.id)
    email = customer.email or details.email if customer_id else details.email
    _take_details(order, replace(details, email=email), customer)


def _take_details(order: Order, details: Details, customer: Customer) -> None:
    """Raises Conflict(`customer_held`)."""
    order.email, order.name, order.address = details.email, details.name, details.address
    if customer.held_at is not None:
        raise Conflict(
            "customer_held", "We can't take payments from this address at the moment. Please contact the shop."
        )
    order.customer_id = customer.id


def _customer(organization_id: str, email: str, customer_id: str | None) -> Customer | None:
    wanted = select(Customer).where(Customer.organization_id == organization_id, Customer.erased_at.is_(None))
    if customer_id is None:
        wanted = wanted.where(Customer.email == email).order_by(Customer.created_at)
    else:
        wanted = wanted.where(Customer.id == customer_id)
    return db.session.scalars(wanted.limit(1)).first()


def take_back_challenge(organization_id: str, token: str) -> None:
    """Cancel an open challenge at the processor and record what that revealed. Does nothing without one. Raises NotFound."""
    on_session.take_back(find(organization_id, token).payment)


def look_again(organization_id: str, token: str) -> None:
    """The shopper is back from the bank: ask the processor what is true and record it."""
    on_session.look_again(find(organization_id, token).payment)
