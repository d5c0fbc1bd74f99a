"""What customers are told by mail about their money: composed with the fact, once per fact."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from ballast import config
from ballast.billing import branding, explanation_links, order_totals, outlook
from ballast.billing.financing import rows
from ballast.db import db, known, once
from ballast.models import (
    Customer,
    FinancingAgreement,
    Invoice,
    InvoiceLine,
    Order,
    OrderLine,
    Organization,
    Payment,
    Refund,
)
from ballast.models.invoices import lines_of_invoice
from ballast.models.orders import lines_of_order
from ballast.money import format_money
from ballast.notifications import emails


@dataclass(frozen=True)
class Line:
    """A line as mails list it; `amount` is minor units."""

    name: str
    quantity: int
    amount: int


def send_receipt(
    payment: Payment, order: Order | None, invoice: Invoice | None = None, agreement: FinancingAgreement | None = None
) -> None:
    """The receipt of a payment that succeeded, to the order's or the customer's address. In the caller's transaction."""
    recipient = _recipient(payment, order)
    if recipient is None:
        return
    organization, lines = _organization(payment.organization_id), _lines(order)
    emails.compose(
        payment.organization_id,
        "receipt",
        recipient,
        f"Your receipt from {organization.shop_name or organization.name}: {format_money(payment.amount_captured, payment.currency)}",
        f"receipt/{payment.id}",
        payment.id,
        {
            "organization": organization,
            "payment": payment,
            "order": order,
            "invoice": invoice,
            "brand": branding.of(organization),
            "lines": lines or _billed(invoice),
            "beside": order_totals.beside(order, lines) if order else [],
            "agreement": rows.of_order(order.organization_id, order.id) if order else None,
            "outlook": outlook.of(order) if order and order.goods_amount else None,
            "why_url": explanation_links.url(payment.organization_id, payment.id),
            "receipt_url": receipt_url(order) or invoice_url(invoice) or plan_url(agreement),
            "pdf_url": f"{invoice_url(invoice)}.pdf" if invoice else None,
        },
    )


def send_order(order: Order) -> None:
    """Word that an order is taken of which nothing was left to pay. In the caller's transaction."""
    if not order.email:
        return
    organization, lines = _organization(order.organization_id), _lines(order)
    brand = branding.of(organization)
    emails.compose(
        order.organization_id,
        "free_order",
        order.email,
        f"Your order from {brand.name}",
        f"order/{order.id}",
        order.customer_id,
        {
            "organization": organization,
            "order": order,
            "brand": brand,
            "lines": lines,
            "beside": order_totals.beside(order, lines),
            "receipt_url": receipt_url(order),
        },
    )


def send_invoice(invoice: Invoice) -> None:
    """An invoice that nobody is charged for by itself, with the way to pay it. In the caller's transaction."""
    if invoice.status != "open" or not invoice.customer_email:
        return
    organization = _organization(invoice.organization_id)
    brand = branding.of(organization)
    context = {
        "organization": organization,
        "brand": brand,
        "invoice": invoice,
        "lines": _billed(invoice),
        "pay_url": invoice_url(invoice),
        "pdf_url": f"{invoice_url(invoice)}.pdf",
        "why_url": explanation_links.url(invoice.organization_id, invoice.id),
    }
    subject = f"Invoice {invoice.number} from {brand.name}: {format_money(invoice.amount_due, invoice.currency)}"
    key = f"invoice/{invoice.id}"
    emails.compose(
        invoice.organization_id, "invoice", invoice.customer_email, subject, key, invoice.customer_id, context
    )


def _billed(invoice: Invoice | None) -> list[Line]:
    if invoice is None:
        return []
    found = known((InvoiceLine, invoice.id)) or db.session.scalars(
        lines_of_invoice(invoice.organization_id, invoice.id)
    )
    return [Line(line.description, line.quantity, line.amount) for line in found]


def invoice_url(invoice: Invoice | None) -> str | None:
    """The page of an invoice, for whoever holds its token."""
    return f"{config.current().public_url}/invoices/{invoice.token}" if invoice else None


def send_refund_notice(payment: Payment, refund: Refund) -> None:
    """Word that a refund is on its way. In the caller's transaction."""
    order = _order(payment)
    recipient = _recipient(payment, order)
    if recipient is None:
        return
    organization = _organization(payment.organization_id)
    emails.compose(
        payment.organization_id,
        "refund",
        recipient,
        f"We refunded {format_money(refund.amount, refund.currency)}",
        f"refund/{refund.id}",
        payment.id,
        {
            "organization": organization,
            "payment": payment,
            "refund": refund,
            "brand": branding.of(organization),
            "order": order,
            "receipt_url": receipt_url(order),
        },
    )


def receipt_url(order: Order | None) -> str | None:
    """Where the receipt stands, for whoever holds the order's token."""
    return f"{config.current().public_url}/checkout/{order.token}/receipt" if order else None


def plan_url(agreement: FinancingAgreement | None) -> str | None:
    """Where the plan stands, for whoever holds its token."""
    return f"{config.current().public_url}/plans/{agreement.token}" if agreement else None


def _recipient(payment: Payment, order: Order | None) -> str | None:
    if order is not None and order.email:
        return order.email
    if payment.customer_id is None:
        return None
    customer: Customer | None = known((Customer, payment.organization_id, payment.customer_id))
    if customer is not None:
        return customer.email
    wanted = select(Customer.email).where(
        Customer.organization_id == payment.organization_id, Customer.id == payment.customer_id
    )
    return db.session.scalars(wanted).first()


def _organization(organization_id: str) -> Organization:
    found: Organization = once((Organization, organization_id), lambda: _read_organization(organization_id))
    return found


def _read_organization(organization_id: str) -> Organization:
    return db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()


def _order(payment: Payment) -> Order | None:
    if payment.order_id is None:
        return None
    wanted = select(Order).where(Order.organization_id == payment.organization_id, Order.id == payment.order_id)
    return db.session.scalars(wanted).first()


def _lines(order: Order | None) -> list[OrderLine]:
    return list(db.session.scalars(lines_of_order(order.organization_id, order.id))) if order else []
