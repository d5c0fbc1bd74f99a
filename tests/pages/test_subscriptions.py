"""Subscriptions in the dashboard: found, looked at, and what is shown before an act is what it does."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from ballast.billing import clocks
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.models import AuditEntry, CreditBalance, Organization, PaymentMethod, Subscription
from tests.billing.acts import rows
from tests.pages.dashboard import after, fields, page, review, send
from tests.statements import counted
from tests.subscriptions.acts import Desk
from tests.world import World, csrf


@pytest.fixture
def desk(world: World) -> Desk:
    """Somebody who sells, a third of a month ago: what is paid for is partly used."""
    return Desk(world, real_time() - timedelta(days=10))


@pytest.fixture
def sub(desk: Desk) -> str:
    """Ada's Club of $20.00 a month."""
    return desk.start(desk.price(2000), desk.customer())


def test_the_list_is_one_statement_however_long_and_finds_by_status_price_and_address(world: World, desk: Desk) -> None:
    price = desk.price(2000)
    others = desk.price(500, "week", name="Paper")
    viewer = world.sign_in("viewer")
    for place in range(3):
        desk.start(price if place else others, desk.customer(email=f"{place}@example.com"))
    asked = []
    for _ in range(2):
        with counted(world.app) as statements:
            shown = page(viewer, "/admin/subscriptions")
        asked.append(len(statements))
        desk.start(price, desk.customer(email="late@example.com"))
    assert asked[0] == asked[1]
    assert "0@example.com" in shown
    assert "2@example.com" not in page(viewer, f"/admin/subscriptions?price={others}")
    assert "0@example.com" not in page(viewer, "/admin/subscriptions?q=2@ex")
    assert "No subscriptions like this" in page(viewer, "/admin/subscriptions?status=canceled")
    assert "Start subscription" not in shown, "a viewer only looks"


def test_a_subscription_shows_what_comes_next_and_what_happened(world: World, desk: Desk, sub: str) -> None:
    desk.act(sub, lambda found: None)
    shown = page(world.sign_in("viewer"), f"/admin/subscriptions/{sub}")
    assert "Paid up. $20.00 is charged on" in shown
    assert "Subscribed" in shown
    assert "Invoice ACME-000001 paid" in shown
    assert "0 of 16 tries in 30 days" in shown
    assert "Change plan" not in shown, "a viewer only looks"
    with counted(world.app) as first:
        page(world.sign_in("owner"), f"/admin/subscriptions/{sub}")
    desk.move(days=31)
    desk.run()
    with counted(world.app) as second:
        page(world.sign_in("owner"), f"/admin/subscriptions/{sub}")
    assert len(first) == len(second)


def test_a_change_bills_to_the_cent_what_its_page_showed(world: World, desk: Desk, sub: str) -> None:
    owner = world.sign_in("owner")
    path = f"/admin/subscriptions/{sub}/change"
    shown = review(owner, path, price=desk.subscription(sub).price_id, quantity="3", when="now")
    promised = re.search(r"Change and charge \$([\d.]+)", shown)
    assert promised, shown
    answer = owner.post(path, data=fields(shown))
    assert f"The plan is changed. ${promised[1]} was charged." in after(owner, answer)
    assert [invoice.amount_due for invoice in desk.invoices()][-1] == int(promised[1].replace(".", ""))
    assert desk.subscription(sub).quantity == 3
    assert "subscription.changed" in {entry.action for entry in rows(world, AuditEntry) if entry.actor_kind == "user"}
    again = owner.post(path, data=fields(shown))
    assert (again.status_code, len(world.charges())) == (422, 2), "a form sent twice is one change"


def test_figures_that_were_not_shown_are_not_billed(world: World, desk: Desk, sub: str) -> None:
    owner = world.sign_in("owner")
    path = f"/admin/subscriptions/{sub}/change"
    shown = fields(review(owner, path, price=desk.subscription(sub).price_id, quantity="3", when="now"))
    for wrong in ({"figures": "1/0"}, {"quantity": "30"}, {"at": "2020-01-01T00:00:00+00:00"}, {"at": "soon"}):
        answer = owner.post(path, data=shown | wrong)
        assert (answer.status_code, "out of date" in answer.get_data(as_text=True)) == (422, True), wrong
    assert desk.subscription(sub).quantity == 1
    assert len(world.charges()) == 1


def test_a_change_at_renewal_costs_nothing_and_can_be_undone(world: World, desk: Desk, sub: str) -> None:
    owner = world.sign_in("owner")
    path = f"/admin/subscriptions/{sub}/change"
    shown = review(owner, path, price=desk.subscription(sub).price_id, quantity="2", when="renewal")
    assert "Change at renewal" in shown
    assert "Changes at renewal" in after(owner, owner.post(path, data=fields(shown)))
    assert "It stays on the plan it is on." in after(owner, send(owner, f"/admin/subscriptions/{sub}/drop"))
    assert desk.subscription(sub).pending_quantity is None


