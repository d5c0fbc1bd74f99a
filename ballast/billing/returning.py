"""Who comes back to a shop, and the cards they may pay with there. Read-only.

Somebody is known who opened their own page by its mailed address and went on to the shop from there, or who is signed in with an
address that was verified: who can read the mail of a customer. An address that is typed proves nothing.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Select, func, or_, select

from ballast.billing import budgets, portal_links
from ballast.clock import now
from ballast.db import db
from ballast.errors import NotFound
from ballast.models import Customer, PaymentMethod, ProcessorAccount, User
from ballast.models.customers import account_behind, cards_of, customer_of

# What a browser keeps in place of an address where its owner wants to be nobody.
NOBODY: Final = "-"


def key(organization_id: str) -> str:
    """Under what a browser's session keeps the address of a customer's page, for a shop."""
    return f"customer:{organization_id}"


def of_link(organization_id: str, token: str) -> Customer | None:
    """Whose page a mailed address opens; None for one that is another shop's, whose time is over, or that we did not sign."""
    try:
        link = portal_links.read(token)
    except NotFound:
        return None
    if link.is_over or link.organization_id != organization_id:
        return None
    found = customer_of(organization_id, link.customer_id).where(Customer.erased_at.is_(None))
    return db.session.scalars(found).first()


def of_user(organization_id: str, user: User) -> Customer | None:
    """The customer of a shop that a signed-in user is: of those with their verified address, the one who stored a card last."""
    if not user.email_verified:
        return None
    joined = (PaymentMethod.organization_id == Customer.organization_id) & (PaymentMethod.customer_id == Customer.id)
    theirs = or_(Customer.user_id == user.id, Customer.email == func.lower(user.email))
    wanted = (
        select(Customer)
        .join(PaymentMethod, joined)
        .where(Customer.organization_id == organization_id, theirs, Customer.erased_at.is_(None))
        .where(PaymentMethod.status == "active")
        .order_by(PaymentMethod.id.desc())
    )
    return db.session.scalars(wanted.limit(1)).first()


def cards(customer: Customer, currency: str) -> list[PaymentMethod]:
    """Their cards that can be tried for something in this currency, newest first: stored where payments are taken, not expired, and
    not declined for good."""
    rows = db.session.execute(_with_accounts(customer))
    return [card for card, account in rows if _may_pay(card) and _takes(account, currency)]


def _with_accounts(customer: Customer) -> Select[PaymentMethod, ProcessorAccount]:
    wanted = cards_of(customer.organization_id, customer.id).add_columns(ProcessorAccount)
    return wanted.join(ProcessorAccount, account_behind(PaymentMethod))


def _may_pay(card: PaymentMethod) -> bool:
    today = now()
    is_expired = bool(card.exp_year) and (card.exp_year, card.exp_month or 12) < (today.year, today.month)
    return not is_expired and not budgets.is_blocked(card)


def _takes(account: ProcessorAccount, currency: str) -> bool:
    """Whether a stored card may be charged there; an account that takes no new cards keeps the ones it has."""
    if not account.enabled or account.archived_at:
        return False
    return all(not known or currency in known for known in (account.takes_currencies, account.currencies))
