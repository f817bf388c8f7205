"""Read a JSON object so that nothing in it is passed over: doubled members, lone surrogates, numbers too big. Pure.

orjson is quick and forgiving: of two members of one name it keeps the last, and an integer of more than 64 bits
becomes a float. So a body that could hide something of the kind is read a second time, slowly, and the slow reading
names the place. Nearly every body is read once.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson

from backbone.contract.errors import FieldError

MAX_INTEGER = 2**53
"""The greatest whole number that every client's JSON reader keeps exactly."""
MAX_ERRORS = 50
MAX_LOC_CHARACTERS = 200
BOM = b"\xef\xbb\xbf"

# NUL, and the colon, whose count tells of a doubled member.
_TELLING_ESCAPE = re.compile(rb"\\u00(?:00|3[aA])")
# Sixteen digits in a row are found quickest once every digit is the same one.
_SAME_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 16
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotJson(ValueError):
    """The bytes are not JSON, or JSON with a doubled member; the text says which and where."""


@dataclass(frozen=True, slots=True)
class _TooBig:
    """An integer beyond `MAX_INTEGER`, kept apart until its place is known."""


_TOO_BIG = _TooBig()
_Place = tuple[Any, str | int]
"""The place around this one (None outside), and the name or index of this one there."""


def parse_json(raw: bytes) -> tuple[Any, list[FieldError]]:
    """Return the value, and every place in it that we cannot keep: then the value is not to be used.

    A byte order mark is passed over. `loc` of an error is a dotted path.

    Raises:
        NotJson: it is no JSON, or an object has a member twice.

    >>> parse_json(b'{"a":1}')
    ({'a': 1}, [])
    """
    raw = raw.removeprefix(BOM)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        # A lone surrogate is JSON by its grammar; orjson refuses it without naming the place.
        errors = _read_slowly(raw, exc.msg)
        if not errors:
            raise NotJson(exc.msg) from None
        return None, errors
    if _may_hide_something(raw, value):
        return value, _read_slowly(raw, "it cannot be read twice the same")
    return value, []


def _may_hide_something(raw: bytes, value: Any) -> bool:
    if b"\\u" in raw and _TELLING_ESCAPE.search(raw) is not None:
        return True
    if _LONG_NUMBER in raw.translate(_SAME_DIGIT):
        return True
    try:
        # Each member has a colon, and strings keep theirs: one colon less tells of a member that was dropped.
        return raw.count(b":") != orjson.dumps(value).count(b":")
    except orjson.JSONEncodeError:
        # orjson writes less deep than it reads.
        return True


def _read_slowly(raw: bytes, why: str) -> list[FieldError]:
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_members, parse_int=_integer, parse_constant=_constant
        )
    except NotJson:
        raise
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise NotJson("it is not UTF-8") from None
    except ValueError:
        raise NotJson(why) from None
    return _wrong_places(value)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise NotJson(f"the member {printable(name)} is there twice")
        found[name] = value
    return found


def _integer(text: str) -> Any:
    # Python itself refuses to read thousands of digits.
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        return _TOO_BIG
    return int(text)


def _constant(name: str) -> Any:
    raise NotJson(f"{name} is not JSON")


def _wrong_places(value: Any) -> list[FieldError]:
    errors: list[FieldError] = []
    # A stack of our own: a body may nest deeper than Python's. A place is a link to the one around it, and becomes a
    # text only where something is wrong: a path for each element would take more memory than the body.
    waiting: list[tuple[_Place | None, Any]] = [(None, value)]
    while waiting and len(errors) < MAX_ERRORS:
        place, value = waiting.pop()
        match value:
            case _TooBig():
                errors.append(FieldError(_loc(place), f"must not be beyond {MAX_INTEGER}"))
            case str():
                complaint = _complaint(value)
                if complaint is not None:
                    errors.append(FieldError(_loc(place), complaint))
            case dict():
                complaint = next(filter(None, map(_complaint, value)), None)
                if complaint is None:
                    waiting.extend(((place, name), member) for name, member in value.items())
                else:
                    errors.append(FieldError(_loc(place), f"{complaint} in names"))
            case list():
                waiting.extend(((place, index), member) for index, member in enumerate(value))
            case _:
                pass
    return errors


def _loc(place: "_Place | None") -> str:
    parts: list[str] = []
    characters = 0
    while place is not None:
        place, name = place
        parts.append(str(name)[:MAX_LOC_CHARACTERS])
        characters += len(parts[-1]) + 1
    if characters > MAX_LOC_CHARACTERS:
        # Deep inside: where it is from the outside, as far as that is worth reading.
        return ".".join(reversed(parts))[:MAX_LOC_CHARACTERS] + "…"
    return ".".join(reversed(parts)) or "body"


def _complaint(text: str) -> str | None:
    # PostgreSQL keeps no NUL in a text, and UTF-8 has no lone surrogates.
    if "\0" in text:
        return "must not contain NUL characters"
    if _SURROGATE.search(text) is not None:
        return "must not contain half of a character (a lone surrogate)"
    return None


def printable(name: str) -> str:
    """A member's name for a message: quoted, short, without anything that a terminal obeys."""
    return ascii(name[:100])
