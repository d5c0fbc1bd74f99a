"""Installment plans of the demo organization that have run for a while: some fresh, some half paid, one late, two paid off.

Agreed to, collected and recorded by what does that for all others, at the instants it would have happened. What was paid so far was
paid at an archived account that no processor knows, as in `demo_history`; what is still to come is charged to a card that the
sandbox's Stripe stores, by the nightly run, as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from ballast import clock
from ballast.billing import (
    card_setup,
    customers,
    demo_history,
    financing_checkout,
    order_payments,
    orders,
    outcomes,
    payments,
)
from ballast.billing.checkout_form import Token
from ballast.billing.financing import collecting, lateness, rows, settling
from ballast.billing.financing_checkout import Agreed
from ballast.clock import now
from ballast.db import db, transaction
from ballast.ids import new_id
from ballast.models import (
    Customer,
    Installment,
    Order,
    Organization,
    PaymentMethod,
    ProcessorAccount,
)
from ballast.models.catalog import on_sale
from ballast.processors.base import Approved, Card, Declined, Outcome
from ballast.processors.declines import PUBLIC_SENTENCE

VISA: Final = Card("visa", "4242", 8, 2034)
SHORT: Final = Declined("soft", "insufficient_funds", PUBLIC_SENTENCE["soft"])
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Story:
    """Who bought what on a plan, and how many days ago. `is_short`: their bank declines since then."""

    who: str
    slug: str
    days: int
    is_short: bool = False


STORIES: Final = (
    Story("Paul Adler", "espresso-machine", 121),
    Story("Sam Ito", "kettle", 104),
    Story("Aiko Mori", "grinder", 71),
    Story("Rosa Lind", "grinder", 49, is_short=True),
    Story("Theo Marsh", "espresso-machine", 38),
    Story("Lena Berg", "espresso-machine", 3),
)


def plant_plans(organization_id: str) -> int:
    """Make the plans that are not there yet; answers how many. Work for the organization first, which has an account at Stripe. Asks
    that to store cards, and charges nothing."""
    account_id = _stripe(organization_id)
    missing = [one for one in STORIES if not _is_known(organization_id, one)] if account_id else []
    for story in missing:
        agreement_id = _agree(organization_id, story)
        _collect(organization_id, agreement_id, story)
        _store(organization_id, agreement_id, account_id or "", story)
    return len(missing)


def _stripe(organization_id: str) -> str | None:
    wanted = select(ProcessorAccount.id).where(
        ProcessorAccount.organization_id == organization_id,
        ProcessorAccount.processor == "stripe",
        ProcessorAccount.archived_at.is_(None),
    )
    return db.session.scalars(wanted.limit(1)).first()


def _is_known(organization_id: str, story: Story) -> bool:
    wanted = select(Customer.id).where(Customer.organization_id == organization_id, Customer.email == _email(story))
    return db.session.scalars(wanted.limit(1)).first() is not None


def _email(story: Story) -> str:
    return f"{story.who.lower().replace(' ', '.')}@plans.example.com"


# --- Bought ------------------------------------------------------------------------------------------------------------------


def _agree(organization_id: str, story: Story) -> str:
    """Consent, and the down payment; the agreement's id."""
    with clock.at(now() - timedelta(days=story.days)):
        with transaction() as session:
            shop = session.scalars(select(Organization).where(Organization.id == organization_id)).one()
            order = _order(shop, story)
            plan = financing_checkout.choices(order, None)[0]
            agreement = financing_checkout.consent(order, plan, Agreed(plan.offer.id, plan.fingerprint, "demo"))
            card = _old_card(shop, order)
            payment = order_payments.fitting(order, None, plan.due, is_other=False)
            begun = payments.begin(payment, payments.Source(card.id, series="installment"))
            agreement_id, due = agreement.id, plan.due
        _answer(begun, Approved(f"demo_{begun.attempt_id}", due, VISA))
    return agreement_id


def _order(shop: Organization, story: Story) -> Order:
    product, price = next(row for row in db.session.execute(on_sale(shop.id)) if row[0].slug == story.slug)
    line = orders.NewLine(product.name, 1, price.amount, price.id, product.image, product.shippable)
    order = orders.make(shop.id, price.currency, [line])
    order.email, order.name = _email(story), story.who
    order.address = {"line1": "1 Harbor Street", "city": "Portland", "region": "ME", "postal_code": "04101"}
    order.address |= {"country": "US"}
    order.customer_id = customers.create(shop.id, customers.NewCustomer(email=order.email, name=story.who)).id
    return order


def _old_card(shop: Organization, order: Order) -> PaymentMethod:
    """The card of the past, at an account that takes no payments."""
    account_id, _processor = demo_history.account_of(shop, "stripe")
    card = PaymentMethod(
        id=new_id("pm"),
        organization_id=shop.id,
        customer_id=order.customer_id,
        processor_account_id=account_id,
        external_id=f"demo_{order.id}",
        purpose=order.id,
        created_at=now(),
        **vars(VISA),
    )
    db.session.add(card)
    db.session.flush()
    return card


def _answer(begun: payments.Begun, outcome: Outcome) -> None:
    """What the bank said, written down; nobody is asked."""
    outcomes.record(begun.organization_id, begun.attempt_id, outcome)


# --- Collected ---------------------------------------------------------------------------------------------------------------


def _collect(organization_id: str, agreement_id: str, story: Story) -> None:
    """What has fallen due since then, each at its own instant, and a look at the plan after it."""
    until = now()
    for installment_id, due_at, amount in _due(organization_id, agreement_id, until):
        with clock.at(due_at + HOUR):
            begun = collecting.begin(organization_id, installment_id)
            if begun is not None:
                paid = Approved(f"demo_{begun.attempt_id}", amount, VISA)
                _answer(begun, SHORT if story.is_short else paid)
        with clock.at(min(due_at + timedelta(days=11), until)):
            lateness.look(organization_id, agreement_id)


def _due(organization_id: str, agreement_id: str, until: datetime) -> list[tuple[str, datetime, int]]:
    wanted = select(Installment).where(
        Installment.organization_id == organization_id,
        Installment.agreement_id == agreement_id,
        Installment.due_at < until - HOUR,
    )
    return [(one.id, one.due_at, one.left) for one in db.session.scalars(wanted.order_by(Installment.number))]


def _store(organization_id: str, agreement_id: str, account_id: str, story: Story) -> None:
    """The card that the rest is charged to; what is paid off needs none."""
    token = "pm_card_chargeCustomerFail" if story.is_short else "pm_card_visa"
    with transaction():
        agreement = rows.locked(organization_id, agreement_id)
        if agreement.status == "paid_off":
            return
        typed = Token(payment_method=token)
        setup = card_setup.begin(organization_id, agreement.customer_id, typed, account_id, agreement.order_id)
    card_setup.run(setup, lambda card: _use(agreement_id, card))


def _use(agreement_id: str, card: PaymentMethod) -> None:
    settling.set_card(rows.locked(card.organization_id, agreement_id), card.id)
