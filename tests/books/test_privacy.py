"""A customer is handed out whole, and erased whole: nothing that says who they were is left in any table that may be changed."""

from __future__ import annotations

import re

import psycopg

from ballast.local.postgres import Postgres
from ballast.models import AuditEntry, Customer, LedgerTransfer
from tests.billing.acts import rows
from tests.shopper import Shopper
from tests.world import Api, World, csrf

WHO = ("noor@example.com", "Noor")
# Only added to, by the database's own refusal.
KEPT = {"audit_entries", "audit_seals", "agreement_documents", "agreement_entries", "ledger_transfers"}


def buy(world: World) -> str:
    """Somebody buys in the shop, with a name, an address and a mail; the customer's id."""
    Shopper(world).buy()
    world.tell_receiver()
    world.drain()
    (customer,) = rows(world, Customer)
    assert customer.email == WHO[0]
    return str(customer.id)


def where(postgres: Postgres, said: str) -> set[str]:
    """The tables in which something says this."""
    found = set()
    address = postgres.superuser_url.rpartition("/")[0] + "/ballast"
    with psycopg.connect(address) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (table,) in tables:
            wanted = f"select 1 from {table} t where position(lower(%s) in lower(t::text)) > 0 limit 1"
            hidden = f"select 1 from {table} t where position(%s in t::text) > 0 limit 1"
            as_bytes = said.lower().encode().hex()
            if connection.execute(wanted, [said]).fetchone() or connection.execute(hidden, [as_bytes]).fetchone():
                found.add(table)
    return found


def test_an_export_holds_what_is_known_and_an_erasure_leaves_nothing_of_it(
    world: World, api: Api, postgres: Postgres
) -> None:
    customer_id = buy(world)
    found = api.get(f"/customers/{customer_id}/export").get_json()
    assert (found["customer"]["email"], len(found["payments"]), len(found["mails"])) == (WHO[0], 1, 1)
    assert found["orders"][0]["address"]["line1"]
    assert found["orders"][0]["lines"][0]["name"] == "Kettle"
    assert found["mails"][0]["to"] == WHO[0]
    assert {"customers", "orders", "emails"} <= where(postgres, WHO[0])
    moved = [(one.id, one.amount) for one in rows(world, LedgerTransfer)]
    assert api.post(f"/customers/{customer_id}/erase").get_json() == {
        "id": customer_id,
        "object": "customer",
        "erased": True,
    }
    world.drain()
    for said in (*WHO, found["orders"][0]["address"]["line1"]):
        assert where(postgres, said) - KEPT == set(), said
    assert [(one.id, one.amount) for one in rows(world, LedgerTransfer)] == moved
    assert api.get(f"/customers/{customer_id}").status_code == 404
    payment = found["payments"][0]["id"]
    assert api.get(f"/payments/{payment}").get_json()["amount"] == found["payments"][0]["amount"]
    (entry,) = (one for one in rows(world, AuditEntry) if one.action == "customer.erased")
    assert (entry.resource_id, entry.changes["mails"]) == (customer_id, 1)
    told = api.get("/events", type="customer.erased").get_json()["data"]
    assert [one["data"]["email"] for one in told] == [None]
    client = world.sign_in("viewer")
    for path in (f"payments/{payment}", f"orders/{found['orders'][0]['id']}", "customers", "mails", "events"):
        assert client.get(f"/admin/{path}").status_code == 200, path


def test_a_customer_with_open_money_stays_until_it_is_settled(world: World, api: Api) -> None:
    customer = api.post("/customers", {"email": "ada@example.com", "name": "Ada"}).get_json()["id"]
    held = api.pay(customer=customer, capture_method="manual", save_payment_method=True).get_json()["id"]
    refused = api.post(f"/customers/{customer}/erase")
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, "customer_has_open_money")
    assert "payments under way (1)" in refused.get_json()["error"]["message"]
    owner = world.sign_in("admin")
    address = f"/admin/customers/{customer}/erase"
    assert "Payments under way (1)" in owner.get(address).get_data(as_text=True)
    api.post(f"/payments/{held}/cancel")
    world.drain()
    page = owner.get(address).get_data(as_text=True)
    token = csrf(page)
    assert re.search(r"1 payment with\s+ids", page)
    assert owner.post(address, data={"csrf_token": token, "confirm": "no"}).status_code == 422
    assert world.sign_in("viewer").get(address).status_code == 403
    done = owner.post(address, data={"csrf_token": token, "confirm": "Erase"})
    assert (done.status_code, done.headers["Location"]) == (303, "/admin/customers")
    assert owner.get(address).status_code == 404
    world.drain()
    assert api.get(f"/payments/{held}").get_json()["card"] is None
