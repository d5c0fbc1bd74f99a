"""Removing who a customer is from everything that is kept of them. What was paid stays: ids, amounts, dates, the ledger.

In one transaction, under the customer's lock: either all of it is gone or nothing is. Their cards are detached in it, and the
processors are asked to forget them afterwards, as often as it takes (see `card_removal`). Not touched, because Postgres refuses it or
the law wants it kept: the audit log, and the disclosure of a plan that was agreed to (docs/operations.md says so too).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import delete, select, update

from ballast import audit
from ballast.billing import cards, lookup
from ballast.billing.payloads import customer_payload
from ballast.billing.privacy import belongings
from ballast.billing.privacy.belongings import Belongings
from ballast.clock import now
from ballast.db import among, db
from ballast.errors import Conflict
from ballast.models import (
    CreditBalance,
    Customer,
    IdempotencyKey,
    InboxEvent,
    ProcessorCustomer,
    Shipment,
    WebhookAttempt,
    WebhookDelivery,
)
from ballast.models.customers import customer_of
from ballast.models.states import OPEN_DISPUTE, UNSETTLED_REFUND, move
from ballast.notifications import webhooks

GONE: Final = "[erased]"
IN_FLIGHT: Final = ("processing", "requires_action", "requires_capture")
OVER: Final = ("canceled", "incomplete_expired", "defaulted")
SETTLED: Final = ("draft", "paid_off", "settled", "canceled", "refunded")
# Fields of our JSON that say who somebody is, whatever stands in them.
IDENTITY: Final = frozenset(
    {
        "email",
        "customer_email",
        "customer_name",
        "address",
        "shipping",
        "last4",
        "exp_month",
        "exp_year",
        "name",
        "region",
    }
)


def obstacles(found: Belongings) -> list[str]:
    """What is open still, in words; nothing where the customer can be erased."""
    still = {
        "payments under way": sum(one.status in IN_FLIGHT for one in found.payments),
        "refunds under way": sum(one.status in UNSETTLED_REFUND for one in found.refunds),
        "disputes": sum(one.status in OPEN_DISPUTE for one in found.disputes),
        "subscriptions that go on": sum(one.status not in OVER for one in found.subscriptions),
        "open invoices": sum(one.status == "open" for one in found.invoices),
        "plans that are not paid off": sum(one.status not in SETTLED for one in found.agreements),
        "credit that is not used": _credits(found.customer),
    }
    return [f"{what} ({count})" for what, count in still.items() if count]


def _credits(customer: Customer) -> int:
    wanted = select(CreditBalance.currency).where(
        CreditBalance.organization_id == customer.organization_id,
        CreditBalance.customer_id == customer.id,
        CreditBalance.amount != 0,
    )
    return len(db.session.scalars(wanted).all())


def erase(organization_id: str, customer_id: str) -> Customer:
    """Remove who they are. In the caller's transaction. Raises NotFound, Conflict(`customer_has_open_money`)."""
    locked = customer_of(organization_id, customer_id).with_for_update().execution_options(populate_existing=True)
    customer = lookup.find(locked, customer_id, "cus", "customer")
    found = belongings.of(customer)
    if still := obstacles(found):
        said = f"This customer cannot be erased while money is open: {', '.join(still)}."
        raise Conflict("customer_has_open_money", said)
    scrub = _scrubber(found)
    _let_cards_go(found)
    db.session.flush()
    mails, events = _scrub_mails(found), _scrub_events(found, scrub)
    _scrub_rows(found)
    _scrub_inbox(found)
    _forget_customer(customer)
    audit.record(organization_id, "customer.erased", "customer", customer.id, {"mails": mails, "events": events})
    payload = customer_payload(customer)
    webhooks.publish(organization_id, "customer.erased", "customer", customer.id, payload)
    return customer


def _let_cards_go(found: Belongings) -> None:
    for card in found.cards:
        if card.status == "active":
            cards.detach(card.organization_id, card.id)
        card.last4 = card.exp_month = card.exp_year = None
        card.message = None


