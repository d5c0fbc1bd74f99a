"""What no request can show: how the source compares secrets, opens connections and takes forms; and what docs/security.md claims."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from scripts import audit

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
# The sandbox plays the processors on a developer's machine, and the local stack starts it; neither is installed in production.
NOT_SERVED = ("sandbox", "local", "static")


@cache
def sources() -> list[tuple[str, ast.Module]]:
    """Every module that runs in production, with its path below `ballast/`."""
    paths = [path.relative_to(ROOT / "ballast") for path in sorted((ROOT / "ballast").rglob("*.py"))]
    served = [path for path in paths if path.parts[0] not in NOT_SERVED]
    return [(str(path), ast.parse((ROOT / "ballast" / path).read_text(encoding="utf-8"))) for path in served]


# --- Timing ------------------------------------------------------------------------------------------------------------------

SECRET = re.compile(
    r"(^|_)(secret|password|signature|sign|hmac|mac|digest|otp|totp|token|api_key|bearer|credential|hash|hashed|recovery_code)s?$"
)
# Compared by `==` and no secrets of anybody. A place that is gone, or that is not listed, fails.
NO_SECRETS = {
    "audit/verification.py: seals.hash_of(seal, walk.hash) != seal.hash": "a chain its reader recomputes",
    "audit/verification.py: seals.digest(entry) != said": "the same",
    "billing/financing/papers.py: hash_of(agreement.terms) == agreement.terms_hash": "of terms its reader sees",
    "billing/payments.py: token not in (payment.payment_method_token, payment.payment_method_id)": "both the caller's own",
    "blueprints/processors.py: name not in secret": "`secret` is the names of fields",
    "billing/financing/servicing/acting.py: seen.hash != by.preview_hash": "of a preview its reader sees",
}


def secrets_compared(tree: ast.Module) -> Iterator[str]:
    """Comparisons by ==, != or `in` with a secret in them. Those of SQL (`Order.token == token`) are the database's, by index."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
            sides = [node.left, *node.comparators]
            if not any(map(is_plain, sides)) and not any(map(is_column, sides)) and any(map(is_secret, sides)):
                yield ast.unparse(node)


def is_plain(side: ast.expr) -> bool:
    return isinstance(side, ast.Constant)


def is_column(side: ast.expr) -> bool:
    """`Order.token`: an attribute of a class."""
    return isinstance(side, ast.Attribute) and isinstance(side.value, ast.Name) and side.value.id[0].isupper()


def is_secret(side: ast.expr) -> bool:
    if isinstance(side, ast.Call):
        return is_secret(side.func)
    name = side.attr if isinstance(side, ast.Attribute) else side.id if isinstance(side, ast.Name) else ""
    return SECRET.search(name) is not None


def test_secrets_are_compared_in_constant_time_and_never_with_equals() -> None:
    caught = "if given == self.webhook_secret: pass\nif sign(key, body) != signature: pass\nif token in expected: pass"
    assert len(list(secrets_compared(ast.parse(caught)))) == 3, "it would not see one"
    assert {f"{name}: {found}" for name, tree in sources() for found in secrets_compared(tree)} == set(NO_SECRETS)


# --- Connections -------------------------------------------------------------------------------------------------------------

CLIENTS = {"socket", "http", "urllib3", "requests", "httpx", "aiohttp", "ftplib", "smtplib", "telnetlib"}
# Who opens connections, and what keeps somebody else's address from being where they lead.
OPENERS = {
    "notifications/addresses.py": "looks names up, and is the guard",
    "notifications/posting.py": "webhooks: only to where addresses.py says",
    "notifications/wires.py": "keeps what posting.py has opened, behind the same guard",
    "notifications/flights.py": "sends on what wires.py keeps, opens nothing",
    "notifications/mailbox.py": "Resend, whose address is a setting",
    "processors/stripe_client.py": "Stripe, whose address is a setting",
    "processors/braintree_merchant.py": "Braintree, whose address is a setting",
    "processors/square_client.py": "Square, whose address is a setting",
    "processors/square_answers.py": "reads answers, opens nothing",
    "billing/sandbox_hooks.py": "the sandbox, whose address is a setting",
    "doctor/reaching.py": "a command's: addresses of the settings",
}


def imported(tree: ast.Module) -> set[str]:
    """The modules of CLIENTS a module imports."""
    names = {
        name
        for node in ast.walk(tree)
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    return {name for name in names if name.split(".")[0] in CLIENTS or name == "urllib.request"}


def test_connections_are_opened_by_these_modules_alone() -> None:
    """A picture, a file's address, a tracking link: nothing that somebody typed is ever fetched, webhooks' endpoints apart."""
    assert {name for name, tree in sources() if imported(tree)} == set(OPENERS)


# --- Forms -------------------------------------------------------------------------------------------------------------------


def forms_taken_whole(tree: ast.Module) -> Iterator[str]:
    """`**request.form`, `Model(**form)`, `for name, value in request.form.items(): setattr(…)`: whatever was sent, taken."""
    for node in ast.walk(tree):
        spread = [one.value for one in node.keywords if one.arg is None] if isinstance(node, ast.Call) else []
        if isinstance(node, ast.For):
            spread = [node.iter] if "setattr" in ast.unparse(node) else []
        yield from (
            ast.unparse(one) for one in spread if re.search(r"request\.(form|args|values|json)", ast.unparse(one))
        )


def test_no_view_takes_a_form_as_a_whole() -> None:
    assert list(forms_taken_whole(ast.parse("User(**request.form)\nUser(**dict(request.form.items()))"))), "it is blind"
    assert [(name, found) for name, tree in sources() for found in forms_taken_whole(tree)] == []


# --- `make audit` ------------------------------------------------------------------------------------------------------------


def answered(*packages: dict[str, Any]) -> CompletedProcess[str]:
    return CompletedProcess([], 0, json.dumps({"dependencies": list(packages)}), "")


def test_an_audit_that_could_not_look_is_no_clean_one(capsys: pytest.CaptureFixture[str]) -> None:
    clean = {"name": "flask", "version": "3.1", "vulns": []}
    holed = {"name": "yarl", "version": "1", "vulns": [{"id": "GHSA-1", "fix_versions": ["2"]}]}
    unknown = {"name": "six", "skip_reason": "not found on PyPI"}
    assert audit.judge(answered(clean)) == 0
    assert audit.judge(answered(clean, holed, unknown)) == audit.FOUND
    assert "yarl 1: GHSA-1, mended in 2" in capsys.readouterr().out
    for nothing in (answered(clean, unknown), answered(), CompletedProcess([], 1, "", "no route to host")):
        assert audit.judge(nothing) == audit.UNPROVED
        assert "nothing is proved" in capsys.readouterr().err


# --- What the page claims ----------------------------------------------------------------------------------------------------

NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
LINES = [
    line for line in PAGE.read_text(encoding="utf-8").partition("## Checklist")[2].splitlines() if line[:2] == "* "
]


def test_every_test_that_the_page_names_exists() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 80
    for file, test in named:
        found = ROOT / "tests" / file
        assert found.exists(), file
        assert re.search(rf"^def {test}\(", found.read_text(encoding="utf-8"), re.MULTILINE), f"{file}::{test}"


def test_every_line_of_the_checklist_names_its_proof_or_says_whose_it_is() -> None:
    said = ("**Open**", "**operator**", "**level 3**", "`make check`")
    lines = [line for line in LINES if not line.startswith("* Not applicable")]
    assert [line for line in lines if not NAMED.search(line) and not any(word in line for word in said)] == []
