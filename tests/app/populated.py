"""Acme with at least one row in every table, so that a wall that shows nothing has something to hide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import select

from ballast.billing import payment_links
from ballast.billing.financing import lending_settings
from ballast.billing.financing.servicing import dates
from ballast.blueprints.api.image_schemas import PIXEL
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.identity import members
from ballast.ids import new_id, to_uuid
from ballast.models import (
    ApiKey,
    Attempt,
    Cart,
    CartLine,
    CheckoutSession,
    Dispute,
    Download,
    Drift,
    Email,
    Event,
    HeldBack,
    HoldAction,
    InboxEvent,
    Invitation,
    LateSuccess,
    LedgerAccount,
    Membership,
    Order,
    OrderLine,
    Organization,
    Payment,
    PaymentLink,
    PaymentMethod,
    Payout,
    Prevented,
    Price,
    ProcessorCustomer,
    ProductFile,
    ProductImage,
    Reconciliation,
    Refund,
    Shipment,
    ShipmentLine,
    StockHold,
    WebhookAttempt,
    WebhookDelivery,
)
from tests.api.selling import PAY_IN_FOUR, RATE, Seller
from tests.financing.servant import Servant
from tests.shopper import Shopper
from tests.world import World, csrf


@dataclass(frozen=True)
class Known:
    """What somebody who should not have them might hold: ids and addresses of Acme's."""

    payment_id: str
    open_payment_id: str
    checkout_token: str
    line_id: str
    customer_id: str
    owner_key: str
    dispute_id: str
    event_id: str
    endpoint_id: str
    delivery_id: str
    published_id: str
    refund_id: str
    card_id: str
    key_id: str
    invitation_id: str
    member_id: str
    session_id: str
    link_id: str
    order_id: str
    cart_id: str
    email_id: str
    attempt_id: str
    late_id: str
    sold: dict[str, str]


def populate(world: World, owner_url: str) -> Known:
    """Buy, refund, leave a cart, have an unconfirmed payment, and add what no flow writes yet."""
    checkout = Shopper(world).buy()
    waiting = Shopper(world)
    waiting.add()
    key = "5f0c2f6e-3b0e-4a53-9d6e-0d8f0a1b2c3d"
    open_id = world.api(world.acme.api_key).pay(confirm=False, description="Acme's own words").get_json()["id"]
    with organization(world.acme.id):
        payment_id, customer_id = db.session.execute(bought(Payment.id, Payment.customer_id)).one()
    _refund(world, payment_id)
    _sell_by_link(world)
    sold = _sell_subscriptions(world)
    _rows_no_flow_writes(world)
    _keep_shop(world)
    sold["agreement_id"] = _lend(world)
    sold |= _reconcile(world)
    with psycopg.connect(owner_url) as connection:
        connection.execute(
            "insert into job_runs (id, name, organization_id) values (gen_random_uuid(), 'renew', %s)",
            [to_uuid(world.acme.id, "org")],
        )
        connection.execute(
            "insert into daily_figures (organization_id, figure, currency, day) values (%s, 'declined', 'USD', '2026-11-01')",
            [to_uuid(world.acme.id, "org")],
        )
        connection.execute(
            "insert into balance_snapshots (organization_id, currency, debit, credit) values (%s, 'USD', 'bad_debt', 'sales')",
            [to_uuid(world.acme.id, "org")],
        )
    with organization(world.acme.id):
        line_id = db.session.scalars(select(CartLine.id).order_by(CartLine.id.desc()).limit(1)).one()
        dispute_id = db.session.scalars(select(Dispute.id)).one()
        event_id = db.session.scalars(select(InboxEvent.id).limit(1)).one()
        delivery = db.session.scalars(select(WebhookDelivery).limit(1)).one()
        endpoint_id, delivery_id = delivery.endpoint_id, delivery.id
        told, refund_id = (db.session.scalars(select(model.id).limit(1)).one() for model in (Event, Refund))
        card_id = db.session.scalars(select(PaymentMethod.id).where(PaymentMethod.external_id == "pm_1")).one()
        key_id = db.session.scalars(select(ApiKey.id).limit(1)).one()
        invitation_id = db.session.scalars(select(Invitation.id)).one()
        member_id = db.session.scalars(select(Membership.user_id).where(Membership.role == "viewer")).one()
        session_id = db.session.scalars(select(CheckoutSession.id)).one()
        link_id = db.session.scalars(select(PaymentLink.id)).one()
        order_id = db.session.scalars(select(Order.id).where(Order.cart_id.is_not(None)).limit(1)).one()
        attempt_id, late_id = (db.session.scalars(select(one.id).limit(1)).one() for one in (Attempt, LateSuccess))
        cart_id, email_id = (db.session.scalars(select(model.id).limit(1)).one() for model in (Cart, Email))
        missing = [
            m for m in (Order, Refund, Event, WebhookDelivery, Email) if not db.session.scalars(select(m)).first()
        ]
        assert missing == []
    db.session.rollback()
    return Known(
        payment_id=payment_id,
        open_payment_id=open_id,
        checkout_token=checkout.rpartition("/")[2],
        line_id=line_id,
        customer_id=customer_id,
        owner_key=key,
        dispute_id=dispute_id,
        event_id=event_id,
        endpoint_id=endpoint_id,
        delivery_id=delivery_id,
        published_id=told,
        refund_id=refund_id,
        card_id=card_id,
        key_id=key_id,
        invitation_id=invitation_id,
        member_id=member_id,
        session_id=session_id,
        link_id=link_id,
        order_id=order_id,
        cart_id=cart_id,
        email_id=email_id,
        attempt_id=attempt_id,
        late_id=late_id,
        sold=sold,
    )


