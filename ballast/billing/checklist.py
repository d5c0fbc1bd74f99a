"""What must be in place before real customers pay, each looked up and never ticked by hand."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, exists, select

from ballast import config
from ballast.db import db
from ballast.models import (
    BillingSettings,
    Email,
    Organization,
    Payment,
    ProcessorAccount,
    TaxRate,
    WebhookDelivery,
    WebhookEndpoint,
)

# Where mail goes from without a domain of one's own.
NOT_OURS: Final = ("resend.dev", "example.com")


@dataclass(frozen=True)
class Item:
    """One thing. `about`: where it is set, for the page to link to; empty where only an operator can."""

    title: str
    done: bool
    says: str
    about: str = ""


def read(organization: Organization, is_secure: bool) -> list[Item]:
    """The list. `is_secure`: whether the request that asks came over TLS."""
    there = _there(organization)
    return [
        _domain(is_secure),
        _keys(organization, there["live_account"]),
        _webhooks(there["endpoint"], there["delivered"]),
        _mail(there["mail"]),
        _tax(there["tax"]),
        _terms(there["terms"]),
        _charge(organization, there["charge"]),
    ]


def _there(organization: Organization) -> dict[str, bool]:
    """What there is, in one statement."""
    owner = organization.id
    asked: dict[str, ColumnElement[bool]] = {
        "live_account": exists().where(
            ProcessorAccount.organization_id == owner,
            ProcessorAccount.mode == "live",
            ProcessorAccount.enabled,
            ProcessorAccount.archived_at.is_(None),
            ProcessorAccount.checked_at.is_not(None),
            ProcessorAccount.problem.is_(None),
        ),
        "endpoint": exists().where(
            WebhookEndpoint.organization_id == owner,
            WebhookEndpoint.enabled,
            WebhookEndpoint.failing_since.is_(None),
        ),
        "delivered": exists().where(WebhookDelivery.organization_id == owner, WebhookDelivery.status == "delivered"),
        "mail": exists().where(Email.organization_id == owner, Email.status == "sent"),
        "tax": exists().where(TaxRate.organization_id == owner, TaxRate.archived_at.is_(None)),
        "terms": exists().where(
            BillingSettings.organization_id == owner,
            BillingSettings.address != "",
            BillingSettings.support_email != "",
        ),
        "charge": exists().where(Payment.organization_id == owner, Payment.status == "succeeded"),
    }
    row = db.session.execute(select(*(one.label(name) for name, one in asked.items()))).one()
    return {name: bool(getattr(row, name)) for name in asked}


def _domain(is_secure: bool) -> Item:
    url = urlsplit(config.current().public_url)
    public = url.scheme == "https" and _is_public(url.hostname or "")
    says = f"{url.netloc} is served over TLS, and this page came that way."
    if not public:
        says = f"Pages are at {url.geturl()}. Set PUBLIC_URL to an https address of a domain of your own."
    elif not is_secure:
        says = f"{url.netloc} is meant to be served over TLS, but this page did not come that way. Set TRUSTED_PROXIES."
    return Item("Domain and TLS", public and is_secure, says)


def _is_public(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return "." in host and not host.endswith((".test", ".local", ".localhost", ".example"))
    return False


def _keys(organization: Organization, connected: bool) -> Item:
    if organization.mode != "live":
        return Item("Live keys", False, "This is a sandbox. Staff of the platform make an organization live, for good.")
    says = (
        "A processor account with live keys answered when it was tried."
        if connected
        else "Connect live keys of a processor."
    )
    return Item("Live keys", connected, says, "processors")


def _webhooks(listens: bool, delivered: bool) -> Item:
    says = (
        "An endpoint of yours answers."
        if listens and delivered
        else "No event has reached an endpoint of yours. Send a test."
    )
    return Item("Webhook test", listens and delivered, says, "webhooks")


def _mail(sent: bool) -> Item:
    settings = config.current()
    domain = settings.resend_from_email.rpartition("@")[2].rstrip(">").lower()
    own = bool(settings.resend_api_key) and _is_public(domain) and not domain.endswith(NOT_OURS)
    says = f"Mail goes out from {domain}."
    if not own:
        says = "Set RESEND_API_KEY, and RESEND_FROM_EMAIL to an address of a domain that Resend has verified."
    elif not sent:
        says = f"Mail is to go out from {domain}; none has yet."
    return Item("Mail domain", own and sent, says, "mails")


def _tax(rated: bool) -> Item:
    says = (
        "Invoices and orders to the places you named are taxed."
        if rated
        else "No tax rate is set: nothing is taxed. Add one for each place that you must."
    )
    return Item("Tax", rated, says, "tax_rates")


def _terms(written: bool) -> Item:
    says = (
        "Your address and a way to reach you stand on invoices and mails."
        if written
        else "Write your address and a support email; they stand on invoices and mails."
    )
    return Item("Terms and contact", written, says, "billing")


def _charge(organization: Organization, paid: bool) -> Item:
    if organization.mode != "live":
        return Item(
            "One live charge", False, "Once it is live: buy something small with a card of your own, and refund it."
        )
    says = "A real charge went through." if paid else "Buy something small with a card of your own, and refund it."
    return Item("One live charge", paid, says, "payments")
