"""A checkout with a plan: which ones an order may be paid with, what the shopper is shown, and their consent.

The order keeps its full price; its payment and claim are for what is due today. Consent, agreement and attempt begin in one commit,
with the order locked. If the process dies …
  before that commit: nothing was agreed, nothing sent; the page shows the form again.
  after it, something being due today: the attempt is the resolver's, and what it finds activates the agreement or leaves the draft.
  after it, nothing being due today: the card is pending, `new_cards.finish_due` asks for it again under the same reference, and the
  commit that records it as stored activates the agreement (`due_today.complete`).
  never: `abandoned` cancels a draft that nobody came back to, once nothing is under way for it.
What is agreed is what was shown: the page says in a hidden field what it showed, and another day, price or offer is looked at again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ballast import audit
from ballast.billing import card_setup, card_sources, financed_orders, order_payments, payments
from ballast.billing.card_setup import Setup
from ballast.billing.checkout_form import Details
from ballast.billing.financing import (
    disclosure,
    exposure,
    opening,
    paper,
    quoting,
    reading,
)
from ballast.billing.financing.quotes import Quote
from ballast.billing.financing.terms import hash_of
from ballast.billing.payments import Begun
from ballast.db import db
from ballast.errors import Conflict
from ballast.models import (
    CheckoutSession,
    Customer,
    FinancingAgreement,
    FinancingOffer,
    Order,
    Organization,
    Payment,
    PaymentMethod,
)
from ballast.money import format_money
from ballast.templating import show_every

IN_FULL: Final = "full"


@dataclass(frozen=True)
class Agreed:
    """What a shopper consents to, as their page showed it (`Plan.fingerprint`), and with which browser."""

    offer_id: str
    fingerprint: str
    agent: str


@dataclass(frozen=True)
class Plan:
    """A plan as a checkout shows it: the offer, the quote of today, and the disclosure in the merchant's name."""

    offer: FinancingOffer
    quote: Quote
    creditor: str
    reference: str

    @cached_property
    def box(self) -> str:
        """The disclosure as HTML."""
        return disclosure.render(self._disclosure)

    @property
    def _disclosure(self) -> disclosure.Disclosure:
        return disclosure.Disclosure(self.quote, self.creditor, self.reference)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that is agreed to and of how it is said; another day, price or offer gives another."""
        shown = hashlib.sha256(self.box.encode()).hexdigest()
        return hash_of({"offer": self.offer.id, "terms": opening.terms_of(self.quote), "disclosure": shown})

    @property
    def words(self) -> str:
        """The terms that stand beside a payment that is advertised (1026.24(d)): number, amounts and timing, rate, total."""
        box, currency = self._disclosure, self.quote.currency
        parts = [
            f"{group.count} {'payment' if group.count == 1 else 'payments'} of {format_money(group.amount, currency)}"
            for group in box.payments
        ]
        total = format_money(self.quote.total_sale_price, currency)
        every = show_every(self.quote.terms.interval, self.quote.terms.interval_count)
        return f"Then {' and '.join(parts)}, {every.replace('per ', 'every ')}. APR {box.apr}, {total} in total."

    @property
    def due(self) -> int:
        """Minor units today."""
        return self.quote.due_today

    @property
    def account_amount(self) -> int:
        """By what amount the account is chosen that takes the card: what it is charged first."""
        return self.due or self.quote.payment

    def consent(self, agent: str, timezone: str) -> opening.Consent:
        """The consent to it, given now by whoever acts. Raises Conflict(`disclosure_disagrees`), and nothing is sold."""
        document = disclosure.document(f"{self.offer.name}, {self.reference}", self.box)
        reading.check(document, self.quote)
        return opening.Consent(document, paper.draw(self._disclosure), audit.actor().ip, agent, timezone)


# --- What is offered ---------------------------------------------------------------------------------------------------------


def is_open_to(session: CheckoutSession | None) -> bool:
    """Whether plans are offered at all: in the shop, and where the merchant's program asks for one."""
    return session is None or session.mode == "financing"


def choices(order: Order, session: CheckoutSession | None) -> list[Plan]:
    """The plans an order may be paid with, in the merchant's order; where a program named one, that alone. Two or three statements."""
    if not is_open_to(session) or not order.goods_amount:
        return []
    shop = financed_orders.shop_of(order)
    found = quoting.choices(
        shop, order.goods_amount, order.currency, *financed_orders.sale_of(order), order_id=order.id
    )
    named = session.financing_offer_id if session else None
    return [_plan(shop, order, offer, quote) for offer, quote in found if named in (None, offer.id)]


