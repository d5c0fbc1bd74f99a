"""Looking through a whole organization: by id, mail, name, number, amount or last four digits. A handful of each kind, each from an
index, one statement for each kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select, union_all

from ballast.db import db
from ballast.errors import BallastError
from ballast.ids import to_uuid
from ballast.models import (
    Attempt,
    Cart,
    Customer,
    Dispute,
    Email,
    Event,
    InboxEvent,
    Invoice,
    Order,
    Organization,
    Payment,
    PaymentLink,
    PaymentMethod,
    ProcessorAccount,
    Product,
    Refund,
    Subscription,
    WebhookDelivery,
)
from ballast.models.columns import begins
from ballast.money import format_money, from_decimal

EACH: Final = 6
SHORTEST: Final = 2
# What an id begins with → its table. Ids of what has no page of its own are found by what they belong to.
BY_PREFIX: Final[dict[str, Any]] = {
    "pay": Payment,
    "cus": Customer,
    "sub": Subscription,
    "in": Invoice,
    "dp": Dispute,
    "re": Refund,
    "ord": Order,
    "em": Email,
    "evt": Event,
    "del": WebhookDelivery,
    "inb": InboxEvent,
    "prod": Product,
    "plink": PaymentLink,
    "cart": Cart,
}
CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True)
class Found:
    """One thing found. `kind`: the prefix of its id. `state`: its status, where it has one that is shown."""

    kind: str
    id: str
    title: str
    note: str = ""
    state: str = ""
    at: datetime | None = None


def everything(organization: Organization, asked: str) -> list[Found]:
    """What fits `asked`, the surest first; at most EACH of a kind. Nothing for less than two characters."""
    words = " ".join(asked.split())
    if len(words) < SHORTEST:
        return []
    if exact := by_id(organization.id, words):
        return [exact]
    found: list[Found] = []
    for look in (_customers, _orders, _invoices, _payments, _products):
        found += look(organization, words)
    return found


def by_id(organization_id: str, public_id: str) -> Found | None:
    """The row with this id, whatever its kind. A refund is shown by its payment."""
    if not is_id(public_id):
        return None
    model = BY_PREFIX[public_id.rpartition("_")[0]]
    row = db.session.scalars(
        select(model).where(model.organization_id == organization_id, model.id == public_id)
    ).first()
    if isinstance(row, Refund):
        return by_id(organization_id, row.payment_id)
    return _show(row) if row is not None else None


def is_id(asked: str) -> bool:
    """Whether it is a whole id of something with a page."""
    prefix = asked.rpartition("_")[0]
    return prefix in BY_PREFIX and to_uuid(asked, prefix) is not None


# --- By kind -----------------------------------------------------------------------------------------------------------------


def _customers(organization: Organization, words: str) -> list[Found]:
    """By the beginning of the address, of the name or of its last word; by the last four digits of a stored card."""
    typed = words.lower()
    ways = [begins(Customer.email, typed), begins(Customer.whole_name, typed), begins(Customer.last_name, typed)]
    parts = [_ids(Customer, organization, way) for way in ways]
    if _is_last4(words):
        owners = select(PaymentMethod.customer_id).where(
            PaymentMethod.organization_id == organization.id,
            PaymentMethod.last4 == words,
            PaymentMethod.status == "active",
        )
        parts.append(owners.order_by(PaymentMethod.id.desc()).limit(EACH))
    return _shown(Customer, organization, parts)


def _orders(organization: Organization, words: str) -> list[Found]:
    """By the beginning of the address, and by the number a person reads out: the end of the id."""
    parts = [_ids(Order, organization, begins(Order.email, words.lower()))]
    if (tail := _tail_of_id(words)) is not None:
        parts.append(_ids(Order, organization, Order.id_tail == tail))
    return _shown(Order, organization, parts)


def _invoices(organization: Organization, words: str) -> list[Found]:
    """By number, the beginning of the address, or the total."""
    parts = [
        _ids(Invoice, organization, Invoice.number == words.upper()),
        _ids(Invoice, organization, begins(Invoice.customer_email, words.lower())),
    ]
    if (amount := _amount(words, organization.currency)) is not None:
        parts.append(_ids(Invoice, organization, Invoice.total == amount))
    return _shown(Invoice, organization, parts)


def _payments(organization: Organization, words: str) -> list[Found]:
    """By the last four digits, the amount, or the processor's id of a charge."""
    parts = []
    if _is_last4(words):
        parts.append(_ids(Payment, organization, Payment.card_last4 == words))
    if (amount := _amount(words, organization.currency)) is not None:
        parts.append(_ids(Payment, organization, Payment.amount == amount))
    if not parts and len(words) >= 6 and " " not in words:
        accounts = select(ProcessorAccount.id).where(ProcessorAccount.organization_id == organization.id)
        tried = select(Attempt.payment_id).where(
            Attempt.organization_id == organization.id,
            Attempt.processor_account_id.in_(accounts),
            Attempt.external_id == words,
        )
        parts.append(tried.limit(EACH))
    return _shown(Payment, organization, parts)


