"""How long the dashboard's pages take, in a shop that has sold nothing and in the same shop with a million payments.

`python -m bench.pages [payments]`. Each page is asked for through the real server, one at a time; the figure to read is the ratio.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
import requests

from bench.stack import running_stack

PAYMENTS: Final = 1_000_000
EACH: Final = 60
WARM_UP: Final = 5
BATCH: Final = 50_000
PAGES: Final = {
    "overview": "/admin/",
    "payments": "/admin/payments",
    "payments, failed ones": "/admin/payments?status=failed",
    "payments, far down": "/admin/payments?after={deep}",
    "one payment": "/admin/payments/{payment}",
    "customers": "/admin/customers",
    "search for an address": "/admin/search?q=shopper77",
    "search for four digits": "/admin/search?q=4242",
}
# Like the template in all but what tells one from another; a tenth of them declined; spread over a year that ends now.
PLANT: Final = """
with numbered as (select generate_series(%(first)s::bigint, %(last)s::bigint) as n),
dated as (select n, %(until)s::timestamptz - (n * (interval '365 days' / %(whole)s::bigint)) as at from numbered),
planted as (
  select n, at, lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') as stamp,
         md5('p' || n) as p, md5('a' || n) as a from dated)
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
        "external_id": "'pi_planted_' || n",
    },
    "customers": {"id": uuid("a"), "created_at": "at", "email": "'shopper' || n || '@example.com'"},
}


def main() -> None:
    """Measure empty, plant, measure full; print the table and keep it beside the other results."""
    measure_and_report(int(sys.argv[1]) if sys.argv[1:] else PAYMENTS)


def measure_and_report(wanted: int) -> None:
    """With a stack of its own."""
    with running_stack() as local:
        client = sign_in(local)
        pay(local)
        before = measure(client, local, names(local))
        began = time.monotonic()
        plant(local, wanted)
        add_up(local)
        print(f"{wanted:,} payments planted in {time.monotonic() - began:.0f} s", flush=True)
        after = measure(client, local, names(local))
    report(wanted, before, after)


def sign_in(local: dict[str, Any]) -> requests.Session:
    """The owner's session."""
    client = requests.Session()
    client.trust_env = False
    page = client.get(f"{local['web']}/sign-in", timeout=30).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    form = local["owner"] | {"csrf_token": token[1]}
    client.post(f"{local['web']}/sign-in", data=form, timeout=30).raise_for_status()
    return client


def pay(local: dict[str, Any]) -> None:
    """One payment: what the others are made like."""
    body = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}
    body["customer"] = call(local, "/customers", {"email": "template@example.com", "name": "Template"})["id"]
    call(local, "/payments", body)


def call(local: dict[str, Any], path: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-API-Key": local["api_key"], "Idempotency-Key": str(uuid4())}
    answer = requests.post(f"{local['web']}/api/v1{path}", json=body, headers=headers, timeout=30)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def names(local: dict[str, Any]) -> dict[str, str]:
    """A payment in the middle, and the one where the list is far down."""
    listed = requests.get(
        f"{local['web']}/api/v1/payments?limit=50", headers={"X-API-Key": local["api_key"]}, timeout=30
    ).json()["data"]
    return {"payment": listed[len(listed) // 2]["id"], "deep": listed[-1]["id"]}


def plant(local: dict[str, Any], wanted: int) -> None:
    """Payments with an attempt each, and a customer for every tenth."""
    until = datetime.now(UTC)
    with psycopg.connect(local["database_url"], autocommit=True) as connection:
        connection.execute("select set_config('app.organization', organization_by_slug('acme')::text, false)")
        for first in range(1, wanted + 1, BATCH):
            given = {"first": first, "last": min(first + BATCH - 1, wanted), "whole": wanted, "until": until}
            for table in ("payments", "attempts"):
                connection.execute(_like(connection, table), given)
            connection.execute(_like(connection, "customers") + " where n %% 10 = 0", given)
        connection.execute("vacuum analyze payments, attempts, customers")


def add_up(local: dict[str, Any], patience: float = 600) -> None:
    """Wait until the worker has added up the days' figures, as it has in a shop that took its payments one by one."""
    until = time.monotonic() + patience
    with psycopg.connect(local["database_url"], autocommit=True) as connection:
        connection.execute("select set_config('app.organization', organization_by_slug('acme')::text, false)")
        while time.monotonic() < until:
            row = connection.execute("select exists (select from figure_changes)").fetchone()
            if row is not None and not row[0]:
                connection.execute("vacuum analyze figure_changes, daily_figures")
                return
            time.sleep(1)
    raise RuntimeError("the days' figures were not added up in time")


def _like(connection: psycopg.Connection[Any], table: str) -> str:
    """The statement that copies the table's oldest row with what is changed in each."""
    found = connection.execute(
        "select column_name from information_schema.columns where table_name = %s and is_generated = 'NEVER'", [table]
    ).fetchall()
    columns = [row[0] for row in found]
    values = [f"{CHANGES[table][column]}" if column in CHANGES[table] else f"model.{column}" for column in columns]
    model = f"(select * from {table} order by id limit 1)"
    if table == "customers":
        model = "(select * from customers where email = 'template@example.com' limit 1)"
    return (
        f"{PLANT} insert into {table} ({', '.join(columns)}) select {', '.join(values)} from planted, {model} as model"
    )


def measure(client: requests.Session, local: dict[str, Any], filled: dict[str, str]) -> dict[str, dict[str, float]]:
    """Milliseconds by page: p50 and p95, as the browser's side sees them."""
    return {name: _page(client, local["web"] + path.format(**filled)) for name, path in PAGES.items()}


def _page(client: requests.Session, address: str) -> dict[str, float]:
    taken = []
    for _ in range(WARM_UP + EACH):
        began = time.perf_counter()
        client.get(address, timeout=60).raise_for_status()
        taken.append(1000 * (time.perf_counter() - began))
    cuts = statistics.quantiles(taken[WARM_UP:], n=20)
    return {"p50_ms": round(cuts[9], 1), "p95_ms": round(cuts[18], 1)}


def report(payments: int, before: dict[str, dict[str, float]], after: dict[str, dict[str, float]]) -> None:
    """The table on the terminal, and bench/results/pages.json."""
    print(f"{'page':<24}{'empty p50':>10}{'p95':>8}{'full p50':>10}{'p95':>8}{'ratio of p50':>14}")
    for name in PAGES:
        old, new = before[name], after[name]
        ratio = new["p50_ms"] / old["p50_ms"]
        print(f"{name:<24}{old['p50_ms']:>10}{old['p95_ms']:>8}{new['p50_ms']:>10}{new['p95_ms']:>8}{ratio:>14.2f}")
    path = Path(__file__).parent / "results" / "pages.json"
    path.write_text(json.dumps({"payments": payments, "empty": before, "full": after}, indent=2) + "\n")


if __name__ == "__main__":
    main()
