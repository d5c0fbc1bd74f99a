"""The Braintree adapter captures, voids and refunds: in whole, in parts, once."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
import requests

from ballast import clock
from ballast.processors.base import (
    Approved,
    Declined,
    NotSent,
    RefundRequest,
    Unknown,
)
from tests.processors.braintree.conftest import (
    MINUTE,
    Desk,
    approved,
    lookup_of,
    make_charge,
    request_refund,
)


def status_of(desk: Desk, transaction_id: str) -> str:
    base = f"{desk.url}/merchants/{desk.merchant}/transactions"
    found = requests.get(f"{base}/{transaction_id}", auth=("public", "private"), timeout=5).text
    return found.partition("<status>")[2].partition("</status>")[0]


def test_capture_of_all_may_be_repeated(desk: Desk) -> None:
    charge, held = approved(desk.adapter, capture=False)
    lookup = lookup_of(charge, held.external_id)
    for _ in range(2):
        outcome = desk.adapter.capture(lookup, 2000, "cap_1")
        assert isinstance(outcome, Approved)
        assert outcome.captured == 2000
    assert isinstance(desk.adapter.capture(lookup, 2000, "cap_2"), Approved)
    assert desk.charges()[0]["amount_captured"] == 2000


def test_parts_add_up(desk: Desk) -> None:
    charge, held = approved(desk.adapter, capture=False)
    lookup = lookup_of(charge, held.external_id)
    for reference, amount, total in [
        ("cap_1", 500, 500),
        ("cap_2", 700, 1200),
        ("cap_2", 700, 1200),
        ("cap_3", 800, 2000),
    ]:
        outcome = desk.adapter.capture(lookup, amount, reference, final=False)
        assert isinstance(outcome, Approved), outcome
        assert (outcome.external_id, outcome.captured) == (held.external_id, total)
    too_much = desk.adapter.capture(lookup, 1, "cap_4", final=False)
    assert isinstance(too_much, Declined)
    assert (too_much.decline_class, too_much.code) == ("configuration", "91522")
    assert desk.adapter.find(lookup_of(charge)) == outcome
    assert desk.charges()[0]["amount_captured"] == 2000


def test_one_part_lets_go_of_the_rest(desk: Desk) -> None:
    charge, held = approved(desk.adapter, capture=False)
    lookup = lookup_of(charge, held.external_id)
    taken = desk.adapter.capture(lookup, 500, "cap_1")
    assert isinstance(taken, Approved)
    assert taken.captured == 500
    rest = desk.adapter.capture(lookup, 1500, "cap_2", final=False)
    assert isinstance(rest, Declined)
    assert rest.code == "915103"
    assert desk.adapter.find(lookup) == taken
    assert status_of(desk, held.external_id) == "submitted_for_settlement"


@pytest.mark.parametrize("keyed", [True, False])
def test_the_last_of_several_parts_lets_go_of_the_rest(desk: Desk, keyed: bool) -> None:
    desk.post("settings", api_request_keys=keyed)
    charge, held = approved(desk.adapter, capture=False)
    lookup = lookup_of(charge, held.external_id)
    desk.adapter.capture(lookup, 500, "cap_1", final=False)
    for _ in range(2):
        last = desk.adapter.capture(lookup, 700, "cap_2")
        assert isinstance(last, Approved)
        assert last.captured == 1200
    assert isinstance(desk.adapter.capture(lookup, 100, "cap_3", final=False), Declined)
    assert desk.charges()[0]["amount_captured"] == 1200


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize(("kind", "taken"), [("reset_after", 500), ("error_after", 500), ("reset_before", 0)])
def test_a_lost_answer_to_a_capture_is_given_again(desk: Desk, keyed: bool, final: bool, kind: str, taken: int) -> None:
    desk.post("settings", api_request_keys=keyed)
    desk.adapter.submit(make_charge())  # by which it is learned whether there are keys
    charge, held = approved(desk.adapter, capture=False)
    lookup = lookup_of(charge, held.external_id)
    desk.fault(kind, f"transactions.submit_for_{'' if final else 'partial_'}settlement")
    assert isinstance(desk.adapter.capture(lookup, 500, "cap_1", final), Unknown)
    found = desk.adapter.find(lookup)
    assert isinstance(found, Approved)
    assert found.captured == taken
    for _ in range(2):
        again = desk.adapter.capture(lookup, 500, "cap_1", final)
        assert isinstance(again, Approved)
        assert again.captured == 500
    charged = [one for one in desk.charges() if one["id"] == held.external_id]
    assert [one["amount_captured"] for one in charged] == [500]


def test_parts_without_keys_and_where_they_are_not_supported(desk: Desk) -> None:
    desk.post("settings", api_request_keys=False)
    charge, held = approved(desk.adapter, capture=False)
    lookup = lookup_of(charge, held.external_id)
    for _ in range(2):
        outcome = desk.adapter.capture(lookup, 500, "cap_1", final=False)
        assert isinstance(outcome, Approved)
        assert outcome.captured == 500
    desk.post("settings", partial_settlements=False)
    charge, held = approved(desk.adapter, capture=False)
    only = desk.adapter.capture(lookup_of(charge, held.external_id), 500, "cap_2", final=False)
    assert isinstance(only, Approved)
    assert only.captured == 500
    second = desk.adapter.capture(lookup_of(charge, held.external_id), 700, "cap_3", final=False)
    assert not isinstance(second, Approved) or second.captured == 500


def test_void_and_cancel(desk: Desk) -> None:
    charge, held = approved(desk.adapter, capture=False)
    lookup = lookup_of(charge, held.external_id)
    assert desk.adapter.void(lookup, "void_1") == NotSent("voided", held.external_id)
    assert desk.adapter.void(lookup, "void_1") == NotSent("voided", held.external_id)
    assert desk.adapter.void(lookup, "void_2") == NotSent("voided", held.external_id)
    charge, held = approved(desk.adapter, capture=False)
    assert desk.adapter.cancel(lookup_of(charge)) == NotSent("voided", held.external_id)
    charge, taken = approved(desk.adapter)
    assert desk.adapter.cancel(lookup_of(charge)) == taken
    desk.settle(taken.external_id)
    assert desk.adapter.void(lookup_of(charge, taken.external_id), "void_3") == taken
    assert [line["status"] for line in desk.charges()] == ["canceled", "canceled", "captured"]


def test_a_settlement_that_is_declined_is_a_decline(desk: Desk) -> None:
    charge, taken = approved(desk.adapter, amount=400_100)
    desk.settle(taken.external_id)
    outcome = desk.adapter.find(lookup_of(charge, taken.external_id))
    assert isinstance(outcome, Declined)
    assert outcome.code == "4001"


def test_partial_refunds_add_up_after_settlement(desk: Desk) -> None:
    _charge, taken = approved(desk.adapter)
    desk.settle(taken.external_id)
    requests_made = [request_refund(taken, amount) for amount in (500, 700, 800)]
    for request in requests_made:
        outcome = desk.adapter.refund(request)
        assert outcome.status == "succeeded"
        assert desk.adapter.refund(request).external_id == outcome.external_id
        assert desk.adapter.find_refund(request, None) == outcome
        assert desk.adapter.find_refund(request, outcome.external_id) == outcome
    assert desk.adapter.refund(request_refund(taken, 1)).status == "failed"
    assert desk.charges()[0]["amount_refunded"] == 2000


def test_before_settlement_a_whole_refund_is_a_void_and_a_part_waits(desk: Desk) -> None:
    _charge, taken = approved(desk.adapter)
    part = request_refund(taken, 500)
    assert desk.adapter.refund(part).status == "pending_settlement"
    assert desk.adapter.find_refund(part, None).status == "absent"
    whole = request_refund(taken, 2000)
    for _ in range(2):
        assert desk.adapter.refund(whole).status == "succeeded"
    assert desk.adapter.find_refund(whole, None).status == "succeeded"
    assert desk.charges()[0]["status"] == "canceled"


def test_a_part_that_waited_is_refunded_under_the_same_reference(desk: Desk) -> None:
    _charge, taken = approved(desk.adapter)
    part = request_refund(taken, 500)
    assert desk.adapter.refund(part).status == "pending_settlement"
    desk.settle(taken.external_id)
    assert desk.adapter.refund(part).status == "succeeded"
    assert desk.charges()[0]["amount_refunded"] == 500


def test_a_lost_answer_to_a_refund_is_found_and_not_repeated(desk: Desk) -> None:
    _charge, taken = approved(desk.adapter)
    desk.settle(taken.external_id)
    request = request_refund(taken, 500)
    desk.fault("reset_after", "transactions.refund")
    assert desk.adapter.refund(request).status == "unknown"
    assert desk.adapter.find_refund(request, None).status == "succeeded"
    assert desk.adapter.refund(request).status == "succeeded"
    assert desk.charges()[0]["amount_refunded"] == 500


def test_without_keys_a_refund_is_looked_for_first(desk: Desk) -> None:
    desk.post("settings", api_request_keys=False)
    _charge, taken = approved(desk.adapter)
    desk.settle(taken.external_id)
    request = request_refund(taken, 500)
    desk.fault("reset_after", "transactions.refund")
    assert desk.adapter.refund(request).status == "unknown"
    assert desk.adapter.refund(request).status == "succeeded"
    assert desk.charges()[0]["amount_refunded"] == 500
    assert desk.adapter.find_refund(request_refund(taken, 100), None).status == "unknown"


def test_a_charge_captured_in_parts_is_refunded_from_them(desk: Desk) -> None:
    charge, held = approved(desk.adapter, capture=False)
    lookup = lookup_of(charge, held.external_id)
    desk.adapter.capture(lookup, 800, "cap_1", final=False)
    desk.adapter.capture(lookup, 1200, "cap_2")
    assert desk.adapter.refund(request_refund(held, 1500)).status == "pending_settlement"
    base = f"{desk.url}/merchants/{desk.merchant}/transactions"
    found = requests.get(f"{base}/{held.external_id}", auth=("public", "private"), timeout=5).text
    parts = found.partition("<partial-settlement-transaction-ids")[2].partition("</partial")[0].split("<item>")[1:]
    for part in parts:
        desk.settle(part.partition("<")[0])
    small, large = request_refund(held, 300), request_refund(held, 1500)
    assert desk.adapter.refund(small).status == "succeeded"
    for _ in range(2):
        assert desk.adapter.refund(large).status == "succeeded"
    assert desk.adapter.find_refund(large, None).status == "succeeded"
    assert desk.adapter.refund(request_refund(held, 201)).status == "failed"
    assert desk.charges()[0]["amount_refunded"] == 1800


def test_a_refund_that_comes_back_has_failed(desk: Desk) -> None:
    _charge, taken = approved(desk.adapter)
    desk.settle(taken.external_id)
    request = request_refund(taken, 500)
    made = desk.adapter.refund(request)
    desk.post("refund_failures", transaction_id=made.external_id)
    assert desk.adapter.find_refund(request, made.external_id).status == "failed"
    assert desk.charges()[0]["amount_refunded"] == 0


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("parts", [[2000], [800, 1200]])
def test_no_refund_is_given_twice_where_searches_lag_behind(desk: Desk, keyed: bool, parts: list[int]) -> None:
    desk.post("settings", api_request_keys=keyed, settle_after=0)
    charge, held = approved(desk.adapter, capture=False)
    for number, part in enumerate(parts):
        desk.adapter.capture(lookup_of(charge, held.external_id), part, f"cap_{number}", final=False)
    request = request_refund(held, 1500)
    for _ in range(100):
        if desk.adapter.refund(request).status == "succeeded":
            break
        time.sleep(0.05)
    desk.post("settings", search_lag=3600)
    assert desk.adapter.refund(request).status == "succeeded"
    assert desk.adapter.find_refund(request, None).status == "succeeded"
    assert desk.charges()[0]["amount_refunded"] == 1500


def test_a_void_that_came_too_late_becomes_a_refund_under_the_same_reference(desk: Desk) -> None:
    _charge, taken = approved(desk.adapter)
    request = request_refund(taken, 2000)
    desk.fault("error_before", "transactions.void")
    assert desk.adapter.refund(request).status == "unknown"
    assert desk.adapter.find_refund(request, None).status == "absent"
    desk.settle(taken.external_id)
    assert desk.adapter.refund(request).status == "succeeded"
    assert desk.charges()[0]["amount_refunded"] == 2000


def test_a_refund_without_a_key_may_be_absent_only_a_minute_after_it_was_sent(desk: Desk) -> None:
    desk.post("settings", api_request_keys=False)
    _charge, taken = approved(desk.adapter)
    request = RefundRequest("ref_1", taken.external_id, 500, "USD", None, datetime.now(UTC))
    assert desk.adapter.find_refund(request, None).status == "unknown"
    with clock.shifted(MINUTE):
        assert desk.adapter.find_refund(request, None).status == "absent"
