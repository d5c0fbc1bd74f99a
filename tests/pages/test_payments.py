"""The dashboard's payments: list, filter, pages, one payment."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from ballast.billing import new_payments
from ballast.billing.new_payments import NewPayment
from ballast.clock import shifted
from ballast.db import organization, transaction
from tests.pages.dashboard import page
from tests.shopper import Shopper
from tests.statements import counted
from tests.world import Api, World

HTMX = {"HX-Request": "true"}


def make(world: World, count: int, method: str | None = None) -> list[str]:
    """Ids of new payments, newest first."""
    with organization(world.acme.id), transaction():
        asked = NewPayment(100, "USD", payment_method=method)
        return [new_payments.create(world.acme.id, asked).id for _ in range(count)][::-1]


def listed(page: str) -> list[str]:
    return re.findall(r'<tr data-href="/admin/payments/(pay_\w+)"', page)


def pager(page: str) -> dict[str, str]:
    """The links of the pager: before and after, where there are any."""
    found = re.findall(r'href="/admin/payments\?([^"]*(?:before|after)=pay_\w+)[^"]*"', page)
    return {edge.rpartition("=")[0].rpartition(";")[2].rpartition("&")[2]: edge.replace("&amp;", "&") for edge in found}


def test_the_list_is_empty_first_and_says_so(world: World) -> None:
    page = world.sign_in("viewer").get("/admin/payments").get_data(as_text=True)
    assert "No payments yet" in page


def test_the_newest_payments_come_first_in_pages_that_lead_down_and_up_again(world: World) -> None:
    made = make(world, 60)
    client = world.sign_in("viewer")
    page = client.get("/admin/payments").get_data(as_text=True)
    assert listed(page) == made[:25]
    assert set(pager(page)) == {"after"}
    page = client.get(f"/admin/payments?{pager(page)['after']}").get_data(as_text=True)
    assert listed(page) == made[25:50]
    assert set(pager(page)) == {"before", "after"}
    page = client.get(f"/admin/payments?{pager(page)['after']}").get_data(as_text=True)
    assert listed(page) == made[50:]
    assert set(pager(page)) == {"before"}
    page = client.get(f"/admin/payments?{pager(page)['before']}").get_data(as_text=True)
    assert listed(page) == made[25:50]
    page = client.get(f"/admin/payments?{pager(page)['before']}").get_data(as_text=True)
    assert listed(page) == made[:25]
    assert set(pager(page)) == {"after"}


def test_a_filter_shows_its_status_alone_and_stays_on_the_next_page(world: World) -> None:
    plain = make(world, 2)
    with_card = make(world, 30, "pm_card_visa")
    client = world.sign_in("viewer")
    page = client.get("/admin/payments?status=requires_confirmation").get_data(as_text=True)
    assert listed(page) == with_card[:25]
    following = pager(page)["after"]
    assert "status=requires_confirmation" in following
    assert listed(client.get(f"/admin/payments?{following}").get_data(as_text=True)) == with_card[25:]
    page = client.get("/admin/payments?status=requires_payment_method").get_data(as_text=True)
    assert listed(page) == plain
    assert "No payments like this" in client.get("/admin/payments?status=failed").get_data(as_text=True)


@pytest.mark.parametrize(
    "query", ["status=paid", "status=%27--", "before=x", "after=cus_1", "before=&after=", "status="]
)
def test_a_query_that_means_nothing_shows_the_first_page(world: World, query: str) -> None:
    made = make(world, 2)
    answer = world.sign_in("viewer").get(f"/admin/payments?{query}")
    assert answer.status_code == 200
    assert listed(answer.get_data(as_text=True)) == made


def test_htmx_gets_the_list_alone_at_the_same_address(world: World) -> None:
    made = make(world, 2)
    client = world.sign_in("viewer")
    whole, part = client.get("/admin/payments"), client.get("/admin/payments", headers=HTMX)
    assert listed(whole.get_data(as_text=True)) == listed(part.get_data(as_text=True)) == made
    assert "<html" in whole.get_data(as_text=True)
    assert "<html" not in part.get_data(as_text=True)
    assert part.get_data(as_text=True).lstrip().startswith('<div id="payments"')
    assert "HX-Request" in whole.headers["Vary"]
    assert "HX-Request" in part.headers["Vary"]


def test_no_parameter_makes_a_page_a_fragment(world: World) -> None:
    client = world.sign_in("viewer")
    for query in ("HX-Request=true", "fragment=1", "partial=true", "block=list"):
        assert "<html" in client.get(f"/admin/payments?{query}").get_data(as_text=True)


def test_the_list_costs_the_same_statements_for_1_payment_as_for_25(world: World) -> None:
    client = world.sign_in("viewer")
    make(world, 1)
    with counted(world.app) as few:
        client.get("/admin/payments")
    make(world, 30)
    with counted(world.app) as many:
        client.get("/admin/payments")
    assert few == many
    assert len(many) <= 7


def test_a_payment_costs_the_same_statements_however_much_happened_to_it(api: Api, world: World) -> None:
    quiet = api.pay().get_json()["id"]
    busy = api.pay(payment_method="pm_card_visa_chargeDeclined").get_json()["error"]["payment"]["id"]
    for _ in range(6):
        api.post(f"/payments/{busy}/confirm")
    api.post(f"/payments/{busy}/confirm", {"payment_method": "pm_card_visa"})
    world.drain()
    client = world.sign_in("viewer")
    client.get(f"/admin/payments/{quiet}")
    with counted(world.app) as few:
        client.get(f"/admin/payments/{quiet}")
    with counted(world.app) as many:
        answer = client.get(f"/admin/payments/{busy}")
    assert answer.status_code == 200
    assert few == many
    assert len(many) <= 20


def test_a_payment_shows_its_attempts_events_deliveries_and_ledger(api: Api, world: World) -> None:
    payment_id = api.pay(description="Order 1042", metadata={"colour": "blue"}).get_json()["id"]
    world.drain()
    page = world.sign_in("viewer").get(f"/admin/payments/{payment_id}").get_data(as_text=True)
    for expected in (
        "$20.00",
        "Approved",
        "payment_intent.succeeded",
        "Processor receivable",
        "Order 1042",
        "colour",
        "Charged once",
    ):
        assert expected in page, expected


def test_what_a_merchant_wrote_is_text_on_every_page(api: Api, world: World) -> None:
    nasty = "<img src=x onerror=alert(1)>{{7*7}}"
    payment_id = api.pay(description=nasty, metadata={nasty: nasty}).get_json()["id"]
    client = world.sign_in("owner")
    for path in ("/admin/", "/admin/payments", f"/admin/payments/{payment_id}", f"/admin/payments/{payment_id}/refund"):
        page = client.get(path).get_data(as_text=True)
        assert "<img src=x" not in page, path
        assert "49" not in re.findall(r"&gt;(\d+)", page), path


@pytest.mark.parametrize("status", [None, "pm_card_visa_chargeDeclined", "pm_card_authenticationRequired", "manual"])
def test_a_payment_in_any_state_has_a_page_and_a_fragment(api: Api, world: World, status: str | None) -> None:
    if status == "manual":
        api.pay(capture_method="manual")
    else:
        api.pay(**({"payment_method": status} if status else {"confirm": False}))
    client = world.sign_in("viewer")
    payment_id = listed(client.get("/admin/payments").get_data(as_text=True))[0]
    assert client.get(f"/admin/payments/{payment_id}").status_code == 200
    fragment = client.get(f"/admin/payments/{payment_id}", headers=HTMX).get_data(as_text=True)
    assert fragment.lstrip().startswith('<div id="payment"')


@pytest.mark.parametrize("currency", ["USD", "INR", "JPY", "KWD"])
def test_the_overview_and_the_list_show_every_currency(api: Api, world: World, currency: str) -> None:
    api.pay(currency=currency, amount=123_450)
    client = world.sign_in("viewer")
    shown = {"USD": "$1,234.50", "INR": "₹1,234.50", "JPY": "¥123,450", "KWD": "KWD\u00a0123.450"}[currency]
    for path in ("/admin/", "/admin/payments"):
        assert shown in client.get(path).get_data(as_text=True), path


@pytest.mark.parametrize(
    "payment_id", ["nothing", "pay_", "pay_01m80e38hhehgbtrq4yh178a0n", "cus_01m80e38hhehgbtrq4yn2v8cz9"]
)
def test_a_payment_that_does_not_exist_is_404(world: World, payment_id: str) -> None:
    client = world.sign_in("viewer")
    assert client.get(f"/admin/payments/{payment_id}").status_code == 404


def test_the_overview_works_on_an_empty_world_and_in_a_far_time_zone(world: World, api: Api) -> None:
    from sqlalchemy import update

    from ballast.models import Organization

    client = world.sign_in("viewer")
    assert client.get("/admin/").status_code == 200
    with organization(world.acme.id), transaction() as session:
        session.execute(
            update(Organization).where(Organization.id == world.acme.id).values(timezone="Pacific/Kiritimati")
        )
    api.pay()
    page = client.get("/admin/").get_data(as_text=True)
    assert "$20.00" in page
    assert "100%" in page


def test_the_overview_says_what_of_theirs_has_waited_too_long_and_nothing_of_anybody_elses(
    world: World, api: Api
) -> None:
    world.api(world.stranger.api_key).pay()
    viewer = world.sign_in("viewer")
    with shifted(timedelta(minutes=20)):
        assert "waited for the background jobs" not in page(viewer, "/admin/")
    Shopper(world).buy()
    assert "waited for the background jobs" not in page(viewer, "/admin/"), "it has only just been asked for"
    with shifted(timedelta(minutes=20)):
        shown = page(viewer, "/admin/")
        assert "and 1 mail have waited for the background jobs, the first for 20 minutes. Nothing is lost" in shown
        assert 'href="/admin/webhooks/deliveries?status=pending"' in shown
        world.drain()
        assert "waited for the background jobs" not in page(viewer, "/admin/")
