"""The decline taxonomy: every code of every processor has its class, and the page about it says the same."""

from __future__ import annotations

import pytest

from ballast.processors.declines import (
    BRAINTREE_VALIDATION,
    CLASSES,
    PUBLIC_SENTENCE,
    classify_braintree,
    classify_square,
    classify_stripe,
    taxonomy,
)
from tests.processors.decline_page import MEANINGS, PAGE, write_page

ASK = {
    ("stripe", "decline_code"): lambda code: classify_stripe("card_declined", code),
    ("stripe", "code"): lambda code: classify_stripe(code, None),
    ("braintree", "processor_response_code"): classify_braintree,
    ("braintree", "gateway_rejection_reason"): lambda code: classify_braintree("1000", code),
    ("square", "code"): lambda code: classify_square(code, "PAYMENT_METHOD_ERROR"),
}
ENTRIES = [
    (processor, kind, code, CLASSES[found["class"]])
    for (processor, kind) in ASK
    for code, found in taxonomy()[processor][kind].items()
    if code[0] != "_"
]


def test_thetaxonomy_holds_what_the_processors_document() -> None:
    counted = {name: sum(entry[0] == name for entry in ENTRIES) for name in ("stripe", "braintree", "square")}
    assert counted == {"stripe": 77, "braintree": 106, "square": 59}


@pytest.mark.parametrize(("processor", "kind"), ASK, ids=lambda one: one)
def test_every_code_gets_the_class_the_table_gives_it(processor: str, kind: str) -> None:
    entries = [entry for entry in ENTRIES if entry[:2] == (processor, kind)]
    assert entries
    for _processor, _kind, code, decline_class in entries:
        for one in code.split("-"):  # a range stands for its ends and what is between them
            assert ASK[processor, kind](one) == decline_class, code


def test_there_are_five_classes_and_each_has_a_sentence_and_a_meaning() -> None:
    five = {"soft", "hard", "authentication", "fraud", "configuration"}
    assert {entry[3] for entry in ENTRIES} == set(CLASSES.values()) == set(PUBLIC_SENTENCE) == set(MEANINGS) == five
    assert set(BRAINTREE_VALIDATION.values()) <= five


def test_nothing_a_shopper_reads_names_a_suspicion() -> None:
    words = ("fraud", "stolen", "lost", "risk", "suspic")
    assert not any(word in sentence.lower() for sentence in PUBLIC_SENTENCE.values() for word in words)


def test_a_code_nobody_knows_is_soft() -> None:
    assert {classify_stripe("a_new_one", "another"), classify_stripe(None, None), classify_braintree("2998")} == {
        "soft"
    }
    assert classify_square("A_NEW_ONE", "PAYMENT_METHOD_ERROR") == "soft"


def test_the_page_says_what_the_data_says() -> None:
    assert PAGE.read_text() == write_page(), "write it anew: python -m tests.processors.decline_page"
