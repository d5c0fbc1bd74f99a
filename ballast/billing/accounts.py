"""Accounts at the processors: whose they are, what opens them, and which of them new cards go to.

Secrets are sealed before they are stored and shown to nobody again. Mode follows the organization: what looks like a live key is
refused in a sandbox organization, and what looks like a test key in a live one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from ballast import audit, config
from ballast.billing import processing
from ballast.billing.account_fields import NAMED_BY, read_fields
from ballast.clock import real_time
from ballast.db import db, end_reading, transaction
from ballast.errors import Conflict, InvalidRequest, NotFound, ProcessorError
from ballast.ids import new_id, to_uuid
from ballast.models import Organization, PaymentMethod, ProcessorAccount
from ballast.models.customers import account_of, accounts_of
from ballast.processors.base import Connection, Credentials, UnavailableError
from ballast.security import keyring, looks_like_card_number

MOST_COUNTED: Final = 10_000
UNREADABLE: Final = "The stored keys cannot be opened with the present ENCRYPTION_KEY. Enter them again."


def connect(organization: Organization, processor: str, given: Mapping[str, str]) -> str:
    """A new account, whose keys were tried at the processor before anything is stored; answers its id.

    Raises what `read_fields` and `_read_name` raise, what `_try_out` raises, Conflict(`processor_account_taken`).
    """
    public, secrets = read_fields(processor, organization.mode, given)
    _read_name(given)
    opened = _try_out(processing.credentials(processor, mode_of(organization), public, secrets))
    with transaction():
        account = add(organization, processor, given, opened)
        return account.id


def _try_out(given: Credentials) -> Connection:
    """What the keys open. Holds no transaction while it asks.

    Raises ProcessorError(`processor_unreachable`), InvalidRequest(`processor_credentials_invalid`) with the field's name as `param`.
    """
    end_reading()
    found = processing.try_out(given)
    if found.reason:
        said = f"{found.problem} Nothing was stored."
        raise ProcessorError("processor_unreachable", said)
    if found.problem:
        raise InvalidRequest("processor_credentials_invalid", found.problem, param=found.field or "secret_key")
    return found


def mode_of(organization: Organization) -> str:
    """What processors call the organization's mode: live or test."""
    return "live" if organization.mode == "live" else "test"


def add(
    organization: Organization, processor: str, given: Mapping[str, str], opened: Connection | None = None
) -> ProcessorAccount:
    """An account with its secrets sealed; the organization's first one takes all new cards. In the caller's transaction.

    `opened` is what the keys were found to open, None where nobody has tried them. Raises what `read_fields` and `_read_name` raise,
    Conflict(`processor_account_taken`, `processor_account_archived`) for an account that is known already, here or elsewhere.
    """
    public, secrets = read_fields(processor, organization.mode, given)
    is_first = not any(known.is_default for known in all_of(organization.id))
    account = ProcessorAccount(
        id=new_id("pac"),
        organization_id=organization.id,
        processor=processor,
        name=_read_name(given) or (opened.name[:120] if opened else ""),
        mode=mode_of(organization),
        external_account=opened.external_account if opened else public[NAMED_BY[processor]],
        public_config=public,
        is_default=is_first,
        share=100 if is_first else 0,
        currencies=[],
        takes_currencies=list(opened.currencies) if opened else [],
        credentials=b"",
        checked_at=real_time() if opened else None,
    )
    seal(account, secrets)
    _refuse_archived(account)
    db.session.add(account)
    _flush(account)
    record(account, "added", {"processor": processor, "external_account": account.external_account})
    return account


def _read_name(given: Mapping[str, str]) -> str:
    """What the account is to be called, empty for the processor's own name. Raises InvalidRequest(`card_number_refused`)."""
    name = given.get("name", "").strip()
    if looks_like_card_number(name):
        said = "This looks like a card number. Call the account something else."
        raise InvalidRequest("card_number_refused", said, param="name")
    return name[:120]


def _refuse_archived(account: ProcessorAccount) -> None:
    known = db.session.scalars(
        accounts_of(account.organization_id, archived=True).filter_by(
            processor=account.processor, external_account=account.external_account, mode=account.mode
        )
    ).first()
    if known is not None:
        raise Conflict(
            "processor_account_archived",
            f"This {account.processor.capitalize()} account is archived here. Bring it back from the list of archived accounts.",
        )


def _flush(account: ProcessorAccount) -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        if "external_account" not in str(error.orig):
            raise
        raise _taken(account.processor) from error


def _taken(processor: str) -> Conflict:
    return Conflict(
        "processor_account_taken",
        f"This {processor.capitalize()} account is connected to Ballast already, here or by another organization. "
        "One account belongs to one organization.",
    )


def seal(account: ProcessorAccount, secrets: Mapping[str, str]) -> None:
    """Put secrets into the account, sealed."""
    account.credentials = keyring().encrypt(json.dumps(dict(secrets)), processing.seal_name(account.id))


