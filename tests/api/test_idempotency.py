"""One key, one effect, one answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from ballast import clock
from ballast.billing import idempotency, payments
from ballast.models import ApiKey, IdempotencyKey, Payment
from tests.api.conftest import VALID, problem
from tests.world import Api, World

PAY = {**VALID, "payment_method": "pm_card_visa", "confirm": True}
DECLINED = {**PAY, "payment_method": "pm_card_visa_chargeDeclined"}


def test_creating_without_a_key_is_refused(world: World, written: Callable[[], tuple[int, ...]]) -> None:
    before = written()
    answer = world.app.test_client().post("/api/v1/payments", json=PAY, headers={"X-API-Key": world.acme.api_key})
    error = problem(answer)
    assert (answer.status_code, error["code"], error["param"]) == (400, "idempotency_key_missing", "Idempotency-Key")
    assert written() == before


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        "1",
        "order-1042",
        '"',
        '""',
        "8a7f3c1e-2b64-4f0a-9d51-6e0c7f4b2a9",
        "8a7f3c1e-2b64-4f0a-9d51-6e0c7f4b2a90x",
        "g" * 32,
    ],
)
def test_a_key_that_is_no_uuid_is_refused(api: Api, world: World, key: str) -> None:
    answer = world.app.test_client().post(
        "/api/v1/payments", json=PAY, headers={"X-API-Key": api.key, "Idempotency-Key": key}
    )
    assert (answer.status_code, problem(answer)["code"]) == (400, "idempotency_key_invalid")


def test_one_uuid_is_one_key_however_it_is_written(api: Api, world: World) -> None:
    key = uuid4()
    spellings = [str(key), str(key).upper(), key.hex, f'"{key}"', f" {key} "]
    answers = {api.post("/payments", PAY, spelling).get_data() for spelling in spellings}
    assert len(answers) == 1
    assert len(world.charges()) == 1


@pytest.mark.parametrize(
    "other",
    [
        {**PAY, "amount": 2001},
        {**PAY, "currency": "EUR"},
        {**PAY, "metadata": {"a": "b"}},
        {**PAY, "confirm": False},
        {**VALID},
    ],
)
def test_a_key_used_again_for_something_else_is_409(api: Api, world: World, other: dict[str, Any]) -> None:
    key = str(uuid4())
    first = api.post("/payments", PAY, key)
    answer = api.post("/payments", other, key)
    assert (answer.status_code, problem(answer)["code"]) == (409, "idempotency_key_reused")
    assert api.post("/payments", PAY, key).get_data() == first.get_data()
    assert len(world.charges()) == 1


def test_the_order_of_fields_does_not_make_another_body(api: Api, world: World) -> None:
    key = str(uuid4())
    first = api.post("/payments", PAY, key)
    assert api.post("/payments", dict(reversed(PAY.items())), key).get_data() == first.get_data()


def test_a_key_of_create_is_not_a_key_of_confirm(api: Api, world: World) -> None:
    key = str(uuid4())
    created = api.post("/payments", {**PAY, "confirm": False}, key).get_json()
    answer = api.post(f"/payments/{created['id']}/confirm", {}, key)
    assert (answer.status_code, problem(answer)["code"]) == (409, "idempotency_key_reused")


def test_a_decline_is_an_answer_and_comes_again(api: Api, world: World) -> None:
    key = str(uuid4())
    first, second = (api.post("/payments", DECLINED, key) for _ in range(2))
    assert first.status_code == second.status_code == 402
    assert first.get_data() == second.get_data()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(world.all_of(Payment)) == 1


def test_an_answer_stays_the_first_one_when_the_payment_has_moved_on(api: Api, world: World) -> None:
    key = str(uuid4())
    first = api.post("/payments", {**PAY, "confirm": False}, key)
    api.post(f"/payments/{first.get_json()['id']}/confirm")
    assert api.post("/payments", {**PAY, "confirm": False}, key).get_data() == first.get_data()
    assert api.get(f"/payments/{first.get_json()['id']}").get_json()["status"] == "succeeded"


@pytest.mark.parametrize(
    "wrong", [{"amount": 0}, {"currency": "ABC"}, {"customer": "cus_01jd8h2m4s6v8x0z2b4d6f8h0k"}, {"x": 1}]
)
def test_a_validation_error_is_not_kept_so_the_corrected_request_may_use_its_key(
    api: Api, world: World, wrong: dict[str, Any]
) -> None:
    key = str(uuid4())
    assert api.post("/payments", {**PAY, **wrong}, key).status_code == 400
    assert api.post("/payments", PAY, key).status_code == 201


def test_the_same_key_at_another_merchant_is_another_key(api: Api, world: World) -> None:
    key = str(uuid4())
    mine = api.post("/payments", PAY, key).get_json()
    theirs = world.api(world.stranger.api_key).post("/payments", PAY, key)
    assert theirs.status_code == 201
    assert "Idempotent-Replayed" not in theirs.headers
    assert theirs.get_json()["id"] != mine["id"]
    assert len(world.charges()) == 2


def die(*_args: Any) -> None:
    """What `kill -9` leaves: nothing after this line ran."""
    raise KeyboardInterrupt


def test_a_request_that_died_is_in_progress_first_and_then_answered_without_a_second_payment(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = str(uuid4())
    with monkeypatch.context() as patch:
        patch.setattr(payments, "run", die)
        with pytest.raises(KeyboardInterrupt):
            api.post("/payments", PAY, key)
    early = api.post("/payments", PAY, key)
    assert (early.status_code, problem(early)["code"]) == (409, "idempotency_in_progress")
    with clock.shifted(idempotency.LOCKED + timedelta(seconds=1)):
        world.drain()
        late = api.post("/payments", PAY, key)
        again = api.post("/payments", PAY, key)
    assert late.status_code == 201
    assert late.headers["Idempotent-Replayed"] == "true"
    assert late.get_data() == again.get_data()
    assert late.get_json()["status"] == "requires_confirmation", "nothing was sent, and the resolver has said so"
    assert len(world.all_of(Payment)) == 1
    assert world.charges() == []


def test_a_request_that_died_after_the_charge_is_answered_with_the_truth(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = str(uuid4())
    with monkeypatch.context() as patch:
        patch.setattr(payments, "record", die)
        with pytest.raises(KeyboardInterrupt):
            api.post("/payments", PAY, key)
    assert len(world.charges()) == 1
    with clock.shifted(timedelta(minutes=5)):
        world.drain()
        answer = api.post("/payments", PAY, key)
    assert (answer.status_code, answer.get_json()["status"]) == (201, "succeeded")
    assert len(world.charges()) == 1


@pytest.mark.parametrize("forgotten", [True, False])
def test_a_key_whose_answer_has_expired_never_makes_a_second_payment(api: Api, world: World, forgotten: bool) -> None:
    key = str(uuid4())
    first = api.post("/payments", PAY, key)
    with clock.shifted(idempotency.KEPT + timedelta(hours=1)):
        if forgotten:
            with world.worker_app.app_context():
                assert idempotency.forget_expired() == 1
        answer = api.post("/payments", PAY, key)
    if forgotten:
        assert (answer.status_code, problem(answer)["code"]) == (409, "idempotency_key_expired")
    else:
        assert answer.get_data() == first.get_data()
    assert len(world.all_of(Payment)) == len(world.charges()) == 1


def test_only_expired_answers_are_forgotten(api: Api, world: World) -> None:
    key = str(uuid4())
    first = api.post("/payments", PAY, key)
    with clock.shifted(idempotency.KEPT - timedelta(minutes=1)):
        with world.worker_app.app_context():
            assert idempotency.forget_expired() == 0
        assert api.post("/payments", PAY, key).get_data() == first.get_data()


def test_a_confirm_with_a_key_is_replayed_and_without_one_is_judged_anew(api: Api, world: World) -> None:
    payment_id = api.pay(confirm=False).get_json()["id"]
    key = str(uuid4())
    first = api.post(f"/payments/{payment_id}/confirm", {}, key)
    again = api.post(f"/payments/{payment_id}/confirm", {}, key)
    assert (first.status_code, first.get_data()) == (200, again.get_data())
    bare = api.client.post(f"/api/v1/payments/{payment_id}/confirm", json={}, headers={"X-API-Key": api.key})
    assert (bare.status_code, problem(bare)["code"]) == (409, "state_conflict")
    assert len(world.charges()) == 1


def test_a_confirm_that_was_refused_keeps_no_answer(api: Api, world: World) -> None:
    payment_id = api.post("/payments", VALID).get_json()["id"]
    key = str(uuid4())
    assert problem(api.post(f"/payments/{payment_id}/confirm", {}, key))["code"] == "payment_method_required"
    answer = api.post(f"/payments/{payment_id}/confirm", {"payment_method": "pm_card_visa"}, key)
    assert answer.status_code == 200


def test_a_stored_answer_holds_no_secret(api: Api, world: World) -> None:
    api.pay()
    kept = b"".join(row.response for row in _keys(world))
    assert world.acme.api_key.encode() not in kept
    assert not re.search(rb"sk_(test|live)_|whsec_", kept)


def _keys(world: World) -> list[IdempotencyKey]:
    from sqlalchemy import select

    from ballast.db import db, organization

    db.session.rollback()
    with organization(world.acme.id):
        return list(db.session.scalars(select(IdempotencyKey)))


def test_a_validation_error_leaves_no_key_behind(api: Api, world: World) -> None:
    api.post("/payments", {**PAY, "amount": 0})
    api.post("/payments", {**PAY, "currency": "ABC"})
    assert _keys(world) == []


def test_keys_are_kept_in_one_spelling(api: Api, world: World) -> None:
    api.post("/payments", PAY, uuid4().hex.upper())
    assert [row.key for row in _keys(world)] == [str(UUID(row.key)) for row in _keys(world)]


@pytest.mark.parametrize("call", ["create", "rotate"])
def test_an_api_key_is_made_once_for_a_key_and_shown_once(world: World, call: str) -> None:
    owner, key = world.as_user("owner"), str(uuid4())
    path, body = "/api-keys", {"name": "Nightly"}
    if call == "rotate":
        path, body = f"/api-keys/{owner.post(path, body).get_json()['id']}/rotate", {}
    before = len(world.all_of(ApiKey))
    first, again = [owner.post(path, body, key=key) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    shown = first.get_json()
    secret = shown.pop("key")
    assert world.api(secret).get("/payments").status_code == 200
    assert again.get_json() == shown
    assert len(world.all_of(ApiKey)) == before + 1
    assert not [one for one in _keys(world) if secret.encode() in (one.response or b"")]


def test_an_invitation_is_sent_once_for_a_key(world: World) -> None:
    owner, key = world.as_user("owner"), str(uuid4())
    body = {"email": "new@example.com", "role": "viewer"}
    first, again = [owner.post("/organizations/me/members", body, key=key) for _ in range(2)]
    assert (first.status_code, again.get_data()) == (201, first.get_data())
    assert again.headers["Idempotent-Replayed"] == "true"
    world.drain()
    assert [one["to"] for one in world.mails()] == [["new@example.com"]]


def test_every_post_takes_a_key_but_those_before_anybody_is_known(api: Api) -> None:
    paths = api.client.get("/api/openapi.json").get_json()["paths"]
    without = {
        path
        for path, item in paths.items()
        if "post" in item and "Idempotency-Key" not in {one["name"] for one in item["post"]["parameters"]}
    }
    assert without == {"/api/v1/auth/register", "/api/v1/auth/login"}
