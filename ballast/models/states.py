"""State machines as data: one table each, one function that moves a row.

A table maps a state to the states it may go to; a state that maps to nothing is final.
"""

from __future__ import annotations

from typing import Final, Protocol

from ballast.errors import Conflict

Transitions = dict[str, frozenset[str]]


def _table(**edges: str) -> Transitions:
    return {state: frozenset(targets.split()) for state, targets in edges.items()}


# Stripe's seven PaymentIntent states and `failed`, which is final: the payment was given up.
PAYMENT: Final = _table(
    requires_payment_method="requires_confirmation processing requires_action canceled failed",
    requires_confirmation="requires_payment_method processing requires_action canceled failed",
    requires_action="requires_payment_method processing requires_capture succeeded canceled failed",
    processing="requires_payment_method requires_confirmation requires_action requires_capture succeeded canceled failed",
    requires_capture="processing succeeded canceled failed",
    succeeded="",
    canceled="",
    failed="",
)

# `created`: intent committed, nothing sent. `submitted`: a call may be under way; only the resolver or its caller finishes it.
ATTEMPT: Final = _table(
    created="submitted not_sent",
    submitted="approved declined action_required unknown not_sent",
    unknown="approved declined action_required not_sent",
    action_required="submitted approved declined unknown not_sent",
    approved="",
    declined="",
    not_sent="",
)
OPEN_ATTEMPT: Final = ("created", "submitted", "unknown", "action_required")

CLAIM: Final = _table(open="paid released", paid="released", released="")

# `pending_settlement`: the processor gives nothing back before the charge has settled; it is sent again then.
REFUND: Final = _table(
    pending="submitted canceled",
    submitted="processing succeeded failed unknown pending pending_settlement",
    unknown="processing succeeded failed pending pending_settlement",
    pending_settlement="submitted canceled",
    processing="succeeded failed",
    succeeded="failed",  # a bank may send a refund back days later
    failed="",
    canceled="",
)
HELD_REFUND: Final = ("pending", "submitted", "unknown", "pending_settlement", "processing", "succeeded")
UNSETTLED_REFUND: Final = ("pending", "submitted", "unknown", "pending_settlement", "processing")

# A capture or a void of money that is held.
HOLD_ACTION: Final = _table(
    pending="submitted",
    submitted="succeeded failed unknown",
    unknown="submitted succeeded failed",
    succeeded="",
    failed="",
)
OPEN_HOLD_ACTION: Final = ("pending", "submitted", "unknown")

# A stored card. `pending`: it is being stored from a charge that was approved.
CARD: Final = _table(pending="active failed", active="detached", failed="", detached="")

# A detached card at its processor. Asking twice is safe, so an answer that is lost is no state of its own.
CARD_REMOVAL: Final = _table(pending="removed refused", refused="pending", removed="")

# As processors tell it; an event may come late or twice, so a dispute may jump ahead. `warning`: an inquiry, no money has moved.
DISPUTE: Final = _table(
    warning="needs_response under_review won lost accepted",
    needs_response="under_review won lost accepted",
    under_review="needs_response won lost accepted",
    won="lost needs_response under_review",  # a second round at some networks
    lost="won",
    accepted="lost",
)
OPEN_DISPUTE: Final = ("warning", "needs_response", "under_review")

