"""The signed address that explains a charge, or one to come: of a payment, an installment, a plan, an invoice."""

from __future__ import annotations

from functools import cache
from typing import Final

from itsdangerous import BadSignature, URLSafeSerializer

from ballast import config
from ballast.errors import NotFound
from ballast.ids import to_uuid

SALT: Final = "ballast: why a charge"
KINDS: Final = ("pay", "inst", "agr", "in")


def url(organization_id: str, resource_id: str) -> str:
    """The address for the mails about it; `resource_id` is of one of KINDS."""
    return f"{config.current().public_url}/charges/{_serializer(config.current().secret_key).dumps([organization_id, resource_id])}"


def read(given: str) -> tuple[str, str]:
    """The organization and what is explained. Raises NotFound for what we did not sign."""
    try:
        payload = _serializer(config.current().secret_key).loads(given)
    except BadSignature as error:
        raise NotFound("page") from error
    match payload:
        case [str(organization_id), str(resource_id)] if to_uuid(organization_id, "org") and _is_known(resource_id):
            return organization_id, resource_id
    raise NotFound("page")


def _is_known(resource_id: str) -> bool:
    return any(to_uuid(resource_id, kind) for kind in KINDS)


@cache
def _serializer(secret_key: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret_key, salt=SALT)
