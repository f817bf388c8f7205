"""The limits of a run, from `thresholds.toml`, and every reason why figures are beyond them."""

import re
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from loadtests.core.figures import Row
from loadtests.core.trend import Trend

_PERCENTILE = re.compile(r"p(\d{1,2}(?:_\d+)?)_ms")


class WrongThresholds(Exception):
    """The file says something that is no limit; the text says what."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Limits of the rows that `row` names, a pattern, in the profiles that it is for (none: all).

    `least` is how many a run needs for its percentiles to say anything.
    """

    row: str
    percentiles: tuple[tuple[float, float], ...]
    least: int = 0
    profiles: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()

    def is_for(self, profile: str) -> bool:
        """Whether it holds for a profile."""
        return (not self.profiles or profile in self.profiles) and profile not in self.excepted


@dataclass(frozen=True, slots=True)
class Growth:
    """How much a value may grow in an hour: in percent of its mean, or in its own units."""

    value: str
    percent_per_hour: float | None
    per_hour: float | None
    profiles: tuple[str, ...] = ()

    def is_for(self, profile: str) -> bool:
        """Whether it holds for a profile."""
        return not self.profiles or profile in self.profiles


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All limits. `service_level_ms` is where a ramp has its knee; `failures` a share; `offered` the least share."""

    service_level_ms: float = 100.0
    failures: float = 0.0
    offered: float = 0.9
    limits: tuple[Limit, ...] = ()
    growths: tuple[Growth, ...] = field(default=())


def read_thresholds(text: str) -> Thresholds:
    """Read the file's text.

    Raises:
        WrongThresholds: it is no TOML, or has a word or a value that means nothing here.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise WrongThresholds(f"not TOML: {exc}") from exc
    limits = tuple(_limit(_table(each, "limit")) for each in _list(content, "limit"))
    growths = tuple(_growth(_table(each, "growth")) for each in _list(content, "growth"))
    numbers = {
        name: _number(content.pop(name), name)
        for name in ("service_level_ms", "failures", "offered")
        if name in content
    }
    if content:
        raise WrongThresholds(f"{', '.join(sorted(content))}: nothing reads that")
    return Thresholds(limits=limits, growths=growths, **numbers)


def complaints_of_rows(rows: dict[str, Row], profile: str, thresholds: Thresholds) -> list[str]:
    """Everything that is beyond a limit, one sentence each; so is a row that a limit needs and that is not there."""
    found = []
    for limit in thresholds.limits:
        if not limit.is_for(profile):
            continue
        named = [row for name, row in rows.items() if fnmatchcase(name, limit.row)]
        if limit.least and sum(row.count for row in named) < limit.least:
            found.append(
                f"{limit.row}: {sum(row.count for row in named)} were measured, which is fewer than {limit.least}"
            )
        for row in named:
            for share, most in limit.percentiles:
                value = row.percentile(share)
                if value is not None and value > most:
                    found.append(f"{row.name}: p{share * 100:g} is {value:.0f} ms, over {most:g} ms")
    return found


def complaints_of_growth(trends: dict[str, Trend], profile: str, thresholds: Thresholds) -> list[str]:
    """Everything that grows faster than it may, beyond the doubt that its slope leaves."""
    found = []
    for growth in thresholds.growths:
        if not growth.is_for(profile):
            continue
        for name, trend in trends.items():
            if not fnmatchcase(name, growth.value):
                continue
            if growth.percent_per_hour is not None and trend.least_percent_per_hour > growth.percent_per_hour:
                found.append(f"{name} grows: {trend}, over {growth.percent_per_hour:g} % an hour")
            if growth.per_hour is not None and trend.least_per_hour > growth.per_hour:
                found.append(f"{name} grows: {trend}, over {growth.per_hour:g} an hour")
    return found


def _limit(table: dict[str, Any]) -> Limit:
    row = _text(table.pop("row", None), "row")
    least = table.pop("least", 0)
    if not isinstance(least, int) or least < 0:
        raise WrongThresholds(f"least is a whole number, not {least!r}")
    profiles, excepted = _texts(table, "profiles"), _texts(table, "except")
    percentiles = []
    for name, value in table.items():
        found = _PERCENTILE.fullmatch(name)
        if found is None:
            raise WrongThresholds(f"limit of {row}: nothing reads {name}")
        percentiles.append((round(float(found[1].replace("_", ".")) / 100, 6), _number(value, name)))
    return Limit(row, tuple(sorted(percentiles)), least, profiles, excepted)


def _growth(table: dict[str, Any]) -> Growth:
    value = _text(table.pop("value", None), "value")
    percent, absolute = (
        _number(table.pop(name), name) if name in table else None for name in ("percent_per_hour", "per_hour")
    )
    if percent is None and absolute is None:
        raise WrongThresholds(f"growth of {value}: percent_per_hour or per_hour is missing")
    profiles = _texts(table, "profiles")
    if table:
        raise WrongThresholds(f"growth of {value}: nothing reads {', '.join(sorted(table))}")
    return Growth(value, percent, absolute, profiles)


def _list(content: dict[str, Any], name: str) -> list[Any]:
    value = content.pop(name, [])
    if not isinstance(value, list):
        raise WrongThresholds(f"{name} is written [[{name}]]")
    return value


def _table(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WrongThresholds(f"{name} is written [[{name}]]")
    return dict(value)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise WrongThresholds(f"{name} is a number, not {value!r}")
    return float(value)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise WrongThresholds(f"{name} is a text, not {value!r}")
    return value


def _texts(table: dict[str, Any], name: str) -> tuple[str, ...]:
    value = table.pop(name, [])
    if not isinstance(value, list):
        raise WrongThresholds(f"{name} is a list of texts, not {value!r}")
    return tuple(_text(each, name) for each in value)
