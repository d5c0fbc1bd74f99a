"""Financing in the dashboard: agreements found and looked at, their papers served safely, the portfolio that adds up."""

from __future__ import annotations

import pytest

from ballast.billing.financing import balances, portfolio
from ballast.db import db
from ballast.models import AgreementDocument
from tests.financing.book import MONTHLY, Book
from tests.pages.dashboard import page
from tests.statements import counted
from tests.world import World

MOST_STATEMENTS = 12
BASE = "/admin/financing/agreements"


@pytest.fixture
def book(world: World) -> Book:
    return Book(world)


def test_the_list_is_found_by_status_bucket_offer_and_address_in_as_many_statements_however_long(
    world: World, book: Book
) -> None:
    in_four = book.offer()
    monthly = book.offer(MONTHLY, name="Twelve months")
    on_time, late = book.sell(in_four), book.sell(monthly, MONTHLY)
    book.pay(on_time, 3)
    book.pay(late, 1)
    book.look()
    viewer = world.sign_in("viewer")
    with counted(world.app) as few:
        shown = page(viewer, BASE)
    assert "ada@example.com" in shown
    assert "Paid off" in shown
    assert "$640.00" in shown
    behind = page(viewer, f"{BASE}?bucket=30-59")
    assert "noor@example.com" in behind
    assert "ada@example.com" not in behind
    assert "4 of 4 payments made" in page(viewer, f"{BASE}?status=paid_off")
    assert "No agreements like this" in page(viewer, f"{BASE}?bucket=90%2B")
    assert "noor@example.com" not in page(viewer, f"{BASE}?offer={in_four}")
    assert "noor@example.com" not in page(viewer, f"{BASE}?q=ada@")
    book.sell(in_four)
    with counted(world.app) as many:
        page(viewer, BASE)
    assert len(few) == len(many) <= MOST_STATEMENTS


def test_an_agreement_shows_what_is_left_what_is_behind_and_what_happened(world: World, book: Book) -> None:
    agreement_id = book.sell(book.offer(MONTHLY, name="Twelve months"), MONTHLY)
    book.pay(agreement_id, 1)
    book.charge_late_fee(agreement_id, 2, 1500)
    book.decline(agreement_id, 2, 2)
    book.look()
    viewer = world.sign_in("viewer")
    with counted(world.app) as statements:
        shown = page(viewer, f"{BASE}/{agreement_id}")
    left = balances.of(book.installments(agreement_id))
    assert f'${left.total / 100:.2f}</span> <span class="of-total">left of' in shown
    assert f'<dd><span class="money ">${left.late_fee / 100:.2f}</span></dd>' in shown
    for words in (
        "Espresso machine",
        "Late fee of $15.00",
        "Declined 2 times",
        "0 of 16 tries in 30 days",
        "Runs as agreed",
    ):
        assert words in shown, words
    assert len(statements) <= MOST_STATEMENTS


def test_the_disclosure_is_served_as_it_was_kept_and_can_do_nothing(world: World, book: Book) -> None:
    agreement_id = book.sell(book.offer())
    viewer = world.sign_in("viewer")
    terms = page(viewer, f"{BASE}/{agreement_id}/terms")
    assert "The terms have their hash" in terms
    (kept,) = world.all_of(AgreementDocument)
    assert kept.sha256 in terms
    frame, pdf = (viewer.get(f"{BASE}/{agreement_id}/{name}") for name in ("disclosure", "disclosure.pdf"))
    assert kept.html in frame.get_data(as_text=True)
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-same-origin" in policy
    assert "allow-scripts" not in policy
    assert pdf.get_data() == kept.pdf
    assert pdf.headers["Content-Disposition"].startswith("attachment")
    assert viewer.get(f"{BASE}/agr_01jd8h2m4s6v8x0z2b4d6f8h0k/disclosure.pdf").status_code == 404
    assert world.sign_in("stranger").get(f"{BASE}/{agreement_id}/disclosure").status_code == 404


def test_the_portfolio_is_the_sum_of_what_is_owed_and_of_the_ledger(world: World, book: Book) -> None:
    in_four = book.offer(expected_loss_bps=250)
    on_time, late, gone, paid = (book.sell(in_four) for _ in range(4))
    book.pay(on_time, 2)
    book.pay(paid, 2, late=20)
    book.charge_late_fee(late, 1, 500)
    book.charge_off(gone)
    today = book.look()
    with book.clocked():
        (out,) = portfolio.standing(world.acme.id)
        months = portfolio.roll(world.acme.id, "USD", today)
        weeks = portfolio.expected(world.acme.id, "USD", today)
        (told,) = portfolio.summary(world.acme.id)
        lost = portfolio.losses(world.acme.id, "USD")
    owed = {one: book.balance(one) for one in (on_time, late, gone, paid)}
    assert out.out.amount + out.charged_off.amount == sum(owed.values()) == book.account("financing_receivable")
    assert (out.charged_off.amount, lost.given_up) == (owed[gone], owed[gone])
    assert out.buckets["60-89"].amount == owed[late]
    assert (told.outstanding, told.behind) == (out.out.amount, out.behind.amount)
    assert out.expected_loss == out.out.amount * 250 // 10_000
    open_ones = [one for place in (on_time, late, paid) for one in book.installments(place)]
    assert months[-1].total == sum(one.left for one in open_ones if one.due_on < today)
    assert sum(amount for _, amount in weeks) == sum(one.left for one in open_ones if one.due_on >= today)
    viewer = world.sign_in("viewer")
    db.session.rollback()
    with counted(world.app) as statements:
        shown = page(viewer, "/admin/financing/portfolio")
    assert "Show as a table" in shown
    assert f"${out.out.amount / 100:,.2f}" in shown
    assert len(statements) <= MOST_STATEMENTS


def test_what_was_paid_late_was_behind_at_the_month_ends_in_between_and_is_no_more(world: World, book: Book) -> None:
    agreement_id = book.sell(book.offer())
    book.pay(agreement_id, 1, late=35)
    book.pay(agreement_id, 2)
    today = book.look()
    first = book.installments(agreement_id)[0]
    paid_on = first.paid_at.date() if first.paid_at else today
    with book.clocked():
        months = portfolio.roll(world.acme.id, "USD", today)
    for month in months:
        was_behind = first.due_on < month.on < paid_on
        assert month.total == (16000 if was_behind else 0), month
    assert sum(month.total for month in months) == 16000, "there is a month's end in any 35 days, and at most one more"


def test_an_empty_portfolio_and_an_empty_list_say_what_will_be_there(world: World) -> None:
    viewer = world.sign_in("viewer")
    assert "No agreements yet" in page(viewer, BASE)
    assert "Nothing is lent at the moment" in page(viewer, "/admin/financing/portfolio")
