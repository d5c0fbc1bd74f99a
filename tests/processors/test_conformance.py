"""What every adapter must do, shown on all three by the same tests.

A test marked `sandbox_only` needs what only our sandbox can do (faults, disputes on demand, its own account of the money); `make
test-live` runs the others against the processors' hosted sandboxes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
import requests

from ballast import clock
from ballast.processors.base import (
    NO_SUCH_DISPUTE,
    Approved,
    BadSignature,
    Capabilities,
    Charge,
    ClientConfig,
    Declined,
    Dispute,
    Holder,
    NotSent,
    Prepared,
    RefundOutcome,
    Removed,
    SaveCard,
    SavedCard,
    UnavailableError,
    Unknown,
)
from ballast.processors.lists import Fee, ListedPayout
from ballast.processors.sending import sending_until
from tests.processors import operations
from tests.processors.benches import BENCHES, CHOSEN, HOSTED, IS_LIVE, Bench, Refusal, look, refund_of
from tests.processors.servers import Mailbox, serve, stand_before

# What not every processor does. Nothing else is left out for anyone.
ONLY = {
    "multiple_captures": ("braintree",),
    "idempotent_void": ("stripe", "braintree"),
    "refund_waits_for_settlement": ("braintree",),
    "tells_fees": ("stripe", "square"),
    "tells_payouts": ("stripe", "square"),
}
sandbox_only = pytest.mark.sandbox_only
A_MINUTE = timedelta(seconds=61)
CLASSES = {"soft", "hard", "authentication", "fraud", "configuration"}
GIVEN_BACK = {"succeeded", "processing"}
# Square's sandbox accounts take one currency, and Braintree's those that were set up.
CURRENCIES = [
    (name, currency, amount)
    for name, (currency, amount) in product(CHOSEN, [("JPY", 1050), ("KWD", 12_340), ("EUR", 1999), ("INR", 49_900)])
    if not IS_LIVE or name == "stripe"
]


@pytest.fixture(autouse=True)
def no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves a fault behind."""
    sandbox = None if IS_LIVE else request.getfixturevalue("sandbox_url")
    yield
    if sandbox:
        requests.delete(f"{sandbox}/_sandbox/faults", timeout=5)


@pytest.fixture(scope="module", autouse=True)
def began_at() -> float:
    """When the first of these tests began: what the wire log holds since then is theirs."""
    return time.time()


@pytest.fixture(params=CHOSEN)
def bench(request: pytest.FixtureRequest) -> Bench:
    """Each processor in turn."""
    return stand(request, request.param)


def stand(request: pytest.FixtureRequest, name: str) -> Bench:
    """The bench of one processor, with an account nobody else uses."""
    return BENCHES[name](HOSTED[name] if IS_LIVE else request.getfixturevalue("sandbox_url"))


def only(feature: str) -> pytest.MarkDecorator:
    """Run a test for those that have the feature."""
    return pytest.mark.parametrize("bench", [one for one in ONLY[feature] if one in CHOSEN], indirect=True)


def a_holder(**changes: Any) -> Holder:
    """A customer of ours."""
    said = {"reference": f"cus_{uuid4().hex[:26]}", "email": "ann@example.com", "name": "Ann Lee"}
    return Holder(**(said | changes))


# --- What is declared ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feature", ONLY)
def test_the_capabilities_say_what_the_table_says(feature: str) -> None:
    able = tuple(name for name, bench in BENCHES.items() if getattr(bench.make.capabilities, feature))
    assert able == ONLY[feature]


def test_every_capability_is_declared(bench: Bench) -> None:
    declared = bench.adapter.capabilities
    assert all(getattr(declared, one.name) is not None for one in fields(Capabilities))
    assert declared.absent_after_seconds >= 60
    assert declared.evidence_characters >= 500


# --- Charging -----------------------------------------------------------------------------------------------------------------


def test_a_charge_is_approved_and_tells_the_card(bench: Bench) -> None:
    charge, outcome = bench.approved()
    assert (outcome.captured, outcome.card.brand, len(outcome.card.last4 or "")) == (2000, "visa", 4)
    assert outcome.card.exp_month
    assert outcome.saved is None
    assert bench.taken(charge) == [2000]
    assert bench.adapter.find(look(charge)) == outcome


def test_a_charge_is_found_by_our_reference_alone(bench: Bench) -> None:
    charge, outcome = bench.approved()
    assert bench.adapter.find(look(charge, external_id=None)) == outcome


def test_a_charge_its_holder_confirmed_before_goes_through(bench: Bench) -> None:
    _charge, outcome = bench.approved(**bench.confirmed)
    assert outcome.captured == 2000


def test_an_authorization_is_captured_in_full_and_once(bench: Bench) -> None:
    charge, held = bench.approved(capture=False)
    assert held.captured == 0
    reference = f"cap_{uuid4().hex[:26]}"
    taken = bench.adapter.capture(look(charge, external_id=None), 2000, reference)
    assert isinstance(taken, Approved)
    assert (taken.captured, taken.external_id) == (2000, held.external_id)
    assert bench.adapter.capture(look(charge), 2000, reference) == taken
    assert bench.adapter.find(look(charge)) == taken


