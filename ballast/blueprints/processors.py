"""Settings → Processors: the accounts that take the money, their keys, and which new cards each is for.

Everyone in the organization may read, without secrets; only an owner changes. Views parse, make one domain call and render.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import select

from ballast.billing import account_fields, accounts, circuits, processing, routing
from ballast.billing.routing import Route
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, Conflict, InvalidRequest, ProcessorError
from ballast.identity import users
from ballast.models import InboxEvent, ProcessorAccount
from ballast.money import from_decimal, to_decimal
from ballast.security import looks_like_card_number, without_card_number
from ballast.web import dashboard, is_htmx, render, requires, see_other

blueprint = Blueprint("processors", __name__, url_prefix="/admin/settings/processors")
dashboard(blueprint)

RIGHT: Final = "processors"
# The domain's word for a field of ours.
FIELD_OF: Final = {"currency": "currencies"}


# --- Reading -----------------------------------------------------------------------------------------------------------------


@blueprint.get("")
def index() -> Response:
    """All accounts: which new cards they are for, and how they are."""
    found = accounts.all_of(g.organization.id)
    percent = routing.percentages(found)
    return render(
        "admin/processors/index.html",
        rows=[_described(account) | {"percent": percent[account.id]} for account in found],
        archived=accounts.archived_of(g.organization.id),
        may_change=users.may(g.role, RIGHT),
    )


def _described(account: ProcessorAccount) -> dict[str, Any]:
    return _named(account) | {"state": routing.state_of(account), "since": circuits.paused_since(account)}


def _named(account: ProcessorAccount) -> dict[str, Any]:
    return {"account": account, "label": account.name or account.external_account}


@blueprint.get("/<account_id>")
def show(account_id: str) -> Response:
    """One account: its connection, what it is for, where its events come in."""
    return _show(account_id)


def _show(account_id: str, block: str | None = None, error: BallastError | None = None) -> Response:
    account = accounts.find(g.organization.id, account_id)
    percent = routing.percentages(accounts.all_of(g.organization.id))
    return render(
        "admin/processors/show.html",
        block,
        _status(error),
        problem=error.message if error else None,
        **_described(account),
        percent=percent.get(account.id, 0),
        fields=[field for field in account_fields.fields_of(account.processor) if not field.secret],
        hook_url=accounts.hook_url(account.processor, account.id),
        registers=processing.capabilities_of(account.processor).registers_webhooks,
        has_webhook_secret=_has_webhook_secret(account),
        last_event_at=_last_event_at(account),
        cards=accounts.stored_cards(account.organization_id, account.id),
        most_counted=accounts.MOST_COUNTED,
        may_change=users.may(g.role, RIGHT),
    )


def _has_webhook_secret(account: ProcessorAccount) -> bool | None:
    """None where the processor signs with the account's own keys."""
    names = [field.name for field in account_fields.fields_of(account.processor)]
    return bool(accounts.kept_secrets(account).get("webhook_secret")) if "webhook_secret" in names else None


def _last_event_at(account: ProcessorAccount) -> datetime | None:
    wanted = select(InboxEvent.received_at).where(
        InboxEvent.organization_id == account.organization_id, InboxEvent.processor_account_id == account.id
    )
    return db.session.scalars(wanted.order_by(InboxEvent.id.desc()).limit(1)).first()


# --- Keys --------------------------------------------------------------------------------------------------------------------


@blueprint.get("/new")
@requires(RIGHT)
def new() -> Response:
    """Choose a processor, then enter what opens the account."""
    chosen = request.args.get("processor", "")
    return _new_form(chosen if chosen in account_fields.FIELDS else None)


@blueprint.post("/new")
@requires(RIGHT)
def add() -> Response:
    """Try the keys at the processor, and store the account if they open it."""
    processor = request.form.get("processor", "")
    try:
        account_id = accounts.connect(g.organization, processor, _given(processor))
    except BallastError as error:
        db.session.rollback()
        return _new_form(processor if processor in account_fields.FIELDS else None, error)
    flash("The account is connected. Its keys were tried and work.", "success")
    return see_other(url_for("processors.show", account_id=account_id))


