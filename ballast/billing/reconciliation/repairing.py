"""Mending drift, where that is safe: the processor is asked again, and its answer is recorded by the road every answer takes.

Nothing is sent, refunded or posted by hand here. What has no such road is explained and left to a person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select

from ballast import audit
from ballast.billing import accounts, attempt_locks, lookup, processing, refunds, resolver
from ballast.billing.reconciliation import looking, matching, running
from ballast.billing.reconciliation.comparing import OurCharge, OurRefund
from ballast.billing.reconciliation.matching import Place
from ballast.clock import real_time
from ballast.db import db, end_reading, transaction
from ballast.errors import Conflict
from ballast.models import Drift
from ballast.models.late_successes import late_successes_of_attempt
from ballast.models.reconciliation import reconciliation_of
from ballast.models.states import OPEN_ATTEMPT, move
from ballast.money import format_money
from ballast.processors.base import Approved, Declined, NotSent, Outcome

# Why a class cannot be mended from here, and what to do about it.
BY_HAND: Final = {
    "missing_here": "It was made outside of Ballast, or under a reference of ours that is taken. Look at it in the processor's own "
    "dashboard: refund it there if nobody should have been charged.",
    "missing_there": "The processor has no such thing. Check that the account's keys are those of the account it was made at, and ask "
    "the processor's support with the id.",
    "amount_differs": "The ledger is only added to, and never by guess. Compare both sides, and refund or charge the difference.",
    "state_differs": "The payment here cannot follow by itself. Capture, release or refund it from its page.",
}


@dataclass(frozen=True)
class Plan:
    """What mending a drift would do. `can`: there is a safe way; `sentence` says which, or what to do by hand."""

    can: bool
    sentence: str


def find(organization_id: str, drift_id: str, lock: bool = False) -> Drift:
    """The drift. Raises NotFound."""
    wanted = select(Drift).where(Drift.organization_id == organization_id, Drift.id == drift_id)
    found: Drift = lookup.find(wanted.with_for_update() if lock else wanted, drift_id, "drf", "drift")
    return found


def is_mendable(drift: Drift) -> bool:
    """Whether there may be a safe way; `rehearse` asks the processor and knows."""
    return drift.status == "open" and (drift.drift_class in ("state_differs", "fee_unknown") or _is_under_ours(drift))


def _is_under_ours(drift: Drift) -> bool:
    """Whether it is a charge that the processor made under the reference of an attempt that knows another one."""
    return drift.drift_class == "missing_here" and drift.attempt_id is not None


def rehearse(organization_id: str, drift_id: str) -> Plan:
    """Ask the processor how it stands now, and say what would be written. Changes nothing.

    Raises NotFound, ProcessorError(`processor_unavailable`).
    """
    drift = find(organization_id, drift_id)
    if drift.status != "open":
        return Plan(False, "It is not open any more.")
    if drift.drift_class == "fee_unknown":
        return Plan(
            True, "The day is compared again, and the fee is posted to the ledger if the processor tells it now."
        )
    if drift.drift_class != "state_differs" and not _is_under_ours(drift):
        return Plan(False, BY_HAND[drift.drift_class])
    place = _place(drift)
    account = processing.open_now(accounts.find(organization_id, place.account_id))
    if drift.refund_id:
        refund = _refund(place, drift)
        end_reading()
        return _refund_plan(refund, looking.ask_refund(account, refund).status)
    charge, found_under_ours = _charge(place, drift), drift.subject if _is_under_ours(drift) else None
    end_reading()
    if found_under_ours:
        return _adoption_plan(charge, looking.ask_charge(account, replace(charge, external_id=found_under_ours)))
    return _charge_plan(charge, looking.ask_charge(account, charge))


def _adoption_plan(ours: OurCharge, outcome: Outcome) -> Plan:
    """Only what was closed without money, here and at the processor, can take another charge for its own."""
    if ours.status in resolver.CLOSED_UNPAID and not ours.posted and isinstance(outcome, Approved):
        taken = format_money(outcome.captured, ours.currency) if outcome.captured else "nothing yet"
        return Plan(
            True, f"The processor took {taken} under our reference, for a charge closed here. It is a late success."
        )
    return Plan(False, BY_HAND["missing_here"])


def _charge_plan(ours: OurCharge, outcome: Outcome) -> Plan:
    amount = format_money(ours.amount, ours.currency)
    match outcome:
        case Approved(captured=captured) if ours.status != "approved":
            done = f"took {format_money(captured, ours.currency)}" if captured else f"holds {amount}"
            what = (
                "The payment is recorded as it says."
                if ours.status in OPEN_ATTEMPT
                else "It is recorded as a late success."
            )
            return Plan(True, f"The processor {done}. {what} Nothing is charged again.")
        case Declined() if ours.status in OPEN_ATTEMPT:
            return Plan(
                True, f"The processor declined {amount}. The attempt is closed as declined; nothing was charged."
            )
        case NotSent(reason="canceled") if ours.status in OPEN_ATTEMPT:
            return Plan(True, f"The processor canceled {amount}. The attempt is closed; nothing was charged.")
        case _:
            return Plan(False, BY_HAND["state_differs"])


def _refund_plan(ours: OurRefund, status: str) -> Plan:
    amount = format_money(ours.amount, ours.currency)
    if status in ("absent", ours.status) or ours.status in ("failed", "canceled"):
        return Plan(False, BY_HAND["missing_there" if status == "absent" else "state_differs"])
    if status == "unknown":
        return Plan(False, "The processor cannot say now. Try again in a minute.")
    return Plan(True, f"The refund of {amount} is recorded as {status}, as the processor says. Nothing is sent again.")


def repair(organization_id: str, drift_id: str) -> Plan:
    """Do what `rehearse` says, with what the processor says now; once more does nothing.

    Raises NotFound, Conflict(`drift_not_repairable`) with what to do instead, ProcessorError(`processor_unavailable`).
    """
    plan = rehearse(organization_id, drift_id)
    drift = find(organization_id, drift_id)
    if not plan.can:
        raise Conflict("drift_not_repairable", plan.sentence)
    attempt_id, refund_id, reconciliation_id = drift.attempt_id, drift.refund_id, drift.reconciliation_id
    found_under_ours = drift.subject if _is_under_ours(drift) else None
    end_reading()
    if drift.drift_class == "fee_unknown":
        running.run((organization_id, reconciliation_id))
    elif refund_id:
        refunds.check(organization_id, refund_id)
    elif attempt_id:
        if found_under_ours:
            _adopt(organization_id, attempt_id, found_under_ours)
        _follow(organization_id, attempt_id)
    _close(organization_id, drift_id)
    return plan


def _adopt(organization_id: str, attempt_id: str, external_id: str) -> None:
    """From now on the attempt is known by this charge. If the process dies after it, the day's next comparison finds that states
    differ, and following the attempt is all that is left to do."""
    with transaction():
        attempt, payment = attempt_locks.lock(organization_id, attempt_id, with_order=True)
        if attempt.status in resolver.CLOSED_UNPAID and attempt.external_id != external_id:
            said = {"attempt": attempt.id, "external_id": external_id, "was": attempt.external_id}
            attempt.external_id = external_id
            audit.record(organization_id, "attempt.charge_found", "payment", payment.id, said)


def _follow(organization_id: str, attempt_id: str) -> None:
    """By the resolver, as for an event: open attempts are finished, and money for one we gave up is alarmed."""
    opened = resolver.read_open([(organization_id, attempt_id)])
    for found in opened:
        resolver.resolve_hint(found)
    if not opened:
        resolver.look_back(organization_id, attempt_id)


def _close(organization_id: str, drift_id: str) -> None:
    """Repaired, if it is: looked at once more, for the answer may have been lost on the way."""
    drift = find(organization_id, drift_id)
    place, now = _place(drift), real_time()
    if drift.drift_class == "fee_unknown":
        return
    theirs = drift.theirs["status"]
    if _is_under_ours(drift):
        settled = (
            db.session.scalars(late_successes_of_attempt(organization_id, str(drift.attempt_id))).first() is not None
        )
    else:
        settled = _is_settled(_refund(place, drift).status if drift.refund_id else _charge(place, drift).status, drift)
    end_reading()
    if not settled:
        raise Conflict(
            "drift_not_repairable", f"The processor says {theirs}, and the answer could not be recorded yet."
        )
    with transaction() as session:
        drift = find(organization_id, drift_id, lock=True)
        if drift.status != "open":
            return
        move(drift, "repaired")
        drift.ended_at = now
        row = session.scalars(reconciliation_of(organization_id, drift.reconciliation_id).with_for_update()).one()
        row.drifts = max(row.drifts - 1, 0)
        said = {"class": drift.drift_class, "attempt": drift.attempt_id, "refund": drift.refund_id}
        audit.record(organization_id, "drift.repaired", "drift", drift.id, said)


def _is_settled(status: str, drift: Drift) -> bool:
    """A refund that moved; an attempt that is closed: what came late for it is in the log and, where it has a place, in the ledger."""
    return status != drift.ours["status"] or (drift.refund_id is None and status not in OPEN_ATTEMPT)


def _place(drift: Drift) -> Place:
    wanted = reconciliation_of(drift.organization_id, drift.reconciliation_id)
    return Place(drift.organization_id, db.session.scalars(wanted).one().processor_account_id)


def _charge(place: Place, drift: Drift) -> OurCharge:
    return next(iter(matching.charges_named(place, [str(drift.attempt_id)])))


def _refund(place: Place, drift: Drift) -> OurRefund:
    return next(iter(matching.refunds_named(place, [str(drift.refund_id)])))
