"""Gift card numbers: derived, typed by hand, masked."""

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from api.core.gift_cards import (
    NUMBER_SYMBOLS,
    SALT_BYTES,
    derive_number,
    is_tagged,
    last_four,
    make_salt,
    mask_number,
    normalise_number,
    number_hmac,
    secret_of_salt,
)

SECRET = b"s" * 32
ALPHABET = set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def number_of(salt: bytes) -> str:
    number = derive_number(SECRET, salt)
    assume(number is not None)
    assert number is not None
    return number


@given(st.binary(min_size=1, max_size=32))
def test_a_number_is_what_a_till_can_type_and_always_the_same_for_its_salt(salt: bytes) -> None:
    number = number_of(salt)
    assert len(number) == NUMBER_SYMBOLS
    assert set(number) <= ALPHABET
    assert derive_number(SECRET, salt) == number
    assert derive_number(b"another" * 8, salt) != number


@given(st.binary(min_size=1), st.integers(0, 2**32))
def test_however_a_number_is_typed_it_is_the_same_number(salt: bytes, seed: int) -> None:
    number = number_of(salt)
    dice = random.Random(seed)
    typed = ""
    for symbol in number:
        typed += dice.choice({"0": "0oO", "1": "1iIlL"}.get(symbol, symbol + symbol.lower()))
        typed += dice.choice(["", "", "-", " "])
    assert normalise_number(typed) == number


@given(st.binary(min_size=1), st.integers(0, NUMBER_SYMBOLS - 1), st.sampled_from(sorted(ALPHABET)))
def test_one_symbol_mistyped_is_noticed(salt: bytes, index: int, symbol: str) -> None:
    number = number_of(salt)
    assume(number[index] != symbol)
    assert normalise_number(number[:index] + symbol + number[index + 1 :]) is None


@given(st.binary(min_size=1), st.integers(0, NUMBER_SYMBOLS - 2))
def test_two_neighbours_swapped_are_noticed(salt: bytes, index: int) -> None:
    number = number_of(salt)
    assume(number[index] != number[index + 1])
    swapped = number[:index] + number[index + 1] + number[index] + number[index + 2 :]
    assert normalise_number(swapped) is None


@given(st.text(max_size=100))
def test_anything_else_is_no_number_and_no_crash(typed: str) -> None:
    number = normalise_number(typed)
    assert number is None or set(number) <= ALPHABET


@pytest.mark.parametrize("typed", ["", "-", "7K3P", "U" * 17, "0" * 16 + "*", "0" * 18, "0" * 10_000])
def test_what_cannot_be_a_number_is_none(typed: str) -> None:
    assert normalise_number(typed) is None


@given(st.binary(min_size=1))
def test_a_masked_number_shows_its_last_four_and_nothing_else(salt: bytes) -> None:
    number = number_of(salt)
    assert mask_number(number) == "*" * 13 + last_four(number)
    assert number.endswith(last_four(number))


@given(st.binary(min_size=1))
def test_a_card_is_found_by_a_hash_that_needs_the_secret(salt: bytes) -> None:
    number = number_of(salt)
    assert len(number_hmac(SECRET, number)) == 32
    assert number_hmac(SECRET, number) != number_hmac(b"t" * 32, number)


@given(st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES), st.integers(0, 3))
def test_a_salt_says_under_which_secret_it_is_and_to_no_other(entropy: bytes, index: int) -> None:
    ring = [bytes([number]) * 32 for number in range(4)]
    salt = make_salt(ring[index], entropy)
    assert is_tagged(salt)
    assert secret_of_salt(salt, ring) == ring[index]
    assert secret_of_salt(salt, ring[:index] + ring[index + 1 :]) is None
    # One of before says nothing, and is nobody's by chance.
    assert not is_tagged(entropy.hex())
    assert secret_of_salt(entropy.hex(), ring) is None


@given(st.binary(max_size=40).filter(lambda entropy: len(entropy) != SALT_BYTES))
def test_a_salt_is_made_of_sixteen_bytes_or_not_at_all(entropy: bytes) -> None:
    with pytest.raises(ValueError, match="16 random bytes"):
        make_salt(SECRET, entropy)
