"""What docs/quickstart.md and docs/pagination.md tell the reader to run is run; the page of test cards is what the sandbox knows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ballast.local.ports import any_free
from scripts import write_test_cards
from tests.billing.disputing import serving
from tests.world import Api, World

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(name: str) -> list[tuple[str, str]]:
    return [(found[1], found[2]) for found in BLOCK.finditer((DOCS / name).read_text())]


@pytest.fixture
def reader(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Somebody in an empty folder who has set what step 1 says."""
    with serving(world.app) as address:
        monkeypatch.setenv("BALLAST_URL", address)
        monkeypatch.setenv("BALLAST_API_KEY", world.acme.api_key)
        monkeypatch.chdir(tmp_path)
        yield


def run(lang: str, source: str) -> str:
    """What it prints; fails with its complaint."""
    command = ["bash", "-euc", source] if lang == "bash" else [sys.executable, "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=60)
    assert done.returncode == 0, f"{source}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def receiving(source: str) -> Iterator[Path]:
    """The reader's own server, in the other terminal; what it printed."""
    printed = Path("receiver.txt")
    Path("receiver.py").write_text(source)
    with (
        printed.open("w") as out,
        subprocess.Popen([sys.executable, "receiver.py"], stdout=out, stderr=subprocess.DEVNULL) as server,
    ):
        try:
            yield printed
        finally:
            server.terminate()


def await_lines(printed: Path, count: int, world: World) -> list[str]:
    """What the server printed, as soon as that is so much; the worker works meanwhile."""
    until = time.monotonic() + 20
    while len(lines := printed.read_text().splitlines()) < count:
        assert time.monotonic() < until, lines
        world.drain()
        time.sleep(0.05)
    return lines


def test_the_quickstart_leads_to_a_payment_and_a_verified_webhook(reader: None, world: World) -> None:
    port = str(any_free())
    first, in_python, endpoint, receiver, again = [
        (lang, source.replace("3000", port)) for lang, source in blocks("quickstart.md")
    ]
    assert run(*first) == run(*first)
    assert len(world.charges()) == 1
    assert "succeeded\n402 " in run(*in_python)
    run(*endpoint)
    with receiving(receiver[1]) as printed:
        run(*again)
        told = sorted(line.split()[0] for line in await_lines(printed, 2, world))
    assert told == ["payment_intent.created", "payment_intent.succeeded"]
    assert len(world.charges()) == 3


def test_the_loop_through_a_list_sees_every_payment_once(reader: None, api: Api) -> None:
    made = [api.pay(confirm=False).get_json()["id"] for _ in range(3)]
    ((lang, source),) = blocks("pagination.md")
    seen = run(lang, source.replace('"limit": 100', '"limit": 2'))
    assert [line.split()[0] for line in seen.splitlines()] == made[::-1]


def test_the_page_of_test_cards_is_what_the_sandbox_knows() -> None:
    assert write_test_cards.PAGE.read_text() == write_test_cards.page(), "run `python -m scripts.write_test_cards`"
