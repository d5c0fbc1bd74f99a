"""A merchant's colors as a style sheet: the policy of our pages allows no style in the page itself."""

from __future__ import annotations

import re

from flask import Blueprint, Response

from ballast.billing import branding
from ballast.errors import NotFound

blueprint = Blueprint("brand", __name__)
NAME = re.compile(r"([0-9a-f]{6})-([0-9a-f]{6})")


@blueprint.get("/brand/<colors>.css")
def sheet(colors: str) -> Response:
    """The colors are in the address, so it may be kept for ever."""
    found = NAME.fullmatch(colors)
    if found is None:
        raise NotFound("style sheet")
    light, dark = (f"#{part}" for part in found.groups())
    pairs = {
        "accent": (light, dark),
        "accent-deep": (f"color-mix(in srgb, {light} 82%, black)", f"color-mix(in srgb, {dark} 82%, white)"),
        "accent-wash": (f"color-mix(in srgb, {light} 9%, white)", f"color-mix(in srgb, {dark} 14%, #151e1d)"),
        "on-accent": (branding.on(light), branding.on(dark)),
    }
    rules = "".join(f"--{name}:light-dark({day},{night});" for name, (day, night) in pairs.items())
    response = Response(f":root{{{rules}}}\n", mimetype="text/css")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
