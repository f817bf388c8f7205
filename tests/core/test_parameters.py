"""The edges of a request: parameters by name, JSON by its depth, texts by what one sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.money import MAX_CENTS, parse_positive_cents
from api.core.strict_json import NotJson, parse_json
from api.core.text import require_visible
from backbone.contract.errors import Violation
from backbone.contract.parameters import MAX_NAMED, refuse_unknown_parameters

NAMES = st.sampled_from(["after", "limit", "types", "wait", "colour", "größe"])


@given(st.lists(st.tuples(NAMES, st.text(max_size=3)), max_size=6), st.sets(NAMES, max_size=4))
def test_a_query_is_understood_or_every_parameter_that_is_not_is_named_once(
    given_: list[tuple[str, str]], known: set[str]
) -> None:
    names = [name for name, _ in given_]
    wrong = {name for name in names if name not in known or names.count(name) > 1}
    if not wrong:
        refuse_unknown_parameters(given_, known)
        return
    with pytest.raises(Violation) as caught:
        refuse_unknown_parameters(given_, known)
    assert sorted(error.loc for error in caught.value.errors) == sorted(wrong)
    assert all(("twice" in error.msg) == (error.loc in known) for error in caught.value.errors)


@given(st.integers(0, 3 * MAX_NAMED))
def test_of_very_many_unknown_parameters_some_are_named(many: int) -> None:
    try:
        refuse_unknown_parameters([(f"x{number}" * 60, "") for number in range(many)], ())
    except Violation as exc:
        assert len(exc.errors) == min(many, MAX_NAMED)
        assert all(len(error.loc) <= 100 for error in exc.errors)
    else:
        assert many == 0


@given(st.integers(1, MAX_CENTS))
def test_more_than_nothing_is_a_positive_amount(cents: int) -> None:
    assert parse_positive_cents(cents / 100) == cents


@pytest.mark.parametrize("depth", [1, 200, 254, 255, 300, 700, 5000])
def test_however_deep_a_body_nests_it_is_read_whole_or_refused(depth: int) -> None:
    raw = b"[" * depth + b"]" * depth
    try:
        value, errors = parse_json(raw)
    except NotJson:
        assert depth > 700
        return
    assert not errors
    for _ in range(depth - 1):
        (value,) = value
    assert value == []


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b'{"a":[1e999]}'])
def test_a_number_that_is_none_in_double_precision_is_refused(number: bytes) -> None:
    with pytest.raises(NotJson):
        parse_json(number)


@pytest.mark.parametrize("newer", ["\u0378", "\U0001fbff"])
def test_a_symbol_that_this_python_does_not_know_yet_is_taken_for_a_visible_one(newer: str) -> None:
    assert require_visible(newer) == newer


@pytest.mark.parametrize("reserved", ["\u2065", "\ufff0", "\U000e0000", "\U000e0fff", "\ufdd0"])
def test_a_place_that_unicode_keeps_for_invisible_ones_is_not(reserved: str) -> None:
    with pytest.raises(ValueError, match="visible"):
        require_visible(reserved)
