"""The meaning of an endpoint's answer, and what of it is shown."""

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.delivery import EXCERPT_BYTES, Attempt, Outcome, excerpt, outcome_of, refused_for_good


@given(st.integers(100, 599))
def test_a_4xx_is_a_refusal_unless_it_asks_for_patience(status: int) -> None:
    refused = 400 <= status <= 499 and status not in (408, 409, 425, 429)
    assert refused_for_good(Attempt(outcome_of(status), status=status)) is refused


@given(st.sampled_from(Outcome))
def test_nothing_answered_refuses_nothing(outcome: Outcome) -> None:
    assert not refused_for_good(Attempt(outcome))


ANSWERS = st.one_of(
    st.binary(max_size=400),
    st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from(["ü", "€", "🍕", "a", "\r\n", "\x1b[31m", "\x00", "\u202e"]), max_size=200)
    .map("".join)
    .map(str.encode),
)


@given(ANSWERS)
def test_what_is_shown_of_an_answer_is_short_and_safe_whatever_it_was(raw: bytes) -> None:
    shown = excerpt(raw)
    assert len(shown.encode()) <= EXCERPT_BYTES
    assert not [one for one in shown if category(one) in ("Cc", "Cf", "Zl", "Zp", "Cs") and one not in "\t\n"]


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")), max_size=300))
def test_a_text_is_shown_as_it_is_up_to_a_whole_character(text: str) -> None:
    shown = excerpt(text.encode())
    assert text.startswith(shown)
    if shown != text:
        assert EXCERPT_BYTES - 4 < len(shown.encode()) <= EXCERPT_BYTES


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"", ""),
        (b'{"error":"no such item"}\r\n', '{"error":"no such item"}\n'),
        (b"\xff\xfeok", "��ok"),
        (b"half \xe2\x82", "half �"),
        (b"x" * 199 + b"\xe2\x82\xac", "x" * 199),
    ],
)
def test_examples_of_what_is_shown(raw: bytes, shown: str) -> None:
    assert excerpt(raw) == shown
