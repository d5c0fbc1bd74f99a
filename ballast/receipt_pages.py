"""The receipts of the checkout: of goods, of what is bought with a plan, of a subscription, and of goods with a subscription."""

from __future__ import annotations

from flask import Response, g, url_for

from ballast.billing import (
    agreement_page,
    cards,
    checkout,
    delivery_page,
    order_totals,
    outlook,
    portal,
    subscription_checkout,
)
from ballast.web import render


def of(found: checkout.Checkout) -> Response:
    """The receipt of a checkout that is done."""
    if found.is_mixed:
        return _together(found)
    if found.is_subscription:
        return _subscribed(found)
    if found.agreement is not None:
        return _on_plan(found)
    return _paid(found)


def _paid(found: checkout.Checkout) -> Response:
    """In full; without a payment where a discount left nothing to pay."""
    payment = found.payment if found.payment and found.payment.status == "succeeded" else None
    return render(
        "checkout/receipt.html",
        shop=g.shop,
        order=found.order,
        lines=found.lines,
        beside=order_totals.beside(found.order, found.lines),
        payment=payment,
        refunds=found.refunds,
        saved=cards.of_payment(payment) if payment and payment.save_card else None,
        delivers=found.is_sent,
        **delivery_page.sent(found.order),
    )


def _subscribed(found: checkout.Checkout) -> Response:
    """What has begun, and what comes next."""
    started = subscription_checkout.started_by(found.order)
    return render(
        "checkout/subscribed.html",
        shop=g.shop,
        order=found.order,
        payment=found.payment,
        held=portal.subscription(portal.customer_of(started), started.id),
    )


def _together(found: checkout.Checkout) -> Response:
    """Goods and a subscription: what was paid today, and what comes when."""
    return render(
        "checkout/together.html",
        shop=g.shop,
        order=found.order,
        lines=found.lines,
        payment=found.payment if found.payment and found.payment.status == "succeeded" else None,
        refunds=found.refunds,
        delivers=found.is_sent,
        outlook=outlook.of(found.order),
        every=every(outlook.of(found.order)),
        plan_url=url_for("plan_page.show", token=found.agreement.token) if found.agreement else None,
        **delivery_page.sent(found.order),
    )


def every(seen: outlook.Outlook | None) -> str:
    """How often the subscription of an order is paid; empty for none."""
    return seen.repeating[0].every if seen and seen.repeating else ""


def _on_plan(found: checkout.Checkout) -> Response:
    """Bought with a plan: what was paid today, and what comes when."""
    assert found.agreement is not None, "asked for orders with a plan alone"
    return render(
        "checkout/planned.html",
        shop=g.shop,
        order=found.order,
        lines=found.lines,
        beside=order_totals.beside(found.order, found.lines),
        payment=found.payment if found.payment and found.payment.status == "succeeded" else None,
        refunds=found.refunds,
        seen=agreement_page.of(found.agreement),
        delivers=found.is_sent,
        **delivery_page.sent(found.order),
    )
