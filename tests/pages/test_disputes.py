"""Disputes in the dashboard: the list, one dispute, the answer, giving in, and what other pages say of them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from ballast.billing import disputes
from ballast.clock import real_time
from ballast.db import organization, transaction
from ballast.ids import new_id
from ballast.models import Attempt, Dispute
from ballast.processors import base
from tests.statements import counted
from tests.world import Api, World, csrf

HTMX = {"HX-Request": "true"}


def contest(world: World, api: Api, reason: str | None = None) -> str:
    """A payment whose holder went to their bank, as Ballast has learned it; the dispute's id."""
    payment_id = api.pay(description="Order 1042").get_json()["id"]
    (charge,) = [one.external_id for one in world.all_of(Attempt) if one.payment_id == payment_id]
    place = f"{world.sandbox_url}/_sandbox/charges/stripe/{charge}/dispute"
    answer = requests.post(place, json={"reason": reason} if reason else {}, timeout=5)
    assert answer.status_code == 201, answer.text
    with organization(world.acme.id):
        assert disputes.learn(world.acme.id, world.acme.account_id, answer.json()["id"]) == "applied"
    return next(str(one.id) for one in world.all_of(Dispute) if one.payment_id == payment_id)


@pytest.fixture
def dispute_id(world: World, api: Api) -> str:
    """A disputed payment of $20.00."""
    return contest(world, api)


def make(world: World, api: Api, due_in_days: list[int | None], status: str = "needs_response") -> list[str]:
    """Ids of disputes of one payment, as a processor would tell them; in the order given."""
    payment_id = api.pay().get_json()["id"]
    (charge,) = [one.external_id for one in world.all_of(Attempt) if one.payment_id == payment_id]
    with organization(world.acme.id):
        for number, days in enumerate(due_in_days):
            said = base.Dispute(
                external_id=f"dp_{status}_{number}",
                charge_external_id=charge,
                amount=100,
                currency="USD",
                reason="fraudulent",
                status=status,  # type: ignore[arg-type]
                due_at=None if days is None else real_time() + timedelta(days=days),
                created_at=real_time(),
            )
            assert disputes.record(world.acme.id, world.acme.account_id, said, None) == "applied"
    by_external = {one.external_id: one.id for one in world.all_of(Dispute)}
    return [by_external[f"dp_{status}_{number}"] for number in range(len(due_in_days))]


def listed(page: str) -> list[str]:
    return re.findall(r'<tr data-href="/admin/disputes/(dp_\w+)"', page)


