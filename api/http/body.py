"""What a request says: its body as a checked model, its query and path as values; every wrong field named."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from starlette.requests import Request

from api.core.loyalty import parse_points_per_unit
from api.core.money import parse_cents, parse_positive_cents
from api.http.header import header_values
from backbone.contract.errors import FieldError, Problem, Refused, Violation

MAX_BODY_BYTES = 64 * 1024
MAX_ERRORS = 50
LONG_TEXT = 32 * 1024
"""Texts that only the size of an event bounds."""


class Body(BaseModel):
    """A body: camelCase outside, nothing unknown, nothing converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)


def parse_date(value: object) -> date:
    """Read `YYYY-MM-DD` and no other way of writing a date.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, str) and len(value) == len("YYYY-MM-DD"):
        try:
            parsed = date.fromisoformat(value)
        except ValueError:
            pass
        else:
            if parsed.isoformat() == value:
                return parsed
    raise ValueError("must be a date such as 2026-11-22")


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Phone = Annotated[str, Field(max_length=32)]
Email = Annotated[str, Field(max_length=254)]
Text = Annotated[str, Field(max_length=LONG_TEXT)]
_MONEY = {"type": "number", "maximum": 1_000_000, "description": "At most two decimals."}
Cents = Annotated[int, PlainValidator(parse_cents), WithJsonSchema({**_MONEY, "minimum": 0})]
PositiveCents = Annotated[
    int, PlainValidator(parse_positive_cents), WithJsonSchema({**_MONEY, "exclusiveMinimum": 0})
]
PointsPerUnit = Annotated[
    int, PlainValidator(parse_points_per_unit), WithJsonSchema({**_MONEY, "minimum": 0, "maximum": 10_000})
]
Day = Annotated[date, PlainValidator(parse_date), WithJsonSchema({"type": "string", "format": "date"})]

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Read(Generic[M]):
    """A body twice: as the model, and as the plain values from which a fingerprint is taken."""

    model: M
    plain: dict[str, Any]


async def read_body(request: Request, model: type[M]) -> Read[M]:
    """Read and check a body.

    Raises:
        Violation: too large (413), not JSON (400), or wrong fields (422), every one of them named.
    """
    plain = await read_object(request)
    try:
        return Read(model.model_validate(plain), plain)
    except ValidationError as exc:
        raise wrong_fields(
            [
                _field_error(error["loc"], error["type"], error["msg"], error.get("ctx"))
                for error in exc.errors()
            ]
        ) from None


async def read_object(request: Request) -> dict[str, Any]:
    """Read a body that is any JSON object. Raises as `read_body`."""
    raw = await _read_bytes(request)
    try:
        plain = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise Violation(Problem.BAD_JSON, f"The body is not JSON: {exc.msg}") from None
    if not isinstance(plain, dict):
        raise wrong_fields([FieldError("body", "must be a JSON object")])
    # PostgreSQL keeps no NUL in a text. Most bodies have none, which one look at the bytes tells.
    if b"\\u0000" in raw:
        errors = _find_nul(plain)
        if errors:
            raise wrong_fields(errors)
    return plain


def wrong_fields(errors: list[FieldError]) -> Violation:
    """The answer 422 that names them."""
    names = ", ".join(dict.fromkeys(error.loc for error in errors[:5]))
    return Violation(Problem.INVALID_FIELDS, f"Wrong: {names}", tuple(errors[:MAX_ERRORS]))


def biggest_field(plain: dict[str, Any]) -> str:
    """The member of a body that takes most room: the one to name when the event would be too large."""
    return max(plain, key=lambda name: len(orjson.dumps(plain[name])))


def path_uuid(request: Request, name: str, what: str) -> UUID:
    """Read an identifier from the path.

    Raises:
        Refused: it is not one of ours, so there is nothing by this name (404).
    """
    text = request.path_params[name]
    try:
        if len(text) == 36:
            return UUID(text)
    except ValueError:
        pass
    raise Refused(Problem.NOT_FOUND, f"There is no such {what}")


def query_integer(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Read a whole number from the query.

    Raises:
        Violation: it is none, or out of bounds (422).
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    raise wrong_fields([FieldError(name, f"must be a whole number from {least} to {most}")])


def query_date(request: Request, name: str) -> date | None:
    """Read a date from the query; None when it is not there.

    Raises:
        Violation: it is none (422).
    """
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return parse_date(text)
    except ValueError as exc:
        raise wrong_fields([FieldError(name, str(exc))]) from None


async def _read_bytes(request: Request) -> bytes:
    length = "".join(header_values(request, b"content-length"))
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise _too_large()
    raw = b""
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Violation(Problem.BAD_REQUEST, "The body ended early")
        raw += message.get("body", b"")
        if len(raw) > MAX_BODY_BYTES:
            raise _too_large()
        more = message.get("more_body", False)
    return raw


def _too_large() -> Violation:
    return Violation(Problem.TOO_LARGE, f"A body may have {MAX_BODY_BYTES} bytes")


def _field_error(
    loc: tuple[int | str, ...], kind: str, message: str, context: dict[str, Any] | None
) -> FieldError:
    if kind == "value_error" and context is not None:
        message = str(context["error"])
    elif kind == "missing":
        message = "is required"
    elif kind == "extra_forbidden":
        message = "is not a field of this"
    return FieldError(".".join(str(part)[:100] for part in loc) or "body", message)


def _find_nul(plain: Any) -> list[FieldError]:
    errors = []
    # A stack of our own: a body may nest deeper than Python's.
    waiting: list[tuple[str, Any]] = [("", plain)]
    while waiting:
        loc, value = waiting.pop()
        match value:
            case str() if "\0" in value:
                errors.append(FieldError(loc, "must not contain NUL characters"))
            case dict():
                if any("\0" in name for name in value):
                    errors.append(FieldError(loc or "body", "must not contain NUL characters in names"))
                waiting.extend((f"{loc}.{name}".lstrip("."), member) for name, member in value.items())
            case list():
                waiting.extend((f"{loc}.{index}".lstrip("."), member) for index, member in enumerate(value))
            case _:
                pass
    return errors


def no_blank(value: str) -> str:
    """Refuse a text of nothing but spaces, and keep any other as it is."""
    if not value.strip():
        raise ValueError("must not be empty")
    return value


FilledText = Annotated[str, Field(max_length=256), AfterValidator(no_blank)]