def test_a_part_of_an_authorization_is_captured(bench: Bench) -> None:
    charge, _held = bench.approved(capture=False)
    taken = bench.adapter.capture(look(charge), 700, f"cap_{uuid4().hex[:26]}")
    assert isinstance(taken, Approved)
    assert taken.captured == 700
    assert bench.adapter.find(look(charge)) == taken
    assert bench.adapter.find(look(charge, external_id=None)) == taken


def test_more_than_is_held_is_not_captured(bench: Bench) -> None:
    charge, _held = bench.approved(capture=False)
    assert isinstance(bench.adapter.capture(look(charge), 2001, f"cap_{uuid4().hex[:26]}"), Declined)
    found = bench.adapter.find(look(charge))
    assert isinstance(found, Approved)
    assert found.captured == 0


def test_what_a_capture_leaves_is_let_go(bench: Bench) -> None:
    charge, _held = bench.approved(capture=False)
    taken = bench.adapter.capture(look(charge), 700, f"cap_{uuid4().hex[:26]}")
    bench.adapter.capture(look(charge), 100, f"cap_{uuid4().hex[:26]}")
    assert bench.adapter.find(look(charge)) == taken


def test_more_captures_than_one_are_declined_where_there_can_be_one_only(bench: Bench) -> None:
    charge, held = bench.approved(capture=False)
    taken = bench.adapter.capture(look(charge), 700, f"cap_{uuid4().hex[:26]}", final=False)
    if bench.adapter.capabilities.multiple_captures:
        assert isinstance(taken, Approved)
        return
    assert isinstance(taken, Declined)
    assert bench.adapter.find(look(charge)) == held


@only("multiple_captures")
def test_parts_are_captured_one_after_another(bench: Bench) -> None:
    charge, _held = bench.approved(capture=False)
    for number, (part, all_in_all) in enumerate([(700, 700), (800, 1500), (500, 2000)]):
        taken = bench.adapter.capture(look(charge), part, f"{charge.reference}-{number}", final=False)
        assert isinstance(taken, Approved)
        assert taken.captured == all_in_all
    assert bench.adapter.find(look(charge)) == taken


def test_what_is_held_is_let_go(bench: Bench) -> None:
    charge, held = bench.approved(capture=False)
    done = bench.adapter.void(look(charge), f"void_{uuid4().hex[:26]}")
    assert isinstance(done, NotSent)
    assert done.external_id == held.external_id
    assert isinstance(bench.adapter.find(look(charge)), NotSent)
    assert not isinstance(bench.adapter.capture(look(charge), 2000, f"cap_{uuid4().hex[:26]}"), Approved)


@only("idempotent_void")
def test_the_same_void_twice_is_one(bench: Bench) -> None:
    charge, _held = bench.approved(capture=False)
    reference = f"void_{uuid4().hex[:26]}"
    assert bench.adapter.void(look(charge), reference) == bench.adapter.void(look(charge), reference)


def test_what_is_given_up_is_canceled_by_our_reference_alone(bench: Bench) -> None:
    charge, _held = bench.approved(capture=False)
    assert isinstance(bench.adapter.cancel(look(charge, external_id=None)), NotSent)
    assert isinstance(bench.adapter.find(look(charge)), NotSent)


def test_canceling_too_late_tells_what_was_taken(bench: Bench) -> None:
    charge, taken = bench.approved()
    assert bench.adapter.cancel(look(charge)) == taken


def test_what_was_never_sent_is_absent_after_a_minute_and_not_before(bench: Bench) -> None:
    lookup = look(bench.charge())
    assert bench.adapter.find(lookup) == Unknown("not_found_yet")
    assert bench.adapter.cancel(lookup) == Unknown("not_found_yet")
    with clock.shifted(A_MINUTE):
        assert bench.adapter.find(lookup) == NotSent("absent")
        assert bench.adapter.cancel(lookup) == NotSent("absent")


def test_the_same_attempt_twice_is_one_charge_with_one_answer(bench: Bench) -> None:
    charge = bench.charge()
    first = bench.pay(charge)
    assert isinstance(first[1], Approved)
    assert bench.pay(charge) == first
    assert bench.taken(charge) == [2000]


@pytest.mark.parametrize(("name", "currency", "amount"), CURRENCIES)
def test_minor_units_of_every_currency_pass_through(
    request: pytest.FixtureRequest, name: str, currency: str, amount: int
) -> None:
    bench = stand(request, name)
    adapter = bench.open(currency)
    charge, outcome = bench.approved(adapter, currency=currency, amount=amount)
    assert outcome.captured == amount
    assert bench.taken(charge) == [amount]
    bench.settle(outcome.external_id)
    assert adapter.refund(refund_of(charge, amount - 10)).status in GIVEN_BACK