def _products(organization: Organization, words: str) -> list[Found]:
    """By a part of the name. There are few."""
    wanted = select(Product).where(Product.organization_id == organization.id, Product.archived_at.is_(None))
    named = wanted.where(func.strpos(func.lower(Product.name), words.lower()) > 0)
    return [_show(row) for row in db.session.scalars(named.order_by(Product.name).limit(EACH))]


def _ids(model: Any, organization: Organization, fits: ColumnElement[bool]) -> Select[Any]:
    return select(model.id).where(model.organization_id == organization.id, fits).order_by(model.id.desc()).limit(EACH)


def _shown(model: Any, organization: Organization, parts: Iterable[Select[Any]]) -> list[Found]:
    """The newest of what any way leads to. Each way stops by itself, so none reads more than it shows."""
    ways = [select(part.subquery()) for part in parts]
    if not ways:
        return []
    wanted = select(model).where(model.organization_id == organization.id, model.id.in_(union_all(*ways)))
    return [_show(row) for row in db.session.scalars(wanted.order_by(model.id.desc()).limit(EACH))]


# --- What was typed ----------------------------------------------------------------------------------------------------------


def _is_last4(words: str) -> bool:
    return re.fullmatch(r"[0-9]{4}", words) is not None


def _tail_of_id(words: str) -> str | None:
    """The last ten digits of the UUID inside an id that ends in these eight characters."""
    typed = words.removeprefix("#").lower()
    if len(typed) != 8 or not set(typed) <= set(CROCKFORD):
        return None
    value = 0
    for letter in typed:
        value = value * 32 + CROCKFORD.index(letter)
    return f"{value:010x}"


def _amount(words: str, currency: str) -> int | None:
    """Minor units of the organization's currency, from "20", "20.50", "$1,234.50" or "20 EUR" alike."""
    typed = re.sub(r"^[^\d.-]+|[^\d.]+$", "", words)
    if not re.fullmatch(r"(?:[^\w\s]{1,3}|[A-Za-z]{3})?\s?[\d,.]+\s?(?:[A-Za-z]{3})?", words):
        return None
    try:
        return from_decimal(typed, currency)
    except BallastError:
        return None


# --- In words ----------------------------------------------------------------------------------------------------------------


def _show(row: Any) -> Found:
    title, note = SHOW[type(row)](row)
    at = getattr(row, "created_at", None)
    return Found(KINDS[type(row)], row.id, title, note or "", getattr(row, "status", ""), at)


def _money(row: Any) -> str:
    return format_money(row.amount, row.currency)


def _payment(row: Payment) -> tuple[str, str | None]:
    card = f"{(row.card_brand or 'card').capitalize()} {row.card_last4}" if row.card_last4 else ""
    return _money(row), ", ".join(part for part in (row.description, card) if part)


KINDS: Final = {model: prefix for prefix, model in BY_PREFIX.items()}
SHOW: Final[dict[Any, Callable[[Any], tuple[str, str | None]]]] = {
    Payment: _payment,
    Customer: lambda row: (row.email or row.name or "Customer", row.name if row.email else ""),
    Subscription: lambda row: ("Subscription", row.id),
    Invoice: lambda row: (
        row.number or "Draft",
        f"{format_money(row.total, row.currency)}, {row.customer_email or row.customer_name}".rstrip(", "),
    ),
    Dispute: lambda row: (_money(row), row.reason.replace("_", " ")),
    Order: lambda row: (row.number, f"{_money(row)}, {row.email}" if row.email else _money(row)),
    Email: lambda row: (row.subject, row.recipient),
    Event: lambda row: (row.type, row.resource_id),
    WebhookDelivery: lambda row: ("Webhook delivery", row.event_id),
    InboxEvent: lambda row: (row.type, row.external_id),
    Product: lambda row: (row.name, row.tagline),
    Cart: lambda _row: ("Cart", ""),
    PaymentLink: lambda row: (row.name, _money(row)),
}
