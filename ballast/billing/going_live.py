"""Making an organization live. Mode belongs to it, and keys and processor accounts follow: see docs/decisions/0011."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import exists, select

from ballast import audit
from ballast.billing import accounts
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.errors import Conflict
from ballast.identity import api_keys, letters, organizations, reasons
from ballast.models import ApiKey, Customer, Dispute, LedgerTransfer, Order, Organization, Payment, PaymentMethod
from ballast.models.identity import owners_of

# What makes an organization one of test money: it would stand in live books beside what is real.
LEFT_BY_TESTS: Final[dict[str, Any]] = {
    "payments": Payment,
    "orders": Order,
    "stored cards": PaymentMethod,
    "customers": Customer,
    "disputes": Dispute,
    "ledger transfers": LedgerTransfer,
}


@dataclass(frozen=True)
class Effect:
    """What went with the sandbox."""

    keys: int
    accounts: int


@dataclass(frozen=True)
class Outlook:
    """What going live would come to. `obstacles`: what is left of tests, none where it may go live."""

    obstacles: list[str]
    keys: list[ApiKey]
    accounts: list[str]


def foresee(organization_id: str) -> Outlook:
    """What stands in the way, and what would go: working test keys and the accounts at test processors."""
    with organization(organization_id):
        return Outlook(
            obstacles=_left_by_tests(organization_id),
            keys=list(_test_keys(organization_id)),
            accounts=[account.name or account.external_account for account in accounts.all_of(organization_id)],
        )


def _left_by_tests(organization_id: str) -> list[str]:
    asked = [exists().where(model.organization_id == organization_id) for model in LEFT_BY_TESTS.values()]
    answers = db.session.execute(select(*asked)).one()
    return [word for word, is_there in zip(LEFT_BY_TESTS, answers, strict=True) if is_there]


def _test_keys(organization_id: str) -> Iterator[ApiKey]:
    wanted = select(ApiKey).where(ApiKey.organization_id == organization_id, ApiKey.revoked_at.is_(None))
    yield from db.session.scalars(wanted.order_by(ApiKey.id))


def go_live(organization_id: str, reason: str) -> Effect:
    """Make a sandbox organization live, for good. Its test keys are revoked and its test accounts put away; owners get mail.

    It takes no payment until an owner connects live keys, which only a live organization accepts.
    Raises what `reasons.read` raises, Conflict(`live_already`, `organization_used`).
    """
    reason = reasons.read(reason)
    with organization(organization_id), transaction():
        found = organizations.locked(organization_id, against_payments=True)
        _refuse_unless_fresh(found)
        found.mode = "live"
        found.clock_at = found.clock_target_at = found.clock_lease_until = found.clock_problem = None
        effect = Effect(_revoke_keys(organization_id), _archive_accounts(organization_id))
        changes = {"reason": reason} | audit.differences({"mode": "sandbox"}, {"mode": "live"})
        audit.record(organization_id, "organization.went_live", "organization", organization_id, changes)
        db.session.flush()
        _tell_owners(found)
    return effect


def _refuse_unless_fresh(found: Organization) -> None:
    if found.mode == "live":
        raise Conflict("live_already", f"{found.name} is live already.")
    left = foresee(found.id).obstacles
    if left:
        raise Conflict(
            "organization_used",
            f"{found.name} has {', '.join(left)} of test money, which cannot stand in live books. Begin a new live organization.",
        )


def _revoke_keys(organization_id: str) -> int:
    return len([api_keys.revoke(organization_id, key.id) for key in list(_test_keys(organization_id))])


def _archive_accounts(organization_id: str) -> int:
    """Also the default one, which nobody may archive otherwise: there is none until a live account comes."""
    found = accounts.all_of(organization_id)
    for account in found:
        was = {"enabled": account.enabled, "archived": False, "default": account.is_default}
        account.enabled, account.is_default, account.archived_at = False, False, real_time()
        accounts.record(account, "archived", audit.differences(was, dict.fromkeys(was, False) | {"archived": True}))
    return len(found)


def _tell_owners(found: Organization) -> None:
    context = {"processors_url": letters.url("/admin/settings/processors")}
    for _member, owner in db.session.execute(owners_of(found.id)):
        letters.write(
            found.id,
            "organization_live",
            owner.email,
            f"{found.name} is live",
            f"organization_live/{owner.id}",
            context,
        )
