"""Agreements over the API: found, previewed, serviced."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from ballast.clock import real_time
from tests.financing.acts import IN_FOUR
from tests.financing.servant import Servant
from tests.world import Api, World


@pytest.fixture
def servant(world: World) -> Servant:
    return Servant(world, real_time().replace(microsecond=0))


def seen(api: Api, agreement_id: str, act: str, **body: Any) -> dict[str, Any]:
    answer = api.post(f"/financing/agreements/{agreement_id}/{act}/preview", body)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def test_an_agreement_is_found_by_status_customer_and_bucket_with_its_installments(api: Api, servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    behind = Servant(servant.world, servant.at - timedelta(days=70)).agree(64000, IN_FOUR)
    servant.lateness(behind)
    for query, expected in (
        ({}, [behind, agreement_id]),
        ({"status": "active"}, [agreement_id]),
        ({"bucket": "current"}, [agreement_id]),
        ({"bucket": "30-59"}, [behind]),
        ({"bucket": "90+"}, []),
        ({"customer": servant.agreement(behind).customer_id}, [behind]),
        ({"limit": 1}, [behind]),
    ):
        listed = api.get("/financing/agreements", **query).get_json()
        assert [one["id"] for one in listed["data"]] == expected, query
    found = api.get(f"/financing/agreements/{agreement_id}").get_json()
    assert [one["left"] for one in found["installments"]] == [16000] * 3
    assert (found["balance"]["total"], found["amendments"]) == (48000, [])


def test_a_payoff_is_what_its_preview_said_once_for_a_key(api: Api, servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    preview = seen(api, agreement_id, "payoff")
    assert (preview["charged"], preview["status_after"]) == (48000, "paid_off")
    assert {"label": "Charged now", "value": "$480.00"} in preview["lines"]
    key, body = str(uuid4()), {"preview_hash": preview["preview_hash"], "reason": "Asked by phone"}
    first, again = (api.post(f"/financing/agreements/{agreement_id}/payoff", body, key) for _ in range(2))
    assert (first.status_code, first.get_json()["status"]) == (200, "paid_off")
    assert again.get_data() == first.get_data()
    (amendment,) = first.get_json()["amendments"]
    assert (amendment["kind"], amendment["reason"]) == ("payoff", "Asked by phone")
    assert amendment["actor"].startswith("key:")
    assert servant.charges_of(agreement_id) == [48000]


def test_a_declined_payment_is_a_402_with_the_agreement_as_it_was(api: Api, servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    body = {"preview_hash": seen(api, agreement_id, "payments")["preview_hash"]}
    answer = api.post(
        f"/financing/agreements/{agreement_id}/payments", body | {"payment_method": "pm_card_chargeDeclined"}
    )
    assert answer.status_code == 402
    error = answer.get_json()["error"]
    assert (error["code"], error["agreement"]["balance"]["total"]) == ("card_declined", 48000)
    assert api.post(f"/financing/agreements/{agreement_id}/payments", body).status_code == 200


def test_an_act_without_the_present_preview_is_refused_and_a_bad_one_says_what_is_wrong(
    api: Api, servant: Servant
) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    for act, body, status, code in (
        ("payoff", {"preview_hash": "0" * 64}, 409, "preview_outdated"),
        ("payoff", {}, 400, "parameter_missing"),
        ("payoff/preview", {"good_until": "2040-01-01"}, 400, "payoff_date_invalid"),
        ("payoff/preview", {"good_until": "tomorrow"}, 400, "parameter_invalid"),
        ("payments/preview", {"recorded": True}, 400, "parameter_missing"),
        ("payments/preview", {"amount": 100, "received_on": "2026-01-01"}, 400, "parameter_conflict"),
        ("payments/preview", {"amount": 48001}, 400, "financing_amount_too_large"),
        ("date_moves/preview", {"installment": 9, "to": "2027-01-01"}, 409, "installment_absent"),
        ("waivers/preview", {}, 409, "late_fee_absent"),
        ("settlements/preview", {"amount": 48000}, 400, "settlement_not_less"),
        ("write_offs/preview", {}, 409, "write_off_refused"),
        ("refunds/preview", {"amount": 64001}, 400, "refund_too_large"),
    ):
        answer = api.post(f"/financing/agreements/{agreement_id}/{act}", body)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (status, code), act


def test_a_refund_goes_through_the_plan_and_needs_its_own_scope(api: Api, servant: Servant) -> None:
    agreement_id = servant.agree(64000, IN_FOUR)
    payment = api.get("/payments").get_json()["data"][0]["id"]
    refused = api.post("/refunds", {"payment": payment, "amount": 100})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, "payment_on_plan")
    body = {"preview_hash": seen(api, agreement_id, "refunds", amount=50000)["preview_hash"], "amount": 50000}
    narrow = servant.world.as_user("owner").post(
        "/api-keys", {"name": "Servicing", "scopes": ["financing:read", "financing:write"]}
    )
    other = servant.world.api(narrow.get_json()["key"])
    assert other.post(f"/financing/agreements/{agreement_id}/refunds", body).status_code == 403
    done = api.post(f"/financing/agreements/{agreement_id}/refunds", body).get_json()
    assert (done["balance"]["total"], done["status"]) == (0, "refunded")
    assert [one["amount"] for one in api.get("/refunds").get_json()["data"]] == [2000]
