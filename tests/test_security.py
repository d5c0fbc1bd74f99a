"""Secrets: hashed, sealed, compared; and card numbers, recognized to be refused."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast import security
from ballast.security import (
    Keyring,
    hash_password,
    hash_token,
    looks_like_card_number,
    new_api_key,
    new_webhook_secret,
    same,
    verify_password,
    webhook_key,
)

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


# --- Keyring -----------------------------------------------------------------------------------------------------------------


@given(st.text(), st.text())
def test_what_is_sealed_opens_for_its_own_context(plain: str, context: str) -> None:
    ring = Keyring(OLD)
    context = context.encode(errors="ignore").decode()
    plain = plain.encode(errors="ignore").decode()
    assert ring.decrypt(ring.encrypt(plain, context), context) == plain


def test_a_rotated_ring_opens_old_seals_and_closes_new_ones_with_the_new_key() -> None:
    sealed = Keyring(f"1:{OLD}").encrypt("secret", "row")
    rotated = Keyring(f"2:{NEW}, 1:{OLD}")
    assert rotated.decrypt(sealed, "row") == "secret"
    fresh = rotated.encrypt("secret", "row")
    assert Keyring(f"2:{NEW}").decrypt(fresh, "row") == "secret"
    with pytest.raises(ValueError, match="not in ENCRYPTION_KEY"):
        Keyring(f"1:{OLD}").decrypt(fresh, "row")


def test_a_key_without_a_name_is_key_1() -> None:
    assert Keyring(f"1:{OLD}").decrypt(Keyring(OLD).encrypt("secret", "row"), "row") == "secret"


def test_a_seal_does_not_open_for_another_row() -> None:
    sealed = Keyring(OLD).encrypt("secret", "processor_account:pac_1")
    with pytest.raises(ValueError, match="another row"):
        Keyring(OLD).decrypt(sealed, "processor_account:pac_2")


def test_a_seal_with_any_byte_changed_does_not_open() -> None:
    ring = Keyring(OLD)
    sealed = ring.encrypt("secret", "row")
    for index in range(len(sealed)):
        altered = sealed[:index] + bytes([sealed[index] ^ 1]) + sealed[index + 1 :]
        with pytest.raises(ValueError, match="secret was"):
            ring.decrypt(altered, "row")


@pytest.mark.parametrize("cut", range(30))
def test_a_truncated_seal_is_refused_as_a_value_error(cut: int) -> None:
    ring = Keyring(OLD)
    with pytest.raises(ValueError, match=r".+"):
        ring.decrypt(ring.encrypt("", "row")[:cut], "row")


def test_the_same_secret_is_never_sealed_the_same_way_twice() -> None:
    ring = Keyring(OLD)
    assert len({ring.encrypt("secret", "row") for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "spec", ["", " , ", "short", "1:", "1:AAAA", f"1:{OLD},2:AAAA", "1:" + "A" * 43, "ä", f"1:{OLD}!"]
)
def test_malformed_keys_are_refused(spec: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Keyring(spec)


# --- Passwords and keys ------------------------------------------------------------------------------------------------------


def test_a_password_fits_its_own_hash_and_no_other_does() -> None:
    stored = hash_password("correct horse")
    assert verify_password(stored, "correct horse")
    assert not verify_password(stored, "Correct horse")
    assert not verify_password(stored, "")
    assert stored != hash_password("correct horse")
    assert stored.startswith("$argon2id$")


@pytest.mark.parametrize("stored", [None, "", "plain", "$argon2id$v=19$nonsense"])
def test_without_a_usable_hash_nothing_fits(stored: str | None) -> None:
    assert not verify_password(stored, "")
    assert not verify_password(stored, "anything")


def test_an_unknown_user_costs_the_same_work_as_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    hasher = type("Hasher", (), {"verify": lambda _self, stored, _password: asked.append(stored) or True})()
    monkeypatch.setattr(security, "_passwords", hasher)
    assert not verify_password(None, "guess")
    assert asked == [security._decoy]
    assert security._decoy.split("$")[1:4] == hash_password_parameters()


def hash_password_parameters() -> list[str]:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash("x").split("$")[1:4]


def test_an_api_key_says_its_mode_and_is_kept_as_a_hash_of_32_bytes() -> None:
    live, test = new_api_key("live"), new_api_key("sandbox")
    assert live.startswith("bl_live_")
    assert test.startswith("bl_test_")
    assert len(live) >= 8 + 43
    assert len(hash_token(live)) == 32
    assert hash_token(live) != hash_token(test)
    assert hash_token(live) == hash_token(live)


def test_a_webhook_secret_holds_32_bytes() -> None:
    assert len(webhook_key(new_webhook_secret())) == 32


def test_equality_takes_text_and_bytes() -> None:
    assert same("ä", "ä".encode())
    assert not same("a", "b")
    assert not same("a", "aa")


# --- Card numbers ------------------------------------------------------------------------------------------------------------

SCHEMES = {
    "visa": ("4", 16),
    "visa, long": ("4", 19),
    "mastercard": ("54", 16),
    "mastercard, new": ("2221", 16),
    "amex": ("37", 15),
    "discover": ("6011", 16),
    "jcb": ("3528", 16),
    "diners": ("36", 14),
    "unionpay": ("62", 19),
}
SEPARATORS = ("", " ", "-", "  ", " - ", ".", "\u00a0", "\u2009", "\u2013", "\u200b", "\n", "\t")


def check_digit(digits: str) -> str:
    total = 0
    for index, char in enumerate(reversed(digits)):
        value = int(char) * (1 if index % 2 else 2)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    prefix, length = draw(st.sampled_from(sorted(SCHEMES.values())))
    size = length - len(prefix) - 1
    body = prefix + draw(st.text("0123456789", min_size=size, max_size=size))
    return body + check_digit(body)


@given(card_numbers(), st.sampled_from(SEPARATORS))
def test_a_card_number_is_found_in_one_piece_and_in_groups(number: str, separator: str) -> None:
    groups = [number[index : index + 4] for index in range(0, len(number), 4)]
    assert looks_like_card_number(number)
    assert looks_like_card_number(separator.join(groups))
    assert looks_like_card_number(separator.join(number))


@given(card_numbers(), st.sampled_from(SEPARATORS), st.sampled_from(["card:", "my card is ", "#", "(", "x", "€"]))
def test_a_card_number_is_found_within_a_sentence(number: str, separator: str, before: str) -> None:
    grouped = separator.join([number[:4], number[4:8], number[8:12], number[12:]])
    assert looks_like_card_number(f"{before}{grouped}, thanks")
    assert looks_like_card_number(f"{before}{number}/12")


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242 12 26",
        "4242 4242 4242 4242 12/26 123",
        "4242424242424242 1226 123",
        "Order 1042 4242 4242 4242 4242",
        "12 4242-4242-4242-4242",
        "3782 822463 10005 1234",
        "４２４２４２４２４２４２４２４２",
        "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
        "4\u200b2\u200b4\u200b2424242424242",
    ],
)
def test_a_card_number_is_found_beside_its_expiry_and_in_other_scripts(text: str) -> None:
    assert looks_like_card_number(text)


@given(card_numbers(), st.integers(1, 9))
def test_a_number_with_one_wrong_digit_is_not_a_card_number(number: str, off: int) -> None:
    wrong = number[:-1] + str((int(number[-1]) + off) % 10)
    assert not looks_like_card_number(wrong)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "1042", "4242", "4242 4242 4242", "+1 415 555 2671", "+49 (0)30 901820", "192.168.100.200"),
        *("2026-11-21 12:30:45", "2026-11-21T12:30:45.123456Z", "0000000000000000", "12345678901234567890123456789"),
        *("8a7f3c1e-2b64-4f0a-9d51-6e0c7f4b2a90", "pay_01jd8h2m4s6v8x0z2b4d6f8h0k", "GB29 NWBK 6016 1331 9268 19"),
    ],
)
def test_what_is_not_a_card_number_passes(text: str) -> None:
    assert not looks_like_card_number(text)


def test_timestamps_are_never_taken_for_card_numbers() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for step in range(5000):
        moment = start + timedelta(minutes=997 * step, microseconds=step * 7919)
        for text in (
            f"{moment:%Y%m%d%H%M%S}",
            f"{moment:%Y%m%d%H%M%S%f}",
            f"{moment:%Y-%m-%d %H-%M-%S}",
            str(int(moment.timestamp() * 1000)),
            str(int(moment.timestamp() * 1_000_000)),
        ):
            assert not looks_like_card_number(text), text


def test_order_numbers_are_rarely_taken_for_card_numbers() -> None:
    """Luhn alone would take one in ten of those that begin like a card; of all of them it is fewer than one in twenty."""
    numbers = [str(10**13 + 7_919_993_771 * step) for step in range(1, 11_000)]
    assert sum(map(looks_like_card_number, numbers)) / len(numbers) < 0.05


def test_looking_through_a_large_text_is_quick() -> None:
    import time

    for text in ("4" * 65_536, "4 " * 32_768, "424 " * 16_384, "-" * 65_536, "4242 4242 4242 4243 " * 3_000):
        began = time.perf_counter()
        looks_like_card_number(text)
        assert time.perf_counter() - began < 1
