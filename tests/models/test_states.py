"""Every edge of every state machine, and every non-edge."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest
from sqlalchemy import CheckConstraint, Table

from ballast.db import Base
from ballast.errors import Conflict
from ballast.models.states import HELD_REFUND, MACHINES, OPEN_ATTEMPT, move

MOVES = [
    (machine, current, target, target in table[current])
    for machine, table in MACHINES.items()
    for current, target in product(table, repeat=2)
]


@dataclass
class Row:
    machine: str
    status: str


@pytest.mark.parametrize(("machine", "current", "target", "allowed"), MOVES)
def test_a_row_moves_along_the_edges_of_its_machine_and_nowhere_else(
    machine: str, current: str, target: str, allowed: bool
) -> None:
    row = Row(machine, current)
    if allowed:
        move(row, target)
        assert row.status == target
        return
    with pytest.raises(Conflict) as refused:
        move(row, target)
    assert refused.value.code == "state_conflict"
    assert row.status == current


@pytest.mark.parametrize("machine", MACHINES)
def test_every_edge_leads_to_a_state_of_the_same_machine(machine: str) -> None:
    table = MACHINES[machine]
    assert all(targets <= set(table) for targets in table.values())


# What must stay true whatever edges are added: money that has moved does not unmove, and a closed case stays closed.
@pytest.mark.parametrize(
    ("machine", "state"),
    [
        *(("payment", state) for state in ("succeeded", "canceled", "failed")),
        *(("attempt", state) for state in ("approved", "declined", "not_sent")),
        ("claim", "released"),
        *(("refund", state) for state in ("failed", "canceled")),
        ("order", "canceled"),
    ],
)
def test_a_final_state_has_no_way_out(machine: str, state: str) -> None:
    assert MACHINES[machine][state] == frozenset()


@pytest.mark.parametrize(
    ("machine", "current", "target"),
    [
        ("payment", "requires_payment_method", "succeeded"),
        ("payment", "requires_confirmation", "succeeded"),
        ("attempt", "created", "approved"),
        ("attempt", "unknown", "submitted"),
        ("refund", "pending", "succeeded"),
        ("refund", "canceled", "pending"),
        ("order", "paid", "pending"),
        ("order", "canceled", "paid"),
        ("inbox", "ignored", "applied"),
        ("cart", "abandoned", "open"),
    ],
)
def test_no_shortcut_skips_the_processor_or_reopens_what_is_closed(machine: str, current: str, target: str) -> None:
    with pytest.raises(Conflict):
        move(Row(machine, current), target)


def test_an_attempt_is_open_exactly_until_it_is_final() -> None:
    assert set(OPEN_ATTEMPT) == {state for state, targets in MACHINES["attempt"].items() if targets}


def test_a_refund_holds_its_amount_in_every_state_but_failed_and_canceled() -> None:
    assert set(HELD_REFUND) == set(MACHINES["refund"]) - {"failed", "canceled"}


def stateful_tables() -> list[tuple[str, Table]]:
    return [
        (mapper.class_.machine, mapper.local_table)  # type: ignore[misc]
        for mapper in Base.registry.mappers
        if hasattr(mapper.class_, "machine")
    ]


def test_every_machine_drives_one_table_whose_check_knows_exactly_its_states() -> None:
    found = stateful_tables()
    assert sorted(machine for machine, _table in found) == sorted(MACHINES)
    for machine, table in found:
        checks = [str(c.sqltext) for c in table.constraints if isinstance(c, CheckConstraint)]
        known = next(check for check in checks if check.startswith("status in"))
        assert set(known.split("'")[1::2]) == set(MACHINES[machine])
