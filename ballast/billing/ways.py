"""How a new card is paid with on a page of ours: at which account, and what the page needs of its processor."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from ballast.billing import acceptance, accounts, bulkhead, cards, processing, routing
from ballast.billing.processing import Account
from ballast.db import db, end_reading
from ballast.errors import Conflict
from ballast.models import Organization, Payment, ProcessorAccount
from ballast.processors.base import ClientConfig, UnavailableError
from ballast.processors.declines import AUTHENTICATION

log = logging.getLogger(__name__)

# What the page says when the bank could not confirm the shopper before anything was sent.
NOT_CONFIRMED: Final = AUTHENTICATION
CHANGED: Final = "The way we take cards has just changed, so the card you typed was not used."


@dataclass(frozen=True)
class Way:
    """An account that takes the card, with what the page needs of its processor."""

    account: Account
    config: ClientConfig

    @property
    def for_page(self) -> dict[str, Any]:
        """What the templates of a card field are given as `processor`."""
        return {
            "name": self.config.processor,
            "account": self.account.id,
            "scripts": self.config.scripts,
            "values": dict(self.config.values) | {"locale": "en"},
        }


def to_pay(organization: Organization, amount: int, currency: str, seed: str) -> Way | None:
    """The account that takes a new card for `amount` minor units now; None when none does.

    An account that gives no answer to the page is passed over for the next. Holds no transaction while it asks.
    """
    candidates = routing.offered(organization, amount, currency, seed)
    opened = [account for row in candidates if (account := _opened(row))]
    return next((way for account in opened if (way := _ask(account, currency))), None)


def of_payment(payment: Payment) -> Way | None:
    """The account of a payment under way. Holds no transaction while it asks."""
    return of_account(payment.organization_id, payment.processor_account_id, payment.currency)


def of_account(organization_id: str, account_id: str, currency: str) -> Way | None:
    """One account, whether or not it takes new cards. Holds no transaction while it asks. Raises NotFound."""
    account = _opened(accounts.find(organization_id, account_id))
    return _ask(account, currency) if account else None


def of_card(organization_id: str, card_id: str, currency: str) -> Way | None:
    """The account of a card, stored or about to be. Raises NotFound."""
    card, _processor = cards.find(organization_id, card_id)
    return of_account(organization_id, card.processor_account_id, currency)


def _ask(account: Account, currency: str) -> Way | None:
    if not processing.capabilities_of(account.processor).asks_for_page:
        return Way(account, processing.adapter_for(account.credentials).client_config(currency))
    end_reading()
    try:
        with bulkhead.place(account.processor) as has_place:
            if not has_place:
                raise UnavailableError("busy")
            return Way(account, processing.read(account, lambda adapter: adapter.client_config(currency)))
    except UnavailableError as error:
        log.warning("account %s gives the page nothing: %s", account.id, error.reason)
        return None


def _opened(row: ProcessorAccount) -> Account | None:
    """None for an account whose secrets cannot be unsealed: it is passed over, and takes nobody's page down."""
    try:
        return processing.open_account(row)
    except ValueError as error:
        log.error("account %s is offered to nobody: %s", row.id, error)
        return None


def check(organization_id: str, account_id: str | None, amount: int, currency: str) -> str | None:
    """The account a page's card field was for, if it still takes a card for `amount` minor units; None where none is named.

    Raises NotFound, Conflict(`processor_changed`).
    """
    if account_id is None:
        return None
    account = accounts.find(organization_id, account_id)
    home = db.session.scalars(select(Organization.currency).where(Organization.id == organization_id)).one()
    if not acceptance.takes(account, amount, currency, home):
        raise Conflict("processor_changed", CHANGED)
    return account.id
