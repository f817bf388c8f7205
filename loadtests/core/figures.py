"""From a record to the figures of its measured time: percentiles, rates and windows for each row."""

from collections.abc import Iterable
from dataclasses import dataclass

from loadtests.core.histogram import merged, percentile, total
from loadtests.core.record import Cell, Record

MOST_WINDOWS = 240


@dataclass(frozen=True, slots=True)
class Window:
    """A row in a window that begins at `second`, as a Unix time."""

    second: int
    failures: int
    size: int
    buckets: dict[int, int]

    @property
    def count(self) -> int:
        """How many there were, those that failed not counted."""
        return total(self.buckets)


@dataclass(frozen=True, slots=True)
class Row:
    """One row over the measured time."""

    name: str
    windows: tuple[Window, ...]

    @property
    def buckets(self) -> dict[int, int]:
        """All of its durations."""
        return merged(window.buckets for window in self.windows)

    @property
    def count(self) -> int:
        """How many there were, those that failed not counted."""
        return sum(window.count for window in self.windows)

    @property
    def failures(self) -> int:
        """How many failed."""
        return sum(window.failures for window in self.windows)

    @property
    def size(self) -> int:
        """Bytes, or whatever the row's size is."""
        return sum(window.size for window in self.windows)

    def percentile(self, share: float) -> float | None:
        """In milliseconds; None where there is nothing."""
        return percentile(self.buckets, share)


@dataclass(frozen=True, slots=True)
class Span:
    """The measured time: whole seconds, the end not included."""

    begin: int
    end: int

    @property
    def seconds(self) -> int:
        """How long it is."""
        return max(1, self.end - self.begin)

    @property
    def window_seconds(self) -> int:
        """So wide that a run has at most so many windows as a chart can show."""
        return max(1, -(-self.seconds // MOST_WINDOWS))


def rows_of(record: Record, span: Span) -> dict[str, Row]:
    """Every row that has anything within the span."""
    found = {name: Row(name, tuple(_windows(seconds.items(), span))) for name, seconds in record.rows.items()}
    return {name: found[name] for name in sorted(found) if found[name].windows}


def _windows(seconds: Iterable[tuple[int, Cell]], span: Span) -> list[Window]:
    width = span.window_seconds
    parts: dict[int, list[Cell]] = {}
    for second, cell in seconds:
        if span.begin <= second < span.end:
            parts.setdefault(span.begin + (second - span.begin) // width * width, []).append(cell)
    return [
        Window(
            begin,
            sum(cell.failures for cell in cells),
            sum(cell.size for cell in cells),
            merged(cell.buckets for cell in cells),
        )
        for begin, cells in sorted(parts.items())
    ]


def values_of(record: Record, span: Span) -> dict[str, list[tuple[int, float]]]:
    """Each gauge's points within the span."""
    found = {
        name: sorted((second, value) for second, value in of.items() if span.begin <= second < span.end)
        for name, of in record.values.items()
    }
    return {name: found[name] for name in sorted(found) if found[name]}
