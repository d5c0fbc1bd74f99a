"""Paying an invoice with its customer present: which card, where, and whether it is kept for the times to come."""

from __future__ import annotations

from dataclasses import dataclass

from ballast.billing import payments
from ballast.billing.subscriptions import collecting, rows
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Customer, Invoice, PaymentMethod, Subscription
from ballast.models.customers import default_account


@dataclass(frozen=True)
class Means:
    """What is charged: a stored card (`pm_…`) or a processor's own token; None for the card that is stored. `processor`: where the
    token is from, if not from the default account; a page knows the account itself (`account_id`), and what else its processor's
    library said. `save_card`: store it for this customer once it has paid. `keep`: charge it from then on."""

    payment_method: str | None = None
    processor: str | None = None
    save_card: bool = False
    keep: bool = False
    account_id: str | None = None
    verification: str | None = None
    device_data: str | None = None
    one_time: bool = False


def begin(
    organization_id: str, invoice_id: str, means: Means, return_url: str | None = None
) -> tuple[Invoice, payments.Begun]:
    """Begin to pay an invoice. In the caller's transaction; run what it answers after that.

    A subscription that has no card yet keeps the one that pays. Raises NotFound, InvalidRequest(`payment_method_required`,
    `processor_unavailable`), and what `collecting.begin_with` raises.
    """
    subscription, invoice = collecting.lock(organization_id, invoice_id)
    is_first = subscription is not None and subscription.payment_method_id is None
    invoice.keeps_card = means.keep
    source = payments.Source(
        means.payment_method or _stored(invoice, subscription),
        account_id=means.account_id or account_at(organization_id, means.processor),
        save_card=means.save_card or means.keep or is_first,
        verification=means.verification,
        device_data=means.device_data,
        one_time=means.one_time,
        series="recurring" if subscription is not None else None,
        first_of_series=is_first,
    )
    return invoice, collecting.begin_with(invoice, source, return_url)


def stored_card(invoice: Invoice, subscription: Subscription | None) -> PaymentMethod | None:
    """The card an invoice is charged to: the subscription's, else the customer's default; None where neither is stored."""
    customer = db.session.get_one(Customer, (invoice.organization_id, invoice.customer_id))
    if subscription is not None:
        return rows.card_of_row(subscription, customer)
    card_id = customer.default_payment_method_id
    card = db.session.get(PaymentMethod, (invoice.organization_id, card_id)) if card_id else None
    return card if card is not None and card.status == "active" else None


def _stored(invoice: Invoice, subscription: Subscription | None) -> str:
    card = stored_card(invoice, subscription)
    if card is None:
        raise InvalidRequest(
            "payment_method_required", "No card is stored: say which to charge.", param="payment_method"
        )
    return card.id


def account_at(organization_id: str, processor: str | None) -> str | None:
    """The account at a processor that takes new cards; None where no processor is named.

    Raises InvalidRequest(`processor_unavailable`).
    """
    if processor is None:
        return None
    account = db.session.scalars(default_account(organization_id, processor)).first()
    if account is None:
        raise InvalidRequest("processor_unavailable", f"No {processor} account is set up.", param="processor")
    return account.id