def bought(*wanted: Any) -> Any:
    """What is wanted of the payment of the cart that was bought."""
    joined = (Order.organization_id == Payment.organization_id) & (Order.id == Payment.order_id)
    return select(*wanted).join(Order, joined).where(Order.cart_id.is_not(None))


def _sell_by_link(world: World) -> None:
    """A payment link, and the checkout of somebody who went on from it."""
    with organization(world.acme.id), transaction() as session:
        acme = session.scalars(select(Organization).where(Organization.id == world.acme.id)).one()
        link = payment_links.create(acme, payment_links.NewLink("Acme's own kettle", 9000, "USD"))
        payment_links.go_on(acme, link.id, 1, None)


def _sell_subscriptions(world: World) -> dict[str, str]:
    """A subscription with a coupon and tax, billed and in part credited, and an invoice that is open; ids by the API's names."""
    seller = Seller(world.api(world.acme.api_key))
    price = seller.price(nickname="Acme's own words")
    coupon = seller.made("/coupons", {"name": "Acme's own words", "percent_bps": 1000, "duration": "forever"})["id"]
    code = seller.made("/promotion_codes", {"coupon": coupon, "code": "ACMEONLY"})["id"]
    rate = seller.made("/tax_rates", {"name": "Acme's own words", "country": "US", "bps": 888})["id"]
    sent_at = seller.made("/shipping_rates", RATE | {"name": "Acme's own words"})["id"]
    customer = seller.customer(country="US", name="Acme's own customer")
    subscription = seller.start(price=price, customer=customer, promotion_code="ACMEONLY")
    paid = subscription["latest_invoice"]["id"]
    note = seller.made("/credit_notes", {"invoice": paid, "how": "credit", "amount": 100})["id"]
    product = seller.api.get(f"/prices/{price}").get_json()["product"]
    image = seller.made(f"/products/{product}/images", {"content": PIXEL, "alt": "Acme's own words"})["id"]
    offer = seller.made("/financing/offers", {**PAY_IN_FOUR, "description": "Acme's own words"})["id"]
    return {
        "product_id": product,
        "image_id": image,
        "price_id": price,
        "coupon_id": coupon,
        "promotion_code_id": code,
        "tax_rate_id": rate,
        "shipping_rate_id": sent_at,
        "offer_id": offer,
        "subscription_id": subscription["id"],
        "invoice_id": seller.bill(name="Acme's own customer")["id"],
        "credit_note_id": note,
    }


def _lend(world: World) -> str:
    """An agreement that runs and was amended; its id."""
    servant = Servant(world, real_time())
    agreement_id = servant.agree(64000)
    servant.do(agreement_id, dates.pause, 1, reason="Acme's own words")
    return agreement_id


def _refund(world: World, payment_id: str) -> None:
    owner = world.sign_in("owner")
    page = owner.get(f"/admin/payments/{payment_id}/refund").get_data(as_text=True)
    form = {"amount": "1.00", "reason": "other", "csrf_token": csrf(page)}
    assert owner.post(f"/admin/payments/{payment_id}/refund", data=form).status_code == 303


