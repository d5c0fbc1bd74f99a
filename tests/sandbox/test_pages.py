"""The pages people look at: whole, free of inline code, and accessible in both color schemes."""

from typing import Any, Literal

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser

from tests.sandbox.conftest import Sandbox, catch

PAGES = ["/", "/_sandbox/charges", "/_sandbox/mailbox", "/_sandbox/receiver", "/_sandbox/wire", "/_sandbox/faults"]
HTML = {"Accept": "text/html"}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def pages(sandbox: Sandbox, account: str, pay: Any, api: Any) -> Any:
    """Every page, with something on it."""
    pay(return_url="http://127.0.0.1:9/")
    catch(lambda: pay("pm_card_chargeDeclined"))
    sandbox.fault("webhook_late", share=0.5)
    mail = {"from": "a@b.test", "to": "ann@example.com", "subject": "<script>alert(1)</script>", "html": "<b>hello</b>"}
    headers = {"Authorization": "Bearer re_test"}
    sent = requests.post(f"{sandbox.url}/emails", json=mail, headers=headers, timeout=5).json()["id"]
    requests.post(f"{sandbox.url}/_sandbox/receiver", data='{"type":"<i>x</i>"}', timeout=5)
    bank = pay("pm_card_authenticationRequired", return_url="http://127.0.0.1:9/").next_action.redirect_to_url.url
    return [f"{sandbox.url}{path}" for path in [*PAGES, f"/_sandbox/mailbox/{sent}"]] + [bank]


def test_pages_hold_nothing_inline_and_escape_what_they_show(pages: list[str]) -> None:
    for url in pages:
        answer = requests.get(url, headers=HTML, timeout=5)
        assert answer.status_code == 200, url
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
        assert " style=" not in answer.text
        assert "<script>" not in answer.text
        assert "<i>x</i>" not in answer.text


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_pages_are_accessible_and_fit_the_screen(
    pages: list[str], browser: Browser, scheme: Literal["light", "dark"], width: int
) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    for url in pages:
        page.goto(url)
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, f"{url}\n{found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), url
    page.close()


def test_an_unknown_mail_is_404(sandbox: Sandbox) -> None:
    assert requests.get(f"{sandbox.url}/_sandbox/mailbox/none", timeout=5).status_code == 404


def test_another_site_cannot_reset_the_sandbox(sandbox: Sandbox, account: str, pay: Any) -> None:
    pay()
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert requests.post(f"{sandbox.url}/_sandbox/reset", headers=headers, timeout=5).status_code == 403
    assert len(sandbox.charges(account)) == 1
