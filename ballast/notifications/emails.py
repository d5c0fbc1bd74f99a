"""Mails: rendered when the fact happened, one of each by its dedupe key, sent by a worker through Resend's SDK."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import case, select, true, tuple_, update

from ballast import audit, config, metrics, queue
from ballast.clock import now, real_time
from ballast.db import db, insert_row, transaction
from ballast.errors import Conflict, NotFound
from ballast.ids import new_id, to_uuid
from ballast.models import Email
from ballast.models.states import move
from ballast.notifications import attachments
from ballast.notifications.drain import NotStarted, drain, run_until_stopped
from ballast.notifications.turns import Due, in_turn, release
from ballast.templating import environment

THREADS = 4
# No more at once than the lease lets be finished if each takes its whole timeout.
LEASE = timedelta(seconds=60)
BATCH = 20
# Seconds before the second, third … try; after the last the mail stays `failed` and waits for a person.
DELAYS = (30, 120, 600, 3600, 21_600)
# (A wrong key, 401 or 403, is ours to mend, and the mail goes out once it is.)
PERMANENT = {400, 404, 422}
# Whoever holds their link may act as somebody: once they are on their way nothing of them is kept.
SECRET = ("verify_email", "claim_organization", "invitation", "reset_password", "change_email", "portal_link")


def compose(
    organization_id: str,
    kind: str,
    recipient: str,
    subject: str,
    dedupe_key: str,
    resource_id: str | None,
    context: dict[str, Any],
) -> None:
    """Write a mail of `kind` (templates emails/<kind>.html and .txt), once per `dedupe_key`. In the caller's transaction."""
    html = environment().get_template(f"emails/{kind}.html").render(**context)
    text = environment().get_template(f"emails/{kind}.txt").render(**context)
    values = {
        "organization_id": organization_id,
        "id": new_id("em"),
        "kind": kind,
        "dedupe_key": dedupe_key,
        "resource_id": resource_id,
        "recipient": recipient,
        "subject": subject,
        "html": html,
        "text": text,
        "status": "pending",
        "created_at": now(),
        "next_attempt_at": real_time(),
    }
    insert_row(Email, values, once_per=("organization_id", "dedupe_key"))
    queue.wake(queue.SEND_EMAILS)


def find(organization_id: str, email_id: str) -> Email:
    """One mail. Raises NotFound."""
    wanted = select(Email).where(Email.organization_id == organization_id, Email.id == email_id)
    found = db.session.scalars(wanted).first() if to_uuid(email_id, "em") else None
    if found is None:
        raise NotFound("email", email_id[:80])
    return found


def may_send_again(mail: Email) -> bool:
    """Whether there is something to send: it is on no way now, and what it says is kept."""
    return mail.status != "pending" and bool(mail.text)


def send_again(organization_id: str, email_id: str) -> None:
    """Send a mail once more, as it was written. In the caller's transaction. Raises NotFound, Conflict(`state_conflict`)."""
    find(organization_id, email_id)
    wanted = select(Email).where(Email.organization_id == organization_id, Email.id == email_id).with_for_update()
    mail = db.session.scalars(wanted.execution_options(populate_existing=True)).one()
    if not may_send_again(mail):
        raise Conflict("state_conflict", "This mail is on its way, or what it said is not kept.")
    move(mail, "pending")
    mail.attempts, mail.next_attempt_at, mail.reason = 0, real_time(), None
    mail.resent += 1
    audit.record(
        organization_id, "email.sent_again", "email", email_id, {"kind": mail.kind, "recipient": mail.recipient}
    )
    queue.wake(queue.SEND_EMAILS)


@dataclass(frozen=True)
class Letter:
    """A mail, ready to send. `once`: the key under which it is sent one time."""

    key: tuple[str, str]
    params: dict[str, Any] = field(repr=False)
    attempts: int
    once: str


@dataclass(frozen=True)
class Posted:
    """What Resend said. `reason` is set when it was not taken; `permanent` when trying again is no use."""

    external_id: str | None
    reason: str | None = None
    permanent: bool = False


