"""The fixed people of the test world and what tests do with them."""

from __future__ import annotations

import re
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import requests
from argon2 import PasswordHasher
from flask import Flask
from flask.globals import _cv_app
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from ballast.billing import (
    abandoned_plans,
    accounts,
    authorizations,
    card_removal,
    cards,
    checkout_sessions,
    dispute_answers,
    holds,
    inbox,
    late_releases,
    new_cards,
    redemptions,
    refunds,
    resolver,
    routing,
    stock,
)
from ballast.config import Settings
from ballast.db import db, organization, set_organization, transaction
from ballast.identity import api_keys
from ballast.ids import new_id
from ballast.models import Membership, Organization, Payment, Price, Product, User
from ballast.models.identity import SCOPES
from ballast.notifications import emails, webhooks
from ballast.sandbox.braintree.merchants import LISTED
from ballast.security import new_webhook_secret

PASSWORD = "correct horse battery staple"
# Checked a thousand times, so with the least work there is. What the tests set and change themselves costs what it costs.
_HASHED = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


# Acme's accounts beside the one at Stripe.
ACCOUNTS = {
    "braintree": {"merchant_id": "ballast_acme", "public_key": "acme_public", "secret_key": "acme_private"},
    "square": {
        "publishable_key": "sandbox-sq0idb-acme",
        "secret_key": "EAAAEacme",
        "location_id": "Lacme",
        "webhook_secret": "signature-of-the-tests",
    },
}


# What the sandbox says they take when it is asked.
TAKES = {"braintree": [*LISTED], "square": ["USD"]}


@dataclass(frozen=True)
class Merchant:
    """An organization with what tests need of it."""

    id: str
    slug: str
    account_id: str
    api_key: str
    webhook_secret: str
    price_id: str


class Browser(FlaskClient):
    """Each request has an application context of its own, as on the real server, though the test itself stands in one."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return copy_context().run(self._open_alone, *args, **kwargs)

    def _open_alone(self, *args: Any, **kwargs: Any) -> TestResponse:
        _cv_app.set(None)  # type: ignore[arg-type]
        return super().open(*args, **kwargs)


class Api:
    """A program that holds an API key, or a user's access token."""

    def __init__(self, client: FlaskClient, key: str, header: str = "X-API-Key") -> None:
        self.client = client
        self.key = key
        self.credentials = {header: key if header == "X-API-Key" else f"Bearer {key}"}

    def post(self, path: str, body: Any = None, key: str | None = None, **headers: str) -> TestResponse:
        """POST with an Idempotency-Key, a fresh one unless given."""
        sent = {**self.credentials, "Idempotency-Key": key or str(uuid4()), **headers}
        return self.client.post(f"/api/v1{path}", json={} if body is None else body, headers=sent)

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(f"/api/v1{path}", query_string=query, headers=self.credentials)

    def patch(self, path: str, body: Any) -> TestResponse:
        return self.client.patch(f"/api/v1{path}", json=body, headers=self.credentials)

    def delete(self, path: str) -> TestResponse:
        return self.client.delete(f"/api/v1{path}", headers=self.credentials)

    def pay(self, **fields: Any) -> TestResponse:
        """Create and confirm a payment of $20.00, unless told otherwise."""
        body = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True, **fields}
        return self.post("/payments", body)


