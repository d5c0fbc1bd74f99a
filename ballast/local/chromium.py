"""The Chromium the browser tests run: found, or installed. `python -m ballast.local.chromium` prints where it is."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ballast.local.errors import LocalError
from ballast.local.panel import complain, say

# First the shell: the same browser without its windows, which nobody sees in the tests; it takes half the time.
SYSTEM_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
)
SYSTEM_PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
INSTALL_SECONDS = 900
MEND = (
    "No Chromium for the browser tests. Set BALLAST_CHROMIUM to one, or install one: "
    "`.venv/bin/python -m playwright install --with-deps chromium`, or the system's package (apt-get install chromium)."
)


def find_chromium() -> Path | None:
    """The browser of BALLAST_CHROMIUM, else Playwright's own, else the system's.

    Raises LocalError when BALLAST_CHROMIUM names something that is no program.
    """
    named = os.environ.get("BALLAST_CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise LocalError(f"BALLAST_CHROMIUM is {named}, which is not a program.")
        return Path(named)
    return _find_playwrights() or _find_systems()


def require_chromium() -> Path:
    """The browser, installed if there is none: Playwright's download, else Debian's package when we are root.

    Raises LocalError with what to do when neither works.
    """
    found = find_chromium()
    if found is None:
        _install()
        found = find_chromium()
    if found is None:
        raise LocalError(MEND)
    return found


def _find_playwrights() -> Path | None:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    folder = path.parents[1]
    shells = folder.parent.glob(f"{folder.name.replace('chromium', 'chromium_headless_shell')}/*/*headless*shell")
    return next((place for place in (*shells, path) if os.access(place, os.X_OK)), None)


def _find_systems() -> Path | None:
    found = next(filter(None, map(shutil.which, SYSTEM_NAMES)), None)
    if found:
        return Path(found)
    return next((Path(place) for place in SYSTEM_PLACES if os.access(place, os.X_OK)), None)


def _install() -> None:
    complain("No Chromium yet; installing one for the browser tests.")
    if _succeeds([sys.executable, "-m", "playwright", "install", "chromium"]):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        complain("Playwright's download did not work; taking Debian's package.")
        # What is tried next only if it failed: a list of packages that is there already saves the refresh.
        install = ["apt-get", "install", "-y", "--no-install-recommends"]
        shell, whole = [*install, "chromium-headless-shell"], [*install, "chromium"]
        if not _succeeds(shell) and not (_succeeds(["apt-get", "update"]) and _succeeds(shell)):
            _succeeds(whole)


def _succeeds(command: Sequence[str]) -> bool:
    """Run a command with its output on standard error, which leaves standard output to the path."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, check=False, stdout=sys.stderr, stdin=subprocess.DEVNULL, timeout=INSTALL_SECONDS, env=env
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        complain(str(error))
        return False
    return done.returncode == 0


def main() -> int:
    """Print the browser's path; the exit code."""
    try:
        say(str(require_chromium()))
    except LocalError as error:
        complain(f"ballast: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
