"""API keys over HTTP: scopes, revocation, expiry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from ballast.clock import real_time, shifted
from ballast.db import organization, transaction
from ballast.identity import api_keys
from ballast.models import ApiKey, AuditEntry, Organization
from tests.api.conftest import VALID, problem
from tests.world import Api, World


def key_with(world: World, *scopes: str, **fields: Any) -> Api:
    """A program with a key of Acme's that has these scopes."""
    with organization(world.acme.id), transaction() as session:
        acme = session.scalars(select(Organization).where(Organization.id == world.acme.id)).one()
        made, token = api_keys.create(acme, "A key", None, scopes)
        for name, value in fields.items():
            setattr(made, name, value)
    return world.api(token)


def change_keys(world: World, **fields: Any) -> None:
    with organization(world.acme.id), transaction() as session:
        session.execute(update(ApiKey).values(**fields))


def test_a_key_works_as_x_api_key_and_as_bearer(api: Api, world: World) -> None:
    for headers in (
        {"X-API-Key": api.key},
        {"Authorization": f"Bearer {api.key}"},
        {"Authorization": f"bearer  {api.key} "},
        {"X-API-Key": f" {api.key} ", "Authorization": "Bearer something-else"},
    ):
        assert api.client.get("/api/v1/payments", headers=headers).status_code == 200, headers


def test_a_key_in_the_address_or_the_body_is_no_key(api: Api, world: World) -> None:
    client = world.app.test_client()
    assert client.get(f"/api/v1/payments?api_key={api.key}").status_code == 401
    assert client.post("/api/v1/payments", json={**VALID, "api_key": api.key}).status_code == 401


def test_reading_needs_payments_read_and_writing_payments_write(world: World) -> None:
    reader, writer, other = (key_with(world, scope) for scope in ("payments:read", "payments:write", "customers:read"))
    payment_id = writer.pay(confirm=False).get_json()["id"]
    assert reader.get("/payments").status_code == reader.get(f"/payments/{payment_id}").status_code == 200
    refused = [
        reader.pay(),
        reader.post(f"/payments/{payment_id}/confirm"),
        writer.get("/payments"),
        writer.get(f"/payments/{payment_id}"),
        other.get("/payments"),
        other.pay(),
        key_with(world).get("/payments"),
    ]
    assert [(answer.status_code, problem(answer)["code"]) for answer in refused] == [(403, "scope_missing")] * 7
    assert world.charges() == []


def test_a_revoked_key_is_refused_at_the_next_request(api: Api, world: World) -> None:
    assert api.get("/payments").status_code == 200
    change_keys(world, revoked_at=real_time())
    answer = api.get("/payments")
    assert (answer.status_code, problem(answer)["code"]) == (401, "api_key_revoked")
    assert api.pay().status_code == 401
    assert world.charges() == []


def test_a_key_is_refused_from_the_moment_it_expires(api: Api, world: World) -> None:
    change_keys(world, expires_at=real_time() + timedelta(hours=1))
    assert api.get("/payments").status_code == 200
    with shifted(timedelta(minutes=61)):
        answer = api.get("/payments")
    assert (answer.status_code, problem(answer)["code"]) == (401, "api_key_revoked")


def test_a_key_expires_in_real_time_whatever_the_organizations_clock_says(world: World) -> None:
    from ballast.clock import at

    key = ApiKey(expires_at=real_time() + timedelta(hours=1))
    with at(real_time() + timedelta(days=900)):
        assert key.usable
    with at(real_time() - timedelta(days=900)), shifted(timedelta(hours=2)):
        assert not key.usable


def test_a_refused_key_says_nothing_of_whom_it_belonged_to(api: Api, world: World) -> None:
    change_keys(world, revoked_at=real_time())
    assert "Acme" not in api.get("/payments").get_data(as_text=True)


def test_the_use_of_a_key_is_noted_about_once_a_minute(api: Api, world: World) -> None:
    def last_used() -> Any:
        return world.all_of(ApiKey)[0].last_used_at

    assert last_used() is None
    api.get("/payments")
    first = last_used()
    assert first is not None
    api.get("/payments")
    assert last_used() == first
    with shifted(timedelta(minutes=2)):
        api.get("/payments")
    assert last_used() > first


def test_what_a_key_did_is_in_the_audit_log_under_its_id(api: Api, world: World) -> None:
    payment_id = api.pay(confirm=False).get_json()["id"]
    entry = next(row for row in world.all_of(AuditEntry) if row.action == "payment.created")
    assert (entry.actor_kind, entry.actor_id, entry.resource_id) == ("key", world.all_of(ApiKey)[0].id, payment_id)


def test_the_token_of_a_key_is_stored_nowhere(api: Api, world: World) -> None:
    api.get("/payments")
    row = world.all_of(ApiKey)[0]
    tail = api.key[len(row.prefix) :]
    assert tail not in repr([vars(row), *(vars(entry) for entry in world.all_of(AuditEntry))])


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_wrong_key_is_refused_before_the_body_is_looked_at(world: World, method: str) -> None:
    client = world.app.test_client()
    answer = getattr(client, method)("/api/v1/payments", data=b"{", headers={"X-API-Key": "bl_test_x"})
    assert answer.status_code == 401