@dataclass
class World:
    """Everything a test touches."""

    app: Flask
    worker_app: Flask
    settings: Settings
    sandbox_url: str
    acme: Merchant
    stranger: Merchant

    def api(self, key: str) -> Api:
        return Api(self.app.test_client(), key)

    def sign_in(self, role: str) -> FlaskClient:
        """A browser signed in as owner, admin, viewer (of Acme), stranger (an owner elsewhere), shopper or staff."""
        client = self.app.test_client()
        page = client.get("/sign-in").get_data(as_text=True)
        answer = client.post(
            "/sign-in", data={"email": f"{role}@example.com", "password": PASSWORD, "csrf_token": csrf(page)}
        )
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return client

    def token(self, role: str) -> str:
        """An access token of one of the people of `sign_in`; platform staff get one for Acme."""
        body = {"email": f"{role}@example.com", "password": PASSWORD}
        if role == "staff":
            body["organization"] = self.acme.slug
        answer = self.app.test_client().post("/api/v1/auth/login", json=body)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return str(answer.get_json()["access_token"])

    def as_user(self, role: str) -> Api:
        """The API as one of the people of `sign_in` sees it."""
        return Api(self.app.test_client(), self.token(role), "Authorization")

    def use(self, processor: str) -> str:
        """Have Acme's new cards go to this processor alone; answers the account's id."""
        if processor == "stripe":
            return self.acme.account_id
        with organization(self.acme.id), transaction() as session:
            acme = session.scalars(select(Organization).where(Organization.id == self.acme.id)).one()
            account = accounts.add(acme, processor, ACCOUNTS[processor])
            account.takes_currencies = TAKES[processor]
            account_id = account.id
            routing.route(acme.id, self.acme.account_id, routing.Route(share=0))
            routing.route(acme.id, account_id, routing.Route(share=100))
            accounts.make_default(acme.id, account_id)
        return account_id

    def drain(self) -> None:
        """What the worker would do until nothing is due."""
        with self.worker_app.app_context():
            set_organization(None)
            jobs = [
                inbox.apply_due,
                resolver.resolve_due,
                refunds.submit_due,
                cards.store_due,
                new_cards.finish_due,
                card_removal.remove_due,
                dispute_answers.send_due,
                checkout_sessions.expire_due,
                stock.release_due,
                redemptions.release_due,
                abandoned_plans.cancel_due,
                authorizations.expire_due,
                holds.act_due,
                late_releases.release_due,
                webhooks.deliver_due,
                emails.send_due,
            ]
            idle = 0
            for job in jobs * 20:
                idle = 0 if job() else idle + 1
                if idle == len(jobs):
                    return

    def tell_receiver(self) -> None:
        """Have the merchant's server know the secret that signs what it gets."""
        config = f"{self.sandbox_url}/_sandbox/receiver/config"
        requests.put(config, json={"secret": self.acme.webhook_secret}, timeout=5).raise_for_status()

    def fault(self, **rule: Any) -> None:
        """Have the sandbox misbehave."""
        requests.post(
            f"{self.sandbox_url}/_sandbox/faults", json={"processor": "stripe", **rule}, timeout=5
        ).raise_for_status()

    def forget_faults(self) -> None:
        requests.delete(f"{self.sandbox_url}/_sandbox/faults", timeout=5).raise_for_status()

    def charges(self) -> list[dict[str, Any]]:
        """The money the sandbox took or holds."""
        found: list[dict[str, Any]] = requests.get(f"{self.sandbox_url}/_sandbox/charges", timeout=5).json()
        return found

    def mails(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(f"{self.sandbox_url}/_sandbox/mails", timeout=5).json()
        return found

    def received(self) -> list[dict[str, Any]]:
        """What the merchant's server received."""
        found: list[dict[str, Any]] = requests.get(f"{self.sandbox_url}/_sandbox/receiver/events", timeout=5).json()
        return found

    def payment(self, payment_id: str) -> Payment:
        """The payment as the database has it now."""
        db.session.rollback()
        with organization(self.acme.id):
            return db.session.scalars(
                select(Payment).where(Payment.organization_id == self.acme.id, Payment.id == payment_id)
            ).one()

    def all_of(self, model: Any) -> list[Any]:
        """Every row of a table of Acme's, oldest first."""
        db.session.rollback()
        with organization(self.acme.id):
            return list(
                db.session.scalars(select(model).where(model.organization_id == self.acme.id).order_by(model.id))
            )


def csrf(page: str) -> str:
    """The token in a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, "no CSRF token in this page"
    return found[1]


def build_world(app: Flask, worker_app: Flask, settings: Settings, sandbox_url: str) -> World:
    """Acme with owner, admin and viewer; a stranger's organization; a shopper; platform staff."""
    acme = _merchant("acme", "Acme Corp", settings, ("owner", "admin", "viewer"))
    stranger = _merchant("elsewhere", "Elsewhere Ltd", settings, ("stranger",))
    _people("shopper", None)
    _people("staff", None)
    set_organization(None)
    return World(app, worker_app, settings, sandbox_url, acme, stranger)


def _people(name: str, organization_id: str | None) -> None:
    with transaction() as session:
        user = User(
            id=new_id("usr"),
            email=f"{name}@example.com",
            full_name=name.capitalize(),
            password_hash=_HASHED,
            is_admin=name == "staff",
        )
        session.add(user)
        session.flush()
        if organization_id:
            role = "owner" if name == "stranger" else name
            session.add(Membership(organization_id=organization_id, user_id=user.id, role=role))


def _merchant(slug: str, name: str, settings: Settings, people: tuple[str, ...]) -> Merchant:
    organization_id, secret = new_id("org"), new_webhook_secret()
    set_organization(organization_id)
    with transaction() as session:
        made = Organization(id=organization_id, name=name, shop_name=name, slug=slug, currency="USD", mode="sandbox")
        session.add(made)
        session.flush()
        account = accounts.add(
            made,
            "stripe",
            {
                "secret_key": f"{settings.stripe_secret_key}_{slug}",
                "publishable_key": f"pk_test_{slug}",
                "webhook_secret": "whsec_of_the_tests",
            },
        )
        _key, token = api_keys.create(made, "Tests", None, SCOPES)
        webhooks.create_endpoint(organization_id, f"{settings.sandbox_url}/_sandbox/receiver", ["*"], secret)
        product = Product(
            id=new_id("prod"), organization_id=organization_id, name="Kettle", slug="kettle", image="shop/kettle.svg"
        )
        session.add(product)
        session.flush()
        price = Price(
            id=new_id("price"), organization_id=organization_id, product_id=product.id, amount=9000, currency="USD"
        )
        session.add(price)
        account_id, price_id = account.id, price.id
    for person in people:
        _people(person, organization_id)
    return Merchant(organization_id, slug, account_id, token, secret, price_id)
