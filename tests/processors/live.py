"""`make test-live`: the conformance suite against the processors' own hosted sandboxes, with the test keys of the environment.

Whoever has an account keeps our emulation honest with it. Without keys it says which to set, and runs nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.processors.benches import HOSTED, NEEDED

SUITE: Final = Path(__file__).with_name("test_conformance.py")
# How the keys of live accounts begin; Braintree's look alike, and open nothing at its sandbox's address.
LIVE_LOOKING: Final = (
    "sk_live_",
    "rk_live_",
    "pk_live_",
    "sq0idp-",
    "sq0atp-",
    "sq0csp-",
    "production",
    "access_token$production",
)


def main() -> int:
    """Run the suite for the processors whose keys are all there; the exit code."""
    wrong = find_live_looking(os.environ)
    if wrong:
        print(f"{wrong} looks like a live key. This suite charges cards: give it test keys only.")
        return 2
    ready = [name for name, keys in NEEDED.items() if all(os.environ.get(key) for key in keys)]
    for name in [one for one in NEEDED if one not in ready]:
        missing = [key for key in NEEDED[name] if not os.environ.get(key)]
        print(f"{name}: not run. Set {', '.join(missing)} to run it against {HOSTED[name]}.")
    if not ready:
        print("Nothing was run.")
        return 0
    command = [sys.executable, "-m", "pytest", str(SUITE), "-m", "not sandbox_only", "-p", "no:cacheprovider"]
    return subprocess.run(command, check=False, env=os.environ | {"BALLAST_TEST_LIVE": "yes"}).returncode


def find_live_looking(environment: Mapping[str, str]) -> str | None:
    """The name of a variable whose value looks like the key of a live account."""
    names = [key for keys in NEEDED.values() for key in keys] + ["STRIPE_PUBLISHABLE_KEY"]
    values = ((name, environment.get(name, "")) for name in names)
    return next((name for name, value in values if value.startswith(LIVE_LOOKING)), None)


if __name__ == "__main__":
    sys.exit(main())
