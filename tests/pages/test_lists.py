"""The dashboard's newer lists and their files: orders, carts, refunds, ledger, mails, events; what a list shows can be taken along."""

from __future__ import annotations

import csv
import io
import re

import pytest
from sqlalchemy import select

from ballast import answers
from ballast.db import db, organization
from ballast.models import Cart, Email, Order
from tests.api.selling import Seller
from tests.pages.dashboard import after, page, send
from tests.shopper import Shopper
from tests.statements import counted
from tests.world import Api, World

FILES = {
    "/admin/payments": 4,
    "/admin/customers": 2,
    "/admin/refunds": 1,
    "/admin/orders": 1,
    "/admin/invoices": 1,
    "/admin/subscriptions": 1,
    "/admin/events": None,
    "/admin/mails": None,
    "/admin/ledger/transfers": None,
    "/admin/webhooks/deliveries": None,
    "/admin/disputes": 0,
    "/admin/coupons": 0,
    "/admin/products": None,
    "/admin/orders/carts": 1,
    "/admin/payment-links": 0,
    "/admin/financing/agreements": 0,
}


def rows_of(world: World, path: str) -> list[dict[str, str]]:
    answer = world.sign_in("viewer").get(path)
    assert answer.status_code == 200, path
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))


@pytest.fixture
def busy(world: World, api: Api) -> str:
    """A shop where a little of everything happened; answers a payment that was refunded in part."""
    Shopper(world).buy()
    Seller(api).start()
    api.pay(payment_method="pm_card_visa_chargeDeclined")
    paid = str(api.pay(amount=2000, description="=HYPERLINK(1)").get_json()["id"])
    api.post("/refunds", {"payment": paid, "amount": 500, "reason": "duplicate"})
    world.drain()
    return paid


