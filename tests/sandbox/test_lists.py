"""Stripe's lists, as reconciliation reads them: windows, cursors, events that were not taken."""

from typing import Any

import pytest
import requests

from tests.sandbox.conftest import Sandbox, catch, wait_until

LISTS = ["payment_intents", "charges", "refunds", "balance_transactions", "disputes"]


@pytest.fixture
def business(sandbox: Sandbox, api: Any, pay: Any) -> int:
    """Three payments, each with a refund of a part, and disputed; the time of the first is returned."""
    first = 0
    for amount in (1000, 2000, 3000):
        intent = pay(amount=amount)
        first = first or intent.created
        api.refunds.create({"payment_intent": intent.id, "amount": 100})
        url = f"{sandbox.url}/_sandbox/charges/stripe/{intent.id}/dispute"
        requests.post(url, timeout=5).raise_for_status()
    return first


@pytest.mark.parametrize("noun", LISTS)
def test_a_list_is_read_to_its_end_by_cursor(api: Any, business: int, noun: str) -> None:
    services = getattr(api, noun)
    everything = [one.id for one in services.list({"limit": 100}).data]
    assert len(everything) == (9 if noun == "balance_transactions" else 3)
    pages = services.list({"limit": 2, "created": {"gte": business}})
    assert pages.has_more
    assert [one.id for one in pages.auto_paging_iter()] == everything
    assert [one.id for one in services.list({"ending_before": everything[2], "limit": 2}).data] == everything[:2]
    assert catch(lambda: services.list({"starting_after": "none"})).code == "resource_missing"


@pytest.mark.parametrize("noun", LISTS)
def test_a_window_holds_its_beginning_and_not_its_end(api: Any, business: int, noun: str) -> None:
    services = getattr(api, noun)
    assert services.list({"created": {"lt": business}}).data == []
    assert services.list({"created": {"gte": business + 3600}}).data == []
    inside = services.list({"created": {"gte": business, "lt": business + 3600}, "limit": 100}).data
    assert [one.created for one in inside] == sorted((one.created for one in inside), reverse=True)
    assert len(inside) >= 3


def test_events_tell_which_were_not_taken(api: Any, pay: Any) -> None:
    endpoint = api.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/hook", "enabled_events": ["payment_intent.succeeded"]}
    )
    pay()
    missed = wait_until(lambda: api.events.list({"delivery_success": False}).data)
    assert [one.type for one in missed] == ["payment_intent.succeeded"]
    assert "charge.succeeded" in [one.type for one in api.events.list({"delivery_success": True}).data]
    wanted = {"types": ["charge.succeeded", "payment_intent.succeeded"]}
    assert {one.type for one in api.events.list(wanted).data} == set(wanted["types"])
    api.webhook_endpoints.delete(endpoint.id)


def test_a_customer_is_deleted_with_the_cards(api: Any) -> None:
    customer = api.customers.create({"email": "ann@example.com"})
    kept = [api.payment_methods.attach("pm_card_visa", {"customer": customer.id}).id for _ in range(3)]
    assert [one.id for one in api.customers.payment_methods.list(customer.id, {"limit": 1}).auto_paging_iter()] == kept[
        ::-1
    ]
    assert api.payment_methods.detach(kept[0]).customer is None
    assert api.customers.delete(customer.id).deleted
    assert api.payment_methods.retrieve(kept[1]).customer is None
    assert api.customers.retrieve(customer.id).deleted


def test_intents_are_found_by_their_metadata(api: Any, pay: Any) -> None:
    made = [pay(metadata={"order": "o-1"}).id for _ in range(3)]
    pay(metadata={"order": "o-2"})
    found = api.payment_intents.search({"query": 'metadata["order"]:"o-1"', "limit": 2})
    assert [one.id for one in found.auto_paging_iter()] == made[::-1]
    assert catch(lambda: api.payment_intents.search({"query": "orders"})).param == "query"
