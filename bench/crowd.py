"""A shop that has taken a million payments, and neighbors in the same tables that have as many: copies of real rows, made by SQL."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import psycopg

BATCH: Final = 50_000
# Like the template in all but what tells one from another; a tenth of them declined; spread over a year that ends now.
PLANT: Final = """
with numbered as (select generate_series(%(first)s::bigint, %(last)s::bigint) as n),
dated as (select n, %(until)s::timestamptz - (n * (interval '365 days' / %(whole)s::bigint)) as at from numbered),
planted as (
  select n, at, lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') as stamp,
         md5(%(owner)s || 'p' || n) as p, md5(%(owner)s || 'a' || n) as a from dated)
"""


def uuid(salt: str) -> str:
    """SQL for a version 7 id of the row's own instant."""
    return f"(stamp || '7' || substr({salt}, 1, 3) || '8' || substr({salt}, 4, 15))::uuid"


CHANGES: Final = {
    "payments": {
        "id": uuid("p"),
        "created_at": "at",
        "succeeded_at": "case when n %% 10 = 0 then null else at end",
        "status": "case when n %% 10 = 0 then 'failed' else 'succeeded' end",
        "amount": "1000 + n %% 9000",
        "amount_captured": "case when n %% 10 = 0 then 0 else 1000 + n %% 9000 end",
        "idempotency_key": "null",
        "order_id": "null",
        "customer_id": "null",
        "card_last4": "lpad((n %% 10000)::text, 4, '0')",
    },
    "attempts": {
        "id": uuid("a"),
        "payment_id": uuid("p"),
        "created_at": "at",
        "send_deadline_at": "at",
        "submitted_at": "at",
        "finished_at": "at",
        "status": "case when n %% 10 = 0 then 'declined' else 'approved' end",
        "decline_class": "case when n %% 10 = 0 then 'soft' end",
        "decline_code": "case when n %% 10 = 0 then 'generic_decline' end",
        "amount": "1000 + n %% 9000",
        "external_id": "'pi_planted_' || %(owner)s || n",
    },
    "customers": {"id": uuid("a"), "created_at": "at", "email": "'shopper' || n || '@example.com'"},
}

# Another organization like the demo shop, with an account like the one its payments are taken through.
NEIGHBOR: Final = {"id": "%(owner)s::uuid", "slug": "'neighbor-' || %(owner)s"}
ACCOUNT: Final = {"id": "%(account)s::uuid", "organization_id": "%(owner)s::uuid", "external_account": "%(account)s"}
# What is copied for it names nothing of the demo shop's.
OF_NEIGHBOR: Final = {"organization_id": "%(owner)s::uuid", "processor_account_id": "%(account)s::uuid"}
OURS: Final = "organization_id = %(owner)s::uuid"
MODELS: Final = {
    "organizations": "select to_jsonb(o) from organizations o where id = %(owner)s::uuid",
    "processor_accounts": f"select to_jsonb(a) from processor_accounts a where {OURS} and is_default limit 1",
    "payments": f"select to_jsonb(p) from payments p where {OURS} order by id limit 1",
    "attempts": f"select to_jsonb(a) from attempts a where {OURS} order by id limit 1",
    "customers": f"select to_jsonb(c) from customers c where {OURS} and email = 'template@example.com' limit 1",
}
ANALYZE: Final = "vacuum analyze payments, attempts, customers, figure_changes, daily_figures"


class Crowd:
    """Plants what is like the demo shop's oldest payment, `acme`'s and its neighbors'."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.acme = str(self._one("select organization_by_slug('acme')::text"))
        self.enter(self.acme)
        self.models = {table: json.dumps(self._one(query, owner=self.acme)) for table, query in MODELS.items()}

    def plant(self, first: int, last: int, whole: int) -> None:
        """Payments `first` to `last` of `whole` for the demo shop, with an attempt each, and a customer for every tenth."""
        self.enter(self.acme)
        self._fill({"owner": self.acme, "whole": whole}, first, last, {})
        self._add_up()

    def plant_neighbor(self, each: int) -> None:
        """One more organization, with `each` payments."""
        given = {"owner": str(uuid4()), "account": str(uuid4()), "whole": each}
        self.enter(given["owner"])
        for table, changes in (("organizations", NEIGHBOR), ("processor_accounts", ACCOUNT)):
            self.connection.execute(f"{self._insert(table, changes)} from {self._model(table)}", self.models | given)
        self._fill(given, 1, each, OF_NEIGHBOR)
        self._add_up()

    def _fill(self, given: dict[str, Any], first: int, last: int, whose: dict[str, str]) -> None:
        """In steps that a server of this size likes."""
        until = datetime.now(UTC)
        for begin in range(first, last + 1, BATCH):
            rows = self.models | given | {"first": begin, "last": min(begin + BATCH - 1, last), "until": until}
            for table, some in (("payments", ""), ("attempts", ""), ("customers", " where n %% 10 = 0")):
                copied = self._insert(table, CHANGES[table] | whose)
                self.connection.execute(f"{PLANT}{copied} from planted, {self._model(table)}{some}", rows)

    def _add_up(self, patience: float = 900) -> None:
        """Wait until the worker has added up the days' figures, as it has in a shop that took its payments one by one."""
        until = time.monotonic() + patience
        while self._one("select exists (select from figure_changes)"):
            if time.monotonic() > until:
                raise RuntimeError("the days' figures were not added up in time")
            time.sleep(1)
        self.connection.execute(ANALYZE)

    def _insert(self, table: str, changes: dict[str, str]) -> str:
        """The head of a statement that copies `model` with what is changed in each."""
        query = "select column_name from information_schema.columns where table_name = %s and is_generated = 'NEVER'"
        columns = [row[0] for row in self.connection.execute(query, [table])]
        values = [changes.get(column, f"model.{column}") for column in columns]
        return f"insert into {table} ({', '.join(columns)}) select {', '.join(values)}"

    def _model(self, table: str) -> str:
        return f"jsonb_populate_record(null::{table}, %({table})s::jsonb) as model"

    def enter(self, owner: str) -> None:
        """What is done from now on is that organization's."""
        self.connection.execute("select set_config('app.organization', %s, false)", [owner])

    def _one(self, query: str, **given: Any) -> Any:
        row = self.connection.execute(query, given).fetchone()  # type: ignore[arg-type]
        assert row, query
        return row[0]
