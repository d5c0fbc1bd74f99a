"""The ledger: one posting per fact, in balance by construction."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from ballast.billing import ledger
from ballast.db import organization, transaction
from ballast.models import LedgerAccount, LedgerTransfer
from tests.billing.acts import at_once, balance, rows
from tests.world import World


def post(world: World, source: str = "att_1", amount: int = 100, **changes: str) -> None:
    named = {"kind": "capture", "debit": "processor_receivable", "credit": "sales", "currency": "USD", **changes}
    with organization(world.acme.id), transaction():
        ledger.post(world.acme.id, source=source, amount=amount, **named)  # type: ignore[arg-type]


def test_one_fact_is_posted_once_however_often_it_is_told(world: World) -> None:
    post(world)
    post(world)
    post(world, amount=999)
    at_once(world.app, *[lambda: post(world)] * 4)
    assert [transfer.amount for transfer in rows(world, LedgerTransfer)] == [100]


def test_one_source_may_have_facts_of_different_kinds(world: World) -> None:
    post(world)
    post(world, kind="refund", debit="refunds", credit="processor_receivable")
    assert balance(world, "processor_receivable") == 0
    assert (balance(world, "refunds"), balance(world, "sales")) == (100, -100)


def test_the_books_of_every_currency_sum_to_nothing(world: World) -> None:
    for number, (amount, currency) in enumerate([(1, "USD"), (2, "USD"), (500, "JPY"), (12_345, "KWD")]):
        post(world, f"att_{number}", amount, currency=currency)
    for currency in ("USD", "JPY", "KWD"):
        codes = {account.code for account in rows(world, LedgerAccount) if account.currency == currency}
        assert sum(balance(world, code, currency) for code in codes) == 0
    assert balance(world, "processor_receivable") == 3


@pytest.mark.parametrize(("amount", "credit"), [(0, "sales"), (-5, "sales"), (5, "processor_receivable")])
def test_nothing_a_negative_amount_and_a_circle_are_refused(world: World, amount: int, credit: str) -> None:
    with pytest.raises(IntegrityError):
        post(world, amount=amount, credit=credit)
    assert rows(world, LedgerTransfer) == []


@pytest.mark.parametrize("round_", range(3))
def test_accounts_opened_at_once_are_opened_once(world: World, round_: int) -> None:
    pairs = [
        ("refunds", "processor_receivable"),
        ("processor_receivable", "refunds"),
        ("processor_receivable", "sales"),
    ] * 3
    answers = at_once(
        world.app,
        *[
            lambda number=number, debit=debit, credit=credit: post(world, f"att_{number}", debit=debit, credit=credit)
            for number, (debit, credit) in enumerate(pairs)
        ],
    )
    assert answers == [None] * 9
    assert sorted(account.code for account in rows(world, LedgerAccount)) == [
        "processor_receivable",
        "refunds",
        "sales",
    ]
    assert len(rows(world, LedgerTransfer)) == 9


def test_a_posting_lives_and_dies_with_its_fact(world: World) -> None:
    def fact_that_fails() -> None:
        with organization(world.acme.id), transaction():
            ledger.post(world.acme.id, "capture", "att_1", "processor_receivable", "sales", 100, "USD")
            raise RuntimeError("the fact did not happen")

    with pytest.raises(RuntimeError, match="did not happen"):
        fact_that_fails()
    assert rows(world, LedgerTransfer) == []


def test_debit_is_the_first_account_and_credit_the_second(world: World) -> None:
    post(world)
    assert (balance(world, "processor_receivable"), balance(world, "sales")) == (100, -100)
