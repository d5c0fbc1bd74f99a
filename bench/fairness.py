"""Ten organizations with ten rows due beside one with 100,000: how long the ten wait, kind by kind, with one real worker and cron.

`make fairness` runs it on the servers of the tests; ROWS=… for another number. The large one's rows are copied inside the database,
all to one stored card, for which a unique index of this database has to go.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from ballast.billing.financing.terms import OfferTerms
from ballast.clock import real_time
from ballast.config import Settings
from ballast.db import set_organization
from ballast.ids import new_id
from ballast.models import Subscription
from tests.crowd import copies, put, uuid_of
from tests.financing.acts import Lender
from tests.notifications.endpoint import serving
from tests.subscriptions.acts import Desk
from tests.subscriptions.fleet import plant
from tests.world import Merchant, World, _merchant

ROOT = Path(__file__).parent.parent
ROWS = int(os.environ.get("BALLAST_ROWS", "100000"))
FEW, SMALL = 10, 10
PATIENCE = 60.0

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture
def small(world: World) -> list[Merchant]:
    """Ten organizations, each with an account at Stripe and an endpoint."""
    made = [_merchant(f"small{number}", "Small Ltd", world.settings, ()) for number in range(SMALL)]
    set_organization(None)
    return made


@contextmanager
def at_work(settings: Settings) -> Iterator[None]:
    """One worker for all queues, and cron."""
    given = {name.upper(): str(value) for name, value in settings.model_dump().items() if value not in (None, "")}
    env = {**os.environ, **given, "PYTHONPATH": str(ROOT)}
    with ExitStack() as stack, tempfile.TemporaryFile() as log:
        for arguments in ([], ["cron"]):
            command = [sys.executable, "worker.py", *arguments]
            process = stack.enter_context(subprocess.Popen(command, cwd=ROOT, env=env, stderr=log, stdout=log))
            stack.callback(process.kill)
        yield


def watch(settings: Settings, connection: psycopg.Connection, kind: str, undone: str, large: str, acme: str) -> None:
    """Until nothing of the ten's is undone; says how long that took and how many of the large one's were done meanwhile."""
    before = count(connection, large, acme)
    with at_work(settings):
        began = time.monotonic()
        while (left := count(connection, undone, acme)) and time.monotonic() < began + 5 * PATIENCE:
            time.sleep(0.25)
        took = time.monotonic() - began
    done = before - count(connection, large, acme)
    print(
        f"  {kind:<14} the ten's {SMALL * FEW} after {took:5.1f} s, of the large one's {before:,} {done:,} were done then"
    )
    assert not left, f"{left} were not done"
    assert took < PATIENCE


def count(connection: psycopg.Connection, statement: str, acme: str) -> int:
    row = connection.execute(statement, {"acme": uuid_of(acme)}).fetchone()  # type: ignore[arg-type]
    return int(row[0]) if row else 0


def test_mails(world: World, small: list[Merchant], superuser: psycopg.Connection) -> None:
    at = real_time() - timedelta(hours=1)
    said = {"subject": "A mail", "html": "x", "text": "x", "recipient": "ada@example.com", "status": "pending"}
    for number, owner in enumerate([world.acme, *small]):
        whose = {"organization_id": owner.id, "created_at": at, "next_attempt_at": at + timedelta(minutes=number)}
        put(superuser, "emails", id=new_id("em"), kind="receipt", dedupe_key="first", **said, **whose)
        copies(superuser, "emails", owner.id, (FEW if number else ROWS) - 1)
    left = "select count(*) from emails where status <> 'sent' and organization_id {} %(acme)s"
    watch(world.settings, superuser, "mails", left.format("<>"), left.format("="), world.acme.id)


def test_deliveries(world: World, small: list[Merchant], superuser: psycopg.Connection) -> None:
    at = real_time() - timedelta(hours=1)
    for number, owner in enumerate([world.acme, *small]):
        given = {"owner": uuid_of(owner.id), "each": FEW if number else ROWS, "at": at + timedelta(minutes=number)}
        superuser.execute(DELIVERIES, given)
    left = "select count(*) from webhook_deliveries where status <> 'delivered' and organization_id {} %(acme)s"
    with serving() as taker:
        move = "update webhook_endpoints set url = %(url)s where organization_id <> %(acme)s"
        superuser.execute(move, {"url": taker.url, "acme": uuid_of(world.acme.id)})
        watch(world.settings, superuser, "deliveries", left.format("<>"), left.format("="), world.acme.id)


DELIVERIES = """
with made as (
  insert into events (organization_id, id, type, resource_type, resource_id, api_version, data, created_at)
  select %(owner)s, gen_random_uuid(), 'payment_intent.succeeded', 'payment', 'pay_1', '2026-11-01', '{}', %(at)s
  from generate_series(1, %(each)s) returning id
)
insert into webhook_deliveries (organization_id, id, endpoint_id, event_id, status, created_at, next_attempt_at)
select %(owner)s, gen_random_uuid(), endpoint.id, made.id, 'pending', %(at)s, %(at)s
from made cross join (select id from webhook_endpoints where organization_id = %(owner)s limit 1) as endpoint
"""


def test_renewals(world: World, small: list[Merchant], superuser: psycopg.Connection) -> None:
    unique_no_more(superuser, "payment_methods", "external_id")
    for owner in small:
        desk = Desk(replace(world, acme=owner))
        desk.start(desk.price(2000), desk.customer())
        plant(desk, FEW - 1)
    large = Desk(world)
    large.start(large.price(2000), large.customer())
    plant(large, 1)
    one = large.all(Subscription)[-1]
    make_many(superuser, ROWS - 2)
    spread(superuser, "customers", one.customer_id, id="many.a")
    spread(superuser, "payment_methods", str(one.payment_method_id), id="many.b", customer_id="many.a")
    superuser.execute(KNOWN_THERE, {"one": uuid_of(one.customer_id)})
    whose = {"customer_id": "many.a", "payment_method_id": "many.b"}
    spread(superuser, "subscriptions", one.id, id="many.c", token="many.c::text", **whose)
    superuser.execute(ENDED)
    superuser.execute("analyze subscriptions, customers, payment_methods")
    left = [RENEWED.format(sign, whole) for sign, whole in (("<>", SMALL * FEW), ("=", ROWS))]
    watch(world.settings, superuser, "renewals", *left, world.acme.id)


def test_installments(world: World, small: list[Merchant], superuser: psycopg.Connection) -> None:
    terms = OfferTerms(installments=FEW, grace_days=10)
    for owner in small:
        Lender(replace(world, acme=owner), real_time()).agree(terms=terms)
    large = Lender(world, real_time())
    agreement_id = large.agree(terms=terms)
    agreement = large.agreement(agreement_id)
    make_many(superuser, ROWS // FEW - 1)
    spread(superuser, "orders", agreement.order_id, id="many.a", token="many.a::text", number="many.a::text")
    spread(superuser, "financing_agreements", agreement_id, id="many.b", order_id="many.a", token="many.b::text")
    for one in large.installments(agreement_id):
        spread(superuser, "installments", one.id, id="gen_random_uuid()", agreement_id="many.b")
    superuser.execute("update installments set next_attempt_at = now() - interval '1 hour'")
    superuser.execute(
        "update financing_agreements set next_action_at = null, accrued_on = null, next_reminder_at = null"
    )
    superuser.execute("analyze installments, financing_agreements")
    left = "select count(*) from installments where paid_at is null and organization_id {} %(acme)s"
    watch(world.settings, superuser, "installments", left.format("<>"), left.format("="), world.acme.id)


# The processor knows the customers of the copies by the name that the card is stored under.
KNOWN_THERE = """
insert into processor_customers (organization_id, processor_account_id, customer_id, external_id)
select organization_id, processor_account_id, many.a, external_id from processor_customers, many where customer_id = %(one)s
"""
# The first month of all is over since an hour, so that one renewal each is due.
ENDED = """
update subscriptions set period = 0, anchor_at = now() - interval '1 month 1 hour', next_action_at = now() - interval '1 hour',
  current_period_start = now() - interval '1 month 1 hour', current_period_end = now() - interval '1 hour'
