"""What an agreement does to the ledger. `financing_receivable` holds what all installments are still owed, to the cent.

Opened: principal against `sales` and `financing_fees`, all interest of the schedule against `unearned_interest`, from where it becomes
`interest_income` day by day. A payment by a processor is posted where it is captured, against `financing_receivable`. A charge-off
leaves the debt standing and sets `charge_off_allowance` against it; what comes in after that is a recovery.
"""

from __future__ import annotations

from ballast.billing import ledger
from ballast.billing.financing.entries import Parts
from ballast.models import FinancingAgreement

RECEIVABLE = "financing_receivable"
UNEARNED = "unearned_interest"
# kind of entry → the account that stands against principal, interest and late fee.
AGAINST = {
    "late_fee": ("sales", UNEARNED, "late_fees"),
    "late_fee_waived": ("sales", UNEARNED, "late_fees"),
    "interest_rebated": ("sales", UNEARNED, "late_fees"),
    "interest_waived": ("sales", UNEARNED, "late_fees"),
    "principal_credited": ("refunds", UNEARNED, "late_fees"),
    "credit_reversed": ("refunds", UNEARNED, "late_fees"),
    "rescheduled": ("sales", UNEARNED, "late_fees"),
    "reopened": ("disputes", "disputes", "disputes"),
    "written_off": ("bad_debt", UNEARNED, "bad_debt"),
}


def opened(agreement: FinancingAgreement, fee_financed: int, fee_upfront: int) -> None:
    """The note is owed, with all its interest; the origination fee is income, whichever way it is paid (minor units)."""
    _move(agreement, "financing_principal", agreement.id, RECEIVABLE, "sales", agreement.principal - fee_financed)
    _move(agreement, "financing_fee", agreement.id, RECEIVABLE, "financing_fees", fee_financed)
    _move(agreement, "financing_fee_upfront", agreement.id, "sales", "financing_fees", fee_upfront)
    _move(agreement, "financing_interest", agreement.id, RECEIVABLE, UNEARNED, agreement.interest)


def changed(agreement: FinancingAgreement, kind: str, source: str, parts: Parts) -> None:
    """What the entries of one fact come to together (signed: negative where less is owed). Not for payments."""
    for name, account in zip(("principal", "interest", "late_fee"), AGAINST[kind], strict=True):
        _move(agreement, f"financing_{kind}_{name}", source, RECEIVABLE, account, getattr(parts, name))
    if agreement.charged_off_at is not None:
        _expect_otherwise(agreement, kind, source, parts)


def _expect_otherwise(agreement: FinancingAgreement, kind: str, source: str, parts: Parts) -> None:
    """After a charge-off the allowance stands against all that is owed: it grows and falls with it. No interest is to be earned."""
    allowance = f"financing_{kind}_allowance"
    _move(agreement, allowance, source, "bad_debt", "charge_off_allowance", parts.principal + parts.late_fee)
    _move(agreement, f"{allowance}_interest", source, UNEARNED, "charge_off_allowance", parts.interest)


def received_elsewhere(agreement: FinancingAgreement, source: str, amount: int) -> None:
    """Money that came by another road than a processor (cash, a transfer), minor units."""
    _move(agreement, "financing_receipt", source, "other_receipts", RECEIVABLE, amount)


def earned(agreement: FinancingAgreement, source: str, amount: int) -> None:
    """Interest earned since the last time, minor units; negative where less is earned than was thought."""
    _move(agreement, "financing_accrual", source, UNEARNED, "interest_income", amount)


def charged_off(agreement: FinancingAgreement, balance: int, unearned: int) -> None:
    """Not expected any more: `balance` minor units, of which `unearned` are interest that was never income."""
    _move(agreement, "financing_charge_off", agreement.id, "bad_debt", "charge_off_allowance", balance - unearned)
    _move(agreement, "financing_charge_off_interest", agreement.id, UNEARNED, "charge_off_allowance", unearned)


def recovered(agreement: FinancingAgreement, source: str, amount: int, payment_id: str | None = None) -> None:
    """Of what had been charged off, minor units came in after all."""
    _move(agreement, "financing_recovery", source, "charge_off_allowance", "recoveries", amount, payment_id)


def overpaid(agreement: FinancingAgreement, source: str, amount: int) -> None:
    """Of what was posted against the receivable, minor units nobody owed: they are the customer's credit."""
    _move(agreement, "financing_overpaid", source, RECEIVABLE, "customer_credit", amount)


def received_late(agreement: FinancingAgreement, attempt_id: str, amount: int, payment_id: str) -> None:
    """A processor took it, minor units, for an attempt we had been told was over."""
    _move(agreement, "late_success", attempt_id, "processor_receivable", RECEIVABLE, amount, payment_id)


def _move(
    agreement: FinancingAgreement,
    kind: str,
    source: str,
    debit: str,
    credit: str,
    amount: int,
    payment_id: str | None = None,
) -> None:
    """A negative amount goes the other way; nothing is nothing."""
    if amount < 0:
        debit, credit, amount = credit, debit, -amount
    if amount:
        ledger.post(agreement.organization_id, kind, source, debit, credit, amount, agreement.currency, payment_id)
