"""Sample contexts of the dashboard's billing: subscriptions and invoices, in the states that matter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from types import SimpleNamespace as Row
from typing import Any

from ballast.billing.pictures import Shown
from tests.templates.samples import ADMIN, NOW, SHOP, Context

CUSTOMER = Row(
    id="cus_01kbe8wv6pe2r9f3x7m5d0t1ae", email="ada@example.com", name="Ada Okafor", held_at=None, created_at=NOW
)
CARD = Row(
    id="pm_01kbe8wv6pe2r9f3x7m5d0t1ag",
    brand="visa",
    last4="4242",
    exp_month=4,
    exp_year=2031,
    blocked_because=None,
    blocked_until=None,
)
GONE = Row(**(vars(CARD) | {"id": "pm_2", "last4": "0002", "exp_year": None, "blocked_because": "stolen_card"}))
CARDS = [{"card": CARD, "processor": "stripe"}, {"card": GONE, "processor": "square"}]
PRODUCT = Row(id="prod_1", name="Coffee club")
PRICE = Row(id="price_1", amount=1800, currency="USD", interval="month", interval_count=1, nickname="")
QUARTERLY = Row(id="price_2", amount=4800, currency="USD", interval="month", interval_count=3, nickname="Quarterly")
PRICES = [{"price": PRICE, "product": PRODUCT}, {"price": QUARTERLY, "product": PRODUCT}]
TAX = Row(name="Sales tax", bps=888, inclusive=False)


def plan(quantity: int = 1, **changes: Any) -> Row:
    name = "Coffee club" if quantity == 1 else f"Coffee club × {quantity}"
    fields = {"product": "Coffee club", "name": name, "amount": 1800, "total": 1800 * quantity, "currency": "USD"}
    return Row(**(fields | {"interval": "month", "count": 1, "quantity": quantity} | changes))


def subscription(**changes: Any) -> Row:
    fields: Context = {
        "id": "sub_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "status": "active",
        "currency": "USD",
        "quantity": 3,
        "timezone": "America/New_York",
        "anchor_at": NOW - timedelta(days=40),
        "current_period_start": NOW - timedelta(days=12),
        "current_period_end": NOW + timedelta(days=18),
        "trial_end_at": None,
        "next_action_at": NOW + timedelta(hours=20),
        "cancel_at_period_end": False,
        "ended_at": None,
        "resumes_at": None,
        "payment_method_id": CARD.id,
        "coupon_periods_left": None,
        "cancellation_reason": None,
        "metadata_": {"seats_for": "sales"},
        "created_at": NOW - timedelta(days=40),
    }
    return Row(**(fields | changes))


def line(**changes: Any) -> Row:
    fields: Context = {"description": "Coffee club", "quantity": 3, "unit_amount": 1800, "amount": 5400}
    return Row(**(fields | {"period_start": NOW, "period_end": NOW + timedelta(days=30)} | changes))


SUMS = Row(lines=(line(),), subtotal=5400, discount=540, tax=432, tax_added=432, total=5292)
FIGURES = Row(sums=SUMS, tax=TAX, credit_applied=292, amount_due=5000, waived=0)
COMING = Row(at=NOW + timedelta(days=18), period_end=NOW + timedelta(days=48), figures=FIGURES)


def invoice(**changes: Any) -> Row:
    fields: Context = {
        "id": "in_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "token": "t0k3n",
        "number": "ACME-000042",
        "status": "paid",
        "billing_reason": "subscription_cycle",
        "customer_id": CUSTOMER.id,
        "customer_name": CUSTOMER.name,
        "customer_email": CUSTOMER.email,
        "currency": "USD",
        "subtotal": 5400,
        "discount": 540,
        "tax": 432,
        "tax_added": 432,
        "total": 5292,
        "coupon_name": "Spring",
        "credit_applied": 292,
        "amount_due": 5000,
        "amount_credited": 0,
        "change": None,
        "failures": 0,
        "first_failed_at": NOW - timedelta(days=2),
        "next_attempt_at": None,
        "finalized_at": NOW - timedelta(days=12),
        "paid_at": NOW - timedelta(days=12),
        "closed_at": NOW,
        "metadata_": {},
    }
    return Row(**(fields | changes))


def meter(used: int, limit: int, days: int) -> Row:
    return Row(used=used, limit=Row(attempts=limit, window=timedelta(days=days)))


BUDGET = Row(amount=5000, meters=[meter(3, 16, 30)], is_blocked=False, free_at=None)
SPENT = Row(amount=5000, meters=[meter(10, 10, 1), meter(21, 35, 30)], is_blocked=False, free_at=NOW)
BLOCKED = Row(amount=5000, meters=[meter(1, 16, 30)], is_blocked=True, free_at=NOW + timedelta(days=30))


def dunning(**changes: Any) -> Row:
    fields: Context = {
        "invoice": invoice(status="open", failures=2, next_attempt_at=NOW + timedelta(days=1)),
        "dates": tuple(NOW + timedelta(days=day) for day in (-1, 1, 5, 12)),
        "end_status": "unpaid",
        "last": Row(decline_code="insufficient_funds", decline_class="soft"),
        "next_at": NOW + timedelta(days=1),
        "decline_class": "soft",
        "is_retried": True,
        "number": 2,
        "segments": ["late", "due", "", ""],
    }
    return Row(**(fields | changes))


def entry(title: str, tone: str = "neutral", note: str = "", **more: Any) -> Row:
    return Row(**({"at": NOW, "tone": tone, "title": title, "note": note, "about": None, "mail": None} | more))


ENTRIES = [
    entry("Past due", "warning"),
    entry("$50.00 declined", "danger", "Insufficient funds", about="in_01kbe8wv6pe2r9f3x7m5d0t1ac"),
    entry("Mail: We couldn't charge your card", mail=Row(recipient="ada@example.com", status="sent")),
    entry("Plan changed from Coffee club to Coffee club × 3", "neutral", "In a new period, until Dec 12, 2026"),
]
TOLD: Context = {
    "pending": None,
    "card": CARD,
    "coupon": None,
    "code": None,
    "coming": COMING,
    "budget": BUDGET,
    "dunning": None,
    "invoices": [invoice(), invoice(status="open")],
    "entries": ENTRIES,
    "owed": 5000,
}
ACTS = {name: f"/admin/subscriptions/x/{name}" for name in ("change", "card", "pause", "cancel")}


def billing_samples() -> Iterator[tuple[str, str, Context]]:
    yield from list_samples()
    yield from subscription_samples()
    yield from act_samples()
    yield from start_samples()
    yield from invoice_samples()
    yield from clock_samples()
    yield from settings_samples()
    yield from catalog_samples()


def list_samples() -> Iterator[tuple[str, str, Context]]:
    states: list[Context] = [
        {},
        {"status": "trialing"},
        {"cancel_at_period_end": True},
        {"status": "past_due", "quantity": 1},
        {"status": "paused", "resumes_at": NOW},
        {"status": "unpaid"},
        {"status": "canceled", "ended_at": NOW},
        {"status": "incomplete"},
    ]
    rows = [
        {"subscription": subscription(**one), "customer": CUSTOMER, "price": QUARTERLY, "product": PRODUCT}
        for one in states
    ]
    page, chosen = "admin/subscriptions/index.html", dict.fromkeys(("status", "customer", "price", "card", "q"), "")
    index: Context = ADMIN | {"rows": [], "chosen": chosen, "customer": None, "prices": PRICES, "filters": CHIPS}
    index |= {"filtered": False, "renewing": ("trialing", "active", "past_due"), "may_start": True}
    index |= {"previous_url": None, "next_url": None}
    yield page, "empty", index
    yield page, "full", index | {"rows": rows, "next_url": "/admin/subscriptions?after=x", "customer": CUSTOMER}
    yield page, "nothing", index | {"filtered": True, "may_start": False}
    whom: Context = ADMIN | {"to": "subscribe", "asked": "", "rows": [{"customer": CUSTOMER, "url": "/admin/x"}]}
    yield "admin/customers/whom.html", "full", whom
    yield "admin/customers/whom.html", "nobody", whom | {"to": "bill", "rows": [], "asked": "zz"}


CHIPS = [Row(label=label, url="/admin/x", current=label == "All") for label in ("All", "Active", "Past due")]


def subscription_samples() -> Iterator[tuple[str, str, Context]]:
    page = "admin/subscriptions/show.html"
    show: Context = ADMIN | {"told": Row(**TOLD), "subscription": subscription(), "customer": CUSTOMER}
    show |= {"plan": plan(3), "acts": ACTS, "may_change": True, "is_renewing": True, "percent": 40}

    def state(changes: Context, told: Context | None = None, **more: Any) -> Context:
        return show | {"subscription": subscription(**changes), "told": Row(**(TOLD | (told or {})))} | more

    discount: Context = {"coupon": Row(id="cpn_1", name="Spring"), "code": Row(code="SPRING26")}
    yield page, "active", show
    yield page, "viewer", show | {"acts": {}, "may_change": False}
    yield page, "trialing", state({"status": "trialing", "coupon_periods_left": 1}, discount)
    pending = {"pending": plan(5)}
    yield page, "pending", state({"coupon_periods_left": 3}, discount | pending, acts=ACTS | {"drop": "/admin/x"})
    late = {"dunning": dunning(), "coming": None, "budget": SPENT}
    yield page, "past-due", state({"status": "past_due"}, late, acts=ACTS | {"retry": "/admin/x"})
    for decline_class in ("hard", "authentication", "fraud"):
        asked = dunning(decline_class=decline_class, is_retried=False, last=None)
        yield page, decline_class, state({"status": "past_due"}, {"dunning": asked, "budget": BLOCKED, "card": None})
    over = {"dunning": dunning(next_at=None, is_retried=False), "coming": None, "budget": None}
    for status in ("unpaid", "defaulted", "canceled", "incomplete_expired"):
        yield page, status, state({"status": status, "ended_at": NOW}, over, is_renewing=False)
    nothing: Context = {"coming": None, "invoices": [], "entries": [], "card": None, "budget": None}
    yield page, "incomplete", state({"status": "incomplete"}, nothing, is_renewing=False)
    for day in (None, NOW):
        yield page, f"paused-{day}", state({"status": "paused", "resumes_at": day}, nothing, is_renewing=False)
    held = Row(**(vars(CUSTOMER) | {"held_at": NOW, "name": ""}))
    ends = {"cancel_at_period_end": True, "cancellation_reason": "Moved", "payment_method_id": None}
    yield page, "ends", state(ends, {"coming": None}, customer=held, acts=ACTS | {"keep": "/admin/x"})


def act_samples() -> Iterator[tuple[str, str, Context]]:
    base: Context = ADMIN | {"subscription": subscription(), "customer": CUSTOMER, "plan": plan(3), "problem": None}
    cancel = base | {"can": True, "may_wait": True, "at": NOW.isoformat(), "credit": 3240, "owed": 0}
    cancel |= {"typed": {"how": "", "reason": ""}}
    yield "admin/subscriptions/cancel.html", "both", cancel
    now = {"may_wait": False, "credit": 0, "owed": 5400, "typed": {"how": "now", "reason": "Moved"}}
    yield "admin/subscriptions/cancel.html", "now", cancel | now | {"problem": "This preview is out of date."}
    yield "admin/subscriptions/cancel.html", "over", cancel | {"can": False, "problem": "It is canceled already."}
    yield "admin/subscriptions/pause.html", "fresh", base | {"coming": COMING, "typed": ""}
    yield "admin/subscriptions/pause.html", "wrong", base | {"coming": None, "typed": "x", "problem": "Write a day."}
    card = base | {"cards": CARDS, "present": CARD, "owed": 5400, "ended": False}
    yield "admin/subscriptions/card.html", "owed", card
    yield "admin/subscriptions/card.html", "free", card | {"owed": 0, "present": None, "problem": "Choose a card."}
    yield "admin/subscriptions/card.html", "none", card | {"cards": []}
    yield "admin/subscriptions/card.html", "ended", card | {"ended": True}
    confirm = base | {"stored": CARD, "owed": [invoice()], "budget": None, "coming": None, "pending": plan(5)}
    for what in ("keep", "drop", "resume", "retry"):
        yield "admin/subscriptions/confirm.html", what, confirm | {"what": what, "budget": BUDGET}
        yield "admin/subscriptions/confirm.html", f"{what}-charged", confirm | {"what": what, "coming": COMING}
        yield "admin/subscriptions/confirm.html", f"{what}-not", confirm | {"what": what, "problem": "It cannot be."}
    for name, spent in (("spent", SPENT), ("blocked", BLOCKED)):
        yield "admin/subscriptions/confirm.html", f"retry-{name}", confirm | {"what": "retry", "budget": spent}
    typed = {"price": "price_1", "quantity": "3", "when": "now"}
    change = base | {"prices": PRICES, "typed": typed, "errors": {}, "can": True}
    yield "admin/subscriptions/change.html", "fresh", change
    yield "admin/subscriptions/change.html", "not-now", change | {"can": False}
    wrong = {"errors": {"quantity": "Enter a whole number."}, "typed": typed | {"when": "renewal"}}
    yield "admin/subscriptions/change.html", "wrong", change | wrong
    yield "admin/subscriptions/change.html", "problem", change | {"problem": "Pay what is owed first."}
    seen: Context = {"at": NOW, "before": plan(3), "after": plan(5), "figures": FIGURES, "amount_due": 5000}
    seen |= {"credit": 0, "new_anchor": False, "period_end": NOW + timedelta(days=30)}
    review = ADMIN | {"subscription": subscription(), "customer": CUSTOMER, "seen": Row(**seen), "sums": SUMS}
    review |= {"tax": TAX, "stored": CARD, "typed": typed, "at": NOW.isoformat(), "figures": "5000/0"}
    yield "admin/subscriptions/review.html", "charged", review
    yield "admin/subscriptions/review.html", "no-card", review | {"stored": None}
    back = Row(**(seen | {"amount_due": 0, "credit": 1200, "new_anchor": True}))
    yield "admin/subscriptions/review.html", "credit", review | {"seen": back, "tax": None}
    yield "admin/subscriptions/review.html", "renewal", review | {"typed": typed | {"when": "renewal"}}


def start_samples() -> Iterator[tuple[str, str, Context]]:
    fields = ("price", "quantity", "card", "trial_days", "coupon", "code", "form_key")
    typed = dict.fromkeys(fields, "") | {"quantity": "1", "card": CARD.id}
    new: Context = ADMIN | {"customer": CUSTOMER, "prices": PRICES, "cards": CARDS, "typed": typed, "errors": {}}
    new |= {"coupons": [Row(id="cpn_1", name="Spring")], "problem": None, "form_key": "0190"}
    yield "admin/subscriptions/new.html", "fresh", new
    yield "admin/subscriptions/new.html", "no-card", new | {"cards": []}
    yield "admin/subscriptions/new.html", "no-price", new | {"prices": []}
    errors = {"price": "It is no longer sold.", "quantity": "Enter a number.", "card": "Choose a card."}
    yield "admin/subscriptions/new.html", "wrong", new | {"errors": errors | {"code": "It has ended."}}
    yield "admin/subscriptions/new.html", "held", new | {"problem": "This customer's charges are on hold."}
    free = Row(sums=Row(**(vars(SUMS) | {"lines": ()})), tax=None, credit_applied=0, amount_due=0)
    seen: Context = {"plan": plan(3), "trial_end_at": None, "now": COMING, "then": COMING}
    start: Context = ADMIN | {"customer": CUSTOMER, "card": CARD, "typed": typed, "figures": "5000/5292"}
    yield "admin/subscriptions/start.html", "charged", start | {"seen": Row(**seen)}
    trial = seen | {"trial_end_at": NOW, "now": Row(**(vars(COMING) | {"figures": free}))}
    yield "admin/subscriptions/start.html", "trial", start | {"seen": Row(**trial)}


def invoice_samples() -> Iterator[tuple[str, str, Context]]:
    page, chosen = "admin/invoices/index.html", dict.fromkeys(("status", "customer", "subscription", "q"), "")
    index: Context = ADMIN | {"rows": [], "chosen": chosen, "filters": CHIPS, "filtered": False, "may_write": True}
    index |= {"previous_url": None, "next_url": None}
    rows = [invoice(status=status) for status in ("paid", "open", "void", "uncollectible")]
    yield page, "empty", index
    yield page, "full", index | {"rows": rows, "chosen": chosen | {"customer": "cus_1"}}
    yield page, "nothing", index | {"filtered": True, "may_write": False}
    attempt = {"number": 1, "payment_id": "pay_1", "amount": 5000, "currency": "USD", "created_at": NOW}
    attempts = [
        Row(**attempt, status="declined", decline_code="insufficient_funds"),
        Row(**attempt, status="approved", decline_code=None),
    ]
    note: Context = {"number": "ACME-CN000001", "status": "issued", "refund_id": None, "reason": "other"}
    note |= {"memo": "Too late", "amount": 500, "currency": "USD", "created_at": NOW}
    show: Context = ADMIN | {"invoice": invoice(amount_credited=500, failures=2), "lines": [line()], "tax": TAX}
    show |= {"subscription": subscription(), "payment": Row(id="pay_01kbe8wv6pe2r9f3x7m5d0t1ac"), "attempts": attempts}
    show |= {"notes": [Row(**note), Row(**(note | {"refund_id": "re_1", "status": "void", "memo": ""}))]}
    show |= {
        "hosted_url": "https://pay.acme.test/invoices/t0k3n",
        "pdf_url": "https://pay.acme.test/invoices/t0k3n.pdf",
    }
    show |= {"may_void": False, "may_give_up": False, "may_credit": True}
    page, bare = "admin/invoices/show.html", {"attempts": [], "notes": [], "payment": None, "tax": None}
    yield page, "paid", show
    waits = {"invoice": invoice(status="open", next_attempt_at=NOW), "may_void": True, "may_give_up": True}
    yield page, "open", show | bare | waits
    yield page, "change", show | bare | {"invoice": invoice(status="open", change={"quantity": 3})}
    for status in ("void", "uncollectible"):
        by_hand = invoice(status=status, billing_reason="manual", customer_name="")
        yield page, status, show | bare | {"invoice": by_hand, "subscription": None}
    page = "admin/invoices/confirm.html"
    for what in ("void", "uncollectible"):
        base: Context = ADMIN | {"what": what, "invoice": invoice(status="open"), "problem": None}
        yield page, what, base | {"subscription": subscription(status="past_due")}
        first = invoice(status="open", change={"quantity": 3})
        yield page, f"{what}-first", base | {"invoice": first, "subscription": subscription(status="incomplete")}
        yield page, f"{what}-not", base | {"subscription": None, "problem": "Invoice ACME-000042 is paid."}
    yield from writing_samples()


def writing_samples() -> Iterator[tuple[str, str, Context]]:
    page, payment = "admin/invoices/credit.html", Row(card_brand="visa", card_last4="4242")
    typed = {"amount": "50.00", "how": "refund", "reason": "other", "memo": ""}
    credit: Context = ADMIN | {"invoice": invoice(), "payment": payment, "left": 5292, "by_card": 5000}
    credit |= {"disputed": False, "reasons": [("other", "Something else")], "typed": typed, "errors": {}}
    credit |= {"problem": None, "form_key": "0190"}
    yield page, "fresh", credit
    errors = {"amount": "At most $52.92 can go back.", "how": "Choose how."}
    yield page, "wrong", credit | {"errors": errors, "by_card": 0, "typed": typed | {"how": "credit"}}
    yield page, "problem", credit | {"problem": "The processor did not answer."}
    yield page, "disputed", credit | {"disputed": True, "left": 0}
    yield page, "nothing", credit | {"left": 0}
    row = {"price": "", "description": "Installation", "quantity": "2", "amount": "40.00"}
    new: Context = ADMIN | {"customer": CUSTOMER, "currency": "USD", "rows": [row, row], "problem": None}
    new |= {"prices": [("", "Described below"), ("price_1", "Kettle, $90.00")]}
    yield "admin/invoices/new.html", "fresh", new
    yield "admin/invoices/new.html", "wrong", new | {"problem": "Write at least one line."}
    done: Context = ADMIN | {"customer": CUSTOMER, "currency": "USD", "figures": FIGURES, "typed": [row, row]}
    yield "admin/invoices/review.html", "due", done | {"form_key": "0190"}
    free = Row(**(vars(FIGURES) | {"amount_due": 0, "tax": None}))
    yield "admin/invoices/review.html", "free", done | {"form_key": "0190", "figures": free}


def clock_samples() -> Iterator[tuple[str, str, Context]]:
    def thing(kind: str, title: str, tone: str, amount: int | None = None, url: str | None = "/admin/x") -> Context:
        fields = {"at": NOW, "kind": kind, "title": title, "who": "ada@example.com", "about": None, "currency": "USD"}
        return {"item": Row(**fields, amount=amount, tone=tone, is_coming=kind == "renewal"), "url": url}

    things = [
        thing("invoice", "Invoice ACME-000042", "success", 5292),
        thing("mail", "Your next payment for Coffee club", "neutral", url=None),
        thing("event", "Past due", "warning"),
        thing("event", "Invoice ACME-000043 declined", "danger", 5292),
        thing("renewal", "Renew: Coffee club", "accent", 5400),
    ]
    day = date(2026, 11, 21)
    empty: list[Context | None] = [{"day": day + timedelta(days=place), "things": []} for place in range(1, 6)]
    page, owner = "admin/clock/show.html", Row(mode="sandbox", clock_at=None, clock_target_at=None, clock_problem=None)
    show: Context = ADMIN | {"owner": owner, "may_move": True, "stands": NOW, "coming": NOW, "moving": False}
    show |= {"percent": 100, "again_url": "/admin/clock?month=2026-11", "problem": None, "typed": "", "shown": 4}
    show |= {"month": date(2026, 11, 1), "today": day, "weeks": [[None, {"day": day, "things": things}, *empty]]}
    show |= {"urls": {"before": "/admin/clock?month=2026-10", "after": "/admin/clock", "today": "/admin/clock"}}
    yield page, "real", show
    moved = Row(mode="sandbox", clock_at=NOW, clock_target_at=NOW, clock_problem="waits for a payment")
    framed = {"organization": Row(**(vars(SHOP) | {"clock_at": NOW, "clock_target_at": NOW}))}
    yield page, "moving", show | framed | {"owner": moved, "moving": True, "percent": 40, "coming": None}
    stands = Row(**(vars(moved) | {"clock_target_at": None, "clock_problem": None}))
    yield page, "stands", show | {"owner": stands, "coming": None, "problem": "Choose a time to come."}
    yield page, "viewer", show | {"may_move": False}
    yield "admin/clock/reset.html", "ask", ADMIN | {"problem": None}
    yield (
        "admin/clock/reset.html",
        "refused",
        ADMIN | {"problem": "The clock is being moved. Wait until it has arrived."},
    )
    yield page, "live", show | {"may_move": False, "owner": Row(**(vars(owner) | {"mode": "live"}))}
    lists = ADMIN | framed | {"to": "bill", "asked": "", "rows": []}
    yield "admin/customers/whom.html", "framed", lists


def settings_samples() -> Iterator[tuple[str, str, Context]]:
    fields = ("invoice_footer", "address", "tax_number", "support_email", "color", "reminder_days")
    values = dict.fromkeys(fields, "") | {"retry_days": "1, 3, 7, 14", "end_status": "unpaid", "invoice_prefix": "ACME"}
    values |= {"late_success": "refund"}
    page, ends = "admin/billing/settings.html", [("unpaid", "Unpaid: it rests"), ("canceled", "Canceled: it ends")]
    show: Context = ADMIN | {
        "values": values,
        "days": [1, 3, 7, 14],
        "end_status": "unpaid",
        "ends": ends,
        "late": ends,
    }
    show |= {"usual_reminder": 3, "numbered": False, "errors": {}, "may_change": True}
    yield page, "fresh", show
    wrong = {"errors": {"retry_days": "Name 1 to 8 different days."}, "numbered": True}
    yield page, "wrong", show | wrong
    for status in ("canceled", "defaulted"):
        yield page, status, show | {"end_status": status, "may_change": False, "days": [3]}
    mail = Row(subject="Your next payment for Coffee club", html="<p>Hello</p>", text="Hello")
    kinds = {"upcoming_charge": mail.subject, "subscription_canceled": "It is canceled"}
    mails: Context = ADMIN | {"kinds": kinds, "chosen": "upcoming_charge", "preview": mail}
    yield "admin/billing/mails.html", "page", mails | {"frame_url": "/admin/settings/mails/preview?kind=x"}


def catalog_samples() -> Iterator[tuple[str, str, Context]]:
    pages: Context = {"may_change": True, "previous_url": None, "next_url": None}
    product = Row(**vars(PRODUCT), tagline="A new farm each month.", slug="club", description="", created_at=NOW)
    product = Row(**vars(product), image=None, stock=None, shippable=True)
    terms = {"trial_days": 14, "setup_fee": 500, "archived_at": None}
    prices = [Row(**(vars(PRICE) | terms)), Row(**(vars(QUARTERLY) | terms | {"archived_at": NOW, "trial_days": 0}))]
    once = Row(**(vars(PRICE) | terms | {"interval": None, "setup_fee": 0}))
    index: Context = ADMIN | pages | {"rows": [], "archived": False}
    rows = [{"product": product, "prices": [*prices, once, once]}, {"product": product, "prices": []}]
    yield "admin/catalog/products.html", "empty", index
    yield "admin/catalog/products.html", "full", index | {"rows": rows}
    yield "admin/catalog/products.html", "archived", index | {"archived": True, "may_change": False}
    typed: Context = {"name": "", "tagline": "", "description": "", "shippable": "yes"}
    yield "admin/catalog/product_new.html", "fresh", ADMIN | {"product": None, "typed": typed, "errors": {}}
    yield (
        "admin/catalog/product_new.html",
        "wrong",
        ADMIN | {"product": product, "typed": typed, "errors": {"name": "Say what."}},
    )
    names = ("amount", "currency", "interval", "interval_count", "trial_days", "setup_fee", "nickname")
    names += ("change", "number", "reason", "url")
    show: Context = ADMIN | {"product": Row(**vars(product), archived_at=None), "prices": [*prices, once], "errors": {}}
    show |= {"may_change": True, "every": [("", "Once"), ("month", "Month")], "typed": dict.fromkeys(names, "")}
    show |= {"held": 0, "file": None, "changes": [("more", "Add")], "pictures": []}
    yield "admin/catalog/product.html", "sold", show
    kept = {"image": "shop/beans.svg", "stock": 1204, "archived_at": None, "shippable": False}
    seen = [Shown("shop/beans.svg", "Beans", 480, 600), Shown("images/img_1", "Beans, picture 2", 800, 1000)]
    counted = show | {"product": Row(**(vars(product) | kept)), "held": 3, "pictures": seen}
    yield from picture_samples(show | {"product": counted["product"]}, seen)
    yield "admin/catalog/product.html", "counted", counted | {"file": Row(name="Guide.pdf", size=1200, url=None)}
    yield "admin/catalog/product.html", "unkept", counted | {"errors": {"picture": "Choose a picture.", "by": "No."}}
    gone = Row(**(vars(product) | {"description": "Long.", "tagline": ""}), archived_at=NOW)
    yield "admin/catalog/product.html", "archived", show | {"product": gone, "prices": [], "may_change": False}
    yield "admin/catalog/product.html", "wrong", show | {"errors": {"amount": "Enter an amount above zero."}}
    yield from discount_samples(pages)


def picture_samples(show: Context, seen: list[Shown]) -> Iterator[tuple[str, str, Context]]:
    page: Context = show | {"rows": [], "most": 10, "longest": 200, "typed": {"alt": ""}}
    yield "admin/catalog/pictures.html", "ours", page
    yield "admin/catalog/pictures.html", "none", page | {"product": Row(**(vars(page["product"]) | {"image": None}))}
    rows = [Row(id=f"img_{number}", alt=one.alt, width=800, height=1000) for number, one in enumerate([*seen, *seen])]
    rows[1].alt = ""
    yield "admin/catalog/pictures.html", "several", page | {"rows": rows}
    yield "admin/catalog/pictures.html", "looked at", page | {"rows": rows, "may_change": False}
    wrong = {"rows": rows[:1], "most": 1, "errors": {"picture": "Choose a picture."}}
    yield "admin/catalog/pictures.html", "wrong", page | wrong


def discount_samples(pages: Context) -> Iterator[tuple[str, str, Context]]:
    fields: Context = {"id": "cpn_1", "name": "Spring", "percent_bps": 1250, "amount_off": None, "currency": None}
    fields |= {
        "applies_to": "all",
        "duration": "repeating",
        "periods": 3,
        "max_redemptions": 5,
        "redeemed": 5,
        "redeem_by": NOW,
    }
    fields |= {"archived_at": None, "created_at": NOW}
    free: Context = {"percent_bps": None, "amount_off": 500, "currency": "USD", "duration": "once", "redeem_by": None}
    coupons = [Row(**fields), Row(**(fields | free | {"max_redemptions": None, "archived_at": NOW}))]
    index: Context = ADMIN | pages | {"rows": []}
    yield "admin/catalog/coupons.html", "empty", index
    yield "admin/catalog/coupons.html", "full", index | {"rows": coupons, "may_change": False}
    names = (
        "name",
        "percent",
        "amount",
        "currency",
        "duration",
        "periods",
        "max_redemptions",
        "redeem_by",
        "applies_to",
    )
    new: Context = ADMIN | {"typed": dict.fromkeys(names, ""), "lasts": [("once", "The first period")], "errors": {}}
    new |= {"parts": [("all", "All that is sold")]}
    yield "admin/catalog/coupon_new.html", "fresh", new
    yield "admin/catalog/coupon_new.html", "wrong", new | {"errors": {"percent": "One of them."}}
    code: Context = {"id": "promo_1", "code": "SPRING26", "first_purchase_only": True, "max_redemptions": 5}
    code |= {"redeemed": 5, "expires_at": NOW, "archived_at": None}
    other = Row(**(code | {"archived_at": NOW, "max_redemptions": None, "expires_at": None}))
    show: Context = ADMIN | {"coupon": coupons[0], "codes": [Row(**code), other], "may_change": True, "errors": {}}
    show |= {"typed": {"code": "", "max_redemptions": "", "expires_at": ""}}
    yield "admin/catalog/coupon.html", "codes", show
    yield "admin/catalog/coupon.html", "none", show | {"codes": [], "coupon": coupons[1], "may_change": False}
    yield "admin/catalog/coupon.html", "wrong", show | {"errors": {"code": "There is such a code already."}}
    rate: Context = {"id": "txr_1", "name": "VAT", "country": "DE", "region": "", "bps": 1900, "inclusive": True}
    rate |= {"shipping_bps": None}
    rates = [Row(**rate, archived_at=None), Row(**(rate | {"region": "NY", "inclusive": False}), archived_at=NOW)]
    rates += [
        Row(**(rate | {"region": region, "shipping_bps": bps}), archived_at=None)
        for region, bps in (("BE", 0), ("HH", 700))
    ]
    typed = dict.fromkeys(("name", "country", "region", "percent", "shipping", "shipping_percent", "inclusive"), "")
    tax: Context = ADMIN | {
        "rows": rates,
        "may_change": True,
        "typed": typed,
        "errors": {},
        "sendings": [("same", "The same")],
    }
    yield "admin/catalog/tax_rates.html", "full", tax
    yield "admin/catalog/tax_rates.html", "empty", tax | {"rows": [], "may_change": False}
    yield "admin/catalog/tax_rates.html", "wrong", tax | {"errors": {"percent": "Enter a percentage."}}
