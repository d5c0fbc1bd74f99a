"""The fast road of a payment that is created and charged at once: three statements around the two calls of its processor.

The order is that of `payments`, and its rules: the intent is committed before the first call (one statement, `direct_payments.begin`,
which is create and begin together), that the bank will be asked before the second (`mark`), the outcome after it (`_record`). Only a
new card of nobody we know, charged in full and approved, is recorded here. Whatever else comes of it, and whatever is not as it
was begun when it is recorded (somebody else learned of it first, the organization has got a clock, the ledger no accounts yet),
`outcomes.record` records, as it does for everybody.

If the process dies, or Postgres does not say whether it has committed: as with `payments`. The attempt stands, and the resolver knows
from its status whether the processor is to be asked; whoever repeats the request meets its key, taken and not answered.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine

from ballast import clock, logs, queue
from ballast.billing import direct_payments, outcomes, payments, processing, usual_accounts, velocity
from ballast.billing.direct_payments import MOST_DELIVERIES, Asker, Drafted, shown
from ballast.billing.new_payments import NewPayment
from ballast.billing.payments import Begun, Source
from ballast.billing.usual_accounts import UsualAccount
from ballast.billing.velocity import Usual
from ballast.connections import NO_ANSWER, past_session
from ballast.db import organization
from ballast.ids import new_pair, to_uuid
from ballast.processors.base import Approved, Prepared

log = logging.getLogger(__name__)

EVENT: Final = "payment_intent.succeeded"
PATTERNS: Final = ["*", "payment_intent.*", EVENT]

WALL: Final = "select set_config('app.organization', %(organization)s, true)"

# An attempt is found by its id, never by the index of those that are open: that one looks smaller to Postgres and holds all that were
# open a moment ago. So what is asked of the status is written in a way that says nothing of it.
_MARK: Final = """
update attempts set status = 'submitted', external_id = %(external_id)s, client_secret = %(client_secret)s, submitted_at = %(at)s,
  send_deadline_at = %(deadline)s, next_probe_at = %(next_probe_at)s
