"""What an event of a subscription says, in a few words: what was different from the event before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ballast.models import Event
from ballast.money import format_money
from ballast.templating import show_date

# Event → (tone, title), where the event says it all.
TITLES: Final = {
    "subscription.created": ("accent", "Subscribed"),
    "subscription.activated": ("success", "Active"),
    "subscription.past_due": ("warning", "Past due"),
    "subscription.unpaid": ("danger", "Unpaid: nothing is tried any more"),
    "subscription.defaulted": ("danger", "Defaulted"),
    "subscription.canceled": ("neutral", "Canceled"),
    "subscription.paused": ("neutral", "Paused"),
    "subscription.resumed": ("success", "Resumed"),
    "subscription.expired": ("neutral", "Expired: the first payment never came"),
    "subscription.trial_will_end": ("accent", "Told the customer that the trial ends"),
    "invoice.upcoming": ("accent", "Told the customer of the next charge"),
}
Names = Mapping[str, str]


@dataclass(frozen=True)
class Said:
    """An event in words. `note` may be empty."""

    tone: str
    title: str
    note: str = ""


def say(event: Event, before: Mapping[str, Any] | None, names: Names, tz: str) -> Said:
    """`before`: the payload of the event before it, None for the first. `names`: products by price."""
    if event.type == "invoice.upcoming":
        return Said(*TITLES[event.type], _amount(event.data))
    differences = [words for read in READERS if (words := read(before or event.data, event.data, names, tz))]
    if event.type in TITLES:
        plan = _plan(event.data, names) if event.type == "subscription.created" else ""
        return Said(*TITLES[event.type], plan or ". ".join(differences))
    return Said("neutral", differences[0], ". ".join(differences[1:])) if differences else Said("neutral", "Updated")


def prices_in(events: list[Event]) -> set[str]:
    """The prices that their payloads name."""
    found = {event.data.get("price") for event in events}
    found |= {(event.data.get("pending_change") or {}).get("price") for event in events}
    return {price for price in found if price}


def _amount(data: Mapping[str, Any]) -> str:
    amount = data.get("amount_due")
    return "" if amount is None else format_money(amount, data["currency"])


def _plan(data: Mapping[str, Any], names: Names) -> str:
    name = names.get(data.get("price") or "", "The plan")
    return name if data.get("quantity") in (1, None) else f"{name} × {data['quantity']}"


def _plan_changed(before: Mapping[str, Any], after: Mapping[str, Any], names: Names, _tz: str) -> str:
    same = all(before.get(field) == after.get(field) for field in ("price", "quantity"))
    return "" if same else f"Plan changed from {_plan(before, names)} to {_plan(after, names)}"


def _period(before: Mapping[str, Any], after: Mapping[str, Any], _names: Names, tz: str) -> str:
    field = "current_period_end"
    return "" if before.get(field) == after.get(field) else f"In a new period, until {_day(after[field], tz)}"


def _ending(before: Mapping[str, Any], after: Mapping[str, Any], _names: Names, tz: str) -> str:
    if before.get("cancel_at_period_end") == after.get("cancel_at_period_end") or after["status"] == "canceled":
        return ""
    ends = f"Set to end on {_day(after['current_period_end'], tz)}"
    return ends if after["cancel_at_period_end"] else "Kept: it goes on after its period"


def _pending(before: Mapping[str, Any], after: Mapping[str, Any], names: Names, _tz: str) -> str:
    if before.get("pending_change") == after.get("pending_change"):
        return ""
    coming = after.get("pending_change")
    if coming:
        filled = {name: coming.get(name) or after.get(name) for name in ("price", "quantity")}
        return f"At renewal it changes to {_plan(filled, names)}"
    return "" if _plan_changed(before, after, names, "") else "The change at renewal is off"


def _card(before: Mapping[str, Any], after: Mapping[str, Any], _names: Names, _tz: str) -> str:
    changed = before.get("payment_method") != after.get("payment_method")
    return "Charged to another card" if changed and before.get("payment_method") else ""


def _metadata(before: Mapping[str, Any], after: Mapping[str, Any], _names: Names, _tz: str) -> str:
    return "" if before.get("metadata") == after.get("metadata") else "Metadata changed"


def _day(moment: str, tz: str) -> str:
    return show_date(datetime.fromisoformat(moment), tz)


READERS: Final[tuple[Callable[[Mapping[str, Any], Mapping[str, Any], Names, str], str], ...]] = (
    _plan_changed,
    _ending,
    _pending,
    _period,
    _card,
    _metadata,
)
