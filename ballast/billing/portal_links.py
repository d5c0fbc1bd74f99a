"""The signed address of a customer's portal: whoever holds it may act as them, for thirty days of real time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from itsdangerous import BadData, SignatureExpired
from sqlalchemy import select

from ballast import config
from ballast.billing import branding, signed
from ballast.clock import real_time
from ballast.db import db
from ballast.errors import NotFound
from ballast.identity import throttle
from ballast.ids import to_uuid
from ballast.models import Customer, Organization
from ballast.models.customers import customer_of, customers_of
from ballast.notifications import emails

LASTS: Final = timedelta(days=30)
# Somebody who buys as a guest again is another customer: so many of their pages stand in one mail.
MOST_PAGES: Final = 10
SALT: Final = "ballast: a customer's portal"


@dataclass(frozen=True)
class Link:
    """Whose portal an address is, and whether its time is over: then it opens nothing, and a new one can be sent to its owner."""

    organization_id: str
    customer_id: str
    is_over: bool = False


def url(organization_id: str, customer_id: str) -> str:
    """A new address of a customer's portal."""
    return f"{config.current().public_url}/portal/{token(organization_id, customer_id)}"


def token(organization_id: str, customer_id: str) -> str:
    """What the address ends with."""
    return str(signed.serializer(SALT).dumps([organization_id, customer_id]))


def read(given: str) -> Link:
    """Whose it is. Raises NotFound for what we did not sign."""
    try:
        return _link(signed.serializer(SALT).loads(given, max_age=int(LASTS.total_seconds())))
    except SignatureExpired as error:
        return _link(signed.serializer(SALT).load_payload(error.payload or b""), is_over=True)
    except BadData as error:
        raise NotFound("page") from error


def _link(payload: Any, *, is_over: bool = False) -> Link:
    match payload:
        case [str(organization_id), str(customer_id)] if to_uuid(organization_id, "org") and to_uuid(
            customer_id, "cus"
        ):
            return Link(organization_id, customer_id, is_over)
    raise NotFound("page")


def send(organization_id: str, customer_id: str) -> None:
    """Mail a new address to the customer, and to nobody else. In the caller's transaction. Raises RateLimited.

    Says nothing of whether there is such a customer, or an address of theirs.
    """
    throttle.check("mail", f"portal:{customer_id}")
    customer = db.session.scalars(customer_of(organization_id, customer_id)).first()
    if customer is not None:
        _mail(organization_id, [customer])


def send_to(organization_id: str, email: str) -> None:
    """Mail the pages of whoever has bought with this address to it: the newest, and those of earlier purchases. Raises RateLimited.

    Says nothing of whether anybody has. In the caller's transaction.
    """
    throttle.check("mail", f"portal:{organization_id}:{email}")
    wanted = customers_of(organization_id).where(Customer.email == email, Customer.erased_at.is_(None))
    _mail(organization_id, list(db.session.scalars(wanted.order_by(Customer.id.desc()).limit(MOST_PAGES))))


def _mail(organization_id: str, customers: Sequence[Customer]) -> None:
    """One mail with a link to each of the customers, who are one person: the first one's address is all of theirs."""
    if not customers or not customers[0].email:
        return
    newest, *earlier = customers
    shop = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
    brand = branding.of(shop)
    pages = [{"since": one.created_at, "url": url(organization_id, one.id)} for one in earlier]
    context = {"organization": shop, "brand": brand, "manage_url": url(organization_id, newest.id), "earlier": pages}
    key = f"portal_link/{newest.id}/{int(real_time().timestamp())}"
    emails.compose(organization_id, "portal_link", customers[0].email, f"Your page at {brand.name}", key, None, context)
