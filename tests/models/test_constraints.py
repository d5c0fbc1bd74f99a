"""What the database refuses, whatever the code above it believes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import ForeignKeyConstraint, select, update
from sqlalchemy.exc import IntegrityError

from ballast.billing import new_payments
from ballast.billing.new_payments import NewPayment
from ballast.db import Base, PublicId, db, organization, transaction
from ballast.ids import new_id
from ballast.models import Attempt, CartLine, Claim, Order, Payment, ProcessorAccount, Refund
from tests.world import Merchant, World

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def acme(world: World) -> Iterator[Merchant]:
    """Acme, with the context working for it."""
    with organization(world.acme.id):
        yield world.acme
    db.session.rollback()


def new_payment(merchant: Merchant) -> str:
    with transaction():
        return new_payments.create(merchant.id, NewPayment(2000, "USD", payment_method="pm_card_visa")).id


def attempt(merchant: Merchant, payment_id: str, number: int, status: str = "created", **fields: Any) -> Attempt:
    values: dict[str, Any] = {
        "id": new_id("att"),
        "organization_id": merchant.id,
        "payment_id": payment_id,
        "number": number,
        "status": status,
        "processor": "stripe",
        "processor_account_id": merchant.account_id,
        "amount": 2000,
        "currency": "USD",
        "send_deadline_at": NOW,
    }
    return Attempt(**{**values, **fields})


def claim(merchant: Merchant, payment_id: str, obligation: str, obligation_id: str, status: str = "open") -> Claim:
    return Claim(
        organization_id=merchant.id,
        payment_id=payment_id,
        obligation=obligation,
        obligation_id=obligation_id,
        amount=2000,
        status=status,
    )


def refund(merchant: Merchant, payment_id: str, attempt_id: str, **fields: Any) -> Refund:
    values: dict[str, Any] = {"amount": 100, "currency": "USD"}
    return Refund(organization_id=merchant.id, payment_id=payment_id, attempt_id=attempt_id, **{**values, **fields})


def save(*rows: Any) -> None:
    with transaction() as session:
        session.add_all(rows)


def refuses(constraint: str, *rows: Any) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        save(*rows)


@pytest.mark.parametrize("first", ["created", "submitted", "unknown", "action_required"])
@pytest.mark.parametrize("second", ["created", "submitted", "unknown", "action_required"])
def test_a_payment_has_at_most_one_open_attempt(acme: Merchant, first: str, second: str) -> None:
    payment_id = new_payment(acme)
    save(attempt(acme, payment_id, 1, first))
    refuses("uq_attempts_one_open", attempt(acme, payment_id, 2, second))


@pytest.mark.parametrize("first", ["approved", "declined", "not_sent"])
def test_a_finished_attempt_makes_room_for_the_next(acme: Merchant, first: str) -> None:
    payment_id = new_payment(acme)
    save(attempt(acme, payment_id, 1, first))
    save(attempt(acme, payment_id, 2, "created"))


def test_another_payment_has_its_own_open_attempt(acme: Merchant) -> None:
    save(attempt(acme, new_payment(acme), 1), attempt(acme, new_payment(acme), 1))


def test_an_obligation_has_at_most_one_open_claim_whichever_payment_makes_it(acme: Merchant) -> None:
    one, other = new_payment(acme), new_payment(acme)
    for obligation in ("order", "period", "installment"):
        what = new_id("ord")
        save(claim(acme, one, obligation, what))
        refuses("uq_claims_one_open|uq_claims_paid_once", claim(acme, other, obligation, what))


def test_a_released_claim_makes_room_for_the_next(acme: Merchant) -> None:
    what = new_id("ord")
    save(claim(acme, new_payment(acme), "order", what, "released"))
    save(claim(acme, new_payment(acme), "order", what))


@pytest.mark.parametrize("second", ["open", "paid"])
def test_an_order_that_is_paid_is_not_claimed_again(acme: Merchant, second: str) -> None:
    what = new_id("ord")
    save(claim(acme, new_payment(acme), "order", what, "paid"))
    refuses("uq_claims_paid_once", claim(acme, new_payment(acme), "order", what, second))


def test_two_attempts_never_share_a_charge_at_the_processor(acme: Merchant) -> None:
    save(attempt(acme, new_payment(acme), 1, external_id="pi_1"))
    refuses("uq_attempts_external", attempt(acme, new_payment(acme), 1, external_id="pi_1"))


def test_a_payment_keeps_its_idempotency_key_to_itself(acme: Merchant) -> None:
    key = "8a7f3c1e-2b64-4f0a-9d51-6e0c7f4b2a90"
    for index in range(2):
        row = Payment(
            organization_id=acme.id,
            amount=1,
            currency="USD",
            processor="stripe",
            processor_account_id=acme.account_id,
            idempotency_key=key,
        )
        if index == 0:
            save(row)
        else:
            refuses("idempotency_key", row)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"amount": 0}, "amount_positive"),
        ({"amount": -1}, "amount_positive"),
        ({"currency": "usd"}, "currency_code"),
        ({"currency": "US"}, "currency_code"),
        ({"currency": "USDX"}, "currency_code"),
        ({"status": "paid"}, "status_known"),
        ({"status": ""}, "status_known"),
        ({"capture_method": "later"}, "capture_method_known"),
        ({"processor": "cash"}, "processor_known"),
        ({"amount_captured": 2001}, "captured_within_amount"),
        ({"amount_captured": -1}, "captured_within_amount"),
        ({"amount_refunded": 1}, "refunded_within_captured"),
        ({"amount_captured": 10, "amount_refunded": 11}, "refunded_within_captured"),
    ],
)
def test_a_payment_that_cannot_be_is_refused(acme: Merchant, fields: dict[str, Any], constraint: str) -> None:
    payment_id = new_payment(acme)
    with pytest.raises(IntegrityError, match=constraint), transaction() as session:
        session.execute(update(Payment).where(Payment.id == payment_id).values(**fields))


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [({"amount": 0}, "amount_positive"), ({"status": "lost"}, "status_known"), ({"currency": "$"}, "currency_code")],
)
def test_an_attempt_and_a_refund_that_cannot_be_are_refused(
    acme: Merchant, fields: dict[str, Any], constraint: str
) -> None:
    payment_id = new_payment(acme)
    refuses(constraint, attempt(acme, payment_id, 1, **fields))
    made = attempt(acme, payment_id, 1, "approved")
    attempt_id = made.id
    save(made)
    refuses(constraint, refund(acme, payment_id, attempt_id, **fields))


@pytest.mark.parametrize("quantity", [0, -1, 100])
def test_a_cart_line_has_between_1_and_99_pieces(acme: Merchant, quantity: int) -> None:
    from ballast.models import Cart

    cart = Cart(id=new_id("cart"), organization_id=acme.id, currency="USD")
    cart_id = cart.id
    save(cart)
    refuses(
        "quantity_sane",
        CartLine(organization_id=acme.id, cart_id=cart_id, price_id=acme.price_id, quantity=quantity),
    )


def test_a_row_cannot_point_into_another_organization(world: World, acme: Merchant) -> None:
    """Tried on three roads: a payment through the stranger's account, an attempt and a claim on the stranger's payment."""
    with organization(world.stranger.id):
        theirs = new_payment(world.stranger)
    mine = new_payment(acme)
    bad = Payment(
        organization_id=acme.id,
        amount=1,
        currency="USD",
        processor="stripe",
        processor_account_id=world.stranger.account_id,
    )
    refuses("fk_payments", bad)
    refuses("fk_attempts", attempt(acme, theirs, 1))
    refuses("fk_attempts", attempt(acme, mine, 1, processor_account_id=world.stranger.account_id))
    refuses("fk_claims", claim(acme, theirs, "order", new_id("ord")))


def test_a_refund_names_an_attempt_of_its_own_organization(world: World, acme: Merchant) -> None:
    with organization(world.stranger.id):
        theirs = attempt(world.stranger, new_payment(world.stranger), 1, "approved")
        their_id = theirs.id
        save(theirs)
    refuses("fk_refunds_organization_id_attempt_id", refund(acme, new_payment(acme), their_id))
    refuses("fk_refunds_organization_id_attempt_id", refund(acme, new_payment(acme), new_id("att")))


def test_an_order_has_one_pending_or_paid_order_per_cart(acme: Merchant) -> None:
    from ballast.models import Cart

    cart = Cart(id=new_id("cart"), organization_id=acme.id, currency="USD")
    cart_id = cart.id
    save(cart)
    order = {"organization_id": acme.id, "cart_id": cart_id, "amount": 100, "currency": "USD"}
    save(Order(**order, status="canceled"), Order(**order, status="pending"))
    refuses("uq_orders_cart", Order(**order, status="paid"))


def test_a_processor_account_belongs_to_one_organization(world: World, acme: Merchant) -> None:
    with organization(world.stranger.id):
        theirs = db.session.scalars(select(ProcessorAccount.external_account)).one()
    db.session.rollback()
    row = ProcessorAccount(
        organization_id=acme.id,
        processor="stripe",
        mode="test",
        external_account=theirs,
        credentials=b"",
        is_default=False,
    )
    refuses("uq_processor_accounts", row)


# Ids of rows that are named but may outlive or live outside the tables: whose they are is said in the column's own table.
POINTS_NOWHERE = {("job_runs", "organization_id")}


def test_every_column_that_holds_an_id_is_a_key_that_stays_within_the_organization() -> None:
    for table in Base.metadata.tables.values():
        keys = {
            element.parent.name: constraint
            for constraint in table.constraints
            if isinstance(constraint, ForeignKeyConstraint)
            for element in constraint.elements
        }
        for column in table.columns:
            if not isinstance(column.type, PublicId) or column.name == "id":
                continue
            if (table.name, column.name) in POINTS_NOWHERE:
                continue
            assert column.name in keys, f"{table.name}.{column.name} points nowhere"
            if column.type.prefix not in ("org", "usr"):
                held = {element.parent.name for element in keys[column.name].elements}
                assert held == {"organization_id", column.name}, (
                    f"{table.name}.{column.name} may leave the organization"
                )
