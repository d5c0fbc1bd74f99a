"""New cards are shared out as the shares say, the same way for the same order, and never to an account that must not have them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ballast.billing import routing
from ballast.billing.routing import Route
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.errors import InvalidRequest
from ballast.ids import new_id
from ballast.models import ProcessorAccount
from ballast.money import MAX_AMOUNT
from tests.billing.test_accounts import connect, house
from tests.world import World

SEEDS = [f"order-{number}" for number in range(3000)]
# So far from its mean a count lies once in 500 million draws.
SIGMAS = 6


def account(**changes: Any) -> ProcessorAccount:
    """An account as the database would give it; it is never stored."""
    fields: dict[str, Any] = {
        "id": new_id("pac"),
        "enabled": True,
        "share": 50,
        "currencies": [],
        "takes_currencies": [],
        "amount_from": None,
        "amount_to": None,
        "archived_at": None,
        "paused_until": None,
    }
    return ProcessorAccount(**(fields | changes))


def chosen(found: list[ProcessorAccount], seed: str, amount: int = 5000, currency: str = "USD") -> list[str]:
    return [one.id for one in routing.choose(found, "USD", amount, currency, seed)]


def firsts(found: list[ProcessorAccount]) -> list[str]:
    return [chosen(found, seed)[0] for seed in SEEDS]


houses = st.lists(st.integers(1, 100), min_size=2, max_size=5).map(
    lambda shares: [account(share=one) for one in shares]
)


@given(houses)
@settings(max_examples=25, deadline=None)
def test_over_many_orders_each_account_gets_its_share(found: list[ProcessorAccount]) -> None:
    counts, total = Counter(firsts(found)), sum(one.share for one in found)
    for one in found:
        expected = one.share / total
        deviation = math.sqrt(len(SEEDS) * expected * (1 - expected))
        assert abs(counts[one.id] - len(SEEDS) * expected) <= SIGMAS * deviation + 1


@given(houses, st.randoms())
@settings(max_examples=20, deadline=None)
def test_an_order_finds_the_same_account_whatever_order_the_rows_come_in(found: Any, random: Any) -> None:
    before = [chosen(found, seed) for seed in SEEDS[:200]]
    random.shuffle(found)
    assert [chosen(found, seed) for seed in SEEDS[:200]] == before


@given(houses, st.data())
@settings(max_examples=20, deadline=None)
def test_an_account_that_is_taken_away_moves_its_own_orders_only_and_to_their_second(
    found: list[ProcessorAccount], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(found))
    left = [one for one in found if one is not gone]
    for seed in SEEDS[:500]:
        assert chosen(left, seed) == [one for one in chosen(found, seed) if one != gone.id]


@given(
    st.lists(st.sampled_from(["USD", "EUR", "JPY", "KWD"]), unique=True, max_size=3),
    st.sampled_from(["USD", "EUR", "JPY"]),
)
def test_an_account_for_some_currencies_takes_no_other(currencies: list[str], currency: str) -> None:
    fits = not currencies or currency in currencies
    assert bool(chosen([account(currencies=currencies)], "x", currency=currency)) is fits


@given(
    st.none() | st.integers(0, MAX_AMOUNT),
    st.none() | st.integers(0, MAX_AMOUNT),
    st.integers(1, MAX_AMOUNT),
    st.booleans(),
)
def test_amounts_are_bound_with_both_ends_and_in_the_home_currency_only(
    low: int | None, high: int | None, amount: int, at_home: bool
) -> None:
    assume(low is None or high is None or low <= high)
    fits = (low or 0) <= amount <= (MAX_AMOUNT if high is None else high)
    found = chosen([account(amount_from=low, amount_to=high)], "x", amount, "USD" if at_home else "EUR")
    assert bool(found) is (fits or not at_home)


@pytest.mark.parametrize("amount", [1000, 2000])
def test_a_bound_itself_is_inside(amount: int) -> None:
    one = account(amount_from=1000, amount_to=2000)
    assert chosen([one], "x", amount) == [one.id]
    assert chosen([one], "x", 999) == chosen([one], "x", 2001) == []


NEVER: dict[str, Callable[[], dict[str, Any]]] = {
    "share 0": lambda: {"share": 0},
    "disabled": lambda: {"enabled": False},
    "archived": lambda: {"archived_at": real_time()},
    "paused": lambda: {"paused_until": real_time() + timedelta(seconds=20)},
}


@pytest.mark.parametrize("why", NEVER)
def test_an_account_that_must_not_have_new_cards_gets_none(why: str) -> None:
    other = account(share=1)
    closed = account(**({"share": 100} | NEVER[why]()))
    assert {tuple(chosen([closed, other], seed)) for seed in SEEDS[:300]} == {(other.id,)}


@pytest.mark.parametrize(("rule", "currency", "taken"), [([], "EUR", 1), ([], "USD", 0), (["USD"], "USD", 0)])
def test_an_account_gets_no_currency_it_cannot_take(rule: list[str], currency: str, taken: int) -> None:
    one = account(takes_currencies=["EUR"], currencies=rule)
    assert len(chosen([one], "a", currency=currency)) == taken


def test_with_every_circuit_open_nothing_is_offered() -> None:
    until = real_time() + timedelta(seconds=20)
    assert chosen([account(paused_until=until), account(paused_until=until)], "x") == []
    assert len(chosen([account(paused_until=real_time()), account(paused_until=until)], "x")) == 1


@given(st.lists(st.integers(0, 100), min_size=1, max_size=7))
def test_percentages_add_up_to_a_hundred_or_all_are_nothing(shares: list[int]) -> None:
    found = [account(share=one) for one in shares] + [account(share=70, enabled=False)]
    parts = routing.percentages(found)
    assert sum(parts.values()) == (100 if any(shares) else 0)
    assert parts[found[-1].id] == 0


# --- The rule as it is stored ------------------------------------------------------------------------------------------------


@pytest.fixture
def acme(world: World) -> Iterator[World]:
    with organization(world.acme.id):
        yield world
    db.session.rollback()


@pytest.mark.parametrize(
    ("wanted", "code", "param"),
    [
        (Route(-1), "share_invalid", "share"),
        (Route(101), "share_invalid", "share"),
        (Route(1, ("USD", "XXX")), "currency_unknown", "currency"),
        (Route(1, ("usd",)), "currency_unknown", "currency"),
        (Route(1, (), -1), "amount_invalid", "amount_from"),
        (Route(1, (), None, MAX_AMOUNT + 1), "amount_invalid", "amount_to"),
        (Route(1, (), 2, 1), "amount_range_invalid", "amount_to"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(acme: World, wanted: Route, code: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught, transaction():
        routing.route(acme.acme.id, acme.acme.account_id, wanted)
    assert (caught.value.code, caught.value.param) == (code, param)


@given(share=st.integers(0, 100), low=st.none() | st.integers(0, 5000), more=st.none() | st.integers(0, 5000))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_said_is_what_is_stored(acme: World, share: int, low: int | None, more: int | None) -> None:
    wanted = Route(share, ("EUR", "JPY"), low, None if more is None else (low or 0) + more)
    with transaction():
        routing.route(acme.acme.id, acme.acme.account_id, wanted)
    (stored,) = routing.accounts.all_of(acme.acme.id)
    assert routing.route_of(stored) == wanted
    db.session.rollback()


def test_what_is_offered_is_what_the_stored_rules_say(acme: World) -> None:
    second = connect(acme.acme, "square")
    with transaction():
        routing.route(acme.acme.id, second, Route(100, ("USD",), 10_000))
        routing.route(acme.acme.id, acme.acme.account_id, Route(100, (), None, 9_999))

    def offered(amount: int, currency: str) -> list[str]:
        return [one.id for one in routing.offered(house(acme.acme), amount, currency, "x")]

    assert offered(9_999, "USD") == [acme.acme.account_id]
    assert offered(10_000, "USD") == [second]
    assert offered(10_000, "EUR") == [acme.acme.account_id]