def unseal(account: ProcessorAccount) -> dict[str, str]:
    """The account's secrets. Raises ValueError for a broken seal."""
    found: dict[str, str] = json.loads(keyring().decrypt(account.credentials, processing.seal_name(account.id)))
    return found


def kept_secrets(account: ProcessorAccount) -> dict[str, str]:
    """The account's secrets by field; none where the key that sealed them is gone, so that they are entered anew."""
    try:
        return unseal(account)
    except ValueError:
        return {}


def find(organization_id: str, account_id: str, lock: bool = False) -> ProcessorAccount:
    """The account; not asked for again where this transaction has it. Raises NotFound."""
    found = None
    if to_uuid(account_id, "pac") and lock:
        wanted = account_of(organization_id, account_id).with_for_update()
        found = db.session.scalars(wanted.execution_options(populate_existing=True)).first()
    elif to_uuid(account_id, "pac"):
        found = db.session.get(ProcessorAccount, {"organization_id": organization_id, "id": account_id})
    if found is None:
        raise NotFound("processor account")
    return found


def change_keys(organization: Organization, account_id: str, given: Mapping[str, str]) -> None:
    """New keys of the same account, tried at the processor first; a secret left empty stays as it is.

    Raises NotFound, what `read_fields` and `_try_out` raise, InvalidRequest(`processor_account_other`) for another account's keys:
    what is stored here can be charged with this account's keys only.
    """
    account = find(organization.id, account_id)
    processor, known = account.processor, None if _is_unnamed(account) else account.external_account
    public, secrets = _merged(account, organization, given)
    opened = _try_out(processing.credentials(processor, mode_of(organization), public, secrets))
    if known not in (opened.external_account, None):
        raise InvalidRequest(
            "processor_account_other",
            f"These keys open another {processor.capitalize()} account, {opened.external_account}. The cards stored here can be "
            "charged with this account's keys only. Add the other one as an account of its own.",
            param=NAMED_BY[processor] if processor != "stripe" else "secret_key",
        )
    with transaction():
        account = find(organization.id, account_id, lock=True)
        replace_credentials(account, organization, given)
        account.checked_at, account.problem = real_time(), _adopt(account, opened)


def replace_credentials(account: ProcessorAccount, organization: Organization, given: Mapping[str, str]) -> None:
    """New keys of the same account; a secret left empty stays as it is. In the caller's transaction.

    Raises what `read_fields` raises.
    """
    kept = kept_secrets(account)
    public, secrets = _merged(account, organization, given)
    changes: dict[str, Any] = dict(audit.differences(account.public_config, public))
    if replaced := sorted(name for name, value in secrets.items() if value != kept.get(name)):
        changes["secrets_replaced"] = replaced
    account.public_config = public
    seal(account, secrets)
    if changes:
        record(account, "credentials_replaced", changes)


