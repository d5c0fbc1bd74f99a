"""What became of the payment of an act, in the transaction that records it: the act is done exactly as agreed, or never was."""

from __future__ import annotations

from ballast.billing.financing import rows
from ballast.billing.financing.servicing import amendments, applying, consequences, letters
from ballast.billing.financing.servicing.amendments import Signed
from ballast.ids import new_id
from ballast.models import FinancingAgreement, Installment, Payment


def is_of_an_act(agreement: FinancingAgreement, payment: Payment) -> bool:
    """Whether an act waits for this payment, as it was agreed."""
    under_way = agreement.under_way
    return under_way is not None and under_way["payment"] == payment.id


def arrived(agreement: FinancingAgreement, installments: list[Installment], payment: Payment) -> bool:
    """The money is there: do what was agreed when it was asked for, whatever day it is now. With everything locked, the claims paid.

    False where no act waits for it, or another amount was taken: then it is a payment like any other.
    """
    if not is_of_an_act(agreement, payment):
        return False
    assert agreement.under_way is not None, "an act waits for it"
    agreed, agreement.under_way = agreement.under_way, None
    wanted = consequences.from_dict(agreed["consequence"])
    if payment.amount_captured != wanted.charged:
        return False
    amendment_id = new_id("amd")
    applying.apply(agreement, installments, wanted, amendment_id, payment.id)
    after = amendments.snapshot(agreement, installments)
    by = Signed(**agreed["by"])
    made = amendments.append(
        agreement, wanted.kind, agreed["before"], after, by, wanted.on, id=amendment_id, payment_id=payment.id
    )
    rows.note(agreement, f"financing_agreement.{wanted.kind}", {"amendment": made.id, "payment": payment.id})
    letters.changed(agreement, made)
    return True


def called_off(agreement: FinancingAgreement, payment: Payment) -> bool:
    """It was declined or never sent: what was agreed is off. False where no act waited for it. With the agreement locked."""
    if not is_of_an_act(agreement, payment):
        return False
    agreement.under_way = None
    return True
