"""The ledger is proved from its transfers: a whole one passes, and the first row that is wrong is named."""

from __future__ import annotations

import psycopg
import pytest
from click.testing import Result

from ballast.billing import rollups
from ballast.db import set_organization
from ballast.local.postgres import Postgres
from tests.world import Api, World


def prove(world: World) -> Result:
    return world.app.test_cli_runner().invoke(args=["verify-ledger", "--organization", "acme"])


SPOILED = {
    "balance_snapshots USD processor_receivable/sales is 1, and its transfers come to 5000": (
        "update balance_snapshots set amount = 1 where debit = 'processor_receivable'"
    ),
    "daily_figures credit/sales USD come to 1, and the transfers to 5000": (
        "update daily_figures set amount = 1 where figure = 'credit/sales'"
    ),
    "has captured 1999, and the ledger has 2000": (
        "update payments set amount_captured = 1999 where amount_captured = 2000"
    ),
    "went back, and the ledger has 500": "update refunds set status = 'failed'",
    "is in EUR, and its account": "update ledger_transfers set currency = 'EUR' where amount = 500",
}


@pytest.mark.parametrize("added_up", [False, True])
def test_a_ledger_that_nobody_spoiled_is_proved_whole(world: World, api: Api, added_up: bool) -> None:
    _trade(world, api, added_up)
    result = prove(world)
    assert (result.exit_code, result.output) == (0, "acme\tok\t3 transfers\n")


def _trade(world: World, api: Api, added_up: bool) -> None:
    paid = api.pay().get_json()["id"]
    api.pay(amount=3000)
    api.post("/refunds", {"payment": paid, "amount": 500})
    world.drain()
    if added_up:
        with world.worker_app.app_context():
            set_organization(None)
            rollups.add_due()


@pytest.mark.parametrize("said", SPOILED)
def test_the_first_row_that_is_wrong_is_named(world: World, api: Api, postgres: Postgres, said: str) -> None:
    _trade(world, api, added_up=True)
    with psycopg.connect(postgres.superuser_url.rpartition("/")[0] + "/ballast") as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(SPOILED[said])
    result = prove(world)
    assert result.exit_code == 1
    assert result.output.startswith("acme\tBROKEN\t")
    assert said in result.output


def test_a_ledger_that_could_be_changed_is_not_called_whole(world: World, postgres: Postgres) -> None:
    switch = "alter table ledger_transfers {} trigger ledger_transfers_append_only"
    with psycopg.connect(postgres.owner_url) as connection:
        connection.execute(switch.format("disable"))
        connection.commit()
        try:
            assert "the trigger that refuses changes" in prove(world).output
        finally:
            connection.execute(switch.format("enable"))