def link(page: str, edge: str) -> str | None:
    found = re.search(rf'rel="{edge}" href="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else None


def text_of(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, path
    return answer.get_data(as_text=True)


def send(client: FlaskClient, dispute_id: str, action: str, **form: str) -> TestResponse:
    headers = {"HX-Request": "true"} if form.pop("htmx", "") else None
    token = csrf(client.get("/admin/").get_data(as_text=True))
    return client.post(f"/admin/disputes/{dispute_id}/{action}", data={"csrf_token": token, **form}, headers=headers)


def the_dispute(world: World) -> Dispute:
    (found,) = world.all_of(Dispute)
    assert isinstance(found, Dispute)
    return found


# --- The list ----------------------------------------------------------------------------------------------------------------


def test_the_list_is_empty_first_and_says_so(world: World) -> None:
    client = world.sign_in("viewer")
    assert "Nothing to answer" in text_of(client, "/admin/disputes")
    assert "No disputes yet" in text_of(client, "/admin/disputes?status=all")
    assert "No disputes like this" in text_of(client, "/admin/disputes?status=won")


def test_what_needs_an_answer_comes_due_soonest_first_in_pages_that_lead_down_and_up_again(
    world: World, api: Api
) -> None:
    days = [(7 * number) % 60 for number in range(55)] + [None, 3, 3]
    made = make(world, api, days)
    key = {made[place]: (999 if day is None else day, made[place]) for place, day in enumerate(days)}
    wanted = sorted(made, key=lambda one: key[one])
    client = world.sign_in("viewer")
    first = text_of(client, "/admin/disputes")
    assert listed(first) == wanted[:25]
    assert link(first, "prev") is None
    second = text_of(client, link(first, "next") or "")
    assert listed(second) == wanted[25:50]
    third = text_of(client, link(second, "next") or "")
    assert listed(third) == wanted[50:]
    assert link(third, "next") is None
    back = text_of(client, link(third, "prev") or "")
    assert listed(back) == wanted[25:50]
    assert listed(text_of(client, link(back, "prev") or "")) == wanted[:25]


def test_the_other_filters_show_their_statuses_alone_newest_first(world: World, api: Api) -> None:
    waiting = make(world, api, [2, 1])
    for status in ("under_review", "won", "lost", "accepted"):
        make(world, api, [1, 1], status)
    ids = {one.id: one.status for one in world.all_of(Dispute)}
    client = world.sign_in("viewer")
    for query, statuses in (
        ("", {"needs_response"}),
        ("?status=under_review", {"under_review"}),
        ("?status=won", {"won"}),
        ("?status=lost", {"lost", "accepted"}),
        ("?status=all", set(ids.values())),
    ):
        found = listed(text_of(client, f"/admin/disputes{query}"))
        assert {ids[one] for one in found} == statuses
        assert found == (waiting[::-1] if not query else sorted(found, reverse=True)), query


@pytest.mark.parametrize("query", ["status=paid", "before=x", "after=pay_1", "before=&after=", "after=dp_0"])
def test_a_query_that_means_nothing_shows_the_first_page(world: World, api: Api, query: str) -> None:
    made = make(world, api, [1, 2])
    assert listed(text_of(world.sign_in("viewer"), f"/admin/disputes?{query}")) == made


def test_htmx_gets_the_list_alone(world: World, dispute_id: str) -> None:
    part = world.sign_in("viewer").get("/admin/disputes", headers=HTMX).get_data(as_text=True)
    assert part.lstrip().startswith('<div id="disputes"')
    assert listed(part) == [dispute_id]


def test_no_page_asks_the_database_more_when_there_is_more(world: World, api: Api) -> None:
    client = world.sign_in("owner")
    made = make(world, api, [1])
    paths = ["/admin/", "/admin/disputes", "/admin/disputes?status=all", f"/admin/disputes/{made[0]}"]
    paths.append(f"/admin/payments/{the_dispute(world).payment_id}")

    def ask() -> list[int]:
        found = []
        for path in paths:
            with counted(world.app) as seen:
                text_of(client, path)
            found.append(len(seen))
        return found

    few = ask()
    make(world, api, [3] * 30, "under_review")
    assert ask() == few
    assert few[1] <= 6, "the session's user, the role, the organization, the page"


# --- One dispute -------------------------------------------------------------------------------------------------------------


def test_a_dispute_says_what_is_claimed_how_much_until_when_and_leads_to_its_payment(
    world: World, dispute_id: str
) -> None:
    page = text_of(world.sign_in("owner"), f"/admin/disputes/{dispute_id}")
    for expected in (
        "$20.00",
        "Needs an answer",
        "says they did not make this payment",
        "Answer by",
        f"/admin/payments/{the_dispute(world).payment_id}",
        "Order 1042",
        "At most 20,000 characters",
        f"/admin/disputes/{dispute_id}/accept",
    ):
        assert expected in page, expected


def test_a_dispute_whose_day_has_passed_says_so_and_can_still_be_answered(world: World, api: Api) -> None:
    (late,) = make(world, api, [-1])
    page = text_of(world.sign_in("owner"), f"/admin/disputes/{late}")
    assert "The day to answer has passed" in page
    assert "<textarea" in page


def test_an_inquiry_says_that_no_money_has_moved(world: World, api: Api) -> None:
    dispute_id = contest(world, api, "inquiry")
    page = text_of(world.sign_in("owner"), f"/admin/disputes/{dispute_id}")
    assert "no money has moved" in page
    assert "Inquiry" in page


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_owner_and_admin_answer_and_see_that_the_bank_decides(world: World, dispute_id: str, role: str) -> None:
    client = world.sign_in(role)
    answer = send(client, dispute_id, "evidence", text="We shipped it on Monday.")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/disputes/{dispute_id}")
    page = text_of(client, f"/admin/disputes/{dispute_id}")
    for expected in ("Your answer is with the bank.", "Under review", "We shipped it on Monday."):
        assert expected in page, expected
    assert "<textarea" not in page
    assert the_dispute(world).evidence_submitted


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_who_accepts_is_told_the_consequence_first(world: World, dispute_id: str, role: str) -> None:
    client = world.sign_in(role)
    form = text_of(client, f"/admin/disputes/{dispute_id}/accept")
    assert "$20.00 stays with the customer." in form
    assert the_dispute(world).status == "needs_response", "looking changes nothing"
    answer = send(client, dispute_id, "accept")
    assert answer.status_code == 303
    page = text_of(client, f"/admin/disputes/{dispute_id}")
    assert "Dispute accepted. $20.00 stays with the customer." in page
    assert the_dispute(world).status == "lost"
    assert "Nothing left to accept" in text_of(client, f"/admin/disputes/{dispute_id}/accept")


def test_a_viewer_reads_and_decides_nothing(world: World, dispute_id: str) -> None:
    client = world.sign_in("viewer")
    page = text_of(client, f"/admin/disputes/{dispute_id}")
    assert "<textarea" not in page
    assert "/accept" not in page
    assert "An owner or an admin can answer" in page
    text_of(client, f"/admin/disputes/{dispute_id}/accept", 403)
    assert send(client, dispute_id, "evidence", text="Mine").status_code == 403
    assert send(client, dispute_id, "accept").status_code == 403
    assert the_dispute(world).action is None


@pytest.mark.parametrize("who", ["stranger", "owner"])
def test_what_is_not_theirs_or_not_there_is_404(world: World, dispute_id: str, who: str) -> None:
    client = world.sign_in(who)
    wanted = [dispute_id] if who == "stranger" else [new_id("dp"), "nothing", "dp_", "pay_01m80e38hhehgbtrq4yh178a0n"]
    for one in wanted:
        for path in (f"/admin/disputes/{one}", f"/admin/disputes/{one}/accept"):
            assert "$20.00" not in text_of(client, path, 404)
        assert send(client, one, "evidence", text="Mine").status_code == 404
        assert send(client, one, "accept").status_code == 404
    if who == "stranger":
        assert listed(text_of(client, "/admin/disputes?status=all")) == []
        assert listed(text_of(client, f"/admin/disputes?after={dispute_id}")) == []
    assert (the_dispute(world).status, the_dispute(world).action) == ("needs_response", None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Write what the bank should know."),
        ("  \n ", "Write what the bank should know."),
        ("x" * 20_001, "At most 20,000 characters can be sent; this has 20,001."),
        ("Paid with 4242 4242 4242 4242", "This holds what looks like a card number."),
    ],
)
def test_a_text_that_cannot_be_sent_is_told_in_words_and_kept_unless_it_is_a_card_number(
    world: World, dispute_id: str, text: str, sentence: str
) -> None:
    answer = send(world.sign_in("owner"), dispute_id, "evidence", text=text)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in page
    assert 'aria-invalid="true"' in page
    assert "4242 4242" not in page
    assert text.strip()[:100] in page or "4242" in text
    assert the_dispute(world).action is None


def test_what_somebody_wrote_is_text_and_nothing_else(world: World, dispute_id: str) -> None:
    client = world.sign_in("owner")
    nasty = "</textarea><img src=x onerror=alert(1)>{{7*7}}"
    assert "<img src=x" not in send(client, dispute_id, "evidence", text=nasty + "x" * 20_000).get_data(as_text=True)
    send(client, dispute_id, "evidence", text=nasty)
    page = text_of(client, f"/admin/disputes/{dispute_id}")
    assert "<img src=x" not in page
    assert "&lt;/textarea&gt;" in page


def test_an_answer_to_what_is_closed_is_409_with_the_present_state(world: World, dispute_id: str) -> None:
    client = world.sign_in("owner")
    send(client, dispute_id, "accept")
    for action, form in (("evidence", {"text": "Wait"}), ("accept", {})):
        answer = send(client, dispute_id, action, **form)
        page = answer.get_data(as_text=True)
        assert answer.status_code == 409
        assert "This dispute is lost. Nothing can be sent any more." in page
        assert "<textarea" not in page


def test_the_same_answer_sent_twice_is_one_and_says_so_both_times(world: World, dispute_id: str) -> None:
    client = world.sign_in("owner")
    for _ in range(2):
        assert send(client, dispute_id, "evidence", text="We shipped it.").status_code == 303
    assert send(client, dispute_id, "evidence", text="Something else.").status_code == 409


def test_an_answer_without_an_answer_is_on_its_way_and_the_page_looks_again(world: World, dispute_id: str) -> None:
    world.fault(kind="reset_before", operation="disputes.update")
    client = world.sign_in("owner")
    assert send(client, dispute_id, "evidence", text="We shipped it.").status_code == 303
    page = text_of(client, f"/admin/disputes/{dispute_id}")
    assert "Answer on its way" in page
    assert "On its way. The processor has not answered yet" in page
    assert 'hx-trigger="every 3s"' in page
    assert "<textarea" not in page
    part = client.get(f"/admin/disputes/{dispute_id}", headers=HTMX).get_data(as_text=True)
    assert part.lstrip().startswith('<div id="dispute"')


def test_htmx_gets_the_page_alone_and_is_sent_on_by_header(world: World, dispute_id: str) -> None:
    client = world.sign_in("owner")
    wrong = send(client, dispute_id, "evidence", text="", htmx="yes")
    assert wrong.status_code == 422
    assert wrong.get_data(as_text=True).lstrip().startswith('<div id="dispute"')
    right = send(client, dispute_id, "evidence", text="We shipped it.", htmx="yes")
    assert right.headers["HX-Redirect"] == f"/admin/disputes/{dispute_id}"


# --- Elsewhere ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def by_status(world: World, dispute_id: str) -> dict[str, str]:
    """What the payment's page says while its dispute has each of the statuses."""
    client, payment_id = world.sign_in("owner"), the_dispute(world).payment_id
    found = {}
    for status in ("needs_response", "under_review", "won", "lost"):
        with organization(world.acme.id), transaction() as session:
            session.execute(update(Dispute).where(Dispute.organization_id == world.acme.id).values(status=status))
        found[status] = text_of(client, f"/admin/payments/{payment_id}")
    return found


def test_a_payments_page_says_that_it_is_disputed_and_offers_no_refund_meanwhile(
    world: World, dispute_id: str, by_status: dict[str, str]
) -> None:
    refund = f"/admin/payments/{the_dispute(world).payment_id}/refund"
    for status, page in by_status.items():
        assert f"/admin/disputes/{dispute_id}" in page, status
        assert ("There is no refund meanwhile" in page) == (status in ("needs_response", "under_review")), status
        assert (refund in page) == (status == "won"), status
    assert "Answer the dispute" in by_status["needs_response"]
    assert "$20.00</span> was lost in a dispute" in by_status["lost"]


def test_the_refund_page_of_a_disputed_payment_gives_the_reason_and_no_form(world: World, dispute_id: str) -> None:
    client, payment_id = world.sign_in("owner"), the_dispute(world).payment_id
    answer = client.get(f"/admin/payments/{payment_id}/refund")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "No refund while it is disputed" in page
    assert 'name="amount"' not in page


def test_the_overview_counts_what_needs_an_answer_and_leads_there(world: World, api: Api) -> None:
    client = world.sign_in("viewer")
    assert "dispute needs" not in text_of(client, "/admin/")
    (first,) = make(world, api, [5])
    assert "1 dispute needs an answer by " in text_of(client, "/admin/")
    make(world, api, [9, 2], "warning")
    make(world, api, [1], "under_review")
    page = text_of(client, "/admin/")
    assert "3 disputes need an answer, the first by " in page
    assert 'class="go" href="/admin/disputes"' in page
    assert listed(text_of(client, "/admin/disputes"))[1] == first
