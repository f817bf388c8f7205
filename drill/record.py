"""The rows of the table: in a file, so that a run may end early, and in Markdown, for a page and for a console.

Knows files and text. The figures are the runner's.
"""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from drill.course import Course
from drill.fault import Fault

BEGIN, END = "<!-- drill {}: begin -->", "<!-- drill {}: end -->"


class NoPlace(Exception):
    """The page has no markers."""


@dataclass(frozen=True, slots=True)
class Line:
    """One alert of a fault: seconds since it was broken, and for the end since it was mended."""

    alert: str
    severity: str
    pending: float | None
    firing: float | None
    told: float | None
    kept_back_by: list[str]
    ended: float | None
    times: int
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One fault as it went."""

    fault: str
    says: str
    factor: float
    broken_seconds: float
    lines: list[Line] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        fault: Fault,
        courses: Iterable[Course],
        began: float,
        mended: float,
        factor: float,
        wrong: list[str],
    ) -> Self:
        lines = [line_of(fault, course, began, mended) for course in courses]
        return cls(fault.name, fault.says, factor, mended - began, lines, wrong)

    @classmethod
    def read(cls, kept: dict[str, object]) -> Self:
        """One that was kept as JSON."""
        lines = kept.pop("lines")
        assert isinstance(lines, list)
        return cls(**kept, lines=[Line(**each) for each in lines])  # type: ignore[arg-type]


def line_of(fault: Fault, course: Course, began: float, mended: float) -> Line:
    """The course in seconds from the fault's beginning and end."""

    def since(moment: float | None, start: float) -> float | None:
        return None if moment is None else max(0.0, moment - start)

    why = [text[course.alert] for text in (fault.may, fault.lasts) if course.alert in text]
    return Line(
        course.alert,
        course.severity,
        since(course.pending, began),
        since(course.firing, began),
        since(course.told, began),
        sorted(course.kept_back_by),
        since(course.ended, mended),
        course.times,
        "; ".join(why),
    )


class Record:
    """The rows so far. One of the same name is taken anew."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.rows: list[Row] = []
        if file.exists():
            self.rows = [Row.read(each) for each in json.loads(file.read_text())["rows"]]

    def add(self, row: Row) -> None:
        """Take a row, and keep it."""
        self.rows = [each for each in self.rows if each.fault != row.fault] + [row]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps({"rows": [asdict(each) for each in self.rows]}, indent=1))
        os.replace(draft, self._file)

    def table(self, order: list[str]) -> str:
        """The table as Markdown, rows in this order."""
        known = sorted(
            (row for row in self.rows if row.fault in order), key=lambda row: order.index(row.fault)
        )
        head = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}."
        if any(row.factor != 1 for row in known):
            head += (
                " Rows with ÷ had the rules' times divided by that: their order counts, not their seconds."
            )
        return f"{head}\n\n{table(known)}"


def table(rows: list[Row]) -> str:
    """Each alert of each fault, the fault's name once."""
    lines = [
        "| fault | alert | | pending | firing | told | ended | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        scale = "" if row.factor == 1 else f", ÷ {row.factor:g}"
        name = f"**`{row.fault}`**: {row.says} ({seconds(row.broken_seconds)}{scale})"
        fired = [line for line in row.lines if line.firing is not None]
        only_pended = [line.alert for line in row.lines if line.firing is None]
        for line in fired:
            lines.append(
                f"| {name} | `{line.alert}` | {line.severity} | {seconds(line.pending)} | {seconds(line.firing)} | "
                f"{told(line)} | {ended(line)} | {line.why} |"
            )
            name = ""
        if not fired:
            lines.append(f"| {name} | none | | | | | | |")
            name = ""
        if only_pended:
            lines.append(
                f"| {name} | {', '.join(f'`{each}`' for each in only_pended)} | | pending | never | | | |"
            )
        lines += [f"| | | | | | | | **wrong**: {each} |" for each in row.wrong]
    return "\n".join(lines) + "\n"


def told(line: Line) -> str:
    """When somebody was told, or which other alert explained it."""
    kept = f"kept back by {', '.join(f'`{each}`' for each in line.kept_back_by)}" if line.kept_back_by else ""
    if line.told is None:
        return kept or "–"
    return f"{seconds(line.told)}{f'; {kept}' if kept else ''}"


def ended(line: Line) -> str:
    text = "goes on" if line.ended is None else seconds(line.ended)
    return text if line.times == 1 else f"{text}, came {line.times} times"


def seconds(value: float | None) -> str:
    if value is None:
        return "–"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def put(page: Path, name: str, text: str) -> None:
    """Put a text between a page's markers of that name.

    Raises:
        NoPlace: it has none.
    """
    begin, end = BEGIN.format(name), END.format(name)
    before, found, rest = page.read_text().partition(begin)
    _, also, after = rest.partition(end)
    if not found or not also:
        raise NoPlace(f"{page} has no place for this, {begin} … {end}")
    page.write_text(f"{before}{begin}\n{text}{end}{after}")
