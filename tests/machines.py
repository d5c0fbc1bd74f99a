"""Lives of a thing, in any order of what may happen to it: the same ones each time, each in a world of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.world import World


def live(
    machine: type[RuleBasedStateMachine],
    world: World,
    start_over: Callable[[], None],
    superuser: psycopg.Connection,
    lives: int,
) -> None:
    """So many lives of ten steps. The machine has `world`, `start_over` and `query`, which answers rows of a statement."""

    def query(said: str, *values: Any) -> list[tuple[Any, ...]]:
        return superuser.execute(said, values or None).fetchall()  # type: ignore[arg-type]

    here = {"world": world, "start_over": staticmethod(start_over), "query": staticmethod(query)}
    few = settings(
        max_examples=lives,
        stateful_step_count=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    run_state_machine_as_test(type("Here", (machine,), here), settings=few)