@sandbox_only
def test_the_third_decimal_is_taken_where_the_processor_has_it(bench: Bench) -> None:
    charge, outcome = bench.pay(bench.charge(currency="KWD", amount=12_345), bench.open("KWD"))
    if bench.takes_last_digit_of_three:
        assert bench.taken(charge) == [12_345]
    else:
        assert isinstance(outcome, Declined)
        assert outcome.decline_class == "configuration"


# --- Declines -----------------------------------------------------------------------------------------------------------------

REFUSALS = [(name, refusal) for name in CHOSEN for refusal in BENCHES[name].refusals]


@pytest.mark.parametrize(("name", "refusal"), REFUSALS, ids=[f"{name}-{one.code}" for name, one in REFUSALS])
def test_a_decline_keeps_its_code_and_gets_its_class(
    request: pytest.FixtureRequest, name: str, refusal: Refusal
) -> None:
    bench = stand(request, name)
    charge, outcome = bench.pay(bench.charge(**refusal.changes))
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == (refusal.decline_class, refusal.code)
    if refusal.decline_class == "fraud":
        assert not any(word in outcome.message.lower() for word in ("fraud", "stolen", "lost", "risk"))
    assert bench.taken(charge) == []


def test_a_decline_of_every_class_is_shown(bench: Bench) -> None:
    assert {refusal.decline_class for refusal in bench.refusals} == CLASSES


def test_a_decline_is_found_again(bench: Bench) -> None:
    charge, outcome = bench.pay(bench.charge(**bench.refusals[0].changes))
    assert isinstance(outcome, Declined)
    found = bench.adapter.find(look(charge, external_id=outcome.external_id))
    assert isinstance(found, Declined)
    assert (found.code, found.decline_class) == (outcome.code, outcome.decline_class)


# --- Stored cards -------------------------------------------------------------------------------------------------------------


def charge_later(bench: Bench, holder: Holder, saved: SavedCard) -> tuple[Charge, Approved]:
    """Charge a stored card without its holder."""
    known = replace(holder, external_id=saved.customer_external_id)
    return bench.approved(payment_method=saved.external_id, holder=known, off_session=True)


def save_with_charge(bench: Bench, holder: Holder) -> SavedCard:
    """Charge, and keep the card: with the charge, or after it, as the processor does."""
    charge, outcome = bench.approved(holder=holder, save=True)
    if bench.adapter.capabilities.saves == "after_charge":
        assert outcome.saved is None
        saved = bench.adapter.save_card(SaveCard(f"pm_{uuid4().hex[:26]}", outcome.external_id, holder))
    else:
        saved = outcome.saved  # type: ignore[assignment]
        found = bench.adapter.find(look(charge))
        assert isinstance(found, Approved)
        assert found.saved == saved
    assert isinstance(saved, SavedCard), saved
    assert saved.card.last4 == outcome.card.last4
    return saved


def test_a_card_is_saved_with_a_charge_and_charged_later_without_its_holder(bench: Bench) -> None:
    holder = a_holder()
    saved = save_with_charge(bench, holder)
    again = save_with_charge(bench, holder)
    assert again.customer_external_id == saved.customer_external_id
    charge, outcome = charge_later(bench, holder, saved)
    assert bench.taken(charge) == [2000]
    assert (outcome.saved, outcome.card.last4) == (None, saved.card.last4)


@pytest.mark.parametrize("save", [False, True])
def test_a_stored_card_is_no_token_of_a_browser(bench: Bench, save: bool) -> None:
    """Who only knows its token, and whose card it is, cannot pay with it where a new card is asked for."""
    holder = a_holder()
    saved = save_with_charge(bench, holder)
    known = replace(holder, external_id=saved.customer_external_id)
    charge = bench.charge(payment_method=saved.external_id, holder=known if save else None, save=save, one_time=True)
    assert isinstance(bench.pay(charge)[1], Declined)
    assert bench.taken(charge) == []
    bench.approved(one_time=True, holder=holder, save=save)


@sandbox_only
def test_the_bank_is_told_that_the_holder_is_not_there(bench: Bench) -> None:
    holder = a_holder()
    saved = save_with_charge(bench, holder)
    assert not any(bench.off_session_mark in row["body"].replace(" ", "") for row in mine(bench))
    charge_later(bench, holder, saved)
    assert any(bench.off_session_mark in row["body"].replace(" ", "") for row in mine(bench))


def mine(bench: Bench) -> list[dict[str, Any]]:
    """The lines of the wire log since this bench stands."""
    return [row for row in bench.wire() if row["at"] >= bench.began_at]


def test_a_card_is_kept_without_a_charge_and_only_once(bench: Bench) -> None:
    holder, reference = a_holder(), f"pm_{uuid4().hex[:26]}"
    saved = bench.adapter.save_card(SaveCard(reference, bench.card, holder))
    assert isinstance(saved, SavedCard)
    assert saved.card.brand == "visa"
    assert bench.adapter.save_card(SaveCard(reference, bench.card, holder)) == saved
    charge_later(bench, holder, saved)


