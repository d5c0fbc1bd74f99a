"""How an organization looks to its customers: on pages, in mails, on paper. A color that cannot be read is adjusted, per mode."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from ballast.db import db, once
from ballast.models import BillingSettings, Organization

SHAPE: Final = re.compile(r"#[0-9a-f]{6}")
# Contrast that text needs (WCAG 2.2, 1.4.3), and what it stands on in light and in dark.
READABLE: Final = 4.5
LIGHT, DARK, INK = "#ffffff", "#1c2726", "#06201d"
USUAL: Final = ("#0b5f5a", "#5cc4b6")
STEPS: Final = 20


@dataclass(frozen=True)
class Brand:
    """What stands on pages, mails and paper. Colors are #rrggbb; `is_own`: whether the organization chose its color."""

    name: str
    legal_name: str
    color: str = USUAL[0]
    on_color: str = LIGHT
    dark_color: str = USUAL[1]
    on_dark_color: str = INK
    is_own: bool = False
    address: str = ""
    tax_number: str = ""
    support_email: str = ""
    footer: str = ""

    @property
    def css(self) -> str | None:
        """The address of the style sheet with its colors."""
        return f"/brand/{self.color[1:]}-{self.dark_color[1:]}.css" if self.is_own else None


def of(organization: Organization) -> Brand:
    """An organization's brand; the house's colors where it has chosen none."""
    brand: Brand = once((Brand, organization.id), lambda: _of(organization))
    return brand


def _of(organization: Organization) -> Brand:
    wanted = select(BillingSettings).where(BillingSettings.organization_id == organization.id)
    found = db.session.scalars(wanted).first()
    name = organization.shop_name or organization.name
    if found is None:
        return Brand(name, organization.name)
    own = found.color.lower()
    chosen = USUAL if not SHAPE.fullmatch(own) else (readable(own, LIGHT), readable(own, DARK))
    return Brand(
        name=name,
        legal_name=organization.name,
        color=chosen[0],
        on_color=on(chosen[0]),
        dark_color=chosen[1],
        on_dark_color=on(chosen[1]),
        is_own=chosen != USUAL,
        address=found.address.strip(),
        tax_number=found.tax_number.strip(),
        support_email=found.support_email.strip(),
        footer=found.invoice_footer.strip(),
    )


def readable(color: str, ground: str) -> str:
    """The color itself where it can be read on `ground`; else as much darker or lighter as it takes."""
    towards = "#000000" if _luminance(ground) > 0.5 else "#ffffff"
    for step in range(STEPS):
        mixed = _mix(color, towards, step)
        if contrast(mixed, ground) >= READABLE:
            return mixed
    return towards


def on(color: str) -> str:
    """What can be read best on a button of this color."""
    return max((LIGHT, INK), key=lambda text: contrast(text, color))


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of two colors, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(part) for part in _parts(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: int) -> float:
    share: float = part / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


def _mix(color: str, towards: str, step: int) -> str:
    pairs = zip(_parts(color), _parts(towards), strict=True)
    return "#" + "".join(f"{(start * (STEPS - step) + end * step) // STEPS:02x}" for start, end in pairs)


def _parts(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
