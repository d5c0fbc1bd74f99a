"""Commands for operators: what they show, and that no secret is among it."""

from __future__ import annotations

from click.testing import Result

from ballast.db import organization, transaction
from ballast.ids import new_id
from ballast.models import ProcessorAccount
from tests.billing.test_accounts import connect
from tests.world import World


def run(world: World, *words: str) -> Result:
    return world.app.test_cli_runner().invoke(args=["processors", *words])


def test_accounts_are_listed_without_their_secrets(world: World) -> None:
    with organization(world.acme.id):
        connect(world.acme, "square")
    result = run(world, "list", "acme")
    lines = [line.split("\t") for line in result.output.splitlines()]
    assert [line[1:] for line in lines] == [
        ["stripe", "pk_test_acme", "test", "enabled", "default", "100%", "never tested"],
        ["square", "Lsecond", "test", "enabled", "-", "0%", "works"],
    ]
    assert "EAAAE" not in result.output
    assert "sk_test" not in result.output


def test_accounts_are_tested_and_one_that_fails_fails_the_command(world: World) -> None:
    with organization(world.acme.id):
        square = connect(world.acme, "square")
    good = run(world, "test", "acme")
    assert (good.exit_code, good.output.count("works")) == (0, 2)
    world.fault(processor="square", kind="reset_before")
    bad = run(world, "test", "acme")
    assert bad.exit_code == 1
    assert f"{square}\tSquare could not be reached" in bad.output
    assert f"{world.acme.account_id}\tworks" in bad.output
    assert run(world, "test", "acme", world.acme.account_id).exit_code == 0


def test_an_organization_or_account_nobody_has_is_said_to_be_none(world: World) -> None:
    assert "There is no organization nobody." in run(world, "list", "nobody").output
    for account_id in (new_id("pac"), world.stranger.account_id, "x"):
        result = run(world, "test", "acme", account_id)
        assert (result.exit_code, "No such processor account." in result.output) == (1, True)


def test_an_archived_account_is_listed_as_such(world: World) -> None:
    from ballast.billing import accounts

    with organization(world.acme.id):
        square = connect(world.acme, "square")
        with transaction():
            accounts.archive(world.acme.id, square)
    assert "archived" in run(world, "list", "acme").output.splitlines()[1]
    assert len(world.all_of(ProcessorAccount)) == 2
