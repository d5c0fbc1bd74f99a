"""Invoices that a merchant writes by hand, for what is sold once: finalized at once, paid on their page or by `paying`."""

from __future__ import annotations

from dataclasses import dataclass, field

from ballast import money
from ballast.billing import catalog, customers, invoices, receipts
from ballast.billing.pricing import Line
from ballast.errors import InvalidRequest, NotFound
from ballast.models import Invoice


@dataclass(frozen=True)
class NewLine:
    """So many of a one-time price, or of something of `amount` minor units each that `description` names."""

    price_id: str | None = None
    description: str | None = None
    amount: int | None = None
    quantity: int = 1


@dataclass(frozen=True)
class NewInvoice:
    """To whom, in what currency, for what."""

    customer_id: str
    currency: str
    lines: tuple[NewLine, ...]
    metadata: dict[str, str] = field(default_factory=dict)


def create(organization_id: str, asked: NewInvoice) -> Invoice:
    """Write it, numbered and open, and mail it to its customer. In the caller's transaction. Raises what `draw_up` raises."""
    invoice = invoices.issue(organization_id, draw_up(organization_id, asked))
    receipts.send_invoice(invoice)
    return invoice


def draw_up(organization_id: str, asked: NewInvoice) -> invoices.NewInvoice:
    """What is written then, for `invoices.figure` to say what it comes to. Changes nothing.

    Raises InvalidRequest(`customer_unknown`, `currency_unknown`, `currency_mismatch`, `price_unknown`, `price_recurring`,
    `parameter_conflict`, `amount_invalid`).
    """
    money.exponent(asked.currency)
    try:
        customer = customers.find(organization_id, asked.customer_id)
    except NotFound as error:
        raise InvalidRequest("customer_unknown", "There is no such customer.", param="customer") from error
    draft = invoices.NewInvoice(
        customer=customer,
        currency=asked.currency,
        reason="manual",
        lines=tuple(_line(organization_id, line, asked.currency) for line in asked.lines),
        metadata=asked.metadata,
    )
    if invoices.figure(organization_id, draft).sums.total > money.MAX_AMOUNT:
        raise InvalidRequest("amount_invalid", "This comes to more than can be charged.", param="lines")
    return draft


def _line(organization_id: str, asked: NewLine, currency: str) -> Line:
    if (asked.price_id is None) == (asked.amount is None) or (asked.amount is None) != (asked.description is None):
        raise InvalidRequest(
            "parameter_conflict", "A line has a price, or an amount with its description.", param="lines"
        )
    if asked.price_id is None:
        return _of(asked.description or "", asked.amount or 0, asked.quantity, None)
    price, product = catalog.sold(organization_id, asked.price_id)
    if price.interval is not None:
        raise InvalidRequest("price_recurring", "A recurring price is billed by a subscription.", param="lines")
    if price.currency != currency:
        raise InvalidRequest("currency_mismatch", f"This price is in {price.currency}.", param="lines")
    return _of(product.name, price.amount, asked.quantity, price.id)


def _of(description: str, amount: int, quantity: int, price_id: str | None) -> Line:
    return Line(description, quantity, amount, amount * quantity, price_id=price_id)
