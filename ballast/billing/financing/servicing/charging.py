"""Taking the money of an act: one payment that claims what it settles. Until it is there, nothing of the act has happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ballast.billing import payments
from ballast.billing.financing import claims, rows, standing
from ballast.billing.financing.servicing import amendments, consequences
from ballast.billing.financing.servicing.amendments import Signed
from ballast.billing.financing.servicing.plans import Plan
from ballast.billing.financing.servicing.previews import Preview
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Installment


@dataclass(frozen=True)
class Means:
    """What is charged: a stored card or a processor's own token (of the account at `account_id`); None for the plan's card.
    `keep`: the card is stored, and the plan charged to it from then on. The rest as in `payments.Source`."""

    payment_method: str | None = None
    account_id: str | None = None
    keep: bool = False
    return_url: str | None = None
    device_data: str | None = None
    verification: str | None = None
    one_time: bool = False


def begin(plan: Plan, installments: Sequence[Installment], seen: Preview, by: Signed, means: Means) -> payments.Begun:
    """Begin to charge what the preview says. In the caller's transaction, with agreement and installments locked and free.

    Raises InvalidRequest(`payment_method_required`), and what `new_payments.create` and `payments.begin` raise.
    """
    agreement = plan.agreement
    wanted = seen.consequence
    method = means.payment_method or agreement.payment_method_id
    if method is None:
        raise InvalidRequest(
            "payment_method_required", "No card is stored: say which to charge.", param="payment_method"
        )
    by_number = {one.number: one for one in installments}
    parts = _parts(by_number, wanted)
    payment = claims.payment_for(agreement, parts, rows.describe(agreement, [one for one, _ in parts]))
    payment.off_session = False
    for one, _amount in parts:
        one.keeps_card = means.keep
    agreement.under_way = {
        "payment": payment.id,
        "consequence": consequences.to_dict(wanted),
        "by": asdict(by),
        "before": amendments.snapshot(agreement, installments),
    }
    source = payments.Source(
        method,
        verification=means.verification,
        account_id=means.account_id,
        save_card=means.keep,
        device_data=means.device_data,
        one_time=means.one_time,
        series="installment",
    )
    begun = payments.begin(payment, source, means.return_url)
    standing.refresh(agreement, installments)
    db.session.flush()
    return begun


def _parts(by_number: dict[int, Installment], wanted: consequences.Consequence) -> list[claims.Part]:
    """What the payment claims of which installment; a settlement holds all that it ends, so that nothing else takes one meanwhile."""
    if wanted.kind == "settled":
        return claims.spread(list(by_number.values()), wanted.charged)
    return [(by_number[number], amount) for number, amount in settles(wanted) if amount]


def settles(wanted: consequences.Consequence) -> list[tuple[int, int]]:
    """(installment, minor units) that the payment claims: what it pays of each. Where interest paid ahead pays a part, the claims come
    to less, but for a unit of each: a payoff holds all of them."""
    paid: dict[int, int] = {}
    for change in wanted.changes:
        if change.kind == "payment":
            paid[change.number] = paid.get(change.number, 0) - change.parts.total
    surplus = sum(paid.values()) - wanted.charged
    settled = []
    for number, amount in sorted(paid.items()):
        taken = min(surplus, max(amount - 1, 0))
        surplus -= taken
        settled.append((number, amount - taken))
    return settled
