"""What a card is put to use for once it is stored without a charge: see `card_setup`."""

from __future__ import annotations

from ballast import queue
from ballast.billing import card_setup, due_today, portal, portal_plans, ways
from ballast.billing.card_setup import Outcome, Setup
from ballast.billing.checkout_form import Token
from ballast.billing.financing import collecting as installments
from ballast.billing.financing import rows as financing_rows
from ballast.billing.subscriptions import collecting, rows
from ballast.db import db, end_reading, transaction
from ballast.errors import InvalidRequest
from ballast.models import FinancingAgreement, Order, PaymentMethod, Subscription
from ballast.models.customers import customer_of


def replace(organization_id: str, purpose: str, typed: Token) -> tuple[str, Outcome]:
    """Store a new card for a subscription or an agreement, charge it from then on, and what is owed at once; answers the card's id and
    how it stands. `purpose`: its id.

    Raises NotFound, Conflict(`agreement_closed`, `processor_changed`), InvalidRequest(`payment_method_required`) and what
    `card_setup.begin` raises.
    """
    end_reading()
    with transaction():
        setup = _begin(organization_id, purpose, typed)
    outcome = card_setup.run(setup, use)
    if outcome.state == "stored":
        charge_owed(organization_id, purpose)
    return setup.card_id, outcome


def _begin(organization_id: str, purpose: str, typed: Token) -> Setup:
    found: Subscription | FinancingAgreement
    if purpose.startswith("agr_"):
        found = financing_rows.find(organization_id, purpose)
        amount = portal_plans.setup_amount(found)
    else:
        found = rows.find(organization_id, purpose)
        amount = portal.setup_amount(found)
    account_id = ways.check(organization_id, typed.account_id, amount, found.currency)
    if account_id is None:
        raise InvalidRequest("payment_method_required", "Enter your card details.", param="payment_method")
    return card_setup.begin(organization_id, found.customer_id, typed, account_id, found.id)


def look(organization_id: str, purpose: str, card_id: str) -> Outcome:
    """How the storing of a card stands; see `card_setup.look`."""
    end_reading()
    outcome = card_setup.look(organization_id, card_id, purpose, use)
    if outcome.state == "stored":
        charge_owed(organization_id, purpose)
    return outcome


def look_for_order(order: Order) -> Outcome | None:
    """How the storing of an order's newest card stands; None where none was typed."""
    card = card_setup.of_order(order, "pending", "active", "failed")
    if card is None:
        return None
    organization_id, card_id, order_id = card.organization_id, card.id, order.id
    end_reading()
    return card_setup.look(organization_id, card_id, order_id, use)


def charge_owed(organization_id: str, purpose: str) -> None:
    """Charge what a subscription or an agreement owes and is due, now, while its customer looks on."""
    if purpose.startswith("agr_"):
        installments.charge_owed(organization_id, purpose)
        return
    with transaction():
        owed = [invoice.id for invoice in db.session.scalars(collecting.due_of(organization_id, purpose))]
    for invoice_id in owed:
        collecting.collect(organization_id, invoice_id)


def use(card: PaymentMethod) -> None:
    """A card is stored: put it to the use it is for. In the transaction that records it."""
    purpose = card.purpose or ""
    if purpose.startswith("sub_"):
        _use_for_subscription(card, rows.locked(card.organization_id, purpose))
    if purpose.startswith("agr_"):
        _use_for_agreement(card, purpose)
    if purpose.startswith("ord_"):
        due_today.complete(card, purpose)


def _use_for_subscription(card: PaymentMethod, subscription: Subscription) -> None:
    """Charged from now on, the customer's default too; what is owed is due at once."""
    customer = db.session.scalars(customer_of(card.organization_id, subscription.customer_id)).first()
    if customer is not None:
        customer.default_payment_method_id = card.id
    if subscription.status not in rows.ENDED:
        collecting.use_card(subscription, card.id)
        queue.wake(queue.CHARGE_SUBSCRIPTIONS)


def _use_for_agreement(card: PaymentMethod, agreement_id: str) -> None:
    """Installments are charged to it from now on, the customer's default too; what was declined is due at once."""
    customer = db.session.scalars(customer_of(card.organization_id, card.customer_id or "")).first()
    if customer is not None:
        customer.default_payment_method_id = card.id
    installments.use_card(card.organization_id, agreement_id, card.id)
    queue.wake(queue.CHARGE_FINANCING)


def finish_due() -> int:
    """Find out about cards whose storing is not decided. The job behind `queue.SET_UP_CARDS`."""
    queue.forget_mark(queue.SET_UP_CARDS)
    return card_setup.finish_due(use)
