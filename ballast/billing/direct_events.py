"""The fast road of a processor's event: stored in one statement, which asks in the same breath whether its account is as it was.

It writes what `inbox.receive` writes. Where the event is not signed as it should be or known already, where the account has changed or
Postgres objects, it writes nothing and says nothing: the plain road finds out what to answer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Engine

from ballast import queue
from ballast.billing import accounts, processing, usual_accounts
from ballast.billing.usual_accounts import UsualAccount
from ballast.clock import real_time
from ballast.connections import NO_ANSWER, past_session
from ballast.ids import new_pair, to_uuid
from ballast.models import ProcessorAccount
from ballast.processors.base import BadSignature, ProcessorEvent, UnreadableEvent

log = logging.getLogger(__name__)

MOST: Final = 10_000
# As in `direct_payments`: the wall's setting stands before the first row behind the wall is looked at.
_STATEMENT: Final = """
with told as materialized (select set_config('app.organization', %(organization)s, true)::uuid as organization_id),
same as materialized (
  select told.organization_id from told cross join lateral (
    select from processor_accounts as a where a.organization_id = told.organization_id and a.id = %(account)s::uuid
      and a.mode = %(mode)s and a.public_config = %(public_config)s::jsonb and a.credentials = %(credentials)s::bytea
    limit 1) as opened
)
insert into inbox_events (organization_id, id, processor_account_id, external_id, type, about, subject_id, reference, dispute_id,
  payload, status, received_at, next_attempt_at)
select organization_id, %(id)s::uuid, %(account)s::uuid, %(external_id)s, %(type)s, %(about)s, %(subject_id)s, %(reference)s,
  %(dispute_id)s, %(payload)s::bytea, 'received', %(at)s, %(at)s
from same on conflict (organization_id, processor_account_id, external_id) do nothing returning id
"""
_known: dict[str, UsualAccount] = {}


def note(account: ProcessorAccount) -> None:
    """An account that a processor sends events for."""
    if len(_known) >= MOST:
        _known.clear()
    _known[account.id] = usual_accounts.as_it_lies(account)


def owner_of(processor: str, account_id: str) -> str | None:
    """Whose account it is, where this process knows it."""
    known = _known.get(account_id)
    return known.organization_id if known and known.processor == processor else None


def store(engine: Engine, account_id: str, raw: bytes, headers: Mapping[str, str]) -> bool:
    """Store an event that an account was sent which is known (`owner_of`). False: nothing was stored, or nobody knows."""
    known = _known.get(account_id)
    if known is None:  # forgotten since
        return False
    try:
        adapter = processing.adapter_for(processing.open_account(known).credentials)
        event = adapter.parse_event(raw, headers, accounts.hook_url(known.processor, account_id))
        with past_session(engine) as connection:
            row = connection.execute(_STATEMENT, _given(known, event, raw)).fetchone()
    except (BadSignature, UnreadableEvent, ValueError):
        return False
    except NO_ANSWER as error:
        log.info("an event takes the plain road: %s", type(error).__name__)
        return False
    if row is not None:
        queue.wake_now(queue.APPLY_INBOX)
    return row is not None


def _given(known: UsualAccount, event: ProcessorEvent, raw: bytes) -> dict[str, Any]:
    return {
        "organization": str(to_uuid(known.organization_id, "org")),
        "account": known.uuid,
        "mode": known.mode,
        "public_config": json.dumps(known.public_config),
        "credentials": known.credentials,
        "id": new_pair("inb")[1],
        **vars(event),
        "payload": raw,
        "at": real_time(),
    }
