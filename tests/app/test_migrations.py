"""The database that the migrations make is the one that the models describe."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask
from flask_migrate import check
from sqlalchemy import CheckConstraint, inspect

from ballast.db import Base, db

VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"


def test_the_models_ask_for_nothing_that_no_migration_makes(app: Flask) -> None:
    with app.app_context():
        check()


def test_every_table_has_the_check_constraints_of_its_model(app: Flask) -> None:
    """Alembic compares tables, columns, keys and indexes, and leaves these out."""
    with app.app_context():
        found = inspect(db.engine)
        for table in Base.metadata.tables.values():
            declared = {
                str(constraint.name): _bare(str(constraint.sqltext))
                for constraint in table.constraints
                if isinstance(constraint, CheckConstraint)
            }
            there = {str(row["name"]): _bare(row["sqltext"]) for row in found.get_check_constraints(table.name)}
            assert set(there) == set(declared), table.name
            for name, text in declared.items():
                assert sorted(re.findall(r"'[^']*'", there[name])) == sorted(re.findall(r"'[^']*'", text)), name


def _bare(text: str) -> str:
    return text.replace("::character varying", "").replace("::text", "").lower()


def test_migrations_are_numbered_without_gaps_and_form_one_line() -> None:
    files = sorted(path.name for path in VERSIONS.glob("[0-9]*.py"))
    numbers = [name.partition("_")[0] for name in files]
    assert numbers == [f"{index:04}" for index in range(1, len(files) + 1)]
    for number, name in zip(numbers, files, strict=True):
        text = (VERSIONS / name).read_text()
        before = f'"{int(number) - 1:04}"' if number != "0001" else "None"
        assert f'\nrevision = "{number}"\n' in text, name
        assert f"\ndown_revision = {before}\n" in text, name
