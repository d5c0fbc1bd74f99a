"""Sample contexts of plans in the portal, of their mails, and of why a charge is what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace as Row
from typing import Any

from ballast.billing.explaining import Explanation, Part, Try
from ballast.billing.financing.balances import Balance
from ballast.billing.financing.progress import Progress
from ballast.billing.financing.servicing.letters import SAYS
from ballast.models.states import AGREEMENT
from tests.templates.samples import APPROVED, CHECKOUT, DECLINED, NOW, PAYMENT, SHOP, Context

DAY = NOW.date()
CARD = Row(id="pm_1", brand="visa", last4="4242")
OTHER = Row(id="pm_2", brand="mastercard", last4="4444")
WHY = Explanation(
    PAYMENT,
    16000,
    "USD",
    "Payment 2 of your plan for Espresso machine",
    ("Money pays the oldest payment first.",),
    (
        Part("Payment 2, due Dec 21, 2026: part of the price", 15500, "$155.00 of this payment, as agreed"),
        Part("Interest", 500, "$500.00 still owed × 12% a year × one period (month; 30 days)"),
    ),
    (("Agreement", "agr_01kbe8wv6pe2r9f3x7m5d0t1bk"), ("Rounding", "Each line to the minor unit, half up")),
    (
        Try(DECLINED, "Declined: insufficient_funds", "Soft decline: tried again.", "It was tried again."),
        Try(APPROVED, "Approved", "Charged once.", "The bank approved it, once."),
    ),
)


def installment(number: int, **changes: Any) -> Row:
    fields: Context = {
        "number": number,
        "kind": "scheduled",
        "status": "scheduled",
        "due_on": DAY + timedelta(days=30 * number),
        "amount": 16000,
        "left": 16000,
        "forgiven": 0,
        "late_fee_at": None,
    }
    return Row(**(fields | changes))


PAID = installment(1, status="paid", left=0)
LATE = installment(2, status="late", due_on=DAY - timedelta(days=4))
REOPENED = installment(4, kind="reopened", left=9000)


def shown(status: str = "active", **changes: Any) -> Row:
    """As `portal_plans.Shown` is."""
    installments = changes.pop("installments", [PAID, installment(2), installment(3)])
    coming = next((one for one in installments if one.left), None)
    agreement = Row(id=f"agr_{status}", status=status, currency="USD", token="t0k3n", paused_until=None)
    seen = Row(
        agreement=agreement,
        installments=installments,
        card=CARD,
        balance=Balance(sum(one.left for one in installments), 0, 0),
        next=coming,
        progress=Progress(
            paid=16000,
            left=sum(one.left for one in installments),
            segments=tuple("paid" if not one.left else "late" if one.status == "late" else "" for one in installments),
            next_on=coming.due_on if coming else None,
            next_amount=coming.left if coming else 0,
        ),
    )
    fields: Context = {
        "agreement": agreement,
        "seen": seen,
        "item": "Espresso machine",
        "busy": False,
        "paying": None,
        "movable": ((installment(2), DAY, DAY + timedelta(days=15)),),
        "months": (1, 2, 3),
        "cards": (OTHER,),
        "is_open": coming is not None,
        "late": coming if coming and coming.status == "late" else None,
        "grace_on": DAY + timedelta(days=6),
        "fee": 500,
        "due_now": 16000,
    }
    return Row(**(fields | changes))


def every_plan() -> list[Row]:
    """One of each kind, for the home."""
    return [
        *(shown(status) for status in AGREEMENT if status not in ("draft", "canceled", "late")),
        shown("late", installments=[PAID, LATE, installment(3)]),
    ]


def servicing_samples(base: Context) -> Iterator[tuple[str, str, Context]]:
    """`base`: what the portal's frame needs."""
    page = "portal/agreement.html"
    yield page, "active", base | {"plan": shown()}
    yield page, "late", base | {"plan": shown("late", installments=[PAID, LATE, installment(3)])}
    yield page, "busy", base | {"plan": shown(busy=True)}
    yield page, "paying", base | {"plan": shown(busy=True, paying="pay_1")}
    yield page, "reopened", base | {"plan": shown(installments=[PAID, REOPENED], movable=(), months=())}
    yield page, "paid-off", base | {"plan": shown("paid_off", installments=[PAID])}
    paying = CHECKOUT | base | {"plan": shown(busy=True), "payment_id": "pay_1", "amount": 16000}
    for state in ("action", "processing"):
        yield "portal/plan_payment.html", state, paying | {"state": state}
    typed = dict.fromkeys(("amount", "installment", "to", "months", "payment_method"), "")
    act: Context = base | {"plan": shown(), "typed": typed, "seen": None, "lines": [], "problem": None}
    seen = Row(
        hash="0" * 64,
        consequence=Row(charged=16000, notes=("Good until Nov 28, 2026.",)),
        after=(installment(3),),
        balance_after=Balance(16000, 0, 0),
    )
    for name in ("pay", "amount", "payoff", "date", "pause", "card"):
        yield "portal/agreement_act.html", name, act | {"act": name, "heading": "Pay off the plan"}
        previewed = act | {"seen": seen, "lines": [("Charged now", "$160.00"), ("Left of the plan", "$160.00")]}
        yield "portal/agreement_act.html", f"{name}-seen", previewed | {"act": name, "heading": "Pay off the plan"}
    refused = act | {"plan": shown(cards=()), "act": "card", "heading": "Change card", "problem": "Not this card."}
    yield "portal/agreement_act.html", "refused", refused
    yield "portal/explanation.html", "plan", base | {"why": WHY}
    yield "portal/explanation.html", "to-come", base | {"why": replace(WHY, payment=None, tries=())}
    yield from _mails()


def _mails() -> Iterator[tuple[str, str, Context]]:
    told: Context = {
        "organization": SHOP,
        "customer": Row(name="Ada Okafor", email="ada@example.com"),
        "agreement": Row(currency="USD"),
        "why_url": "http://127.0.0.1:8000/charges/t0k3n",
        "left": 25000,
        "coming": [installment(2), REOPENED],
        "manage_url": "http://127.0.0.1:8000/portal/t0k3n",
    }
    for ending in ("html", "txt"):
        for kind, says in SAYS.items():
            yield f"emails/plan_amended.{ending}", kind, told | {"says": says}
        yield (
            f"emails/plan_amended.{ending}",
            "nothing-left",
            told | {"says": SAYS["refunded"], "left": 0, "coming": []},
        )
