"""What a merchant keeps in their catalog, products to tax rates: found, changed and archived alike, never deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ballast import audit
from ballast.billing import catalog_payloads, changes, lookup
from ballast.db import db
from ballast.errors import Conflict
from ballast.models import Coupon, Price, Product, PromotionCode, ShippingRate, TaxRate
from ballast.notifications import webhooks

Row = TypeVar("Row", Product, Price, Coupon, PromotionCode, TaxRate, ShippingRate)


@dataclass(frozen=True)
class Kind:
    """What a table's rows are called, how their ids begin, and how they look from outside."""

    noun: str
    prefix: str
    payload: Callable[[Any], dict[str, Any]]


KINDS: Final[dict[type[Any], Kind]] = {
    Product: Kind("product", "prod", catalog_payloads.product_payload),
    Price: Kind("price", "price", catalog_payloads.price_payload),
    Coupon: Kind("coupon", "cpn", catalog_payloads.coupon_payload),
    PromotionCode: Kind("promotion_code", "promo", catalog_payloads.promotion_code_payload),
    TaxRate: Kind("tax_rate", "txr", catalog_payloads.tax_rate_payload),
    ShippingRate: Kind("shipping_rate", "shr", catalog_payloads.shipping_rate_payload),
}


def find(model: type[Row], organization_id: str, public_id: str, *, lock: bool = False) -> Row:
    """One row of the organization, archived or not. Raises NotFound."""
    kind = KINDS[model]
    wanted = select(model).where(model.organization_id == organization_id, model.id == public_id)
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    return lookup.find(wanted, public_id, kind.prefix, kind.noun.replace("_", " "))


def add(row: Row) -> Row:
    """Write a new row, note who made it and tell the outside. In the caller's transaction.

    Raises Conflict(`slug_taken`, `code_taken`, `tax_rate_exists`).
    """
    db.session.add(row)
    _flush()
    _tell(row, "created", None)
    return row


def change(model: type[Row], organization_id: str, public_id: str, wanted: Mapping[str, Any]) -> Row:
    """Set what is given, merge `metadata`, archive or restore by `archived`. In the caller's transaction.

    Raises NotFound, InvalidRequest(`metadata_too_large`), and what `add` raises.
    """
    row = find(model, organization_id, public_id, lock=True)
    differences = changes.apply(row, wanted)
    if differences:
        _flush()
        _tell(row, "updated", differences)
    return row


def payload(row: Any) -> dict[str, Any]:
    """A row as JSON."""
    return KINDS[type(row)].payload(row)


def _tell(row: Any, verb: str, differences: dict[str, Any] | None) -> None:
    noun = KINDS[type(row)].noun
    audit.record(row.organization_id, f"{noun}.{verb}", noun, row.id, differences)
    webhooks.publish(row.organization_id, f"{noun}.{verb}", noun, row.id, payload(row))


def _flush() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise _taken(str(error.orig)) or error from error


def _taken(said: str) -> Conflict | None:
    """What a unique index has said, in words."""
    if "uq_products_organization_id_slug" in said:
        return Conflict("slug_taken", "Another product has this slug. Choose another.", param="slug")
    if "uq_promotion_codes_organization_id_code" in said:
        return Conflict("code_taken", "There is such a code already, perhaps an archived one.", param="code")
    if "uq_tax_rates_place" in said:
        return Conflict("tax_rate_exists", "There is a rate for this place already. Archive that one first.")
    return None