"""
RENEWED = """
select {1} - count(*) from invoices where status = 'paid' and billing_reason = 'subscription_cycle' and organization_id {0} %(acme)s
"""


def make_many(connection: psycopg.Connection, count: int) -> None:
    """Ids for so many copies of what hangs together."""
    connection.execute("drop table if exists many")
    connection.execute(
        "create temp table many as select gen_random_uuid() a, gen_random_uuid() b, gen_random_uuid() c "
        "from generate_series(1, %s)",
        [count],
    )


def spread(connection: psycopg.Connection, table: str, row_id: str, **changed: str) -> None:
    """A copy of one row for each of `many`; `changed`: column and expression."""
    asked = (
        "select column_name from information_schema.columns "
        "where table_schema = 'public' and table_name = %s and is_generated = 'NEVER'"
    )
    columns = [str(row[0]) for row in connection.execute(asked, [table])]
    chosen = ", ".join(changed.get(name, f"row.{name}") for name in columns)
    connection.execute(
        f"insert into {table} ({', '.join(columns)}) select {chosen} "  # type: ignore[arg-type]
        f"from (select * from {table} where id = %s) as row, many",
        [uuid_of(row_id)],
    )


def unique_no_more(connection: psycopg.Connection, table: str, column: str) -> None:
    """Drop the unique constraint that this column is in."""
    wanted = """
        select c.conname from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
        where c.conrelid = %s::regclass and a.attname = %s and c.contype = 'u'"""
    for (name,) in connection.execute(wanted, [table, column]).fetchall():
        connection.execute(f'alter table {table} drop constraint "{name}"')  # type: ignore[arg-type]
