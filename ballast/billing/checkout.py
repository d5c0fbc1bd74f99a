"""A shopper pays an order: the page's state, and the one way to try.

Whatever the shopper does (a second click, a second tab, the back button, a reload), the order has one payment, the payment one open
attempt, and an order that is paid stays paid once: the claim's unique index decides, not this module.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from ballast import audit, config
from ballast.billing import accounts, payments, processing, resolver, routing
from ballast.billing.processing import Account
from ballast.clock import now
from ballast.db import db, end_reading, transaction
from ballast.errors import Conflict, NotFound
from ballast.ids import new_id
from ballast.models import Attempt, Claim, Customer, Order, OrderLine, Organization, Payment, ProcessorAccount, Refund
from ballast.models.orders import lines_of_order
from ballast.models.payments import open_attempt_of, refunds_of
from ballast.processors.base import ClientConfig, UnavailableError
from ballast.processors.declines import AUTHENTICATION, CONFIGURATION
from ballast.security import looks_like_card_number

log = logging.getLogger(__name__)

ADDRESS_FIELDS = ("line1", "line2", "city", "region", "postal_code", "country")
REQUIRED = {
    "name": "Enter your full name.",
    "line1": "Enter your street and number.",
    "city": "Enter your city.",
    "postal_code": "Enter your postal code.",
    "country": "Choose your country.",
}
LIMITS = {
    "email": 254,
    "name": 120,
    "line1": 200,
    "line2": 200,
    "city": 100,
    "region": 100,
    "postal_code": 20,
    "country": 2,
}
# What the page says when the bank could not confirm the shopper before anything was sent.
NOT_CONFIRMED: Final = AUTHENTICATION
MOST_DEVICE_DATA: Final = 4000
CHANGED = "The way we take cards has just changed, so the card you typed was not used."
# What processors call a card; never the card itself.
TOKEN_SHAPE = re.compile(r"[A-Za-z0-9_:\-]{1,255}")


@dataclass(frozen=True)
class Details:
    """What the shopper typed, and the processor's one-time token for the card.

    `account_id`: the processor account whose card field made the token. `verification`: what 3-D Secure came to, where it is before
    the charge. `save_card`: keep the card for the next time. `device_data`: what the processor's library says of the device.
    """

    email: str
    name: str
    address: dict[str, str]
    payment_method: str
    account_id: str | None = None
    verification: str | None = None
    save_card: bool = False
    device_data: str | None = None


@dataclass(frozen=True)
class Way:
    """How a new card is paid with: at which account, and what the page needs of its processor."""

    account: Account
    config: ClientConfig


@dataclass(frozen=True)
class Checkout:
    """An order on its way to being paid. `state`: form, action, processing, paid or gone."""

    order: Order
    lines: list[OrderLine]
    payment: Payment | None
    refunds: list[Refund] = field(default_factory=list)
    waiting_since: datetime | None = None

    @property
    def state(self) -> str:
        if self.order.status in ("paid", "refunded"):
            return "paid"
        if self.order.status == "canceled":
            return "gone"
        match self.payment.status if self.payment else None:
            case "processing":
                return "processing"
            case "requires_action":
                return "action"
            case "requires_capture" | "succeeded":
                return "paid"
            case _:
                return "form"

    @property
    def decline(self) -> str | None:
        """Why the last try did not work, in plain words."""
        if self.state != "form" or self.payment is None:
            return None
        error = self.payment.last_error
        if error:  # A processor's own words about our configuration are for the log and the API, not for shoppers.
            return CONFIGURATION if error["type"] == "processor_error" else str(error["message"])
        if self.payment.status == "requires_confirmation":
            return "We couldn't reach the payment processor. Nothing was charged. Please try again."
        return None


def find(organization_id: str, token: str) -> Checkout:
    """The checkout behind a token. Raises NotFound."""
    order = db.session.scalars(
        select(Order).where(Order.organization_id == organization_id, Order.token == token)
    ).first()
    if order is None:
        raise NotFound("checkout")
    payment = _payment_of(order)
    return Checkout(
        order,
        list(db.session.scalars(lines_of_order(organization_id, order.id))),
        payment,
        list(db.session.scalars(refunds_of(organization_id, payment.id))) if payment else [],
        attempt.created_at if (attempt := _open_attempt(payment)) else None,
    )


def _payment_of(order: Order) -> Payment | None:
    wanted = select(Payment).where(Payment.organization_id == order.organization_id, Payment.order_id == order.id)
    return db.session.scalars(wanted.order_by(Payment.id.desc()).limit(1)).first()


def check(typed: dict[str, str]) -> dict[str, str]:
    """Field name → sentence, for whatever is wrong with what was typed; empty when all is well."""
    problems = {name: sentence for name, sentence in REQUIRED.items() if not typed.get(name, "").strip()}
    problems |= {name: "This is too long." for name, limit in LIMITS.items() if len(typed.get(name, "")) > limit}
    problems |= {
        name: "This looks like a card number. Cards go into the card field only."
        for name in LIMITS
        if looks_like_card_number(typed.get(name, ""))
    }
    try:
        validate_email(typed.get("email", "").strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        problems["email"] = "Enter an email address such as ada@example.com."
    token = typed.get("payment_method", "").strip()
    verification = typed.get("verification", "").strip()
    if any(looks_like_card_number(text) or not TOKEN_SHAPE.fullmatch(text) for text in (token, verification or token)):
        problems["payment_method"] = "Enter your card details."
    return problems


def shown_again(typed: dict[str, str]) -> dict[str, str]:
    """What the form keeps of what was typed: all of it but a card number in the wrong field."""
    return {name: "" if looks_like_card_number(value) else value for name, value in typed.items()}


def read_details(typed: dict[str, str]) -> Details:
    """What was typed, trimmed; call `check` first."""
    return Details(
        email=typed["email"].strip().lower(),
        name=typed["name"].strip(),
        address={name: typed.get(name, "").strip() for name in ADDRESS_FIELDS},
        payment_method=typed["payment_method"].strip(),
        account_id=typed.get("account", "").strip() or None,
        verification=typed.get("verification", "").strip() or None,
        device_data=_read_device_data(typed.get("device_data", "").strip()),
        save_card=typed.get("save_card") == "yes",
    )


def _read_device_data(said: str) -> str | None:
    """What the processor's library says of the device, for the processor alone; anything odd is dropped: a charge needs none."""
    return said if said.isprintable() and 0 < len(said) <= MOST_DEVICE_DATA else None