where organization_id = %(organization)s::uuid and id = %(attempt)s::uuid and status || '' = 'created' and send_deadline_at >= %(at)s
returning id
"""
# Locked in the order of `attempt_locks.lock`: the payment, then its attempt. There is no cart, order, agreement, installment,
# subscription or invoice to lock, which the first part makes sure of, under the lock.
_RECORD: Final = """
with held as materialized (
  select p.id from payments as p
  where p.organization_id = %(organization)s::uuid and p.id = %(payment)s::uuid and p.status = 'processing' and p.amount = %(amount)s
    and p.order_id is null and p.customer_id is null and p.payment_method_id is null and not p.save_card
    and p.description is not distinct from %(description)s::text and p.metadata = %(metadata)s::jsonb
    and not exists (select from claims as c where c.organization_id = p.organization_id and c.payment_id = p.id)
    and exists (select from organizations as o where o.id = p.organization_id and o.clock_at is null)
  for update of p
),
tried as materialized (
  select from held cross join lateral (
    select from attempts as a where a.organization_id = %(organization)s::uuid and a.id = %(attempt)s::uuid and a.payment_id = held.id
      and a.status || '' = 'submitted' and a.probes = 0 limit 1 for update of a) as attempt
),
addressed as materialized (
  select e.id, row_number() over () as place from webhook_endpoints as e
  where e.organization_id = %(organization)s::uuid and e.enabled and e.event_types && %(patterns)s::varchar[]
),
ready as materialized (
  select debit.id as debit_id, credit.id as credit_id from tried
  cross join (select id from ledger_accounts where organization_id = %(organization)s::uuid and currency = %(currency)s
    and code = 'processor_receivable') as debit
  cross join (select id from ledger_accounts where organization_id = %(organization)s::uuid and currency = %(currency)s
    and code = 'sales') as credit
  where (select count(*) from addressed) <= %(room)s
),
paid as (
  update payments set status = 'succeeded', amount_captured = %(amount)s, card_brand = %(card_brand)s, card_last4 = %(card_last4)s,
    succeeded_at = %(now)s
  from ready where payments.organization_id = %(organization)s::uuid and payments.id = %(payment)s::uuid
),
approved as (
  update attempts set status = 'approved', external_id = coalesce(attempts.external_id, %(external_id)s), finished_at = %(now)s,
    next_probe_at = null
  from ready where attempts.organization_id = %(organization)s::uuid and attempts.id = %(attempt)s::uuid
),
posted as (
  insert into ledger_transfers
    (organization_id, id, kind, source, debit_account_id, credit_account_id, amount, currency, payment_id, posted_at)
  select %(organization)s::uuid, %(transfer)s::uuid, 'capture', %(attempt_id)s, debit_id, credit_id, %(amount)s, %(currency)s,
    %(payment)s::uuid, %(now)s
  from ready on conflict (organization_id, source, kind) do nothing
),
event as (
  insert into events (organization_id, id, type, resource_type, resource_id, api_version, data, request_id, created_at)
  select %(organization)s::uuid, %(event)s::uuid, %(type)s, 'payment', %(payment_id)s, %(version)s, %(data)s::jsonb,
    %(request_id)s, %(now)s
  from ready
),
delivery as (
  insert into webhook_deliveries (organization_id, id, endpoint_id, event_id, status, created_at, next_attempt_at)
  select %(organization)s::uuid, (%(deliveries)s::uuid[])[addressed.place], addressed.id, %(event)s::uuid, 'pending', %(now)s, %(now)s
  from ready cross join addressed
),
kept as (
  update idempotency_keys set response_status = 201, response = %(answer)s
  from ready where idempotency_keys.organization_id = %(organization)s::uuid and idempotency_keys.key = %(key)s
    and idempotency_keys.response is null
)
select (select count(*) from addressed) from ready
"""
# What it is told as the payment was drafted.
_SAME: Final = ("organization", "payment", "payment_id", "amount", "currency", "description", "metadata") + (
    "room",
    "version",
    "request_id",
)


@dataclass(frozen=True, slots=True)
class Charged:
    """A payment that was tried. `answer`: what is kept under the request's key; None where nothing is so far."""

    payment_id: str
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class Trying:
    """A payment that is written with its first attempt, of which nothing was sent yet."""

    made: Drafted
    begun: Begun


def begin(
    engine: Engine, who: Asker, asked: NewPayment, return_url: str | None, fingerprint: bytes, longest: int = 1 << 20
) -> Trying | None:
    """Create a payment and begin to charge it; then `go_on`. None where the plain road is to be taken, or the answer would be
    `longest` bytes or more.

    The bank is not asked here. So the plain road may be taken whatever is raised: if the payment was written nevertheless, its key was
    in the same statement, and is found taken.
    """
    found = _usual(who, asked)
    if found is None:
        return None
    account, usual = found
    made = direct_payments.draft(who, asked, fingerprint, account)
    if len(made.said) >= longest:
        return None
    begun = _begin(engine, made, account, usual, return_url)
    return Trying(made, begun) if begun else None


def go_on(engine: Engine, trying: Trying) -> Charged:
    """Charge what was begun, and record what came of it. Raises what the calls and the plain recording raise; the attempt is the
    resolver's then.
    """
    made, begun = trying.made, trying.begun
    payment_id: str = made.payment.id
    with logs.about(payment=payment_id, attempt=begun.attempt_id), organization(begun.organization_id):
        outcome = payments.ask(begun, lambda prepared: _mark(engine, begun, prepared))
        answer = _record(engine, made, begun, outcome) if isinstance(outcome, Approved) else None
        if answer is None and outcome is not None:
            outcomes.record(begun.organization_id, begun.attempt_id, outcome)
    return Charged(payment_id, answer)


def _usual(who: Asker, asked: NewPayment) -> tuple[UsualAccount, Usual] | None:
    """Where a new card of nobody we know is charged, and the limits by which it may be tried."""
    if asked.customer_id is not None or asked.payment_method is None:
        return None
    account = usual_accounts.find(who.key.organization_id, asked.processor)
    usual = velocity.passed(who.key.organization_id, asked.payment_method) if account else None
    return (account, usual) if account and usual else None


