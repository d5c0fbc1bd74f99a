"""Sample contexts of financing in the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from types import SimpleNamespace as Row
from typing import Any

from ballast.billing.financing.agreement_history import Entry
from ballast.billing.financing.balances import Balance
from ballast.billing.financing.listing import BUCKETS
from ballast.billing.financing.portfolio import BEHIND, NAMES, Earned, Losses, OfferSum, Standing, Sum
from ballast.billing.financing.progress import Progress
from ballast.billing.financing.servicing.forms import ACTS
from ballast.billing.financing.servicing.previews import Line
from ballast.billing.financing.servicing.wording import Row as Changed
from ballast.errors import Conflict, InvalidRequest
from tests.templates.samples import ADMIN, NOW, Context, customer, stored_card

TODAY = date(2026, 11, 21)
TERMS = {
    "offer": {
        "rate_bps": 1490,
        "interval": "month",
        "interval_count": 1,
        "late_fee_amount": 500,
        "late_fee_bps": 0,
        "grace_days": 10,
        "prepayment": "rebate",
        "default_after_days": 90,
        "accelerates": True,
    },
    "price": 64000,
    "down_payment": 16000,
    "fee_upfront": 0,
    "fee_financed": 1000,
    "amount_financed": 48000,
    "finance_charge": 2210,
    "total_of_payments": 50210,
    "apr": "19.20",
    "schedule": [{}, {}, {}],
}
OFFER = TERMS["offer"]


def agreement(**changes: Any) -> Row:
    fields: Context = {
        "id": "agr_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "order_id": "ord_01kbe8wv6pe2r9f3x7m5d0t1ad",
        "payment_method_id": "pm_1",
        "status": "late",
        "currency": "USD",
        "timezone": "America/New_York",
        "price": 64000,
        "down_payment": 16000,
        "interest": 1210,
        "interest_earned": 610,
        "started_on": TODAY - timedelta(days=70),
        "terms": TERMS,
        "terms_hash": "5f" * 32,
        "consented_at": NOW - timedelta(days=70),
        "consent_ip": "203.0.113.9",
        "consent_agent": "Mozilla/5.0",
        "activated_at": NOW - timedelta(days=70),
        "closed_at": None,
        "defaulted_at": None,
        "charged_off_at": None,
        "paused_until": None,
        "held_at": None,
        "date_moves": 1,
        "metadata_": {"channel": "shop"},
    }
    return Row(**(fields | changes))


def installment(number: int, status: str, **changes: Any) -> Row:
    left = 0 if status in ("paid", "waived", "refunded") else 16737
    fields: Context = {
        "number": number,
        "kind": "scheduled",
        "status": status,
        "due_on": TODAY + timedelta(days=30 * number - 45),
        "principal": 16333,
        "interest": 404,
        "late_fee": 0,
        "late_fee_left": 0,
        "forgiven": 0,
        "late_fee_at": None,
        "amount": 16737,
        "left": left,
        "payment_id": "pay_01kbe8wv6pe2r9f3x7m5d0t1ac" if status == "paid" else None,
        "failures": 0,
        "first_failed_at": None,
        "next_attempt_at": None,
    }
    return Row(**(fields | changes))


FAILING = installment(2, "late", failures=2, first_failed_at=NOW, next_attempt_at=NOW + timedelta(days=2))
INSTALLMENTS = [
    installment(1, "paid", forgiven=120),
    FAILING,
    installment(3, "scheduled", kind="reopened", late_fee=500),
]
PROGRESS = Progress(32737, 33474, ("paid", "paid", "late", ""), TODAY, 16737)
METER = Row(used=2, limit=Row(attempts=16, window=timedelta(days=30)))


def told(**changes: Any) -> Row:
    mail = Row(recipient="ada@example.com", status="sent")
    fields: Context = {
        "offer": "Pay in 4",
        "goods": "Espresso machine",
        "card": stored_card(),
        "installments": INSTALLMENTS,
        "amendments": [Row()],
        "balance": Balance(32666, 808, 500),
        "days": 12,
        "budget": Row(amount=16737, meters=[METER], is_blocked=False, free_at=None),
        "failing": [FAILING],
        "entries": [
            Entry(NOW, "em_1", "neutral", "Mail: Your plan", mail=mail),  # type: ignore[arg-type]
            Entry(NOW, "att_1", "danger", "$167.37 declined", "Insufficient funds", "pay_1"),
            Entry(NOW, "amd_1", "accent", "Due date moved", "Amendment 1"),
        ],
    }
    return Row(**(fields | changes))


def _shown(**changes: Any) -> Context:
    return {"agreement": agreement(**changes), "customer": customer(), "progress": PROGRESS, "told": told()}


def _row(**changes: Any) -> Context:
    return {
        "agreement": agreement(**changes),
        "customer": customer(),
        "offer": "Pay in 4",
        "progress": PROGRESS,
        "days": 12,
    }


def agreement_samples() -> Iterator[tuple[str, str, Context]]:
    yield from _lists()
    yield from _agreements()
    yield from _acts()
    yield from _portfolios()


def _lists() -> Iterator[tuple[str, str, Context]]:
    nothing = {"status": "", "bucket": "", "customer": "", "offer": "", "q": ""}
    waiting = _row(status="paid_off") | {"progress": Progress(64000, 0, ("paid",) * 4, None, 0), "days": 0}
    page: Context = ADMIN | {
        "rows": [_row(), waiting, _row() | {"customer": customer(email=None, name="")}],
        "chosen": nothing,
        "customer": None,
        "buckets": tuple(BUCKETS),
        "filters": [{"label": "All", "url": "/a", "current": True}],
        "export_url": "/x.csv",
        "filtered": False,
        "previous_url": None,
        "next_url": "/admin/financing/agreements?after=x",
    }
    yield "admin/agreements/index.html", "full", page
    yield "admin/agreements/index.html", "empty", page | {"rows": []}
    narrow: Context = {"rows": [], "filtered": True, "customer": customer(), "chosen": nothing | {"bucket": "30-59"}}
    yield "admin/agreements/index.html", "filtered", page | narrow


def _agreements() -> Iterator[tuple[str, str, Context]]:
    show = "admin/agreements/show.html"
    acts = [{"name": name, "label": act.title, "url": f"/{name}"} for name, act in ACTS.items()]
    base: Context = ADMIN | {"acts": acts} | _shown()
    yield show, "late", base
    bare: Context = {"acts": [], "told": told(card=None, failing=[], amendments=[], budget=None, days=0)}
    for status in ("active", "draft", "canceled", "paid_off", "refunded", "charged_off", "defaulted", "delinquent"):
        yield show, status, base | bare | {"agreement": agreement(status=status, activated_at=None, closed_at=NOW)}
    on_time = told(failing=[], days=0)
    yield show, "on-time", base | {"told": on_time}
    held = {"agreement": agreement(held_at=NOW), "customer": customer(held_at=NOW)}
    yield show, "held", base | {"told": on_time} | held
    yield show, "paused", base | {"told": on_time, "agreement": agreement(paused_until=TODAY)}
    stopped = told(failing=[installment(2, "late", failures=1)])
    yield show, "stopped", base | {"told": stopped}
    found = Row(terms=TERMS, offer=OFFER, sha256="ab" * 32, kept_at=NOW, holds=True)
    papers: Context = ADMIN | {"agreement": agreement(), "found": found, "frame_url": "/d", "pdf_url": "/d.pdf"}
    yield "admin/agreements/terms.html", "holds", papers
    differs = Row(**(vars(found) | {"holds": False, "offer": OFFER | {"late_fee_amount": 0, "late_fee_bps": 500}}))
    yield "admin/agreements/terms.html", "differs", papers | {"found": differs}
    yield "admin/agreements/disclosure.html", "kept", {"box": "<p>Agreed</p>"}


def _acts() -> Iterator[tuple[str, str, Context]]:
    cards = [{"card": stored_card(blocked_because=None, blocked_until=None), "processor": "stripe"}]
    base: Context = ADMIN | {
        "agreement": agreement(),
        "customer": customer(),
        "choices": INSTALLMENTS[1:]
        + [installment(4, "late", late_fee_left=500), installment(5, "late", late_fee_left=1)],
        "today": TODAY,
        "cards": cards,
        "typed": {},
        "errors": {},
        "problem": None,
        "interest": "4.04",
    }
    for name, act in ACTS.items():
        yield "admin/agreements/act.html", name, base | {"name": name, "act": act}
        wrong = dict.fromkeys(act.fields, "Not so.")
        yield "admin/agreements/act.html", f"{name}-wrong", base | {"name": name, "act": act, "errors": wrong}
    card = base | {"name": "card", "act": ACTS["card"], "cards": [], "problem": "This plan is paid off."}
    yield "admin/agreements/act.html", "no-card", card
    yield from _reviews()


def _reviews() -> Iterator[tuple[str, str, Context]]:
    was = Line(2, "scheduled", TODAY, 16333, 404, 0, 16737, "late")
    will = Line(2, "scheduled", TODAY + timedelta(days=9), 16333, 0, 0, 16333, "scheduled")
    seen = Row(
        hash="ab" * 32,
        mails=("receipt", "plan_amended"),
        events=("financing.agreement.updated",),
        consequence=Row(notes=("Good until Nov 21, 2026.",), charged=33474),
    )
    base: Context = ADMIN | {
        "name": "payoff",
        "act": ACTS["payoff"],
        "button": "Charge $334.74",
        "agreement": agreement(),
        "customer": customer(),
        "typed": {"amount": "1.00"},
        "seen": seen,
        "lines": [("Charged now", "$334.74 to Visa 4242")],
        "rows": [Changed(2, was, will), Changed(3, was, None), Changed(4, None, will), Changed(5, was, was)],
        "reason": "",
        "error": None,
    }
    yield "admin/agreements/review.html", "payoff", base
    yield "admin/agreements/review.html", "outdated", base | {"error": Conflict("preview_outdated", "Look again.")}
    reason = InvalidRequest("reason_invalid", "No card number.", param="reason")
    quiet = Row(**(vars(seen) | {"mails": (), "consequence": Row(notes=(), charged=0)}))
    final: Context = {"error": reason, "act": ACTS["write-off"], "seen": quiet, "rows": [Changed(5, was, was)]}
    yield "admin/agreements/review.html", "final", base | final


def _portfolios() -> Iterator[tuple[str, str, Context]]:
    page = "admin/agreements/portfolio.html"
    buckets = {name: Sum(place + 1, 48000 * (place + 1)) for place, name in enumerate(NAMES)}
    offers = [OfferSum("offer_1", "Pay in 4", 250, Sum(15, 720000))]
    ticks = [{"value": value, "text": f"${value}"} for value in (0, 50, 100)]
    parts = [{"value": value, "text": f"${value}"} for value in (0, 10, 20, 30)]
    bars = [{"label": "Nov 21", "value": 50, "text": "$50"}]
    full: Context = ADMIN | {
        "standing": Standing("USD", buckets, offers, Sum(1, 48000)),
        "currencies": [{"label": "USD", "url": "/p", "current": True}],
        "currency": "USD",
        "interest": Earned(2420, 610),
        "losses": Losses(48000, 500),
        "coming": {"bars": bars, "ticks": ticks, "sentence": "$50 falls due."},
        "roll": {
            "stacks": [{"label": "Oct", "title": "Oct 31, 2026", "parts": parts, "text": "$60"}],
            "ticks": ticks,
            "sentence": "$60 is past due.",
        },
        "behind": BEHIND,
    }
    yield page, "full", full
    nothing = {name: Sum() for name in NAMES}
    yield page, "nothing out", full | {"standing": Standing("USD", nothing, [], Sum()), "currencies": []}
    yield page, "empty", ADMIN | {"standing": None, "currencies": []}
