"""`make test-live` says what it needs, refuses live keys, and leaves out what only our sandbox can do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.processors.benches import NEEDED
from tests.processors.live import find_live_looking

KEYS = {key for keys in NEEDED.values() for key in keys}
TEST_KEYS = {"SQUARE_ACCESS_TOKEN": "EAAAEx", "SQUARE_APPLICATION_ID": "sandbox-sq0idb-x", "SQUARE_LOCATION_ID": "Lx"}


def run(command: list[str], **keys: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these keys and no others."""
    clean = {name: value for name, value in os.environ.items() if name not in KEYS}
    return subprocess.run(
        [sys.executable, "-m", *command], check=False, capture_output=True, text=True, env=clean | keys, timeout=120
    )


def test_without_keys_it_says_which_to_set_and_runs_nothing() -> None:
    done = run(["tests.processors.live"])
    assert done.returncode == 0
    assert all(key in done.stdout for key in KEYS)
    assert done.stdout.endswith("Nothing was run.\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_SECRET_KEY", "sk_live_x"),
        ("STRIPE_SECRET_KEY", "rk_live_x"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_live_x"),
        ("SQUARE_APPLICATION_ID", "sq0idp-x"),
        ("BRAINTREE_PRIVATE_KEY", "production_x"),
    ],
)
def test_a_live_looking_key_is_refused(name: str, value: str) -> None:
    done = run(["tests.processors.live"], **{name: value})
    assert done.returncode == 2
    assert f"{name} looks like a live key" in done.stdout
    assert find_live_looking({name: value.replace("live", "test")}) == (None if "live" in value else name)


def test_with_keys_it_runs_for_those_processors_only_and_without_the_sandbox() -> None:
    suite = "tests/processors/test_conformance.py"
    options = ["-m", "not sandbox_only", "--collect-only", "-q", "-p", "no:cacheprovider"]
    collected = run(["pytest", suite, *options], BALLAST_TEST_LIVE="yes", **TEST_KEYS)
    assert collected.returncode == 0, collected.stdout
    lines = [line for line in collected.stdout.splitlines() if "::" in line]
    assert any("refunds_in_parts" in line and "[square]" in line for line in lines)
    assert not any("stripe" in line or "braintree" in line or "fault" in line for line in lines)
    assert len(lines) > 25