def _keep_shop(world: World) -> None:
    """What a shop keeps of a product, and of an order that holds some of it, sent a parcel and may be fetched."""
    with organization(world.acme.id), transaction() as session:
        line = session.scalars(select(OrderLine).limit(1)).one()
        price = session.get_one(Price, (world.acme.id, world.acme.price_id))
        ours = {"organization_id": world.acme.id}
        of_product = ours | {"product_id": price.product_id}
        parcel = Shipment(**ours, id=new_id("ship"), order_id=line.order_id, carrier="Acme's own words")
        picture = ProductImage(**of_product, content_type="image/png", width=1, height=1, content=b"Acme's own words")
        session.add_all(
            [
                parcel,
                picture,
                ProductFile(**of_product, name="Acme's own words", size=1, content=b"1"),
                Download(**of_product, order_id=line.order_id, most=5),
                StockHold(**of_product, order_id=line.order_id, quantity=1, status="sold", expires_at=real_time()),
            ]
        )
        session.flush()
        session.add(ShipmentLine(**ours, shipment_id=parcel.id, order_line_id=line.id, quantity=1))


def _reconcile(world: World) -> dict[str, str]:
    """A day that was compared, what differed, and a payout; ids by the names in addresses."""
    with organization(world.acme.id), transaction() as session:
        run = Reconciliation(
            organization_id=world.acme.id, processor_account_id=world.acme.account_id, day=real_time().date()
        )
        run.status, run.next_attempt_at = "done", None
        session.add(run)
        session.flush()
        drift = Drift(
            organization_id=world.acme.id,
            reconciliation_id=run.id,
            drift_class="missing_here",
            kind="charge",
            subject="pi_acmes_own",
            theirs={"status": "captured"},
        )
        payout = Payout(
            organization_id=world.acme.id,
            processor_account_id=world.acme.account_id,
            external_id="po_acmes_own",
            amount=100,
            currency="USD",
            status="paid",
            sent_at=real_time(),
        )
        session.add_all([drift, payout])
        session.flush()
        ledger_account_id = session.scalars(select(LedgerAccount.id).limit(1)).one()
        return {"reconciliation_id": run.id, "drift_id": drift.id, "ledger_account_id": ledger_account_id}


def _rows_no_flow_writes(world: World) -> None:
    with organization(world.acme.id), transaction() as session:
        lending_settings.get(world.acme.id)
        session.add(HeldBack(organization_id=world.acme.id, hour=real_time(), rule="card"))
        members.invite(world.acme.id, "newcomer@example.com", "viewer", None)
        session.add(
            InboxEvent(
                organization_id=world.acme.id,
                processor_account_id=world.acme.account_id,
                external_id=new_id("evt"),
                type="payment_intent.succeeded",
                payload=b"{}",
                status="ignored",
            )
        )
        payment = session.scalars(bought(Payment)).one()
        session.add(
            PaymentMethod(
                organization_id=world.acme.id,
                customer_id=payment.customer_id,
                processor_account_id=world.acme.account_id,
                external_id="pm_1",
                brand="visa",
                last4="4242",
            )
        )
        attempt = session.scalars(select(Attempt).where(Attempt.payment_id == payment.id)).one()
        session.add(
            ProcessorCustomer(
                organization_id=world.acme.id,
                customer_id=payment.customer_id,
                processor_account_id=world.acme.account_id,
                external_id="cus_1",
            )
        )
        session.add(
            HoldAction(
                organization_id=world.acme.id,
                kind="void",
                payment_id=payment.id,
                attempt_id=attempt.id,
                amount=100,
                currency="USD",
                status="failed",
            )
        )
        session.add(
            LateSuccess(
                organization_id=world.acme.id,
                payment_id=payment.id,
                attempt_id=attempt.id,
                amount=100,
                currency="USD",
                was="declined",
                answer="dispute",
            )
        )
        session.add(Prevented(organization_id=world.acme.id, route="open_attempt", source=payment.id))
        delivery = session.scalars(select(WebhookDelivery).limit(1)).one()
        session.add(
            WebhookAttempt(
                organization_id=world.acme.id,
                delivery_id=delivery.id,
                number=1,
                response_body="Acme's own words",
                duration_ms=1,
                sent_at=delivery.created_at,
            )
        )
        session.add(
            Dispute(
                organization_id=world.acme.id,
                payment_id=payment.id,
                attempt_id=attempt.id,
                processor_account_id=world.acme.account_id,
                external_id="dp_1",
                amount=100,
                currency="USD",
                reason="fraudulent",
                status="won",
            )
        )
