"""Why a charge is disputed, in plain words: each processor's own word, what it means, and what helps against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Reason:
    """`title` names it, `says` is what the card's holder claims, `helps` what a good answer holds."""

    title: str
    says: str
    helps: tuple[str, ...]


FRAUD: Final = Reason(
    "Fraud",
    "The card's holder says they did not make this payment.",
    (
        "That this customer ordered before, with the same card or address",
        "Their email, address and, if you have it, the IP address of the order",
        "Proof that the goods were delivered or the service was used",
    ),
)
NOT_RECEIVED: Final = Reason(
    "Not received",
    "The customer says that what they bought never came.",
    (
        "The carrier, the tracking number and the day of delivery",
        "The address it went to, and that it is the customer's",
        "What you and the customer wrote to each other",
    ),
)
NOT_AS_DESCRIBED: Final = Reason(
    "Not as described",
    "The customer says that it was broken, or not what you described.",
    (
        "How you described it at the time of the order",
        "Your returns policy, and where the customer saw it",
        "Whether the customer returned it or asked you to help",
    ),
)
DUPLICATE: Final = Reason(
    "Duplicate",
    "The customer says they were charged twice for the same thing.",
    ("What each of the charges was for", "That the two orders differ, or that one was refunded and when"),
)
CREDIT: Final = Reason(
    "Refund not received",
    "The customer says that you promised money back and did not send it.",
    ("Your refund policy, and where the customer saw it", "The day and amount of a refund, or why none is due"),
)
CANCELED: Final = Reason(
    "Canceled",
    "The customer says that they had canceled before this charge.",
    (
        "How one cancels, and where the customer was told",
        "That no cancellation came, or that it came after the charge",
        "That the service was used after the charge",
    ),
)
UNRECOGNIZED: Final = Reason(
    "Not recognized",
    "The card's holder does not know this charge on their statement.",
    ("What was bought, when, and under which name it shows on the statement", "The customer's name, email and address"),
)
AMOUNT: Final = Reason(
    "Wrong amount",
    "The customer says that another amount was agreed.",
    ("The order with its total as the customer saw it", "The receipt you sent, and when"),
)
OTHER_MEANS: Final = Reason(
    "Paid by other means",
    "The customer says that they paid for this in another way.",
    ("That no other payment came, or what it was for", "The order and its receipt"),
)
GENERAL: Final = Reason(
    "Other",
    "The bank gives no closer reason.",
    ("What was bought, when, and by whom", "Proof of delivery or use", "What you and the customer wrote to each other"),
)

# Stripe: docs.stripe.com/disputes/categories. Braintree: developer.paypal.com/braintree/docs/reference/response/dispute.
# Square: developer.squareup.com/reference/square/enums/DisputeReason.
REASONS: Final[dict[str, Reason]] = {
    "fraudulent": FRAUD,
    "fraud": FRAUD,
    "no_knowledge": FRAUD,
    "emv_liability_shift": FRAUD,
    "product_not_received": NOT_RECEIVED,
    "not_received": NOT_RECEIVED,
    "product_unacceptable": NOT_AS_DESCRIBED,
    "product_unsatisfactory": NOT_AS_DESCRIBED,
    "not_as_described": NOT_AS_DESCRIBED,
    "duplicate": DUPLICATE,
    "credit_not_processed": CREDIT,
    "customer_requests_credit": CREDIT,
    "subscription_canceled": CANCELED,
    "cancelled_recurring_transaction": CANCELED,
    "cancelled": CANCELED,
    "canceled": CANCELED,
    "unrecognized": UNRECOGNIZED,
    "not_recognized": UNRECOGNIZED,
    "amount_differs": AMOUNT,
    "transaction_amount_differs": AMOUNT,
    "incorrect_amount": AMOUNT,
    "paid_by_other_means": OTHER_MEANS,
}


def read(word: str) -> Reason:
    """What a processor's word means; an unknown one is a reason nobody gives closer."""
    return REASONS.get(word, GENERAL)
