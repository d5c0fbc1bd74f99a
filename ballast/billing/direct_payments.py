"""The fast road: a payment that is only created, in one statement, which is one transaction and one round trip.

It writes what `idempotency.claim`, `new_payments.create` and `idempotency.store` write, row for row, and asks in the same breath what
they and the API's guard ask before: that the key works and may do this, that the organization lives by real time, that account and
customer are what they were taken for. Where one of these is not so, where the Idempotency-Key was used before, or where the database
objects, it writes nothing and says nothing: the caller takes the plain road, which finds out what to answer. Since the answer is kept
with the payment in one transaction, that holds for a connection lost halfway too: the plain road then meets the answer.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import Engine

from ballast import clock, queue
from ballast.billing import idempotency, new_payments, usual_accounts
from ballast.billing.new_payments import NewPayment
from ballast.billing.payloads import payment_payload
from ballast.billing.usual_accounts import UsualAccount
from ballast.connections import NO_ANSWER, past_session
from ballast.identity import known_keys
from ballast.identity.known_keys import STILL_WORKS, KnownKey
from ballast.ids import new_pair, to_uuid
from ballast.models.outbox import API_VERSION

log = logging.getLogger(__name__)

SCOPE: Final = "payments:write"
EVENT: Final = "payment_intent.created"
# Filters of endpoints that let this event through (webhooks.wants).
PATTERNS: Final = ["*", "payment_intent.*", EVENT]
# Deliveries the statement has ids for; who has more endpoints takes the plain road.
MOST_DELIVERIES: Final = 8

# Everything is read from `told` outwards, through subqueries that Postgres cannot turn round (`limit`, `offset`): so the wall's
# setting stands before the first row behind the wall is looked at. Were it ever otherwise, nothing would be seen and nothing written.
_STATEMENT: Final = """
with told as materialized (select set_config('app.organization', %(organization)s, true)::uuid as organization_id),
usable as materialized (
  select told.organization_id from told
  cross join lateral ({key}) as allowed
  cross join lateral (
    select from organizations as o where o.id = told.organization_id and o.clock_at is null limit 1) as real
  cross join lateral (
    select a.id from processor_accounts as a where a.organization_id = told.organization_id and a.enabled
      and a.archived_at is null and case when %(processor)s::text is null then a.is_default else a.processor = %(processor)s end
    order by a.is_default desc, a.created_at limit 1) as account
  {customer} {charged}
  where account.id = %(account)s::uuid
),
addressed as materialized (
  select found.id, row_number() over () as place from usable cross join lateral (
    select e.id from webhook_endpoints as e where e.organization_id = usable.organization_id and e.enabled
      and e.event_types && %(patterns)s::varchar[] offset 0) as found
),
claimed as (
  insert into idempotency_keys
    (organization_id, key, fingerprint, resource_id, response_status, response, locked_until, created_at, expires_at)
  select organization_id, %(idempotency_key)s, %(fingerprint)s, %(payment_id)s, %(answered)s::bigint, %(answer)s::bytea,
    %(locked_until)s, %(at)s, %(kept_until)s
  from usable where (select count(*) from addressed) <= %(room)s
  on conflict do nothing returning organization_id
),
payment as (
  insert into payments (organization_id, id, amount, currency, status, capture_method, description, processor, processor_account_id,
    payment_method_token, customer_id, metadata, idempotency_key, created_at)
  select organization_id, %(payment)s::uuid, %(amount)s, %(currency)s, %(status)s, %(capture_method)s, %(description)s,
    %(account_processor)s, %(account)s::uuid, %(token)s, %(customer)s::uuid, %(metadata)s::jsonb, %(idempotency_key)s, %(now)s
  from claimed
),
{attempt}
entry as (
  insert into audit_entries
    (organization_id, id, actor_kind, actor_id, action, resource_type, resource_id, ip, request_id, changes, created_at)
  select organization_id, %(entry)s::uuid, 'key', %(key_id)s, 'payment.created', 'payment', %(payment_id)s, %(ip)s, %(request_id)s,
    %(changes)s::jsonb, %(at)s from claimed
),
event as (
  insert into events (organization_id, id, type, resource_type, resource_id, api_version, data, request_id, created_at)
  select organization_id, %(event)s::uuid, %(type)s, 'payment', %(payment_id)s, %(version)s, %(data)s::jsonb, %(request_id)s, %(now)s
  from claimed
),
delivery as (
  insert into webhook_deliveries (organization_id, id, endpoint_id, event_id, status, created_at, next_attempt_at)
  select claimed.organization_id, (%(deliveries)s::uuid[])[addressed.place], addressed.id, %(event)s::uuid, 'pending', %(now)s, %(at)s
  from claimed cross join addressed
)
select (select count(*) from addressed) from claimed
"""
_CUSTOMER: Final = """cross join lateral (
    select from customers as c where c.organization_id = told.organization_id and c.id = %(customer)s::uuid and c.held_at is null
    limit 1) as payer"""
# For one that is charged at once (see direct_charges): what the limits against card testing are made of and what the account was
# opened with is as it was, and an attempt is begun.
_CHARGED: Final = """cross join lateral (
    select from organizations as o where o.id = told.organization_id and o.mode = %(mode)s and o.card_testing = %(card_testing)s::jsonb
    limit 1) as limited
  cross join lateral (
    select from processor_accounts as a where a.organization_id = told.organization_id and a.id = %(account)s::uuid
      and a.mode = %(account_mode)s and a.public_config = %(public_config)s::jsonb and a.credentials = %(credentials)s::bytea
    limit 1) as opened"""
_ATTEMPT: Final = """attempt as (
  insert into attempts (organization_id, id, payment_id, number, status, processor, processor_account_id, amount, currency,
    off_session, created_at, send_deadline_at, next_probe_at)
  select organization_id, %(attempt)s::uuid, %(payment)s::uuid, 1, 'created', %(account_processor)s, %(account)s::uuid, %(amount)s,
    %(currency)s, false, %(now)s, %(send_deadline_at)s, %(next_probe_at)s
  from claimed
),"""


def _put_together(customer: str = "", charged: str = "", attempt: str = "") -> str:
    """Without its line breaks it is short enough (4096) for psycopg to remember what it has read in it."""
    return " ".join(_STATEMENT.format(key=STILL_WORKS, customer=customer, charged=charged, attempt=attempt).split())


_OF_NOBODY: Final = _put_together()
_OF_CUSTOMER: Final = _put_together(customer=_CUSTOMER)
_WITH_ATTEMPT: Final = _put_together(charged=_CHARGED, attempt=_ATTEMPT)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and from where, as the audit log has it."""

    key: KnownKey
    ip: str | None
    request_id: str


