"""A customer's installment plans as their portal shows them: what is left, what comes next, and what they may do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from ballast.billing import agreement_page, minimums
from ballast.billing.agreement_page import Seen
from ballast.billing.financing import letters, rows, standing
from ballast.billing.financing.balances import unpaid
from ballast.billing.financing.servicing import amendments, dates, plans
from ballast.db import db
from ballast.errors import Conflict, NotFound
from ballast.models import Customer, FinancingAgreement, Installment, PaymentMethod
from ballast.models.states import COLLECTED


@dataclass(frozen=True)
class Shown:
    """A plan with what its customer may do. `seen`: as on the agreement's own page; amounts in minor units. `movable`: installments
    whose date may be moved, with the first and the last day; `months`: how long a pause may be; `busy`: a payment is under way."""

    seen: Seen
    item: str
    busy: bool
    movable: tuple[tuple[Installment, date, date], ...]
    months: tuple[int, ...]
    cards: tuple[PaymentMethod, ...]

    @property
    def agreement(self) -> FinancingAgreement:
        return self.seen.agreement

    @property
    def paying(self) -> str | None:
        """The payment by which the customer does something to the plan, while nobody knows what comes of it."""
        return (self.agreement.under_way or {}).get("payment") if self.busy else None

    @property
    def is_open(self) -> bool:
        """Whether something is left to pay."""
        return self.seen.balance.total > 0

    @property
    def late(self) -> Installment | None:
        """The oldest one that is past due."""
        coming = self.seen.next
        return coming if coming is not None and coming.status == "late" else None

    @property
    def grace_on(self) -> date | None:
        """Until when the late one costs no fee; None once it does."""
        if self.late is None or self.late.late_fee_at is not None:
            return None
        return self.late.due_on + timedelta(days=self.seen.offered.grace_days)

    @property
    def fee(self) -> int:
        """What the late one will cost after that, minor units."""
        return self.seen.offered.late_fee(self.late.principal_left + self.late.interest_left) if self.late else 0

    @property
    def due_now(self) -> int:
        """What is due or late, minor units."""
        today = rows.today(self.agreement)
        return sum(one.left for one in unpaid(self.seen.installments) if one.due_on <= today)


def of(customer: Customer) -> list[Shown]:
    """A customer's plans that have begun, those with something to pay first."""
    wanted = select(FinancingAgreement).where(
        FinancingAgreement.organization_id == customer.organization_id,
        FinancingAgreement.customer_id == customer.id,
        FinancingAgreement.activated_at.is_not(None),
    )
    found = [_shown(one) for one in db.session.scalars(wanted.order_by(FinancingAgreement.id.desc()).limit(50))]
    return sorted(found, key=lambda one: not one.is_open)


def find(customer: Customer, agreement_id: str) -> Shown:
    """One of a customer's plans. Raises NotFound for anybody else's, and for one that never began."""
    agreement = rows.find(customer.organization_id, agreement_id)
    if agreement.customer_id != customer.id or agreement.activated_at is None:
        raise NotFound("plan", agreement_id)
    return _shown(agreement)


def setup_amount(agreement: FinancingAgreement) -> int:
    """What a new card is likely to be charged, minor units. Raises Conflict(`agreement_closed`) where nothing is left to charge."""
    left = unpaid(rows.installments(agreement))
    if not left:
        raise Conflict("agreement_closed", "Nothing is left to pay on this plan.")
    return max(left[0].left, minimums.least(agreement.currency))


def at_once(shown: Shown) -> int:
    """What is charged to a new card right away, minor units: what was declined, see `settling.retry_now`."""
    if shown.agreement.status not in COLLECTED:
        return 0
    declined = [one for one in unpaid(shown.seen.installments) if one.first_failed_at and one.kind == "scheduled"]
    return sum(one.left for one in declined)


def _shown(agreement: FinancingAgreement) -> Shown:
    seen = agreement_page.of(agreement)
    busy = bool(standing.claimed(agreement.organization_id, [one.id for one in seen.installments]))
    return Shown(seen, letters.item_of(agreement), busy, _movable(seen), _months(agreement), _cards(agreement))


def _movable(seen: Seen) -> tuple[tuple[Installment, date, date], ...]:
    plan = plans.of(seen.agreement, seen.installments)
    if plan.agreement.date_moves >= plan.settings.date_moves or plan.agreement.status not in COLLECTED:
        return ()
    return tuple(found for found in dates.movable(plan) if not found[0].late_fee)


def _months(agreement: FinancingAgreement) -> tuple[int, ...]:
    if agreement.status not in ("active", "late") or amendments.count(agreement, "paused"):
        return ()
    return tuple(range(1, plans.settings_of(agreement.organization_id).pause_months + 1))


def _cards(agreement: FinancingAgreement) -> tuple[PaymentMethod, ...]:
    """Other stored cards of the customer that may be charged."""
    wanted = select(PaymentMethod).where(
        PaymentMethod.organization_id == agreement.organization_id,
        PaymentMethod.customer_id == agreement.customer_id,
        PaymentMethod.status == "active",
        PaymentMethod.blocked_because.is_(None),
        PaymentMethod.id != agreement.payment_method_id,
    )
    return tuple(db.session.scalars(wanted.order_by(PaymentMethod.id.desc()).limit(20)))
