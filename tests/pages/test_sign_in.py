"""Signing in and out of the pages."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, update
from werkzeug.test import TestResponse

from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.models import Membership, User
from tests.shopper import Shopper
from tests.world import PASSWORD, World, csrf


def sign_in(
    client: FlaskClient, email: str, password: str = PASSWORD, target: str = "", **headers: str
) -> TestResponse:
    token = csrf(client.get("/sign-in").get_data(as_text=True))
    form = {"email": email, "password": password, "next": target, "csrf_token": token}
    return client.post("/sign-in", data=form, headers=headers)


def change(email: str, **fields: Any) -> None:
    db.session.rollback()
    with transaction() as session:
        session.execute(update(User).where(User.email == email).values(**fields))


@pytest.mark.parametrize("role", ["owner", "admin", "viewer"])
def test_a_member_signs_in_to_the_dashboard(client: FlaskClient, role: str) -> None:
    answer = sign_in(client, f"{role}@example.com")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/")
    page = client.get("/admin/")
    assert page.status_code == 200
    assert "Acme Corp" in page.get_data(as_text=True)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("owner@example.com", "wrong-password"),
        ("nobody@example.com", PASSWORD),
        ("", ""),
        ("owner@example.com", "x" * 5000),
        ("x" * 5000, "wrong-password"),
    ],
)
def test_wrong_credentials_answer_422_with_one_sentence_that_tells_nothing(
    client: FlaskClient, email: str, password: str
) -> None:
    answer = sign_in(client, email, password)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "That email and password don&#39;t match" in page
    assert password not in page or not password
    assert client.get("/admin/").status_code == 303


def test_what_was_typed_as_email_is_kept_and_escaped(client: FlaskClient) -> None:
    page = sign_in(client, '"><script>alert(1)</script>').get_data(as_text=True)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_a_nul_character_is_refused_and_breaks_nothing(client: FlaskClient) -> None:
    assert sign_in(client, "owner\0@example.com").status_code == 400
    assert sign_in(client, "owner@example.com", "a\0b").status_code == 400


def test_a_banned_user_neither_signs_in_nor_stays_signed_in(world: World) -> None:
    client = world.sign_in("owner")
    change("owner@example.com", banned_at=real_time())
    assert client.get("/admin/").status_code == 303
    assert sign_in(world.app.test_client(), "owner@example.com").status_code == 422


def test_raising_the_token_generation_signs_out_everywhere(world: World) -> None:
    one, other = world.sign_in("owner"), world.sign_in("owner")
    change("owner@example.com", token_generation=1)
    assert {client.get("/admin/").status_code for client in (one, other)} == {303}
    assert sign_in(one, "owner@example.com").status_code == 303
    assert one.get("/admin/").status_code == 200


def test_a_role_is_read_at_each_request(world: World) -> None:
    client = world.sign_in("admin")
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Membership).where(Membership.role == "admin").values(role="viewer"))
    assert client.get("/admin/payments").status_code == 200
    with organization(world.acme.id), transaction() as session:
        session.execute(delete(Membership).where(Membership.role == "viewer"))
    assert client.get("/admin/payments").status_code == 403


def test_signing_out_ends_the_session(world: World) -> None:
    client = world.sign_in("owner")
    token = csrf(client.get("/admin/").get_data(as_text=True))
    answer = client.post("/sign-out", data={"csrf_token": token})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert client.get("/admin/").status_code == 303


def test_signing_out_is_a_post(client: FlaskClient) -> None:
    assert client.get("/sign-out").status_code == 405


def test_signing_in_takes_a_fresh_session_and_keeps_the_cart(world: World) -> None:
    shopper = Shopper(world)
    shopper.add()
    before = shopper.client.get_cookie("ballast")
    assert sign_in(shopper.client, "shopper@example.com").status_code == 303
    assert shopper.client.get_cookie("ballast") != before
    assert "Kettle" in shopper.cart()
    answer = shopper.post(f"/shop/{world.acme.slug}/checkout")
    assert answer.status_code == 400, "the CSRF token of the old session is void"


def test_who_asked_for_a_page_gets_there_after_signing_in(client: FlaskClient) -> None:
    asked = client.get("/admin/payments?status=succeeded")
    assert asked.status_code == 303
    assert asked.headers["Location"] == "/sign-in?next=/admin/payments?status%3Dsucceeded"
    answer = sign_in(client, "viewer@example.com", target="/admin/payments?status=succeeded")
    assert answer.headers["Location"] == "/admin/payments?status=succeeded"


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "/\r/evil.example/",
    "/\r\nSet-Cookie: a=b",
    "\t//evil.example",
    " //evil.example",
    "javascript:alert(1)",
    "http:evil.example",
    "evil.example",
    "@evil.example",
    "/\u2028/evil.example",
]


@pytest.mark.parametrize("htmx", [True, False])
def test_nobody_who_is_signed_in_is_led_to_another_site(world: World, htmx: bool) -> None:
    owner = world.sign_in("owner")
    headers = {"HX-Request": "true"} if htmx else {}
    for target in ELSEWHERE:
        answer = owner.get("/sign-in", query_string={"next": target}, headers=headers)
        assert answer.headers["HX-Redirect" if htmx else "Location"] == "/admin/", target


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\t/evil.example/", "/\r/evil.example/"]
)
def test_signing_in_leads_nobody_to_another_site(client: FlaskClient, target: str) -> None:
    answer = sign_in(client, "owner@example.com", target=target)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/")


@pytest.mark.parametrize("htmx", [True, False])
def test_a_path_of_ours_in_any_script_is_a_header_all_the_same(world: World, htmx: bool) -> None:
    headers = {"HX-Request": "true"} if htmx else {}
    answer = sign_in(world.app.test_client(), "owner@example.com", target="/shop/日本/", **headers)
    assert answer.headers["HX-Redirect" if htmx else "Location"] == "/shop/%E6%97%A5%E6%9C%AC/"


def test_htmx_gets_the_form_alone_and_a_browser_the_page(client: FlaskClient) -> None:
    fragment = sign_in(client, "owner@example.com", "wrong", **{"HX-Request": "true"})
    assert fragment.status_code == 422
    assert "<form" in fragment.get_data(as_text=True)
    assert "<html" not in fragment.get_data(as_text=True)
    assert "<html" in sign_in(client, "owner@example.com", "wrong").get_data(as_text=True)


def test_an_htmx_request_of_nobody_is_sent_to_sign_in(client: FlaskClient) -> None:
    answer = client.get("/admin/payments", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"].startswith("/sign-in?next=/admin/payments")
    assert answer.get_data() == b""


def test_a_forged_or_foreign_cookie_is_nobody(world: World) -> None:
    client = world.app.test_client()
    client.set_cookie("ballast", "eyJfdXNlcl9pZCI6InVzcl8xLjAifQ.aaaaaa.bbbbbbbbbbbb")
    assert client.get("/admin/").status_code == 303


def test_a_copy_of_the_cookie_is_no_use_after_signing_out(world: World) -> None:
    owner, thief = world.sign_in("owner"), world.app.test_client()
    cookie = owner.get_cookie("ballast")
    assert cookie is not None
    thief.set_cookie("ballast", cookie.value)
    assert thief.get("/admin/").status_code == 200
    owner.post("/sign-out", data={"csrf_token": csrf(owner.get("/admin/").get_data(as_text=True))})
    assert thief.get("/admin/").status_code == 303
