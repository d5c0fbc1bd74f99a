"""What holds at one processor holds at each: one charge or none, the truth in the end, stored cards, refunds in parts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import update

from ballast.billing import new_payments, payments, refunds, resolver
from ballast.clock import real_time, shifted
from ballast.db import organization, transaction
from ballast.errors import Conflict
from ballast.models import Customer, InboxEvent, PaymentMethod, ProcessorAccount, Refund
from tests.billing.acts import (
    Died,
    Shopper,
    as_worker,
    at_once,
    attempts,
    balance,
    die,
    elsewhere,
    late_successes,
    pause,
    rows,
    taken,
)
from tests.local.checkout import wait_for
from tests.world import World

LATER = timedelta(minutes=5)


@dataclass(frozen=True)
class Shop:
    """Acme with its new cards at one processor."""

    world: World
    processor: str
    account_id: str
    card: str
    declined: str
    charge: str
    read: str

    def fault(self, kind: str, operation: str | None = None, **rule: Any) -> None:
        self.world.fault(processor=self.processor, kind=kind, operation=operation or self.charge, **rule)

    def charges_sent(self) -> list[dict[str, Any]]:
        """What asked the processor for money, oldest first."""
        raw = requests.get(f"{self.world.sandbox_url}/_sandbox/wire", params={"processor": self.processor}, timeout=5)
        return [one for one in map(json.loads, raw.text.splitlines()) if one["operation"] == self.charge]

    def pay(self, shopper: Shopper, **typed: str) -> str:
        """Buy; answers the checkout's token."""
        token = shopper.buy()
        shopper.pay(token, self.card, **typed)
        return token

    def settle(self) -> None:
        """Have the day end at the processor, where it makes a difference."""
        if self.processor != "braintree":
            return
        for charge in taken(self.world):
            path = f"merchants/{charge['account']}/transactions/{charge['id']}/settle"
            keys = ("acme_public", "acme_private")
            requests.put(f"{self.world.sandbox_url}/{path}", auth=keys, timeout=5).raise_for_status()


SHOPS: dict[str, tuple[str, str, str, str]] = {
    "stripe": ("pm_card_visa", "pm_card_visa_chargeDeclined", "payment_intents.confirm", "payment_intents.retrieve"),
    "braintree": (
        "fake-valid-visa-nonce",
        "fake-processor-declined-visa-nonce",
        "transactions.create",
        "transactions.search",
    ),
    "square": ("cnon:card-nonce-ok", "cnon:card-nonce-declined", "payments.create", "payments.list"),
}


@pytest.fixture(params=SHOPS)
def shop(world: World, request: pytest.FixtureRequest) -> Shop:
    return Shop(world, request.param, world.use(request.param), *SHOPS[request.param])


def status(world: World) -> str:
    (payment,) = rows(world, payments.Payment)
    return str(payment.status)


def look(world: World, after: timedelta = LATER) -> None:
    """The resolver comes by, some time later."""
    with shifted(after):
        world.drain()


def test_an_order_is_paid_once_and_says_by_whom(shop: Shop, shopper: Shopper) -> None:
    shop.pay(shopper)
    (payment,) = rows(shop.world, payments.Payment)
    assert (payment.status, payment.processor, payment.card_last4 is not None) == ("succeeded", shop.processor, True)
    assert [charge["amount"] for charge in taken(shop.world)] == [9000]
    assert balance(shop.world, "processor_receivable") == 9000


def test_a_decline_is_told_and_the_next_card_pays(shop: Shop, shopper: Shopper) -> None:
    token = shopper.buy()
    page = shopper.pay(token, shop.declined)
    assert page.status_code == 422
    assert "approve this payment" in page.get_data(as_text=True)
    assert shopper.pay(token, shop.card).status_code == 303
    assert [attempt.status for attempt in attempts(shop.world)] == ["declined", "approved"]
    assert len(taken(shop.world)) == 1


@pytest.mark.parametrize("kind", ["reset_after", "error_after", "truncate"])
def test_an_answer_lost_after_the_charge_in_checkout_is_one_charge_and_the_payment_succeeds(
    shop: Shop, shopper: Shopper, kind: str
) -> None:
    shop.fault(kind, count=1)
    token = shop.pay(shopper)
    assert status(shop.world) == "processing"
    assert "checking with your bank" in shopper.look(token).get_data(as_text=True)
    shopper.pay(token, shop.card)
    look(shop.world)
    assert status(shop.world) == "succeeded"
    assert [attempt.status for attempt in attempts(shop.world)] == ["approved"]
    assert len(taken(shop.world)) == len(shop.charges_sent()) == 1
    assert balance(shop.world, "processor_receivable") == 9000