# A refund that comes back from the bank makes the order paid again.
ORDER: Final = _table(pending="paid canceled", paid="refunded", canceled="", refunded="paid")
# `complete`: its order is paid. An open attempt keeps a session from expiring.
CHECKOUT_SESSION: Final = _table(open="complete expired", complete="", expired="")
# `incomplete`: the first payment has not arrived; after 23 hours it is `incomplete_expired`. `unpaid`, `defaulted`: dunning is over.
SUBSCRIPTION: Final = _table(
    incomplete="active trialing incomplete_expired canceled",
    trialing="active past_due paused canceled",
    active="past_due paused canceled unpaid defaulted",
    past_due="active unpaid defaulted canceled",
    paused="active trialing canceled",
    unpaid="active canceled",
    incomplete_expired="",
    defaulted="",
    canceled="",
)
# Periods follow each other in these.
RENEWING: Final = ("trialing", "active", "past_due")
INVOICE: Final = _table(
    draft="open void",
    open="paid void uncollectible",
    uncollectible="paid void",
    paid="",
    void="",
)
CREDIT_NOTE: Final = _table(issued="void", void="")
# A plan on offer. Unpublished again it is a draft, which is edited like any other.
OFFER: Final = _table(draft="published archived", published="draft archived", archived="draft")
# `late`: 1 to 29 days past due; `delinquent`: 30 and more; `settled`: a part was taken for all, the rest written off. A lost dispute
# brings back a debt that was paid off, settled or refunded; what had been charged off is not expected then either.
AGREEMENT: Final = _table(
    draft="active canceled",
    active="late delinquent defaulted paid_off settled canceled refunded",
    late="active delinquent defaulted paid_off settled canceled refunded",
    delinquent="active late defaulted charged_off paid_off settled canceled refunded",
    defaulted="active late delinquent charged_off paid_off settled refunded",
    charged_off="paid_off settled refunded",
    paid_off="active late charged_off refunded",
    settled="active late charged_off refunded",
    refunded="active late charged_off paid_off settled",
    canceled="",
)
# Charged by schedule in these.
COLLECTED: Final = ("active", "late", "delinquent")
# `processing`: a payment that claims it is under way.
INSTALLMENT: Final = _table(
    scheduled="due processing paid partially_paid late waived refunded",
    due="scheduled processing paid partially_paid late waived refunded",
    processing="scheduled due paid partially_paid late waived refunded",
    partially_paid="scheduled due processing paid late waived refunded",
    late="scheduled due processing paid partially_paid waived refunded",
    paid="scheduled due partially_paid late refunded waived",
    waived="scheduled due late partially_paid",
    refunded="scheduled due late paid partially_paid waived",
)
# Parcel by parcel.
FULFILLMENT: Final = _table(unfulfilled="partially_fulfilled fulfilled", partially_fulfilled="fulfilled", fulfilled="")
# `released`: the order was given up, or nobody paid it in time; it holds anew where somebody pays after all.
STOCK_HOLD: Final = _table(held="sold released", sold="", released="")
CART: Final = _table(open="ordered abandoned", ordered="open", abandoned="")
DELIVERY: Final = _table(
    pending="delivered failed dead_letter",
    failed="delivered dead_letter pending",
    dead_letter="pending",
    delivered="pending",
)
EMAIL: Final = _table(pending="sent failed", failed="pending sent", sent="pending")
# `failed`: its processor could not be asked for a day. Each night of a week takes it up again, and any day may be asked for.
RECONCILIATION: Final = _table(waiting="done failed", done="waiting", failed="waiting")
# `gone`: looked for again and not found any more.
DRIFT: Final = _table(open="repaired gone", repaired="open", gone="open")
# A bank may send back what had arrived.
PAYOUT: Final = _table(in_transit="paid failed", paid="failed", failed="")
INBOX: Final = _table(
    received="applied ignored failed", failed="received applied ignored", applied="received", ignored="received"
)

MACHINES: Final[dict[str, Transitions]] = {
    "payment": PAYMENT,
    "attempt": ATTEMPT,
    "claim": CLAIM,
    "refund": REFUND,
    "hold_action": HOLD_ACTION,
    "card": CARD,
    "dispute": DISPUTE,
    "order": ORDER,
    "stock_hold": STOCK_HOLD,
    "checkout_session": CHECKOUT_SESSION,
    "cart": CART,
    "subscription": SUBSCRIPTION,
    "invoice": INVOICE,
    "financing_offer": OFFER,
    "financing_agreement": AGREEMENT,
    "installment": INSTALLMENT,
    "credit_note": CREDIT_NOTE,
    "delivery": DELIVERY,
    "email": EMAIL,
    "inbox": INBOX,
    "reconciliation": RECONCILIATION,
    "drift": DRIFT,
    "payout": PAYOUT,
}


class Stateful(Protocol):
    """A row with a status and the name of its machine."""

    machine: str
    status: str


def may_move(machine: str, current: str, target: str) -> bool:
    """Whether the machine has an edge from `current` to `target`."""
    return target in MACHINES[machine][current]


def move(row: Stateful, target: str) -> None:
    """Set the row's status. Raises Conflict(`state_conflict`) when its machine has no such edge."""
    if not may_move(row.machine, row.status, target):
        raise Conflict("state_conflict", f"A {row.machine} that is {row.status} cannot become {target}.")
    row.status = target


class Removable(Protocol):
    """A stored card, whose removal at its processor is a machine of its own."""

    removal: str | None


def turn_removal(card: Removable, target: str) -> None:
    """Set how far a card's removal has come; it begins as `pending`. Raises Conflict(`state_conflict`) for what is no edge."""
    begins = card.removal is None and target == "pending"
    if not begins and (card.removal is None or target not in CARD_REMOVAL[card.removal]):
        raise Conflict("state_conflict", f"A removal that is {card.removal} cannot become {target}.")
    card.removal = target


class Sendable(Protocol):
    """An order of which something is sent by post, whose way to the shopper is a machine of its own."""

    fulfillment: str | None


def turn_fulfillment(order: Sendable, target: str) -> None:
    """Set how far an order is sent. Raises Conflict(`state_conflict`) for what is no edge."""
    if order.fulfillment is None or target not in FULFILLMENT[order.fulfillment]:
        raise Conflict("state_conflict", f"An order that is {order.fulfillment} cannot become {target}.")
    order.fulfillment = target
