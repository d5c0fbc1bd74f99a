"""Creating a payment over the API, with everything on, as a share of what pgbench does with the same four inserts.

The rows that pgbench inserts are read back from one payment that the API made: an idempotency key with its answer, a payment, an
audit entry, an event. pgbench owns the tables, so no row-level security, no setting and no check slows it down; it runs the four as
four prepared statements in one transaction, from as many clients. Both are measured in turns, so that what else the machine does meets
both.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from ballast.ids import to_uuid
from ballast.local.binaries import find_postgres
from bench.calls import call
from bench.stack import ROOT
from bench.usage import measured

CLIENTS: Final = 16
ROUNDS: Final = 3
SECONDS: Final = 4
BODY: Final = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa"}
# Table → where one payment's row is.
ROWS: Final = {
    "idempotency_keys": "resource_id = %s",
    "payments": "id = %s::uuid",
    "audit_entries": "resource_id = %s",
    "events": "resource_id = %s",
}
FRESH: Final = {
    "id": "uuidv7()",
    "key": "gen_random_uuid()::text",
    "idempotency_key": "gen_random_uuid()::text",
    "created_at": "now()",
}


def measure(local: dict[str, Any]) -> dict[str, Any]:
    """The ratio, p50 and p99 in ms, CPU ms of web and Postgres for each request."""
    open_up(local)
    script = four_inserts(local)
    create(local, 2)
    ours, theirs = [], []
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        used: dict[str, float] = {}
        for _ in range(ROUNDS):
            with measured(local) as spent:
                ours.append(create(local, SECONDS))
            used = {name: used.get(name, 0.0) + seconds for name, seconds in spent.items()}
            theirs.append(pgbench(local["database_url"], file.name, SECONDS))
    answered = sum(one["requests"] - one["errors"] for one in ours)
    rate, base = answered / sum(one["seconds"] for one in ours), sum(theirs) / len(theirs)
    return {
        "create_per_second": round(rate, 1),
        "create_errors": sum(one["errors"] for one in ours),
        "create_p50_ms": sorted(one["p50_ms"] for one in ours)[ROUNDS // 2],
        "create_p99_ms": sorted(one["p99_ms"] for one in ours)[ROUNDS // 2],
        "create_web_cpu_ms": round(1000 * used["web"] / answered, 2),
        "create_postgres_cpu_ms": round(1000 * used["postgres"] / answered, 2),
        "create_valkey_cpu_ms": round(1000 * used["valkey"] / answered, 2),
        "four_inserts_per_second": round(base, 1),
        "create_ratio": round(rate / base, 3),
    }


def open_up(local: dict[str, Any]) -> None:
    """A limit of the key that nobody reaches (it is counted all the same), and nobody who is sent events."""
    with psycopg.connect(local["database_url"]) as connection:
        connection.execute("update api_keys set rate_limit = 10000000")
        connection.execute("update webhook_endpoints set enabled = false")


def create(local: dict[str, Any], seconds: float, **fields: Any) -> dict[str, Any]:
    """Create payments for `seconds`."""
    return ask(local, seconds, json.dumps({**BODY, **fields}))


def ask(local: dict[str, Any], seconds: float, *what: str) -> dict[str, Any]:
    """Have clients in a process of their own ask for `seconds`; `what`: as `bench.clients` reads it."""
    command = [sys.executable, "-m", "bench.clients", local["web"], local["api_key"], str(CLIENTS), str(seconds), *what]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def four_inserts(local: dict[str, Any]) -> str:
    """The four rows of one payment as inserts whose ids are fresh each time."""
    made = call(local, "/payments", BODY)
    with psycopg.connect(local["database_url"]) as connection:
        inserts = [_insert(connection, table, where, made["id"]) for table, where in ROWS.items()]
    return "\n".join(["begin;", *inserts, "commit;"]) + "\n"


def _insert(connection: psycopg.Connection[Any], table: str, where: str, payment_id: str) -> str:
    given = str(to_uuid(payment_id, "pay")) if table == "payments" else payment_id
    cursor = connection.execute(f"select * from {table} where {where}", [given])
    names = [column.name for column in cursor.description or ()]
    row = cursor.fetchone()
    assert row, f"the payment left no row in {table}"
    values = [_literal(connection, name, value) for name, value in zip(names, row, strict=True)]
    return f"insert into {table} ({', '.join(names)}) values ({', '.join(values)});"


def _literal(connection: psycopg.Connection[Any], name: str, value: Any) -> str:
    if name in FRESH and value is not None:
        return FRESH[name]
    if isinstance(value, dict):
        value = json.dumps(value)
    return " ".join(sql.Literal(value).as_string(connection).split("\n"))


def pgbench(url: str, script: str | Path, seconds: int, mode: str = "prepared") -> float:
    """Transactions a second of the script."""
    options = ["-n", "-M", mode, "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), "-f", str(script), url]
    done = subprocess.run([find_postgres() / "pgbench", *options], check=False, capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or not found:
        raise RuntimeError(f"pgbench failed:\n{done.stderr[-2000:]}")
    return float(found[1])
