"""The platform's list of unknown outcomes, of every organization, for its staff."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response
from flask_login import current_user

from ballast.billing import unknown
from ballast.clock import real_time
from ballast.web import render, staff_area

blueprint = Blueprint("platform_unknown", __name__, url_prefix="/platform/unknown")
staff_area(blueprint)

MOST_SHOWN: Final = 100


@blueprint.get("")
def index() -> Response:
    """The oldest hundred. Whoever opens an organization finds them on its radar, with what may be done."""
    rows = unknown.everywhere(current_user.id, MOST_SHOWN)
    alarming = {row.attempt_id for row in rows if real_time() - row.since > unknown.ALARMING}
    return render("platform/unknown.html", rows=rows, alarming=alarming, most=MOST_SHOWN)
