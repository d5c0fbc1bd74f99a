"""An agreement as an act finds it: its row, copies of its installments that may be tried on, its day, its lender's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import inspect, select

from ballast import audit
from ballast.billing import minimums
from ballast.billing.financing import balances, rows, standing
from ballast.billing.financing.terms import OfferTerms
from ballast.db import db, once
from ballast.errors import Conflict
from ballast.models import FinancingAgreement, FinancingSettings, Installment

# As the columns' defaults.
DEFAULTS = {"charge_off_days": 180, "date_move_days": 15, "date_moves": 2, "pause_months": 3, "payoff_days": 10}


@dataclass(frozen=True)
class Plan:
    """`installments` are copies: what is done to them is not written. `by_customer`: who acts is the customer, not staff."""

    agreement: FinancingAgreement
    installments: tuple[Installment, ...]
    today: date
    settings: FinancingSettings
    by_customer: bool

    @property
    def terms(self) -> OfferTerms:
        """What was agreed."""
        return OfferTerms.from_dict(self.agreement.terms["offer"])

    @property
    def step(self) -> int:
        """The smallest step in which its currency can be charged, minor units."""
        return minimums.grain(self.agreement.currency)

    @property
    def unpaid(self) -> list[Installment]:
        """Those of which something is left, the oldest due first."""
        return balances.unpaid(self.installments)

    def numbered(self, number: int) -> Installment:
        """The installment of that number. Raises Conflict(`installment_absent`)."""
        found = next((one for one in self.installments if one.number == number), None)
        if found is None:
            raise Conflict("installment_absent", f"This plan has no installment {number}.", param="installment")
        return found


def of(agreement: FinancingAgreement, installments: Sequence[Installment]) -> Plan:
    """The plan as it stands. Raises Conflict(`agreement_not_running`) where nothing was begun, or everything is over."""
    if agreement.status in ("draft", "canceled"):
        raise Conflict("agreement_not_running", f"This plan is {agreement.status}.")
    today = rows.today(agreement)
    copies = tuple(copy_of(one, today) for one in installments)
    return Plan(agreement, copies, today, settings_of(agreement.organization_id), is_customer())


def is_customer() -> bool:
    """Whether who acts here is the customer."""
    return audit.actor().kind == "customer"


def copy_of(one: Installment, today: date) -> Installment:
    """A copy no session knows; its status is what it is apart from payments under way."""
    copied = Installment(**{column.key: getattr(one, column.key) for column in inspect(Installment).column_attrs})
    copied.status = standing.status_of(copied, today, False)
    return copied


def settings_of(organization_id: str) -> FinancingSettings:
    """How the organization lends; the defaults, where nobody changed them."""
    wanted = select(FinancingSettings).where(FinancingSettings.organization_id == organization_id)
    found: FinancingSettings | None = once(
        (FinancingSettings, organization_id), lambda: db.session.scalars(wanted).first()
    )
    return found or FinancingSettings(organization_id=organization_id, **DEFAULTS)


def refuse_closed(plan: Plan) -> None:
    """Raises Conflict(`agreement_closed`) where nothing is owed any more."""
    if not plan.unpaid:
        raise Conflict("agreement_closed", "Nothing is owed on this plan any more.")
