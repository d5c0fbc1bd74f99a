"""A product's pictures in the dashboard: looked at, uploaded, put in order, described, taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Blueprint, Response, flash, g, request, url_for

from ballast.billing import kept, pictures
from ballast.db import end_reading, transaction
from ballast.errors import BallastError, InvalidRequest, NotFound
from ballast.identity import users
from ballast.models import Product
from ballast.models.media import LONGEST_ALT
from ballast.security import without_card_number
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("product_pictures", __name__, url_prefix="/admin/products/<product_id>/pictures")
dashboard(blueprint)

RIGHT: Final = "catalog"


@blueprint.get("")
def index(product_id: str) -> Response:
    """All of them, the first one first."""
    return _page(product_id)


def _page(product_id: str, error: BallastError | None = None) -> Response:
    product = kept.find(Product, g.organization.id, product_id)
    return render(
        "admin/catalog/pictures.html",
        status=200 if error is None else 422 if isinstance(error, InvalidRequest) else error.status,
        product=product,
        rows=pictures.listed(g.organization.id, product.id),
        most=pictures.MOST_PICTURES,
        longest=LONGEST_ALT,
        may_change=users.may(g.role, RIGHT),
        typed={"alt": _alt()} if error else {"alt": ""},
        errors={error.param or "picture": error.message} if error else {},
    )


def _alt() -> str:
    return without_card_number(request.form.get("alt", "").strip())[: 2 * LONGEST_ALT]


@blueprint.post("")
@requires(RIGHT)
def add(product_id: str) -> Response:
    """Another one, after those there are."""
    sent = request.files.get("picture")
    content = sent.read() if sent else b""

    def act() -> str:
        pictures.add(g.organization.id, product_id, content, _alt())
        return "The picture is in your shop."

    return _done(product_id, act)


@blueprint.post("/<image_id>/words")
@requires(RIGHT)
def describe(product_id: str, image_id: str) -> Response:
    """Other words for whoever cannot see it."""

    def act() -> str:
        pictures.change(g.organization.id, product_id, image_id, alt=_alt())
        return "Its description is changed."

    return _done(product_id, act)


@blueprint.post("/<image_id>/place")
@requires(RIGHT)
def place(product_id: str, image_id: str) -> Response:
    """Another place: the first is the one that lists and carts show."""
    given = request.form.get("position", "")
    position = int(given) if given.isascii() and given.isdigit() and len(given) < 3 else 0

    def act() -> str:
        pictures.change(g.organization.id, product_id, image_id, position=position)
        return f"It is picture {position + 1} now."

    return _done(product_id, act)


@blueprint.post("/<image_id>/removed")
@requires(RIGHT)
def take_away(product_id: str, image_id: str) -> Response:
    """The shop shows it no more."""

    def act() -> str:
        pictures.take_away(g.organization.id, product_id, image_id)
        return "The picture is gone."

    return _done(product_id, act)


@blueprint.post("/removed")
@requires(RIGHT)
def take_ours_away(product_id: str) -> Response:
    """The one that came with the demo shop is shown no more."""

    def act() -> str:
        pictures.take_ours_away(g.organization.id, product_id)
        return "The picture is gone."

    return _done(product_id, act)


def _done(product_id: str, act: Callable[[], str]) -> Response:
    """Do it and say so; the page again with the reason, where it cannot be done."""
    end_reading()
    try:
        with transaction():
            said = act()
    except NotFound:
        raise
    except BallastError as error:
        return _page(product_id, error)
    flash(said, "success")
    return see_other(url_for(".index", product_id=product_id))
