"""Every error code has its place in the documentation, and every answer says which version of the API gave it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ballast
from ballast import error_answers
from ballast.blueprints.api.docs import VALIDATION_CODES
from ballast.blueprints.api.error_catalog import CATALOG, to_markdown
from ballast.models.outbox import API_VERSION
from tests.api.conftest import problem
from tests.world import Api, World

ROOT = Path(ballast.__file__).parents[1]
RAISED_AS = {
    "BallastError",
    "InvalidRequest",
    "Unauthenticated",
    "Forbidden",
    "Conflict",
    "PaymentDeclined",
    "ProcessorError",
    "__init__",  # of the errors that have one code
}
LOADED = "import sys, ballast.blueprints.api; print('\\n'.join(n for n in sys.modules if n.startswith('ballast')))"


def modules() -> list[Path]:
    """Every module of ours that the API loads."""
    run = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [ROOT / name.replace(".", "/") for name in run.stdout.split()]
    return [path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py" for path in names]


def codes_in(source: str) -> Iterator[str]:
    """The codes that are raised in a module, and the words it gives as `code`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in RAISED_AS and re.fullmatch(r"[a-z_]+", str(node.args[0].value)):
                yield str(node.args[0].value)


@pytest.fixture(scope="module")
def raised() -> set[str]:
    """The codes that the API may answer with."""
    found = {code for path in modules() for code in codes_in(path.read_text())}
    found |= set(error_answers.CODES.values()) | set(VALIDATION_CODES.values()) | {"parameter_invalid"}
    return found | {"internal_error", "unavailable", "card_declined"}


def test_the_reading_of_the_code_base_finds_codes(raised: set[str]) -> None:
    assert {
        "payment_in_progress",
        "refund_too_large",
        "dispute_closed",
        "resource_missing",
        "version_unknown",
    } <= raised
    assert len(raised) > 50


def test_every_code_the_api_can_raise_is_in_the_catalog(raised: set[str]) -> None:
    assert raised - set(CATALOG) == set()


def test_the_catalog_has_no_code_that_is_never_raised(raised: set[str]) -> None:
    adapters = "".join(path.read_text() for path in (ROOT / "ballast/processors").glob("*.py"))
    assert {code for code in set(CATALOG) - raised if f'"{code}"' not in adapters} == set()


def test_the_page_of_errors_is_made_of_the_catalog() -> None:
    assert (ROOT / "docs/errors.md").read_text() == to_markdown(), "run python -m scripts.write_error_docs"


def test_the_address_in_an_error_leads_to_its_place_on_the_reference_page(api: Api) -> None:
    page = api.client.get("/api/docs").get_data(as_text=True)
    for code in CATALOG:
        assert f'id="error-{code}"' in page, code
    address, _, anchor = problem(api.get("/payments/nothing"))["doc_url"].partition("#")
    assert (address.endswith("/api/docs"), anchor) == (True, "error-resource_missing")


# --- Versions ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, API_VERSION])
def test_the_answer_says_which_version_it_is(api: Api, given: str | None) -> None:
    headers = {"X-API-Key": api.key} | ({"Ballast-Version": given} if given else {})
    for path in ("payments", "balance", "payments/nothing"):
        assert api.client.get(f"/api/v1/{path}", headers=headers).headers["Ballast-Version"] == API_VERSION


@pytest.mark.parametrize("given", ["", "2026-11-02", "latest", "1", "é"])
def test_a_version_that_is_none_is_refused(api: Api, world: World, given: str) -> None:
    answer = api.post("/payments", {"amount": 1, "currency": "USD"}, **{"Ballast-Version": given})
    assert (answer.status_code, problem(answer)["code"], problem(answer)["param"]) == (
        400,
        "version_unknown",
        "Ballast-Version",
    )
    assert answer.headers["Ballast-Version"] == API_VERSION
