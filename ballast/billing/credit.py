"""What an organization owes a customer: raised by downgrades and credit notes, taken by the next invoice. The balance row is locked by
whoever changes it, and the database refuses one below nothing."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from ballast.clock import now
from ballast.db import among, db, forget, insert_rows, known, once
from ballast.ids import new_id
from ballast.models import CreditBalance, CreditEntry


def available(organization_id: str, customer_id: str, currency: str, lock: bool = False) -> int:
    """The customer's credit, minor units. `lock`: hold it until the transaction ends; everybody does that before taking a number."""
    if lock:
        held: int = once(
            (CreditBalance, organization_id, customer_id, currency),
            lambda: hold(organization_id, {(customer_id, currency)})[customer_id, currency],
        )
        return held
    read: int | None = known(("credit", organization_id, customer_id, currency))
    if read is not None:
        return read
    wanted = select(CreditBalance.amount).where(
        CreditBalance.organization_id == organization_id,
        CreditBalance.customer_id == customer_id,
        CreditBalance.currency == currency,
    )
    return db.session.scalar(wanted) or 0


def hold(organization_id: str, whose: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """What these (customer, currency) have, held until the transaction ends; in one order everywhere, so that no two deadlock."""
    rows = [
        {"organization_id": organization_id, "customer_id": customer_id, "currency": currency, "amount": 0}
        for customer_id, currency in sorted(whose)
    ]
    insert_rows(CreditBalance, rows, once_per=("organization_id", "customer_id", "currency"))
    wanted = (
        select(CreditBalance.customer_id, CreditBalance.currency, CreditBalance.amount)
        .where(
            CreditBalance.organization_id == organization_id,
            among(CreditBalance.customer_id, {customer_id for customer_id, _ in whose}),
            among(CreditBalance.currency, {currency for _, currency in whose}),
        )
        .order_by(CreditBalance.customer_id, CreditBalance.currency)
        .with_for_update()
    )
    return {(row[0], row[1]): row[2] for row in db.session.execute(wanted)}


def move(organization_id: str, customer_id: str, currency: str, amount: int, kind: str, source: str) -> None:
    """Give (`amount` > 0) or take (< 0) credit, once per source and kind. In the caller's transaction.

    Raises IntegrityError when more is taken than there is: look with `lock` first.
    """
    if not amount:
        return
    noted = db.session.execute(
        insert(CreditEntry)
        .values(
            organization_id=organization_id,
            id=new_id("cre"),
            customer_id=customer_id,
            currency=currency,
            amount=amount,
            kind=kind,
            source=source,
            created_at=now(),
        )
        .on_conflict_do_nothing(index_elements=["organization_id", "source", "kind"])
        .returning(CreditEntry.id)
    ).scalar()
    if noted:
        forget((CreditBalance, organization_id, customer_id, currency))
        _change(organization_id, customer_id, currency, amount)


def _change(organization_id: str, customer_id: str, currency: str, amount: int) -> None:
    key = {"organization_id": organization_id, "customer_id": customer_id, "currency": currency}
    if amount > 0:
        giving = insert(CreditBalance).values(**key, amount=amount)
        raised = {"amount": CreditBalance.amount + giving.excluded.amount}
        db.session.execute(giving.on_conflict_do_update(index_elements=list(key), set_=raised))
        return
    where = (getattr(CreditBalance, name) == value for name, value in key.items())
    taking = update(CreditBalance).where(*where).values(amount=CreditBalance.amount + amount)
    taken = db.session.execute(
        taking.returning(CreditBalance.amount).execution_options(synchronize_session=False)
    ).one_or_none()
    if taken is None:
        raise RuntimeError(f"credit was taken of {customer_id}, who has none")
