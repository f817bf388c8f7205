"""Money: exact to the cent at the edge, whatever a JSON parser makes of it."""

import re
from decimal import Context, Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.money import MAX_CENTS, cents_text, json_cents, parse_cents, parse_positive_cents


@given(st.integers(0, MAX_CENTS))
def test_every_amount_survives_the_way_out_and_back_in(cents: int) -> None:
    assert parse_cents(orjson.loads(cents_text(cents))) == cents


@given(st.integers(0, MAX_CENTS))
def test_every_way_of_writing_an_amount_means_the_same(cents: int) -> None:
    decimal = Decimal(cents) / 100
    for text in {f"{decimal:.2f}", f"{decimal:f}", f"{decimal.normalize():E}", f"{decimal:.2f}000"}:
        assert parse_cents(orjson.loads(text)) == cents


@given(st.integers(-(2**62), 2**62))
def test_an_amount_is_written_as_a_json_number_with_two_decimals(cents: int) -> None:
    text = cents_text(cents)
    assert Decimal(text) * 100 == cents
    assert len(text.partition(".")[2]) == 2
    assert orjson.dumps(json_cents(cents)) == text.encode()


@given(st.decimals(0, 1_000_000, allow_nan=False, places=3).filter(lambda d: d * 100 != int(d * 100)))
def test_a_third_decimal_is_refused(amount: Decimal) -> None:
    with pytest.raises(ValueError, match="two decimals"):
        parse_cents(orjson.loads(f"{amount:f}"))


@given(st.floats() | st.integers())
def test_an_amount_is_what_its_first_fifteen_digits_say_to_the_cent_or_it_is_none(value: float) -> None:
    decimal = Context(prec=15).create_decimal(repr(value))
    if decimal.is_finite() and 0 <= decimal <= 1_000_000 and decimal * 100 == int(decimal * 100):
        assert parse_cents(value) == decimal * 100
    else:
        with pytest.raises(ValueError, match="must"):
            parse_cents(value)


@given(st.integers(0, MAX_CENTS), st.integers(2, 7), st.sampled_from([0.1, 0.2, 0.3, 0.7, 1.1]))
def test_an_amount_that_another_program_reckoned_with_floats_is_the_amount_that_it_meant(
    cents: int, parts: int, other: float
) -> None:
    meant = cents / 100
    for reckoned in (meant / parts * parts, meant + other - other, meant * 10 / 10):
        if reckoned >= 0 and abs(reckoned - meant) < meant * 4e-16:
            assert parse_cents(reckoned) == cents


@given(st.integers(0, MAX_CENTS), st.integers(0, 3))
def test_an_amount_may_be_written_as_a_text(cents: int, zeros: int) -> None:
    decimal = Decimal(cents) / 100
    for text in {
        f"{decimal:f}",
        f"{decimal:.2f}",
        f"{decimal:.2f}{'0' * zeros}",
        f"{'0' * zeros}{decimal:.2f}",
    }:
        assert parse_cents(text) == cents


@given(st.text(alphabet="0123456789.,-+eE _\u0660٣", max_size=8))
def test_a_text_that_is_no_plain_decimal_is_no_amount(text: str) -> None:
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text, re.ASCII) is None:
        with pytest.raises(ValueError, match="must be a number"):
            parse_cents(text)


@pytest.mark.parametrize(
    "wrong",
    [
        True,
        False,
        "",
        "ten",
        "1,5",
        "-1",
        None,
        [],
        {},
        -1,
        -0.01,
        1_000_000.01,
        10**15,
        1e300,
        float("inf"),
        float("nan"),
    ],
)
def test_what_is_no_amount_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_cents(wrong)


@pytest.mark.parametrize("nothing", [0, 0.0, -0.0])
def test_nothing_is_an_amount_but_not_a_positive_one(nothing: float) -> None:
    assert parse_cents(nothing) == 0
    with pytest.raises(ValueError, match="more than 0"):
        parse_positive_cents(nothing)
