"""A whole stack and a Chromium for each test process; a fresh browser profile for each test, and an eye on its console."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from ballast.local.chromium import MEND, find_chromium
from tests.browser.cards import CARDS, Cards
from tests.browser.people import Buyer, Merchant
from tests.browser.routing import routing
from tests.stack import Stack

# A loaded machine of two cores is slow; nothing waits this long when all is well.
PATIENCE_MS = 30_000
# The browser says so itself when a page answers 4xx, which some pages are meant to.
EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of (403|404|409|422)")


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("browser"))
    stack.start(PROCESSOR_READ_TIMEOUT="10", BRAINTREE_READ_TIMEOUT="10")
    yield stack
    stack.stop()


@pytest.fixture
def stack(running_stack: Stack) -> Iterator[Stack]:
    """The whole product, whose processors behave; new cards are Stripe's unless a test wants `processor`."""
    yield running_stack
    running_stack.forget_faults()


@pytest.fixture(scope="session")
def route_to(running_stack: Stack) -> Iterator[Callable[[str], None]]:
    """Have all new cards of the shop go to a processor from now on; who asks for it puts Stripe back."""
    with routing(running_stack) as route_to:
        yield route_to


@pytest.fixture(scope="module", params=list(CARDS))
def processor(request: pytest.FixtureRequest, route_to: Callable[[str], None]) -> Iterator[str]:
    """Each processor in turn, to whom all new cards of the shop go meanwhile."""
    route_to(request.param)
    yield request.param
    route_to("stripe")


@pytest.fixture
def cards(processor: str) -> Cards:
    """What cards do at the processor."""
    return CARDS[processor]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; one per module, because two Playwrights cannot run at once in a process (tests/sandbox has one too)."""
    place = find_browser()
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])
        yield browser
        browser.close()


@cache
def find_browser() -> Path:
    """The Chromium of this machine. A missing one fails, and says how to mend that."""
    found = find_chromium()
    assert found, MEND
    return found


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What any page of the test complained of: script errors, policy violations, failed requests. Must end empty."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def profile(chromium: Browser, stack: Stack, complaints: list[str]) -> Iterator[Callable[..., BrowserContext]]:
    """Make a browser profile: `profile(java_script_enabled=False)`, `profile(viewport=…)`."""
    made: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = chromium.new_context(base_url=stack.web, reduced_motion="reduce", **options)
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", lambda message: complaints.extend(read_complaint(message)))
        context.on(
            "weberror", lambda error: complaints.append(f"{error.page.url if error.page else ''}: {error.error}")
        )
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def page(profile: Callable[..., BrowserContext]) -> Page:
    """A page of a fresh profile."""
    return profile().new_page()


@pytest.fixture
def buyer(page: Page, stack: Stack) -> Buyer:
    """A shopper with an address nobody else has."""
    return Buyer(page, stack)


@pytest.fixture(scope="session")
def sessions() -> dict[str, Any]:
    """The cookies of each role, so that one test signs in for all the others."""
    return {}


@pytest.fixture
def merchant(profile: Callable[..., BrowserContext], stack: Stack, sessions: dict[str, Any]) -> Callable[..., Merchant]:
    """Somebody signed in to the dashboard: `merchant("viewer")`, in a profile of their own."""

    def sign_in(role: str = "owner", **options: Any) -> Merchant:
        if role not in sessions:
            newcomer = Merchant(profile().new_page(), stack)
            newcomer.sign_in(role)
            sessions[role] = newcomer.page.context.storage_state()
        return Merchant(profile(storage_state=sessions[role], **options).new_page(), stack)

    return sign_in


def read_complaint(message: ConsoleMessage) -> list[str]:
    """An error or warning of a page's console, unless it was expected."""
    if message.type not in ("error", "warning") or EXPECTED.match(message.text):
        return []
    return [f"{message.location.get('url', '')}: {message.text}"]