def takes(asked: NewPayment) -> bool:
    """Whether this road is for such a payment: a card of ours and what is stored or charged later belong to the plain one.

    Raises InvalidRequest for an amount or a currency we cannot take.
    """
    new_payments.check_amount(asked.amount, asked.currency)
    of_ours = asked.payment_method is not None and to_uuid(asked.payment_method, "pm") is not None
    a_customer = asked.customer_id is None or to_uuid(asked.customer_id, "cus") is not None
    return not (of_ours or asked.off_session or asked.save_card) and a_customer and asked.idempotency_key is not None


def create(engine: Engine, who: Asker, asked: NewPayment, fingerprint: bytes, longest: int = 1 << 20) -> bytes | None:
    """The answer, kept under the Idempotency-Key; None where the plain road is to be taken, or it would be `longest` bytes or more."""
    account = usual_accounts.find(who.key.organization_id, asked.processor)
    if account is None:
        return None
    made = draft(who, asked, fingerprint, account)
    answer: bytes = made.said.encode() + b"\n"
    if len(answer) >= longest:
        return None
    given = made.given | {"answered": 201, "answer": answer}
    return answer if _write(engine, _OF_CUSTOMER if asked.customer_id else _OF_NOBODY, given) else None


@dataclass(frozen=True, slots=True)
class Drafted:
    """A payment that is nowhere yet: as whoever reads a row finds it, as it is shown, and what the statement is given of it."""

    payment: Any
    said: str
    given: dict[str, Any]