def test_a_customer_the_processor_knows_is_not_made_again(bench: Bench) -> None:
    known = a_holder(external_id=save_with_charge(bench, a_holder()).customer_external_id)
    kept = bench.adapter.save_card(SaveCard(f"pm_{uuid4().hex[:26]}", bench.card, known))
    assert isinstance(kept, SavedCard)
    assert kept.customer_external_id == known.external_id
    assert save_with_charge(bench, known).customer_external_id == known.external_id


def test_a_card_that_is_refused_is_not_kept(bench: Bench) -> None:
    refused = bench.adapter.save_card(SaveCard(f"pm_{uuid4().hex[:26]}", bench.refused_card, a_holder()))
    assert isinstance(refused, Declined)
    assert refused.decline_class == "soft"


@sandbox_only
@pytest.mark.parametrize("kind", ["error_after", "reset_after", "error_before"])
def test_a_card_whose_answer_was_lost_is_kept_once(bench: Bench, kind: str) -> None:
    wanted = SaveCard(f"pm_{uuid4().hex[:26]}", bench.card, a_holder())
    bench.fault(kind, "save_card")
    assert isinstance(bench.adapter.save_card(wanted), Unknown)
    saved = bench.adapter.save_card(wanted)
    assert isinstance(saved, SavedCard), saved
    assert bench.adapter.save_card(wanted) == saved


@sandbox_only
@pytest.mark.parametrize("kind", [None, "error_after", "reset_after", "error_before"])
def test_a_card_that_is_forgotten_is_charged_no_more_and_forgetting_may_be_repeated(
    bench: Bench, kind: str | None
) -> None:
    holder = a_holder()
    saved = save_with_charge(bench, holder)
    if kind:
        bench.fault(kind, "forget_card")
        assert isinstance(bench.adapter.forget_card(saved.external_id), Unknown)
    assert [bench.adapter.forget_card(saved.external_id) for _ in range(2)] == [Removed(), Removed()]
    later = replace(holder, external_id=saved.customer_external_id)
    charge = bench.charge(payment_method=saved.external_id, holder=later, off_session=True, series="unscheduled")
    assert isinstance(bench.pay(charge)[1], Declined)


def test_what_card_a_token_stands_for_is_told_before_it_is_charged_or_not_at_all(bench: Bench) -> None:
    found = bench.adapter.identify(bench.card)
    _charge, outcome = bench.approved()
    assert found is None or replace(found, exp_year=None, exp_month=None) == replace(
        outcome.card, exp_year=None, exp_month=None
    )
    assert (found is None) is (bench.name == "square")
    assert bench.open(api_base="http://127.0.0.1:9").identify(bench.card) is None


def test_a_card_that_never_was_is_forgotten(bench: Bench) -> None:
    assert bench.adapter.forget_card("pm_1PgafyB7WZ01zgkWz1s") == Removed()


# --- Refunds ------------------------------------------------------------------------------------------------------------------


def settled(bench: Bench) -> Charge:
    """A charge that may be refunded."""
    charge, outcome = bench.approved()
    bench.settle(outcome.external_id)
    return charge


def test_refunds_in_parts_add_up_and_one_too_much_is_refused(bench: Bench) -> None:
    charge = settled(bench)
    for amount in (700, 800, 500):
        request = refund_of(charge, amount)
        done = bench.adapter.refund(request)
        assert done.status in GIVEN_BACK
        assert bench.adapter.refund(request).external_id == done.external_id
        assert bench.adapter.find_refund(request, None).external_id == done.external_id
        assert bench.adapter.find_refund(request, done.external_id).status in GIVEN_BACK
    too_much = bench.adapter.refund(refund_of(charge, 1))
    assert too_much.status == "failed"
    assert too_much.message
    if not IS_LIVE:
        assert [one["amount_refunded"] for one in bench.money()] == [2000]


def test_a_refund_that_was_never_sent_is_absent(bench: Bench) -> None:
    assert bench.adapter.find_refund(refund_of(settled(bench), 700), None).status == "absent"


@only("refund_waits_for_settlement")
def test_a_refund_before_settlement_waits_and_is_then_given(bench: Bench) -> None:
    charge, outcome = bench.approved()
    request = refund_of(charge, 700)
    assert bench.adapter.refund(request) == RefundOutcome("pending_settlement")
    bench.settle(outcome.external_id)
    assert bench.adapter.refund(request).status in GIVEN_BACK


# --- Answers that are lost ----------------------------------------------------------------------------------------------------


