"""Public ids."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
import uuid_utils
from hypothesis import given
from hypothesis import strategies as st
from typeid import TypeID
from typeid.core.errors import TypeIDException

from ballast.ids import from_uuid, new_id, to_uuid

prefixes = st.from_regex(r"[a-z]{1,10}", fullmatch=True)


@given(st.uuids(), prefixes)
def test_a_uuid_survives_the_round_trip(value: UUID, prefix: str) -> None:
    public = from_uuid(value, prefix)
    assert public.startswith(f"{prefix}_")
    assert to_uuid(public, prefix) == value


@given(st.uuids(), prefixes, prefixes)
def test_an_id_of_another_kind_is_not_an_id_of_this_kind(value: UUID, mine: str, other: str) -> None:
    assert mine == other or to_uuid(from_uuid(value, other), mine) is None


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    found = to_uuid(text, "pay")
    assert found is None or from_uuid(found, "pay") == text


def test_only_the_one_spelling_is_an_id() -> None:
    public = new_id("pay")
    tail = public.removeprefix("pay_")
    for other in (
        public.upper(),
        public + "0",
        public[:-1],
        f"pay_{tail.upper()}",
        f" {public}",
        f"{public}\n",
        tail,
        "pay_",
    ):
        assert to_uuid(other, "pay") is None, other
    assert to_uuid("pay_" + "8" + "0" * 25, "pay") is None, "beyond 128 bits"


def test_new_ids_are_unique_and_sort_by_time() -> None:
    made = [new_id("pay") for _ in range(2000)]
    assert len(set(made)) == len(made)
    assert made == sorted(made)
    inside = to_uuid(made[-1], "pay")
    assert inside is not None
    assert inside.version == 7
    assert abs((inside.int >> 80) / 1000 - time.time()) < 60


@pytest.mark.parametrize("prefix", ["pay", "org", "usr", "key", "att"])
def test_an_id_names_its_kind(prefix: str) -> None:
    assert new_id(prefix).partition("_")[0] == prefix


@given(st.uuids(), st.sampled_from(["pay", "cus", "a_b"]))
def test_ids_are_those_of_the_typeid_library(inside: UUID, prefix: str) -> None:
    theirs = str(TypeID.from_uuid(uuid_utils.UUID(int=inside.int), prefix=prefix))
    assert from_uuid(inside, prefix) == theirs
    assert to_uuid(theirs, prefix) == inside


@given(st.text("0178abcdefghjkmnpqrstvwxyzilouABZ_-²\n", min_size=26, max_size=26))
def test_what_the_typeid_library_refuses_is_no_id(suffix: str) -> None:
    try:
        expected = UUID(str(TypeID.from_string(f"pay_{suffix}").uuid))
    except (TypeIDException, ValueError):
        expected = None
    assert to_uuid(f"pay_{suffix}", "pay") == expected
