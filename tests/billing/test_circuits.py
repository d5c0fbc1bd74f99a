"""An account that does not answer gets no new cards for a while; what is bound to it is asked for all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pybreaker import STATE_CLOSED, STATE_OPEN

from ballast.billing import accounts, circuits, new_payments, payments, refunds, routing
from ballast.billing.new_payments import NewPayment
from ballast.billing.routing import Route
from ballast.clock import shifted
from ballast.db import db, organization, transaction
from ballast.ids import new_id
from ballast.models import Attempt, Customer, PaymentMethod, ProcessorAccount, Refund
from tests.billing.acts import Shopper, at_once, attempts, rows
from tests.billing.test_accounts import connect, house
from tests.statements import counted
from tests.world import Api, World


@pytest.fixture
def two(world: World) -> Iterator[str]:
    """Acme has a second account, at Square, for half of the new cards; answers its id."""
    with organization(world.acme.id):
        square = connect(world.acme, "square")
        with transaction():
            routing.route(world.acme.id, square, Route(100))
        yield square
    db.session.rollback()


def of_stripe(world: World) -> ProcessorAccount:
    db.session.rollback()
    with organization(world.acme.id):
        return accounts.find(world.acme.id, world.acme.account_id)


def offered(world: World) -> set[str]:
    db.session.rollback()
    with organization(world.acme.id):
        return {one.id for one in routing.offered(house(world.acme), 2000, "USD", "x")}


def stop_answering(world: World, api: Api) -> None:
    """Stripe resets every connection, until its account is paused; and goes on doing so."""
    world.fault(kind="reset_before")
    for _ in range(2):  # each is tried three times: six calls in a row without an answer
        api.pay()
    assert circuits.paused_since(of_stripe(world)) is not None


def stored_card(world: World) -> str:
    """A card that Ada left at Stripe."""
    with organization(world.acme.id):
        with transaction() as session:
            customer = Customer(id=new_id("cus"), organization_id=world.acme.id, email="ada@example.com", name="Ada")
            session.add(customer)
            session.flush()
            asked = NewPayment(1000, "USD", customer_id=customer.id, payment_method="pm_card_visa", save_card=True)
            payment_id = new_payments.create(world.acme.id, asked).id
        payments.confirm(world.acme.id, payment_id)
    (card,) = rows(world, PaymentMethod)
    return str(card.id)


def charge_stored(world: World, card: str) -> str:
    with organization(world.acme.id):
        with transaction():
            asked = NewPayment(1500, "USD", payment_method=card, off_session=True)
            payment_id = new_payments.create(world.acme.id, asked).id
        payments.confirm(world.acme.id, payment_id)
    return payment_id


# --- What a pause means ------------------------------------------------------------------------------------------------------


def test_five_unanswered_calls_in_a_row_pause_the_account_and_four_do_not(world: World, two: str) -> None:
    for _ in range(circuits.FAILURES - 1):
        circuits.note(world.acme.id, world.acme.account_id, answered=False)
    assert offered(world) == {world.acme.account_id, two}
    circuits.note(world.acme.id, world.acme.account_id, answered=False)
    assert offered(world) == {two}


def test_an_answer_in_between_begins_the_count_anew(world: World, two: str) -> None:
    for answered in (False, False, False, False, True, False, False, False, False):
        circuits.note(world.acme.id, world.acme.account_id, answered)
    assert circuits.paused_since(of_stripe(world)) is None


def test_the_checkout_offers_the_next_account_while_one_does_not_answer(world: World, two: str, api: Api) -> None:
    stop_answering(world, api)
    shopper = Shopper(world)
    for _ in range(4):
        page = shopper.look(shopper.buy()).get_data(as_text=True)
        assert f'name="account" value="{two}"' in page
        assert world.acme.account_id not in page


def test_with_nobody_left_the_checkout_says_so_and_when_to_come_back(world: World, api: Api) -> None:
    stop_answering(world, api)
    shopper = Shopper(world)
    answer = shopper.look(shopper.buy())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_a_stored_card_at_a_paused_account_is_tried_there_and_charged_as_soon_as_it_answers(
    world: World, two: str, api: Api
) -> None:
    card = stored_card(world)
    stop_answering(world, api)
    tried = charge_stored(world, card)
    assert world.payment(tried).processor_account_id == world.acme.account_id
    assert [one.status for one in attempts(world) if one.payment_id == tried] == ["not_sent"]
    world.forget_faults()
    assert circuits.paused_since(of_stripe(world)) is not None
    paid = charge_stored(world, card)
    assert world.payment(paid).status == "succeeded"
    assert world.payment(paid).processor_account_id == world.acme.account_id


def test_refunds_and_open_outcomes_are_asked_for_at_a_paused_account(world: World, two: str, api: Api) -> None:
    paid = api.pay().get_json()["id"]
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    lost = api.pay().get_json()["id"]
    stop_answering(world, api)
    world.forget_faults()
    with organization(world.acme.id):
        with transaction():
            refund_id = refunds.request(world.acme.id, paid, 500, "other", None).id
        refunds.send(world.acme.id, refund_id)
    assert [one.status for one in rows(world, Refund)] == ["succeeded"]
    assert circuits.paused_since(of_stripe(world)) is not None
    with shifted(timedelta(minutes=2)):
        with organization(world.acme.id):
            circuits._pause(world.acme.id, world.acme.account_id)
        world.drain()
        assert circuits.paused_since(of_stripe(world)) is not None
    assert world.payment(lost).status == "succeeded"


def test_after_the_pause_it_is_offered_again(world: World, two: str, api: Api) -> None:
    stop_answering(world, api)
    assert offered(world) == {two}
    with shifted(circuits.PAUSE + timedelta(seconds=1)):
        assert offered(world) == {world.acme.account_id, two}
        assert routing.state_of(of_stripe(world)) == "enabled"


# --- What is an outage -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset_before"},
        {"kind": "error_before"},
        {"kind": "error_before", "status": 503},
    ],
)
def test_no_answer_is_an_outage(world: World, api: Api, fault: dict[str, Any]) -> None:
    world.fault(**fault)
    for _ in range(circuits.FAILURES):
        api.pay()
    assert circuits.paused_since(of_stripe(world)) is not None


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "rate_limit", "seconds": 30},
        {"kind": "error_before", "status": 400},
        {"kind": "error_before", "status": 401},
        {"kind": "error_before", "status": 404},
        {"kind": "error_before", "status": 409},
    ],
)
def test_a_processor_that_says_no_is_there(world: World, api: Api, fault: dict[str, Any]) -> None:
    world.fault(**fault)
    for _ in range(circuits.FAILURES + 2):
        api.pay()
    assert circuits.paused_since(of_stripe(world)) is None


@pytest.mark.parametrize("method", ["pm_card_visa_chargeDeclined", "pm_card_authenticationRequired"])
def test_declines_and_challenges_are_answers(world: World, api: Api, method: str) -> None:
    for _ in range(circuits.FAILURES + 2):
        api.pay(payment_method=method)
    assert len(rows(world, Attempt)) == circuits.FAILURES + 2
    assert circuits.paused_since(of_stripe(world)) is None


@pytest.mark.parametrize("processor", ["stripe", "braintree", "square"])
def test_a_test_of_the_keys_that_gets_no_answer_counts_too(world: World, processor: str) -> None:
    with organization(world.acme.id):
        account_id = world.acme.account_id if processor == "stripe" else connect(world.acme, processor)
        world.fault(processor=processor, kind="reset_before")
        for _ in range(2):
            assert accounts.check(world.acme.id, account_id).problem
        assert circuits.paused_since(accounts.find(world.acme.id, account_id)) is not None


def test_a_checkout_page_that_gets_nothing_from_a_processor_counts_and_takes_the_next(world: World) -> None:
    with organization(world.acme.id):
        braintree = connect(world.acme, "braintree", merchant_id="ballast_silent")
        with transaction():
            routing.route(world.acme.id, braintree, Route(100))
            routing.route(world.acme.id, world.acme.account_id, Route(1))
    world.fault(processor="braintree", kind="reset_before")
    shopper = Shopper(world)
    for _ in range(3):
        page = shopper.look(shopper.buy()).get_data(as_text=True)
        assert f'name="account" value="{world.acme.account_id}"' in page
    with organization(world.acme.id):
        assert routing.state_of(accounts.find(world.acme.id, braintree)) == "paused"


# --- The breaker -------------------------------------------------------------------------------------------------------------


def test_a_success_after_the_pause_closes_the_circuit_and_a_failure_opens_it_again(world: World, two: str) -> None:
    """pybreaker's clock is real, so the pause is made short here and really waited for."""
    for ends_well in (False, True):
        account_id = two if ends_well else world.acme.account_id
        breaker = circuits._breaker(account_id)
        breaker.reset_timeout = 0.2
        for _ in range(circuits.FAILURES):
            circuits.note(world.acme.id, account_id, answered=False)
        assert breaker.current_state == STATE_OPEN
        time.sleep(0.25)
        with shifted(circuits.PAUSE + timedelta(seconds=1)):
            circuits.note(world.acme.id, account_id, answered=ends_well)
            account = accounts.find(world.acme.id, account_id)
            assert (circuits.paused_since(account) is None) is ends_well
        assert breaker.current_state == (STATE_CLOSED if ends_well else STATE_OPEN)
        db.session.rollback()


def test_counting_answers_asks_the_database_nothing(world: World, two: str) -> None:
    with counted(world.app) as seen:
        for answered in (True, False, False, False, False, True, True):
            circuits.note(world.acme.id, two, answered)
    assert seen == []
    with counted(world.app) as seen:
        for _ in range(circuits.FAILURES + 5):
            circuits.note(world.acme.id, two, answered=False)
    assert len([one for one in seen if one.startswith("UPDATE")]) == 1


def test_many_threads_count_together(world: World, two: str) -> None:
    results = at_once(world.app, *[lambda: circuits.note(world.acme.id, two, answered=False)] * 12)
    assert results == [None] * 12
    assert offered(world) == {world.acme.account_id}
    results = at_once(world.app, *[lambda: circuits.note(world.acme.id, world.acme.account_id, answered=True)] * 12)
    assert results == [None] * 12
    assert offered(world) == {world.acme.account_id}
