"""The audit log in the dashboard: filtered by address, read as before and after, exported without harm."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from ballast import audit, sheets
from ballast.audit import export
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from tests.world import World, csrf

LIST = "/admin/audit"


def note(world: World, action: str, changes: dict[str, Any] | None = None, resource_id: str = "pay_x") -> None:
    db.session.rollback()
    with organization(world.acme.id), transaction():
        audit.record(world.acme.id, action, "payment", resource_id, changes)


def look(client: FlaskClient, status: int = 200, **query: str) -> str:
    answer = client.get(LIST, query_string=query)
    assert answer.status_code == status
    return html.unescape(answer.get_data(as_text=True))


def titles(page: str) -> list[str]:
    return re.findall(r"<td><strong>([^<]*)</strong>", page)


def exported(client: FlaskClient, **query: str) -> list[dict[str, str]]:
    answer = client.get(f"{LIST}/export.csv", query_string=query)
    assert (answer.status_code, answer.content_type) == (200, "text/csv; charset=utf-8")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-acme-')
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))


@pytest.fixture
def owner(world: World) -> FlaskClient:
    return world.sign_in("owner")


def test_a_changed_setting_is_read_as_before_and_after_with_who_and_where(world: World, owner: FlaskClient) -> None:
    form = {"name": "Acme Roasters", "csrf_token": csrf(owner.get("/admin/settings").get_data(as_text=True))}
    assert owner.post("/admin/settings", data=form).status_code == 303
    page = look(owner, action="organization.updated")
    assert titles(page) == ["Organization updated"]
    for shown in (
        "<del>Acme Corp</del>",
        "<ins>Acme Roasters</ins>",
        "Owner",
        "owner@example.com",
        "127.0.0.1",
        "req_",
    ):
        assert shown in page


def test_the_filters_stand_in_the_address_and_are_kept_by_the_pager(world: World, owner: FlaskClient) -> None:
    for number in range(30):
        note(world, f"tea.{'abcdefghij'[number % 10]}")
    note(world, "pot.washed")
    page = look(owner, action="tea.*", resource_type="payment")
    assert len(titles(page)) == 25
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    query = parse_qs(urlsplit(older[1]).query)
    assert (query["action"], query["resource_type"]) == (["tea.*"], ["payment"])
    assert len(titles(owner.get(older[1]).get_data(as_text=True))) == 5
    assert 'value="tea.*"' in page
    assert titles(look(owner, resource_id="pay_other")) == []
    assert "No entries like this" in look(owner, resource_id="pay_other")
    today, later = f"{real_time():%Y-%m-%d}", f"{real_time() + timedelta(days=2):%Y-%m-%d}"
    assert len(titles(look(owner, **{"from": today, "to": today, "action": "pot.*"}))) == 1
    assert titles(look(owner, **{"from": later})) == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"from": "yesterday"}, "Enter a day"),
        ({"to": "0001-01-01"}, "Enter a day"),
        ({"from": "2026-11-28", "to": "2026-11-27"}, "before the first day"),
    ],
)
def test_days_that_are_none_are_said_to_be(owner: FlaskClient, query: dict[str, str], says: str) -> None:
    assert says in look(owner, 422, **query)
    assert owner.get(f"{LIST}/export.csv", query_string=query).status_code == 400


def test_htmx_gets_the_list_alone(owner: FlaskClient) -> None:
    part = owner.get(LIST, headers={"HX-Request": "true"}).get_data(as_text=True)
    assert part.lstrip().startswith('<div id="audit"')


def test_only_who_may_read_it_sees_the_link(world: World) -> None:
    for role, seen in (("owner", True), ("admin", True), ("viewer", False)):
        assert (f'href="{LIST}"' in world.sign_in(role).get("/admin/").get_data(as_text=True)) is seen, role


def test_the_export_holds_all_that_fits_over_many_batches(
    world: World, owner: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "BATCH", 3)
    for name in "abcdefgh":
        note(world, f"tea.{name}", {"kind": {"before": "green", "after": 'é, "black"\nand more'}})
    note(world, "pot.washed")
    rows = exported(owner, action="tea.*")
    assert [row["action"] for row in rows] == [f"tea.{name}" for name in "hgfedcba"]
    assert '"after": "é, \\"black\\"\\nand more"' in rows[0]["changes"]
    assert len(exported(owner)) > 9


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_a_spreadsheet_runs_nothing_of_it(world: World, owner: FlaskClient, evil: str) -> None:
    note(world, "tea.made", resource_id=evil)
    (row,) = exported(owner, action="tea.made")
    assert row["resource_id"] == "'" + evil
    for cell in row.values():
        assert not cell.startswith(sheets.FORMULA)


def test_the_export_of_somebody_who_hangs_up_ends(world: World, owner: FlaskClient) -> None:
    answer = owner.get(f"{LIST}/export.csv")
    next(iter(answer.response))
    answer.close()
    assert owner.get(LIST).status_code == 200


def test_staff_are_named_to_staff_and_not_to_merchants(world: World, owner: FlaskClient) -> None:
    from tests.app.test_routes import user_id_of

    db.session.rollback()
    with audit.acting(audit.Actor("staff", user_id_of("staff"), "203.0.113.9")):
        note(world, "organization.looked_after")
    page = look(owner, action="organization.looked_after")
    assert "Ballast staff" in page
    assert "staff@example.com" not in page
    assert "203.0.113.9" not in page
    assert "staff@example.com" in look(world.sign_in("staff"), action="organization.looked_after")
