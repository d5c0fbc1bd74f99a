"""Goods of a financed order came back, all or for a part of the price: what is owed falls first, the rest goes back to the cards.

Decided so, and the same in every order of events (docs/financing.md, "Refunds and disputes"):
* Principal is credited from the last installment backwards: the next charges stay as the customer knows them, the plan ends sooner.
* Interest not earned yet goes in the share that the credited principal has in what each later line was for. The price back means no
  interest is owed any more at all; what was paid for the time gone by stays paid.
* A late fee goes with the installment it stood on, once that is credited whole.
* What is more than is owed goes back to the cards it came from, the newest payment first, the down payment last; of each what it paid
  of the price. An installment so paid back is `refunded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ballast.billing.financing.entries import Parts
from ballast.billing.financing.servicing import plan_payments, rebates
from ballast.billing.financing.servicing.consequences import Back, Change, Consequence, merged
from ballast.billing.financing.servicing.plan_payments import Paid
from ballast.billing.financing.servicing.plans import Plan
from ballast.billing.minimums import to_step
from ballast.errors import Conflict, InvalidRequest
from ballast.money import format_money


def decide(plan: Plan, amount: int | None = None) -> Consequence:
    """Minor units of the price that are given back; None for all of it that has not gone back yet.

    Raises Conflict(`payment_refunded`), InvalidRequest(`amount_invalid`, `refund_too_large`).
    """
    paid = plan_payments.of(plan.agreement)
    left = refundable(plan, paid)
    if not left:
        raise Conflict("payment_refunded", "All of the price has gone back already.")
    amount = left if amount is None else amount
    _check(plan, amount, left)
    owed = sum(one.principal_left for one in plan.installments)
    is_whole = amount == left and left == _price_left(plan, paid)
    credited = _all(plan) if is_whole else _credited(plan, min(amount, owed))
    back, pairs = _back(paid, max(amount - owed, 0))
    return Consequence("refunded", plan.today, merged((*credited, *pairs)), back=back, notes=_notes(plan, amount, back))


def refundable(plan: Plan, paid: Sequence[Paid]) -> int:
    """What of the price can still go back: no more than is owed and came from cards."""
    owed = sum(one.principal_left for one in plan.installments)
    return max(min(_price_left(plan, paid), owed + plan_payments.most(paid)), 0)


def _price_left(plan: Plan, paid: Sequence[Paid]) -> int:
    return plan.agreement.price - plan_payments.returned(plan.agreement, [one.payment for one in paid])


def _check(plan: Plan, amount: int, left: int) -> None:
    if amount <= 0 or amount % plan.step:
        raise InvalidRequest("amount_invalid", "Enter an amount above zero.", param="amount")
    if amount > left:
        shown = format_money(left, plan.agreement.currency)
        raise InvalidRequest("refund_too_large", f"At most {shown} can be refunded.", param="amount")


def _all(plan: Plan) -> list[Change]:
    """The deal is off: nothing is owed any more, no fee either."""
    changes = []
    for one in plan.unpaid:
        changes.append(Change("principal_credited", one.number, Parts(principal=-one.principal_left)))
        changes.append(Change("interest_rebated", one.number, Parts(interest=-one.interest_left)))
        changes.append(Change("late_fee_waived", one.number, Parts(late_fee=-one.late_fee_left)))
    return changes


def _credited(plan: Plan, amount: int) -> list[Change]:
    """Principal off the last ones first, the interest that was for it, and the late fee of what is credited whole."""
    credits: dict[int, int] = {}
    for one in sorted(plan.unpaid, key=lambda one: (one.due_on, one.number), reverse=True):
        taken = min(amount, one.principal_left)
        amount -= taken
        if taken:
            credits[one.number] = taken
    changes = [Change("principal_credited", number, Parts(principal=-taken)) for number, taken in credits.items()]
    changes += _rebated(plan, credits)
    for one in plan.unpaid:
        if one.late_fee_left and credits.get(one.number) == one.principal_left:
            changes.append(Change("late_fee_waived", one.number, Parts(late_fee=-one.late_fee_left)))
    return changes


def _rebated(plan: Plan, credits: dict[int, int]) -> list[Change]:
    """Of each line's unearned interest, the share that what is credited has in the principal the line still ran on."""
    changes: list[Change] = []
    running = credited = 0
    for one, unearned in reversed(rebates.unearned(plan, plan.today)):
        running += one.principal_left
        credited += credits.get(one.number, 0)
        if running:
            share = to_step(Fraction(min(unearned, one.interest_left) * credited, running), plan.step)
            changes.append(Change("interest_rebated", one.number, Parts(interest=-share)))
    return changes


def _back(paid: Sequence[Paid], amount: int) -> tuple[tuple[Back, ...], list[Change]]:
    """To the cards, newest first; what a payment paid of its installments is reversed and credited, so they are `refunded`."""
    taken = _taken(paid, amount)
    slots = [[list(slot) for slot in one.principal] for one in paid]
    own = [min(part, one.price) for one, part in zip(paid, taken, strict=True)]
    drawn = [_draw(slots[place], part) for place, part in enumerate(own)]
    pool = [slot for slots_of_one in slots for slot in slots_of_one]
    for place, part in enumerate(taken):
        drawn[place] += _draw(pool, part - own[place])
    chosen = [place for place, part in enumerate(taken) if part]
    back = tuple(Back(paid[place].payment.id, taken[place], card_of(paid[place])) for place in chosen)
    pairs = [
        change
        for index, place in enumerate(chosen)
        for slot in drawn[place]
        for change in _pair(slot[0], slot[1], index)
    ]
    return back, pairs


def _taken(paid: Sequence[Paid], amount: int) -> list[int]:
    """Of each payment what it paid for the goods; past that, for interest a payoff had set against the goods, what else is left."""
    taken = []
    for one in paid:
        taken.append(min(amount, one.price, one.refundable))
        amount -= taken[-1]
    for place, one in enumerate(paid):
        part = min(amount, one.refundable - taken[place])
        taken[place] += part
        amount -= part
    return taken


def _draw(slots: Sequence[list[int]], amount: int) -> list[tuple[int, int]]:
    """So many minor units out of slots of (installment, principal), which are left with the rest."""
    drawn = []
    for slot in slots:
        part = min(amount, slot[1])
        slot[1] -= part
        amount -= part
        drawn.append((slot[0], part))
    return drawn


def _pair(number: int, amount: int, index: int) -> tuple[Change, Change]:
    paid = Change("payment_reversed", number, Parts(principal=amount), index)
    return paid, Change("principal_credited", number, Parts(principal=-amount), index)


def card_of(paid: Paid) -> str:
    """Its card, as people name it."""
    brand, last4 = paid.payment.card_brand, paid.payment.card_last4
    return f"{brand.capitalize()} {last4}" if brand and last4 else "the card"


def _notes(plan: Plan, amount: int, back: Sequence[Back]) -> tuple[str, ...]:
    """For whoever decides."""
    currency = plan.agreement.currency
    lines = [f"{format_money(one.amount, currency)} goes back to {one.card}." for one in back]
    reduced = amount - sum(one.amount for one in back)
    if reduced:
        lines.insert(0, f"{format_money(reduced, currency)} comes off what is owed, the last installments first.")
    return tuple(lines)
