"""Answering a dispute: evidence or giving in, in three phases like a charge.

The intent (`action`, the text, `next_attempt_at`) is committed, the processor is called with no transaction open, its word is recorded
by `disputes.record`. Both calls may be repeated: what was submitted or accepted already stays so.

If the process dies …
  before the intent is committed: nothing happened, and the form can be sent again.
  after it, before the call: the sweeper makes the call when `next_attempt_at` has come.
  after the call, before the commit: the sweeper calls again; the processor changes nothing more and says how the dispute stands.
  after the commit: done. An event that tells the same finds it written down.
A process that was paused sends nothing after the moment from which the sweeper may (`processing.send`), so an old "accept" can not
arrive after its merchant has answered otherwise. An answer that is lost is asked for again at growing intervals, at most hourly: a
deadline is waiting. What the processor refuses ends with its reason in `message`, and the text stays for another try.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Select, select

from ballast import audit, queue
from ballast.billing import disputes, processing
from ballast.billing.processing import Account
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.errors import Conflict, InvalidRequest, NotFound
from ballast.ids import to_uuid
from ballast.models import Dispute, ProcessorAccount
from ballast.models.customers import account_behind
from ballast.models.disputes import NEEDS_ANSWER, dispute_of
from ballast.notifications.drain import drain, work_all
from ballast.processors import base
from ballast.processors.adapter import Adapter
from ballast.processors.base import Declined, Unknown
from ballast.security import looks_like_card_number

log = logging.getLogger(__name__)

THREADS: Final = 4
PROBES: Final = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 3600))


@dataclass(frozen=True)
class Answering:
    """A decision on its way to the processor, as plain data. `seen` is the dispute's status before the call."""

    organization_id: str
    dispute_id: str
    external_id: str
    account: Account
    action: str
    evidence: str
    seen: str
    send_by: datetime


def submit_evidence(organization_id: str, dispute_id: str, text: str) -> None:
    """Answer a dispute with `text`, for good. The same text a second time changes nothing.

    Raises NotFound, InvalidRequest(`evidence_required`, `evidence_too_long`, `card_number_refused`),
    Conflict(`dispute_closed`, `dispute_answered`, `dispute_action_pending`).
    """
    _act(organization_id, dispute_id, "submit_evidence", tidy(text))


def accept(organization_id: str, dispute_id: str) -> None:
    """Give in: the money stays with the card's holder.

    Raises NotFound, Conflict(`dispute_closed`, `dispute_answered`, `dispute_action_pending`).
    """
    _act(organization_id, dispute_id, "accept", None)