def _given(processor: str) -> dict[str, str]:
    """What was typed into the fields of this processor and into no other. Raises InvalidRequest(`card_number_refused`)."""
    names = ["name", *(field.name for field in account_fields.fields_of(processor))]
    given = {name: request.form.get(name, "") for name in names}
    for name, value in given.items():
        if looks_like_card_number(value):
            said = "This looks like a card number, which has no place here."
            raise InvalidRequest("card_number_refused", said, param=name)
    return given


def _new_form(processor: str | None, error: BallastError | None = None) -> Response:
    return render(
        "admin/processors/new.html",
        status=_status(error),
        processor=processor,
        fields=account_fields.fields_of(processor) if processor else (),
        values=_shown_again(processor),
        **_told(error),
    )


def _shown_again(processor: str | None) -> dict[str, str]:
    """What the form keeps of what was typed: secrets are typed again, and a card number is shown to nobody."""
    secret = {field.name for field in account_fields.fields_of(processor) if field.secret} if processor else set()
    return {name: without_card_number(value) for name, value in request.form.items() if name not in secret}


def _told(error: BallastError | None) -> dict[str, Any]:
    """The error for a form: beside its field where it has one, above the form otherwise."""
    if error is None:
        return {"errors": {}, "problem": None}
    if error.param is not None and error.param != "processor":
        return {"errors": {FIELD_OF.get(error.param, error.param): error.message}, "problem": None}
    return {"errors": {}, "problem": error.message}


def _status(error: BallastError | None) -> int:
    if error is None:
        return 200
    return error.status if error.status == 409 else 422


@blueprint.get("/<account_id>/keys")
@requires(RIGHT)
def keys_form(account_id: str) -> Response:
    """New keys for the same account."""
    return _keys_form(accounts.find(g.organization.id, account_id))


@blueprint.post("/<account_id>/keys")
@requires(RIGHT)
def keys(account_id: str) -> Response:
    """Try the new keys, and store them if they open the same account."""
    processor = accounts.find(g.organization.id, account_id).processor
    try:
        accounts.change_keys(g.organization, account_id, _given(processor))
    except BallastError as error:
        db.session.rollback()
        return _keys_form(accounts.find(g.organization.id, account_id), error)
    flash("The new keys were tried and work. The old ones are forgotten.", "success")
    return see_other(url_for("processors.show", account_id=account_id))


def _keys_form(account: ProcessorAccount, error: BallastError | None = None) -> Response:
    kept = accounts.kept_secrets(account)
    return render(
        "admin/processors/keys.html",
        status=_status(error),
        **_named(account),
        fields=account_fields.fields_of(account.processor),
        values=account.public_config | _shown_again(account.processor),
        kept={name for name, value in kept.items() if value},
        **_told(error),
    )


@blueprint.post("/<account_id>/check")
@requires(RIGHT)
def check(account_id: str) -> Response:
    """Try the stored keys now."""
    found = accounts.check(g.organization.id, account_id)
    if is_htmx():
        return _show(account_id, "connection")
    flash(found.problem or "The keys work.", "danger" if found.problem else "success")
    return see_other(url_for("processors.show", account_id=account_id))


# --- Where new cards go ------------------------------------------------------------------------------------------------------


@blueprint.get("/<account_id>/routing")
@requires(RIGHT)
def routing_form(account_id: str) -> Response:
    """Which new cards the account is for."""
    return _routing_form(accounts.find(g.organization.id, account_id))


@blueprint.post("/<account_id>/routing")
@requires(RIGHT)
def route(account_id: str) -> Response:
    """Say which new cards the account is for."""
    try:
        wanted = _read_route()
        end_reading()
        with transaction():
            routing.route(g.organization.id, account_id, wanted)
    except InvalidRequest as error:
        db.session.rollback()
        return _routing_form(accounts.find(g.organization.id, account_id), error)
    flash("New cards are shared out anew. Stored cards stay where they are.", "success")
    return see_other(url_for("processors.show", account_id=account_id))