def draft(who: Asker, asked: NewPayment, fingerprint: bytes, account: UsualAccount) -> Drafted:
    """A payment that nobody has tried, at an account that new cards go to."""
    clock.follow(None)
    payment_id, uuid = new_pair("pay")
    fields = new_payments.first_fields(asked, payment_id, asked.customer_id, account.processor, clock.now())
    payment = SimpleNamespace(organization_id=who.key.organization_id, **_UNTRIED, **fields)
    said = shown(payment)
    given = _of_payment(fields, account.uuid) | _of_request(who, asked, clock.real_time())
    return Drafted(payment, said, given | {"payment": uuid, "fingerprint": fingerprint, "data": said})


def shown(payment: Any) -> str:
    """A payment as answers and events have it."""
    return json.dumps(payment_payload(payment), separators=(",", ":"), ensure_ascii=False)


_UNTRIED: Final = dict.fromkeys(
    ("card_brand", "card_last4", "next_action", "last_error", "capture_before", "cancellation_reason")
) | {"off_session": False, "save_card": False}


def begin(engine: Engine, made: Drafted, more: dict[str, Any]) -> bool:
    """Write a payment with its first attempt, and no answer so far. `more`: of the attempt, and what must be as it was. False: nothing
    was written, or nobody knows whether it was; then the plain road finds the key taken, and the resolver an attempt never sent.
    """
    unanswered = {"status": "processing", "answered": None, "answer": None}
    return _write(engine, _WITH_ATTEMPT, made.given | unanswered | more)


def _of_payment(fields: dict[str, Any], account: str) -> dict[str, Any]:
    customer = to_uuid(fields["customer_id"], "cus") if fields["customer_id"] else None
    return {
        "payment_id": fields["id"],
        "amount": fields["amount"],
        "currency": fields["currency"],
        "status": fields["status"],
        "capture_method": fields["capture_method"],
        "description": fields["description"],
        "account": account,
        "account_processor": fields["processor"],
        "token": fields["payment_method_token"],
        "customer": str(customer) if customer else None,
        "metadata": json.dumps(fields["metadata_"]),
        "changes": json.dumps({"amount": fields["amount"], "currency": fields["currency"]}),
        "idempotency_key": fields["idempotency_key"],
        "now": fields["created_at"],
    }


def _of_request(who: Asker, asked: NewPayment, at: datetime) -> dict[str, Any]:
    return known_keys.to_ask(who.key, SCOPE, at) | {
        "key_id": who.key.id,
        "processor": asked.processor,
        "patterns": PATTERNS,
        "room": MOST_DELIVERIES,
        "deliveries": [new_pair("del")[1] for _ in range(MOST_DELIVERIES)],
        "entry": new_pair("aud")[1],
        "event": new_pair("evt")[1],
        "type": EVENT,
        "version": API_VERSION,
        "ip": who.ip,
        "request_id": who.request_id,
        "locked_until": at + idempotency.LOCKED,
        "kept_until": at + idempotency.KEPT,
    }


def _write(engine: Engine, statement: str, given: dict[str, Any]) -> bool:
    try:
        with past_session(engine) as connection:
            row = connection.execute(statement, given).fetchone()
    except NO_ANSWER as error:
        log.info("a payment takes the plain road: %s", type(error).__name__)
        return False
    if row is not None and row[0]:
        queue.wake_now(queue.DELIVER)
    return row is not None
