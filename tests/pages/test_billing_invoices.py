"""Invoices in the dashboard: found, read, written by hand, taken back, credited."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ballast.clock import real_time
from ballast.models import AuditEntry, CreditNote, Refund
from tests.billing.acts import rows
from tests.pages.dashboard import after, fields, page, review, send
from tests.statements import counted
from tests.subscriptions.acts import Desk
from tests.world import World

PRICES = ["", "", "", "", ""]


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world, real_time() - timedelta(days=1))


def written(**first: str) -> dict[str, list[str] | str]:
    """A form with one line."""
    line = {"price": "", "description": "Installation", "quantity": "2", "amount": "40.00"} | first
    blank = {"price": "", "description": "", "quantity": "1", "amount": ""}
    return {"currency": "USD"} | {name: [line[name], blank[name]] for name in blank}


def sent_again(shown: str, **first: str) -> dict[str, object]:
    """The form of a review as it is shown, its lines included."""
    return {**fields(shown), **written(**first)}


def test_an_invoice_is_written_as_it_was_shown_and_once(world: World, desk: Desk) -> None:
    owner, path = world.sign_in("owner"), f"/admin/customers/{desk.customer()}/invoice"
    shown = review(owner, path, **written())
    assert "Finalize $80.00" in shown
    answers = [owner.post(path, data=sent_again(shown)) for _ in range(2)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert "Invoice ACME-000001 is written." in after(owner, answers[0])
    assert [(one.total, one.status) for one in desk.invoices()] == [(8000, "open")]
    stale = owner.post(path, data=sent_again(review(owner, path, **written())) | {"total": "1"})
    assert (stale.status_code, len(desk.invoices())) == (422, 1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"amount": "ten"}, "Enter an amount"),
        ({"amount": "0"}, "above zero"),
        ({"quantity": "0"}, "quantity from 1"),
        ({"description": ""}, "Describe each line"),
        ({"description": "x" * 300}, "Describe each line"),
        ({"price": "price_nothing"}, "no longer sold"),
        ({"description": "", "amount": ""}, "at least one line"),
    ],
)
def test_a_line_that_cannot_be_comes_back_with_the_reason(
    world: World, desk: Desk, line: dict[str, str], said: str
) -> None:
    owner, path = world.sign_in("owner"), f"/admin/customers/{desk.customer()}/invoice"
    answer = send(owner, path, **written(**line))
    assert (answer.status_code, said in answer.get_data(as_text=True)) == (422, True)
    assert desk.invoices() == []


def test_the_list_is_one_statement_and_finds_by_status_number_and_address(world: World, desk: Desk) -> None:
    viewer, price = world.sign_in("viewer"), desk.price(2000)
    asked = []
    for place in range(2):
        desk.start(price, desk.customer(email=f"{place}@example.com"))
        with counted(world.app) as statements:
            page(viewer, "/admin/invoices")
        asked.append(len(statements))
    assert asked[0] == asked[1]
    found = page(viewer, "/admin/invoices?q=acme-000002")
    assert ("1@example.com" in found, "0@example.com" in found) == (True, False)
    assert "No invoices like this" in page(viewer, "/admin/invoices?status=void")
    assert "Write invoice" not in found, "a viewer only looks"


def test_an_open_invoice_is_given_up_and_then_taken_back(world: World, desk: Desk) -> None:
    owner, path = world.sign_in("owner"), f"/admin/customers/{desk.customer()}/invoice"
    owner.post(path, data=sent_again(review(owner, path, **written())))
    base = f"/admin/invoices/{desk.invoices()[0].id}"
    assert f"/invoices/{desk.invoices()[0].token}.pdf" in page(owner, base)
    assert "is given up" in after(owner, send(owner, f"{base}/uncollectible"))
    assert "is void" in after(owner, send(owner, f"{base}/void"))
    again = send(owner, f"{base}/void")
    assert (again.status_code, desk.invoices()[0].status) == (422, "void")
    assert {"invoice.uncollectible", "invoice.voided"} <= {entry.action for entry in rows(world, AuditEntry)}


def test_a_paid_invoice_goes_back_in_part_to_the_card_and_the_rest_as_credit(world: World, desk: Desk) -> None:
    desk.start(desk.price(2000), desk.customer())
    owner, base = world.sign_in("owner"), f"/admin/invoices/{desk.invoices()[0].id}"
    path = f"{base}/credit"
    form = fields(page(owner, path)) | {"how": "refund", "amount": "5.00", "reason": "duplicate", "memo": "Twice"}
    first, again = owner.post(path, data=form), owner.post(path, data=form)
    assert "$5.00 goes back to the card." in after(owner, first)
    assert again.status_code == 303
    assert [(one.amount, one.status) for one in rows(world, Refund)] == [(500, "succeeded")]
    too_much = send(owner, path, how="credit", amount="15.01", reason="other")
    assert (too_much.status_code, "At most $15.00" in too_much.get_data(as_text=True)) == (422, True)
    assert "$15.00 is the customer's credit." in after(
        owner, send(owner, path, how="credit", amount="15", reason="other")
    )
    assert [note.amount for note in rows(world, CreditNote)] == [500, 1500]
    assert "Nothing to credit" in page(owner, path)
