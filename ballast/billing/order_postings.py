"""What tax on an order does to the ledger: owed when the order is paid, less with what goes back. `sales` keeps what is the
merchant's, after discounts, as an invoice's revenue does."""

from __future__ import annotations

from ballast.billing import ledger
from ballast.models import Dispute, FinancingAgreement, Order, Refund


def sold(order: Order) -> None:
    """It is paid, or its plan begins: all of its tax is owed. Once for an order."""
    _move(order.organization_id, "order_tax", order.id, ("sales", "tax_payable"), order.tax, order.currency)


def refunded(refund: Refund, *, undone: bool = False) -> None:
    """What has gone back has its tax back; `undone`: it came back from the bank."""
    kind, pair = _kind("refund_tax", "refunds", undone=undone)
    _move(refund.organization_id, kind, refund.id, pair, refund.tax, refund.currency, refund.payment_id)


def plan_credited(agreement: FinancingAgreement, source: str, tax: int) -> None:
    """Less is owed of a plan because of `source`, and of that so many minor units were tax."""
    _, pair = _kind("", "refunds", undone=False)
    _move(agreement.organization_id, "plan_credit_tax", source, pair, tax, agreement.currency)


def disputed(dispute: Dispute, number: int, *, undone: bool = False) -> None:
    """The bank has taken the money, for the `number`th time, and the tax in it with it; `undone`: it gave it back."""
    kind, pair = _kind("dispute_tax", "disputes", undone=undone)
    source = f"{dispute.id}/{number}"
    _move(dispute.organization_id, kind, source, pair, dispute.tax, dispute.currency, dispute.payment_id)


def _kind(kind: str, account: str, *, undone: bool) -> tuple[str, tuple[str, str]]:
    """What it is called, and (debit, credit)."""
    return (f"{kind}_undone", (account, "tax_payable")) if undone else (kind, ("tax_payable", account))


def _move(
    organization_id: str,
    kind: str,
    source: str,
    pair: tuple[str, str],
    amount: int,
    currency: str,
    payment_id: str | None = None,
) -> None:
    """Nothing is nothing."""
    if amount:
        ledger.post(organization_id, kind, source, *pair, amount, currency, payment_id)
