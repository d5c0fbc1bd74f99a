"""The audit log over the API: who did what, and what was different afterwards. Scope: `audit:read`; of people owners and admins."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import Response, g
from pydantic import BaseModel, Field, StrictStr, StringConstraints

from ballast.audit import reading
from ballast.audit.reading import Filter
from ballast.blueprints.api.answers import first_of, list_answer
from ballast.blueprints.api.fields import AuditEntryId, From, ListQuery, Text, Token, Until, example
from ballast.blueprints.api.setup import make_blueprint
from ballast.errors import InvalidRequest
from ballast.models import AuditEntry
from ballast.models.audit import ACTORS

SCOPE = "audit:read"

blueprint = make_blueprint(
    "api_audit", "Audit log", "Who did what, from where, and what it was before.", read=SCOPE, write=SCOPE
)

ENTRY: dict[str, Any] = {
    "id": "aud_01kbe8wv6pe2r9f3x7m5d0t1ar",
    "object": "audit_entry",
    "action": "member.role_changed",
    "resource_type": "user",
    "resource_id": "usr_01kbe8wv6pe2r9f3x7m5d0t1an",
    "actor": {
        "type": "user",
        "id": "usr_01kbe8wv6pe2r9f3x7m5d0t1as",
        "name": "Ada Okafor",
        "detail": "ada@example.com",
    },
    "changes": {"role": {"before": "viewer", "after": "admin"}},
    "ip": "203.0.113.7",
    "request_id": "req_01kbe8wv6pe2r9f3x7m5d0t1at",
    "created_at": "2026-11-28T09:30:00+00:00",
}
Action = Annotated[StrictStr, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)*(\.\*)?$", max_length=80)]
ResourceType = Annotated[StrictStr, StringConstraints(pattern=r"^[a-z_]+$", max_length=40)]


class AuditQuery(ListQuery[AuditEntryId]):
    """Which entries. `resourceType` and `resourceId` are other spellings of `resource_type` and `resource_id`."""

    action: Action | None = Field(
        default=None,
        description="One action, or all that begin so: `member.*`.",
        json_schema_extra={"example": "member.*"},
    )
    resource_type: ResourceType | None = Field(default=None, description="Such as `payment` or `api_key`.")
    resource_type_too: ResourceType | None = Field(default=None, alias="resourceType", description="`resource_type`.")
    resource_id: Token | None = Field(default=None, description="The id of what was changed.")
    resource_id_too: Token | None = Field(default=None, alias="resourceId", description="`resource_id`.")
    actor: Text | None = Field(
        default=None,
        description=f"Who: an id, an email address, the prefix of a key, or one of {', '.join(f'`{one}`' for one in ACTORS)}.",
    )
    from_: From | None = Field(default=None, alias="from", description="Written then or later; ISO 8601.")
    to: Until | None = Field(
        default=None, description="Written then or earlier; a date alone is its whole day, in UTC."
    )


class ActorOut(BaseModel):
    """Who. Of platform staff no `id` is told."""

    type: Literal[ACTORS]  # type: ignore[valid-type]
    id: str | None
    name: str = Field(description="Of a person or a key; what to call whoever has none.")
    detail: str | None = Field(description="A person's email address, a key's prefix.")


class AuditEntryOut(BaseModel):
    """What somebody did. Entries never change."""

    model_config = example(ENTRY)

    id: str
    object: Literal["audit_entry"]
    action: str
    resource_type: str
    resource_id: str
    actor: ActorOut
    changes: dict[str, Any] = Field(
        description="`{field: {before, after}}` of what is different, and facts beside it. Never a secret."
    )
    ip: str | None
    request_id: str | None
    created_at: str


class AuditList(BaseModel):
    """A page of the audit log."""

    model_config = example({"object": "list", "data": [ENTRY], "has_more": False})

    object: Literal["list"]
    data: list[AuditEntryOut]
    has_more: bool


@blueprint.get("/audit", summary="List audit entries", responses={200: AuditList})
def list_(query: AuditQuery) -> Response:
    """Newest first. Keys need the scope `audit:read`, which none has unless it was asked for; people have to be owner or admin."""
    chosen = Filter(
        action=query.action or "",
        resource_type=_one("resource_type", query.resource_type, query.resource_type_too),
        resource_id=_one("resource_id", query.resource_id, query.resource_id_too),
        actor=query.actor or "",
        start=query.from_,
        end=query.to,
    )
    return list_answer(reading.listed(g.organization_id, chosen), AuditEntry, "aud", query, _payloads)


def _one(name: str, given: str | None, too: str | None) -> str:
    """Of two spellings of one filter. Raises InvalidRequest(`parameter_conflict`)."""
    if given and too and given != too:
        raise InvalidRequest("parameter_conflict", f"{name} is given twice, with different values.", param=name)
    return given or too or ""


def _payloads(rows: list[Any]) -> list[dict[str, Any]]:
    return [reading.entry_payload(one) for one in reading.show(first_of(rows))]
