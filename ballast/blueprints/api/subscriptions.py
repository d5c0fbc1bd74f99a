"""Subscriptions over the API: thought about, started, changed, ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import eq
from typing import Any

from flask import Response, g
from sqlalchemy import select

from ballast.billing import payments, velocity
from ballast.billing.places import Place
from ballast.billing.preview_payloads import change_payload, first_payload
from ballast.billing.subscriptions import changing, details, ending, forecasting, paying, rows, starting
from ballast.blueprints.api.answers import (
    Done,
    first_of,
    json_answer,
    key_of_request,
    list_answer,
    once,
    where_given,
)
from ballast.blueprints.api.billed import billed_answer, subscription_answer, subscriptions_out
from ballast.blueprints.api.schemas import ErrorOut
from ballast.blueprints.api.setup import NEEDS_KEY, TAKES_KEY, make_blueprint
from ballast.blueprints.api.subscription_schemas import (
    ChangePreviewOut,
    SubscriptionCancel,
    SubscriptionChange,
    SubscriptionChangePreview,
    SubscriptionCreate,
    SubscriptionExpand,
    SubscriptionKeep,
    SubscriptionList,
    SubscriptionOut,
    SubscriptionPatch,
    SubscriptionPath,
    SubscriptionPause,
    SubscriptionPreview,
    SubscriptionPreviewOut,
    SubscriptionQuery,
    SubscriptionResume,
)
from ballast.db import end_reading, transaction
from ballast.errors import InvalidRequest
from ballast.models import Subscription

blueprint = make_blueprint(
    "api_subscriptions",
    "Subscriptions",
    "A customer, a price times a quantity, and the periods it is billed for.",
    read="subscriptions:read",
    write="subscriptions:write",
)


# --- Started -----------------------------------------------------------------------------------------------------------------


@blueprint.post(
    "/subscriptions",
    summary="Start a subscription",
    responses={201: SubscriptionOut, 402: ErrorOut},
    openapi_extensions=NEEDS_KEY,
)
def create(body: SubscriptionCreate) -> Response:
    """201 when it is `active` or `trialing`, or `incomplete` while your customer confirms or no card was named; 402 when the bank
    says no: it is there, `incomplete`, and its invoice can be paid for 23 hours."""
    key = key_of_request(required=True)
    velocity.check(g.organization_id, body.payment_method)

    def begin() -> Done:
        source = payments.Source(account_id=paying.account_at(g.organization_id, body.processor))
        started = starting.start(g.organization_id, _wanted(body, source, key))
        if body.payment_method and started.begun is None and started.subscription.payment_method_id is None:
            raise InvalidRequest(
                "payment_method_not_stored",
                "Nothing is charged now, so a processor's token cannot be stored: name a stored card (pm_…), or none.",
                param="payment_method",
            )
        return _done(started.subscription.id, started.begun)

    return once(key, begin, lambda row: billed_answer(g.organization_id, row, 201))


def _wanted(body: SubscriptionCreate, source: payments.Source, key: str | None) -> starting.Wanted:
    _refuse_two_discounts(body.promotion_code, body.coupon)
    return starting.Wanted(
        customer_id=body.customer,
        price_id=body.price,
        quantity=body.quantity,
        payment_method=body.payment_method,
        promotion_code=body.promotion_code,
        coupon_id=body.coupon,
        trial_days=body.trial_days,
        metadata=dict(body.metadata),
        source=source,
        return_url=str(body.return_url) if body.return_url else None,
        idempotency_key=key,
    )


def _refuse_two_discounts(code: str | None, coupon: str | None) -> None:
    if code and coupon:
        raise InvalidRequest("parameter_conflict", "One discount: a promotion code or a coupon.", param="coupon")


def _done(subscription_id: str, begun: payments.Begun | None) -> Done:
    return Done(subscription_id, partial(payments.run, begun) if begun else None)


@blueprint.post(
    "/subscriptions/preview",
    summary="Preview a subscription",
    responses={200: SubscriptionPreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview(body: SubscriptionPreview) -> Response:
    """What the first invoice would be, with discount and tax, and what comes next. Writes nothing."""
    key_of_request()
    _refuse_two_discounts(body.promotion_code, body.coupon)
    wanted = starting.Wanted(
        customer_id=body.customer or "",
        price_id=body.price,
        quantity=body.quantity,
        promotion_code=body.promotion_code,
        coupon_id=body.coupon,
        trial_days=body.trial_days,
    )
    place = Place(body.country or "", body.region)
    return json_answer(200, first_payload(forecasting.first(g.organization_id, wanted, place)))


# --- Found -------------------------------------------------------------------------------------------------------------------


@blueprint.get("/subscriptions", summary="List subscriptions", responses={200: SubscriptionList})
def list_(query: SubscriptionQuery) -> Response:
    """Newest first, by status, customer and price."""
    wanted = where_given(
        select(Subscription).where(Subscription.organization_id == g.organization_id),
        (Subscription.status, eq, "canceled" if query.status == "cancelled" else query.status),
        (Subscription.customer_id, eq, query.customer),
        (Subscription.price_id, eq, query.price),
    )
    return list_answer(
        wanted,
        Subscription,
        "sub",
        query,
        lambda found: subscriptions_out(g.organization_id, first_of(found), query.expand),
    )


@blueprint.get("/subscriptions/<subscription_id>", summary="Get a subscription", responses={200: SubscriptionOut})
def get(path: SubscriptionPath, query: SubscriptionExpand) -> Response:
    """One subscription, as it is now."""
    return subscription_answer(g.organization_id, path.subscription_id, query.expand)


# --- Changed -----------------------------------------------------------------------------------------------------------------


@blueprint.patch("/subscriptions/<subscription_id>", summary="Change a card", responses={200: SubscriptionOut})
def update(path: SubscriptionPath, body: SubscriptionPatch) -> Response:
    """Another stored card, to which what is owed is charged at once, and `metadata`, which is merged."""
    end_reading()
    with transaction():
        details.change(g.organization_id, path.subscription_id, body.model_dump(exclude_unset=True))
        return subscription_answer(g.organization_id, path.subscription_id)


@blueprint.post(
    "/subscriptions/<subscription_id>/preview_change",
    summary="Preview a change",
    responses={200: ChangePreviewOut},
    openapi_extensions=TAKES_KEY,
)
def preview_change(path: SubscriptionPath, body: SubscriptionChangePreview) -> Response:
    """What another price or quantity would bill. Sent to `change` with its `at` within the hour, it is billed to the cent."""
    key_of_request()
    found = rows.find(g.organization_id, path.subscription_id)
    return json_answer(200, change_payload(forecasting.change(found, _change_of(body)), body.when))


def _change_of(body: SubscriptionChangePreview) -> changing.Change:
    return changing.Change(body.price, body.quantity, body.when, body.at)


@blueprint.post(
    "/subscriptions/<subscription_id>/change",
    summary="Change price or quantity",
    responses={200: SubscriptionOut, 402: ErrorOut},
    openapi_extensions=TAKES_KEY,
)
def change(path: SubscriptionPath, body: SubscriptionChange) -> Response:
    """Now, prorated to the second, or at the renewal. What must be paid takes effect when it is: until then, and after a 402, the
    subscription is what it was."""
    velocity.check(g.organization_id, body.payment_method)

    def begin() -> Done:
        found = rows.locked(g.organization_id, path.subscription_id)
        account_id = paying.account_at(g.organization_id, body.processor)
        source = payments.Source(body.payment_method, account_id=account_id) if body.payment_method else None
        return_url = str(body.return_url) if body.return_url else None
        changed = changing.change(found, _change_of(body), source, return_url)
        return _done(found.id, changed.begun)

    show = partial(billed_answer, g.organization_id, status=200)
    return once(
        key_of_request(), begin, show if body.when == "now" else partial(subscription_answer, g.organization_id)
    )


# --- Ended, rested, gone on --------------------------------------------------------------------------------------------------


@blueprint.post(
    "/subscriptions/<subscription_id>/cancel",
    summary="Cancel a subscription",
    responses={200: SubscriptionOut},
    openapi_extensions=TAKES_KEY,
)
def cancel(path: SubscriptionPath, body: SubscriptionCancel) -> Response:
    """At the end of its period, which `keep` undoes until then, or now."""
    if body.at_period_end and body.prorate:
        raise InvalidRequest("parameter_conflict", "Only what ends now leaves something to prorate.", param="prorate")
    if body.at_period_end:
        return _act(path, lambda found: ending.cancel_at_period_end(found, body.reason))
    return _act(path, lambda found: ending.cancel_now(found, body.reason, give_back=body.prorate))


@blueprint.post(
    "/subscriptions/<subscription_id>/keep",
    summary="Keep a subscription",
    responses={200: SubscriptionOut},
    openapi_extensions=TAKES_KEY,
)
def keep(path: SubscriptionPath, body: SubscriptionKeep) -> Response:
    """Undoes what was to end it with its period."""
    assert body is not None
    return _act(path, ending.keep)


@blueprint.post(
    "/subscriptions/<subscription_id>/pause",
    summary="Pause a subscription",
    responses={200: SubscriptionOut},
    openapi_extensions=TAKES_KEY,
)
def pause(path: SubscriptionPath, body: SubscriptionPause) -> Response:
    """Bills nothing until `resumes_at`, or until you resume it."""
    return _act(path, lambda found: ending.pause(found, body.resumes_at))


@blueprint.post(
    "/subscriptions/<subscription_id>/resume",
    summary="Resume a subscription",
    responses={200: SubscriptionOut},
    openapi_extensions=TAKES_KEY,
)
def resume(path: SubscriptionPath, body: SubscriptionResume) -> Response:
    """Goes on: in the period that was paid if it lasts, else with a new one that is billed at once."""
    assert body is not None
    return _act(path, ending.resume)


def _act(path: SubscriptionPath, what: Callable[[Subscription], Any]) -> Response:
    """Do something to the locked subscription that charges nothing right away."""

    def begin() -> Done:
        found = rows.locked(g.organization_id, path.subscription_id)
        what(found)
        return Done(found.id)

    return once(key_of_request(), begin, partial(subscription_answer, g.organization_id))
