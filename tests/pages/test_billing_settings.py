"""How an organization bills is changed by its owner, said in words, and every mail can be looked at."""

from __future__ import annotations

import pytest

from ballast.billing.mail_previews import kinds
from ballast.models import AuditEntry, BillingSettings, Email
from tests.billing.acts import rows
from tests.pages.dashboard import after, page, send
from tests.subscriptions.acts import Desk
from tests.world import World

PATH = "/admin/settings/billing"
FORM = {"retry_days": "2, 5", "end_status": "canceled", "reminder_days": "", "invoice_prefix": "SHOP"}


def stored(world: World) -> BillingSettings:
    from sqlalchemy import select

    from ballast.db import db, organization

    db.session.rollback()
    with organization(world.acme.id):
        return db.session.scalars(select(BillingSettings)).one()


def test_an_owner_changes_it_and_the_example_follows(world: World) -> None:
    owner = world.sign_in("owner")
    shown = after(owner, send(owner, PATH, **FORM, address="1 Pier Road", color="#0B5F5A", support_email="h@acme.test"))
    assert "Day 5, declined" in shown
    assert "The subscription is canceled" in shown
    found = stored(world)
    assert (found.retry_days, found.end_status, found.invoice_prefix) == ([2, 5], "canceled", "SHOP")
    assert (found.color, found.address, found.reminder_days) == ("#0b5f5a", "1 Pier Road", None)
    assert "billing_settings.changed" in {entry.action for entry in rows(world, AuditEntry)}
    assert send(world.sign_in("admin"), PATH, **FORM).status_code in (400, 403)


def test_the_prefix_stays_once_an_invoice_has_it(world: World) -> None:
    desk, owner = Desk(world), world.sign_in("owner")
    desk.start(desk.price(2000), desk.customer())
    answer = send(owner, PATH, **FORM)
    assert (answer.status_code, "It stays" in answer.get_data(as_text=True)) == (422, True)
    assert stored(world).invoice_prefix == "ACME"
    without = {name: value for name, value in FORM.items() if name != "invoice_prefix"}
    assert send(owner, PATH, **without).status_code == 303


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("retry_days", ""),
        ("retry_days", "0, 3"),
        ("retry_days", "3, 3"),
        ("retry_days", "1, x"),
        ("retry_days", "1 2 3 4 5 6 7 8 9"),
        ("retry_days", "99"),
        ("end_status", "forgotten"),
        ("reminder_days", "31"),
        ("reminder_days", "²"),
        ("invoice_prefix", "acme!"),
        ("invoice_footer", "x" * 501),
        ("tax_number", "x" * 41),
        ("support_email", "nobody"),
        ("color", "red"),
    ],
)
def test_what_cannot_be_comes_back_with_the_reason(world: World, field: str, value: str) -> None:
    answer = send(world.sign_in("owner"), PATH, **(FORM | {field: value}))
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.get_data(as_text=True)


def test_every_mail_can_be_looked_at_and_none_is_sent(world: World) -> None:
    viewer = world.sign_in("viewer")
    assert set(kinds()) >= {"upcoming_charge", "charge_failed", "subscription_defaulted"}
    for kind in kinds():
        assert "<iframe" in page(viewer, f"/admin/settings/mails?kind={kind}")
        answer = viewer.get(f"/admin/settings/mails/preview?kind={kind}")
        items = ("Coffee club", "Espresso machine", "payment plan")
        assert any(item in answer.get_data(as_text=True) for item in items), kind
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert policy.endswith("sandbox")
    assert rows(world, Email) == []
    assert page(viewer, "/admin/settings/mails?kind=nothing")
