"""Figures of the overview: what each day came to, and what has happened since and waits to be added.

Triggers of the database write a change beside each fact, in its transaction; `billing.rollups` adds them up in batches behind. So no
payment touches a row that others of the day touch too.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Identity
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.columns import Scoped

# captured, refunded: payments and their minor units. approved, declined: attempts. delivered, dead: webhook deliveries, of no currency
# (""). recurring: subscriptions that pay, and what their prices come to a month, as steps up and down. churned: those that ended.
FIGURES: Final = ("captured", "refunded", "approved", "declined", "delivered", "dead", "recurring", "churned")

# Beside them `debit/<code>` and `credit/<code>`: what was posted to an account of the ledger. A change says both in one, as
# `moved/<debit>/<credit>`, which is added to the balances too (`BalanceSnapshot`).
KNOWN: Final = ", ".join(f"'{figure}'" for figure in FIGURES)


class DailyFigure(Scoped, Base):
    """What one day came to, in the time zone the organization had when it was added up."""

    __tablename__ = "daily_figures"
    __table_args__ = (
        CheckConstraint(f"figure in ({KNOWN}) or figure like 'debit/%' or figure like 'credit/%'", name="figure_known"),
    )

    figure: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=0, server_default="0")
    amount: Mapped[int] = mapped_column(default=0, server_default="0")


class FigureChange(Scoped, Base):
    """One step of a figure that no day holds yet. Written by triggers alone."""

    __tablename__ = "figure_changes"

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    figure: Mapped[str]
    currency: Mapped[str]
    at: Mapped[datetime]
    count: Mapped[int]
    amount: Mapped[int]
