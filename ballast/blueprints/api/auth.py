"""Registering and signing in over the API. Open to everybody, throttled, and silent about who has an account."""

from __future__ import annotations

from typing import Any

from flask import Response, g, jsonify
from flask_openapi.models.tag import Tag

from ballast import config
from ballast.blueprints.api.guard import read_body
from ballast.blueprints.api.identity_schemas import Login, LoginOut, Register, RegisterOut
from ballast.blueprints.api.schemas import ErrorOut
from ballast.blueprints.api.setup import Part, use_versions
from ballast.db import end_reading, set_organization
from ballast.errors import Forbidden, Unauthenticated
from ballast.identity import organizations, registration, second_factor, throttle, tokens, users
from ballast.identity.payloads import organization_payload, user_payload
from ballast.identity.registration import Registration
from ballast.models import User

TAG = Tag(name="Authentication", description="Accounts of people, and their access tokens.")
ERRORS: dict[Any, Any] = dict.fromkeys((400, 401, 403, 409, 413, 415, 429, 500), ErrorOut)

blueprint = Part("api_auth", __name__, url_prefix="/api/v1/auth", abp_tags=[TAG], abp_responses=ERRORS)
blueprint.before_request(read_body)
use_versions(blueprint)


@blueprint.post("/register", summary="Register", responses={201: RegisterOut})
def register(body: Register) -> tuple[Response, int]:
    """Begins an account and an organization, in sandbox mode, and writes to the address. Where signing in waits for a confirmed
    address, the link in that mail comes first. For an address that has an account, the mail says how to add the organization to it.
    """
    made = registration.register(Registration(body.email, body.password, body.full_name, body.organization_name))
    user = {"object": "user", "email": body.email.lower(), "full_name": body.full_name}
    return jsonify({"user": user, "org": organization_payload(made)}), 201


@blueprint.post("/login", summary="Sign in", responses={200: LoginOut})
def login(body: Login) -> Response:
    """An access token for one organization. What it may do is looked up at each request, and so is whether it still holds."""
    throttle.check("sign_in", body.email)
    user = users.authenticate(body.email, body.password)
    if user is None:
        raise Unauthenticated("credentials_invalid", "That email and password don't match.")
    throttle.succeeded("sign_in", body.email)
    user = _proved(user, body.code)
    organization_id = _chosen(user, body.organization)
    set_organization(organization_id)
    role = users.role_in(organization_id, user.id) or "staff"
    g.organization_id = organization_id
    return jsonify(
        {
            "access_token": tokens.issue(user, organization_id),
            "token_type": "Bearer",
            "expires_in": config.current().jwt_expires_in,
            "user": user_payload(user, role),
            "org": organization_payload(organizations.find(organization_id)),
        }
    )


def _proved(user: User, code: str | None) -> User:
    """The user, who gave a code where one is needed. Raises Unauthenticated, RateLimited."""
    if not second_factor.is_on(user):
        return user
    if code is None:
        raise Unauthenticated("second_factor_required", "Send the code of your authenticator app too, as `code`.")
    user_id, generation = user.id, user.token_generation
    end_reading()
    if not second_factor.passes(user_id, code):
        raise Unauthenticated("second_factor_wrong", second_factor.WRONG)
    found = users.load(user_id, generation)
    if found is None:
        raise Unauthenticated("credentials_invalid", "That email and password don't match.")
    return found


def _chosen(user: User, wanted: str | None) -> str:
    """The id of the organization to sign in to. Raises Forbidden when the user is in none, or not in this one."""
    found = users.named(user.id)
    fits = [one.id for one in found if wanted is None or wanted in (one.id, one.slug)]
    if not fits:
        raise Forbidden("organization_unavailable", "You are not a member of such an organization.")
    return fits[0]
