"""Coupons, promotion codes and tax rates over the API. Archived, never deleted: invoices keep what they say."""

from __future__ import annotations

from operator import eq

from flask import Response, g
from sqlalchemy import select

from ballast.billing import discount_catalog
from ballast.blueprints.api.discount_schemas import (
    CouponCreate,
    CouponList,
    CouponOut,
    CouponPatch,
    CouponPath,
    CouponQuery,
    PromotionCodeCreate,
    PromotionCodeList,
    PromotionCodeOut,
    PromotionCodePatch,
    PromotionCodePath,
    PromotionCodeQuery,
    TaxRateCreate,
    TaxRateList,
    TaxRateOut,
    TaxRatePatch,
    TaxRatePath,
    TaxRateQuery,
)
from ballast.blueprints.api.keeping import change, is_archived, listed, made, shown
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.models import Coupon, PromotionCode, TaxRate

blueprint = make_blueprint(
    "api_discounts",
    "Discounts and taxes",
    "Coupons, the codes customers type for them, and the tax rates of places.",
    read="subscriptions:read",
    write="subscriptions:write",
    permission="catalog",
)


@blueprint.post("/coupons", summary="Create a coupon", responses={201: CouponOut}, openapi_extensions=TAKES_KEY)
def create_coupon(body: CouponCreate) -> Response:
    """Takes off a share or an amount, never more than what is billed."""
    asked = discount_catalog.NewCoupon(**body.model_dump())
    return made(lambda: discount_catalog.create_coupon(g.organization_id, asked))


@blueprint.get("/coupons", summary="List coupons", responses={200: CouponList})
def list_coupons(query: CouponQuery) -> Response:
    """Newest first."""
    wanted = select(Coupon).where(Coupon.organization_id == g.organization_id)
    return listed(wanted, Coupon, query, (Coupon.archived_at, is_archived, query.archived))


@blueprint.get("/coupons/<coupon_id>", summary="Get a coupon", responses={200: CouponOut})
def get_coupon(path: CouponPath) -> Response:
    """One coupon, archived or not."""
    return shown(Coupon, path.coupon_id)


@blueprint.patch("/coupons/<coupon_id>", summary="Change a coupon", responses={200: CouponOut})
def update_coupon(path: CouponPath, body: CouponPatch) -> Response:
    """`name`, `metadata`, `archived`. Subscriptions that have it keep it."""
    return change(Coupon, path.coupon_id, body)


@blueprint.post(
    "/promotion_codes",
    summary="Create a promotion code",
    responses={201: PromotionCodeOut},
    openapi_extensions=TAKES_KEY,
)
def create_promotion_code(body: PromotionCodeCreate) -> Response:
    """A code exists once, archived ones included."""
    given = body.model_dump()
    asked = discount_catalog.NewCode(coupon_id=given.pop("coupon"), **given)
    return made(lambda: discount_catalog.create_code(g.organization_id, asked))


@blueprint.get("/promotion_codes", summary="List promotion codes", responses={200: PromotionCodeList})
def list_promotion_codes(query: PromotionCodeQuery) -> Response:
    """Newest first; with `code`, the one."""
    return listed(
        select(PromotionCode).where(PromotionCode.organization_id == g.organization_id),
        PromotionCode,
        query,
        (PromotionCode.coupon_id, eq, query.coupon),
        (PromotionCode.code, eq, query.code.upper() if query.code else None),
        (PromotionCode.archived_at, is_archived, query.archived),
    )


@blueprint.get(
    "/promotion_codes/<promotion_code_id>", summary="Get a promotion code", responses={200: PromotionCodeOut}
)
def get_promotion_code(path: PromotionCodePath) -> Response:
    """One promotion code, archived or not."""
    return shown(PromotionCode, path.promotion_code_id)


@blueprint.patch(
    "/promotion_codes/<promotion_code_id>", summary="Change a promotion code", responses={200: PromotionCodeOut}
)
def update_promotion_code(path: PromotionCodePath, body: PromotionCodePatch) -> Response:
    """`archived`: nobody redeems it any more."""
    return change(PromotionCode, path.promotion_code_id, body)


@blueprint.post("/tax_rates", summary="Create a tax rate", responses={201: TaxRateOut}, openapi_extensions=TAKES_KEY)
def create_tax_rate(body: TaxRateCreate) -> Response:
    """One for each place: archive the present one to have another."""
    asked = discount_catalog.NewTaxRate(**body.model_dump())
    return made(lambda: discount_catalog.create_tax_rate(g.organization_id, asked))


@blueprint.get("/tax_rates", summary="List tax rates", responses={200: TaxRateList})
def list_tax_rates(query: TaxRateQuery) -> Response:
    """Newest first; of one country, if you name it."""
    return listed(
        select(TaxRate).where(TaxRate.organization_id == g.organization_id),
        TaxRate,
        query,
        (TaxRate.country, eq, query.country),
        (TaxRate.archived_at, is_archived, query.archived),
    )


@blueprint.get("/tax_rates/<tax_rate_id>", summary="Get a tax rate", responses={200: TaxRateOut})
def get_tax_rate(path: TaxRatePath) -> Response:
    """One tax rate, archived or not."""
    return shown(TaxRate, path.tax_rate_id)


@blueprint.patch("/tax_rates/<tax_rate_id>", summary="Change a tax rate", responses={200: TaxRateOut})
def update_tax_rate(path: TaxRatePath, body: TaxRatePatch) -> Response:
    """`name` and `archived`. Invoices keep what they say."""
    return change(TaxRate, path.tax_rate_id, body)
