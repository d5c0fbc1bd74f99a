"""Searching the whole organization: each way finds, from an index, and nobody finds what is another's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select, text

from ballast.billing import search
from ballast.db import db, organization
from ballast.local.postgres import Postgres
from ballast.models import Attempt, Order, Organization
from tests.api.selling import Seller
from tests.pages.dashboard import page
from tests.shopper import Shopper
from tests.statements import counted
from tests.world import Api, World


def found(client: FlaskClient, asked: str) -> list[str]:
    """Addresses of what the palette would show, without the pages of the dashboard itself."""
    answer = client.get("/admin/search", query_string={"q": asked}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return [url for url in re.findall(r'href="([^"]+)"', answer.get_data(as_text=True)) if "_" in url]


@pytest.fixture
def known(world: World, api: Api) -> dict[str, str]:
    """What to look for → where it should lead."""
    seller = Seller(api)
    customer = seller.customer(email="grace.hopper@example.com", name="Grace Brewster Hopper")
    invoice = seller.bill(email="bill@example.com", name="Bill")
    paid = api.pay(amount=123_456, payment_method="pm_card_mastercard", description="Order 1042").get_json()["id"]
    subscription = seller.start(customer=customer)["id"]
    Shopper(world).buy()
    with organization(world.acme.id):
        order = db.session.scalars(select(Order).where(Order.status == "paid")).one()
        charge = db.session.scalars(select(Attempt.external_id).where(Attempt.payment_id == paid)).one()
    return {
        paid: f"/admin/payments/{paid}",
        str(charge): f"/admin/payments/{paid}",
        "4444": f"/admin/payments/{paid}",
        "1,234.56": f"/admin/payments/{paid}",
        "$1234.56": f"/admin/payments/{paid}",
        customer: f"/admin/customers/{customer}",
        "Grace.Hop": f"/admin/customers/{customer}",
        "grace brew": f"/admin/customers/{customer}",
        "hopper": f"/admin/customers/{customer}",
        "4242": f"/admin/customers/{customer}",
        subscription: f"/admin/subscriptions/{subscription}",
        invoice["id"]: f"/admin/invoices/{invoice['id']}",
        invoice["number"].lower(): f"/admin/invoices/{invoice['id']}",
        "50": f"/admin/invoices/{invoice['id']}",
        "bill@": f"/admin/invoices/{invoice['id']}",
        order.number: f"/admin/orders/{order.id}",
        "noor@ex": f"/admin/orders/{order.id}",
    }


def test_each_way_leads_there_within_twelve_statements_and_to_nobody_else(world: World, known: dict[str, str]) -> None:
    viewer, stranger = world.sign_in("viewer"), world.sign_in("stranger")
    for asked, address in known.items():
        with counted(world.app) as statements:
            assert address in found(viewer, asked), asked
        assert len(statements) <= 12, asked
        assert found(stranger, asked) == [], asked


def test_a_whole_id_leads_to_its_page_at_once_and_a_refund_to_its_payment(world: World, api: Api) -> None:
    paid = api.pay().get_json()["id"]
    refund = api.post("/refunds", {"payment": paid, "amount": 100}).get_json()["id"]
    client = world.sign_in("viewer")
    for asked in (paid, refund):
        answer = client.get(f"/admin/search?q={asked}")
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/payments/{paid}")


def test_the_pages_of_the_dashboard_are_found_too_and_nothing_says_so(world: World) -> None:
    client = world.sign_in("viewer")
    assert 'href="/admin/ledger"' in page(client, "/admin/search?q=ledg")
    assert "Nothing fits “zzzz”." in page(client, "/admin/search?q=zzzz")
    assert "Type at least two characters." in page(client, "/admin/search?q=z")
    assert "4242 4242" not in page(client, "/admin/search?q=4242+4242+4242+4242"), "a card number is not repeated"
    for nasty in (
        "%",
        "' or 1=1 --",
        "pay_",
        "\\",
        "_" * 300,
        "٤٢٤٢",
        "1e9",
        "-5",
        "$",
        "cus_01kbe8wv6pe2r9f3x7m5d0t1a!",
    ):
        assert client.get("/admin/search", query_string={"q": nasty}).status_code == 200, nasty


ROWS = "from organizations o, generate_series(1, 20000) i where o.slug = 'acme'"
MANY = (
    "insert into customers (organization_id, id, email, name) "
    f"select o.id, gen_random_uuid(), 'x' || i || '@example.com', 'First' || i || ' Last' || i {ROWS}",
    "insert into orders (organization_id, id, token, amount, currency, email) "
    f"select o.id, gen_random_uuid(), 'token' || i, 100, 'USD', 'x' || i || '@example.com' {ROWS}",
    "insert into payments (organization_id, id, amount, currency, status, processor, processor_account_id, card_last4) "
    "select a.organization_id, gen_random_uuid(), 100 + i, 'USD', 'requires_payment_method', a.processor, a.id, "
    "lpad((i % 9999)::text, 4, '0') from processor_accounts a, generate_series(1, 20000) as i",
    "analyze customers, orders, payments",
)
BIG = ("payments", "customers", "orders", "invoices", "payment_methods", "attempts")


@contextmanager
def asked_of(world: World) -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


def test_every_statement_of_a_search_reads_big_tables_by_an_index_that_fits_what_is_asked(
    world: World, known: dict[str, str], postgres: Postgres
) -> None:
    db.session.rollback()
    with psycopg.connect(postgres.owner_url.replace("+psycopg", "")) as connection:
        for statement in MANY:  # so that an index earns its keep
            connection.execute(statement)
    with organization(world.acme.id):
        acme = db.session.scalars(select(Organization).where(Organization.id == world.acme.id)).one()
        with asked_of(world) as seen:
            for words in known:
                search.everything(acme, words)
        statements = [one for one in seen if "set_config" not in one[0]]
        assert len(statements) > 20
        db.session.execute(text("set local enable_seqscan = off"))
        cursor: Any = db.session.connection().connection.cursor()
        for statement, parameters in statements:
            cursor.execute(f"explain {statement}", parameters)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            for table in BIG:
                assert not re.search(rf"Seq Scan on {table}\b", plan), plan
            # An index that holds the organization alone would read all of it and throw most away.
            assert not re.search(r"Filter: .*(_name\)::text ~>=~|last4|total|amount =|id_tail)", plan), plan
