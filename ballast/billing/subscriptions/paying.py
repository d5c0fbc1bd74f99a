"""Paying an invoice with its customer present: which card, where, and whether it is kept for the times to come."""

from __future__ import annotations

from dataclasses import dataclass

from ballast.billing import cards, payments
from ballast.billing.subscriptions import collecting, rows
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Customer, Invoice, Subscription
from ballast.models.customers import default_account


@dataclass(frozen=True)
class Means:
    """What is charged: a stored card (`pm_…`) or a processor's own token; None for the card that is stored. `processor`: where the
    token is from, if not from the default account. `save_card`: store it for this customer once it has paid."""

    payment_method: str | None = None
    processor: str | None = None
    save_card: bool = False


def begin(
    organization_id: str, invoice_id: str, means: Means, return_url: str | None = None
) -> tuple[Invoice, payments.Begun]:
    """Begin to pay an invoice. In the caller's transaction; run what it answers after that.

    A subscription that has no card yet keeps the one that pays. Raises NotFound, InvalidRequest(`payment_method_required`,
    `processor_unavailable`), and what `collecting.begin_with` raises.
    """
    subscription, invoice = collecting.lock(organization_id, invoice_id)
    is_first = subscription is not None and subscription.payment_method_id is None
    source = payments.Source(
        means.payment_method or _stored(organization_id, invoice, subscription),
        account_id=account_at(organization_id, means.processor),
        save_card=means.save_card or is_first,
        series="recurring" if subscription is not None else None,
        first_of_series=is_first,
    )
    return invoice, collecting.begin_with(invoice, source, return_url)


def _stored(organization_id: str, invoice: Invoice, subscription: Subscription | None) -> str:
    """The subscription's card, else the customer's default."""
    customer = db.session.get_one(Customer, (organization_id, invoice.customer_id))
    if subscription is not None:
        card = rows.card_of_row(subscription, customer)
    else:
        card = cards.find_named(organization_id, customer.default_payment_method_id)
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