def chosen(order: Order, session: CheckoutSession | None, plans: list[Plan]) -> Plan | None:
    """Of these, the one the order is to be paid with; None for in full. Where nothing but a plan will do, the first."""
    found = next((one for one in plans if one.offer.id == order.financing_offer_id), None)
    is_needed = session is not None and session.mode == "financing"
    return found or (plans[0] if plans and is_needed else None)


def _plan(shop: Organization, order: Order, offer: FinancingOffer, quote: Quote) -> Plan:
    box = quoting.box(shop, quote, f"Order {order.number}")
    return Plan(offer, quote, box.creditor, box.reference)


# --- Consent -----------------------------------------------------------------------------------------------------------------


def begin(
    order: Order, details: Details, session: CheckoutSession | None, agreed: Agreed, url: str
) -> Begun | Setup | PaymentMethod | None:
    """Take the shopper's consent, and begin to collect what is due today, or to store the card; None where that is under way, or done.

    In the caller's transaction, with the order locked and its customer known; run what it answers after that, or
    `due_today.complete` with a stored card. `url`: where the bank sends the shopper back. Raises Conflict(`total_changed`) where it is
    not what was shown, Conflict(`disclosure_disagrees`, `financing_limit_reached`, `financing_customer_held`, `processor_changed`) and
    InvalidRequest for a plan that is not offered.
    """
    found = unpaid(order)
    if found is None:
        return None
    earlier, payment = found
    plan = look_again(order, session, agreed)
    draft = consent(order, plan, agreed)
    order.consent = f"{plan.offer.name}, terms {draft.terms_hash}"
    is_other = earlier is None or earlier.id != draft.id
    if plan.due == 0:
        order_payments.close(payment)
        amount = plan.account_amount
        return card_sources.saved(order, details) if details.is_saved else card_setup.begin_for(order, details, amount)
    payment = order_payments.fitting(order, payment, plan.due, is_other=is_other)
    source = card_sources.of(order, details, plan.account_amount, "installment")
    return payments.begin(payment, source, return_url=url)


def consent(order: Order, plan: Plan, agreed: Agreed) -> FinancingAgreement:
    """Take the shopper's consent to a plan that `look_again` answered: the draft there is, if it is the same, or a new one."""
    given = plan.consent(agreed.agent, financed_orders.shop_of(order).timezone)
    customer = db.session.get_one(Customer, (order.organization_id, order.customer_id))
    exposure.reserve(plan.offer, customer, plan.quote.total_of_payments, order.id)
    order.financing_offer_id = plan.offer.id
    return opening.draft(order, plan.offer.id, plan.quote, given)


def look_again(order: Order, session: CheckoutSession | None, agreed: Agreed) -> Plan:
    """The plan as it is now, under the order's lock, if it is what the shopper's page has shown.

    Raises Conflict(`total_changed`), InvalidRequest for a plan that is not offered.
    """
    shop = financed_orders.shop_of(order)
    if session is not None and session.financing_offer_id not in (None, agreed.offer_id):
        raise Conflict("total_changed", "This order is to be paid with another plan. Please look at it.")
    offer = quoting.find(order.organization_id, agreed.offer_id)
    quote = quoting.quote_for(
        shop, offer.id, order.goods_amount, order.currency, *financed_orders.sale_of(order), order_id=order.id
    )
    plan = _plan(shop, order, offer, quote)
    if plan.fingerprint != agreed.fingerprint:
        due = format_money(plan.due, order.currency)
        raise Conflict(
            "total_changed", f"The plan has changed since you looked at it: {due} is due today. Please read it again."
        )
    return plan


def begin_in_full(order: Order) -> Payment | None:
    """The payment of the whole price, ready to be tried; None where something is under way. A draft that there was is given up.

    In the caller's transaction, with the order locked and its customer known.
    """
    found = unpaid(order)
    if found is None:
        return None
    earlier, payment = found
    if earlier is not None:
        opening.withdraw(order)
    order.financing_offer_id, order.consent = None, ""
    return order_payments.fitting(order, payment, order.amount, is_other=earlier is not None)


def unpaid(order: Order) -> tuple[FinancingAgreement | None, Payment | None] | None:
    """Draft and payment of an order that may be tried, locked in this order; None while its payment, or the storing of its card, is
    under way, or once that has worked."""
    earlier, payment = opening.locked_of(order), order_payments.locked(order)
    if payment is not None and payment.status in order_payments.UNDER_WAY:
        return None
    if earlier is not None and (earlier.status != "draft" or card_setup.of_order(order, "pending") is not None):
        return None
    return earlier, payment