def _begin(engine: Engine, made: Drafted, account: UsualAccount, usual: Usual, return_url: str | None) -> Begun | None:
    try:
        opened = processing.open_account(account)
    except ValueError:
        return None  # the plain road says so
    attempt = payments.first_state(made.payment, opened, number=1)
    more = {
        "mode": usual.mode,
        "card_testing": usual.card_testing,
        "account_mode": account.mode,
        "public_config": json.dumps(account.public_config),
        "credentials": account.credentials,
        "attempt": str(to_uuid(attempt["id"], "att")),
        "send_deadline_at": attempt["send_deadline_at"],
        "next_probe_at": attempt["next_probe_at"],
    }
    if not direct_payments.begin(engine, made, more):
        return None
    wanted = payments.charge_of(made.payment, attempt["id"], Source(), return_url)
    return Begun(made.payment.organization_id, attempt["id"], opened, wanted, attempt["send_deadline_at"])


def _mark(engine: Engine, begun: Begun, prepared: Prepared) -> datetime | None:
    """As `payments.mark_submitted`, for one, which does it where Postgres gives no answer: what is marked already it leaves alone, and
    nothing is sent then.
    """
    at = clock.real_time()
    deadline = at + processing.SEND_SLACK
    given = {
        "organization": str(to_uuid(begun.organization_id, "org")),
        "attempt": str(to_uuid(begun.attempt_id, "att")),
        "external_id": prepared.external_id,
        "client_secret": prepared.client_secret,
        "at": at,
        "deadline": deadline,
        "next_probe_at": deadline + processing.patience(begun.account),
    }
    try:
        return deadline if _say(engine, _MARK, given) else None
    except NO_ANSWER as error:
        log.warning("an attempt is marked on the plain road: %s", type(error).__name__)
        return payments.mark_submitted([(begun, prepared)]).get(begun.attempt_id)


def _record(engine: Engine, made: Drafted, begun: Begun, outcome: Approved) -> bytes | None:
    """Write down that the money was taken, what follows from it and the answer. None: nothing was written, or nobody knows; recording
    it again does no harm then.
    """
    payment = made.payment
    if outcome.captured != payment.amount or outcome.saved is not None:
        return None
    payment.status, payment.amount_captured = "succeeded", outcome.captured
    payment.card_brand, payment.card_last4 = outcome.card.brand, outcome.card.last4
    said = shown(payment)
    answer = said.encode() + b"\n"
    given = {name: made.given[name] for name in _SAME} | {
        "attempt": str(to_uuid(begun.attempt_id, "att")),
        "attempt_id": begun.attempt_id,
        "external_id": outcome.external_id,
        "card_brand": payment.card_brand,
        "card_last4": payment.card_last4,
        "now": clock.real_time(),
        "transfer": new_pair("tr")[1],
        "event": new_pair("evt")[1],
        "deliveries": [new_pair("del")[1] for _ in range(MOST_DELIVERIES)],
        "type": EVENT,
        "patterns": PATTERNS,
        "data": said,
        "answer": answer,
        "key": payment.idempotency_key,
    }
    try:
        row = _say(engine, _RECORD, given)
    except NO_ANSWER as error:
        log.warning("an approval is recorded on the plain road: %s", type(error).__name__)
        return None
    if row is None:
        return None
    outcomes.count(payment.processor, outcome)
    if row[0]:
        queue.wake_now(queue.DELIVER)
    return answer


def _say(engine: Engine, statement: str, given: dict[str, Any]) -> Any:
    """The row that a statement answers, behind the wall. It and the wall's setting are one round trip (a pipeline), which is one
    transaction; both are prepared. Raises one of NO_ANSWER.
    """
    with past_session(engine) as connection:
        with connection.pipeline():
            connection.execute(WALL, given, prepare=True)
            answer = connection.execute(statement, given, prepare=True)
        return answer.fetchone()
