"""A card that is removed is charged no more, and its processor forgets it too, however often it has to be asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ballast.billing import accounts, card_removal, cards, processing
from ballast.clock import shifted
from ballast.db import db, organization, transaction
from ballast.models import AuditEntry, PaymentMethod
from ballast.processors.base import Approved, Charge, Holder, Prepared
from tests.billing.acts import at_once, rows
from tests.billing.test_holds import CARDS
from tests.world import Api, World, csrf

OPERATIONS = {"stripe": "payment_methods.detach", "braintree": "payment_methods.delete", "square": "cards.disable"}


@pytest.fixture(params=CARDS)
def processor(world: World, request: pytest.FixtureRequest) -> str:
    world.use(request.param)
    return str(request.param)


@pytest.fixture
def card(world: World, api: Api, processor: str) -> PaymentMethod:
    """A customer's card, stored at the processor."""
    customer = api.post("/customers", {"email": "ada@example.com", "name": "Ada"}).get_json()["id"]
    paid = api.pay(payment_method=CARDS[processor], customer=customer, save_payment_method=True)
    assert paid.status_code == 201
    world.drain()
    (found,) = rows(world, PaymentMethod)
    assert found.status == "active"
    return found


def detach(world: World, card: PaymentMethod) -> None:
    with organization(world.acme.id), transaction():
        cards.detach(world.acme.id, card.id)


def now_of(world: World) -> PaymentMethod:
    (found,) = rows(world, PaymentMethod)
    return found


def is_at_the_processor(world: World, card: PaymentMethod) -> bool:
    """Whether the processor would still charge it, asked behind Ballast's back."""
    with organization(world.acme.id):
        account = processing.open_account(accounts.find(world.acme.id, card.processor_account_id))
    db.session.rollback()
    adapter = processing.adapter_for(account.credentials)
    charge = Charge(
        reference=f"att_{card.id[-20:]}",
        payment_id="pay_1",
        amount=100,
        currency="USD",
        payment_method=str(card.external_id),
        capture=True,
        off_session=True,
        holder=Holder(str(card.customer_id), external_id=card.customer_external_id),
        series="unscheduled",
    )
    prepared = adapter.prepare(charge)
    if not isinstance(prepared, Prepared):
        return False
    return isinstance(adapter.submit(replace(charge, external_id=prepared.external_id)), Approved)


def test_who_removes_a_card_in_the_dashboard_removes_it_at_the_processor(world: World, card: PaymentMethod) -> None:
    admin, path = world.sign_in("admin"), f"/admin/customers/{card.customer_id}/cards/{card.id}/remove"
    page = admin.get(path).get_data(as_text=True)
    assert "It cannot be taken back" in page
    assert admin.post(path, data={"csrf_token": csrf(page)}).status_code == 303
    after = admin.get(f"/admin/customers/{card.customer_id}").get_data(as_text=True)
    assert "The card is removed, here and at" in after
    assert "None is stored." in after
    found = now_of(world)
    assert (found.status, found.removal, found.next_attempt_at) == ("detached", "removed", None)
    assert not is_at_the_processor(world, card)
    done = [entry.action for entry in rows(world, AuditEntry) if entry.action.startswith("payment_method.")]
    assert done == ["payment_method.stored", "payment_method.detached", "payment_method.removed"]


@pytest.mark.parametrize("kind", ["reset_before", "error_before"])
def test_a_lost_answer_is_asked_for_again_until_there_is_one(
    world: World, card: PaymentMethod, processor: str, kind: str
) -> None:
    world.fault(processor=processor, kind=kind, operation=OPERATIONS[processor], count=3)
    detach(world, card)
    with organization(world.acme.id):
        card_removal.remove(world.acme.id, card.id)
    assert (now_of(world).status, now_of(world).removal) == ("detached", "pending")
    page = world.sign_in("viewer").get(f"/admin/customers/{card.customer_id}").get_data(as_text=True)
    assert f"{processor.capitalize()} is being asked to remove it too." in page
    with shifted(timedelta(minutes=5)):
        world.drain()
    assert now_of(world).removal == "removed"


def test_a_process_that_died_in_between_leaves_it_to_the_job(world: World, card: PaymentMethod) -> None:
    detach(world, card)
    assert now_of(world).removal == "pending"
    world.drain()
    assert now_of(world).removal == "removed"
    detach(world, card)
    assert now_of(world).removal == "removed", "once is enough"


def test_removing_it_from_four_places_at_once_removes_it_once(world: World, card: PaymentMethod, api: Api) -> None:
    detached = at_once(world.app, *[lambda: api.post(f"/payment_methods/{card.id}/detach").status_code] * 4)
    assert detached == [200] * 4
    world.drain()
    assert now_of(world).removal == "removed"
    assert [entry.action for entry in rows(world, AuditEntry)].count("payment_method.detached") == 1
