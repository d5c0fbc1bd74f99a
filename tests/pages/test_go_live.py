"""The go-live checklist looks things up: what is missing is said, and what was put in place is seen at the next look."""

from __future__ import annotations

import re

import pytest

from ballast import config
from ballast.db import organization, transaction
from ballast.models import Organization
from tests.api.selling import Seller
from tests.pages.dashboard import page, send
from tests.statements import counted
from tests.world import Api, World

PATH = "/admin/settings/go-live"


def done(shown: str) -> set[str]:
    """Titles of what is in place."""
    return set(re.findall(r'aria-label="In place".*?<h2>([^<]+)</h2>', shown, re.S))


def test_the_list_sees_what_is_in_place_and_says_what_is_not(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = world.sign_in("owner")
    first = page(owner, PATH)
    assert done(first) == set()
    assert "0 of 7 in place." in first
    assert "Set PUBLIC_URL to an https address" in first
    Seller(api).made("/tax_rates", {"name": "Sales tax", "country": "US", "bps": 888})
    send(owner, "/admin/settings/billing", address="1 Mill Lane, Leeds", support_email="help@acme.test", **BILLING)
    api.pay()
    world.drain()
    assert done(page(owner, PATH)) == {"Tax", "Terms and contact", "Webhook test"}
    monkeypatch.setattr(config.current(), "public_url", "https://pay.acme.com")
    assert "Set TRUSTED_PROXIES." in page(owner, PATH)
    over_tls = owner.get(PATH, base_url="https://localhost").get_data(as_text=True)
    assert "Domain and TLS" in done(over_tls)


def test_a_live_organization_is_asked_for_keys_and_one_real_charge(world: World, api: Api) -> None:
    api.pay()
    with organization(world.acme.id), transaction() as session:
        session.get_one(Organization, world.acme.id).mode = "live"
    with counted(world.app) as seen:
        shown = page(world.sign_in("viewer"), PATH)
    assert "Connect live keys of a processor." in shown
    assert "One live charge" in done(shown)
    assert len(seen) <= 20, "signing in and the page together"


BILLING = {"retry_days": "1, 3, 7, 14", "end_status": "unpaid", "invoice_prefix": "ACME"}
