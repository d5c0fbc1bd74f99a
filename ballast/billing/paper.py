"""Invoices and credit notes as PDF: what stands on a sheet as plain data, and the sheet drawn by typst.

The same data gives the same bytes. Drawing takes some hundredths of a second; the last sheets drawn are kept, by their data, so one
whose invoice has been paid meanwhile is drawn anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ballast import config
from ballast.billing import branding
from ballast.billing.invoice_page import Page
from ballast.models import CreditNote, Invoice, InvoiceLine, Organization
from ballast.money import format_money
from ballast.templating import show_date, show_percent

if TYPE_CHECKING:
    import typst

HERE: Final = Path(__file__).parent.parent / "paper"
# Where paper is not A4. Source: Unicode CLDR, supplemental data (paper size).
LETTER: Final = ("USD", "CAD", "MXN", "COP", "CLP", "PHP")
KEPT: Final = 64


@dataclass(frozen=True)
class Sheet:
    """What stands on it, as JSON, and the file in ballast/paper that draws it."""

    data: str
    drawing: str = "sheet.typ"

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.data.encode() + _source(self.drawing)).hexdigest()[:32]


@cache
def _source(drawing: str) -> bytes:
    return (HERE / drawing).read_bytes()


@cache
def _fonts() -> typst.Fonts:
    """Ours first; the system's for letters ours do not have."""
    import typst

    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=True, font_paths=[str(HERE / "fonts")])


@lru_cache(maxsize=KEPT)
def draw(sheet: Sheet) -> bytes:
    """The sheet as PDF."""
    import typst  # with the first sheet: few processes draw any

    compiler = typst.Compiler(str(HERE / sheet.drawing), str(HERE), font_paths=_fonts())
    drawn = compiler.compile(format="pdf", sys_inputs={"sheet": sheet.data}, timestamp=0)
    assert isinstance(drawn, bytes), "one document, one file"
    return drawn


def of_invoice(shop: Organization, page: Page) -> Sheet:
    """An invoice as it is now: open, paid or void."""
    invoice = page.invoice
    tz = page.subscription.timezone if page.subscription else shop.timezone
    facts = [
        ("Invoice number", invoice.number or ""),
        ("Issued", show_date(invoice.finalized_at or invoice.created_at, tz)),
    ]
    if invoice.period_start and invoice.period_end:
        facts.append(("Period", _period(invoice.period_start, invoice.period_end, tz)))
    facts.append(("Status", _status(invoice, tz)))
    notes = []
    if invoice.status in ("open", "uncollectible"):
        notes = ["Pay online, with any card:", f"{config.current().public_url}/invoices/{invoice.token}"]
    for note in page.notes:
        if note.status == "issued":
            notes.append(
                f"Credit note {note.number} of {show_date(note.created_at, tz)}: {_money(invoice, note.amount)}."
            )
    return _sheet(
        shop,
        invoice,
        heading="Invoice",
        number=invoice.number or "",
        facts=facts,
        sentence=_sentence(invoice, tz),
        lines=[_line(invoice, line, tz) for line in page.lines],
        sums=_sums(invoice),
        notes=notes,
    )


def of_credit_note(shop: Organization, page: Page, note: CreditNote) -> Sheet:
    """A credit note."""
    invoice = page.invoice
    tz = page.subscription.timezone if page.subscription else shop.timezone
    amount = _money(invoice, note.amount)
    how = f"{amount} refunded to your card" if note.refund_id else f"{amount} added to your credit"
    line = {"description": f"Credit for invoice {invoice.number}", "quantity": "1", "each": amount, "amount": amount}
    sums = [["Credited", amount, True]]
    if note.tax:
        sums.insert(0, [f"Of it {invoice.tax_name or 'tax'}", _money(invoice, note.tax), False])
    return _sheet(
        shop,
        invoice,
        heading="Credit note",
        number=note.number,
        facts=[
            ("Credit note number", note.number),
            ("Issued", show_date(note.created_at, tz)),
            ("For invoice", invoice.number or ""),
            ("Status", "Issued" if note.status == "issued" else "Void"),
        ],
        sentence=how if note.status == "issued" else "This credit note is void",
        lines=[line | {"period": ""}],
        sums=sums,
        notes=[note.memo] if note.memo else [],
    )


def _sheet(shop: Organization, invoice: Invoice, *, heading: str, number: str, **what: Any) -> Sheet:
    brand = branding.of(shop)
    data = {
        "title": f"{heading} {number}",
        "heading": heading,
        "number": number,
        "color": brand.color,
        "paper": "us-letter" if invoice.currency in LETTER else "a4",
        "from": {
            "shop": brand.name,
            "name": brand.legal_name,
            "address": brand.address,
            "tax_number": brand.tax_number,
            "email": brand.support_email,
            "footer": brand.footer or brand.legal_name,
        },
        "to": [text for text in (invoice.customer_name, invoice.customer_email) if text] or ["—"],
        **what,
    }
    return Sheet(json.dumps(data, ensure_ascii=False, sort_keys=True))


def _line(invoice: Invoice, line: InvoiceLine, tz: str) -> dict[str, str]:
    has_period = line.period_start and line.period_end
    return {
        "description": line.description,
        "period": _period(line.period_start, line.period_end, tz) if has_period else "",  # type: ignore[arg-type]
        "quantity": f"{line.quantity:,}",
        "each": _money(invoice, line.unit_amount),
        "amount": _money(invoice, line.amount),
    }


def _sums(invoice: Invoice) -> list[list[Any]]:
    """What leads from the lines to what is due: label, amount, whether it stands out."""
    sums: list[list[Any]] = [["Subtotal", _money(invoice, invoice.subtotal), False]]
    if invoice.discount:
        name = f"Discount ({invoice.coupon_name})" if invoice.coupon_name else "Discount"
        sums.append([name, _money(invoice, -invoice.discount), False])
    if invoice.tax_name:
        how = "included " if invoice.tax_inclusive else ""
        sums.append(
            [
                f"{invoice.tax_name} {show_percent(invoice.tax_bps or 0)} {how}".strip(),
                _money(invoice, invoice.tax),
                False,
            ]
        )
    sums.append(["Total", _money(invoice, invoice.total), True])
    if invoice.credit_applied:
        sums.append(["Your credit", _money(invoice, -invoice.credit_applied), False])
    if invoice.status == "paid" and invoice.amount_paid:
        sums.append(["Paid", _money(invoice, -invoice.amount_paid), False])
    sums.append(["Amount due", _money(invoice, 0 if invoice.status in ("paid", "void") else invoice.amount_due), True])
    return sums


def _status(invoice: Invoice, tz: str) -> str:
    if invoice.status == "paid" and invoice.paid_at:
        return f"Paid {show_date(invoice.paid_at, tz)}"
    return "Void" if invoice.status == "void" else "Open"


def _sentence(invoice: Invoice, tz: str) -> str:
    if invoice.status == "void":
        return "This invoice is void; nothing is due"
    if invoice.total < 0:
        return f"{_money(invoice, -invoice.total)} added to your credit"
    if invoice.status == "paid":
        shown = _money(invoice, invoice.amount_paid or invoice.total)
        return f"{shown} paid on {show_date(invoice.paid_at or invoice.created_at, tz)}"
    return f"{_money(invoice, invoice.amount_due)} due"


def _period(start: datetime, end: datetime, tz: str) -> str:
    return f"{show_date(start, tz)} – {show_date(end, tz)}"


def _money(invoice: Invoice, amount: int) -> str:
    return format_money(amount, invoice.currency)
