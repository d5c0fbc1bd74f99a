"""The books in the dashboard: drift is seen, rehearsed and mended there; the ledger is read at any day and account by account."""

from __future__ import annotations

import csv
import re
from datetime import timedelta

from flask.testing import FlaskClient

from ballast.billing import rollups
from ballast.clock import real_time
from ballast.db import set_organization
from ballast.models import AuditEntry, Drift, Reconciliation
from tests.billing.acts import break_seal, pause, rows
from tests.books.test_reconciling import compare, today
from tests.world import Api, World, csrf


def page(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.get_data(as_text=True)


def test_drift_is_shown_rehearsed_and_mended_and_only_by_those_who_may(world: World, api: Api) -> None:
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    lost = api.pay().get_json()["id"]
    pause(minutes=11)
    run = compare(world)
    (drift,) = rows(world, Drift)
    owner, viewer = world.sign_in("admin"), world.sign_in("viewer")
    assert "1 thing differs from what a processor lists." in page(owner, "/admin/")
    shown = page(viewer, f"/admin/reconciliation/{run.id}")
    assert "It stands otherwise at the processor than here." in shown
    assert "/drifts/" not in shown
    address = f"/admin/reconciliation/drifts/{drift.id}"
    assert address in page(owner, f"/admin/reconciliation/{run.id}")
    rehearsed = page(owner, address)
    assert "The processor took $20.00. The payment is recorded as it says." in rehearsed
    assert world.payment(lost).status == "processing", "a rehearsal changes nothing"
    assert viewer.post(address, data={"csrf_token": csrf(page(viewer, "/admin/account"))}).status_code == 403
    answer = owner.post(address, data={"csrf_token": csrf(rehearsed)})
    assert (answer.status_code, world.payment(lost).status) == (303, "succeeded")
    assert owner.post(address, data={"csrf_token": csrf(rehearsed)}).status_code == 409
    assert [one.action for one in rows(world, AuditEntry)].count("drift.repaired") == 1
    assert "1 thing differs" not in page(owner, "/admin/")


def test_a_drift_at_an_account_whose_keys_cannot_be_read_is_neither_rehearsed_nor_mended(
    world: World, api: Api
) -> None:
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    lost = api.pay().get_json()["id"]
    pause(minutes=11)
    compare(world)
    (drift,) = rows(world, Drift)
    owner, address = world.sign_in("admin"), f"/admin/reconciliation/drifts/{drift.id}"
    rehearsed = page(owner, address)
    break_seal(world, world.acme.account_id)
    for answer in (owner.get(address), owner.post(address, data={"csrf_token": csrf(rehearsed)})):
        assert answer.status_code == 503
        assert "The keys of this processor account cannot be read." in answer.get_data(as_text=True)
    break_seal(world, world.acme.account_id)
    assert owner.post(address, data={"csrf_token": csrf(rehearsed)}).status_code == 303
    assert world.payment(lost).status == "succeeded"


def test_a_day_is_asked_for_once_and_one_that_cannot_be_is_refused(world: World) -> None:
    client = world.sign_in("admin")
    shown = page(client, "/admin/reconciliation")
    asked = {"csrf_token": csrf(shown), "account": world.acme.account_id, "day": f"{today()}"}
    first = client.post("/admin/reconciliation", data=asked).headers["Location"]
    assert client.post("/admin/reconciliation", data=asked).headers["Location"] == first
    assert len(rows(world, Reconciliation)) == 1
    assert "Compared in a moment." in page(client, first)
    for wrong in ({"day": f"{today() + timedelta(days=1)}"}, {"day": "soon"}, {"account": "pac_1"}):
        assert client.post("/admin/reconciliation", data=asked | wrong).status_code == 422, wrong
    assert "No payouts yet" in page(client, "/admin/reconciliation/payouts")


def test_the_ledger_is_read_at_any_day_before_and_after_it_is_added_up(world: World, api: Api) -> None:
    paid = api.pay().get_json()["id"]
    api.post("/refunds", {"payment": paid, "amount": 500})
    world.drain()
    client, yesterday = world.sign_in("viewer"), real_time().date() - timedelta(days=2)
    tomorrow = yesterday + timedelta(days=4)
    before = (page(client, "/admin/ledger"), page(client, f"/admin/ledger?day={tomorrow}"))
    with world.worker_app.app_context():
        set_organization(None)
        assert rollups.add_due() > 0
    after = (page(client, "/admin/ledger"), page(client, f"/admin/ledger?day={tomorrow}"))
    for shown in (*before, *after):
        assert "$15.00" in shown
    assert _sums(before[0]) == _sums(after[0]) == _sums(before[1]) == _sums(after[1]) == ["$25.00", "$25.00"]
    assert _sums(page(client, f"/admin/ledger?day={yesterday}")) == ["$0.00", "$0.00"]
    assert client.get("/admin/ledger?day=soon").status_code == 422


def _sums(shown: str) -> list[str]:
    return re.findall(r"<strong><span class=\"money \">([^<]+)</span></strong>", shown)


def test_a_statement_says_what_stood_moved_and_stands_on_an_account(world: World, api: Api) -> None:
    paid = api.pay().get_json()["id"]
    api.post("/refunds", {"payment": paid, "amount": 500})
    world.drain()
    client = world.sign_in("viewer")
    address = re.search(
        r'data-href="/admin/ledger/transfers\?account=(acc_\w+)"><td[^>]*><a[^>]*>Processor',
        page(client, "/admin/ledger"),
    )
    assert address
    path, period = (
        f"/admin/ledger/accounts/{address[1]}",
        f"?from={today() - timedelta(days=2)}&to={today() + timedelta(days=2)}",
    )
    assert "$15.00" in page(client, path + period)
    lines = list(csv.DictReader(page(client, f"{path}/statement.csv{period}").splitlines()))
    assert [(line["kind"], line["debit"], line["credit"], line["balance"]) for line in lines] == [
        ("opening", "", "", "0.00"),
        ("capture", "20.00", "", "20.00"),
        ("refund", "", "5.00", "15.00"),
        ("closing", "", "", "15.00"),
    ]
    assert client.get(f"{path}?from=2026-02-02&to=2026-02-01").status_code == 422
    assert client.get(f"{path}/statement.csv?from=soon").status_code == 400
