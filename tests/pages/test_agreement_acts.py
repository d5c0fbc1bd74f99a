"""What staff do to a plan from the dashboard: each page shows what it would do, and does exactly that or nothing."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ballast.billing.financing.servicing.forms import ACTS
from ballast.models import AgreementAmendment, Payment
from tests.financing.book import MONTHLY, Book
from tests.pages.dashboard import after, fields, page, review
from tests.statements import counted
from tests.world import World

BASE = "/admin/financing/agreements"
MOST_STATEMENTS = 12


@pytest.fixture
def book(world: World) -> Book:
    """Acme has lent since 25 days ago: nothing is due yet."""
    return Book(world, days=25)


@pytest.fixture
def plan(book: Book) -> str:
    return book.sell(book.offer(MONTHLY, name="Twelve months"), MONTHLY)


def test_a_payoff_charges_to_the_cent_what_its_page_showed(world: World, book: Book, plan: str) -> None:
    owner, path = world.sign_in("owner"), f"{BASE}/{plan}/payoff"
    with counted(world.app) as statements:
        shown = page(owner, path)
    assert len(statements) <= MOST_STATEMENTS
    promised = re.search(r"Charge \$([\d.]+)<", shown)
    assert promised, shown
    assert "Interest taken off" in shown
    told = after(owner, owner.post(path, data=fields(shown) | {"reason": "They asked for it"}))
    assert f"Charged ${promised[1]}. The plan is paid off." in told
    assert "“They asked for it”" in told
    assert world.charges()[-1]["amount"] == int(promised[1].replace(".", ""))
    assert book.balance(plan) == 0
    again = owner.post(path, data=fields(shown))
    assert (again.status_code, len(world.charges())) == (409, 2), "a form sent twice is one charge"
    settled = book.installments(plan)[-1].payment_id
    assert "Pays installments 1, 2, 3" in page(owner, f"/admin/payments/{settled}")


def test_an_outdated_preview_shows_the_new_one_and_does_nothing(world: World, book: Book, plan: str) -> None:
    owner, path = world.sign_in("owner"), f"{BASE}/{plan}/extra"
    shown = review(owner, path, amount="10.00")
    book.pay(plan, 1)
    answer = owner.post(path, data=fields(shown))
    told = answer.get_data(as_text=True)
    assert (answer.status_code, "The plan has changed meanwhile" in told) == (409, True)
    assert len(world.charges()) == 1
    assert fields(told)["preview_hash"] != fields(shown)["preview_hash"]
    assert "Charged $10.00." in after(owner, owner.post(path, data=fields(told)))
    assert [one["amount"] for one in world.charges()][1:] == [1000]


def test_acts_that_move_no_money_do_what_was_shown(world: World, book: Book, plan: str) -> None:
    owner, base = world.sign_in("owner"), f"{BASE}/{plan}"
    first = book.installments(plan)[0]
    later = first.due_on + timedelta(days=5)
    book.charge_late_fee(plan, 1, 1500)
    for name, form, said in (
        ("move", {"installment": "1", "to": later.isoformat()}, later.strftime("%b %-d, %Y")),
        ("waive", {"installment": "1"}, "Late fees taken off"),
        ("record", {"amount": "20.00", "received_on": f"{book.at:%Y-%m-%d}"}, "Record $20.00"),
        ("pause", {"months": "1"}, "Paused until"),
        ("reschedule", {"installments": "6", "first_due_on": later.isoformat(), "interest": "0"}, "Interest taken off"),
    ):
        shown = html.unescape(typed(owner, f"{base}/{name}", form).get_data(as_text=True))
        assert said in shown, name
        assert ACTS[name].done in after(owner, owner.post(f"{base}/{name}", data=fields(shown))), name
    kinds = [one.kind for one in world.all_of(AgreementAmendment)]
    assert kinds == ["date_moved", "late_fee_waived", "recorded_payment", "paused", "rescheduled"]
    assert sum(one.left > 0 for one in book.installments(plan)) == 6
    assert len(world.charges()) == 1


def typed(client: FlaskClient, path: str, form: dict[str, str]) -> TestResponse:
    """Send the form of an act as it is shown, with what is typed: one of its fields is called `to`, as `send` has it too."""
    return client.post(path, data=fields(client.get(path).get_data(as_text=True)) | form)


def test_a_refund_shows_where_it_goes_before_the_click(world: World, book: Book) -> None:
    in_four = book.sell(book.offer())
    owner, path = world.sign_in("owner"), f"{BASE}/{in_four}/refund"
    shown = review(owner, path, amount="500.00")
    assert "Comes off what is owed" in shown
    assert "Goes back to Visa 4242" in shown
    assert "This cannot be taken back." in shown
    assert "The refund is made." in after(owner, owner.post(path, data=fields(shown)))
    assert book.balance(in_four) == 0
    customer_id = book.agreement(in_four).customer_id
    with counted(world.app) as statements:
        of_customer = page(owner, f"/admin/customers/{customer_id}")
    assert len(statements) <= MOST_STATEMENTS
    assert f"/admin/financing/agreements/{in_four}" in of_customer
    down_payment = world.all_of(Payment)[0].id
    assert "Pays what was due at the start of" in page(owner, f"/admin/payments/{down_payment}")


def test_a_plan_is_written_off_only_once_it_is_long_past_due(world: World) -> None:
    book = Book(world, days=140)
    late, fresh = book.sell(book.offer()), Book(world, days=5)
    on_time = fresh.sell(fresh.offer())
    book.look()
    owner = world.sign_in("owner")
    assert "Write off" not in page(owner, f"{BASE}/{on_time}")
    refused = page(owner, f"{BASE}/{on_time}/write-off")
    assert "Only a plan 30 or more days past due" in refused
    shown = page(owner, f"{BASE}/{late}/write-off")
    assert "Write off $480.00" in shown
    assert "Not expected any more" in after(owner, owner.post(f"{BASE}/{late}/write-off", data=fields(shown)))


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("extra", {"amount": "much"}, "amount"),
        ("extra", {"amount": "99999"}, "pays everything"),
        ("record", {"amount": "1", "received_on": "yesterday"}, "Enter a day"),
        ("move", {"installment": "1", "to": "2020-01-01"}, "Choose another day"),
        ("move", {"installment": "²", "to": "2020-01-01"}, "Enter a whole number"),
        ("pause", {"months": "400"}, "Choose from 1 to"),
        ("reschedule", {"installments": "0", "first_due_on": "2020-01-01"}, "Choose 2 to 120"),
        ("card", {"payment_method": "pm_of_somebody"}, "not stored for this customer"),
        ("refund", {"amount": "100000"}, "can be refunded"),
    ],
)
def test_what_cannot_be_comes_back_with_the_reason(
    world: World, plan: str, name: str, form: dict[str, str], said: str
) -> None:
    answer = typed(world.sign_in("owner"), f"{BASE}/{plan}/{name}", form)
    assert (answer.status_code, said in answer.get_data(as_text=True)) == (422, True), answer.get_data(as_text=True)
    assert world.all_of(AgreementAmendment) == []


def test_whoever_only_looks_finds_no_act(world: World, plan: str) -> None:
    viewer = world.sign_in("viewer")
    shown = page(viewer, f"{BASE}/{plan}")
    assert "Pay off" not in shown
    for name in ACTS:
        assert viewer.get(f"{BASE}/{plan}/{name}").status_code == 403, name
    assert world.sign_in("owner").get(f"{BASE}/{plan}/nothing").status_code == 404
