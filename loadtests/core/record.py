"""The record of a run: for each row and each second what was counted, however many processes counted it.

A delta of a process goes over a wire as JSON; the sum of all deltas, in whatever order they come, is the record. Faults
of the cluster are kept by kind, with the first sentences of each, and what failed by its reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtests.core.histogram import bucket_of

EXAMPLES = 20
REASONS = 8
"""Of a row's failures; what fails in yet another way is counted under `OTHER`."""
OTHER = "other"

# The faults that fail a run, whatever else it shows.
LOST, REPEATED, SWAPPED, FOREIGN = "lost", "repeated", "out of order", "foreign event"
FALSE_RECEIPT, RESET, RESUMED, REFUSED = "false receipt", "reset", "resumed elsewhere", "sent away"
ALARM_MISSING, WRONG_ANSWER = "alarm missing", "wrong answer"
FAULTS = (
    LOST, REPEATED, SWAPPED, FOREIGN, FALSE_RECEIPT, RESET, RESUMED, REFUSED, ALARM_MISSING, WRONG_ANSWER,
)  # fmt: skip


@dataclass(slots=True)
class Cell:
    """One row in one second. `size` is in bytes, or of another kind that the row tells of."""

    failures: int = 0
    size: int = 0
    buckets: dict[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many there were, those that failed not counted."""
        return sum(self.buckets.values())


@dataclass(slots=True)
class Record:
    """Everything that was counted. `values` are gauges: the last one of a second counts."""

    rows: dict[str, dict[int, Cell]] = field(default_factory=dict)
    values: dict[str, dict[int, float]] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)
    # The sum of each row's seconds; `take` leaves it, so it is of the whole run.
    totals: dict[str, Cell] = field(default_factory=dict)

    def note(self, row: str, second: int, milliseconds: float, size: int = 0) -> None:
        """One more, and how long it took."""
        bucket = bucket_of(milliseconds)
        for cell in (self._cell(row, second), self._total(row)):
            cell.buckets[bucket] = cell.buckets.get(bucket, 0) + 1
            cell.size += size

    def failed(self, row: str, second: int, reason: str) -> None:
        """One more that failed. `reason` is a status or an error's name, and nothing that differs with each."""
        self._cell(row, second).failures += 1
        self._total(row).failures += 1
        self._reason(row, reason, 1)

    def fault(self, kind: str, text: str, count: int = 1) -> None:
        """The cluster broke a promise."""
        self.faults[kind] = self.faults.get(kind, 0) + count
        shown = self.examples.setdefault(kind, [])
        if len(shown) < EXAMPLES:
            shown.append(text)

    def value(self, name: str, second: int, value: float) -> None:
        """How much of something there is."""
        self.values.setdefault(name, {})[second] = value

    def add(self, delta: Mapping[str, Any]) -> None:
        """Take in what another process counted."""
        for row, seconds in delta["rows"].items():
            for second, (failures, size, buckets) in seconds.items():
                for cell in (self._cell(row, int(second)), self._total(row)):
                    cell.failures += failures
                    cell.size += size
                    for bucket, count in buckets.items():
                        cell.buckets[int(bucket)] = cell.buckets.get(int(bucket), 0) + count
        for name, of in delta["values"].items():
            for second, value in of.items():
                self.value(name, int(second), value)
        for kind, count in delta["faults"].items():
            self.faults[kind] = self.faults.get(kind, 0) + count
            shown = self.examples.setdefault(kind, [])
            shown += delta["examples"].get(kind, ())[: EXAMPLES - len(shown)]
        for row, counts in delta["reasons"].items():
            for reason, count in counts.items():
                self._reason(row, reason, count)

    def delta(self) -> dict[str, Any]:
        """Everything as JSON takes it."""
        return {
            "rows": {
                row: {
                    str(second): [cell.failures, cell.size, _keys(cell.buckets)]
                    for second, cell in seconds.items()
                }
                for row, seconds in self.rows.items()
            },
            "values": {name: _keys(of) for name, of in self.values.items()},
            "faults": dict(self.faults),
            "examples": {kind: list(texts) for kind, texts in self.examples.items()},
            "reasons": {row: dict(counts) for row, counts in self.reasons.items()},
        }

    def take(self) -> dict[str, Any]:
        """Everything as JSON takes it, and begin anew."""
        delta = self.delta()
        self.rows, self.values, self.faults, self.examples, self.reasons = {}, {}, {}, {}, {}
        return delta

    def _reason(self, row: str, reason: str, count: int) -> None:
        counts = self.reasons.setdefault(row, {})
        if reason not in counts and len(counts) >= REASONS:
            reason = OTHER
        counts[reason] = counts.get(reason, 0) + count

    def _total(self, row: str) -> Cell:
        return self.totals.setdefault(row, Cell())

    def _cell(self, row: str, second: int) -> Cell:
        return self.rows.setdefault(row, {}).setdefault(second, Cell())


def _keys(of: Mapping[int, float]) -> dict[str, float]:
    return {str(key): value for key, value in of.items()}
