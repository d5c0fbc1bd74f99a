"""Where processors send their events: verified on the raw bytes, stored once, answered fast."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from ballast.billing import accounts, direct_events, inbox
from ballast.db import set_organization
from ballast.errors import NotFound
from ballast.identity.users import lookup
from ballast.ids import to_uuid
from ballast.models import ProcessorAccount
from ballast.models.customers import PROCESSORS

blueprint = Blueprint("hooks", __name__, url_prefix="/hooks")


@blueprint.post("/<processor>/<account_id>")
def receive(processor: str, account_id: str) -> Response:
    """2xx for a known event too: a duplicate has no effect."""
    account = _account(processor, account_id)
    inbox.receive(account.organization_id, account_id, request.get_data(cache=False), dict(request.headers))
    direct_events.note(account)
    return Response(status=204)


@blueprint.get("/<processor>/<account_id>")
def answer(processor: str, account_id: str) -> Response:
    """The proof that this is the right address, for processors that ask for one (Braintree: `?bt_challenge=`)."""
    account = _account(processor, account_id)
    said = inbox.answer_challenge(account.organization_id, account_id, request.args.get("bt_challenge", ""))
    return Response(said, content_type="text/plain; charset=utf-8")


def _account(processor: str, account_id: str) -> ProcessorAccount:
    """The account, at this processor; from here on the request works for its organization. Held by the caller, so that the session has
    it still when it is asked for again. Raises NotFound."""
    organization_id = _organization_of(account_id) if processor in PROCESSORS else None
    if organization_id is None:
        raise NotFound("processor account")
    set_organization(organization_id)
    found = accounts.find(organization_id, account_id)
    if found.processor != processor:
        raise NotFound("processor account")
    return found


# Whose an account is never changes, so what was found once is not asked for again.
MOST: Final = 10_000
_owners: dict[str, str] = {}


def _organization_of(account_id: str) -> str | None:
    inside, found = to_uuid(account_id, "pac"), _owners.get(account_id)
    if found is None and inside is not None:
        found = lookup("organization_of_account", inside)
        if found is not None:
            if len(_owners) >= MOST:
                _owners.clear()
            _owners[account_id] = found
    return found
