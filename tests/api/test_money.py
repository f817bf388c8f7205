"""Money: exact to the cent at the edge, whatever a JSON parser makes of it."""

from decimal import Decimal

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
def test_an_amount_is_what_its_shortest_text_says_to_the_cent_or_it_is_none(value: float) -> None:
    decimal = Decimal(repr(value))
    if decimal.is_finite() and 0 <= decimal <= 1_000_000 and decimal * 100 == int(decimal * 100):
        assert parse_cents(value) == decimal * 100
    else:
        with pytest.raises(ValueError, match="must"):
            parse_cents(value)


@pytest.mark.parametrize(
    "wrong",
    [True, False, "10", None, [], {}, -1, -0.01, 1_000_000.01, 10**15, 1e300, float("inf"), float("nan")],
)
def test_what_is_no_amount_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_cents(wrong)


@pytest.mark.parametrize("nothing", [0, 0.0, -0.0])
def test_nothing_is_an_amount_but_not_a_positive_one(nothing: float) -> None:
    assert parse_cents(nothing) == 0
    with pytest.raises(ValueError, match="more than 0"):
        parse_positive_cents(nothing)
