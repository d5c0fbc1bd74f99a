"""What must be true once everything has healed: our books against what the sandbox says it charged, and every promise of delivery.

`query` answers rows of a statement, read as the owner of the tables; `charges` and `mails` are what the sandbox lists. Each finding is
a sentence; none means that all is well. Late successes are counted apart: a fault that holds an answer back for long makes them
unavoidable, and they are right if they went back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ballast.ids import to_uuid
from tests.chaos import disputed

Query = Callable[..., list[tuple[Any, ...]]]

STUCK = {
    "attempts": "select id from attempts where status in ('created', 'submitted', 'unknown')",
    "refunds": "select id from refunds where status in ('pending', 'submitted', 'unknown', 'processing', 'pending_settlement')",
    "holds": "select id from hold_actions where status in ('pending', 'submitted', 'unknown')",
    "answers to disputes": "select id from disputes where action is not null",
    "late successes": "select id from late_successes where next_attempt_at is not null",
    "processor events": "select id from inbox_events where status = 'received'",
    "deliveries": "select id from webhook_deliveries where status <> 'delivered'",
    "mails": "select id from emails where status <> 'sent'",
    "cards": "select id from payment_methods where status = 'pending'",
}


@dataclass
class Truth:
    """What was found. `late`: late successes by what was done with them. `disputes`: by how they ended."""

    findings: list[str] = field(default_factory=list)
    payments: int = 0
    charges: int = 0
    late: Counter[str] = field(default_factory=Counter)
    disputes: Counter[str] = field(default_factory=Counter)

    def expect(self, holds: bool, said: str) -> None:
        if not holds:
            self.findings.append(said)


def find(
    query: Query,
    charges: list[dict[str, Any]],
    mails: Iterable[dict[str, Any]] = (),
    disputes: list[dict[str, Any]] | None = None,
) -> Truth:
    """Hold everything against everything. `disputes`: all there are in the sandbox, as `disputing.at_processors` lists them."""
    contested = disputes or []
    truth = Truth()
    taken = [charge for charge in charges if charge["status"] != "canceled"]
    compare_charges(truth, query, taken)
    compare_ledger(truth, query, taken, disputed.withdrawn(contested))
    truth.disputes = Counter(disputed.word(one) for one in contested)
    truth.findings += disputed.find(query, taken, contested) if disputes is not None else []
    look_for_second_claims(truth, query)
    look_for_half_orders(truth, query)
    compare_installments(truth, query)
    look_for_stuck(truth, query)
    look_for_gaps(truth, query)
    look_for_second_mails(truth, query, mails)
    return truth


def compare_charges(truth: Truth, query: Query, taken: list[dict[str, Any]]) -> None:
    """Each charge is of one approved attempt of a payment that succeeded with that amount, or came late and went back; and the other
    way round."""
    attempts = {row[0]: row[1:] for row in query("select id, payment_id, status, amount from attempts")}
    paid = dict(query("select id, amount_captured from payments where status in ('succeeded', 'requires_capture')"))
    late = {row[0]: row[1:] for row in query("select attempt_id, answer, amount from late_successes")}
    truth.payments, truth.charges = len(paid), len(taken)
    truth.late = Counter(answer for answer, _ in late.values())
    of_payment: dict[UUID, list[int]] = defaultdict(list)
    for charge in taken:
        reference = to_uuid(charge["reference"] or "", "att")
        if reference not in attempts:
            truth.findings.append(f"A charge is of no attempt of ours: {charge['processor']} {charge['id']}.")
            continue
        payment_id, status, _ = attempts[reference]
        if status == "approved":
            of_payment[payment_id].append(charge["amount_captured"])
        elif reference not in late:
            truth.findings.append(
                f"Money is lost: {charge['processor']} {charge['id']} is of an attempt that is {status}."
            )
        elif late[reference][0] == "refund":
            gone = charge["amount_refunded"] == charge["amount_captured"]
            truth.expect(gone, f"A late success was not given back: {charge['processor']} {charge['id']}.")
    for payment_id in paid.keys() | of_payment.keys():
        amounts = of_payment.get(payment_id, [])
        truth.expect(len(amounts) < 2, f"Charged twice: {payment_id}.")
        truth.expect(bool(amounts), f"Paid without a charge: {payment_id}.")
        truth.expect(payment_id in paid, f"Charged and not paid: {payment_id}.")
        truth.expect(sum(amounts) == paid.get(payment_id, sum(amounts)), f"The amounts differ: {payment_id}.")


BALANCES = """
  select t.currency, sum(case when a.id = t.debit_account_id then t.amount else -t.amount end) from ledger_transfers t
  join ledger_accounts a on a.organization_id = t.organization_id and a.id in (t.debit_account_id, t.credit_account_id)
  where a.code = %s and t.kind not in ('processor_fee', 'payout', 'payout_paid', 'payout_returned', 'payout_failed',
  'dispute_fee', 'dispute_fee_returned')
  group by t.currency"""


def compare_ledger(
    truth: Truth, query: Query, taken: list[dict[str, Any]], disputed_away: Counter[str] | None = None
) -> None:
    """What processors owe us is what they took less what went back and what banks took; nothing that came late is still to go back."""
    ours = {currency: int(amount) for currency, amount in query(BALANCES, "processor_receivable")}
    theirs: Counter[str] = Counter()
    for charge in taken:
        theirs[charge["currency"].upper()] += charge["amount_captured"] - charge["amount_refunded"]
    theirs.subtract(disputed_away or {})
    for currency in ours.keys() | theirs.keys():
        have, said = ours.get(currency, 0), theirs[currency]
        truth.expect(have == said, f"The ledger has {have} {currency} at the processors, the processors {said}.")
    owed = [row for row in query(BALANCES, "late_receipts") if row[1]]
    truth.expect(not owed, f"Owed back and not gone: {owed}.")


def look_for_second_claims(truth: Truth, query: Query) -> None:
    """No order and no period was paid twice, no invoice without a payment or credit."""
    twice = query(
        "select obligation, obligation_id from claims where status = 'paid' and obligation <> 'installment' "
        "group by organization_id, obligation, obligation_id having count(*) > 1"
    )
    truth.expect(not twice, f"Paid twice: {twice}.")
    open_twice = query(
        "select payment_id from attempts where status in ('created', 'submitted', 'unknown', 'action_required', 'approved') "
        "group by organization_id, payment_id having count(*) > 1"
    )
    truth.expect(not open_twice, f"Two attempts are open or approved: {open_twice}.")
    wrong = query(
        "select o.id from orders o where o.status = 'paid' and not exists "
        "(select 1 from payments p where p.organization_id = o.organization_id and p.order_id = o.id and p.status = 'succeeded') "
        "and exists (select 1 from payments p where p.organization_id = o.organization_id and p.order_id = o.id)"
    )
    truth.expect(not wrong, f"Orders are paid by nothing: {wrong}.")
    keys = query(
        "select idempotency_key from payments where idempotency_key is not null group by organization_id, idempotency_key "
        "having count(*) > 1"
    )
    truth.expect(not keys, f"Two payments under one key: {keys}.")


def look_for_half_orders(truth: Truth, query: Query) -> None:
    """With a paid order began all that it was for."""
    subscriptions = query(
        "select o.id from orders o join subscriptions s on s.organization_id = o.organization_id and s.id = o.subscription_id "
        "where o.status = 'paid' and s.status in ('incomplete', 'incomplete_expired')"
    )
    truth.expect(not subscriptions, f"Paid, and no subscription began: {subscriptions}.")
    plans = query(
        "select o.id from orders o where o.status = 'paid' and o.financing_offer_id is not null and not exists "
        "(select 1 from financing_agreements a where a.organization_id = o.organization_id and a.order_id = o.id "
        "and a.status not in ('draft', 'canceled'))"
    )
    truth.expect(not plans, f"Paid down, and no plan runs: {plans}.")


def compare_installments(truth: Truth, query: Query) -> None:
    """What counts as paid of an installment is what payments that succeeded have claimed for it."""
    claimed = {
        to_uuid(name, "inst"): int(amount)
        for name, amount in query(
            "select obligation_id, sum(amount) from claims where obligation = 'installment' and status = 'paid' group by 1"
        )
    }
    paid = query("select id, principal_paid + interest_paid + late_fee_paid from installments")
    wrong = [row_id for row_id, amount in paid if amount != claimed.get(row_id, 0)]
    truth.expect(not wrong, f"Installments have other money than was claimed for them: {wrong}.")


def look_for_stuck(truth: Truth, query: Query) -> None:
    """Nothing waits any more."""
    for what, statement in STUCK.items():
        rows = query(statement)
        truth.expect(not rows, f"{len(rows)} {what} are stuck, such as {rows[:1]}.")


def look_for_gaps(truth: Truth, query: Query) -> None:
    """Each endpoint was sent 1, 2, 3 and so on, to the end, and every event that it asked for."""
    for endpoint, most, count, kinds in query(
        "select endpoint_id, max(sequence), count(*), count(distinct sequence) from webhook_deliveries group by endpoint_id"
    ):
        truth.expect(most == count == kinds, f"Endpoint {endpoint} has gaps: {count} deliveries up to number {most}.")


def look_for_second_mails(truth: Truth, query: Query, mails: Iterable[dict[str, Any]]) -> None:
    """As many mails went to each person under each subject as were written, or fewer, where the oldest were forgotten."""
    written = Counter(
        {(row[0], row[1]): row[2] for row in query("select recipient, subject, count(*) from emails group by 1, 2")}
    )
    arrived = Counter((recipient, mail["subject"]) for mail in mails for recipient in mail["to"])
    for key in arrived:
        truth.expect(
            arrived[key] <= written[key], f"A mail came {arrived[key]} times and was written {written[key]}: {key}."
        )
