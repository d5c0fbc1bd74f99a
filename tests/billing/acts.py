"""What the billing tests do again and again."""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import re
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from ballast import clock
from ballast.billing import billing_settings
from ballast.db import db, organization, set_organization, transaction
from ballast.models import Attempt, AuditEntry, LedgerAccount, LedgerTransfer, ProcessorAccount
from tests.world import World, csrf

TYPED = {
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "line1": "1 Analytical Way",
    "line2": "",
    "city": "London",
    "region": "",
    "postal_code": "N1",
    "country": "GB",
}


class Died(BaseException):
    """The process is gone: nothing catches this."""


def die(*_args: Any, **_kwargs: Any) -> Any:
    raise Died


def at_once(app: Flask, *acts: Callable[[], Any]) -> list[Any]:
    """Do everything at the same moment, each on a thread with a session of its own; answers results and errors in order."""
    results: list[Any] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def perform(place: int) -> None:
        with app.app_context():
            barrier.wait(20)
            try:
                results[place] = acts[place]()
            except Exception as error:  # noqa: BLE001
                results[place] = error

    threads = [threading.Thread(target=copy_context().run, args=(perform, place)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results


def elsewhere(app: Flask, act: Callable[[], Any]) -> Any:
    """Do it in another process, as far as sessions and threads can tell."""
    (result,) = at_once(app, act)
    if isinstance(result, Exception):
        raise result
    return result


def as_worker(world: World, act: Callable[[], Any]) -> Callable[[], Any]:
    """`act`, in the worker's application, for no organization in particular."""

    def perform() -> Any:
        with world.worker_app.app_context():
            set_organization(None)
            return act()

    return perform


def pause(**time_passing: float) -> None:
    """The process stands still, and the world does not. Undone by the `time_flies` fixture."""
    clock._real.set(clock._real.get() + timedelta(**time_passing))


def wire(world: World, path_end: str = "", method: str = "POST") -> list[dict[str, Any]]:
    """What was said to Stripe, oldest first."""
    raw = requests.get(f"{world.sandbox_url}/_sandbox/wire", params={"processor": "stripe"}, timeout=5).text
    said = [json.loads(line) for line in raw.splitlines()]
    return [one for one in said if one["method"] == method and one["path"].endswith(path_end)]


def stripe(world: World, path: str, **form: Any) -> requests.Response:
    """Speak to Stripe as Acme, behind Ballast's back."""
    key = f"{world.settings.stripe_secret_key}_{world.acme.slug}"
    headers = {"Authorization": f"Bearer {key}"}
    return requests.post(f"{world.sandbox_url}/v1/{path}", data=form, headers=headers, timeout=5)


def event_of(external_id: str, event_type: str = "payment_intent.succeeded", event_id: str | None = None) -> bytes:
    """An event as Stripe writes it."""
    about = {"id": external_id, "object": "payment_intent"}
    if event_type.startswith(("charge.", "refund.")):
        about = {"id": "obj_1", "object": event_type.split(".", maxsplit=1)[0], "payment_intent": external_id}
    event = {"id": event_id or f"evt_{uuid4().hex}", "object": "event", "type": event_type, "data": {"object": about}}
    return json.dumps(event).encode()


def hook(world: World, raw: bytes, secret: str = "whsec_of_the_tests", at: float | None = None) -> TestResponse:
    """Stripe tells Acme's account something."""
    moment = int(at if at is not None else time.time())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()
    return world.app.test_client().post(
        f"/hooks/stripe/{world.acme.account_id}",
        data=raw,
        headers={"Stripe-Signature": f"t={moment},v1={digest}", "Content-Type": "application/json"},
    )


def rows(world: World, model: Any) -> list[Any]:
    """Every row of a table of Acme's, oldest first, as it is now; it does not change under the test's hands."""
    found = world.all_of(model)
    db.session.expunge_all()
    db.session.rollback()
    return found


def attempts(world: World) -> list[Attempt]:
    return rows(world, Attempt)


def break_seal(world: World, account_id: str) -> None:
    """From now on nobody can read the keys of one of Acme's accounts; a second time, they can be read again."""
    mine = (ProcessorAccount.organization_id == world.acme.id, ProcessorAccount.id == account_id)
    with organization(world.acme.id), transaction() as session:
        account = session.scalars(select(ProcessorAccount).where(*mine)).one()
        account.credentials = account.credentials[:-1] + bytes([account.credentials[-1] ^ 1])


def late_successes(world: World) -> list[AuditEntry]:
    return [entry for entry in rows(world, AuditEntry) if entry.action == "payment.late_success"]


def credit_late(world: World) -> None:
    """Have Acme want credit for what comes for an attempt given up."""
    with organization(world.acme.id), transaction():
        billing_settings.change(world.acme.id, {"late_success": "credit"})


def taken(world: World) -> list[dict[str, Any]]:
    """The money the sandbox took or holds, canceled authorizations left out."""
    return [charge for charge in world.charges() if charge["status"] != "canceled"]


def balance(world: World, code: str, currency: str = "USD") -> int:
    """Debits less credits of an account, in minor units."""
    ids = {one.id for one in rows(world, LedgerAccount) if one.code == code and one.currency == currency}
    moved = rows(world, LedgerTransfer)
    debits = sum(one.amount for one in moved if one.debit_account_id in ids)
    return debits - sum(one.amount for one in moved if one.credit_account_id in ids)


class Shopper:
    """Somebody with a browser, in Acme's shop."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = world.app.test_client()

    def add(self, price_id: str | None = None, quantity: int = 1) -> None:
        """Put something into the cart."""
        page = self.client.get("/shop/acme/products/kettle").get_data(as_text=True)
        data = {"csrf_token": csrf(page), "price_id": price_id or self.world.acme.price_id, "quantity": str(quantity)}
        answer = self.client.post("/shop/acme/cart/lines", data=data)
        assert answer.status_code == 303, answer.get_data(as_text=True)

    def cart(self) -> str:
        return self.client.get("/shop/acme/cart").get_data(as_text=True)

    def try_checkout(self) -> TestResponse:
        page = self.client.get("/shop/acme/products/kettle").get_data(as_text=True)
        return self.client.post("/shop/acme/checkout", data={"csrf_token": csrf(page)})

    def checkout(self) -> str:
        """Go to pay; answers the checkout's token."""
        answer = self.try_checkout()
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return urlsplit(answer.headers["Location"]).path.split("/")[-1]

    def buy(self) -> str:
        """A kettle in the cart, and on to the checkout."""
        self.add()
        return self.checkout()

    def look(self, token: str) -> TestResponse:
        return self.client.get(f"/checkout/{token}")

    def pay(self, token: str, card: str = "pm_card_visa", **typed: str) -> TestResponse:
        """Press the pay button."""
        page = self.look(token).get_data(as_text=True)
        found = csrf(page) if 'name="csrf_token"' in page else self._csrf()
        data = TYPED | {"csrf_token": found, "payment_method": card} | typed
        return self.client.post(f"/checkout/{token}", data=data)

    def _csrf(self) -> str:
        return csrf(self.client.get("/shop/acme/products/kettle").get_data(as_text=True))

    def back_from_bank(self, token: str) -> TestResponse:
        return self.client.get(f"/checkout/{token}/return")


def answer_challenge(page: str, decision: str) -> None:
    """Drive the bank's page, which this one leads to, as a person would."""
    found = re.search(r'href="([^"]+/stripe/3ds/[^"]+)"', page)
    assert found, page
    url = html.unescape(found[1])
    shown = requests.get(url, allow_redirects=False, timeout=5)
    assert shown.status_code in (200, 303), shown.text
    answer = requests.post(url, data={"decision": decision}, allow_redirects=False, timeout=5)
    assert answer.status_code == 303, answer.text
