"""Time that passes: what was to happen later happens now, and nothing else is changed.

Rows whose call may still be under way wait for it, as they would.
"""

from __future__ import annotations

import time

import psycopg

from tests.stack import Stack

# Waits that are only long: what is due in ten minutes or an hour is due now. What waits for a call that may still be under way waits.
LONG_WAITS = (
    "update attempts set next_probe_at = now() where status = 'unknown' and next_probe_at > now()",
    "update refunds set next_attempt_at = now() "
    "where status in ('unknown', 'processing', 'pending_settlement') and next_attempt_at > now() "
    # Braintree calls nothing absent that may have left within the last minute.
    "and (status <> 'unknown' or sent_at < now() - interval '70 seconds')",
    "update hold_actions set next_attempt_at = now() where status = 'unknown' and next_attempt_at > now() "
    "and sent_at < now() - interval '70 seconds'",
    "update emails set next_attempt_at = now() where status = 'failed' and next_attempt_at > now()",
    "update inbox_events set next_attempt_at = now() where status = 'received' and next_attempt_at > now()",
    "update webhook_deliveries set next_attempt_at = now() where status = 'failed' and next_attempt_at > now()",
    "update late_successes set next_attempt_at = now() where next_attempt_at > now()",
    "update disputes set next_attempt_at = now() where action is not null and next_attempt_at > now() + interval '70 seconds'",
)
# What a clock that was ahead has set farther off than any that is right: as if all were later by that much.
AHEAD = (
    (
        "attempts",
        ("submitted_at", "send_deadline_at", "next_probe_at"),
        "status in ('created', 'submitted', 'unknown')",
    ),
    ("refunds", ("sent_at", "next_attempt_at"), "status in ('pending', 'submitted', 'unknown')"),
    ("hold_actions", ("sent_at", "next_attempt_at"), "status in ('pending', 'submitted', 'unknown')"),
    ("disputes", ("next_attempt_at",), "action is not null"),
    ("inbox_events", ("next_attempt_at", "lease_until"), "status = 'received'"),
    ("webhook_deliveries", ("next_attempt_at", "lease_until"), "status <> 'delivered'"),
    ("emails", ("next_attempt_at", "lease_until"), "status <> 'sent'"),
    ("payment_methods", ("next_attempt_at",), "status = 'pending'"),
    ("processor_accounts", ("paused_until",), "true"),
    ("idempotency_keys", ("locked_until",), "true"),
    ("invoices", ("lease_until",), "true"),
    ("installments", ("lease_until",), "true"),
    ("subscriptions", ("lease_until",), "true"),
    ("financing_agreements", ("lease_until",), "true"),
)


def pass_long_waits(stack: Stack) -> None:
    """What is asked after, or tried again, some time later is so now."""
    for statement in LONG_WAITS:
        act(stack, statement)


def pass_an_hour(stack: Stack, payment_id: str) -> None:
    """For the attempt of one payment, which was sent an hour ago by now, and is asked after."""
    act(
        stack,
        "update attempts set submitted_at = submitted_at - interval '1 hour', next_probe_at = now(), "
        f"send_deadline_at = send_deadline_at - interval '1 hour' where payment_id = '{payment_id}' and status = 'unknown'",
    )


def pass_by(stack: Stack, seconds: int) -> None:
    """What was set while clocks were ahead by so much comes that much sooner, as if they had been right."""
    later = f"now() + interval '{seconds // 2} seconds'"
    for table, columns, where in AHEAD:
        moved = ", ".join(
            f"{name} = case when {name} > {later} then {name} - interval '{seconds} seconds' else {name} end"
            for name in columns
        )
        act(stack, f"update {table} set {moved} where {where} and greatest({', '.join(columns)}) > {later}")


def act(stack: Stack, statement: str) -> int:
    """Change what only time would; how many rows. Where the database is away at that moment, nothing is changed."""
    try:
        with psycopg.connect(stack.local["database_url"], autocommit=True, connect_timeout=5) as connection:
            return connection.execute(statement).rowcount
    except psycopg.OperationalError:
        time.sleep(0.5)
        return 0