def send_due() -> int:
    """Send every mail that is due, in batches. The job behind `queue.SEND_EMAILS`."""
    queue.forget_mark(queue.SEND_EMAILS)
    unsent = (Email.status.in_(("pending", "failed")),)
    waiting = Due(Email, Email.next_attempt_at, wanted=unsent, by_real_time=True, lease=LEASE)
    return drain("send_emails", lambda: _send_batch(waiting), job=queue.SEND_EMAILS)


def _send_batch(waiting: Due) -> tuple[int, int]:
    keys = in_turn(waiting.claim(BATCH))
    letters = _letters(keys)
    came = list(zip(letters, run_until_stopped(_post, letters, THREADS), strict=True))
    release(Email, [letter.key for letter, result in came if isinstance(result, NotStarted)])
    posted = [
        (letter, result if isinstance(result, Posted) else Posted(None, "internal_error"))
        for letter, result in came
        if not isinstance(result, NotStarted)
    ]
    with transaction():
        for letter, told in posted:
            _record(letter, told)
    for _, told in posted:
        metrics.count("ballast_mails_total", result=told.reason or "sent")
    return len(posted), sum(1 for _, told in posted if told.reason)


def _params(mail: Email, sender: str, attached: dict[attachments.Key, list[dict[str, Any]]]) -> dict[str, Any]:
    found = attached.get((mail.organization_id, mail.resource_id), []) if mail.kind == attachments.AGREEMENT else []
    params = {"from": sender, "to": [mail.recipient], "subject": mail.subject, "html": mail.html, "text": mail.text}
    return params | ({"attachments": found} if found else {})


def _letters(keys: list[tuple[str, str]]) -> list[Letter]:
    if not keys:
        return []
    sender = config.current().resend_from_email
    with transaction() as session:
        rows = session.scalars(select(Email).where(tuple_(Email.organization_id, Email.id).in_(keys))).all()
        attached = attachments.of(rows)
        place = {key: number for number, key in enumerate(keys)}
        return [
            Letter(
                (mail.organization_id, mail.id),
                _params(mail, sender, attached),
                mail.attempts,
                f"{mail.id}-{mail.resent}" if mail.resent else mail.id,
            )
            for mail in sorted(rows, key=lambda mail: place[mail.organization_id, mail.id])
        ]


def _post(letter: Letter) -> Posted:
    """Hand one mail to Resend; our id is the idempotency key, so a lost answer cannot send it twice (Resend keeps keys 24 h)."""
    from ballast.notifications import mailbox  # with the first mail: few processes send any

    try:
        return Posted(mailbox.put(letter.params, letter.once))
    except mailbox.ResendError as error:
        code = int(error.code) if str(error.code).isdigit() else 500
        reason = "no_answer" if error.error_type == "HttpClientError" else f"http_{code}"
        return Posted(None, reason, permanent=code in PERMANENT and reason != "no_answer")


def _unless_secret(column: Any) -> Any:
    return case((Email.kind.in_(SECRET), ""), else_=column)


def _record(letter: Letter, result: Posted) -> None:
    values: dict[str, Any] = {"attempts": letter.attempts + 1, "reason": result.reason, "lease_until": None}
    if result.reason is None:
        values |= {"status": "sent", "sent_at": now(), "external_id": result.external_id, "next_attempt_at": None}
        values |= {"html": _unless_secret(Email.html), "text": _unless_secret(Email.text)}
    elif result.permanent or letter.attempts >= len(DELAYS):
        values |= {"status": "failed", "next_attempt_at": None}
    else:
        values |= {"status": "failed", "next_attempt_at": real_time() + timedelta(seconds=DELAYS[letter.attempts])}
    db.session.execute(
        update(Email)
        .where(
            Email.organization_id == letter.key[0],
            Email.id == letter.key[1],
            Email.status != "sent",
            true() if result.reason is None else Email.attempts == letter.attempts,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