def test_every_list_is_a_file_too_whatever_its_length(world: World, busy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {path: rows_of(world, f"{path}/export.csv") for path in FILES}
    monkeypatch.setattr(answers, "BATCH", 1)
    for path, many in FILES.items():
        assert rows_of(world, f"{path}/export.csv") == whole[path], path
        assert many is None or len(whole[path]) == many, path
        assert many == 0 or f'{path}/export.csv"' in page(world.sign_in("viewer"), path), path
    ids = [row["id"] for row in whole["/admin/payments"]]
    assert ids == sorted(ids, reverse=True)
    refund = whole["/admin/refunds"][0]
    assert (refund["payment"], refund["amount"], refund["currency"], refund["reason"]) == (
        busy,
        "5.00",
        "USD",
        "duplicate",
    )
    posted = whole["/admin/ledger/transfers"]
    assert {row["debit"] for row in posted} >= {"processor_receivable", "refunds"}


def test_a_file_keeps_the_filters_and_no_cell_is_a_formula(world: World, busy: str) -> None:
    rows = rows_of(world, "/admin/payments/export.csv?status=succeeded")
    assert {row["status"] for row in rows} == {"succeeded"}
    assert "'=HYPERLINK(1)" in {row["description"] for row in rows}
    assert rows_of(world, "/admin/orders/export.csv?q=nobody@") == []
    shown = page(world.sign_in("viewer"), "/admin/payments?status=succeeded")
    assert 'href="/admin/payments/export.csv?status=succeeded"' in shown
    theirs = world.sign_in("stranger")
    for path in FILES:
        lines = theirs.get(f"{path}/export.csv").get_data(as_text=True).splitlines()
        own = 1 if path == "/admin/products" else 0  # their own shop sells something
        assert len(lines) == 1 + own, path


def test_no_list_takes_more_than_twelve_statements(world: World, busy: str) -> None:
    client = world.sign_in("viewer")
    for path in (*FILES, "/admin/ledger", "/admin/orders/carts", "/admin/"):
        with counted(world.app) as seen:
            assert client.get(path).status_code == 200
        assert len(seen) <= 12, (path, len(seen))


def test_an_order_says_what_it_is_paid_by_and_its_cart_what_is_in_it(world: World, busy: str) -> None:
    with organization(world.acme.id):
        order = db.session.scalars(select(Order)).one()
        cart = db.session.scalars(select(Cart)).one()
    client = world.sign_in("viewer")
    shown = page(client, f"/admin/orders/{order.id}")
    assert "What it is paid by" in shown
    assert "Kettle" in shown
    assert re.search(r'href="/admin/payments/pay_\w+"', shown)
    assert f'href="/admin/orders/carts/{cart.id}"' in shown
    inside = page(client, f"/admin/orders/carts/{cart.id}")
    assert "Kettle" in inside
    assert order.number in inside
    assert order.number in page(client, "/admin/orders?status=paid")
    assert "No orders like this" in page(client, "/admin/orders?status=canceled")
    assert cart.id[:8] in page(client, "/admin/orders/carts")
    for path in ("/admin/orders/ord_x", "/admin/orders/carts/nothing", "/admin/events/evt_1", "/admin/mails/em_"):
        assert client.get(path).status_code == 404, path


def test_the_trial_balance_balances_and_leads_to_the_transfers_of_an_account(world: World, busy: str) -> None:
    client = world.sign_in("viewer")
    shown = page(client, "/admin/ledger")
    assert "Balanced" in shown
    assert "Out of balance" not in shown
    sums = re.findall(r"<strong><span class=\"money \">([^<]+)</span></strong>", shown)
    assert len(sums) == 2
    assert sums[0] == sums[1] != "$0.00"
    account = re.search(r'data-href="(/admin/ledger/transfers\?account=acc_\w+)"><td[^>]*><a[^>]*>Refunds<', shown)
    assert account
    assert "Of refunds in USD alone." in page(client, account[1])


def test_an_event_shows_its_object_and_whom_it_was_told(world: World, busy: str) -> None:
    client = world.sign_in("viewer")
    listed = page(client, f"/admin/events?about={busy}&type=payment_intent.succeeded")
    address = re.search(r'data-href="(/admin/events/evt_\w+)"', listed)
    assert address
    shown = page(client, address[1])
    assert f'"id": "{busy}"' in shown
    assert f'href="/admin/search?q={busy}"' in shown
    assert "Delivered" in shown


def test_a_mail_is_seen_as_it_was_and_sent_again_as_itself(world: World, busy: str) -> None:
    with organization(world.acme.id):
        mail = db.session.scalars(select(Email).where(Email.kind == "receipt").limit(1)).one()
    path, before = f"/admin/mails/{mail.id}", len(world.mails())
    owner, viewer = world.sign_in("owner"), world.sign_in("viewer")
    assert mail.subject in page(viewer, "/admin/mails")
    assert "Owners and admins see it." in page(viewer, path)
    assert viewer.get(f"{path}/body").status_code == 403
    body = owner.get(f"{path}/body")
    assert "sandbox" in body.headers["Content-Security-Policy"]
    assert "default-src 'none'" in body.headers["Content-Security-Policy"]
    assert "Kettle" in body.get_data(as_text=True) or "Coffee club" in body.get_data(as_text=True)
    for times in (1, 2):
        assert "The mail is on its way again." in after(owner, send(owner, path, f"{path}/send"))
        assert "every 3s" in page(owner, path), "it is watched until it is sent"
        world.drain()
        assert len(world.mails()) == before + times, "sent once for each time it was asked for"
        assert "every 3s" not in page(owner, path)
    assert 'num">2 times' in page(owner, path)
    assert send(owner, path, f"{path}/send").status_code == 303
    again = send(owner, "/admin/mails", f"{path}/send")
    assert again.status_code == 409


def test_a_mail_whose_link_acts_for_its_reader_shows_nothing_to_anybody(world: World) -> None:
    owner = world.sign_in("owner")
    send(owner, "/admin/settings/members/invite", email="newcomer@example.com", role="viewer")
    with organization(world.acme.id):
        mail = db.session.scalars(select(Email).where(Email.kind == "invitation")).one()
    token = re.search(r"/invitations/([\w-]+)", mail.text)
    assert token
    for path in (f"/admin/mails/{mail.id}", f"/admin/mails/{mail.id}/body"):
        assert token[1] not in owner.get(path).get_data(as_text=True)
    world.drain()
    assert send(owner, "/admin/mails", f"/admin/mails/{mail.id}/send").status_code == 409, "what it said is not kept"
