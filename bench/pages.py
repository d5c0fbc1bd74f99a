"""How long the dashboard's pages take: in a shop that has sold nothing, in one whose payments fill a page, in one with a million.

`python -m bench.pages [payments] [--among TOTAL]`. Each page is asked for through the real server, one at a time, and once more inside
this process, which adds up the time spent on SQL. `--among`: the payments of all organizations together, so that the tables are larger
than the shop. A page of a list costs what its rows cost to draw, so what to read is full against the shop that fills one page.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import statistics
import time
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
import requests
from flask.testing import FlaskClient
from sqlalchemy import event

from ballast import create_app
from ballast.config import Settings
from ballast.db import db
from ballast.ids import from_uuid
from bench.crowd import Crowd
from bench.stack import running_stack
from bench.usage import cpu_seconds

PAYMENTS: Final = 1_000_000
AMONG: Final = 5_000_000
# What fills one page of every list, those of which a tenth are too: failed payments, customers.
FEW: Final = 300
EACH: Final = 60
# Enough that each of the processes and its threads has done it.
WARM_UP: Final = 16
PAGES: Final = {
    "overview": "/admin/",
    "payments": "/admin/payments",
    "payments, failed ones": "/admin/payments?status=failed",
    "payments, far down": "/admin/payments?after={deep}",
    "one payment": "/admin/payments/{payment}",
    "customers": "/admin/customers",
    "search for an address": "/admin/search?q=shopper1",
    "search for four digits": "/admin/search?q=4242",
}
Figures = dict[str, dict[str, float]]


def main() -> None:
    """Measure empty, plant, measure full; print the table and keep it beside the other results."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("payments", nargs="?", type=int, default=PAYMENTS)
    parser.add_argument("--among", type=int, default=0)
    asked = parser.parse_args()
    with running_stack() as local:
        measure_and_report(local, asked.payments, asked.among)


def measure_and_report(local: dict[str, Any], wanted: int, among: int) -> None:
    """Of a stack that has just started; `among`: payments of all organizations together."""
    client, inside = sign_in(local), Inside(local)
    pay(local)
    with psycopg.connect(local["database_url"], autocommit=True) as connection:
        crowd = Crowd(connection)
        states = {
            "empty": lambda: None,
            "one page": lambda: crowd.plant(1, FEW, FEW),
            "full": lambda: fill(crowd, wanted, among),
        }
        found: dict[str, Figures] = {}
        for state, prepare in states.items():
            began = time.monotonic()
            prepare()
            print(f"  {state}: planted in {time.monotonic() - began:.0f} s", flush=True)
            found[state] = measure(client, inside, local, names(connection, crowd.acme))
    report({"payments": wanted, "among": max(wanted, among)} | found)


def fill(crowd: Crowd, wanted: int, among: int) -> None:
    """The shop's own payments, and neighbors of the same size until there are as many as wanted in all."""
    crowd.plant(FEW + 1, wanted, wanted)
    for _ in range(max(0, among // wanted - 1)):
        crowd.plant_neighbor(wanted)
    crowd.enter(crowd.acme)


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


def names(connection: psycopg.Connection[Any], acme: str) -> dict[str, str]:
    """The payment in the middle of the shop's, where the list is far down too."""
    count = "(select count(*) / 2 from payments where organization_id = %(acme)s)"
    query = f"select id from payments where organization_id = %(acme)s order by id offset {count} limit 1"
    row = connection.execute(query, {"acme": acme}).fetchone()  # type: ignore[arg-type]
    assert row
    return dict.fromkeys(("payment", "deep"), from_uuid(row[0], "pay"))


class Inside:
    """The application in this process, for what it spends on SQL."""

    def __init__(self, local: dict[str, Any]) -> None:
        secrets = json.loads((Path(local["state"]) / "secrets.json").read_text())
        self.app = create_app(
            "app",
            Settings(
                _env_file=None,
                database_url=local["database_app_url"],
                redis_url=local["redis_url"],
                sandbox_url=local["sandbox"],
                encryption_key=secrets["ENCRYPTION_KEY"],
                secret_key="bench",
            ),
        )
        logging.getLogger("ballast").setLevel(logging.WARNING)
        self.spent = 0.0
        with self.app.app_context():
            event.listen(db.engine, "before_cursor_execute", self._begin)
            event.listen(db.engine, "after_cursor_execute", self._end)
        self.client: FlaskClient = self.app.test_client()
        page = self.client.get("/sign-in").get_data(as_text=True)
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token
        self.client.post("/sign-in", data=local["owner"] | {"csrf_token": token[1]})

    def _begin(self, *_told: Any) -> None:
        self.began = time.perf_counter()

    def _end(self, *_told: Any) -> None:
        self.spent += time.perf_counter() - self.began

    def sql_ms(self, path: str) -> float:
        """For one request, the way to Postgres and back with it; the middle of fifteen."""
        found = []
        for _ in range(15):
            self.spent = 0.0
            assert self.client.get(path).status_code == 200, path
            found.append(1000 * self.spent)
        return round(statistics.median(found), 1)


def measure(client: requests.Session, inside: Inside, local: dict[str, Any], filled: dict[str, str]) -> Figures:
    """Milliseconds by page: p50 and p95 as the browser's side sees them, what SQL has of it, and CPU of the web processes."""
    paths = {name: path.format(**filled) for name, path in PAGES.items()}
    return {name: _page(client, local, path) | {"sql_ms": inside.sql_ms(path)} for name, path in paths.items()}


def _page(client: requests.Session, local: dict[str, Any], path: str) -> dict[str, float]:
    def ask() -> float:
        began = time.perf_counter()
        client.get(local["web"] + path, timeout=60).raise_for_status()
        return 1000 * (time.perf_counter() - began)

    for _ in range(WARM_UP):
        ask()
    used = cpu_seconds(local["pids"]["web"])
    taken = [ask() for _ in range(EACH)]
    used = cpu_seconds(local["pids"]["web"]) - used
    cuts = statistics.quantiles(taken, n=20)
    return {"p50_ms": round(cuts[9], 1), "p95_ms": round(cuts[18], 1), "cpu_ms": round(1000 * used / EACH, 1)}


def report(found: dict[str, Any]) -> None:
    """The table on the terminal, and bench/results/pages.json."""
    print(
        f"{found['payments']:,} payments of {found['among']:,}; ms: p50, p95, of that in SQL, CPU of web; ratios of p50 and CPU"
    )
    print(f"{'page':<24}{'empty':>23}{'one page':>23}{'full':>23}{'to one page':>13}")
    for name in PAGES:
        of = [found[state][name] for state in ("empty", "one page", "full")]
        shown = "".join(f"{one['p50_ms']:>7}{one['p95_ms']:>6}{one['sql_ms']:>5}{one['cpu_ms']:>5}" for one in of)
        ratios = [of[2][key] / max(of[1][key], 0.1) for key in ("p50_ms", "cpu_ms")]
        print(f"{name:<24}{shown}{ratios[0]:>7.2f}{ratios[1]:>6.2f}")
    path = Path(__file__).parent / "results" / "pages.json"
    path.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