def _read_route() -> Route:
    share = request.form.get("share", "").strip()
    if not (share.isascii() and share.isdigit() and len(share) <= 3):
        raise InvalidRequest("share_invalid", "A share is a whole number from 0 to 100.", param="share")
    named = request.form.get("currencies", "")[:2000].upper().replace(",", " ").split()
    return Route(int(share), tuple(dict.fromkeys(named)), _bound("amount_from"), _bound("amount_to"))


def _bound(name: str) -> int | None:
    typed = request.form.get(name, "").strip()
    try:
        return from_decimal(typed, g.organization.currency) if typed else None
    except InvalidRequest as error:
        raise InvalidRequest(error.code, error.message, param=name) from None


def _routing_form(account: ProcessorAccount, error: BallastError | None = None) -> Response:
    others = [one for one in accounts.all_of(g.organization.id) if one.id != account.id and one.enabled]
    return render(
        "admin/processors/routing.html",
        status=_status(error),
        **_named(account),
        values=_route_values(account) | _shown_again(None),
        others=others,
        **_told(error),
    )


def _route_values(account: ProcessorAccount) -> dict[str, str]:
    def typed(amount: int | None) -> str:
        return "" if amount is None else str(to_decimal(amount, g.organization.currency))

    return {
        "share": str(account.share),
        "currencies": ", ".join(account.currencies),
        "amount_from": typed(account.amount_from),
        "amount_to": typed(account.amount_to),
    }


# --- Events, state, archive --------------------------------------------------------------------------------------------------


@blueprint.post("/<account_id>/webhooks")
@requires(RIGHT)
def listen(account_id: str) -> Response:
    """Have the processor send its events here."""
    try:
        accounts.listen(g.organization.id, account_id)
    except (Conflict, ProcessorError) as error:
        db.session.rollback()
        return _show(account_id, error=error)
    return _done(account_id, "The processor sends its events here from now on.")


@blueprint.post("/<account_id>/enabled")
@requires(RIGHT)
def enable(account_id: str) -> Response:
    """Take new cards again, or no more."""
    wanted = request.form.get("enabled") == "yes"
    said = (
        "The account takes new cards again."
        if wanted
        else "The account takes no new cards. Stored ones are charged as before."
    )
    return _change(account_id, lambda: accounts.enable(g.organization.id, account_id, wanted), said)


@blueprint.post("/<account_id>/default")
@requires(RIGHT)
def make_default(account_id: str) -> Response:
    """Take this account where nobody names one."""
    said = "Payments that name no account go here from now on."
    return _change(account_id, lambda: accounts.make_default(g.organization.id, account_id), said)


@blueprint.get("/<account_id>/archive")
@requires(RIGHT)
def archive_form(account_id: str) -> Response:
    """The consequence, before it happens."""
    return _archive_form(accounts.find(g.organization.id, account_id))


@blueprint.post("/<account_id>/archive")
@requires(RIGHT)
def archive(account_id: str) -> Response:
    """Put the account away."""
    try:
        _act(lambda: accounts.archive(g.organization.id, account_id))
    except Conflict as error:
        db.session.rollback()
        return _archive_form(accounts.find(g.organization.id, account_id), error)
    return _done(account_id, "The account is archived.")


def _archive_form(account: ProcessorAccount, error: BallastError | None = None) -> Response:
    return render(
        "admin/processors/archive.html",
        status=_status(error),
        **_named(account),
        cards=accounts.stored_cards(account.organization_id, account.id),
        most_counted=accounts.MOST_COUNTED,
        problem=error.message if error else None,
    )


@blueprint.post("/<account_id>/restore")
@requires(RIGHT)
def restore(account_id: str) -> Response:
    """Bring an archived account back."""
    said = "The account is back, disabled. Enable it to let new cards go there."
    return _change(account_id, lambda: accounts.restore(g.organization.id, account_id), said)


def _change(account_id: str, act: Callable[[], None], said: str) -> Response:
    """Do it and say so; or show the account as it is, with the reason why not."""
    try:
        _act(act)
    except Conflict as error:
        db.session.rollback()
        return _show(account_id, error=error)
    return _done(account_id, said)


def _act(act: Callable[[], None]) -> None:
    end_reading()
    with transaction():
        act()


def _done(account_id: str, said: str) -> Response:
    flash(said, "success")
    return see_other(url_for("processors.show", account_id=account_id))