def test_canceling_now_gives_back_what_its_page_showed(world: World, desk: Desk, sub: str) -> None:
    owner = world.sign_in("owner")
    path = f"/admin/subscriptions/{sub}/cancel"
    shown = page(owner, path)
    promised = int(fields(shown)["credit"])
    assert 1000 < promised < 2000
    assert f"give back ${promised / 100:.2f}" in shown
    refused = send(owner, path, how="give_back", credit=str(promised + 1))
    assert (refused.status_code, desk.subscription(sub).status) == (422, "active")
    assert "Canceled." in after(owner, owner.post(path, data=fields(shown) | {"how": "give_back", "reason": "Moved"}))
    assert [balance.amount for balance in world_balances(world)] == [promised]
    assert "is canceled already" in page(owner, path)


def world_balances(world: World) -> list[CreditBalance]:
    db.session.rollback()
    with organization(world.acme.id):
        return list(db.session.scalars(db.select(CreditBalance)))


def test_an_end_with_the_period_is_undone_and_a_pause_lasts_until_its_day(world: World, desk: Desk, sub: str) -> None:
    owner = world.sign_in("owner")
    base = f"/admin/subscriptions/{sub}"
    assert "Keep it" in after(owner, send(owner, f"{base}/cancel", how="period_end"))
    assert "It goes on after its period." in after(owner, send(owner, f"{base}/keep"))
    assert send(owner, f"{base}/pause", resumes_on="2020-01-01").status_code == 422
    day = f"{real_time() + timedelta(days=5):%Y-%m-%d}"
    assert "Paused until" in after(owner, send(owner, f"{base}/pause", resumes_on=day))
    assert "Nothing is charged before." in page(owner, f"{base}/resume")
    assert "It goes on." in after(owner, send(owner, f"{base}/resume"))
    assert (desk.subscription(sub).status, len(world.charges())) == ("active", 1)


def test_resuming_late_charges_a_new_period_at_once(world: World, desk: Desk, sub: str) -> None:
    desk.act(sub, pause_for_good)
    desk.move(days=40)
    own_clock(world, desk)
    owner = world.sign_in("owner")
    path = f"/admin/subscriptions/{sub}/resume"
    assert "Resume and charge $20.00" in page(owner, path)
    after(owner, send(owner, path))
    assert (desk.subscription(sub).status, len(world.charges())) == ("active", 2)


def pause_for_good(found: Subscription) -> None:
    from ballast.billing.subscriptions import ending

    ending.pause(found)


def own_clock(world: World, desk: Desk) -> None:
    """Acme has a clock of its own, which stands where the desk does."""
    with organization(world.acme.id), transaction() as session:
        acme = session.scalars(db.select(Organization).where(Organization.id == world.acme.id)).one()
        clocks.give_clock(acme)
        acme.clock_at = desk.at


def test_what_was_declined_is_shown_retried_and_charged_to_another_card(world: World, desk: Desk, sub: str) -> None:
    good = desk.another_card()
    with desk.clocked(), transaction() as session:
        card = session.scalars(db.select(PaymentMethod).where(PaymentMethod.id != good)).one()
        card.external_id = "pm_card_chargeCustomerFail"
    desk.move(days=31)
    desk.run()
    own_clock(world, desk)
    owner, base = world.sign_in("owner"), f"/admin/subscriptions/{sub}"
    shown = page(owner, base)
    assert "A renewal was declined; $20.00 is owed." in shown
    assert "Next try, number 1 of 4" in shown
    assert "1 of 16 tries in 30 days" in shown
    assert "Charge $20.00" in page(owner, f"{base}/retry")
    assert "$20.00 is still owed. The card was declined" in after(owner, send(owner, f"{base}/retry"))
    assert "2 of 16 tries in 30 days" in page(owner, base)
    assert "charged to it now" in page(owner, f"{base}/card")
    assert "Nothing is owed any more." in after(owner, send(owner, f"{base}/card", card=good))
    assert (desk.subscription(sub).status, len(world.charges())) == ("active", 2)


def test_one_is_started_for_a_stored_card_once_however_often_the_form_is_sent(
    world: World, desk: Desk, sub: str
) -> None:
    found, owner = desk.subscription(sub), world.sign_in("owner")
    price = desk.price(500, "week", name="Paper", setup_fee=300)
    path = f"/admin/customers/{found.customer_id}/subscribe"
    assert f"{path}" in page(owner, "/admin/customers/choose?to=subscribe&q=ada")
    shown = review(owner, path, price=price, quantity="2", card=desk.card().id)
    assert "Start and charge $13.00" in shown
    answers = [owner.post(path, data=fields(shown)) for _ in range(2)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert "the first period is paid" in after(owner, answers[0])
    assert [charge["amount"] for charge in world.charges()] == [2000, 1300]
    wrong = send(owner, path, price=price, quantity="x", card=desk.card().id)
    assert (wrong.status_code, "Enter a whole number." in wrong.get_data(as_text=True)) == (422, True)


@pytest.mark.parametrize(
    "form",
    [
        {"quantity": "0"},
        {"quantity": "²"},
        {"quantity": "9" * 80},
        {"price": "price_nothing"},
        {"when": "yesterday"},
        {"quantity": "1"},
    ],
)
def test_a_change_that_cannot_be_comes_back_with_the_reason(
    world: World, desk: Desk, sub: str, form: dict[str, str]
) -> None:
    owner, path = world.sign_in("owner"), f"/admin/subscriptions/{sub}/change"
    given = {"price": desk.subscription(sub).price_id, "quantity": "2", "when": "now"} | form
    answer = send(owner, path, **given)
    assert answer.status_code == 422
    assert csrf(answer.get_data(as_text=True))
