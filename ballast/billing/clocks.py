"""The clock of a sandbox organization: it stands still, and is moved on by hand, through everything that falls due on the way.

Production code does all the work: an advance holds the clock at each due instant, in order, and runs the same sweepers for that
organization alone. It waits for attempts whose outcome is unknown. If the process dies the clock stands where it stood; the target is
still there, and the sweeper of advances goes on. Everything at an instant may run twice: it finds nothing due the second time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import exists, select, update

from ballast import audit, clock, config, queue
from ballast.billing import authorizations, processing, resolver
from ballast.billing.financing import accrual, lateness
from ballast.billing.financing import charging as installments
from ballast.billing.financing import reminding as plan_reminding
from ballast.billing.subscriptions import charging, reminding
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Attempt, Organization, ProcessorAccount
from ballast.models.states import OPEN_ATTEMPT
from ballast.notifications.drain import note_run, stopping

FARTHEST: Final = timedelta(days=5 * 366)
LEASE: Final = timedelta(minutes=10)
# How soon an advance that waits looks again.
LOOK_AGAIN: Final = timedelta(seconds=5)
# What may fall due at an instant, by the organization's clock.
SWEEPERS: Final[tuple[Callable[[str], int], ...]] = (
    charging.charge_due,
    reminding.remind_due,
    installments.charge_due,
    lateness.look_due,
    accrual.accrue_due,
    plan_reminding.remind_due,
    authorizations.expire_due,
)
NEVER: Final = datetime.max.replace(tzinfo=UTC)
MOST_ROUNDS: Final = 50
WAITS: Final = "waits for a payment whose outcome is not known yet"
STUCK: Final = "something falls due again and again"


def give_clock(owner: Organization) -> None:
    """Let the organization have a clock of its own, which stands still at the present. In the caller's transaction.

    Raises Conflict(`clock_not_allowed`) for a live organization, and for one with an account that is not at the local sandbox.
    """
    if not may_have_clock(owner):
        raise Conflict(
            "clock_not_allowed", "Only an organization all of whose processors are the local sandbox has a clock."
        )
    if owner.clock_at is not None:
        return
    owner.clock_at = real_time().replace(microsecond=0)
    audit.record(owner.id, "clock.started", "organization", owner.id)


def may_have_clock(owner: Organization) -> bool:
    """Whether it is a sandbox, and every account of it speaks to the one that runs beside us: time there is ours to move."""
    return owner.mode == "sandbox" and _is_all_sandbox(owner.id)


def _is_all_sandbox(organization_id: str) -> bool:
    sandbox = config.current().sandbox_url
    wanted = select(ProcessorAccount).where(ProcessorAccount.organization_id == organization_id)
    accounts = [account for account in db.session.scalars(wanted) if account.archived_at is None]
    return bool(sandbox) and all(
        processing.address_of(account.processor, account.mode) == sandbox for account in accounts
    )


def ask(organization_id: str, to: datetime) -> Organization:
    """Have the clock moved to `to` (aware); `advance_due` does it. In the caller's transaction.

    Raises Conflict(`clock_not_allowed`, `clock_is_moving`), InvalidRequest(`clock_target_invalid`).
    """
    owner = _locked(organization_id)
    give_clock(owner)
    assert owner.clock_at is not None, "it has just been given one"
    if owner.clock_target_at is not None:
        raise Conflict("clock_is_moving", "The clock is being moved already.")
    if not owner.clock_at < to <= owner.clock_at + FARTHEST:
        raise InvalidRequest("clock_target_invalid", "Choose a time to come, within five years.", param="to")
    owner.clock_target_at, owner.clock_problem = to.astimezone(UTC), None
    changes = {"clock": {"before": owner.clock_at.isoformat(), "after": to.isoformat()}}
    audit.record(organization_id, "clock.advanced", "organization", organization_id, changes)
    queue.wake(queue.ADVANCE_CLOCKS)
    return owner


def target_of(owner: Organization, by: str, moment: datetime | None = None) -> datetime:
    """Where `by` leads: day, week, month, next_event, date (with its moment). Raises InvalidRequest(`clock_target_invalid`)."""
    stands = owner.clock_at or real_time().replace(microsecond=0)
    days = {"day": 1, "week": 7, "month": 30}.get(by)
    if days is not None:
        return stands + timedelta(days=days)
    found = next_due(owner.id, stands) if by == "next_event" else moment if by == "date" else None
    if found is None:
        raise InvalidRequest("clock_target_invalid", "Nothing is waiting to happen. Choose a time to come.", param="by")
    return max(found, stands + timedelta(seconds=1)) if by == "next_event" else found


def next_due(organization_id: str, stands: datetime) -> datetime | None:
    """The next instant at which something happens by the organization's clock, which stands at `stands`; None where nothing waits."""
    waiting = [
        charging.next_due(organization_id),
        installments.next_due(organization_id),
        reminding.next_expiry_notice(organization_id, stands),
        authorizations.next_expiry(organization_id),
    ]
    return min((moment for moment in waiting if moment), default=None)


