"""A body is read whole or refused by name: nothing in it is dropped, rounded or split."""

import json
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.strict_json import BOM, MAX_INTEGER, NotJson, parse_json

TEXTS = st.text(max_size=12)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS.filter(lambda text: "\0" not in text),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXTS.filter(lambda text: "\0" not in text), inner, max_size=4)
    ),
    max_leaves=12,
)
SPACES = st.sampled_from(["", " ", "\n", "\t ", "\r\n"])


def spelled(value: Any, space: str, ascii_only: bool) -> bytes:
    return json.dumps(
        value, ensure_ascii=ascii_only, separators=(f"{space},{space}", f"{space}:{space}")
    ).encode()


@given(VALUES, SPACES, st.booleans(), st.booleans())
def test_however_a_value_is_spelled_it_is_read_as_it_is(
    value: Any, space: str, ascii_only: bool, marked: bool
) -> None:
    raw = spelled(value, space, ascii_only)
    read, errors = parse_json(BOM + raw if marked else raw)
    assert errors == []
    assert orjson.dumps(read) == orjson.dumps(value)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), SPACES, st.booleans(), st.data())
def test_a_doubled_member_is_found_wherever_it_stands_and_however_it_is_spelled(
    members: dict[str, Any], space: str, ascii_only: bool, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(members)))
    whole = spelled(members, space, ascii_only).decode()
    again = "".join(f"\\u{ord(unit):04x}" for unit in name) if name.isascii() else json.dumps(name)[1:-1]
    doubled = f'{whole[:-1]},"{again}":0}}'
    for wrapped in (doubled, f"[{doubled}]", f'{{"outer":[1,{doubled}]}}'):
        with pytest.raises(NotJson, match="twice"):
            parse_json(wrapped.encode())


@given(st.integers(min_value=MAX_INTEGER + 1) | st.integers(max_value=-MAX_INTEGER - 1))
def test_a_whole_number_that_clients_would_round_is_named(number: int) -> None:
    _, errors = parse_json(b'{"a":[0,{"b":%d}]}' % number)
    assert [error.loc for error in errors] == ["a.1.b"]


@given(TEXTS, st.integers(0xD800, 0xDFFF), st.text(alphabet="xyz", max_size=3))
def test_half_a_character_is_named_with_its_place(before: str, half: int, after: str) -> None:
    text = f"{json.dumps(before)[1:-1]}\\u{half:04X}{after}"
    _, errors = parse_json(f'{{"items":[{{"name":"{text}"}}]}}'.encode())
    assert [error.loc for error in errors] == ["items.0.name"]
    _, errors = parse_json(f'{{"items":[{{"{text}":1}}]}}'.encode())
    assert [error.loc for error in errors] == ["items.0"]


def test_a_whole_character_in_two_escapes_is_a_character() -> None:
    assert parse_json(b'{"a":"\\ud83c\\udf55"}') == ({"a": "\U0001f355"}, [])


def test_a_nul_is_named_in_a_text_and_in_a_name() -> None:
    assert [error.loc for error in parse_json(b'{"a":{"b":"x\\u0000"}}')[1]] == ["a.b"]
    assert [error.loc for error in parse_json(b'{"a":{"\\u0000":1}}')[1]] == ["a"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        BOM,
        BOM + BOM + b"{}",
        b"{",
        b"nope",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"\xff",
        b"[" * 5000,
        b'{"a":1}x',
    ],
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(NotJson):
        parse_json(raw)


def test_digits_that_are_no_number_are_nobodys_business() -> None:
    raw = b'{"a":"12345678901234567890","b":0.12345678901234567}'
    assert parse_json(raw) == ({"a": "12345678901234567890", "b": 0.12345678901234567}, [])


def test_looking_for_a_wrong_place_takes_no_more_memory_than_a_few_bodies() -> None:
    name = "\U0001f355" * 90
    deep = "".join(f'{{"{name}":' for _ in range(60)) + "[" + "0," * 15_000 + "99999999999999999]" + "}" * 60
    raw = deep.encode()
    tracemalloc.start()
    try:
        _, errors = parse_json(raw)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(errors) == 1
    assert len(errors[0].loc) <= 201
    assert peak < 100 * len(raw)


def test_no_more_places_are_named_than_one_reads() -> None:
    _, errors = parse_json(b"[" + b",".join([b"99999999999999999"] * 5000) + b"]")
    assert len(errors) == 50
