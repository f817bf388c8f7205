"""Phone numbers: however one is written it is one number, and no text is half of one."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.core.orders import NewOrder, number_of, phone_members
from api.core.phones import NoNumber, is_country, names_of, number_at_home, read_phone

LONDON = "+447700900123"
COUNTRIES = st.sampled_from([None, "GB", "DE", "US", "IT", "ES", "AR", "JP", "KZ"])
INVISIBLE = st.sampled_from(
    ["", "\u202a", "\u202c", "\u2068", "\u2069", "\u200b", "\ufeff", "\u00ad", "\ufe0f"]
)
SPACES = st.sampled_from(["", " ", "\u00a0", "\u202f", "\u3000", "-", "\u2011", "\u2013", ".", "/", "\t"])
ZEROS = [0x30, 0x660, 0x6F0, 0x966, 0xFF10, 0x1D7CE]


@st.composite
def written(draw: st.DrawFn, digits: str, before: list[str]) -> str:
    """The digits as somebody may write them behind one of the words."""
    zero = draw(st.sampled_from(ZEROS))
    parts = [draw(INVISIBLE), draw(st.sampled_from(before)), draw(INVISIBLE)]
    for digit in digits:
        parts += [chr(zero + int(digit)), draw(INVISIBLE if draw(st.booleans()) else SPACES)]
    return "".join(parts)[:64]


# The first number that is read loads the tables.
@settings(deadline=None)
@given(written("447700900123", ["+", "00", "tel:+", "TEL: +", "\uff0b"]), COUNTRIES)
def test_a_number_of_the_world_is_one_number_however_it_is_written(text: str, country: str | None) -> None:
    number = read_phone(text, country)
    assert (number.text, number.digits, number.depends) == (LONDON, LONDON[1:], False)


# The first number that is read loads the tables.
@settings(deadline=None)
@given(written("07700900123", ["", "tel:"]))
def test_a_national_number_is_its_countrys_or_its_digits(text: str) -> None:
    assert read_phone(text, "GB").text == LONDON
    assert read_phone(text, None).text == "07700900123"
    assert read_phone(text, "GB").depends


@pytest.mark.parametrize(
    ("text", "country", "read"),
    [
        ("+44 (0)7700 900123", None, LONDON),
        ("+44(0) 7700 900123", "US", LONDON),
        ("0044 (0) 7700 900123", None, LONDON),
        ("+44 07700 900123", None, LONDON),
        ("447700900123", "GB", LONDON),
        ("(+44) 7700-900123", None, LONDON),
        # Its own numbers begin with that zero.
        ("+39 (0)6 12345678", None, "+390612345678"),
        ("06 12345678", "IT", "+390612345678"),
        ("+34 (0)612345678", None, "+34612345678"),
        ("+54 11 15 2345-6789", None, "+5491123456789"),
        ("011 44 7700 900123", "US", LONDON),
        ("+1 (555) 123-4567", None, "+15551234567"),
        ("15551234567", None, "15551234567"),
        ("0049 170 1234567", None, "+491701234567"),
        ("+49.170/1234567", None, "+491701234567"),
        ("(030) 1234", None, "0301234"),
        # Not long enough for the country's own, so nobody knows whose it is.
        (" 110 ", "DE", "110"),
        ("5551234", "US", "5551234"),
        ("491701234567", "GB", "491701234567"),
        # Of no country that there is, and taken as ever.
        ("+999123456", None, "+999123456"),
        ("+491", None, "+491"),
    ],
)
def test_what_somebody_writes_is_read(text: str, country: str | None, read: str) -> None:
    assert read_phone(text, country).text == read


@pytest.mark.parametrize(
    "wrong",
    ["", " ", "12", "1" * 16, "+" + "1" * 16, "abc", "555-CALL", "1+555", "++1555123", "555 x12", "-", "()", "\u202a",
     "tel:", "+0301234", "00", "0001", "1" + " " * 64, "½½½", "²³¹", "555\u00e9123"],
)  # fmt: skip
@pytest.mark.parametrize("country", [None, "GB"])
def test_what_is_no_phone_number_is_refused(wrong: str, country: str | None) -> None:
    with pytest.raises(NoNumber, match="phone number"):
        read_phone(wrong, country)


TEXTS = st.text(max_size=70) | st.text("0123456789+ ()-", max_size=24)


# The first number that is read loads the tables.
@settings(deadline=None)
@given(TEXTS, COUNTRIES)
def test_any_text_is_a_number_or_refused_and_a_number_is_read_as_itself(
    text: str, country: str | None
) -> None:
    try:
        number = read_phone(text, country)
    except NoNumber:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{2,14}|[0-9]{3,15}", number.text)
    assert read_phone(number.text, country).text == number.text
    assert names_of(text, country)[0] == number.digits
    if not number.depends:
        assert number.text[0] == "+"
        assert read_phone(text, "GB") == read_phone(text, None)


def test_a_number_is_found_by_what_it_was_kept_under_before_its_shop_had_a_country() -> None:
    assert set(names_of("+44 (0)7700 900123", "GB")) == {
        "447700900123", "07700900123", "7700900123", "4407700900123"
    }  # fmt: skip
    assert names_of("+49 170 1234567", "GB") == ("491701234567",)
    assert names_of("07700 900123", None) == ("07700900123",)


@pytest.mark.parametrize(
    ("digits", "number", "country", "moves"),
    [
        ("07700900123", "07700900123", "GB", LONDON),
        ("07700900123", None, "GB", LONDON),
        ("7700900123", "7700900123", "GB", LONDON),
        ("2125551234", None, "US", "+12125551234"),
        # Somebody wrote a plus, or may have.
        ("491701234567", "+491701234567", "GB", None),
        ("491701234567", None, "GB", None),
        ("15551234567", None, "DE", None),
        ("110", "110", "DE", None),
        ("erased-1", None, "DE", None),
    ],
)
def test_an_account_moves_home_where_its_digits_are_national(
    digits: str, number: str | None, country: str, moves: str | None
) -> None:
    assert number_at_home(digits, number, country) == moves


def test_countries_are_those_that_have_numbers() -> None:
    assert is_country("GB")
    assert not is_country("gb")
    assert not is_country("XX")


@given(TEXTS | st.none(), COUNTRIES)
def test_an_order_says_the_number_or_warns_of_what_is_none(phone: str | None, country: str | None) -> None:
    number = number_of(phone, country)
    order = NewOrder("online", "pickup", "Ada", phone, None, (), None, number=number)
    said = phone_members(order)
    if phone is None:
        assert said == {"customerPhoneNumber": None}
    elif number is None:
        assert [warning["loc"] for warning in said["warnings"]] == ["customerPhone"]
    else:
        assert said == {"customerPhoneNumber": read_phone(phone, country).text}