@pytest.mark.parametrize("kind", ["reset_before", "error_before"])
def test_an_answer_lost_before_the_charge_ends_unpaid_and_may_be_tried_again(
    shop: Shop, shopper: Shopper, kind: str
) -> None:
    shop.fault(kind, count=1)
    token = shop.pay(shopper)
    assert status(shop.world) == "processing"
    look(shop.world)
    assert status(shop.world) == "requires_confirmation"
    assert taken(shop.world) == []
    assert shopper.pay(token, shop.card).status_code == 303
    assert len(taken(shop.world)) == 1


def test_an_answer_lost_after_the_charge_in_a_job_is_one_charge_and_the_payment_succeeds(
    shop: Shop, shopper: Shopper
) -> None:
    card = store_card(shop, shopper)
    shop.fault("reset_after", count=1)
    payment_id = elsewhere(shop.world.app, as_worker(shop.world, lambda: charge_stored(shop.world, card)))
    assert shop.world.payment(payment_id).status == "processing"
    look(shop.world)
    assert shop.world.payment(payment_id).status == "succeeded"
    assert sorted(charge["amount"] for charge in taken(shop.world)) == [1500, 9000]
    assert [attempt.status for attempt in attempts(shop.world)] == ["approved", "approved"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_that_dies_at_the_charge_leaves_one_or_none_and_the_truth(
    shop: Shop, shopper: Shopper, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    with monkeypatch.context() as patch:
        if moment == "after":
            patch.setattr(payments, "record", die)
        else:
            patch.setattr(payments, "mark_submitted", after_it_die(payments.mark_submitted))
        with pytest.raises(Died):
            shop.pay(shopper)
    assert status(shop.world) == "processing"
    look(shop.world)
    assert status(shop.world) == ("succeeded" if moment == "after" else "requires_confirmation")
    assert len(taken(shop.world)) == (1 if moment == "after" else 0)


def after_it_die(real: Callable[..., Any]) -> Callable[..., Any]:
    def dying(*given: Any) -> Any:
        real(*given)
        raise Died

    return dying


@pytest.mark.parametrize("place", ["before the call", "inside the call"])
def test_who_sleeps_until_the_resolver_has_given_up_sends_nothing(
    shop: Shop, shopper: Shopper, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Within one process: the clock moves on while the call is under way. With SIGSTOP: tests/chaos/test_paused.py."""
    real = payments.mark_submitted

    def overslept(*given: Any) -> Any:
        answer = real(*given)
        with shifted(LATER):
            elsewhere(shop.world.app, as_worker(shop.world, resolver.resolve_due))
        if place == "before the call":
            pause(minutes=5)
            return answer
        return {attempt: until - timedelta(seconds=20) for attempt, until in answer.items()}

    monkeypatch.setattr(payments, "mark_submitted", overslept)
    if place == "inside the call":
        monkeypatch.setattr(payments, "real_time", lambda: real_time() - timedelta(minutes=1))
    shop.pay(shopper)
    assert shop.charges_sent() == []
    assert status(shop.world) == "requires_confirmation"
    assert taken(shop.world) == []
    assert late_successes(shop.world) == []


def test_two_workers_at_once_charge_an_open_payment_once(shop: Shop, shopper: Shopper) -> None:
    card = store_card(shop, shopper)
    with organization(shop.world.acme.id), transaction():
        made = new_payments.create(shop.world.acme.id, asked(card))
        payment_id = made.id

    def confirm() -> None:
        with organization(shop.world.acme.id):
            payments.confirm(shop.world.acme.id, payment_id)

    answers = at_once(shop.world.app, *[as_worker(shop.world, confirm)] * 4)
    assert [type(answer) for answer in answers if answer is not None] == [Conflict] * 3
    assert sorted(charge["amount"] for charge in taken(shop.world)) == [1500, 9000]


# --- Stored cards ------------------------------------------------------------------------------------------------------------


def store_card(shop: Shop, shopper: Shopper) -> PaymentMethod:
    """Buy and have the card kept."""
    shop.pay(shopper, save_card="yes")
    shop.world.drain()
    (card,) = rows(shop.world, PaymentMethod)
    assert card.status == "active", card.message
    return card  # type: ignore[no-any-return]


def asked(card: PaymentMethod) -> new_payments.NewPayment:
    return new_payments.NewPayment(1500, "USD", payment_method=card.id, off_session=True)


def charge_stored(world: World, card: PaymentMethod) -> str:
    """A payment the holder is not there for; answers its id."""
    with organization(world.acme.id):
        with transaction():
            made = new_payments.create(world.acme.id, asked(card))
            begun = payments.begin(made)
            payment_id = made.id
        payments.run(begun)
        return payment_id


def test_a_stored_card_pays_again_off_session_where_it_is_stored(shop: Shop, shopper: Shopper) -> None:
    card = store_card(shop, shopper)
    assert (card.processor_account_id, card.last4 is not None) == (shop.account_id, True)
    payment = shop.world.payment(charge_stored(shop.world, card))
    assert (payment.status, payment.processor, payment.payment_method_id) == ("succeeded", shop.processor, card.id)
    assert payment.customer_id == card.customer_id
    said = shop.charges_sent()[-1]["body"]
    mark = {"stripe": "off_session=true", "braintree": "unscheduled", "square": '"customer_initiated":false'}
    assert mark[shop.processor] in str(said).replace(" ", "")


def test_a_card_is_not_stored_unless_the_shopper_says_so(shop: Shop, shopper: Shopper) -> None:
    shop.pay(shopper)
    shop.world.drain()
    assert rows(shop.world, PaymentMethod) == []


def test_a_card_whose_charge_lost_its_answer_is_stored_when_the_truth_is_known(shop: Shop, shopper: Shopper) -> None:
    shop.fault("reset_after", count=1)
    shop.pay(shopper, save_card="yes")
    look(shop.world)
    (card,) = rows(shop.world, PaymentMethod)
    assert card.status == "active"
    assert shop.world.payment(charge_stored(shop.world, card)).status == "succeeded"


def test_a_stored_card_is_charged_at_its_own_account_though_new_cards_go_elsewhere(
    shop: Shop, shopper: Shopper
) -> None:
    card = store_card(shop, shopper)
    shop.world.use("square" if shop.processor == "braintree" else "braintree")
    payment = shop.world.payment(charge_stored(shop.world, card))
    assert (payment.status, payment.processor_account_id) == ("succeeded", shop.account_id)


def is_refused(shop: Shop, thief: Shopper, token: str, **typed: str) -> None:
    """Somebody who is not the holder pays with the token of a stored card: nothing moves, and the form says what to do."""
    before = len(taken(shop.world))
    answer = thief.pay(thief.buy(), token, **typed)
    assert answer.status_code == 422, answer.get_data(as_text=True)
    assert len(taken(shop.world)) == before


@pytest.mark.parametrize("save", ["", "yes"])
@pytest.mark.parametrize("email", ["thief@example.com", "ada@example.com"])
@pytest.mark.parametrize("known", [True, False])
def test_a_stored_card_is_no_way_to_pay_for_who_is_not_its_holder(
    shop: Shop, shopper: Shopper, email: str, save: str, known: bool
) -> None:
    """By our id or the processor's, with the holder's address or another, whether or not we know of the card ourselves."""
    card = store_card(shop, shopper)
    token, card_id = card.external_id or "", card.id
    if not known:
        with organization(shop.world.acme.id), transaction() as session:
            session.execute(update(PaymentMethod).values(external_id="of another shop"))
        is_refused(shop, Shopper(shop.world), token, email=email, save_card=save)
        return
    for named in (token, card_id):
        is_refused(shop, Shopper(shop.world), named, email=email, save_card=save)


def test_who_corrects_the_address_between_two_tries_is_the_one_who_pays_and_whose_card_is_kept(
    shop: Shop, shopper: Shopper
) -> None:
    token = shopper.buy()
    assert shopper.pay(token, shop.declined, email="typo@example.com").status_code == 422
    assert shopper.pay(token, shop.card, email="right@example.com", save_card="yes").status_code == 303
    shop.world.drain()
    emails = {one.id: one.email for one in rows(shop.world, Customer)}
    (payment,) = rows(shop.world, payments.Payment)
    (card,) = rows(shop.world, PaymentMethod)
    assert emails[payment.customer_id] == emails[card.customer_id] == "right@example.com"


def test_an_account_whose_keys_cannot_be_read_is_passed_over_and_takes_nobody_down(
    shop: Shop, shopper: Shopper
) -> None:
    other = shop.world.use("square" if shop.processor == "braintree" else "braintree")
    with organization(shop.world.acme.id), transaction() as session:
        session.execute(update(ProcessorAccount).values(share=50))
        broken = update(ProcessorAccount).where(ProcessorAccount.id == other).values(credentials=b"1:nothing")
        session.execute(broken)
    for _ in range(3):
        token = Shopper(shop.world).buy()
        page = shopper.look(token)
        assert page.status_code == 200
        assert other not in page.get_data(as_text=True)
    assert shopper.pay(token, shop.card, account=other).status_code == 409
    assert taken(shop.world) == []


# --- Refunds -----------------------------------------------------------------------------------------------------------------


def refund(world: World, amount: int) -> str:
    """Ask for a refund of the one payment and send it; answers its id."""
    (payment,) = rows(world, payments.Payment)
    with organization(world.acme.id):
        with transaction():
            refund_id = refunds.request(world.acme.id, payment.id, amount, None).id
        refunds.send(world.acme.id, refund_id)
    return refund_id


def await_refunds(world: World, count: int) -> None:
    """Look again until all have gone through: at Square that takes the sandbox some real seconds."""
    hours = itertools.count(1)

    def all_through() -> bool:
        look(world, timedelta(hours=next(hours)))
        return [one.status for one in rows(world, Refund)] == ["succeeded"] * count

    wait_for(all_through, 15, lambda: str([one.status for one in rows(world, Refund)]))


def test_two_refunds_in_part_add_up_and_a_third_is_too_much(shop: Shop, shopper: Shopper) -> None:
    shop.pay(shopper)
    shop.settle()
    refund(shop.world, 4000)
    refund(shop.world, 5000)
    await_refunds(shop.world, 2)
    assert [charge["amount_refunded"] for charge in taken(shop.world)] == [9000]
    assert balance(shop.world, "processor_receivable") == 0
    with pytest.raises(Conflict, match="payment_refunded"):
        refund(shop.world, 1)


@pytest.mark.parametrize("kind", ["reset_after", "error_after", "truncate", "reset_before", "error_before"])
def test_a_refund_whose_answer_is_lost_goes_out_once(shop: Shop, shopper: Shopper, kind: str) -> None:
    shop.pay(shopper)
    shop.settle()
    operation = "transactions.refund" if shop.processor == "braintree" else "refunds.create"
    shop.fault(kind, operation, count=1)
    refund(shop.world, 4000)
    assert [one.status for one in rows(shop.world, Refund)] == ["unknown"]
    await_refunds(shop.world, 1)
    assert [charge["amount_refunded"] for charge in taken(shop.world)] == [4000]


def test_a_refund_in_part_before_settlement_waits_and_goes_out_after_it(world: World, shopper: Shopper) -> None:
    shop = Shop(world, "braintree", world.use("braintree"), *SHOPS["braintree"])
    shop.pay(shopper)
    refund(world, 4000)
    (waiting,) = rows(world, Refund)
    assert waiting.status == "pending_settlement"
    assert [charge["amount_refunded"] for charge in taken(world)] == [0]
    look(world, timedelta(minutes=1))
    assert [one.status for one in rows(world, Refund)] == ["pending_settlement"]
    shop.settle()
    look(world, timedelta(minutes=5))
    assert [one.status for one in rows(world, Refund)] == ["succeeded"]
    assert [charge["amount_refunded"] for charge in taken(world)] == [4000]
    assert balance(world, "processor_receivable") == 5000


def test_a_whole_refund_before_settlement_lets_the_charge_go(world: World, shopper: Shopper) -> None:
    Shop(world, "braintree", world.use("braintree"), *SHOPS["braintree"]).pay(shopper)
    refund(world, 9000)
    assert [one.status for one in rows(world, Refund)] == ["succeeded"]
    assert balance(world, "processor_receivable") == 0
    assert taken(world) == []


# --- Events ------------------------------------------------------------------------------------------------------------------


def test_at_square_an_event_finds_the_attempt_whose_answer_was_lost_by_our_reference(
    world: World, shopper: Shopper
) -> None:
    shop = Shop(world, "square", world.use("square"), *SHOPS["square"])
    shop.fault("reset_after", count=1)
    shop.pay(shopper)
    (attempt,) = attempts(world)
    assert (attempt.status, attempt.external_id) == ("unknown", None)
    assert square_tells(world, shop.account_id, taken(world)[0]["id"], attempt.id).status_code == 204
    world.drain()
    assert status(world) == "succeeded"
    assert [event.status for event in rows(world, InboxEvent)] == ["applied"]


def square_tells(world: World, account_id: str, payment_id: str, reference: str) -> Any:
    """An event as Square writes and signs it."""
    from base64 import b64encode

    from ballast.security import sign

    payment = {"id": payment_id, "status": "COMPLETED", "reference_id": reference}
    data = {"type": "payment", "id": payment_id, "object": {"payment": payment}}
    raw = json.dumps({"merchant_id": "M", "type": "payment.updated", "event_id": "ev-1", "data": data}).encode()
    url = f"{world.settings.public_url}/hooks/square/{account_id}"
    signature = b64encode(sign(b"signature-of-the-tests", url.encode() + raw)).decode()
    headers = {"x-square-hmacsha256-signature": signature, "Content-Type": "application/json"}
    return world.app.test_client().post(f"/hooks/square/{account_id}", data=raw, headers=headers)
