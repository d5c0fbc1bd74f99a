"""Sample contexts of the dashboard's newer lists: orders, carts, refunds, ledger, mails, events, search; and the platform's jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace as Row
from typing import Any

from ballast.blueprints.reconciliation import MEANING
from ballast.models.prevented import ROUTES
from tests.templates.samples import (
    ADMIN,
    BESIDE,
    FILTERS,
    NOW,
    ORDER,
    ORDER_LINES,
    PAYMENT,
    PAYMENT_ROWS,
    REFUND,
    USER,
    Context,
)

PAGES: Context = {"previous_url": None, "next_url": "/admin/x?after=y", "filters": FILTERS, "filtered": False}
NONE: Context = {"rows": [], "next_url": None}
CUSTOMER = PAYMENT_ROWS[0].customer
CART = Row(id="cart_01kbe9000pe2r9f3x7m5d0t1aa", status="open", currency="USD", created_at=NOW)


def _order(**changes: Any) -> Row:
    return Row(
        **(
            vars(ORDER)
            | {"cart_id": CART.id, "subscription_id": None, "promotion_code": "", "coupon_name": None}
            | changes
        )
    )


def dashboard_samples() -> Iterator[tuple[str, str, Context]]:
    yield from order_samples()
    yield from list_samples()
    yield from reconciling_samples()
    yield from mail_samples()
    yield from search_samples()
    yield from job_samples()
    yield from radar_samples()
    items = [Row(title="Tax", done=done, says="Invoices are taxed.") for done in (True, False)]
    listed = [{"item": items[0], "link": ("/admin/tax-rates", "Tax rates")}, {"item": items[1], "link": None}]
    yield "admin/settings/go_live.html", "some", ADMIN | {"items": listed, "done": 1}
    yield "admin/settings/go_live.html", "all", ADMIN | {"items": listed[:1], "done": 1}


def order_samples() -> Iterator[tuple[str, str, Context]]:
    chosen = {"status": "", "fulfillment": "", "customer": "", "q": ""}
    statuses = ("paid", "pending", "refunded", "canceled")
    index = ADMIN | PAGES | {"chosen": chosen, "rows": [_order(status=status) for status in statuses]}
    page = "admin/orders/index.html"
    yield page, "full", index
    yield page, "empty", index | NONE
    yield page, "filtered", index | NONE | {"filtered": True, "chosen": chosen | {"status": "paid", "q": "ada@"}}
    show: Context = {
        "lines": ORDER_LINES,
        "beside": BESIDE,
        "payments": PAYMENT_ROWS[:1],
        "customer": CUSTOMER,
        "subscription": None,
    }
    show |= ADMIN | {"cart_id": CART.id, "pending": False, "left": [], "parcels": [], "rate": None, "carriers": []}
    show |= {"typed": dict.fromkeys(("carrier", "tracking_number", "tracking_url"), ""), "errors": {}, "may_send": True}
    line = Row(**(vars(ORDER_LINES[0]) | {"id": "ol_1", "shippable": True, "fulfilled": 0}))
    parcel = Row(
        shipment=Row(carrier="UPS", tracking_number="1Z", tracking_url="https://ups.test/1Z", created_at=NOW),
        lines=[("Beans", 2)],
    )
    sending = show | {"order": _order(fulfillment="partially_fulfilled"), "left": [line], "parcels": [parcel]}
    yield "admin/orders/show.html", "sending", sending
    yield "admin/orders/show.html", "refused", sending | {"errors": {"lines": "1 of Beans is left to send."}}
    yield "admin/orders/show.html", "looked at", sending | {"may_send": False}
    for status in statuses:
        yield "admin/orders/show.html", status, show | {"order": _order(status=status)}
    bare = _order(status="pending", email=None, name=None, address={}, promotion_code="WELCOME")
    subscription = Row(id="sub_1", status="active")
    yield (
        "admin/orders/show.html",
        "bare",
        show
        | {
            "order": bare,
            "payments": [],
            "customer": None,
            "cart_id": None,
            "subscription": subscription,
            "pending": True,
        },
    )
    carts = ADMIN | PAGES | {"rows": [{"cart": CART, "pieces": 3, "amount": 9000}], "export_url": "/x.csv"}
    yield "admin/orders/carts.html", "full", carts
    yield "admin/orders/carts.html", "empty", carts | NONE
    yield "admin/orders/carts.html", "filtered", carts | NONE | {"filtered": True}
    line = {
        "line": Row(quantity=2),
        "price": Row(amount=4500, currency="USD"),
        "product": Row(id="prod_1", name="Kettle"),
    }
    yield "admin/orders/cart.html", "full", ADMIN | {"cart": CART, "lines": [line], "total": 9000, "orders": [_order()]}
    yield "admin/orders/cart.html", "empty", ADMIN | {"cart": CART, "lines": [], "total": 0, "orders": []}


def radar_samples() -> Iterator[tuple[str, str, Context]]:
    """The radar, empty and with everything; an unknown outcome, open, alarming, decided."""
    counted = dict.fromkeys(ROUTES, 0)
    words = {route: (route.replace("_", " ").capitalize(), "It came to nothing.") for route in ROUTES}
    bars = [{"label": f"Nov {day}", "value": day, "text": str(day)} for day in range(1, 31)]
    chart = {"bars": bars, "ticks": [{"value": value, "text": str(value)} for value in (0, 15, 30)], "sentence": "465."}
    late = Row(id="late_1", amount=2000, currency="USD", payment_id=PAYMENT.id, released_at=NOW, noticed_at=NOW)
    answers = [("refund", False), ("refund", True), ("credit", False), ("release", False), ("dispute", False)]
    shown = [
        Row(late=Row(**vars(late), answer=what), refund=REFUND, is_stuck=stuck, is_disputed=False)
        for what, stuck in answers
    ]
    newest = [Row(route=route, payment_id=PAYMENT.id, at=NOW) for route in ROUTES]
    newest.append(Row(route="duplicate_event", payment_id=None, at=NOW))
    found = Row(by_route=counted, total=0, chart=None, newest=[], late=[])
    context = ADMIN | {"found": found, "words": words, "may_refund": True}
    yield "admin/radar/index.html", "empty", context
    full = Row(by_route=counted | {"same_key": 1_204}, total=1_204, chart=chart, newest=newest, late=shown)
    yield "admin/radar/index.html", "full", context | {"found": full}
    attempt = Row(id="att_1", amount=2000, currency="USD", processor="stripe", status="unknown", is_open=True)
    attempt = Row(**vars(attempt), probes=1, next_probe_at=NOW, external_id="pi_1")
    row: Context = {"attempt": attempt, "payment": PAYMENT, "known": "No answer.", "since": NOW, "is_alarming": False}
    rows = [row, row | {"is_alarming": True}]
    yield "admin/radar/unknown.html", "full", ADMIN | PAGES | {"rows": rows}
    yield "admin/radar/unknown.html", "empty", ADMIN | PAGES | NONE
    form: Context = ADMIN | row | {"may_resolve": True, "word": "", "reason": "", "errors": {}, "problem": None}
    yield "admin/radar/resolve.html", "open", form
    yield "admin/radar/resolve.html", "wrong", form | {"errors": {"reason": "Say why."}, "is_alarming": True}
    yield "admin/radar/resolve.html", "viewer", form | {"may_resolve": False, "problem": "It is being asked."}
    decided = Row(**(vars(attempt) | {"is_open": False, "status": "approved", "next_probe_at": None, "probes": 3}))
    yield "admin/radar/resolve.html", "decided", form | {"attempt": decided}
    anywhere = Row(organization_id="org_1", organization_name="Acme Corp", attempt_id="att_1", processor="stripe")
    anywhere = Row(**vars(anywhere), amount=2000, currency="USD", probes=1, since=NOW, next_probe_at=None)
    staff: Context = {"current_user": USER, "most": 1, "alarming": {"att_1"}}
    yield "platform/unknown.html", "full", staff | {"rows": [anywhere]}
    yield "platform/unknown.html", "empty", staff | {"rows": [], "most": 100}


def list_samples() -> Iterator[tuple[str, str, Context]]:
    refunds = (
        ADMIN | PAGES | {"rows": [{"refund": REFUND, "payment": PAYMENT, "customer": one} for one in (CUSTOMER, None)]}
    )
    yield "admin/refunds/index.html", "full", refunds
    yield "admin/refunds/index.html", "empty", refunds | NONE
    yield "admin/refunds/index.html", "filtered", refunds | NONE | {"filtered": True}
    asset, income = (
        Row(id=f"acc_{code}", code=code, kind=kind, currency="USD")
        for code, kind in (("processor_receivable", "asset"), ("sales", "income"))
    )
    rows = [
        Row(account=asset, debits=500, credits=0, balance=500),
        Row(account=income, debits=0, credits=500, balance=500),
    ]
    balance = Row(currency="USD", rows=rows, debits=500, credits=500)
    books = ADMIN | {"day": None, "problem": None}
    yield "admin/ledger/index.html", "full", books | {"balances": [balance]}
    yield (
        "admin/ledger/index.html",
        "out",
        books | {"balances": [Row(currency="EUR", rows=[], debits=1, credits=0)], "day": NOW.date()},
    )
    yield "admin/ledger/index.html", "empty", books | {"balances": [], "problem": "Write a day such as 2026-11-27."}
    moved = [
        Row(kind="capture", amount=500, currency="USD", payment_id=one, posted_at=NOW) for one in (PAYMENT.id, None)
    ]
    transfers = (
        ADMIN
        | PAGES
        | {"rows": [{"transfer": one, "debit": asset, "credit": income} for one in moved], "account": asset}
    )
    yield "admin/ledger/transfers.html", "full", transfers
    yield "admin/ledger/transfers.html", "empty", transfers | NONE | {"account": None}
    sums = {"opening": 100, "debits": 500, "credits": 200, "closing": 400}
    of_account = Row(account=asset, start=NOW.date(), end=NOW.date(), **sums)
    statement = transfers | {"statement": of_account, "problem": None, "export_url": "/x.csv"}
    yield "admin/ledger/statement.html", "full", statement
    yield "admin/ledger/statement.html", "empty", statement | NONE | {"problem": "The last day is before the first."}
    event = Row(
        id="evt_01kbe9000pe2r9f3x7m5d0t1ab", type="payment_intent.succeeded", resource_id=PAYMENT.id, created_at=NOW
    )
    event = Row(**vars(event), data={"id": PAYMENT.id}, request_id="req_1", api_version="2026-11-01")
    events = ADMIN | PAGES | {"rows": [event], "chosen": {"type": "", "about": ""}, "types": [event.type]}
    yield "admin/events/index.html", "full", events
    yield "admin/events/index.html", "empty", events | NONE
    yield "admin/events/index.html", "filtered", events | NONE | {"filtered": True}
    told = {
        "delivery": Row(id="del_1", status="delivered", attempts=1),
        "endpoint": Row(url="https://shop.example/hooks"),
    }
    yield "admin/events/show.html", "told", ADMIN | {"event": event, "deliveries": [told]}
    yield "admin/events/show.html", "untold", ADMIN | {"event": event, "deliveries": []}


def reconciling_samples() -> Iterator[tuple[str, str, Context]]:
    """Days in every state, one with each class of drift, mending, and payouts."""
    account = Row(id="pac_01kbe9000pe2r9f3x7m5d0t1aa", name="", external_account="pk_test_acme", processor="stripe")
    facts: Context = {"charges": 12, "refunds": 1, "fees": 11, "unheard": 2, "attempts": 0, "reason": None}
    facts |= {"id": "rec_01kbe9000pe2r9f3x7m5d0t1aa", "day": NOW.date(), "finished_at": NOW, "drifts": 0}
    runs = {
        "clean": Row(**facts | {"status": "done", "unheard": 0}),
        "drift": Row(**facts | {"status": "done", "drifts": 2}),
        "waiting": Row(**facts | {"status": "waiting", "finished_at": None}),
        "away": Row(**facts | {"status": "waiting", "attempts": 2, "reason": "no_answer"}),
        "failed": Row(**facts | {"status": "failed", "reason": "http_500"}),
    }
    ours = {"status": "unknown", "amount": 0, "currency": "USD"}
    theirs = {"status": "captured", "amount": 2000, "captured": 2000, "currency": "USD"}
    kinds: list[tuple[str, Context, Context]] = [
        ("state_differs", ours, theirs),
        ("missing_here", {}, theirs),
        ("missing_there", ours, {"status": "absent"}),
    ]
    drifts = [
        Row(id=f"drf_{n}", drift_class=kind, kind="charge", subject="pi_3PqX", status=status, ours=here, theirs=there)
        for n, ((kind, here, there), status) in enumerate(zip(kinds, ("open", "repaired", "gone"), strict=True))
    ]
    listed = ADMIN | PAGES | {"accounts": [account], "typed": {"day": "2026-11-20", "account": account.id}}
    listed |= {"problem": None, "may_ask": True, "rows": [{"run": run, "account": account} for run in runs.values()]}
    yield "admin/reconciliation/index.html", "full", listed
    yield "admin/reconciliation/index.html", "empty", listed | NONE | {"accounts": [], "may_ask": False}
    yield "admin/reconciliation/index.html", "refused", listed | {"problem": "Choose a day within the last year."}
    shown = ADMIN | {"account": account, "meaning": MEANING, "may_repair": True, "payments": {"drf_0": PAYMENT.id}}
    for name, run in runs.items():
        yield "admin/reconciliation/show.html", name, shown | {"run": run, "drifts": drifts if run.drifts else []}
    review = ADMIN | {"drift": drifts[0], "run": runs["drift"], "account": account, "meaning": MEANING}
    yield "admin/reconciliation/repair.html", "can", review | {"plan": Row(can=True, sentence="It took $20.00.")}
    yield "admin/reconciliation/repair.html", "cannot", review | {"plan": Row(can=False, sentence="Look there.")}
    payouts = [
        Row(amount=1912, currency="USD", status=status, arrives_on=day, sent_at=NOW)
        for status, day in (("in_transit", NOW.date()), ("paid", NOW.date()), ("failed", None))
    ]
    sent = ADMIN | PAGES | {"rows": [{"payout": payout, "account": account} for payout in payouts]}
    yield "admin/reconciliation/payouts.html", "full", sent
    yield "admin/reconciliation/payouts.html", "empty", sent | NONE


def _mail(**changes: Any) -> Row:
    fields: Context = {
        "id": "em_01kbe9000pe2r9f3x7m5d0t1aa",
        "kind": "receipt",
        "status": "sent",
        "recipient": "ada@example.com",
        "subject": "Your receipt from Acme Coffee: $676.00",
        "text": "Thank you.",
        "resource_id": PAYMENT.id,
        "attempts": 1,
        "resent": 0,
        "reason": None,
        "external_id": "1b9e",
        "created_at": NOW,
        "sent_at": NOW,
        "next_attempt_at": None,
    }
    return Row(**(fields | changes))


def mail_samples() -> Iterator[tuple[str, str, Context]]:
    index = (
        ADMIN
        | PAGES
        | {"rows": [_mail(), _mail(status="failed", reason="http_422")], "chosen": {"status": "", "to": ""}}
    )
    yield "admin/mails/index.html", "full", index
    yield "admin/mails/index.html", "empty", index | NONE
    yield (
        "admin/mails/index.html",
        "filtered",
        index | NONE | {"filtered": True, "chosen": {"status": "sent", "to": "a@b.c"}},
    )
    page = "admin/mails/show.html"
    show = ADMIN | {
        "mail": _mail(),
        "about_url": "/admin/payments/p",
        "shows_text": True,
        "is_secret": False,
        "may_send": True,
    }
    show |= {"pending": False, "problem": None}
    yield page, "sent", show
    yield page, "viewer", show | {"shows_text": False, "may_send": False}
    pending = _mail(status="pending", attempts=0, sent_at=None, external_id=None, resent=2, resource_id=None)
    yield page, "pending", show | {"mail": pending, "pending": True, "about_url": None}
    again = _mail(status="failed", reason="no_answer", next_attempt_at=NOW, sent_at=None)
    yield page, "retrying", show | {"mail": again, "about_url": None}
    failed = _mail(status="failed", reason="http_422", attempts=6, sent_at=None, recipient=f"{'a' * 40}@example.com")
    yield page, "failed", show | {"mail": failed, "problem": "This mail is on its way."}
    secret = _mail(kind="reset_password", text="")
    yield page, "secret", show | {"mail": secret, "shows_text": False, "is_secret": True, "may_send": False}


def search_samples() -> Iterator[tuple[str, str, Context]]:
    item = {"title": "ada@example.com", "note": "Ada Okafor", "state": "", "kind": "", "url": "/admin/customers/c"}
    paid = item | {"title": "$676.00", "state": "succeeded", "kind": "payment", "url": "/admin/payments/p"}
    groups = [{"label": "Customers", "items": [item]}, {"label": "Payments", "items": [paid]}]
    yield "admin/search/index.html", "found", ADMIN | {"asked": "ada", "groups": groups}
    yield "admin/search/index.html", "nothing", ADMIN | {"asked": "zzz", "groups": []}
    yield "admin/search/index.html", "fresh", ADMIN | {"asked": "", "groups": []}


def job_samples() -> Iterator[tuple[str, str, Context]]:
    staff: Context = {"current_user": USER}
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1\nRuntimeError: the sky fell'
    failure = Row(
        id="5f0c2f6e",
        job="ballast.billing.inbox.apply_due",
        queue="inbox",
        ended=NOW,
        trace=trace,
        reason="RuntimeError",
    )
    hand = Row(name="0d8f0a1b2c3d4e5f", state="busy", queues=["payments", "inbox"], done=1200, failed=1, seen=NOW)
    lines = [Row(name="payments", waiting=2, running=1, failed=0)]
    schedule = [
        {"job": "billing.inbox.apply_due", "queue": "inbox", "seconds": 5, "runs": "apply_inbox"},
        {"job": "audit.seals.seal_due", "queue": "default", "seconds": 300, "runs": None},
    ]
    page = staff | {"schedule": schedule, "problem": None, "pending": True}
    yield "platform/jobs.html", "busy", page | {"state": Row(lines=lines, hands=[hand], failures=[failure])}
    away = page | {"state": Row(lines=[], hands=[], failures=[]), "problem": "Redis is away.", "pending": False}
    yield "platform/jobs.html", "away", away
    yield "platform/job_failed.html", "failed", staff | {"failure": failure}
    run = Row(name="apply_inbox", claimed=1200, failed=3, started_at=NOW, finished_at=NOW + timedelta(seconds=2))
    running = Row(name="send_emails", claimed=1, failed=0, started_at=NOW, finished_at=None)
    runs = staff | PAGES | {"rows": [run, running], "chosen": {"name": "", "failing": ""}, "names": ["apply_inbox"]}
    yield "platform/job_runs.html", "full", runs
    yield "platform/job_runs.html", "empty", runs | NONE
    yield "platform/job_runs.html", "filtered", runs | NONE | {"filtered": True}
    item = {
        "what": "charge",
        "subscription": "sub_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "who": "ada@example.com",
        "amount": 1800,
    }
    item |= {"currency": "USD", "at": None}
    dry = staff | {"slug": "acme", "what": "charge", "most": 100, "problem": None}
    yield (
        "platform/rehearsal.html",
        "some",
        dry | {"items": [item, item | {"what": "wait", "amount": 0, "who": None, "at": NOW}]},
    )
    yield "platform/rehearsal.html", "most", dry | {"items": [item], "most": 1, "what": "remind"}
    yield (
        "platform/rehearsal.html",
        "unknown",
        dry | {"items": [], "problem": "There is no organization with this address."},
    )
