"""How invoices that are not written yet look from outside: figures and lines as the invoice will have them."""

from __future__ import annotations

from typing import Any

from ballast.billing.catalog_payloads import iso
from ballast.billing.invoices import Figures
from ballast.billing.pricing import Line
from ballast.billing.subscriptions.changing import Preview, When
from ballast.billing.subscriptions.forecasting import First, Forecast


def figures_payload(figures: Figures, currency: str) -> dict[str, Any]:
    """An invoice to come as JSON: minor units of `currency`."""
    sums, tax = figures.sums, figures.tax
    return {
        "object": "invoice_preview",
        "currency": currency,
        "subtotal": sums.subtotal,
        "discount": sums.discount,
        "tax": sums.tax,
        "tax_rate": {"name": tax.name, "bps": tax.bps, "inclusive": tax.inclusive} if tax else None,
        "total": sums.total,
        "credit_applied": figures.credit_applied,
        "amount_due": figures.amount_due,
        "lines": [_line(line) for line in sums.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "description": line.description,
        "price": line.price_id,
        "quantity": line.quantity,
        "unit_amount": line.unit_amount,
        "amount": line.amount,
        "discount": line.discount,
        "tax": line.tax,
        "proration": line.is_proration,
        "period_start": iso(line.period_start),
        "period_end": iso(line.period_end),
    }


def forecast_payload(forecast: Forecast, currency: str) -> dict[str, Any]:
    """An invoice to come, with when it does."""
    return figures_payload(forecast.figures, currency) | {
        "at": forecast.at.isoformat(),
        "period_start": forecast.period_start.isoformat(),
        "period_end": forecast.period_end.isoformat(),
    }


def first_payload(found: First) -> dict[str, Any]:
    """What starting would bill. `next`: what the invoice after it will come to, before any credit."""
    currency = found.plan.currency
    return {
        "object": "subscription_preview",
        "price": found.plan.price_id,
        "quantity": found.plan.quantity,
        "trial_end_at": iso(found.trial_end_at),
        "invoice": forecast_payload(found.now, currency),
        "next": {"at": found.then.at.isoformat(), "total": found.then.figures.sums.total},
    }


def change_payload(found: Preview, when: When) -> dict[str, Any]:
    """What a change would bill at `at`. `credit`: what the customer is owed afterwards."""
    return {
        "object": "change_preview",
        "when": when,
        "at": found.at.isoformat(),
        "price": found.after.price_id,
        "quantity": found.after.quantity,
        "amount_due": found.amount_due,
        "credit": found.credit,
        "new_anchor": found.new_anchor,
        "period_end": found.period_end.isoformat(),
        "invoice": figures_payload(found.figures, found.after.currency),
    }
