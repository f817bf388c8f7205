"""A request's content: its body as a checked model, its query and path as values; every wrong field named.

Why: docs/decisions/0009-unknown-fields.md
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from starlette.requests import Request

from api.core.currency import parse_currency
from api.core.loyalty import parse_points_per_unit
from api.core.moment import parse_moment
from api.core.money import (
    DECIMAL,
    DECIMALS,
    parse_cents,
    parse_positive_cents,
    parse_signed_cents,
    parse_total,
)
from api.core.phones import is_country
from api.core.quantity import MAX_QUANTITY, parse_quantity
from api.core.strict_json import NotJson, parse_json
from api.core.text import clean_text, external_id, require_visible, route_name
from api.http.entry import is_old, look_again
from api.http.payload import read_bytes
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


def _clean(value: object) -> object:
    return clean_text(value) if isinstance(value, str) else value


def _country(value: object) -> str:
    if isinstance(value, str) and is_country(value.upper()):
        return value.upper()
    raise ValueError("must be a country's code of two letters (ISO 3166), such as GB")


def _number(maximum: float, says: str, **bounds: float) -> WithJsonSchema:
    number = {"type": "number", "maximum": maximum, "description": says, **bounds}
    text = {"type": "string", "pattern": f"^{DECIMAL}$", "description": "The same as a text."}
    return WithJsonSchema({"anyOf": [number, text]})


def _money(maximum: float = 100_000_000, **bounds: float) -> WithJsonSchema:
    says = "As many decimals as the tenant's currency has (two without one), and up to 1,000,000 where it has any."
    return _number(maximum, says, **bounds)


def _amount(parse: Callable[[object, int], int]) -> PlainValidator:
    """Read an amount with the decimals that `check_body` was given."""

    def read(value: object, info: ValidationInfo) -> int:
        return parse(value, DECIMALS if info.context is None else info.context)

    return PlainValidator(read)


# The blanks to be stripped are looked at first: a control character is refused wherever it stands.
_CLEAN = BeforeValidator(_clean)
_VISIBLE = AfterValidator(require_visible)
Name = Annotated[
    str, _CLEAN, StringConstraints(strip_whitespace=True, min_length=1, max_length=256), _VISIBLE
]
Word = Annotated[str, _CLEAN, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), _VISIBLE]
Phone = Annotated[str, _CLEAN, Field(max_length=32)]
Email = Annotated[str, _CLEAN, Field(max_length=254)]
Text = Annotated[str, _CLEAN, Field(max_length=LONG_TEXT)]
FilledText = Annotated[str, _CLEAN, Field(max_length=256), _VISIBLE]
Line = Annotated[str, _CLEAN, Field(max_length=1000)]
FilledLine = Annotated[str, _CLEAN, Field(min_length=1, max_length=1000), _VISIBLE]
ExternalId = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(external_id)]
RouteName = Annotated[Word, AfterValidator(route_name)]
Cents = Annotated[int, _amount(parse_cents), _money(minimum=0)]
SignedCents = Annotated[int, _amount(parse_signed_cents), _money(minimum=-100_000_000)]
TotalCents = Annotated[int, _amount(parse_total), _money(minimum=0, maximum=999_999_999_999_999)]
PositiveCents = Annotated[int, _amount(parse_positive_cents), _money(exclusiveMinimum=0)]
Quantity = Annotated[
    int,
    PlainValidator(parse_quantity),
    WithJsonSchema(
        {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": MAX_QUANTITY,
            "description": "At most three decimals.",
        }
    ),
]
PointsPerUnit = Annotated[
    int, PlainValidator(parse_points_per_unit), _number(10_000, "At most two decimals.", minimum=0)
]
MomentOf = Annotated[
    datetime, PlainValidator(parse_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
Country = Annotated[
    str,
    PlainValidator(_country),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z]{2}$", "examples": ["GB"]}),
]
CurrencyCode = Annotated[
    str,
    PlainValidator(parse_currency),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z]{3}$", "examples": ["EUR"]}),
]
Day = Annotated[date, PlainValidator(parse_date), WithJsonSchema({"type": "string", "format": "date"})]

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Read(Generic[M]):
    """A body twice: as the model, and as the plain values from which a fingerprint is taken; `size` is its bytes."""

    model: M
    plain: dict[str, Any]
    size: int


@dataclass(frozen=True, slots=True)
class Plain:
    """A body that is a JSON object, and not checked yet; `size` is its bytes."""

    value: dict[str, Any]
    size: int


async def read_plain(request: Request, *, optional: bool = False, limit: int = MAX_BODY_BYTES) -> Plain:
    """Read a body of at most `limit` bytes; where it is `optional`, none at all is an empty object.

    Raises:
        Violation: too large (413), not JSON (400), or no object (422); or the key ended while the body came (401).
    """
    return Plain(*await _read(request, optional=optional, limit=limit))


def check_body(plain: Plain, model: type[M], decimals: int = DECIMALS) -> M:
    """Check a body; its amounts have so many decimals.

    Raises:
        Violation: wrong fields (422), every one of them named.
    """
    try:
        return model.model_validate(plain.value, context=decimals)
    except ValidationError as exc:
        raise wrong_fields(
            [
                _field_error(error["loc"], error["type"], error["msg"], error["input"], error.get("ctx"))
                for error in exc.errors()
            ]
        ) from None


async def read_body(
    request: Request, model: type[M], *, optional: bool = False, limit: int = MAX_BODY_BYTES
) -> Read[M]:
    """Read and check a body without amounts. Raises as `read_plain` and `check_body`."""
    plain = await read_plain(request, optional=optional, limit=limit)
    return Read(check_body(plain, model), plain.value, plain.size)


async def read_object(request: Request) -> dict[str, Any]:
    """Read a body that is any JSON object. Raises as `read_body`."""
    return (await _read(request, optional=False, limit=MAX_BODY_BYTES))[0]


async def _read(request: Request, *, optional: bool, limit: int) -> tuple[dict[str, Any], int]:
    raw = await read_bytes(request, limit)
    # A body may take its time, and the key may have ended by then.
    if is_old(request):
        await look_again(request)
    if optional and not raw:
        return {}, 0
    try:
        plain, errors = parse_json(raw)
    except NotJson as exc:
        raise Violation(Problem.BAD_JSON, f"The body is not JSON: {exc}") from None
    if errors:
        raise wrong_fields(errors)
    if not isinstance(plain, dict):
        raise wrong_fields([FieldError("body", "must be a JSON object")])
    return plain, len(raw)


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


def _field_error(
    loc: tuple[int | str, ...], kind: str, message: str, value: object, context: dict[str, Any] | None
) -> FieldError:
    if kind == "value_error" and context is not None:
        message = str(context["error"])
    elif kind == "too_long" and context is not None and isinstance(value, str):
        # Behind a validator of ours Pydantic takes a text for a list, and counts its items.
        message = f"must have at most {context['max_length']:,} characters"
    elif kind == "missing":
        message = "is required"
    elif kind == "extra_forbidden":
        message = "is not a field of this"
    return FieldError(".".join(str(part)[:100] for part in loc) or "body", message)
