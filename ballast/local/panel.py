"""What the terminal shows, and `local.json`, which says the same to scripts."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

PEOPLE = ("owner", "admin", "viewer", "staff", "shopper")
BOLD, FAINT, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def say(text: str) -> None:
    """One line to the terminal, at once; a terminal that has gone away is no reason to fail."""
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """A sentence to standard error."""
    _write(sys.stderr, text)


def describe(addresses: Mapping[str, str], demo: Mapping[str, Any], pids: Mapping[str, int]) -> dict[str, Any]:
    """The content of `local.json`: addresses, the demo's key and people, process ids."""
    names = ("api_key", "webhook_secret", *PEOPLE)
    return {**addresses, **{name: demo[name] for name in names if name in demo}, "pids": dict(pids)}


def render(local: Mapping[str, Any], store: str, logs: str, seconds: float) -> str:
    """The panel: addresses, demo sign-ins, how to stop."""
    web, sandbox = local["web"], local.get("sandbox")
    places = [
        ("Start page", f"{web}/"),
        ("Storefront", f"{web}{store}"),
        ("Dashboard", f"{web}/admin/"),
        ("API docs", f"{web}/api/docs"),
    ]
    if sandbox:
        places += [("Sandbox", f"{sandbox}/"), ("Mailbox", f"{sandbox}/_sandbox/mailbox")]
    people = [(name, local[name]["email"], local[name]["password"]) for name in PEOPLE if name in local]
    lines = [_bold(f"Ballast is running.  (ready in {seconds:.1f} s)"), ""]
    lines += [f"{_faint(label.ljust(12))}{address}" for label, address in places]
    lines += ["", *_table(people), ""] if people else [""]
    if "api_key" in local:
        lines += [f"{_faint('API key'.ljust(12))}{local['api_key']}"]
    lines += [f"{_faint('Logs'.ljust(12))}{logs}"]
    lines += [f"{_faint('Stop'.ljust(12))}Ctrl-C here, or `make stop` in another terminal"]
    return "\n".join(["", *(f"  {line}".rstrip() for line in lines), ""])


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text + "\n")
        stream.flush()
    except OSError:
        return


def _table(people: Sequence[tuple[str, str, str]]) -> list[str]:
    width = max(len(email) for _, email, _ in people) + 2
    return [f"{_faint(name.capitalize().ljust(12))}{email.ljust(width)}{password}" for name, email, password in people]


def _bold(text: str) -> str:
    return f"{BOLD}{text}{PLAIN}" if _has_color() else text


def _faint(text: str) -> str:
    return f"{FAINT}{text}{PLAIN}" if _has_color() else text


def _has_color() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ
