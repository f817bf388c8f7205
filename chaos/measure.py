"""What a row came to: from the checker's report and the fault's own times to figures, and to a table. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

# A delivery later than this is not normal; the last one of these is the end of the recovery.
LATE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """One row with one seed. Delays are those of events committed from the fault's begin to the recovery, in seconds.

    `no_answer` and `http_5xx` count attempts, each of which was repeated with the same key until it was decided.
    """

    row: str
    seed: int
    violations: int
    examples: tuple[str, ...]
    events: int
    deliveries: int
    http_5xx: int
    no_answer: int
    recovery: float
    p99: float | None
    worst: float | None
    fault_seconds: float


def measure(row: str, seed: int, report: dict[str, Any], began: float, ended: float) -> Result:
    """Make the figures of one run. Times are seconds since 1970, all of one machine's clock."""
    late = [
        seen
        for committed, seen, *_ in report["samples"]
        if seen - committed > LATE_SECONDS and committed >= began
    ]
    failing = [moment for moment, _ in report["troubles"] if moment >= began]
    last = max([ended, *late, *failing])
    delays = sorted(
        seen - committed for committed, seen, *_ in report["samples"] if began <= committed <= last
    )
    statuses = [status for _, status in report["troubles"]]
    return Result(
        row,
        seed,
        sum(report["violations"].values()),
        tuple(report["examples"]),
        report["events"],
        report["applied"],
        sum(1 for status in statuses if status >= 500),
        sum(1 for status in statuses if status == 0),
        last - ended,
        delays[min(len(delays) - 1, int(0.99 * len(delays)))] if delays else None,
        delays[-1] if delays else None,
        ended - began,
    )


def markdown(results: Sequence[Result]) -> str:
    """The results as a table."""
    lines = [
        "| fault | seed | lasts | violations | 5xx | no answer | back after | delay p99 / max | events, deliveries |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        delay = "–" if result.p99 is None else f"{result.p99:.2f} s / {result.worst:.2f} s"
        lines.append(
            f"| {result.row} | {result.seed} | {result.fault_seconds:.0f} s | {result.violations} | {result.http_5xx} "
            f"| {result.no_answer} | {result.recovery:.1f} s | {delay} | {result.events}, {result.deliveries} |"
        )
    return "\n".join(lines) + "\n"


def plain(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The results for a program."""
    return [asdict(result) for result in results]
