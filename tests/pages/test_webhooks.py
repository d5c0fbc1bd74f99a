"""The webhooks pages: an endpoint's life, its deliveries, sending again, and the contract lab. No scripts are needed."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from flask.testing import FlaskClient
from standardwebhooks import Webhook, WebhookVerificationError
from werkzeug.test import TestResponse

from ballast.models import WebhookEndpoint
from tests.billing.acts import rows
from tests.notifications.acts import SECRET, deliver, deliveries, give_up, listen, only, publish
from tests.notifications.endpoint import Endpoint, answering, serving
from tests.world import World, csrf

HOME = "/admin/webhooks"


@pytest.fixture
def endpoint(world: World) -> Iterator[Endpoint]:
    only(world)
    with serving() as made:
        yield made


@pytest.fixture
def admin(world: World) -> FlaskClient:
    return world.sign_in("admin")


def post(client: FlaskClient, path: str, **fields: Any) -> TestResponse:
    token = csrf(client.get("/admin/").get_data(as_text=True))
    return client.post(f"{HOME}{path}", data={"csrf_token": token, **fields})


def look(client: FlaskClient, path: str = "", **query: str) -> str:
    answer = client.get(f"{HOME}{path}", query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return html.unescape(answer.get_data(as_text=True))


def secret_in(answer: TestResponse) -> str:
    found = re.search(r"whsec_[A-Za-z0-9+/=]+", html.unescape(answer.get_data(as_text=True)))
    assert found
    return found[0]


def test_an_endpoint_is_made_and_its_secret_is_shown_once(world: World, admin: FlaskClient, endpoint: Endpoint) -> None:
    assert "payment_intent.succeeded" in look(admin, "/new")
    answer = post(admin, "/new", url=endpoint.url, events=["payment_intent.*", "refund.failed"])
    assert answer.status_code == 201
    secret = secret_in(answer)
    made = rows(world, WebhookEndpoint)[-1]
    assert made.event_types == ["payment_intent.*", "refund.failed"]
    for path in ("", f"/{made.id}", f"/{made.id}/edit", f"/{made.id}/rotate"):
        assert "whsec_" not in look(admin, path)
    publish(world)
    deliver(world)
    Webhook(secret).verify(endpoint.received[0].body, endpoint.received[0].headers)


@pytest.mark.parametrize(
    ("url", "events", "said"),
    [
        ("nowhere", ["*"], "An endpoint's address begins with https://"),
        ("https://user:word@example.com/", ["*"], "Leave user name and password out"),
        ("https://example.com/", [], "Name 1 to 50 event types"),
        ("https://example.com/", ["nothing.*"], "nothing.* is no event type"),
    ],
)
def test_a_form_that_cannot_be_kept_says_why(
    world: World, admin: FlaskClient, url: str, events: list[str], said: str
) -> None:
    answer = post(admin, "/new", url=url, events=events)
    assert answer.status_code == 422
    page = html.unescape(answer.get_data(as_text=True))
    assert said in page
    assert url in page
    assert len(rows(world, WebhookEndpoint)) == 1


def test_an_endpoint_is_edited_rotated_disabled_enabled_and_deleted(
    world: World, admin: FlaskClient, endpoint: Endpoint
) -> None:
    made = listen(world, endpoint.url)
    assert post(admin, f"/{made}/edit", url=endpoint.url + "/2", events="refund.*").status_code == 303
    assert endpoint.url + "/2" in look(admin, f"/{made}")
    rotated = post(admin, f"/{made}/rotate", overlap_hours="24")
    assert secret_in(rotated) != SECRET
    assert "Two secrets sign" in look(admin, f"/{made}")
    assert post(admin, f"/{made}/rotate", overlap_hours="many").status_code == 422
    assert "Nothing more is sent there" in look(admin, f"/{made}/disable")
    post(admin, f"/{made}/enabled", enabled="no")
    assert "Disabled. Events are kept." in look(admin, f"/{made}")
    post(admin, f"/{made}/enabled", enabled="yes")
    assert "Disabled" not in look(admin, f"/{made}")
    assert "not even the" not in look(admin, f"/{made}/delete")
    publish(world, "refund.created")
    assert "not even the one delivery that waits already" in look(admin, f"/{made}/delete")
    assert post(admin, f"/{made}/delete").headers["Location"] == HOME
    assert admin.get(f"{HOME}/{made}").status_code == 404
    assert endpoint.url not in look(admin)
    (kept,) = deliveries(world)
    assert (kept.status, kept.reason) == ("dead_letter", "endpoint_deleted")
    assert "Its endpoint was deleted before it was taken." in look(admin, f"/deliveries/{kept.id}")
    assert "given up after every retry" not in admin.get("/admin/").get_data(as_text=True)
    assert post(admin, f"/deliveries/{kept.id}/retry").status_code == 404


def test_a_test_event_shows_what_came_of_it(world: World, admin: FlaskClient, endpoint: Endpoint) -> None:
    made = listen(world, endpoint.url, "refund.*")
    endpoint.manner = answering(500, b"<b>down</b>")
    where = post(admin, f"/{made}/test").headers["Location"].removeprefix(HOME)
    assert "A worker sends it in a moment." in look(admin, where)
    deliver(world)
    page = look(admin, where)
    assert "Attempt 1" in page
    assert "500" in page
    assert "<b>down</b>" in page, "as text: what a stranger's server says is escaped"
    assert "&lt;b&gt;down" in admin.get(HOME + where).get_data(as_text=True)
    post(admin, f"/{made}/enabled", enabled="no")
    answer = post(admin, f"/{made}/test")
    assert answer.status_code == 409
    assert "This endpoint is disabled" in answer.get_data(as_text=True)


def test_deliveries_are_filtered_and_the_chosen_ones_sent_again(
    world: World, admin: FlaskClient, endpoint: Endpoint
) -> None:
    made = listen(world, endpoint.url)
    endpoint.manner = answering(500)
    publish(world, "refund.created")
    publish(world, count=2)
    give_up(world)
    assert look(admin, "/deliveries", status="dead_letter").count("data-href") == 3
    overview = html.unescape(admin.get("/admin/").get_data(as_text=True))
    assert "3 webhook deliveries were given up after every retry." in overview
    assert f'href="{HOME}/deliveries?status=dead_letter"' in overview
    assert look(admin, "/deliveries", type="refund.*", to=made).count("data-href") == 1
    assert "No deliveries like this" in look(admin, "/deliveries", to="nobody")
    endpoint.manner = answering(204)
    chosen = [row.id for row in deliveries(world)][:2]
    before = len(endpoint.received)
    assert post(admin, "/deliveries/retry", delivery=chosen).status_code == 303
    deliver(world)
    assert len(endpoint.received) == before + 2
    assert post(admin, f"/deliveries/{deliveries(world)[2].id}/retry").status_code == 303
    deliver(world)
    assert {row.status for row in deliveries(world)} == {"delivered"}
    assert post(admin, "/deliveries/retry").status_code == 422


def test_what_was_missed_is_replayed_by_range(world: World, admin: FlaskClient, endpoint: Endpoint) -> None:
    made = listen(world, endpoint.url)
    post(admin, f"/{made}/enabled", enabled="no")
    publish(world, count=4)
    post(admin, f"/{made}/enabled", enabled="yes")
    today = datetime.now(UTC)
    start, end = (today + timedelta(hours=hours) for hours in (-1, 1))
    shape = "%Y-%m-%dT%H:%M"
    assert 'type="datetime-local"' in look(admin, f"/{made}/replay")
    answer = post(admin, f"/{made}/replay", start=start.strftime(shape), end=end.strftime(shape))
    assert answer.status_code == 303
    assert "4 events are on the way." in look(admin, f"/{made}")
    deliver(world)
    assert sorted(json.loads(got.body)["sequence"] for got in endpoint.received) == [1, 2, 3, 4]
    wrong = post(admin, f"/{made}/replay", start="soon", end=end.strftime(shape))
    assert (wrong.status_code, "Enter a date and a time." in wrong.get_data(as_text=True)) == (422, True)
    assert post(admin, f"/{made}/replay", start=end.strftime(shape), end=start.strftime(shape)).status_code == 422


def verifying(endpoint: Endpoint) -> None:
    """A careful merchant: the reference library decides."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        got = next(one for one in endpoint.received if one.headers == headers)
        try:
            Webhook(SECRET).verify(got.body, got.headers)
        except WebhookVerificationError:
            return answering(401, b"who are you")(handler)
        return answering(204)(handler)

    endpoint.manner = answer


def test_the_lab_passes_a_careful_server_and_finds_a_careless_one(
    world: World, admin: FlaskClient, endpoint: Endpoint
) -> None:
    made = listen(world, endpoint.url)
    verifying(endpoint)
    assert "Send all seven" in look(admin, f"/{made}/lab")
    answer = post(admin, f"/{made}/lab")
    assert "5 of 5 passed" in answer.get_data(as_text=True)
    told = [json.loads(got.body) for got in endpoint.received]
    assert len(told) == 7
    assert len({one["id"] for one in told}) == 6, "one of them twice"
    assert sorted({one["sequence"] for one in told}) == [1, 2, 3, 4]
    endpoint.manner = answering(200, b"thanks for everything")
    careless = post(admin, f"/{made}/lab").get_data(as_text=True)
    assert "3 of 5 passed" in careless
    assert "thanks for everything" in careless
    endpoint.manner = answering(500)
    assert "0 of 5 passed" in post(admin, f"/{made}/lab").get_data(as_text=True)
    publish(world)
    endpoint.manner = answering(204)
    deliver(world)
    assert json.loads(endpoint.received[-1].body)["sequence"] == 13, "the lab's numbers are nobody else's"
