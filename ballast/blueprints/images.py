"""Pictures that merchants uploaded, for anybody: as what their bytes are, and nothing that a browser could run."""

from __future__ import annotations

from flask import Blueprint, Response

from ballast.billing import pictures
from ballast.db import set_organization
from ballast.errors import NotFound
from ballast.identity.users import lookup
from ballast.ids import to_uuid

blueprint = Blueprint("images", __name__)


@blueprint.get("/images/<image_id>")
def show(image_id: str) -> Response:
    """The picture. What stands under an id never changes, so it may be kept for ever."""
    known = to_uuid(image_id, "img")
    organization_id = lookup("organization_of_image", known) if known else None
    if organization_id is None:
        raise NotFound("picture")
    set_organization(organization_id)
    found = pictures.find(organization_id, image_id)
    response = Response(found.content, content_type=found.content_type)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["Content-Disposition"] = "inline"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
