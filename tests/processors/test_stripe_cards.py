"""The Stripe adapter makes customers and keeps cards: what is Stripe's own about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest
import requests

from ballast.processors.base import ActionRequired, Approved, Dispute, Holder, NotSent, Prepared, SaveCard, SavedCard
from ballast.processors.stripe import StripeAdapter
from tests.processors.conftest import approved, look, make_charge, make_credentials, pay, prepare

Fault = Callable[..., None]


def a_holder(email: str = "ann@example.com") -> Holder:
    return Holder(f"cus_{uuid4().hex}", email)


def customers_of(adapter: StripeAdapter) -> int:
    return len(adapter._client.v1.customers.list({"limit": 100}).data)


def answer_bank(sandbox_url: str, adapter: StripeAdapter, waiting: ActionRequired, decision: str) -> None:
    """Answer the bank's question in the page that the browser's library opens."""
    account = adapter._credentials.secret_key.removeprefix("sk_test_")
    url = f"{sandbox_url}/stripe/3ds/{waiting.external_id}?client_secret={waiting.client_secret}&account={account}"
    requests.post(url, data={"decision": decision}, allow_redirects=False, timeout=5).raise_for_status()


def test_no_customer_is_made_for_a_card_that_is_not_to_be_kept(adapter: StripeAdapter) -> None:
    approved(adapter, holder=a_holder())
    assert customers_of(adapter) == 0


def test_a_holder_is_entered_once_however_many_attempts_there_are(adapter: StripeAdapter) -> None:
    holder = a_holder()
    for _ in range(3):
        prepare(adapter, make_charge(holder=holder, save=True))
    assert customers_of(adapter) == 1


def test_a_holder_who_changed_the_address_in_between_can_still_pay(adapter: StripeAdapter) -> None:
    holder = a_holder()
    prepare(adapter, make_charge(holder=holder, save=True))
    _charge, outcome = pay(adapter, holder=replace(holder, email="ann.lee@example.com"), save=True)
    assert isinstance(outcome, Approved)
    assert outcome.saved


def test_an_error_that_stripe_would_repeat_for_a_day_does_not_keep_the_holder_out(
    adapter: StripeAdapter, fault: Fault
) -> None:
    holder = a_holder()
    fault(kind="error_after", operation="customers.create", count=1)
    assert isinstance(adapter.prepare(make_charge(holder=holder, save=True)), NotSent)
    assert isinstance(adapter.prepare(make_charge(holder=holder, save=True)), Prepared)


def test_while_stripe_is_too_busy_to_enter_the_holder_nothing_is_sent(adapter: StripeAdapter, fault: Fault) -> None:
    fault(kind="rate_limit", operation="customers.create", count=1, seconds=4)
    outcome = adapter.prepare(make_charge(holder=a_holder(), save=True))
    assert outcome == NotSent("rate_limited", retry_after=4.0)


def test_a_card_confirmed_with_the_bank_is_told_as_saved_when_it_is_found(
    adapter: StripeAdapter, sandbox_url: str
) -> None:
    holder = a_holder()
    charge, waiting = pay(adapter, "pm_card_authenticationRequired", holder=holder, save=True)
    assert isinstance(waiting, ActionRequired)
    answer_bank(sandbox_url, adapter, waiting, "approve")
    found = adapter.find(look(charge))
    assert isinstance(found, Approved)
    assert found.saved
    known = replace(holder, external_id=found.saved.customer_external_id)
    _charge, later = pay(adapter, found.saved.external_id, holder=known)
    assert isinstance(later, ActionRequired | Approved)


@pytest.mark.parametrize(("decision", "kept"), [("approve", SavedCard), ("fail", None)])
def test_keeping_a_card_may_need_its_holder(
    adapter: StripeAdapter, sandbox_url: str, decision: str, kept: type | None
) -> None:
    wanted = SaveCard(f"pm_{uuid4().hex}", "pm_card_authenticationRequiredOnSetup", a_holder())
    waiting = adapter.save_card(wanted)
    assert isinstance(waiting, ActionRequired)
    assert waiting.client_secret
    assert isinstance(adapter.save_card(wanted), ActionRequired)
    answer_bank(sandbox_url, adapter, waiting, decision)
    done = adapter.save_card(wanted)
    assert isinstance(done, SavedCard) is (kept is SavedCard)
    assert not isinstance(done, ActionRequired)


def test_an_inquiry_is_a_warning_and_giving_in_ends_it(adapter: StripeAdapter, sandbox_url: str) -> None:
    charge = approved(adapter)
    url = f"{sandbox_url}/_sandbox/charges/stripe/{charge.external_id}/dispute"
    dispute_id = requests.post(url, json={"reason": "inquiry"}, timeout=5).json()["id"]
    asked = adapter.find_dispute(dispute_id)
    assert isinstance(asked, Dispute)
    assert asked.status == "warning"
    ended = adapter.accept_dispute(dispute_id)
    assert isinstance(ended, Dispute)
    assert ended.status == "won"


def test_the_page_may_load_stripes_library_and_nothing_else() -> None:
    config = StripeAdapter(make_credentials("https://api.stripe.com")).client_config("USD")
    assert config.scripts == ("https://js.stripe.com/endive/stripe.js",)
    assert dict(config.csp) == {
        "script-src": ("https://js.stripe.com", "https://*.js.stripe.com"),
        "frame-src": ("https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"),
        "connect-src": ("https://api.stripe.com",),
    }
