"""Rules by which the sandbox misbehaves on request."""

import random
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Store

REQUEST_KINDS = (
    "latency",
    "decline",
    "rate_limit",
    "error_before",
    "error_after",
    "bad_gateway_before",
    "bad_gateway_after",
    "reset_before",
    "reset_after",
    "truncate",
    "slow",
)
WEBHOOK_KINDS = ("webhook_lost", "webhook_duplicate", "webhook_late", "webhook_bad_signature", "webhook_reordered")
KINDS = REQUEST_KINDS + WEBHOOK_KINDS
PROCESSORS = ("stripe", "braintree", "square", "resend")
DEFAULT_SECONDS = {"latency": 1.0, "slow": 3.0, "rate_limit": 1.0, "webhook_late": 5.0, "webhook_reordered": 1.0}
MOST_RULES = 100
MOST_SECONDS = 600.0


class InvalidRuleError(ValueError):
    """The rule asked for makes no sense; the message says why."""


@dataclass(slots=True)
class Rule:
    """One fault; a field left None matches everything, `count` None means until it is cleared."""

    id: str
    kind: str
    processor: str | None = None
    operation: str | None = None
    card: str | None = None
    share: float = 1.0
    count: int | None = None
    seconds: float | None = None
    status: int | None = None

    def lasts(self) -> float:
        """Return the seconds this fault takes."""
        return self.seconds if self.seconds is not None else DEFAULT_SECONDS.get(self.kind, 0.0)


class Faults:
    """The rules in force; they outlive a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.rules = [Rule(**record) for record in reversed(list(store.begin("_sandbox").newest("faults")))]

    def add(self, wanted: dict[str, Any]) -> Rule:
        """Put a rule in force. Raises InvalidRuleError."""
        if len(self.rules) >= MOST_RULES:
            raise InvalidRuleError(f"There are {MOST_RULES} rules already; clear some first.")
        rule = read_rule(wanted)
        self.rules.append(rule)
        self._save(rule)
        return rule

    def remove(self, rule_id: str) -> bool:
        """Lift one rule; tell whether there was one."""
        found = [rule for rule in self.rules if rule.id == rule_id]
        for rule in found:
            self._drop(rule)
        return bool(found)

    def clear(self) -> None:
        """Lift every rule."""
        for rule in list(self.rules):
            self._drop(rule)

    def fire(
        self, processor: str, operation: str, card: Callable[[], str | None], kinds: Iterable[str]
    ) -> dict[str, Rule]:
        """Return the rules that strike this exchange by kind, and use up one of each counted one."""
        if not self.rules:
            return {}
        struck: dict[str, Rule] = {}
        for rule in list(self.rules):
            if rule.kind in kinds and rule.kind not in struck and applies(rule, processor, operation, card):
                struck[rule.kind] = rule
                self._use(rule)
        return struck

    def _use(self, rule: Rule) -> None:
        if rule.count is None:
            return
        rule.count -= 1
        if rule.count <= 0:
            self._drop(rule)
        else:
            self._save(rule)

    def _save(self, rule: Rule) -> None:
        tx = self._store.begin("_sandbox")
        tx.put("faults", asdict(rule))
        tx.commit()

    def _drop(self, rule: Rule) -> None:
        self.rules.remove(rule)
        tx = self._store.begin("_sandbox")
        tx.delete("faults", rule.id)
        tx.commit()


def applies(rule: Rule, processor: str, operation: str, card: Callable[[], str | None]) -> bool:
    """Tell whether the rule strikes, throwing its die last."""
    if rule.processor not in (None, processor) or rule.operation not in (None, operation):
        return False
    if rule.card is not None and rule.card != card():
        return False
    return rule.share >= 1 or random.random() < rule.share  # noqa: S311 (a die, no secret)


def read_rule(wanted: dict[str, Any]) -> Rule:
    """Read a rule as JSON gives it. Raises InvalidRuleError."""
    unknown = set(wanted) - {"processor", "operation", "card", "share", "count", "kind", "seconds", "status"}
    if unknown:
        raise InvalidRuleError(f"Unknown field: {sorted(unknown)[0]}.")
    kind, processor = wanted.get("kind"), wanted.get("processor") or None
    if kind not in KINDS:
        raise InvalidRuleError(f"kind must be one of {', '.join(KINDS)}.")
    if processor not in (None, *PROCESSORS):
        raise InvalidRuleError(f"processor must be one of {', '.join(PROCESSORS)}.")
    return Rule(
        id=new_id("fault", 6),
        kind=kind,
        processor=processor,
        operation=read_text(wanted, "operation"),
        card=read_text(wanted, "card"),
        share=read_number(wanted, "share", 1.0, 1.0) or 1.0,
        count=read_whole(wanted, "count", 1, 1_000_000),
        seconds=read_number(wanted, "seconds", None, MOST_SECONDS),
        status=read_whole(wanted, "status", 400, 599),
    )


def read_text(wanted: dict[str, Any], name: str) -> str | None:
    """Return a text or None for a missing or empty one."""
    value = wanted.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidRuleError(f"{name} must be a text.")
    return value or None


def read_number(wanted: dict[str, Any], name: str, default: float | None, most: float) -> float | None:
    """Return a number above 0 and at most `most`."""
    value = wanted.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise InvalidRuleError(f"{name} must be a number above 0 and at most {most:g}.")
    return float(value)


def read_whole(wanted: dict[str, Any], name: str, least: int, most: int) -> int | None:
    """Return a whole number between `least` and `most`, or None."""
    value = wanted.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidRuleError(f"{name} must be a whole number from {least} to {most}.")
    return value
