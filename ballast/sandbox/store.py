"""Everything the sandbox remembers: tables of JSON records per account, written through the journal.

Records lie in memory as encoded JSON, so reading one gives a copy of its own, and nothing is changed until a
transaction commits.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ballast.sandbox import clock
from ballast.sandbox.journal import Change, Journal

Record = dict[str, Any]

encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

# Fields by which records are looked up; a record is found under the value its field had at the last commit.
INDEXED = {
    "payment_methods": "customer",
    "charges": "payment_intent",
    "refunds": "charge",
    "disputes": "charge",
    "deliveries": "event",
    "square_deliveries": "event",
    "square_disputes": "_payment",
    "challenges": "intent",
}

# What a reset keeps; none of these is indexed.
SETTINGS = ("webhook_endpoints", "receiver", "square_subscriptions", "mail_webhooks")

# The oldest records beyond these counts are forgotten, per account, so that a long run cannot eat the memory.
LIMITS = {"events": 5_000, "deliveries": 5_000, "idempotency": 20_000, "mails": 1_000, "receipts": 1_000}
LIMITS |= {
    "notifications": 5_000,
    "mail_deliveries": 5_000,
    "square_events": 5_000,
    "square_deliveries": 5_000,
    "square_keys": 20_000,
}
LIMIT = 50_000


class Store:
    """The tables, keyed `account/kind`."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal(directory)
        self.tables: dict[str, dict[str, bytes]] = {}
        self.index: dict[tuple[str, str], dict[str, None]] = {}
        self.live_bytes = 0
        for block in self.journal.read():
            for change in block:
                self._apply(change)
        self._compact_if_bloated()

    def begin(self, account: str) -> "Transaction":
        """Open a transaction on one account's tables."""
        return Transaction(self, account)

    def accounts(self, kind: str) -> list[str]:
        """Return the accounts that hold any record of this kind."""
        suffix = f"/{kind}"
        return [table[: -len(suffix)] for table, rows in self.tables.items() if rows and table.endswith(suffix)]

    def has(self, kind: str, account: str, value: str) -> bool:
        """Tell whether any record has this value in its indexed field."""
        return bool(self.index.get((f"{account}/{kind}", value)))

    def commit(self, changes: list[Change]) -> None:
        """Write the changes to the journal, then make them visible."""
        self.journal.append(changes)
        for change in changes:
            self._apply(change)
        self._compact_if_bloated()

    def clear(self) -> None:
        """Forget what happened; what was set up, the addresses for webhooks and their secrets, stays."""
        self.tables = {table: rows for table, rows in self.tables.items() if table.rpartition("/")[2] in SETTINGS}
        self.index.clear()
        self.live_bytes = sum(len(row) for rows in self.tables.values() for row in rows.values())
        self._compact()

    def _apply(self, change: Change) -> None:
        table, key, value = change
        rows = self.tables.setdefault(table, {})
        kind = table.rpartition("/")[2]
        old = rows.get(key)
        if kind in INDEXED:
            self._reindex(table, INDEXED[kind], key, old, value)
        self.live_bytes += len(value or b"") - len(old or b"")
        if value is None:
            rows.pop(key, None)
            return
        rows[key] = value
        if len(rows) > LIMITS.get(kind, LIMIT):
            self._apply((table, next(iter(rows)), None))

    def _reindex(self, table: str, field: str, key: str, old: bytes | None, new: bytes | None) -> None:
        before = json.loads(old).get(field) if old else None
        after = json.loads(new).get(field) if new else None
        if before == after:
            return
        if before:
            self.index.get((table, before), {}).pop(key, None)
        if after:
            self.index.setdefault((table, after), {})[key] = None

    def _compact_if_bloated(self) -> None:
        if self.journal.is_bloated(self.live_bytes):
            self._compact()

    def _compact(self) -> None:
        self.journal.rewrite((table, key, row) for table, rows in self.tables.items() for key, row in rows.items())


class Newest(Iterator[Record]):
    """Committed records, the newest first, each decoded only when it is its turn."""

    def __init__(self, rows: dict[str, bytes]) -> None:
        self._rows = reversed(rows.items())

    def __next__(self) -> Record:
        record: Record = json.loads(next(self._rows)[1])
        return record

    def skip_past(self, key: str) -> bool:
        """Go on after the record with this key; tell whether there is one."""
        return any(found == key for found, _ in self._rows)


class Transaction:
    """One unit of work on one account; what it did not commit never happened."""

    def __init__(self, store: Store, account: str) -> None:
        self.store = store
        self.account = account
        self.now = clock.now()
        self.changes: dict[tuple[str, str], Record | None] = {}

    def get(self, kind: str, key: str) -> Record | None:
        """Return the record, as changed by this transaction, or None."""
        if (kind, key) in self.changes:
            return self.changes[kind, key]
        row = self.store.tables.get(f"{self.account}/{kind}", {}).get(key)
        return None if row is None else json.loads(row)

    def put(self, kind: str, record: Record) -> Record:
        """Write the record under its `id`."""
        self.changes[kind, record["id"]] = record
        return record

    def delete(self, kind: str, key: str) -> None:
        """Remove the record."""
        self.changes[kind, key] = None

    def newest(self, kind: str) -> Newest:
        """Return the committed records, the newest first."""
        return Newest(self.store.tables.get(f"{self.account}/{kind}", {}))

    def find(self, kind: str, value: str) -> list[Record]:
        """Return the committed records whose indexed field has this value, the newest first."""
        keys = self.store.index.get((f"{self.account}/{kind}", value), {})
        found = (self.get(kind, key) for key in reversed(list(keys)))
        return [record for record in found if record is not None]

    def commit(self) -> None:
        """Make the changes durable and visible."""
        if self.changes:
            self.store.commit([self._encode(kind, key, record) for (kind, key), record in self.changes.items()])
            self.changes = {}

    def _encode(self, kind: str, key: str, record: Record | None) -> Change:
        return f"{self.account}/{kind}", key, None if record is None else encode(record).encode()
