"""No leftovers of htmx 2 in templates and scripts, by the checker htmx itself ships.

That every template compiles, alone and block by block, is proved by the tests.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKER = "scripts/vendor/htmx_upgrade_check"
PLACES = ("ballast/templates", "ballast/static/js", "ballast/sandbox")


def main() -> int:
    """Run the checker over our own files; its exit code."""
    places = [place for place in PLACES if (ROOT / place).exists()]
    return subprocess.run([sys.executable, CHECKER, "--no-color", *places], check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