@sandbox_only
@pytest.mark.parametrize("kind", ["reset_after", "error_after", "truncate"])
def test_an_answer_lost_after_the_charge_is_resolved_to_one_charge(bench: Bench, kind: str) -> None:
    bench.fault(kind, "charge")
    charge, outcome = bench.pay(bench.charge())
    assert isinstance(outcome, Unknown)
    found = bench.adapter.find(look(charge))
    assert isinstance(found, Approved)
    assert found.captured == 2000
    assert bench.taken(charge) == [2000]


@sandbox_only
@pytest.mark.parametrize("kind", ["reset_before", "error_before", "rate_limit"])
def test_an_answer_lost_before_the_charge_ends_as_not_sent(bench: Bench, kind: str) -> None:
    bench.fault(kind, "charge")
    charge, outcome = bench.pay(bench.charge())
    assert isinstance(outcome, Unknown)
    lookup = look(charge)
    assert isinstance(bench.adapter.find(lookup), Unknown | NotSent)
    with clock.shifted(A_MINUTE):
        assert isinstance(bench.adapter.find(lookup), NotSent)
    assert bench.taken(charge) == []


@sandbox_only
@pytest.mark.parametrize(
    "kind", ["reset_after", "error_after", "truncate", "reset_before", "error_before", "rate_limit"]
)
@pytest.mark.parametrize("step", ["capture", "void"])
def test_a_capture_or_void_without_an_answer_is_unknown_and_can_be_asked_after(
    bench: Bench, kind: str, step: str
) -> None:
    charge, _held = bench.approved(capture=False)
    bench.fault(kind, step)
    reference = f"act_{uuid4().hex[:26]}"

    def act() -> Any:
        if step == "void":
            return bench.adapter.void(look(charge), reference)
        return bench.adapter.capture(look(charge), 2000, reference)

    assert isinstance(act(), Unknown)
    is_done = kind in ("reset_after", "error_after", "truncate")
    truth = bench.adapter.find(look(charge))
    if step == "void":
        assert isinstance(truth, NotSent if is_done else Approved)
    else:
        assert isinstance(truth, Approved)
        assert truth.captured == (2000 if is_done else 0)


@sandbox_only
@pytest.mark.parametrize(("kind", "given"), [("reset_after", 500), ("error_after", 500), ("reset_before", 0)])
def test_a_refund_without_an_answer_is_looked_for(bench: Bench, kind: str, given: int) -> None:
    charge = settled(bench)
    request = refund_of(charge, 500)
    bench.fault(kind, "refund")
    assert bench.adapter.refund(request).status == "unknown"
    found = bench.adapter.find_refund(request, None)
    assert found.status in (GIVEN_BACK if given else {"absent"})
    assert bench.money()[0]["amount_refunded"] == given


@sandbox_only
def test_a_processor_that_asks_to_wait_says_for_how_long(bench: Bench) -> None:
    bench.fault("rate_limit", "charge", seconds=7)
    charge, outcome = bench.pay(bench.charge())
    assert isinstance(outcome, Unknown)
    assert (outcome.reason, outcome.retry_after) == ("rate_limited", 7.0)
    bench.fault("rate_limit", "refund", seconds=3)
    refused = bench.adapter.refund(refund_of(settled(bench), 500))
    assert (refused.status, refused.message, refused.retry_after) == ("unknown", "rate_limited", 3.0)
    bench.fault("rate_limit", "find", seconds=2)
    found = bench.adapter.find(look(charge, external_id=outcome.external_id or "a_charge"))
    assert isinstance(found, Unknown)
    assert found.retry_after == 2.0


@sandbox_only
def test_after_the_deadline_nothing_leaves(bench: Bench) -> None:
    charge, outcome = bench.approved()
    bench.settle(outcome.external_id)
    held, _outcome = bench.approved(capture=False)
    prepared = bench.adapter.prepare(attempt := bench.charge())
    assert isinstance(prepared, Prepared)
    dispute_id, saved = bench.dispute(bench.approved()[1].external_id), save_with_charge(bench, a_holder())
    rows = len(bench.wire())
    with sending_until(clock.real_time() - timedelta(seconds=1)):
        assert bench.pay(bench.charge())[1] == NotSent("too_late")
        late = bench.adapter.submit(replace(attempt, external_id=prepared.external_id))
        assert late == NotSent("too_late", prepared.external_id)
        for act in (bench.adapter.capture(look(held), 2000, "cap_1"), bench.adapter.void(look(held), "void_1")):
            assert act == Unknown("too_late", held.external_id)
        assert bench.adapter.refund(refund_of(charge, 500)) == RefundOutcome("unknown", message="too_late")
        assert bench.adapter.save_card(SaveCard("pm_1", bench.card, a_holder())) == Unknown("too_late")
        assert isinstance(bench.adapter.forget_card(saved.external_id), Unknown)
        assert bench.adapter.submit_evidence(dispute_id, "Late.") == Unknown("too_late", dispute_id)
        assert bench.adapter.accept_dispute(dispute_id) == Unknown("too_late", dispute_id)
        assert isinstance(bench.adapter.find(look(charge)), Approved)
        assert isinstance(bench.adapter.find(look(charge, external_id=None)), Approved)
    sent = [row for row in bench.wire()[rows:] if row["method"] != "GET" and "/advanced_search" not in row["path"]]
    assert sent == []
    with sending_until(clock.real_time() + timedelta(minutes=1)):
        assert isinstance(bench.adapter.capture(look(held), 2000, "cap_1"), Approved)