def pay(organization_id: str, token: str, details: Details) -> None:
    """Try to collect the order with the card given. What came of it is read with `find`.

    An earlier try that waits for the shopper's bank is canceled at the processor first; one whose outcome is open stays, and nothing
    new is tried.
    """
    end_reading()
    take_back_challenge(organization_id, token)
    with transaction():
        order = _locked(organization_id, token)
        if order.status != "pending":
            return
        _keep_details(order, details)
        payment = _payment_of(order)
        payment = payments.locked(organization_id, payment.id) if payment else _new_payment(order)
        if payment.status in ("processing", "requires_action", "requires_capture", "succeeded"):
            return
        payment.customer_id = (
            order.customer_id
        )  # an address that was corrected is somebody else's: so are card and receipt
        source = _source(organization_id, order, details)
        begun = payments.begin(payment, source, return_url=f"{config.current().public_url}/checkout/{token}/return")
    payments.run(begun)


def _source(organization_id: str, order: Order, details: Details) -> payments.Source:
    """What to charge and where. The page names the account its card field was for; it must be one that takes this order's cards.

    Raises Conflict(`processor_changed`).
    """
    account = accounts.find(organization_id, details.account_id) if details.account_id else None
    if account is not None and not routing.takes(
        account, order.amount, order.currency, _home_currency(organization_id)
    ):
        raise Conflict("processor_changed", CHANGED)
    return payments.Source(
        details.payment_method,
        verification=details.verification,
        device_data=details.device_data,
        account_id=account.id if account else None,
        save_card=details.save_card,
        one_time=True,
    )


