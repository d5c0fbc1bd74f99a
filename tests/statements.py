"""Counting what the database is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from ballast.db import db


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """The statements that `app` sends inside the block, in order; lists of values are shortened to one."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(re.sub(r"IN \((?:[^()]|\([^()]*\))*\)", "IN (…)", statement))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
