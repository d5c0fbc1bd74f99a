"""No page asks the database more often, or weighs more, than it may: counted, for each page there is."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from ballast.billing import portal_links
from ballast.db import db, organization
from ballast.models import FinancingAgreement, Invoice, Subscription
from tests.app.populated import Known
from tests.app.test_routes import (
    AUDIT,
    MEMBER,
    PUBLIC,
    RIGHT,
    SELF,
    SELF_MEMBER,
    STAFF,
    TOKEN,
    ask,
    guarded_by,
    ids_of,
    user_id_of,
)
from tests.statements import counted
from tests.world import World

MOST = 12
# With what tests/templates/test_assets.py allows the files, a first load stays below 60 kB.
HEAVIEST = 8_000


def pages(*guards: str) -> list[str]:
    return [route for route in guarded_by(*guards) if route.startswith("GET") and "/api/" not in route]


Cost = tuple[int, int]


def asked(world: World, client: FlaskClient, routes: list[str], ids: dict[str, str]) -> dict[str, Cost]:
    """By route: how often a page that was open before asks, and the bytes it weighs on its way."""
    found = {}
    for route in routes:
        page = ask(client, route, ids)
        if page.status_code != 200 or page.mimetype != "text/html":
            continue
        with counted(world.app) as seen:
            answer = ask(client, route, ids, headers={"Accept-Encoding": "br"})
        found[route] = (len(seen), len(answer.data))
    return found


def only(model: Any) -> Any:
    return db.session.scalars(select(model).order_by(model.id.desc()).limit(1)).one()


def tokens(world: World, known: Known) -> dict[str, str]:
    """By the beginning of an address: the token of what is in the populated world."""
    with organization(world.acme.id):
        subscription, agreement, invoice = only(Subscription), only(FinancingAgreement), only(Invoice)
        return {
            "/checkout/": known.checkout_token,
            "/invoices/": invoice.token,
            "/plans/<token>": agreement.token,
            "/portal/<token>/plans": portal_links.token(world.acme.id, agreement.customer_id),
            "/portal/": portal_links.token(world.acme.id, subscription.customer_id),
        }


def test_no_page_asks_the_database_more_than_twelve_times_or_weighs_more_than_eight_kilobytes(
    world: World, known: Known
) -> None:
    ids = next(ids_of(known, world)) | {"slug": world.acme.slug, "act": "payoff", "name": "payoff"}
    ids |= {"organization_id": world.acme.id, "user_id": user_id_of("viewer")}
    found = asked(world, world.sign_in("owner"), pages(MEMBER, RIGHT, AUDIT, SELF, SELF_MEMBER), ids)
    found |= asked(world, world.sign_in("staff"), pages(STAFF), ids)
    shopper, left = world.app.test_client(), pages(PUBLIC, TOKEN)
    for begin, token in tokens(world, known).items():
        of_it = [route for route in left if route.removeprefix("GET ").startswith(begin)]
        left = [route for route in left if route not in of_it]
        found |= asked(world, shopper, of_it, ids | {"token": token})
    found |= asked(world, shopper, left, ids)
    assert len(found) > 140, "most addresses are pages, and were asked"
    assert {route: count for route, (count, _) in found.items() if count > MOST} == {}
    assert {route: weight for route, (_, weight) in found.items() if weight > HEAVIEST} == {}