def _merged(
    account: ProcessorAccount, organization: Organization, given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    filled = {name: value for name, value in given.items() if value.strip()}
    return read_fields(account.processor, organization.mode, kept_secrets(account) | filled)


def check(organization_id: str, account_id: str) -> Connection:
    """Try the account's credentials at the processor, and note what came of it. Raises NotFound."""
    try:
        opened = _open(find(organization_id, account_id))
    except Conflict as error:
        found = Connection(error.message, field="secret_key")
    else:
        end_reading()
        found = processing.read(opened, lambda adapter: adapter.check())
    end_reading()
    with transaction():
        account = find(organization_id, account_id, lock=True)
        problem = found.problem or _adopt(account, found)
        was, account.checked_at, account.problem = account.problem, real_time(), problem
        account.name = account.name or found.name[:120]
        record(account, "checked", audit.differences({"problem": was}, {"problem": problem}))
    return replace(found, problem=problem)


def _open(account: ProcessorAccount) -> processing.Account:
    try:
        return processing.open_account(account)
    except ValueError:
        raise Conflict("processor_keys_unreadable", UNREADABLE) from None


def _adopt(account: ProcessorAccount, found: Connection) -> str | None:
    """Take what the processor says of the account: its currencies, and its name where one of its fields was known only. Or say what
    is wrong with it."""
    if account.external_account == found.external_account:
        account.takes_currencies = list(found.currencies)
        return None
    if not _is_unnamed(account):
        return f"These keys open another {account.processor.capitalize()} account, {found.external_account}."
    try:
        with db.session.begin_nested():
            account.external_account, account.takes_currencies = found.external_account, list(found.currencies)
            db.session.flush()
    except IntegrityError:
        db.session.refresh(account)
        return _taken(account.processor).message
    return None


def _is_unnamed(account: ProcessorAccount) -> bool:
    """Whether nobody has asked yet which account it is: Stripe's own name of an account stands in none of the fields."""
    return account.processor == "stripe" and not account.external_account.startswith("acct_")


def listen(organization_id: str, account_id: str) -> bool:
    """Have the processor send its events here, where it can be told so; whether it was.

    Raises NotFound, Conflict(`processor_keys_unreadable`), ProcessorError(`processor_unreachable`).
    """
    opened = _open(find(organization_id, account_id))
    end_reading()
    if not processing.capabilities_of(opened.processor).registers_webhooks:
        return False
    url = hook_url(opened.processor, account_id)
    try:
        secret = processing.read(opened, lambda adapter: adapter.listen(url))
    except UnavailableError as error:
        said = f"{opened.processor.capitalize()} did not take the address ({error.reason}). Try again in a moment."
        raise ProcessorError("processor_unreachable", said) from error
    with transaction():
        account = find(organization_id, account_id, lock=True)
        seal(account, unseal(account) | {"webhook_secret": secret})
        record(account, "webhook_registered", {"url": url})
    return True


def hook_url(processor: str, account_id: str) -> str:
    """Where a processor sends an account's events, exactly as it was told: Square signs this text too."""
    return f"{config.current().public_url}/hooks/{processor}/{account_id}"


def make_default(organization_id: str, account_id: str) -> None:
    """Take this account where nobody names one. In the caller's transaction.

    Raises NotFound, Conflict(`processor_account_disabled`).
    """
    account = find(organization_id, account_id, lock=True)
    if not account.enabled or account.archived_at:
        raise Conflict("processor_account_disabled", "Enable this account before making it the default.")
    before = db.session.scalars(
        update(ProcessorAccount)
        .where(ProcessorAccount.organization_id == organization_id, ProcessorAccount.is_default)
        .values(is_default=False)
        .returning(ProcessorAccount.id)
    ).all()
    account.is_default = True
    db.session.flush()
    record(account, "made_default", audit.differences({"default": next(iter(before), None)}, {"default": account_id}))


def enable(organization_id: str, account_id: str, enabled: bool) -> None:
    """Take new cards again, or no more; what is stored there can be charged all the same. In the caller's transaction.

    Raises NotFound, Conflict(`processor_account_archived`).
    """
    account = find(organization_id, account_id, lock=True)
    if enabled and account.archived_at:
        raise Conflict("processor_account_archived", "Bring this account back before enabling it.")
    changes = audit.differences({"enabled": account.enabled}, {"enabled": enabled})
    account.enabled = enabled
    record(account, "enabled" if enabled else "disabled", changes)


def archive(organization_id: str, account_id: str) -> None:
    """Put an account away: nothing new goes there, its tokens and attempts stay. In the caller's transaction.

    Raises NotFound, Conflict(`processor_account_default`).
    """
    account = find(organization_id, account_id, lock=True)
    if account.is_default:
        raise Conflict("processor_account_default", "Make another account the default first.")
    was = _standing(account)
    account.enabled, account.archived_at = False, account.archived_at or real_time()
    record(account, "archived", audit.differences(was, _standing(account)))


def restore(organization_id: str, account_id: str) -> None:
    """Bring an archived account back, disabled: whoever wants new cards to go there enables it. In the caller's transaction.

    Raises NotFound, Conflict(`processor_mode_mismatch`) for one of the time before the organization went live.
    """
    account = find(organization_id, account_id, lock=True)
    organization = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
    if account.mode != mode_of(organization):
        said = f"This is a {account.mode} account, and {organization.name} is not in that mode."
        raise Conflict("processor_mode_mismatch", said)
    was, account.archived_at = _standing(account), None
    record(account, "restored", audit.differences(was, _standing(account)))


def _standing(account: ProcessorAccount) -> dict[str, Any]:
    return {"enabled": account.enabled, "archived": account.archived_at is not None}


def all_of(organization_id: str) -> list[ProcessorAccount]:
    """The organization's accounts that are not archived, the default one first."""
    return list(db.session.scalars(accounts_of(organization_id)))


def archived_of(organization_id: str) -> list[ProcessorAccount]:
    """The organization's archived accounts, oldest first."""
    return list(db.session.scalars(accounts_of(organization_id, archived=True)))


def stored_cards(organization_id: str, account_id: str) -> int:
    """How many cards are stored at the account; beyond `MOST_COUNTED` nobody counts on."""
    wanted = select(PaymentMethod.id).where(
        PaymentMethod.organization_id == organization_id,
        PaymentMethod.processor_account_id == account_id,
        PaymentMethod.status == "active",
    )
    counted = select(func.count()).select_from(wanted.limit(MOST_COUNTED + 1).subquery())
    return db.session.scalars(counted).one()


def record(account: ProcessorAccount, verb: str, changes: dict[str, Any] | None = None) -> None:
    """Note in the audit log what was done with the account."""
    audit.record(account.organization_id, f"processor_account.{verb}", "processor_account", account.id, changes)