def _locked(organization_id: str) -> Organization:
    wanted = select(Organization).where(Organization.id == organization_id).with_for_update()
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


# --- On the way --------------------------------------------------------------------------------------------------------------


def advance_due() -> int:
    """Move every clock on that has a target. The job behind `queue.ADVANCE_CLOCKS`; answers how many."""
    queue.forget_mark(queue.ADVANCE_CLOCKS)
    began = real_time()
    moved = 0
    while not stopping.is_set() and (owner := _claim()):
        with organization(owner):
            advance(owner)
        moved += 1
    note_run("advance_clocks", began, moved, 0)
    return moved


def _claim() -> str | None:
    free = Organization.clock_lease_until.is_(None) | (Organization.clock_lease_until < real_time())
    chosen = (
        select(Organization.id)
        .where(Organization.clock_target_at.is_not(None), free)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taking = (
        update(Organization)
        .where(Organization.id == chosen)
        .values(clock_lease_until=real_time() + LEASE)
        .returning(Organization.id)
        .execution_options(synchronize_session=False)
    )
    with transaction() as session:
        return session.execute(taking).scalar()


def advance(organization_id: str) -> None:
    """Go from where the clock stands to its target, from one due instant to the next; stop where an outcome must be waited for."""
    while not stopping.is_set():
        target, stands = _where(organization_id)
        if target is None:
            return
        instant = min(_next(organization_id, stands), target)
        done, problem = _live_through(organization_id, instant)
        if not done and instant == stands != target:
            problem = problem or STUCK
        if not _note(organization_id, problem, arrived=instant == target and problem is None):
            return


def _where(organization_id: str) -> tuple[datetime | None, datetime]:
    wanted = select(Organization.clock_target_at, Organization.clock_at).where(Organization.id == organization_id)
    with transaction() as session:
        target, stands = session.execute(wanted).one()
        return target, stands or real_time()


def _next(organization_id: str, stands: datetime) -> datetime:
    with transaction():
        return max(next_due(organization_id, stands) or NEVER, stands)


def _live_through(organization_id: str, instant: datetime) -> tuple[int, str | None]:
    """Do everything that is due at an instant; answers how much that was, and what stands in the way of going on."""
    done = 0
    with clock.at(instant):
        _move(organization_id, instant)
        reminding.warn_of_expiry(organization_id)
        plan_reminding.warn_of_expiry(organization_id)
        for _round in range(MOST_ROUNDS):
            now_done = sum(sweep(organization_id) for sweep in SWEEPERS)
            done += now_done
            if _is_waiting(organization_id):
                resolver.resolve_due(organization_id)
            if not now_done:
                return done, WAITS if _is_waiting(organization_id) else None
    return done, STUCK


def _move(organization_id: str, instant: datetime) -> None:
    """The clock stands at `instant` for everybody from here on."""
    with transaction() as session:
        session.execute(
            update(Organization)
            .where(Organization.id == organization_id)
            .values(clock_at=instant)
            .execution_options(synchronize_session=False)
        )


def _is_waiting(organization_id: str) -> bool:
    """Whether an attempt's outcome is unknown. One that waits for its shopper is no reason to stand still."""
    states = [state for state in OPEN_ATTEMPT if state != "action_required"]
    wanted = select(exists().where(Attempt.organization_id == organization_id, Attempt.status.in_(states)))
    with transaction() as session:
        return bool(session.scalar(wanted))


def _note(organization_id: str, problem: str | None, *, arrived: bool) -> bool:
    """Write down how far it has come; answers whether to go on."""
    with transaction() as session:
        owner = _locked(organization_id)
        owner.clock_problem = problem
        if arrived:
            owner.clock_target_at = None
        goes_on = problem is None and not arrived
        pause = LEASE if goes_on else LOOK_AGAIN if problem else timedelta()
        owner.clock_lease_until = real_time() + pause
        session.flush()
        return goes_on
