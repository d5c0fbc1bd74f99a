"""The road of every act: decided on the plan as it stands, shown; decided again under lock, and done only if nothing differs.

If the process dies …
  before the commit: nothing happened.
  after the commit of an act that charges a card: the payment is under way and claims what it settles; the resolver finds out, and
  what was agreed stands on the agreement (`under_way`) until the money is there or was declined. Nothing else may change it meanwhile.
  after the commit of a refund: the refunds are reserved, and their sweeper sends them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ballast.billing import payments, refunds
from ballast.billing.financing import claims, collecting, lateness, locks, rows, standing
from ballast.billing.financing.servicing import amendments, applying, charging, letters, plans, previews
from ballast.billing.financing.servicing.amendments import Signed
from ballast.billing.financing.servicing.charging import Means
from ballast.billing.financing.servicing.consequences import Back, Consequence
from ballast.billing.financing.servicing.plans import Plan
from ballast.billing.financing.servicing.previews import Preview
from ballast.db import db
from ballast.errors import Conflict
from ballast.ids import new_id
from ballast.models import AgreementAmendment, FinancingAgreement, Installment

Decide = Callable[[Plan], Consequence]
UNDER_WAY = "A payment for this plan is under way. Wait until it is decided."
OUTDATED = "This is not what would happen now. Look at it again."


@dataclass(frozen=True)
class Done:
    """What an act has begun: `begun` and `refunds` are run by `finish`, after the commit. No amendment while money is on its way."""

    organization_id: str
    agreement_id: str
    preview: Preview
    amendment: AgreementAmendment | None
    begun: payments.Begun | None = None
    refunds: tuple[str, ...] = ()
    payment_id: str | None = None


def preview(organization_id: str, agreement_id: str, decide: Decide) -> Preview:
    """What it would do, now. Writes nothing. Raises NotFound, and whatever `decide` refuses."""
    agreement = rows.find(organization_id, agreement_id)
    installments = rows.installments(agreement)
    if standing.claimed(organization_id, [one.id for one in installments]):
        raise Conflict("payment_in_progress", UNDER_WAY)
    plan = plans.of(agreement, installments)
    return previews.draw(plan, decide(plan))


def act(organization_id: str, agreement_id: str, decide: Decide, by: Signed, means: Means | None = None) -> Done:
    """Do what the preview showed. In the caller's transaction; `finish` it after the commit.

    Raises NotFound, Conflict(`preview_outdated`, `payment_in_progress`, `agreement_not_running`), and whatever `decide` refuses.
    """
    agreement, installments = locks.lock_plan(organization_id, agreement_id)
    claims.withdraw(agreement, installments)
    plan = plans.of(agreement, installments)
    wanted = decide(plan)
    seen = previews.draw(plan, wanted)
    if seen.hash != by.preview_hash:
        raise Conflict("preview_outdated", OUTDATED, param="preview_hash")
    if wanted.charged:
        begun = charging.begin(plan, installments, seen, by, means or Means())
        under_way = agreement.under_way or {}
        return Done(organization_id, agreement_id, seen, None, begun, payment_id=under_way.get("payment"))
    return _do(agreement, installments, seen, by)


def _do(agreement: FinancingAgreement, installments: list[Installment], seen: Preview, by: Signed) -> Done:
    wanted = seen.consequence
    before = amendments.snapshot(agreement, installments)
    amendment_id = new_id("amd")
    refund_ids = tuple(_give_back(agreement, one) for one in wanted.back)
    applying.apply(agreement, installments, wanted, amendment_id, refund_ids=refund_ids)
    if wanted.status == "charged_off":
        lateness.charge_off(agreement, installments, by.reason or "staff")
    after = amendments.snapshot(agreement, installments) | {"refunds": list(refund_ids)}
    refund_id = refund_ids[0] if refund_ids else None
    amendment = amendments.append(
        agreement, wanted.kind, before, after, by, wanted.on, id=amendment_id, refund_id=refund_id
    )
    tell(agreement, amendment)
    return Done(agreement.organization_id, agreement.id, seen, amendment, None, refund_ids)


def tell(agreement: FinancingAgreement, amendment: AgreementAmendment) -> None:
    """Audit log, event and mail of an act that is done."""
    rows.note(
        agreement, f"financing_agreement.{amendment.kind}", {"amendment": amendment.id, "reason": amendment.reason}
    )
    letters.changed(agreement, amendment)


def _give_back(agreement: FinancingAgreement, back: Back) -> str:
    """Reserve a refund; it leaves after the commit."""
    reason = "requested_by_customer"
    refund = refunds.request(agreement.organization_id, back.payment_id, back.amount, reason, on_plan=True)
    db.session.flush()
    return refund.id


def finish(done: Done) -> None:
    """Take to the processor what an act has begun; its outcome is recorded where all outcomes are."""
    if done.begun is not None:
        payments.run(done.begun)
    if done.preview.consequence.card_id is not None:
        collecting.charge_owed(done.organization_id, done.agreement_id)
    for refund_id in done.refunds:
        refunds.send(done.organization_id, refund_id)
