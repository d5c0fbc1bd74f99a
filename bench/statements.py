"""What one create+confirm says to Postgres, written down as a pgbench script.

The statements are captured from the application itself, so that the comparison cannot drift from the code: every id that was fresh in
the captured request becomes an id that is fresh in each transaction of pgbench.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg

from ballast.ids import to_uuid

TYPEID = re.compile(r"\b([a-z]+)_[0-9a-hjkmnp-tv-z]{26}\b")
BARE_UUID = re.compile(r"(?<=')[0-9a-f]{32}(?='::uuid)|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Inside of a text; pgbench would take it for a variable.
COLON = re.compile(r"(?<!:):(?=[A-Za-z_])")
# A text that has become several.
TOGETHER = re.compile(r"('(?:[^']|'')*'(?: \|\| (?:md5\('\d+:' \|\| :r\)|:r|chr\(58\)) \|\| '(?:[^']|'')*')+)(::\w+)?")
FRESH_MS: Final = 60_000
PROCESSOR_ID = re.compile(r"\bpi_[0-9A-Za-z]+")


def capture(settings: Any, api_key: str) -> list[str]:
    """The SQL of one create+confirm on the fast road, parameters written in, with its transaction borders."""
    from ballast import create_app
    from ballast.db import db

    app = create_app("app", settings)
    spoken: list[str] = []
    with app.app_context():
        _pay(app, api_key)
        with (
            psycopg.connect(
                settings.database_url.replace("+psycopg", ""), cursor_factory=psycopg.ClientCursor
            ) as connection,
            _listening(connection.cursor(), spoken),
        ):
            _pay(app, api_key)
        db.engine.dispose()
    return spoken


def _pay(app: Any, api_key: str) -> None:
    body = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}
    headers = {"X-API-Key": api_key, "Idempotency-Key": str(uuid4())}
    answer = app.test_client().post("/api/v1/payments", json=body, headers=headers)
    if answer.status_code != 201:
        raise RuntimeError(f"the payment to learn from failed: {answer.get_data(as_text=True)}")


@contextmanager
def _listening(cursor: Any, spoken: list[str]) -> Iterator[None]:
    """Both doors through which the fast road speaks; what is said through them is said as well."""
    from ballast.billing import direct_charges, direct_payments

    write, say = direct_payments._write, direct_charges._say

    def writing(engine: Any, statement: str, given: dict[str, Any]) -> bool:
        spoken.append(cursor.mogrify(statement, given))
        return write(engine, statement, given)

    def saying(engine: Any, statement: str, given: dict[str, Any]) -> Any:
        wall = cursor.mogrify(direct_charges.WALL, given)
        spoken.extend(("begin", wall, cursor.mogrify(statement, given), "commit"))
        return say(engine, statement, given)

    direct_payments._write, direct_charges._say = writing, saying
    try:
        yield
    finally:
        direct_payments._write, direct_charges._say = write, say


def write_script(spoken: list[str]) -> str:
    """The pgbench script. Ids that this request made are fresh in each run; all others are of rows that exist."""
    fresh = _fresh_ids(spoken)
    lines = ["\\set r random(1, 9000000000000000000)"]
    lines += [_one_line(_renew(statement, fresh)) + ";" for statement in spoken]
    return "\n".join(lines) + "\n"


def _fresh_ids(spoken: list[str]) -> dict[str, int]:
    """Each id that this request made, numbered: it holds the moment it was made at, and the last ones were made within a minute. The
    client's own key is the one id that holds none.
    """
    found = list(dict.fromkeys(UUID(one).hex for line in spoken for one in BARE_UUID.findall(line)))
    newest = max(_made_at(one) for one in found if _made_at(one))
    fresh = [one for one in found if not _made_at(one) or newest - _made_at(one) < FRESH_MS]
    return {one: number for number, one in enumerate(fresh)}


def _made_at(found: str) -> int:
    """Milliseconds since 1970 of a UUIDv7; 0 for another."""
    return UUID(found).int >> 80 if UUID(found).version == 7 else 0


def _renew(statement: str, fresh: dict[str, int]) -> str:
    """Replace fresh ids in their three spellings: as uuid, as public id inside text, as the processor's id."""

    def as_uuid(match: re.Match[str]) -> str:
        number = fresh.get(UUID(match[0]).hex)
        return match[0] if number is None else f"' || md5('{number}:' || :r) || '"

    def as_public_id(match: re.Match[str]) -> str:
        inside = to_uuid(match[0], match[1])
        number = fresh.get(inside.hex) if inside else None
        return match[0] if number is None else f"{match[1]}_' || md5('{number}:' || :r) || '"

    plain = COLON.sub("' || chr(58) || '", statement)
    renewed = PROCESSOR_ID.sub("pi_' || :r || '", BARE_UUID.sub(as_uuid, TYPEID.sub(as_public_id, plain)))
    return TOGETHER.sub(r"(\1)\2", renewed)


def _one_line(statement: str) -> str:
    return " ".join(statement.split())
