"""Taking the money of an act: one payment that claims what it settles. Until it is there, nothing of the act has happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from ballast.billing import payments
from ballast.billing.financing import standing
from ballast.billing.financing.servicing import amendments, claiming, consequences
from ballast.billing.financing.servicing.amendments import Signed
from ballast.billing.financing.servicing.plans import Plan
from ballast.billing.financing.servicing.previews import Preview
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Installment


@dataclass(frozen=True)
class Means:
    """What is charged: a stored card or a processor's own token (of the account at `account_id`); None for the plan's card.
    `keep`: have the token's card stored for the customer. The rest as in `payments.Source`."""

    payment_method: str | None = None
    account_id: str | None = None
    keep: bool = False
    return_url: str | None = None
    device_data: str | None = None
    verification: str | None = None
    one_time: bool = False


def begin(plan: Plan, installments: Sequence[Installment], seen: Preview, by: Signed, means: Means) -> payments.Begun:
    """Begin to charge what the preview says. In the caller's transaction, with agreement and installments locked and free.

    Raises InvalidRequest(`payment_method_required`), and what `payments.create` and `payments.begin` raise.
    """
    agreement = plan.agreement
    wanted = seen.consequence
    method = means.payment_method or agreement.payment_method_id
    if method is None:
        raise InvalidRequest(
            "payment_method_required", "No card is stored: say which to charge.", param="payment_method"
        )
    payment = payments.create(
        agreement.organization_id,
        payments.NewPayment(
            amount=wanted.charged,
            currency=agreement.currency,
            description=f"Plan {agreement.id}",
            account_id=means.account_id,
            customer_id=agreement.customer_id,
            payment_method=method,
            save_card=means.keep,
            metadata={"financing_agreement": agreement.id},
        ),
    )
    by_number = {one.number: one for one in installments}
    settled = [(by_number[number], amount) for number, amount in settles(wanted) if amount]
    tries = {str(one.number): _iso(one.next_attempt_at) for one, _amount in settled}
    claiming.claim(agreement, payment, settled)
    agreement.under_way = {
        "payment": payment.id,
        "tries": tries,
        "consequence": consequences.to_dict(wanted),
        "by": asdict(by),
        "before": amendments.snapshot(agreement, installments),
    }
    source = payments.Source(
        method,
        verification=means.verification,
        account_id=means.account_id,
        device_data=means.device_data,
        one_time=means.one_time,
        series="installment",
    )
    begun = payments.begin(payment, source, means.return_url)
    standing.refresh(agreement, installments)
    db.session.flush()
    return begun


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def settles(wanted: consequences.Consequence) -> list[tuple[int, int]]:
    """(installment, minor units) that the money of an act pays. What was paid early and is set against others is no new money: the
    payment covers the rest."""
    paid: dict[int, int] = {}
    for change in wanted.changes:
        if change.kind == "payment":
            paid[change.number] = paid.get(change.number, 0) - change.parts.total
    surplus = sum(paid.values()) - wanted.charged
    settled = []
    for number, amount in sorted(paid.items()):
        taken = min(surplus, amount)
        surplus -= taken
        settled.append((number, amount - taken))
    return settled
