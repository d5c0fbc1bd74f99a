"""What every page must be: readable by everybody in light and dark, and whole on a narrow screen."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Frame, Page, ViewportSize

BAD = ["serious", "critical"]
# Frames of another origin are looked at one by one: axe cannot reach into them.
OPTIONS = {"resultTypes": ["violations"], "iframes": False}
# A frame is see-through and cannot know the color of the page behind it.
WITHOUT_BACKDROP = {"rules": {"color-contrast": {"enabled": False}}}
# Light and dark differ in colors and in nothing else, so the other rules are asked in the light only.
COLORS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# Only what is bad comes back: the rest of axe's answer is long, and nobody reads it.
RUN = "([options, bad]) => axe.run(options).then((found) => found.violations.filter((one) => bad.includes(one.impact)))"
# The change between light and dark takes a moment; colors are measured after it.
SETTLE = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  do { await frame(); await frame(); } while (document.getAnimations().some((one) => one.playState === "running"));
}"""
PHONE: ViewportSize = {"width": 390, "height": 844}


def check(page: Page) -> None:
    """No serious violation in light or dark, and nothing to scroll sideways on a phone."""
    found = {scheme: violations(page, scheme) for scheme in ("light", "dark")}
    assert found == {"light": [], "dark": []}
    check_width(page)


def check_width(page: Page) -> None:
    """Nothing to scroll sideways on a phone; the window is as it was afterwards."""
    before = page.viewport_size
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    if before:
        page.set_viewport_size(before)


def violations(page: Page, scheme: Any) -> list[str]:
    """What axe finds serious or critical, with where it is, in the page and the frames in it."""
    page.emulate_media(color_scheme=scheme)
    page.evaluate(SETTLE)
    in_light = scheme == "light"
    found = []
    for frame in page.frames if in_light else [page.main_frame]:
        options = OPTIONS if frame == page.main_frame else OPTIONS | WITHOUT_BACKDROP
        for one in run_axe(frame, options if in_light else options | COLORS):
            found += [f"{one['id']}: {node['html'][:120]} {node['failureSummary']}" for node in one["nodes"]]
    return found


def run_axe(frame: Frame, options: dict[str, Any]) -> list[dict[str, Any]]:
    """The bad violations in a document, which keeps axe for the next time: half a megabyte of script is slow to bring."""
    if not frame.evaluate("'axe' in window"):
        frame.evaluate(Axe().axe_script)
    found: list[dict[str, Any]] = frame.evaluate(RUN, [options, BAD])
    return found
