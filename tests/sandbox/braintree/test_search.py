"""Searching as the SDK does it: ids first, then pages."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from braintree import TransactionSearch as Search

from tests.sandbox.braintree.conftest import Setup
from tests.sandbox.conftest import wait_until

Sell = Callable[..., Any]


def ids(found: Any) -> list[str]:
    return [one.id for one in found.items]


def test_by_order_id(gateway: Any, sell: Sell) -> None:
    made = sell(order_id="Order 1").transaction
    sell(order_id="Order 12")
    search = gateway.transaction.search
    assert ids(search(Search.order_id == "Order 1")) == [made.id]
    assert len(ids(search(Search.order_id.starts_with("order 1")))) == 2
    assert ids(search(Search.order_id == "Order 2")) == []


def test_by_time_and_status_and_amount(gateway: Any, sell: Sell) -> None:
    good, bad = sell(order_id="1").transaction, sell(order_id="2", amount="2001.00").transaction
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    minute = dt.timedelta(minutes=1)
    search = gateway.transaction.search
    assert ids(search(Search.created_at.between(now - minute, now + minute))) == [bad.id, good.id]
    assert ids(search(Search.created_at >= now + minute)) == []
    assert ids(search(Search.created_at <= now - minute)) == []
    assert ids(search(Search.status == "processor_declined", Search.created_at >= now - minute)) == [bad.id]
    assert ids(search(Search.amount >= "100.00")) == [bad.id]
    assert ids(search(Search.type == "credit")) == []


def test_several_pages(gateway: Any, sell: Sell) -> None:
    made = [sell(order_id=str(number)).transaction.id for number in range(53)]
    found = gateway.transaction.search(Search.type == "sale")
    assert found.maximum_size == 53
    assert ids(found) == made[::-1]


def test_a_search_may_lag_behind(gateway: Any, sell: Sell, setup: Setup) -> None:
    setup(search_lag=2)
    made = sell(order_id="o").transaction
    assert ids(gateway.transaction.search(Search.order_id == "o")) == []
    assert gateway.transaction.find(made.id).id == made.id
    wait_until(lambda: ids(gateway.transaction.search(Search.order_id == "o")) == [made.id])
