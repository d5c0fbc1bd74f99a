"""Where two things meet: what must not be billed twice, given back twice, lost, or waited for without end."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from ballast import clock
from ballast.billing import clocks, credit_notes, going_live, invoices, outcomes, payments, refunds
from ballast.billing.credit_notes import NewNote
from ballast.billing.subscriptions import changing, collecting, ending, rolling
from ballast.billing.subscriptions.changing import Change
from ballast.db import db, organization, set_organization, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id
from ballast.models import Attempt, Coupon, Customer, Organization, Payment, PromotionCode
from ballast.processors.base import Approved, Card
from tests.billing.acts import at_once, balance, credit_late
from tests.subscriptions.acts import Desk
from tests.subscriptions.test_changing import credit_of
from tests.world import Api, World

RENEWAL = datetime(2026, 2, 15, 9, 30, tzinfo=UTC)
HALF_WAY = datetime(2026, 1, 30, 21, 30, tzinfo=UTC)


@pytest.fixture
def sub(desk: Desk) -> str:
    return desk.start(desk.price(2000), desk.customer())


def coupon(desk: Desk, **fields: Any) -> str:
    with desk.clocked(), transaction() as session:
        made = Coupon(id=new_id("cpn"), organization_id=desk.world.acme.id, name="Spring", percent_bps=5000, **fields)
        session.add(made)
        return made.id


def test_a_plan_is_not_changed_while_its_period_is_being_charged(desk: Desk, sub: str) -> None:
    large = desk.price(6000)
    desk.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    desk.until(RENEWAL)
    with pytest.raises(Conflict, match="still being charged"):
        desk.act(sub, changing.preview, Change(price_id=large))
    with pytest.raises(Conflict, match="still being charged"):
        desk.act(sub, ending.pause)
    desk.settle()
    assert desk.act(sub, changing.preview, Change(price_id=large)).amount_due == 4000


def test_a_preview_from_before_another_change_is_out_of_date(desk: Desk, sub: str) -> None:
    dear, dearer = desk.price(6000), desk.price(8000)
    desk.at = HALF_WAY
    seen = desk.act(sub, changing.preview, Change(price_id=dearer))
    desk.move(minutes=5)
    desk.act(sub, changing.change, Change(price_id=dear))
    with pytest.raises(InvalidRequest) as refused:
        desk.act(sub, changing.change, Change(price_id=dearer, at=seen.at))
    assert refused.value.code == "preview_expired"


def test_a_declined_change_keeps_the_one_that_was_put_off(desk: Desk, sub: str) -> None:
    desk.act(sub, changing.change, Change(quantity=3, when="renewal"))
    desk.world.fault(kind="decline", count=1)
    desk.act(sub, changing.change, Change(price_id=desk.price(6000)))
    assert desk.subscription(sub).pending_quantity == 3
    desk.act(sub, changing.change, Change(quantity=1, when="renewal"))  # the plan it is on: undone
    assert desk.subscription(sub).pending_quantity is None


def test_a_subscription_that_ends_waits_for_a_change_under_way(desk: Desk, sub: str) -> None:
    large = desk.price(6000)
    desk.at = HALF_WAY
    desk.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    desk.act(sub, changing.change, Change(price_id=large))
    desk.act(sub, ending.cancel_at_period_end)
    desk.until(RENEWAL)
    assert desk.subscription(sub).status == "active"
    desk.settle()
    desk.until(RENEWAL + timedelta(hours=1))
    found = desk.subscription(sub)
    assert (found.status, found.price_id) == ("canceled", large)


def test_what_went_back_by_credit_note_goes_back_no_second_time(desk: Desk, sub: str) -> None:
    invoice = desk.invoices()[0]
    with desk.clocked():
        with transaction():
            credit_notes.create(desk.world.acme.id, NewNote(invoice.id, "credit", 1500))
        with transaction(), pytest.raises(InvalidRequest) as refused:
            refunds.request(desk.world.acme.id, invoice.payment_id or "", 501, None)
    assert refused.value.code == "refund_too_large"
    desk.at = HALF_WAY
    desk.act(sub, ending.cancel_now, give_back=True)
    assert credit_of(desk) == 1500 + 250  # half of the 500 that did not go back
    assert balance(desk.world, "receivables") == 0


def test_a_success_of_a_payment_that_was_replaced_is_the_customers_credit(desk: Desk) -> None:
    credit_late(desk.world)
    desk.start(desk.price(2000), desk.customer(), card="pm_card_chargeDeclined")
    attempt, invoice = desk.all(Attempt)[0], desk.invoices()[0]
    with desk.clocked():
        with transaction():
            outcomes.cancel(payments.locked(desk.world.acme.id, attempt.payment_id))
        collecting.pay(desk.world.acme.id, invoice.id, payments.Source("pm_card_visa", save_card=True))
        outcomes.record(desk.world.acme.id, attempt.id, Approved("pi_late", 2000, Card("visa", "4242")))
    assert [one.status for one in desk.all(Payment)] == ["canceled", "succeeded"]
    assert (desk.invoices()[0].status, credit_of(desk)) == ("paid", 2000)


def test_what_credit_leaves_is_waived_where_no_processor_takes_it(desk: Desk, sub: str) -> None:
    with desk.clocked(), transaction():
        credit_notes.create(desk.world.acme.id, NewNote(desk.invoices()[0].id, "credit", 1970))
    desk.until(RENEWAL)
    renewed = desk.invoices()[1]
    assert (renewed.credit_applied, renewed.waived, renewed.status) == (2000, 30, "paid")
    assert (credit_of(desk), balance(desk.world, "receivables")) == (0, 0)


def test_a_void_gives_back_the_credit_it_took_and_not_what_was_waived(desk: Desk) -> None:
    desk.start(desk.price(10_009, currency="KWD"), desk.customer(), card="pm_card_chargeDeclined")
    with desk.clocked(), transaction():
        ending.withdraw(invoices.locked(desk.world.acme.id, desk.invoices()[0].id))
    assert [balance(desk.world, code, "KWD") for code in ("customer_credit", "receivables", "bad_debt")] == [0, 0, 0]


def test_a_coupon_of_a_start_that_was_never_paid_can_be_redeemed_by_somebody_else(desk: Desk) -> None:
    once, price = coupon(desk, duration="once", max_redemptions=1), desk.price(2000)
    with desk.clocked(), transaction() as session:
        session.add(
            PromotionCode(
                id=new_id("promo"), organization_id=desk.world.acme.id, coupon_id=once, code="SPRING", max_redemptions=1
            )
        )
    ada, ben = desk.customer(), desk.customer(email="ben@example.com")
    desk.start(price, ada, card="pm_card_chargeDeclined", promotion_code="SPRING")
    with pytest.raises(InvalidRequest):
        desk.start(price, ben, promotion_code="SPRING")
    desk.until(desk.at + timedelta(days=1))
    desk.start(price, ben, promotion_code="SPRING")
    assert desk.invoices()[-1].total == 1000


def test_a_change_of_interval_uses_up_a_period_of_the_coupon(desk: Desk) -> None:
    sub = desk.start(desk.price(2000), desk.customer(), coupon_id=coupon(desk, duration="repeating", periods=2))
    desk.at = HALF_WAY
    desk.act(sub, changing.change, Change(price_id=desk.price(20000, interval="year")))
    assert desk.subscription(sub).coupon_periods_left == 0
    desk.until(HALF_WAY.replace(year=2027))
    assert [one.total for one in desk.invoices()] == [1000, 9500, 20000]


def test_a_set_up_fee_that_is_declined_leaves_the_trial_alone(desk: Desk) -> None:
    sub = desk.start(desk.price(2000, setup_fee=500), desk.customer(), card="pm_card_chargeDeclined", trial_days=14)
    assert desk.subscription(sub).status == "trialing"
    with desk.clocked():
        collecting.pay(desk.world.acme.id, desk.invoices()[0].id, payments.Source("pm_card_visa", save_card=True))
    assert (desk.subscription(sub).status, desk.invoices()[0].status) == ("trialing", "paid")


def test_an_indian_card_is_debited_after_its_trial_once_that_was_announced(desk: Desk) -> None:
    desk.start(desk.price(100), desk.customer())
    card, customer = desk.card().id, desk.all(Customer)[0].id
    sub = desk.start(desk.price(50_000, currency="INR"), customer, card=card, trial_days=7)
    desk.until(desk.subscription(sub).current_period_end + timedelta(days=2))
    assert (desk.invoices()[1].status, desk.mails().count("upcoming_charge")) == ("paid", 1)
    assert desk.invoices()[1].paid_at == desk.subscription(sub).current_period_start + timedelta(days=1)


def test_declines_over_the_api_of_invoices_are_held_back_like_any_others(world: World, api: Api) -> None:
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Organization).values(card_testing={"card": 2}))
    desk = Desk(world, clock.real_time())
    desk.start(desk.price(2000), desk.customer(), card="pm_card_chargeDeclined")
    path = f"/invoices/{desk.invoices()[0].id}/pay"
    said = [api.post(path, {"payment_method": "pm_card_chargeDeclined"}).status_code for _ in range(4)]
    assert said[0] == 402
    assert said[-1] == 429


def test_one_organizations_time_is_not_anothers(world: World) -> None:
    stands = clock.real_time().replace(microsecond=0)
    desk = Desk(world, stands)
    desk.start(desk.price(2000, "week"), desk.customer())
    with organization(world.acme.id), transaction():
        clocks.ask(world.acme.id, stands + timedelta(days=8))
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=2)
    other = world.api(world.stranger.api_key).pay().get_json()["id"]
    with world.worker_app.app_context(), clock.shifted(timedelta(hours=2)):
        set_organization(None)
        clocks.advance_due()
    db.session.rollback()
    with organization(world.stranger.id):
        theirs = db.session.scalars(select(Payment).where(Payment.id == other)).one()
    assert theirs.status == "processing"


def test_an_advance_does_not_run_in_circles_where_a_customers_charges_are_held(world: World) -> None:
    stands = clock.real_time().replace(microsecond=0)
    desk = Desk(world, stands)
    desk.start(desk.price(2000), desk.customer())
    desk.world.fault(kind="decline", count=1)
    with organization(world.acme.id), transaction():
        clocks.ask(world.acme.id, stands + timedelta(days=32))
    with world.worker_app.app_context():
        set_organization(None)
        clocks.advance_due()
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Customer).values(held_at=clock.real_time()))
        clocks.ask(world.acme.id, stands + timedelta(days=40))
    with world.worker_app.app_context():
        set_organization(None)
        clocks.advance_due()
    with organization(world.acme.id):
        owner = db.session.scalars(select(Organization).where(Organization.id == world.acme.id)).one()
        assert (owner.clock_at, owner.clock_target_at) == (stands + timedelta(days=40), None)


def test_who_goes_live_lives_by_real_time(world: World) -> None:
    with organization(world.acme.id), transaction() as session:
        clocks.give_clock(session.scalars(select(Organization).where(Organization.id == world.acme.id)).one())
    with world.worker_app.app_context():
        set_organization(None)
        going_live.go_live(world.acme.id, "They asked for it")
    db.session.rollback()
    with organization(world.acme.id), transaction(), pytest.raises(Conflict, match="sandbox"):
        clocks.ask(world.acme.id, clock.real_time() + timedelta(days=1))


def test_nothing_is_paused_while_a_change_of_it_is_being_charged(desk: Desk, sub: str) -> None:
    desk.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    desk.act(sub, changing.change, Change(quantity=2))
    with pytest.raises(Conflict, match="still being charged"):
        desk.act(sub, ending.pause)
    desk.settle()
    desk.act(sub, ending.pause)
    assert desk.subscription(sub).status == "paused"


def test_an_invoice_and_a_credit_note_of_one_customer_at_once_do_not_deadlock(
    desk: Desk, sub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = desk.start(desk.price(3000), desk.subscription(sub).customer_id, card=desk.card().id)
    first, numbered = desk.invoices()[0].id, invoices._next_number

    def slowly(organization_id: str, counter: str, mark: str) -> str:
        if counter == "next_invoice":
            time.sleep(0.4)
        given = numbered(organization_id, counter, mark)
        time.sleep(0.2)
        return given

    monkeypatch.setattr(invoices, "_next_number", slowly)
    desk.at = RENEWAL

    def credit_it() -> None:
        with desk.clocked(), transaction():
            credit_notes.create(desk.world.acme.id, NewNote(first, "credit", 500))

    def renew_the_other() -> None:
        with desk.clocked():
            rolling.roll(desk.world.acme.id, other)

    assert at_once(desk.world.app, renew_the_other, credit_it) == [None, None]
    assert len(desk.invoices()) == 3
