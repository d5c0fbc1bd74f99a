"""How an agreement begins."""

from __future__ import annotations

from hashlib import sha256

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from ballast.db import db, transaction
from tests.financing.acts import WITH_INTEREST, Lender


def test_an_agreement_that_runs_owes_its_note_and_all_interest_in_installments_and_ledger_alike(lender: Lender) -> None:
    agreement_id = lender.agree(60000, WITH_INTEREST)
    agreement = lender.agreement(agreement_id)
    assert agreement.status == "active"
    assert agreement.payment_method_id is not None
    assert lender.balance(agreement_id) == agreement.principal + agreement.interest
    assert lender.account("financing_receivable") == lender.balance(agreement_id)
    assert lender.account("unearned_interest") == -agreement.interest


def test_the_agreement_goes_by_mail_with_the_disclosure_byte_for_byte_as_it_was_agreed(lender: Lender) -> None:
    lender.agree()
    lender.world.drain()
    (mail,) = [one for one in lender.world.mails() if one.get("attachments")]
    (attached,) = mail["attachments"]
    assert mail["subject"].startswith("Your payment plan with")
    assert (attached["filename"], attached["sha256"]) == ("payment-plan.pdf", sha256(b"%PDF-1.7").hexdigest())
    assert len(lender.world.mails()) > 1, "no other mail carries one"


def test_postgres_refuses_to_change_what_was_agreed(lender: Lender) -> None:
    agreement_id = lender.agree()
    with lender.clocked(), pytest.raises(ProgrammingError, match="never change"), transaction():
        db.session.execute(text("update financing_agreements set principal = principal + 1"))
    assert lender.balance(agreement_id) == 48000
