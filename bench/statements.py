"""What one create+confirm says to Postgres, written down as a pgbench script.

The statements are captured from the application itself, so that the comparison cannot drift from the code: every id that was fresh in
the captured request becomes an id that is fresh in each transaction of pgbench.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import event

from ballast.ids import to_uuid

TYPEID = re.compile(r"\b([a-z]+)_[0-9a-hjkmnp-tv-z]{26}\b")
BARE_UUID = re.compile(r"(?<=')[0-9a-f]{32}(?='::uuid)|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PROCESSOR_ID = re.compile(r"\bpi_[0-9A-Za-z]+")


def capture(settings: Any, api_key: str) -> list[str]:
    """The SQL of one create+confirm, parameters written in, with its transaction borders."""
    from ballast import create_app
    from ballast.db import db

    app = create_app("app", settings)
    spoken: list[str] = []
    with app.app_context():
        _pay(app, api_key)
        with psycopg.connect(
            settings.database_url.replace("+psycopg", ""), cursor_factory=psycopg.ClientCursor
        ) as connection:
            _listen(db.engine, connection.cursor(), spoken)
            _pay(app, api_key)
        db.engine.dispose()
    return spoken


def _pay(app: Any, api_key: str) -> None:
    body = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}
    headers = {"X-API-Key": api_key, "Idempotency-Key": str(uuid4())}
    answer = app.test_client().post("/api/v1/payments", json=body, headers=headers)
    if answer.status_code != 201:
        raise RuntimeError(f"the payment to learn from failed: {answer.get_data(as_text=True)}")


def _listen(engine: Any, cursor: Any, spoken: list[str]) -> None:
    @event.listens_for(engine, "begin")
    def on_begin(_connection: Any) -> None:
        spoken.append("begin")

    @event.listens_for(engine, "before_cursor_execute")
    def on_statement(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        rows = parameters if many else [parameters]
        spoken.extend(cursor.mogrify(statement, row) for row in rows)

    @event.listens_for(engine, "commit")
    def on_commit(_connection: Any) -> None:
        spoken.append("commit")

    @event.listens_for(engine, "rollback")
    def on_rollback(_connection: Any) -> None:
        spoken.append("rollback")


def write_script(spoken: list[str]) -> str:
    """The pgbench script. Ids of rows that are inserted are fresh in each transaction; all others are rows that exist."""
    fresh = _fresh_ids(spoken)
    lines = ["\\set r random(1, 9000000000000000000)"]
    lines += [_one_line(_renew(statement, fresh)) + ";" for statement in spoken]
    return "\n".join(lines) + "\n"


def _fresh_ids(spoken: list[str]) -> dict[str, int]:
    """Each id that this request makes, numbered. Keys begin with the organization, so an INSERT's second id is the row's own."""
    inserts = [BARE_UUID.findall(line) for line in spoken if line.lstrip().upper().startswith("INSERT")]
    return {found[1]: number for number, found in enumerate(inserts)}


def _renew(statement: str, fresh: dict[str, int]) -> str:
    """Replace fresh ids in their three spellings: as uuid, as public id inside text, as the processor's id."""

    def as_uuid(match: re.Match[str]) -> str:
        return f"' || md5('{fresh[match[0]]}:' || :r) || '" if match[0] in fresh else match[0]

    def as_public_id(match: re.Match[str]) -> str:
        inside = to_uuid(match[0], match[1])
        number = fresh.get(inside.hex) if inside else None
        return match[0] if number is None else f"{match[1]}_' || md5('{number}:' || :r) || '"

    renewed = PROCESSOR_ID.sub("pi_' || :r || '", BARE_UUID.sub(as_uuid, TYPEID.sub(as_public_id, statement)))
    return re.sub(
        r"('(?:[^']|'')*'(?: \|\| (?:md5\('\d+:' \|\| :r\)|:r) \|\| '(?:[^']|'')*')+)(::\w+)?", r"(\1)\2", renewed
    )


def _one_line(statement: str) -> str:
    return " ".join(statement.split())
