"""How products, prices, coupons, promotion codes and tax rates look from outside: the same on the API and in events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ballast import config
from ballast.models import Coupon, Price, Product, PromotionCode, ShippingRate, TaxRate
from ballast.templating import static_url


def iso(value: datetime | None) -> str | None:
    """A time as JSON: ISO 8601 in UTC."""
    return value.isoformat() if value else None


def product_payload(product: Product) -> dict[str, Any]:
    """A product as JSON. `slug`: its address in the shop."""
    return {
        "id": product.id,
        "object": "product",
        "name": product.name,
        "slug": product.slug,
        "tagline": product.tagline,
        "description": product.description,
        "image": image_url(product),
        "shippable": product.shippable,
        "stock": product.stock,
        "position": product.position,
        "metadata": product.metadata_,
        "created_at": product.created_at.isoformat(),
        "archived_at": iso(product.archived_at),
    }


def image_url(product: Product) -> str | None:
    """Where a product's picture stands, for anybody."""
    return f"{config.current().public_url}{static_url(product.image)}" if product.image else None


def price_payload(price: Price) -> dict[str, Any]:
    """A price as JSON: `amount` and `setup_fee` in minor units. `interval` is null for a one-time one."""
    is_recurring = price.kind == "recurring"
    return {
        "id": price.id,
        "object": "price",
        "product": price.product_id,
        "type": price.kind,
        "amount": price.amount,
        "currency": price.currency,
        "interval": price.interval,
        "interval_count": price.interval_count if is_recurring else None,
        "trial_days": price.trial_days,
        "setup_fee": price.setup_fee,
        "nickname": price.nickname,
        "metadata": price.metadata_,
        "created_at": price.created_at.isoformat(),
        "archived_at": iso(price.archived_at),
    }


def coupon_payload(coupon: Coupon) -> dict[str, Any]:
    """A coupon as JSON: `percent_bps` basis points, or `amount_off` minor units of `currency`."""
    return {
        "id": coupon.id,
        "object": "coupon",
        "name": coupon.name,
        "percent_bps": coupon.percent_bps,
        "amount_off": coupon.amount_off,
        "currency": coupon.currency,
        "duration": coupon.duration,
        "periods": coupon.periods,
        "applies_to": coupon.applies_to,
        "max_redemptions": coupon.max_redemptions,
        "redeemed": coupon.redeemed,
        "redeem_by": iso(coupon.redeem_by),
        "metadata": coupon.metadata_,
        "created_at": coupon.created_at.isoformat(),
        "archived_at": iso(coupon.archived_at),
    }


def promotion_code_payload(code: PromotionCode) -> dict[str, Any]:
    """A promotion code as JSON."""
    return {
        "id": code.id,
        "object": "promotion_code",
        "coupon": code.coupon_id,
        "code": code.code,
        "max_redemptions": code.max_redemptions,
        "redeemed": code.redeemed,
        "first_purchase_only": code.first_purchase_only,
        "expires_at": iso(code.expires_at),
        "created_at": code.created_at.isoformat(),
        "archived_at": iso(code.archived_at),
    }


def tax_rate_payload(rate: TaxRate) -> dict[str, Any]:
    """A tax rate as JSON: `bps` basis points."""
    return {
        "id": rate.id,
        "object": "tax_rate",
        "name": rate.name,
        "country": rate.country,
        "region": rate.region,
        "bps": rate.bps,
        "shipping_bps": rate.shipping_bps,
        "inclusive": rate.inclusive,
        "created_at": rate.created_at.isoformat(),
        "archived_at": iso(rate.archived_at),
    }


def shipping_rate_payload(rate: ShippingRate) -> dict[str, Any]:
    """A shipping rate as JSON: `amount` and `free_from` in minor units; no `countries`: everywhere."""
    return {
        "id": rate.id,
        "object": "shipping_rate",
        "name": rate.name,
        "amount": rate.amount,
        "currency": rate.currency,
        "countries": rate.countries,
        "free_from": rate.free_from,
        "min_days": rate.min_days,
        "max_days": rate.max_days,
        "created_at": rate.created_at.isoformat(),
        "archived_at": iso(rate.archived_at),
    }
