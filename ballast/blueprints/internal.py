"""For our own machines: have a job of the schedule run now, or a mail written, from a cron or a runbook elsewhere. One bearer
token for all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response, jsonify, request

from ballast import config, queue
from ballast.billing.financing import notices as plan_notices
from ballast.billing.subscriptions import notices
from ballast.billing.subscriptions.notices import Notice
from ballast.db import end_reading, organization, transaction
from ballast.errors import BallastError, InvalidRequest, NotFound, Unauthenticated
from ballast.identity import users
from ballast.security import same

blueprint = Blueprint("internal", __name__, url_prefix="/internal")

PREFIX: Final = "ballast."
# What a mail is about → its name in the address → (the field of the body that names the row, what writes it).
NOTICES: Final[dict[str, dict[str, tuple[str, Callable[[str, str], Notice]]]]] = {
    "subscriptions": {
        "upcoming-charge": ("subscription", notices.upcoming_charge),
        "charge-failed": ("invoice", notices.charge_failed),
        "defaulted": ("subscription", notices.defaulted),
    },
    "financing": {
        "upcoming-charge": ("agreement", plan_notices.upcoming_charge),
        "charge-failed": ("installment", plan_notices.charge_failed),
        "defaulted": ("agreement", plan_notices.defaulted),
    },
}


@blueprint.before_request
def require_token() -> None:
    """JOBS_INTERNAL_API_TOKEN as bearer token. Raises NotFound where none is set: then there is nothing here; Unauthenticated."""
    expected = config.current().jobs_internal_api_token
    if not expected:
        raise NotFound("address")
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not same(given.strip(), expected):
        raise Unauthenticated("internal_token_invalid", "Send the internal token as Authorization: Bearer.")


@blueprint.post("/jobs/<name>")
def run_job(name: str) -> tuple[Response, int]:
    """Have a worker run a job now, by its name in `queue.SCHEDULE` (`notifications.emails.send_due`); 202 once it waits in its queue.

    The worker's role runs it and not the web's, which sees one organization at a time.
    Raises NotFound, BallastError(`queue_unavailable`).
    """
    job = name if name.startswith(PREFIX) else PREFIX + name
    if job not in queue.SCHEDULE:
        raise NotFound("job", name[:80])
    if not queue.ask(job):
        raise BallastError("queue_unavailable", "Redis is away. The sweepers run the job once it is back.", status=503)
    return jsonify(job=job, queue=queue.SCHEDULE[job][0], status="enqueued"), 202


@blueprint.post("/notifications/<family>/<kind>")
def notify(family: str, kind: str) -> tuple[Response, int]:
    """Write a mail from the present state, or send again the one that failed: `{"organization": "acme", "subscription": "sub_…"}`, or
    its `invoice` for `charge-failed`; of a plan its `agreement`, or an `installment`. 202 with the mail there is; the same key is
    never written twice.

    The organization is named because the web's role sees one at a time. Raises NotFound, InvalidRequest(`parameter_missing`),
    Conflict(`state_conflict`) where there is nothing to tell.
    """
    field, write = NOTICES.get(family, {}).get(kind, ("", None))
    if write is None:
        raise NotFound("notification", f"{family}/{kind}"[:80])
    body = request.get_json(silent=True)
    given: dict[str, Any] = body if isinstance(body, dict) else {}
    owner = users.organization_by_slug(_text(given, "organization"))
    row_id = _text(given, field)
    if owner is None:
        raise NotFound("organization")
    owner_id = owner.id
    end_reading()
    with organization(owner_id), transaction():
        notice = write(owner_id, row_id)
    return jsonify(email=notice.email_id, status=notice.status, written=notice.written), 202


def _text(given: dict[str, Any], field: str) -> str:
    value = given.get(field)
    if not isinstance(value, str) or not 1 <= len(value) <= 100 or "\0" in value:
        raise InvalidRequest("parameter_missing", f"Say which {field}.", param=field)
    return value