def test_a_processor_that_is_away_is_unknown_and_never_a_decline(bench: Bench) -> None:
    away = bench.open(api_base="http://127.0.0.1:9")
    charge = bench.charge(external_id="a_charge")
    assert isinstance(away.prepare(bench.charge()), Prepared | NotSent)
    assert isinstance(away.submit(charge), Unknown | NotSent)
    for found in (away.find(look(charge)), away.cancel(look(charge)), away.void(look(charge), "void_1")):
        assert isinstance(found, Unknown)
    assert isinstance(away.capture(look(charge), 2000, "cap_1"), Unknown)
    assert away.refund(refund_of(charge, 500)).status == "unknown"
    assert away.find_refund(refund_of(charge, 500), None).status == "unknown"
    assert isinstance(away.save_card(SaveCard("pm_1", bench.card, a_holder())), Unknown)
    assert isinstance(away.forget_card("pm_1"), Unknown)
    for answer in (away.find_dispute("d"), away.submit_evidence("d", "text"), away.accept_dispute("d")):
        assert isinstance(answer, Unknown)
    with pytest.raises(UnavailableError, match="no_answer"):
        list(away.list_window(clock.real_time() - A_MINUTE, clock.real_time()))
    assert away.check().problem


# --- The future ---------------------------------------------------------------------------------------------------------------


@sandbox_only
def test_fields_nobody_knows_are_survived_everywhere(bench: Bench) -> None:
    start = clock.real_time() - timedelta(seconds=5)
    with serve(stand_before(bench.url)) as address:
        adapter = bench.open(api_base=address)
        held, _outcome = bench.approved(adapter, capture=False)
        assert isinstance(adapter.capture(look(held), 700, f"cap_{uuid4().hex[:26]}"), Approved)
        charge, outcome = bench.approved(adapter, holder=a_holder(), save=True)
        assert adapter.find(look(charge)) == bench.adapter.find(look(charge))
        bench.settle(outcome.external_id)
        request = refund_of(charge, 500)
        assert adapter.refund(request).status in GIVEN_BACK
        assert adapter.find_refund(request, None).status in GIVEN_BACK
        assert isinstance(bench.pay(bench.charge(**bench.refusals[0].changes), adapter)[1], Declined)
        assert isinstance(adapter.save_card(SaveCard(f"pm_{uuid4().hex[:26]}", bench.card, a_holder())), SavedCard)
        dispute_id = bench.dispute(bench.approved(adapter)[1].external_id)
        assert adapter.find_dispute(dispute_id) == bench.adapter.find_dispute(dispute_id)
        end = clock.real_time() + timedelta(seconds=5)
        assert list(adapter.list_window(start, end)) == list(bench.adapter.list_window(start, end))
        assert adapter.check() == bench.adapter.check()


# --- Lists --------------------------------------------------------------------------------------------------------------------


def test_a_window_holds_what_was_charged_and_refunded(bench: Bench) -> None:
    start = clock.real_time() - timedelta(seconds=5)
    charge = settled(bench)
    request = refund_of(charge, 500)
    bench.adapter.refund(request)
    held, _outcome = bench.approved(capture=False)
    refused, _declined = bench.pay(bench.charge(**bench.refusals[0].changes))
    end = clock.real_time() + timedelta(seconds=5)
    lines = {one.reference: one for one in bench.adapter.list_window(start, end)}
    wanted = {
        charge.reference: ("charge", 2000, {"captured"}),
        held.reference: ("charge", 2000, {"authorized"}),
        refused.reference: ("charge", refused.amount, {"failed"}),
        request.reference: ("refund", 500, GIVEN_BACK),
    }
    for reference, (kind, amount, statuses) in wanted.items():
        line = lines[reference]
        assert (line.kind, line.amount, line.currency) == (kind, amount, "USD")
        assert line.status in statuses
        assert start <= line.created_at < end
        assert line.created_at.tzinfo is UTC
    assert lines[charge.reference].external_id == charge.external_id
    before = bench.adapter.list_window(start - timedelta(hours=2), start - timedelta(hours=1))
    assert not {one.reference for one in before} & set(wanted)


