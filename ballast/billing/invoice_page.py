"""An invoice on its page: what is shown to whoever holds its address, and the one way to pay it there.

Two tabs, a second click, the nightly run: the invoice has one payment, the payment one open attempt; the claim's unique index decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from ballast import config
from ballast.billing import budgets, on_session, payments, velocity, ways
from ballast.billing.checkout_form import Token
from ballast.billing.subscriptions import collecting, paying
from ballast.db import db, end_reading, transaction
from ballast.errors import NotFound
from ballast.models import CreditNote, Invoice, InvoiceLine, Organization, Payment, PaymentMethod, Subscription
from ballast.models.invoices import credit_notes_of, lines_of_invoice
from ballast.models.states import RENEWING


@dataclass(frozen=True)
class Page:
    """An invoice as its page shows it. `card`: the stored one it can be paid with, if there is one that may be tried."""

    invoice: Invoice
    lines: list[InvoiceLine]
    notes: list[CreditNote]
    payment: Payment | None
    subscription: Subscription | None
    card: PaymentMethod | None
    waiting_since: datetime | None

    @property
    def state(self) -> str:
        """form, action, processing, paid or void."""
        if self.invoice.status in ("paid", "void"):
            return self.invoice.status
        return on_session.state_of(self.payment)

    @property
    def decline(self) -> str | None:
        """Why the last try did not work, in plain words."""
        return on_session.decline_of(self.payment) if self.state == "form" else None

    @property
    def can_keep(self) -> bool:
        """Whether the card that pays may be charged from then on; one that is the first is kept in any case."""
        return self.subscription is not None and self.subscription.status in (*RENEWING, "unpaid")

    @property
    def is_first(self) -> bool:
        """Whether the card that pays is stored in any case: its subscription has none yet."""
        return self.subscription is not None and self.subscription.payment_method_id is None


def find(organization_id: str, token: str) -> Page:
    """The invoice behind the address of its page. Raises NotFound; a draft is nobody's yet."""
    invoice = collecting.invoice_by_token(organization_id, token)
    if invoice is None or invoice.status == "draft":
        raise NotFound("invoice")
    key = (organization_id, invoice.subscription_id)
    subscription = db.session.get(Subscription, key) if invoice.subscription_id else None
    payment = db.session.get(Payment, (organization_id, invoice.payment_id)) if invoice.payment_id else None
    return Page(
        invoice,
        list(db.session.scalars(lines_of_invoice(organization_id, invoice.id))),
        list(db.session.scalars(credit_notes_of(organization_id, invoice.id))),
        payment,
        subscription,
        _stored_card(invoice, subscription),
        on_session.waiting_since(payment),
    )


def _stored_card(invoice: Invoice, subscription: Subscription | None) -> PaymentMethod | None:
    if invoice.status not in collecting.PAYABLE:
        return None
    card = paying.stored_card(invoice, subscription)
    return card if card is not None and budgets.free_at(card, invoice.amount_due) is None else None


def way_to_pay(shop: Organization, found: Page) -> ways.Way | None:
    """How a new card pays it now. Holds no transaction while it asks."""
    return ways.to_pay(shop, found.invoice.amount_due, found.invoice.currency, found.invoice.token)


def way_of(found: Page) -> ways.Way | None:
    """The account of its payment under way. Holds no transaction while it asks."""
    return ways.of_payment(found.payment) if found.payment else None


def pay(organization_id: str, token: str, typed: Token | None, *, keep: bool = False) -> None:
    """Try to collect it, with a new card, or with the stored one (`typed` None). What came of it is read with `find`.

    `keep`: the new card is charged from then on. An open challenge is canceled at the processor first. Does nothing where it is paid,
    void or being paid. Raises TooManyAttempts before anything was sent, NotFound, Conflict(`processor_changed`) and what
    `paying.begin` raises.
    """
    end_reading()
    on_session.take_back(find(organization_id, token).payment)
    if typed is not None:
        velocity.check(organization_id, typed.payment_method, typed.account_id)
    with transaction():
        found = find(organization_id, token)
        collecting.lock(organization_id, found.invoice.id)
        found = find(organization_id, token)
        if found.state != "form":
            return
        means = _means(found.invoice, typed, keep=keep and found.can_keep)
        return_url = f"{config.current().public_url}/invoices/{token}/return"
        _invoice, begun = paying.begin(organization_id, found.invoice.id, means, return_url)
    payments.run(begun)


def _means(invoice: Invoice, typed: Token | None, *, keep: bool) -> paying.Means:
    if typed is None:
        return paying.Means()
    account_id = ways.check(invoice.organization_id, typed.account_id, invoice.amount_due, invoice.currency)
    return paying.Means(
        typed.payment_method,
        keep=keep,
        account_id=account_id,
        verification=typed.verification,
        device_data=typed.device_data,
        one_time=True,
    )


def take_back_challenge(organization_id: str, token: str) -> None:
    """Cancel an open challenge at the processor and record what that revealed. Raises NotFound."""
    on_session.take_back(find(organization_id, token).payment)


def look_again(organization_id: str, token: str) -> None:
    """Its customer is back from the bank: ask the processor what is true and record it. Raises NotFound."""
    on_session.look_again(find(organization_id, token).payment)


def credit_note(organization_id: str, token: str, number: str) -> tuple[Page, CreditNote]:
    """One of the credit notes of an invoice, by its number. Raises NotFound."""
    found = find(organization_id, token)
    wanted = select(CreditNote).where(
        CreditNote.organization_id == organization_id,
        CreditNote.invoice_id == found.invoice.id,
        CreditNote.number == number,
    )
    note = db.session.scalars(wanted).first()
    if note is None:
        raise NotFound("credit note")
    return found, note
