"""Invoices and subscriptions as the API answers them: with lines, with payments, with their latest invoices, without a statement
for each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask import Response
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from ballast.billing import invoices
from ballast.billing.invoice_payloads import invoice_payload, line_payload, subscription_payload
from ballast.billing.payloads import payment_payload
from ballast.billing.subscriptions import rows
from ballast.blueprints.api import refusals
from ballast.blueprints.api.answers import json_answer
from ballast.blueprints.api.expansion import customers_by_id, replace_ids
from ballast.db import db
from ballast.models import Invoice, Payment, Subscription
from ballast.models.invoices import lines_of_invoice

Found = dict[str, Any]


# --- Invoices ----------------------------------------------------------------------------------------------------------------


def invoice_answer(organization_id: str, invoice_id: str, status: int = 200, expand: Collection[str] = ()) -> Response:
    """One invoice with its lines."""
    return json_answer(status, _with_lines(invoices.find(organization_id, invoice_id), expand))


def _with_lines(invoice: Invoice, expand: Collection[str]) -> Found:
    payload = invoice_payload(invoice)
    if "payment" in expand:
        payload["payment"] = _payment(payment_of(invoice))
    lines = db.session.scalars(lines_of_invoice(invoice.organization_id, invoice.id))
    return payload | {"lines": [line_payload(line) for line in lines]}


def _payment(payment: Payment | None) -> Found | None:
    return payment_payload(payment) if payment else None


def payment_of(invoice: Invoice) -> Payment | None:
    """What an invoice is paid with, if anybody has begun to."""
    key = (invoice.organization_id, invoice.payment_id)
    return db.session.get(Payment, key, populate_existing=True) if invoice.payment_id else None


def paid_answer(organization_id: str, invoice_id: str) -> Response:
    """An invoice after a try to pay it: 402 with both when the bank said no."""
    invoice = invoices.find(organization_id, invoice_id)
    return refusals.answer(
        200, _with_lines(invoice, ("payment",)), payment_of(invoice), invoice=invoice_payload(invoice)
    )


# --- Subscriptions -----------------------------------------------------------------------------------------------------------


def subscriptions_out(organization_id: str, found: list[Subscription], expand: Collection[str]) -> list[Found]:
    """The subscriptions' payloads with their latest invoices; `expand`: latest_invoice, customer."""
    latest = _latest_invoices(organization_id, [one.id for one in found])
    payloads = []
    for one in found:
        invoice = latest.get(one.id)
        shown = invoice_payload(invoice) if invoice and "latest_invoice" in expand else invoice.id if invoice else None
        payloads.append(subscription_payload(one) | {"latest_invoice": shown})
    if "customer" in expand:
        replace_ids(payloads, "customer", customers_by_id(organization_id, {one.customer_id for one in found}))
    return payloads


def _latest_invoices(organization_id: str, ids: list[str]) -> dict[str | None, Invoice]:
    wanted = (
        select(Invoice)
        .where(Invoice.organization_id == organization_id, Invoice.subscription_id.in_(ids))
        .ext(distinct_on(Invoice.subscription_id))
        .order_by(Invoice.subscription_id, Invoice.id.desc())
    )
    return {invoice.subscription_id: invoice for invoice in db.session.scalars(wanted)}


def subscription_answer(organization_id: str, subscription_id: str, expand: Collection[str] = ()) -> Response:
    """One subscription, as it is now."""
    found = rows.find(organization_id, subscription_id)
    return json_answer(200, subscriptions_out(organization_id, [found], expand)[0])


def billed_answer(organization_id: str, subscription_id: str, status: int) -> Response:
    """A subscription after something was billed for it, with that invoice and its payment; 402 when the bank said no."""
    found = rows.find(organization_id, subscription_id)
    invoice = _latest_invoices(organization_id, [found.id]).get(found.id)
    payment = payment_of(invoice) if invoice else None
    shown = invoice_payload(invoice) | {"payment": _payment(payment)} if invoice else None
    payload = subscription_payload(found) | {"latest_invoice": shown}
    is_waiting = invoice is not None and invoice.status == "open"
    return refusals.answer(status, payload, payment if is_waiting else None, subscription=payload)
