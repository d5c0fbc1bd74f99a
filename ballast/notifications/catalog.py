"""Every type of event there is, and when it is told. docs/webhooks.md shows an example of each, which the tests check."""

from __future__ import annotations

from typing import Final

from ballast.errors import InvalidRequest
from ballast.notifications.webhooks import wants

TEST_EVENT: Final = "webhook_endpoint.test"

# Sent to whoever asked for them.
EVENTS: Final[dict[str, str]] = {
    "payment_intent.created": "a payment was made",
    "payment_intent.requires_action": "the shopper must confirm with the bank",
    "payment_intent.attempt_failed": "a try was declined; the payment can still be paid",
    "payment_intent.amount_capturable_updated": "an amount is held and waits for its capture",
    "payment_intent.succeeded": "paid",
    "payment_intent.canceled": "closed without being paid, or what was held was let go",
    "refund.created": "money is to go back",
    "refund.succeeded": "the money is back",
    "refund.failed": "the money did not go back",
    "checkout_session.completed": "the shopper has paid",
    "checkout_session.expired": "nobody paid it in time, or you closed it",
    "dispute.created": "a card's holder contests a charge, or their bank asks about it",
    "dispute.updated": "its status or its last day has changed, and it is still open",
    "dispute.closed": "won, lost or accepted",
    "customer.created": "a customer was made over the API",
    "customer.updated": "what is known of them has changed",
    "customer.erased": "who they are was removed from everything here; do the same",
    "payment_method.detached": "nothing charges the card any more",
    "product.created": "something to sell was made",
    "product.updated": "its words have changed, or it is archived, or sold again",
    "price.created": "a product has a new price",
    "price.updated": "its nickname or metadata have changed, or it is archived, or sold again",
    "coupon.created": "a discount was made",
    "coupon.updated": "its name or metadata have changed, or it is archived",
    "promotion_code.created": "customers have a code to type",
    "promotion_code.updated": "it is archived, or good again",
    "tax_rate.created": "invoices to a place are taxed from now on",
    "tax_rate.updated": "its name has changed, or it is archived",
    "shipping_rate.created": "there is another way to send an order",
    "shipping_rate.updated": "its name has changed, or it is archived",
    "order.fulfilled": "all of it that is sent by post is on its way",
    "financing.offer.created": "a plan in installments was made, a draft so far",
    "financing.offer.updated": "its terms have changed, or it is published, unpublished or archived",
    "subscription.created": "a subscription was started, and may still wait for its first payment",
    "subscription.updated": "its plan, card, periods or metadata have changed, or it is to end with its period",
    "subscription.activated": "it is paid: for the first time, or again after it was not",
    "subscription.past_due": "a renewal was declined and is tried again",
    "subscription.unpaid": "dunning is over: nothing is billed until what is owed is paid",
    "subscription.defaulted": "dunning is over, and it has ended for good",
    "subscription.paused": "it rests, and is billed nothing",
    "subscription.resumed": "it goes on",
    "subscription.canceled": "it has ended",
    "subscription.expired": "its first payment did not come, and it never began",
    "invoice.finalized": "it has its number and is to be paid",
    "invoice.paid": "nothing is left to pay",
    "invoice.payment_failed": "a try to collect it was declined",
    "invoice.voided": "it was taken back: nobody owes it",
    "invoice.marked_uncollectible": "it is not expected any more, and can still be paid",
    "credit_note.created": "a paid invoice was taken back, in part or whole",
    "credit_note.voided": "its refund did not go, so nothing was taken back",
    "financing.agreement.created": "a shopper has agreed to a plan, which waits for what is due today",
    "financing.agreement.activated": "it runs: for the first time, or again once what was behind is paid",
    "financing.agreement.updated": "its card or dates have changed",
    "financing.agreement.late": "an installment was not paid on its day",
    "financing.agreement.delinquent": "it is thirty days behind",
    "financing.agreement.defaulted": "it is in default: nothing is charged by itself any more",
    "financing.agreement.charged_off": "it is not expected any more, and can still be paid",
    "financing.agreement.paid_off": "nothing of it is owed any more",
    "financing.agreement.settled": "a part was taken for all that was owed, and the rest let off",
    "financing.agreement.refunded": "what was owed is given back, and nothing was paid of it",
    "financing.agreement.canceled": "it never ran: another one took its place, or the shopper left",
    "financing.installment.upcoming": "it is charged in a few days, and the customer was told",
    "financing.installment.paid": "nothing of it is owed any more",
    "financing.installment.partially_paid": "a part of it was paid",
    "financing.installment.payment_failed": "a try to collect it was declined",
    "financing.installment.late_fee_charged": "it was not paid by the end of its grace, and costs a fee now",
}
MOST_PATTERNS: Final = 50


def check_patterns(patterns: list[str]) -> list[str]:
    """A filter as it is kept: each pattern once. Raises InvalidRequest(`events_invalid`) for one that lets nothing through."""
    found = list(dict.fromkeys(pattern.strip() for pattern in patterns))
    if not found or len(found) > MOST_PATTERNS:
        raise InvalidRequest("events_invalid", f"Name 1 to {MOST_PATTERNS} event types, or * for all.", param="events")
    for pattern in found:
        if not any(wants([pattern], event_type) for event_type in EVENTS):
            raise InvalidRequest(
                "events_invalid",
                f"{pattern[:80]} is no event type. Use one of the catalog, a family such as payment_intent.*, or *.",
                param="events",
            )
    return found


def families() -> dict[str, list[str]]:
    """Types by family (`payment_intent`, `refund` …), in the catalog's order."""
    found: dict[str, list[str]] = {}
    for event_type in EVENTS:
        found.setdefault(event_type.partition(".")[0], []).append(event_type)
    return found