@sandbox_only
@only("tells_payouts")
def test_fees_are_told_with_charges_and_what_is_left_is_paid_out(bench: Bench) -> None:
    start = clock.real_time() - timedelta(seconds=5)
    charge, _outcome = bench.approved()
    bench.adapter.refund(refund_of(charge, 500))
    held, _held = bench.approved(capture=False)
    end = clock.real_time() + timedelta(seconds=5)
    lines = {one.reference: one for one in bench.adapter.list_window(start, end)}
    assert (lines[charge.reference].captured, lines[charge.reference].fee) == (2000, Fee(88, "USD"))
    assert (lines[held.reference].captured, lines[held.reference].fee) == (0, None)
    sent = act(bench, f"charges/{bench.name}/{charge.external_id}/pay-out")
    (payout,) = bench.adapter.list_payouts(start, end)
    assert payout == ListedPayout(sent, 1412, "USD", "in_transit", payout.created_at, payout.arrives_on)
    act(bench, f"payouts/{bench.name}/{sent}/arrive")
    assert [one.status for one in bench.adapter.list_payouts(start, end)] == ["paid"]
    assert list(bench.adapter.list_payouts(start - timedelta(hours=2), start)) == []
    bench.fault("reset_before", "payouts")
    with pytest.raises(UnavailableError):
        list(bench.adapter.list_payouts(start, end))


def act(bench: Bench, path: str) -> str:
    """What whoever plays with the sandbox does; the id of what it was done to."""
    answer = requests.post(f"{bench.url}/_sandbox/{path}", timeout=5)
    answer.raise_for_status()
    return str(answer.json()["id"])


@sandbox_only
@pytest.mark.parametrize("kind", ["reset_before", "error_before", "rate_limit", "truncate"])
def test_a_window_that_breaks_off_says_so(bench: Bench, kind: str) -> None:
    bench.fault(kind, "list")
    with pytest.raises(UnavailableError):
        list(bench.adapter.list_window(clock.real_time() - A_MINUTE, clock.real_time()))


# --- Disputes -----------------------------------------------------------------------------------------------------------------


def disputed(bench: Bench) -> tuple[Charge, str]:
    """A charge and the dispute over it."""
    charge, outcome = bench.approved()
    return charge, bench.dispute(outcome.external_id)


@sandbox_only
def test_a_dispute_is_read(bench: Bench) -> None:
    charge, dispute_id = disputed(bench)
    found = bench.adapter.find_dispute(dispute_id)
    assert isinstance(found, Dispute)
    assert (found.external_id, found.charge_external_id) == (dispute_id, charge.external_id)
    assert (found.amount, found.currency, found.status) == (2000, "USD", "needs_response")
    assert found.reason == found.reason.lower()
    assert found.due_at
    assert found.due_at > clock.real_time() + timedelta(days=5)
    assert clock.real_time() - found.created_at < timedelta(minutes=1)


@sandbox_only
def test_disputes_are_listed_by_when_they_were_opened(bench: Bench) -> None:
    start = clock.real_time() - timedelta(seconds=5)
    made = {disputed(bench)[1] for _ in range(2)}
    end = clock.real_time() + timedelta(seconds=5)
    assert made <= set(bench.adapter.list_disputes(start, end))
    assert made.isdisjoint(bench.adapter.list_disputes(start - timedelta(hours=2), start))
    bench.fault("reset_before", "disputes")
    with pytest.raises(UnavailableError):
        list(bench.adapter.list_disputes(start, end))


def test_a_dispute_the_processor_does_not_know_is_told_from_no_answer(bench: Bench) -> None:
    missing = Unknown(NO_SUCH_DISPUTE, "a_dispute_nobody_knows")
    assert bench.adapter.find_dispute("a_dispute_nobody_knows") == missing


@sandbox_only
@pytest.mark.parametrize("kind", [None, "reset_after", "error_after", "error_before"])
def test_a_dispute_is_answered_once(bench: Bench, kind: str | None) -> None:
    _charge, dispute_id = disputed(bench)
    if kind:
        bench.fault(kind, "dispute")
        assert isinstance(bench.adapter.submit_evidence(dispute_id, "They signed for it."), Unknown)
    for _ in range(2):
        answered = bench.adapter.submit_evidence(dispute_id, "They signed for it.")
        assert isinstance(answered, Dispute)
        assert answered.status in ("under_review", "won")
    late = bench.adapter.accept_dispute(dispute_id)
    assert isinstance(late, Dispute)
    assert late.status in ("under_review", "won")


@sandbox_only
def test_a_dispute_is_accepted_once(bench: Bench) -> None:
    _charge, dispute_id = disputed(bench)
    for _ in range(2):
        accepted = bench.adapter.accept_dispute(dispute_id)
        assert isinstance(accepted, Dispute)
        assert accepted.status in ("accepted", "lost")
    assert bench.adapter.find_dispute(dispute_id) == accepted
    assert isinstance(bench.adapter.accept_dispute("a_dispute_nobody_knows"), Declined)


# --- Events -------------------------------------------------------------------------------------------------------------------


def test_an_event_is_verified_and_read_whatever_the_case_of_its_headers(bench: Bench) -> None:
    charge = replace(bench.charge(), external_id="a_charge")
    raw, headers, url = bench.event(charge)
    event = bench.adapter.parse_event(raw, headers, url)
    assert (event.subject_id, event.about, event.reference) == ("a_charge", "charge_paid", charge.reference)
    assert event.external_id
    assert event.dispute_id is None
    for change in (str.lower, str.upper, str.title):
        assert bench.adapter.parse_event(raw, {change(name): said for name, said in headers.items()}, url) == event


