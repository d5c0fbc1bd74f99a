"""Invoices over the API: written by hand, found, paid, taken back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import eq

from flask import Response, g
from sqlalchemy import select

from ballast.billing import manual_invoices, payments, velocity
from ballast.billing.invoice_payloads import invoice_payload
from ballast.billing.preview_payloads import forecast_payload
from ballast.billing.subscriptions import forecasting, forgiving, paying, rows
from ballast.blueprints.api.answers import Done, json_answer, key_of_request, list_answer, once, where_given
from ballast.blueprints.api.billed import invoice_answer, paid_answer
from ballast.blueprints.api.invoice_schemas import (
    InvoiceCreate,
    InvoiceExpand,
    InvoiceList,
    InvoiceMarkUncollectible,
    InvoiceOut,
    InvoicePath,
    InvoicePay,
    InvoiceQuery,
    InvoiceVoid,
    UpcomingOut,
    UpcomingQuery,
)
from ballast.blueprints.api.schemas import ErrorOut
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.models import Invoice

blueprint = make_blueprint(
    "api_invoices",
    "Invoices",
    "What a customer is asked to pay: numbered without gaps, frozen once it is final.",
    read="subscriptions:read",
    write="subscriptions:write",
)


@blueprint.post("/invoices", summary="Create an invoice", responses={201: InvoiceOut}, openapi_extensions=TAKES_KEY)
def create(body: InvoiceCreate) -> Response:
    """For what is sold once. Final and numbered at once; your customer pays it on its page, or you with `pay`."""
    asked = manual_invoices.NewInvoice(
        customer_id=body.customer,
        currency=body.currency,
        lines=tuple(
            manual_invoices.NewLine(line.price, line.description, line.amount, line.quantity) for line in body.lines
        ),
        metadata=dict(body.metadata),
    )
    return once(
        key_of_request(),
        lambda: Done(manual_invoices.create(g.organization_id, asked).id),
        partial(invoice_answer, g.organization_id, status=201),
    )


@blueprint.get("/invoices", summary="List invoices", responses={200: InvoiceList})
def list_(query: InvoiceQuery) -> Response:
    """Newest first, without their lines."""
    wanted = where_given(
        select(Invoice).where(Invoice.organization_id == g.organization_id),
        (Invoice.status, eq, query.status),
        (Invoice.customer_id, eq, query.customer),
        (Invoice.subscription_id, eq, query.subscription),
    )
    return list_answer(wanted, Invoice, "in", query, lambda found: [invoice_payload(row[0]) for row in found])


@blueprint.get("/invoices/upcoming", summary="Preview the next invoice", responses={200: UpcomingOut})
def upcoming(query: UpcomingQuery) -> Response:
    """What a subscription is billed at its renewal, as things stand. 404 when nothing is to come."""
    found = rows.find(g.organization_id, query.subscription)
    return json_answer(200, forecast_payload(forecasting.upcoming(found), found.currency))


@blueprint.get("/invoices/<invoice_id>", summary="Get an invoice", responses={200: InvoiceOut})
def get(path: InvoicePath, query: InvoiceExpand) -> Response:
    """One invoice, with its lines."""
    return invoice_answer(g.organization_id, path.invoice_id, expand=query.expand)


@blueprint.post(
    "/invoices/<invoice_id>/pay",
    summary="Pay an invoice",
    responses={200: InvoiceOut, 402: ErrorOut},
    openapi_extensions=TAKES_KEY,
)
def pay(path: InvoicePath, body: InvoicePay) -> Response:
    """Your customer is there: 200 with the invoice and its payment, which may ask for a confirmation, or 402 when the bank says no."""
    velocity.check(g.organization_id, body.payment_method)
    means = paying.Means(body.payment_method, body.processor, body.save_payment_method)
    return_url = str(body.return_url) if body.return_url else None

    def begin() -> Done:
        invoice, begun = paying.begin(g.organization_id, path.invoice_id, means, return_url)
        return Done(invoice.id, partial(payments.run, begun))

    return once(key_of_request(), begin, partial(paid_answer, g.organization_id))


@blueprint.post(
    "/invoices/<invoice_id>/void", summary="Void an invoice", responses={200: InvoiceOut}, openapi_extensions=TAKES_KEY
)
def void(path: InvoicePath, body: InvoiceVoid) -> Response:
    """Takes it back: nobody owes it, and credit it took is given back. Its number stays. A paid one takes a credit note."""
    assert body is not None
    return _act(path, forgiving.void)


@blueprint.post(
    "/invoices/<invoice_id>/mark_uncollectible",
    summary="Give an invoice up",
    responses={200: InvoiceOut},
    openapi_extensions=TAKES_KEY,
)
def mark_uncollectible(path: InvoicePath, body: InvoiceMarkUncollectible) -> Response:
    """Bad debt: nothing is tried any more, and it can still be paid."""
    assert body is not None
    return _act(path, forgiving.mark_uncollectible)


def _act(path: InvoicePath, what: Callable[[str, str], Invoice]) -> Response:
    return once(
        key_of_request(),
        lambda: Done(what(g.organization_id, path.invoice_id).id),
        partial(invoice_answer, g.organization_id),
    )