def _home_currency(organization_id: str) -> str:
    return db.session.scalars(select(Organization.currency).where(Organization.id == organization_id)).one()


def way_to_pay(organization: Organization, found: Checkout) -> Way | None:
    """The account that takes a new card for this order now, with what the page needs of it; None when none does.

    An account that gives no answer to the page is passed over for the next. Holds no transaction while it asks.
    """
    candidates = routing.offered(organization, found.order.amount, found.order.currency, found.order.token)
    opened = [account for row in candidates if (account := _opened(row))]
    currency = found.order.currency
    end_reading()
    for account in opened:
        try:
            return Way(account, processing.read(account, lambda adapter: adapter.client_config(currency)))
        except UnavailableError as error:
            log.warning("account %s gives the checkout nothing: %s", account.id, error.reason)
    return None


def _opened(row: ProcessorAccount) -> Account | None:
    """None for an account whose secrets cannot be unsealed: it is passed over, and takes nobody's checkout down."""
    try:
        return processing.open_account(row)
    except ValueError as error:
        log.error("account %s is offered to nobody: %s", row.id, error)
        return None


def way_of(found: Checkout) -> Way | None:
    """The account of a payment under way, with what the page needs of it. Holds no transaction while it asks."""
    if found.payment is None:
        return None
    account = _opened(accounts.find(found.order.organization_id, found.payment.processor_account_id))
    currency = found.order.currency
    end_reading()
    if account is None:
        return None
    try:
        return Way(account, processing.read(account, lambda adapter: adapter.client_config(currency)))
    except UnavailableError as error:
        log.warning("account %s gives the checkout nothing: %s", account.id, error.reason)
        return None


def _locked(organization_id: str, token: str) -> Order:
    wanted = select(Order).where(Order.organization_id == organization_id, Order.token == token)
    order = db.session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).first()
    if order is None:
        raise NotFound("checkout")
    return order


def _keep_details(order: Order, details: Details) -> None:
    order.email, order.name, order.address = details.email, details.name, details.address
    customer = db.session.scalars(
        select(Customer)
        .where(
            Customer.organization_id == order.organization_id,
            Customer.email == details.email,
            Customer.erased_at.is_(None),
        )
        .order_by(Customer.created_at)
        .limit(1)
    ).first()
    if customer is not None and customer.held_at is not None:
        raise Conflict(
            "customer_held", "We can't take payments from this address at the moment. Please contact the shop."
        )
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
    order.customer_id = customer.id


def _new_payment(order: Order) -> Payment:
    payment = payments.create(
        order.organization_id,
        payments.NewPayment(
            amount=order.amount,
            currency=order.currency,
            description=f"Order {order.number}",
            customer_id=order.customer_id,
            order_id=order.id,
            metadata={"order": order.number},
        ),
    )
    db.session.add(
        Claim(
            organization_id=order.organization_id,
            payment_id=payment.id,
            obligation="order",
            obligation_id=order.id,
            amount=order.amount,
            status="open",
            created_at=now(),
        )
    )
    db.session.flush()
    return payment


def take_back_challenge(organization_id: str, token: str) -> None:
    """Cancel an open challenge at the processor and record what that revealed. Does nothing without one. Raises NotFound."""
    found = find(organization_id, token)
    waiting = _open_attempt(found.payment) if found.state == "action" else None
    attempt_id = waiting.id if waiting else None
    end_reading()
    if attempt_id:
        resolver.abandon(organization_id, attempt_id)


def _open_attempt(payment: Payment | None) -> Attempt | None:
    if payment is None or payment.status not in ("processing", "requires_action"):
        return None
    return db.session.scalars(open_attempt_of(payment.organization_id, payment.id)).first()


def look_again(organization_id: str, token: str) -> None:
    """The shopper is back from the bank: ask the processor what is true and record it."""
    found = find(organization_id, token)
    attempt = _open_attempt(found.payment)
    attempt_id = attempt.id if attempt else None
    end_reading()
    if attempt_id:
        for open_attempt in resolver.read_open([(organization_id, attempt_id)]):
            resolver.resolve_hint(open_attempt)
