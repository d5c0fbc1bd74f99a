"""The scale of a chart: three honest ticks, whatever the amounts."""

from __future__ import annotations

from typing import Any

from ballast.money import format_money, to_decimal


def ticks(most: int, currency: str) -> list[dict[str, Any]]:
    """Nothing, half and the top of a scale that holds `most` minor units, smallest first: {value, text}."""
    top = _round_up(max(most, 1))
    return [{"value": value, "text": _short(value, currency)} for value in (0, top // 2, top)]


def _round_up(value: int) -> int:
    """The next 1, 2 or 5 times a power of ten."""
    power: int = 10 ** (len(str(value)) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _short(value: int, currency: str) -> str:
    whole = int(to_decimal(value, currency))
    return format_money(value, currency).split(".", maxsplit=1)[0] if whole else "0"
