"""What every page must be: readable by everybody in light and dark, and whole on a narrow screen."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Frame, Page, ViewportSize

BAD = ["serious", "critical"]
# Frames of another origin are looked at one by one: axe cannot reach into them.
OPTIONS = {"resultTypes": ["violations"], "iframes": False}
# A frame is see-through and cannot know the color of the page behind it.
WITHOUT_BACKDROP = {"rules": {"color-contrast": {"enabled": False}}}
# Light and dark differ in colors and in nothing else, so the other rules are asked in the light only.
COLORS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# What depends on how wide the window is; the rest of what axe asks it has answered in the wide one.
LAYOUT = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable", "label", "button-name"]
LAYOUT += ["link-name", "aria-hidden-focus", "bypass", "duplicate-id-aria"]
OF_LAYOUT = {"runOnly": {"type": "rule", "values": LAYOUT}}
# Only what is bad comes back: the rest of axe's answer is long, and nobody reads it.
RUN = "([options, bad]) => axe.run(options).then((found) => found.violations.filter((one) => bad.includes(one.impact)))"
# Empty, or what sticks out on the right of a page that is wider than its window.
WIDER = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 5).map((one) => one.outerHTML.slice(0, 120))"""
# The change between light and dark takes a moment, and so does another width; both are measured after it.
SETTLE = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  do { await frame(); await frame(); } while (document.getAnimations().some((one) => one.playState === "running"));
}"""
WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 320, "height": 640}


def check(page: Page) -> None:
    """No serious violation in light or dark, wide or narrow, and nothing to scroll sideways in a narrow window, which is the smallest
    that WCAG asks for (1.4.10); the window is as it was afterwards.

    A narrow window differs in its layout, and all pages share that: so each page is looked at narrow in one scheme, by its title.
    """
    before = page.viewport_size or WIDE
    looks = [(WIDE, "light"), (WIDE, "dark"), (NARROW, ("light", "dark")[crc32(page.title().encode()) % 2])]
    found = {}
    for size, scheme in looks:
        page.set_viewport_size(size)
        found[scheme, size["width"]] = violations(page, scheme, size)
    assert not any(found.values()), found
    page.set_viewport_size(before)
    check_width(page)


def check_width(page: Page) -> None:
    """Nothing to scroll sideways in a narrow window; the window is as it was afterwards."""
    before = page.viewport_size or WIDE
    page.set_viewport_size(NARROW)
    page.evaluate(SETTLE)
    wider = page.evaluate(WIDER)
    assert wider == [], f"wider than {NARROW['width']} px: {wider}"
    page.set_viewport_size(before)


def violations(page: Page, scheme: Any, size: ViewportSize = WIDE) -> list[str]:
    """What axe finds serious or critical, with where it is, in the page and the frames in it."""
    page.emulate_media(color_scheme=scheme)
    page.evaluate(SETTLE)
    in_light, is_wide = scheme == "light", size is WIDE
    asked = OF_LAYOUT if not is_wide else {} if in_light else COLORS
    found = []
    for frame in page.frames if in_light and is_wide else [page.main_frame]:
        options = OPTIONS if frame == page.main_frame else OPTIONS | WITHOUT_BACKDROP
        for one in run_axe(frame, options | asked):
            found += [f"{one['id']}: {node['html'][:120]} {node['failureSummary']}" for node in one["nodes"]]
    return found


def run_axe(frame: Frame, options: dict[str, Any]) -> list[dict[str, Any]]:
    """The bad violations in a document, which keeps axe for the next time: half a megabyte of script is slow to bring."""
    if not frame.evaluate("'axe' in window"):
        frame.evaluate(Axe().axe_script)
    found: list[dict[str, Any]] = frame.evaluate(RUN, [options, BAD])
    return found
