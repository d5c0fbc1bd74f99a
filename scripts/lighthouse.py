"""Have Lighthouse judge the pages people see first: `make lighthouse` (needs Node; downloads Lighthouse from npm).

Starts the whole product with its state in a temporary folder, buys something, and prints each page's scores on a desktop and on a
phone. The exit code is 1 when one is below what docs/performance.md promises. Run by hand: a busy machine lowers the figures.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

from ballast.local.chromium import require_chromium
from tests.browser.people import Buyer, Merchant
from tests.stack import Stack

LIGHTHOUSE: Final = "lighthouse@12.8.2"
# The least of each, of 100.
LEAST: Final = {"performance": 98, "accessibility": 100, "best-practices": 100}
DEVICES: Final[dict[str, list[str]]] = {"desktop": ["--preset=desktop"], "phone": []}


def main() -> int:
    """Start, buy, judge; the exit code is 1 when a score is too low."""
    if shutil.which("npx") is None:
        print("Node is missing: install nodejs and npm first.", file=sys.stderr)
        return 2
    place = str(require_chromium())
    with tempfile.TemporaryDirectory(prefix="ballast-lighthouse-") as folder:
        stack = Stack(Path(folder))
        try:
            stack.start()
            pages, cookie = visit(place, stack)
            low = [found for found in judge_all(place, Path(folder), pages, cookie) if not found]
        finally:
            stack.stop()
    return int(bool(low))


def visit(place: str, stack: Stack) -> tuple[dict[str, str], str]:
    """Buy a kettle, sign in; answers the addresses to judge and the cookie they are asked with."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])
        buyer = Buyer(open_page(browser, stack), stack)
        buyer.fill_checkout()
        checkout = buyer.address
        buyer.pay_button.click()
        buyer.see_receipt()
        bought = buyer.payment_id
        another = Buyer(open_page(browser, stack), stack)
        another.fill_checkout()
        checkout = another.address
        owner = Merchant(open_page(browser, stack), stack)
        owner.sign_in("owner")
        cookie = "; ".join(f"{one['name']}={one['value']}" for one in owner.page.context.cookies())
        browser.close()
    paths = {
        "storefront": "/shop/acme/",
        "product": "/shop/acme/products/espresso-machine",
        "overview": "/admin/",
        "payments": "/admin/payments",
        "payment": f"/admin/payments/{bought}",
        "settings": "/admin/settings",
    }
    return {name: f"{stack.web}{path}" for name, path in paths.items()} | {"checkout": checkout}, cookie


def open_page(browser: Browser, stack: Stack) -> Page:
    """A page of a fresh profile."""
    return browser.new_context(base_url=stack.web).new_page()


def judge_all(place: str, folder: Path, pages: dict[str, str], cookie: str) -> Iterator[bool]:
    """Judge each page on each device, and print what came of it; yields whether it is good enough."""
    print(f"{'page':<12}{'device':<10}" + "".join(f"{name:>16}" for name in LEAST))
    for name, url in pages.items():
        for device, options in DEVICES.items():
            scores = judge(place, folder, url, cookie, options)
            print(f"{name:<12}{device:<10}" + "".join(f"{score:>16}" for score in scores.values()), flush=True)
            yield all(scores[kind] >= least for kind, least in LEAST.items())


def judge(place: str, folder: Path, url: str, cookie: str, options: list[str]) -> dict[str, int]:
    """The page's scores, of 100; what lost points is printed below."""
    headers = folder / "headers.json"
    headers.write_text(json.dumps({"Cookie": cookie}))
    command = ["npx", "--yes", LIGHTHOUSE, url, *options, "--quiet", "--output=json", f"--extra-headers={headers}"]
    command += [f"--only-categories={','.join(LEAST)}", "--chrome-flags=--headless=new --no-sandbox"]
    environment = {"CHROME_PATH": place, "PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found = json.loads(done.stdout)
    for audit in found["audits"].values():
        if (audit.get("score") or 1) < 0.9 or (audit.get("score") == 0 and audit["scoreDisplayMode"] == "binary"):
            print(f"    {audit['id']}: {audit['title']} {audit.get('displayValue', '')}")
    return {kind: round(100 * found["categories"][kind]["score"]) for kind in LEAST}


if __name__ == "__main__":
    sys.exit(main())
