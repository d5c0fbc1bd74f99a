"""An installment paid with its customer present: what is due or late, one early, or an amount, with a new card or a stored one.

If the process dies …
  before the commit that begins the attempt: nothing happened, and nothing is claimed.
  after it: the attempt is the resolver's. What it finds is recorded as any outcome is, and settles what was claimed (`settling`).
Two at once, or the nightly run in between, meet at the agreement's row lock; past that, at the one open claim on each installment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ballast.billing import minimums, payments
from ballast.billing.financing import claims, entries, payoffs, rows, standing
from ballast.billing.financing.balances import unpaid
from ballast.billing.financing.claims import Part
from ballast.db import transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.models import FinancingAgreement, Installment
from ballast.money import format_money

# What may be paid by its customer in these; automatic charges end sooner (`models.states.COLLECTED`).
PAYABLE: Final = ("active", "late", "delinquent", "defaulted", "charged_off")


def pay(
    organization_id: str,
    agreement_id: str,
    what: int | Sequence[str],
    source: payments.Source,
    return_url: str | None = None,
    *,
    keep: bool = False,
) -> str:
    """Its customer pays, now: `what` is an amount in minor units, the oldest due first, or the ids of installments, each in full.

    `keep`: the card that pays is charged from then on; `source.save_card` must be set for a new one. What covers everything is a
    payoff, and comes to no more than that (`payoffs`). Answers the payment's id, whatever came of it; read it to know.
    Raises NotFound, Conflict(`agreement_not_payable`, `payment_in_progress`), InvalidRequest(`amount_invalid`, `amount_leaves_rest`,
    `installment_unknown`) and what `payments.begin` raises.
    """
    with transaction():
        agreement = rows.locked(organization_id, agreement_id)
        installments = rows.locked_installments(agreement)
        parts = parts_of(agreement, installments, what)
        begun, payment_id = begin(agreement, installments, parts, source, return_url, keep=keep)
    payments.run(begun)
    return payment_id


def due_now(agreement: FinancingAgreement, installments: Sequence[Installment]) -> int:
    """What is due or late today, late fees included, minor units."""
    today = rows.today(agreement)
    return sum(one.left for one in unpaid(installments) if one.due_on <= today)


def parts_of(
    agreement: FinancingAgreement, installments: Sequence[Installment], what: int | Sequence[str]
) -> list[Part]:
    """What `pay` would claim of which installment, minor units. Changes nothing. Raises Conflict(`agreement_not_payable`),
    InvalidRequest(`amount_invalid`, `amount_leaves_rest`, `installment_unknown`)."""
    if agreement.status not in PAYABLE:
        raise Conflict("agreement_not_payable", f"A plan that is {agreement.status} cannot be paid.")
    chosen = list(installments) if isinstance(what, int) else _named(installments, what)
    amount = what if isinstance(what, int) else sum(one.left for one in chosen)
    payoff = payoffs.quote(agreement, installments, rows.today(agreement))
    if not 0 < amount <= payoff.left:
        left = format_money(payoff.left, agreement.currency)
        raise InvalidRequest("amount_invalid", f"Choose an amount up to {left}, what is left.", param="amount")
    if amount >= payoff.amount > 0:
        return claims.spread(installments, payoff.amount)
    return _checked(agreement, [(one, -parts.total) for one, parts in entries.allocate(chosen, amount)])


def _named(installments: Sequence[Installment], ids: Sequence[str]) -> list[Installment]:
    found = [one for one in installments if one.id in ids and one.left]
    if not found or len(found) != len(set(ids)):
        raise InvalidRequest("installment_unknown", "This installment is not one to be paid.", param="installments")
    return found


def _checked(agreement: FinancingAgreement, parts: list[Part]) -> list[Part]:
    """What is left of an installment must be enough to be charged."""
    least = minimums.least(agreement.currency)
    for one, amount in parts:
        if 0 < one.left - amount < least:
            raise InvalidRequest(
                "amount_leaves_rest",
                f"That would leave less of installment {one.number} than can be charged. Choose another amount.",
                param="amount",
            )
    return parts


def begin(
    agreement: FinancingAgreement,
    installments: Sequence[Installment],
    parts: Sequence[Part],
    source: payments.Source,
    return_url: str | None = None,
    *,
    keep: bool = False,
) -> tuple[payments.Begun, str]:
    """Begin to collect these parts with the customer present; run what it answers after the caller's transaction. Rows are locked.

    Raises Conflict(`payment_in_progress`) and what `payments.begin` raises.
    """
    payment = claims.payment_for(agreement, parts, rows.describe(agreement, [one for one, _ in parts]))
    payment.off_session = False
    for one, _ in parts:
        one.keeps_card = keep
    begun = payments.begin(payment, source, return_url)
    standing.refresh(agreement, installments)
    return begun, payment.id