def tidy(text: str) -> str:
    """The text as it is counted and sent: browsers end lines with two characters, processors count each."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def longest(processor: str) -> int:
    """How many characters a dispute may be answered with."""
    return processing.capabilities_of(processor).evidence_characters


def _act(organization_id: str, dispute_id: str, action: str, text: str | None) -> None:
    with transaction():
        then = decide(organization_id, dispute_id, action, text)
    if then is not None:
        then()


def decide(organization_id: str, dispute_id: str, action: str, text: str | None = None) -> Callable[[], None] | None:
    """Write down what was decided, before the call. In the caller's transaction; answers what is left to do after the commit, at the
    processor, None when it was decided so before. `action`: `submit_evidence` with its `text`, `accept`.

    Raises what `submit_evidence` and `accept` raise.
    """
    found = _with_account().where(Dispute.organization_id == organization_id, Dispute.id == dispute_id)
    row = db.session.execute(found.with_for_update(of=Dispute)).first() if to_uuid(dispute_id, "dp") else None
    if row is None:
        raise NotFound("dispute")
    dispute, account = row
    if text is not None:
        _check_text(text, longest(account.processor))
    if _is_done(dispute, action, text):
        return None
    _check_state(dispute)
    dispute.action, dispute.evidence = action, text
    dispute.message, dispute.probes = None, 0
    changes = {"payment": dispute.payment_id, "amount": dispute.amount}
    verb = "accepted" if action == "accept" else "evidence_submitted"
    audit.record(organization_id, f"dispute.{verb}", "dispute", dispute.id, changes)
    answering = _answering(dispute, account)
    return partial(_settle, answering) if answering else None


def _check_text(text: str, most: int) -> None:
    if not text:
        raise InvalidRequest("evidence_required", "Write what the bank should know.", param="text")
    if len(text) > most:
        raise InvalidRequest(
            "evidence_too_long", f"At most {most:,} characters can be sent; this has {len(text):,}.", param="text"
        )
    if looks_like_card_number(text):
        raise InvalidRequest(
            "card_number_refused",
            "This holds what looks like a card number. Take it out: the last four digits do.",
            param="text",
        )


def _is_done(dispute: Dispute, action: str, text: str | None) -> bool:
    """A form that is sent twice: the same decision is on its way, or the same text has arrived."""
    on_its_way = dispute.action == action and dispute.evidence == text
    return on_its_way or (action == "submit_evidence" and dispute.evidence == text and dispute.evidence_submitted)


def _check_state(dispute: Dispute) -> None:
    if dispute.action is not None:
        raise Conflict("dispute_action_pending", "An answer is on its way to the processor already.")
    if not dispute.is_open:
        raise Conflict("dispute_closed", f"This dispute is {dispute.status}. Nothing can be sent any more.")
    if dispute.status not in NEEDS_ANSWER:
        raise Conflict("dispute_answered", "This dispute has been answered, and the bank decides now.")


def _with_account() -> Select[Dispute, ProcessorAccount]:
    return select(Dispute, ProcessorAccount).join(ProcessorAccount, account_behind(Dispute))


def _answering(dispute: Dispute, row: ProcessorAccount) -> Answering | None:
    """None for an account whose secrets cannot be unsealed: its answers wait, and nobody else's wait with them."""
    try:
        account = processing.open_account(row)
    except ValueError as error:
        dispute.next_attempt_at = real_time() + PROBES[-1]
        log.error("dispute %s cannot be answered, account %s: %s", dispute.id, row.id, error)
        return None
    send_by = processing.send_deadline()
    wait = PROBES[min(dispute.probes, len(PROBES)) - 1] if dispute.probes else timedelta()
    # Nobody else takes it up before this has been sent and has had its answer, if it comes.
    dispute.next_attempt_at = max(send_by + processing.patience(account), real_time() + wait)
    return Answering(
        organization_id=dispute.organization_id,
        dispute_id=dispute.id,
        external_id=dispute.external_id,
        account=account,
        action=dispute.action or "",
        evidence=dispute.evidence or "",
        seen=dispute.status,
        send_by=send_by,
    )


def send_due() -> int:
    """Make the calls that were decided on and not answered. The job behind `queue.ANSWER_DISPUTES`."""
    queue.forget_mark(queue.ANSWER_DISPUTES)
    return drain("dispute_actions", _send_batch)


def _send_batch() -> tuple[int, int]:
    return work_all(_settle, _claim(), THREADS)


def _claim() -> list[Answering | None]:
    """Take some that are due. None for one that has to wait."""
    with transaction() as session:
        due = (
            _with_account()
            .where(Dispute.action.is_not(None), Dispute.next_attempt_at <= real_time())
            .order_by(Dispute.next_attempt_at)
            .limit(THREADS)
            .with_for_update(skip_locked=True, of=Dispute)
        )
        found = []
        for dispute, account in session.execute(due).all():
            dispute.probes += 1
            found.append(_answering(dispute, account))
        return found


def _settle(answering: Answering) -> None:
    """Call, and record what was said. Without an answer the row stays due."""
    with organization(answering.organization_id):
        match processing.send(answering.account, lambda adapter: _call(adapter, answering), answering.send_by):
            case Declined(message=message):
                _refuse(answering, message)
            case Unknown(reason=reason):
                log.warning("dispute %s: no answer to %s (%s)", answering.dispute_id, answering.action, reason)
            case told:
                _record(answering, told)


def _call(adapter: Adapter, answering: Answering) -> base.Dispute | Declined | Unknown:
    if answering.action == "accept":
        return adapter.accept_dispute(answering.external_id)
    return adapter.submit_evidence(answering.external_id, answering.evidence)


def _record(answering: Answering, told: base.Dispute) -> None:
    verdict = disputes.record(answering.organization_id, answering.account.id, told, answering.seen)
    if verdict == "changed":
        disputes.learn(answering.organization_id, answering.account.id, answering.external_id)


def _refuse(answering: Answering, message: str) -> None:
    """The processor does not take it: the merchant decides anew."""
    with transaction() as session:
        wanted = dispute_of(answering.organization_id, answering.dispute_id)
        dispute = session.scalars(wanted.with_for_update()).one()
        if dispute.action != answering.action or dispute.evidence != (answering.evidence or None):
            return
        dispute.action = dispute.next_attempt_at = None
        dispute.message = message
        audit.record(answering.organization_id, "dispute.refused", "dispute", dispute.id, {"action": answering.action})
