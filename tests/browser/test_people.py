"""People and keys in a real browser: invited, joined, given a key; with scripts and without."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.browser.people import Merchant
from tests.browser.test_pages import check
from tests.stack import Stack, await_value

pytestmark = [pytest.mark.browser, pytest.mark.stack]

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


@SCRIPTS
def test_a_key_is_made_shown_once_and_revoked(merchant: Callable[..., Merchant], stack: Stack, scripts: bool) -> None:
    page = merchant("admin", java_script_enabled=scripts).page
    name = f"Export {uuid4().hex[:6]}"
    page.goto("/admin/settings/api-keys")
    page.get_by_role("link", name="Create key").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("checkbox", name="Refund payments").uncheck()
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("heading", name=f"{name} is ready")).to_be_visible()
    token = page.locator(".copy-line code").inner_text()
    assert stack.call("GET", "/payments", headers={"X-API-Key": token}).status_code == 200
    if scripts:
        check(page)
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("main")).not_to_contain_text(token)
    page.get_by_role("link", name=f"Revoke {name}").click()
    page.get_by_role("button", name="Revoke this key").click()
    expect(page.get_by_text(f"{name} is revoked.")).to_be_visible()
    assert stack.call("GET", "/payments", headers={"X-API-Key": token}).status_code == 401


@SCRIPTS
def test_somebody_is_invited_and_joins(
    merchant: Callable[..., Merchant], profile: Callable[..., object], stack: Stack, scripts: bool
) -> None:
    email = f"{uuid4().hex[:8]}@example.com"
    page = merchant("owner", java_script_enabled=scripts).page
    page.goto("/admin/settings/members")
    page.get_by_role("link", name="Invite").click()
    page.get_by_label("Email").fill(email)
    page.get_by_role("radio", name=re.compile("Admin")).check()
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text(f"We wrote to {email}.")).to_be_visible()
    mails = await_value(lambda: stack.mails(email))
    found = re.search(r"(/invitations/\S+)", mails[0]["text"])
    assert found

    joining = profile(java_script_enabled=scripts).new_page()  # type: ignore[attr-defined]
    joining.goto(found[1])
    joining.get_by_label("Your name").fill("Jun Watanabe")
    joining.get_by_label("Choose a password").fill("a kettle of unrelated words")
    joining.get_by_role("button", name="Join Acme Corp").click()
    expect(joining.get_by_role("heading", name="Overview")).to_be_visible()