def test_an_event_with_one_thing_wrong_is_refused(bench: Bench) -> None:
    raw, headers, url = bench.event(replace(bench.charge(), external_id="a_charge"))
    for wrong, spoiled in bench.spoiled(raw, headers, url).items():
        with pytest.raises(BadSignature):
            pytest.fail(f"{wrong}: {bench.adapter.parse_event(*spoiled)}")


@sandbox_only
def test_what_the_processor_sends_is_read(bench: Bench) -> None:
    mailbox = Mailbox(bench.adapter.answer_challenge)
    with serve(mailbox.take) as origin:
        address = f"{origin}/hooks/{bench.name}/acc_1"
        adapter = bench.subscribe(address)
        charge, dispute_id = disputed(bench)

        def about(kind: str) -> Any:
            return lambda one: (event := adapter.parse_event(*one, address)).about == kind and event

        paid = mailbox.wait_for(about("charge_paid"))
        assert (paid.subject_id, paid.reference) == (charge.external_id, charge.reference)
        opened = mailbox.wait_for(about("dispute"))
        assert (opened.subject_id, opened.dispute_id) == (charge.external_id, dispute_id)


@sandbox_only
def test_only_who_registers_webhooks_listens_and_only_at_one_place(bench: Bench) -> None:
    address = "http://127.0.0.1:9/hooks/any/acc_1"
    if not bench.adapter.capabilities.registers_webhooks:
        with pytest.raises(UnavailableError, match="by_hand_only"):
            bench.adapter.listen(address)
        return
    address = f"http://127.0.0.1:9/hooks/{bench.name}/acc_1"
    assert bench.adapter.listen(address) != bench.adapter.listen(address)
    bench.fault("error_before", "listen")
    with pytest.raises(UnavailableError, match="http_500"):
        bench.adapter.listen(address)


# --- The account --------------------------------------------------------------------------------------------------------------


def test_the_credentials_open_an_account(bench: Bench) -> None:
    found = bench.adapter.check()
    assert found.problem is None
    assert found.external_account
    assert found.name
    refused = bench.open(secret_key=bench.wrong_key)
    assert refused.check().problem
    _charge, outcome = bench.pay(bench.charge(), refused)
    assert isinstance(outcome, Declined)
    assert outcome.decline_class == "configuration"


def origin_is_allowed(config: ClientConfig, directive: str, url: str) -> bool:
    """Whether the policy lets the page load from there."""
    return any(url.startswith(origin) for origin in dict(config.csp)[directive])


@sandbox_only
def test_the_page_gets_scripts_values_and_a_policy_of_the_sandbox_alone(bench: Bench) -> None:
    config = bench.adapter.client_config("USD")
    assert config.processor == bench.name
    assert all(name and value for name, value in config.values)
    for script in config.scripts:
        assert requests.get(script, timeout=5).headers["Content-Type"].startswith("text/javascript")
        assert origin_is_allowed(config, "script-src", script)
    assert {origin for _directive, origins in config.csp for origin in origins} == {bench.url}


# --- The wire -----------------------------------------------------------------------------------------------------------------


@sandbox_only
@pytest.mark.parametrize("name", BENCHES)
def test_the_tests_above_have_exercised_every_operation_and_no_other(
    request: pytest.FixtureRequest, began_at: float, name: str
) -> None:
    selected = {item.function for item in request.session.items if getattr(item, "module", None) is request.module}
    written = {one for key, one in vars(request.module).items() if key.startswith("test_")}
    assert selected == written, "this test reads what all the others have sent: run the whole file"
    rows = [row for row in stand(request, name).wire() if row["at"] >= began_at and not is_of_the_test(row)]
    seen = {operations.route_of(name, row) or f"{row['method']} {row['path']}" for row in rows}
    routes = {f"{method} {path}" for found in operations.operations_of(name).values() for method, path in found}
    assert routes - seen == set()
    assert seen - routes == set()


def is_of_the_test(row: dict[str, Any]) -> bool:
    """Whether a bench has asked and not an adapter: to settle is what the SDK offers to tests."""
    return bool(row["path"].endswith("/settle"))


@sandbox_only
def test_every_request_to_braintree_keeps_to_the_sdks_own_signatures(
    request: pytest.FixtureRequest, began_at: float
) -> None:
    rows = [row for row in stand(request, "braintree").wire() if row["at"] >= began_at and not is_of_the_test(row)]
    assert rows
    for row in rows:
        route = operations.route_of("braintree", row)
        assert route, row["path"]
        operations.verify_braintree(route, row["body"])
    with pytest.raises(KeyError):
        operations.verify_braintree("POST /transactions", "<transaction><tip>1</tip></transaction>")