def _scrub_mails(found: Belongings) -> int:
    """The row stays, so that nobody wonders where it went; one that waits is not sent any more."""
    mails = list(db.session.scalars(belongings.mails_of(found)))
    for mail in mails:
        mail.recipient = mail.subject = mail.html = mail.text = GONE
        if mail.status == "pending":
            move(mail, "failed")
        mail.next_attempt_at, mail.reason = None, mail.reason and GONE
    return len(mails)


def _scrub_events(found: Belongings, scrub: Callable[[Any], Any]) -> int:
    """Payloads, and what endpoints answered: they may have said it back."""
    events = list(db.session.scalars(belongings.events_of(found)))
    for event in events:
        event.data = scrub(event.data)
    mine = WebhookDelivery.organization_id == found.customer.organization_id
    named = select(WebhookDelivery.id).where(mine, among(WebhookDelivery.event_id, {one.id for one in events}))
    of_attempts = WebhookAttempt.organization_id == found.customer.organization_id
    ids = list(db.session.scalars(named))
    db.session.execute(
        update(WebhookAttempt).where(of_attempts, among(WebhookAttempt.delivery_id, ids)).values(response_body=None)
    )
    db.session.execute(update(WebhookDelivery).where(mine, among(WebhookDelivery.id, ids)).values(response_body=None))
    return len(events)


def _scrubber(found: Belongings) -> Callable[[Any], Any]:
    """What takes identity out of JSON: fields that hold it, and their addresses and names wherever they stand."""
    names = {found.customer.name, *(one.name or "" for one in found.orders)}
    words = [rf"(?<!\w){re.escape(one)}(?!\w)" for one in (*found.addresses, *names) if one]
    pattern = re.compile("|".join(sorted(words, key=len, reverse=True)), re.IGNORECASE) if words else None

    def scrub(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: scrub(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [scrub(one, key) for one in value]
        if key in IDENTITY and value is not None:
            return GONE if isinstance(value, str) else None
        return pattern.sub(GONE, value) if pattern and isinstance(value, str) else value

    return scrub


def _scrub_rows(found: Belongings) -> None:
    for order in found.orders:
        order.email = order.name = None
        order.address = {}
    _scrub_parcels(found)
    for session in found.sessions:
        session.customer_email, session.metadata_ = None, {}
    for invoice in found.invoices:
        invoice.customer_name, invoice.customer_email = "", None
    for payment in found.payments:
        payment.card_last4 = payment.payment_method_token = payment.next_action = None
    for agreement in found.agreements:
        agreement.consent_ip, agreement.consent_agent = None, ""
    mine = IdempotencyKey.organization_id == found.customer.organization_id
    db.session.execute(delete(IdempotencyKey).where(mine, IdempotencyKey.resource_id.in_(found.ids)))


def _scrub_parcels(found: Belongings) -> None:
    """A carrier's number leads to the door it went to."""
    theirs = (
        Shipment.organization_id == found.customer.organization_id,
        among(Shipment.order_id, {one.id for one in found.orders}),
    )
    db.session.execute(update(Shipment).where(*theirs).values(tracking_number="", tracking_url=None))


def _scrub_inbox(found: Belongings) -> None:
    """What processors told of their charges. The events stay, to be looked after again: what they hint at is asked for anew."""
    charges = {one.external_id for one in found.attempts if one.external_id}
    mine = InboxEvent.organization_id == found.customer.organization_id
    db.session.execute(update(InboxEvent).where(mine, among(InboxEvent.subject_id, charges)).values(payload=b"{}"))


def _forget_customer(customer: Customer) -> None:
    mine = ProcessorCustomer.organization_id == customer.organization_id
    db.session.execute(delete(ProcessorCustomer).where(mine, ProcessorCustomer.customer_id == customer.id))
    customer.email, customer.name, customer.country, customer.region = None, "", "", ""
    customer.user_id, customer.metadata_, customer.erased_at = None, {}, now()
