"""The fast road of a payment that is read: one statement, which asks in the same breath whether the key works and may read.

It answers with what `payments.find` finds, in the same words. Where the key is not what it was, or there is no such payment, it says
nothing: the plain road finds out what to answer.
"""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from psycopg.rows import dict_row
from sqlalchemy import Engine

from ballast.billing.direct_payments import shown
from ballast.clock import real_time
from ballast.connections import NO_ANSWER, past_session
from ballast.identity import known_keys
from ballast.identity.known_keys import STILL_WORKS, KnownKey
from ballast.ids import from_uuid, to_uuid

log = logging.getLogger(__name__)

SCOPE: Final = "payments:read"
# As in `direct_payments`: the wall's setting stands before the first row behind the wall is looked at.
_TO_READ: Final = """
with told as materialized (select set_config('app.organization', %(organization)s, true)::uuid as organization_id)
select found.* from told
cross join lateral ({key}) as allowed
cross join lateral (
  select amount, amount_captured, amount_refunded, currency, status, capture_method, description, customer_id, processor,
    payment_method_id, payment_method_token, card_brand, card_last4, next_action, last_error, capture_before, cancellation_reason,
    metadata as metadata_, created_at
  from payments as p where p.organization_id = told.organization_id and p.id = %(payment)s::uuid limit 1) as found
"""
_STATEMENT: Final = _TO_READ.format(key=STILL_WORKS)


def read(engine: Engine, key: KnownKey, payment_id: str) -> bytes | None:
    """The answer; None where the plain road is to be taken."""
    try:
        with past_session(engine) as connection, connection.cursor(row_factory=dict_row) as cursor:
            given = known_keys.to_ask(key, SCOPE, real_time()) | {"payment": str(to_uuid(payment_id, "pay"))}
            row = cursor.execute(_STATEMENT, given).fetchone()
    except NO_ANSWER as error:
        log.info("a payment is read on the plain road: %s", type(error).__name__)
        return None
    return shown(_as_model(payment_id, row)).encode() + b"\n" if row else None


def _as_model(payment_id: str, row: dict[str, Any]) -> Any:
    """As the model has it, with public ids."""
    ids = {
        "customer_id": _public(row["customer_id"], "cus"),
        "payment_method_id": _public(row["payment_method_id"], "pm"),
    }
    return SimpleNamespace(**row | ids, id=payment_id)


def _public(value: UUID | None, prefix: str) -> str | None:
    return from_uuid(value, prefix) if value else None
