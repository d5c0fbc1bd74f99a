"""An order that starts a subscription, alone or beside goods: all that is due today is one payment, which claims each part with its
amount (the order's goods in full or what their plan has due at once, the subscription's first invoice). Where nothing is due the card
is stored.

Consent, draft agreement, subscription, invoice and attempt begin in one commit, with the order locked. If the process dies ...
  before that commit: nothing was agreed, started or sent; the page shows the form again.
  after it, before, while or after the processor is asked: the attempt is the resolver's. Approved: the order is paid, the plan runs,
  the invoice is paid and the subscription begins in one commit (`outcomes.collect`). Declined: draft, subscription and invoice wait
  for the next try; after 23 hours the subscription has expired, the draft is given up, and nobody owes anything.
  inside the commit that records it: nothing of it happened, and the resolver records the same outcome again.
  after it, nothing being due today: the card is pending, `new_cards.finish_due` asks for it again under the same reference, and the
  commit that records it as stored makes both run (`complete`).
An answer that is lost is an attempt nobody knows of: the page waits, and no second one is begun. A success that comes after the
attempt was given up belongs to no part of the order, and is alarmed (`outcomes`). Another plan, code or address closes the payment
before a new one is made, in one commit; an open or paid claim of either part keeps a second payment out, whatever road it takes.
Locked in this order: cart, order, agreement, subscription, invoice, payment.
"""

from __future__ import annotations

from ballast.billing import (
    card_setup,
    card_sources,
    due_dates,
    financing_checkout,
    order_payments,
    order_totals,
    orders,
    payments,
    redemptions,
    shipping,
    subscription_checkout,
)
from ballast.billing.card_setup import Setup
from ballast.billing.checkout_form import Details
from ballast.billing.financing import agreement_letters, opening
from ballast.billing.financing_checkout import Agreed, Plan
from ballast.billing.payments import Begun
from ballast.billing.subscription_checkout import Offer
from ballast.billing.subscriptions import letters, starting
from ballast.db import db
from ballast.errors import Conflict
from ballast.models import CheckoutSession, FinancingAgreement, Order, OrderLine, PaymentMethod, Subscription
from ballast.models.orders import lines_of_order
from ballast.money import format_money


def is_for(order: Order) -> bool:
    """Whether the order starts a subscription."""
    wanted = lines_of_order(order.organization_id, order.id).where(OrderLine.is_recurring)
    return db.session.scalars(wanted.limit(1)).first() is not None


def begin(
    order: Order, details: Details, session: CheckoutSession | None, agreed: Agreed | None, shown: int | None, url: str
) -> Begun | Setup | PaymentMethod | None:
    """Begin to pay all that is due today, or to store the card; None where that is under way, or done.

    In the caller's transaction, with the order locked and its customer known; run what it answers after that, or `complete` with a
    stored card of which nothing is due. `agreed`: the plan the goods are paid with. `shown`: minor units due today as the page said.
    `url`: where the bank sends the shopper back. Raises Conflict(`total_changed`) when it comes to something else,
    Conflict(`shipping_unavailable`), and what `financing_checkout.begin` and `starting.start` raise.
    """
    draft, earlier = opening.locked_of(order), subscription_checkout.earlier_start(order)
    if is_under_way(order) or _has_begun(draft, earlier):
        return None
    shipping.require(order, session, details.shipping_rate)
    order_totals.settle(order)
    redemptions.hold(order)
    draft_id = draft.id if draft is not None else None
    offer = subscription_checkout.offer(order)
    plan = financing_checkout.look_again(order, session, agreed) if agreed else None
    goods = plan.due if plan else order.goods_amount
    _check_shown(order, shown, goods + offer.due)
    _keep(order, offer, plan)
    is_other = _agree(order, plan, agreed) != draft_id
    amount = account_amount(order, plan, offer)
    if goods + offer.due == 0:
        subscription_checkout.withdraw(order, earlier)
        order_payments.close(order_payments.locked(order))
        return card_sources.saved(order, details) if details.is_saved else card_setup.begin_for(order, details, amount)
    invoice = subscription_checkout.prepare(order, offer, earlier)
    payment = order_payments.fitting(order, order_payments.locked(order), goods, is_other=is_other, invoice=invoice)
    payment.off_session = False
    source = card_sources.of(order, details, amount, "recurring")
    return payments.begin(payment, source, return_url=url)


def is_under_way(order: Order) -> bool:
    """Whether it is being paid, or was, or its card is being stored."""
    payment = order_payments.newest(order)
    is_paying = payment is not None and payment.status in order_payments.UNDER_WAY
    return is_paying or card_setup.of_order(order, "pending") is not None


def _has_begun(draft: FinancingAgreement | None, earlier: Subscription | None) -> bool:
    is_running = draft is not None and draft.status != "draft"
    return is_running or (earlier is not None and earlier.status in ("active", "trialing"))


def _check_shown(order: Order, shown: int | None, due: int) -> None:
    if shown is not None and shown != due:
        said = f"With tax and discounts for what you typed, {format_money(due, order.currency)} is due today."
        raise Conflict("total_changed", f"{said} Please look at it, and enter your card again.")


def _keep(order: Order, offer: Offer, plan: Plan | None) -> None:
    """What is agreed to, as it is shown."""
    order.amount, order.subscription_amount = order.goods_amount + offer.due, offer.due
    order.consent = offer.terms
    lines = db.session.scalars(lines_of_order(order.organization_id, order.id)).all()
    timezone = starting.timezone_of(order.organization_id)
    order.outlook = due_dates.of_checkout(order, lines, offer, plan, timezone).to_dict()


def _agree(order: Order, plan: Plan | None, agreed: Agreed | None) -> str | None:
    """The id of the draft of what is agreed to; one of another plan, or of one that is not wanted any more, is given up."""
    if plan is None or agreed is None:
        opening.withdraw(order)
        order.financing_offer_id = None
        return None
    return financing_checkout.consent(order, plan, agreed).id


def account_amount(order: Order, plan: Plan | None, offer: Offer) -> int:
    """By what amount the account is chosen that takes the card, minor units: what is due today; where nothing is, what comes next."""
    due = (plan.due if plan else order.goods_amount) + offer.due
    return due or max(plan.account_amount if plan else 0, subscription_checkout.account_amount(order))


# --- Nothing is due today ----------------------------------------------------------------------------------------------------


def complete(card: PaymentMethod, order_id: str) -> None:
    """The card is stored: the plan runs, the subscription starts, and order, session and cart are done with. In the transaction that
    records it."""
    order = orders.locked(card.organization_id, Order.id == order_id)
    if order is None or order.status != "pending" or order.subscription_id is not None:
        return
    agreement = opening.locked_of(order)
    starts = is_for(order)
    if agreement is not None and agreement.status == "draft":
        opening.activate(agreement, None, card.id)
        agreement_letters.agreed(agreement)
    elif not starts:
        return
    if starts:
        letters.started(subscription_checkout.start_with(order, card), order.consent)
    orders.mark_paid(order)
    orders.end_cart(order)
