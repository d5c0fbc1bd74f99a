"""The organization, its members and its API keys over the API. For people with an access token; a key may read its organization."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from flask import Response, g, jsonify, request
from flask_openapi.models.tag import Tag
from sqlalchemy import select

from ballast.blueprints.api.answers import Done, first_of, json_answer, key_of_request, list_answer, once, with_secret
from ballast.blueprints.api.fields import KeyId, ListQuery
from ballast.blueprints.api.guard import read_body, require_caller
from ballast.blueprints.api.identity_schemas import (
    Deleted,
    Invite,
    KeyCreate,
    KeyList,
    KeyOut,
    KeyPath,
    KeyRotate,
    MemberList,
    MemberOut,
    MemberPath,
    NewKeyOut,
    OrganizationChange,
    OrganizationOut,
    RoleChange,
)
from ballast.blueprints.api.setup import ERRORS, TAKES_KEY, Part, use_versions
from ballast.db import transaction
from ballast.identity import api_keys, members, organizations
from ballast.identity.payloads import key_payload, member_payload, organization_payload
from ballast.models import ApiKey

ORGANIZATION = Tag(name="Organization", description="Your organization and who is in it.")
KEYS = Tag(name="API keys", description="What your programs sign in with. A key is shown once.")

# What each view takes beyond reading. A view that changes something and is not here does not start (tests/app/test_routes.py).
PERMISSIONS: Final = {
    "change_organization": "settings",
    "invite": "members",
    "change_member": "members",
    "remove_member": "members",
    "create_key": "api_keys",
    "rotate_key": "api_keys",
    "revoke_key": "api_keys",
}
KEYS_MAY: Final = {"organization"}

blueprint = Part("api_identity", __name__, url_prefix="/api/v1", abp_security=[{"bearer": []}], abp_responses=ERRORS)


@blueprint.before_request
def guard() -> None:
    """Somebody we know, whose role carries what the view takes. Raises Unauthenticated, Forbidden, RateLimited, InvalidRequest."""
    require_caller()
    view = (request.endpoint or "").rpartition(".")[2]
    if not (view in KEYS_MAY and g.caller.key):
        g.caller.require_permission(PERMISSIONS.get(view, "read"))
    read_body()


use_versions(blueprint)


@blueprint.get(
    "/organizations/me",
    summary="Get your organization",
    tags=[ORGANIZATION],
    security=[{"api_key": []}],
    responses={200: OrganizationOut},
)
def organization() -> Response:
    """The organization the key or token belongs to."""
    return _organization()


def _organization() -> Response:
    return jsonify(organization_payload(organizations.find(g.organization_id)))


@blueprint.patch(
    "/organizations/me", summary="Change your organization", tags=[ORGANIZATION], responses={200: OrganizationOut}
)
def change_organization(body: OrganizationChange) -> Response:
    """Owners only. The plan is not changed here."""
    fields = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    with transaction():
        organizations.change(g.organization_id, fields)
    return _organization()


@blueprint.get("/organizations/me/members", summary="List members", tags=[ORGANIZATION], responses={200: MemberList})
def list_members() -> Response:
    """Members, oldest first, then open invitations; at most 500 of each, in one answer."""
    data = [member_payload(one) for one in members.everyone(g.organization_id)]
    return jsonify({"object": "list", "data": data, "has_more": False})


@blueprint.post(
    "/organizations/me/members",
    summary="Invite somebody",
    tags=[ORGANIZATION],
    responses={201: MemberOut},
    openapi_extensions=TAKES_KEY,
)
def invite(body: Invite) -> Response:
    """Owners only. Sends a link that works for seven days; inviting again sends a new one."""
    return once(
        key_of_request(),
        lambda: Done(members.invite(g.organization_id, body.email, body.role, g.caller.id).id),
        lambda row: json_answer(201, member_payload(members.find(g.organization_id, row))),
    )


@blueprint.patch(
    "/organizations/me/members/<member_id>", summary="Change a role", tags=[ORGANIZATION], responses={200: MemberOut}
)
def change_member(path: MemberPath, body: RoleChange) -> Response:
    """Owners only. It holds from the member's next request on. The last owner stays one."""
    with transaction():
        changed = members.change_role(g.organization_id, path.member_id, body.role)
    return jsonify(member_payload(changed))


@blueprint.delete(
    "/organizations/me/members/<member_id>", summary="Remove a member", tags=[ORGANIZATION], responses={200: Deleted}
)
def remove_member(path: MemberPath) -> Response:
    """Owners only. Also takes an invitation back. The last owner cannot leave."""
    with transaction():
        members.remove(g.organization_id, path.member_id)
    return jsonify({"id": path.member_id, "object": "member", "deleted": True})


@blueprint.get("/api-keys", summary="List API keys", tags=[KEYS], responses={200: KeyList})
def list_keys(query: ListQuery[KeyId]) -> Response:
    """Newest first, by prefix and never whole."""
    wanted = select(ApiKey).where(ApiKey.organization_id == g.organization_id)
    return list_answer(wanted, ApiKey, "key", query, lambda rows: [key_payload(row) for row in first_of(rows)])


@blueprint.post(
    "/api-keys", summary="Create an API key", tags=[KEYS], responses={201: NewKeyOut}, openapi_extensions=TAKES_KEY
)
def create_key(body: KeyCreate) -> Response:
    """Owners and admins. `key` is in this answer and in no other: repeated under the same Idempotency-Key it comes without."""
    return _make_key(
        lambda: api_keys.create(
            organizations.find(g.organization_id),
            body.name,
            g.caller.id,
            tuple(dict.fromkeys(body.scopes)),
            body.expires_at,
            body.rate_limit,
        )
    )


@blueprint.post(
    "/api-keys/<key_id>/rotate",
    summary="Rotate an API key",
    tags=[KEYS],
    responses={201: NewKeyOut},
    openapi_extensions=TAKES_KEY,
)
def rotate_key(path: KeyPath, body: KeyRotate) -> Response:
    """Owners and admins. A new key with the same scopes; the old one works for `overlap_seconds` more."""
    overlap = timedelta(seconds=body.overlap_seconds)
    return _make_key(lambda: api_keys.rotate(organizations.find(g.organization_id), path.key_id, g.caller.id, overlap))


def _make_key(make: Callable[[], tuple[ApiKey, str]]) -> Response:
    tokens: list[str] = []

    def begin() -> Done:
        made, token = make()
        tokens.append(token)
        return Done(made.id)

    def show(key_id: str) -> Response:
        return json_answer(201, key_payload(api_keys.find(g.organization_id, key_id)))

    return with_secret(once(key_of_request(), begin, show), "key", tokens)


@blueprint.delete("/api-keys/<key_id>", summary="Revoke an API key", tags=[KEYS], responses={200: KeyOut})
def revoke_key(path: KeyPath) -> Response:
    """Owners and admins. It is refused from its next request on, and stays in the list as revoked."""
    with transaction():
        payload = key_payload(api_keys.revoke(g.organization_id, path.key_id))
    return jsonify(payload)
