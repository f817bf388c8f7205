"""The result of a row: from the checker's report and the fault's own times to figures, and to a table. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chaos.memory import MIB

# A delivery later than this is not normal; the last one of these is the end of the recovery.
LATE_SECONDS = 1.0
POLLING = "polling"


@dataclass(frozen=True, slots=True)
class Result:
    """One row with one seed; or, of several seeds together, `seed` is how many.

    Delays are those of events committed from the fault's begin to the recovery, in seconds: `p99` and `worst` of
    terminals that are pushed to, `worst_polled` of those that poll. `gateway_growth`: the most bytes that the gateways
    together held above those at the fault's begin. `no_answer` and `http_5xx` count attempts, each of which was
    repeated with the same key until it was decided.
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
    worst_polled: float | None
    fault_seconds: float
    gateway_growth: int


def measure(
    row: str, seed: int, report: dict[str, Any], began: float, ended: float, gateway_growth: int = 0
) -> Result:
    """Make the figures of one run. Times are seconds since 1970, all of one machine's clock."""
    pushed = [(at, seen) for at, seen, transport, _ in report["samples"] if transport != POLLING]
    polled = [(at, seen) for at, seen, transport, _ in report["samples"] if transport == POLLING]
    late = [seen for at, seen in pushed if seen - at > LATE_SECONDS and at >= began]
    failing = [moment for moment, _ in report["troubles"] if moment >= began]
    last = max([ended, *late, *failing])
    delays = sorted(seen - at for at, seen in pushed if began <= at <= last)
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
        max((seen - at for at, seen in polled if began <= at <= last), default=None),
        ended - began,
        gateway_growth,
    )


COLUMNS = (
    "fault", "seeds", "lasts", "violations", "5xx", "no answer", "back after", "delay p99", "max", "polled max",
    "gateways' memory", "events", "deliveries",
)  # fmt: skip


def worst_of(results: Sequence[Result]) -> list[Result]:
    """One result for each row: counts are those of all its seeds together, times and memory those of the worst."""
    rows: dict[str, list[Result]] = {}
    for result in results:
        rows.setdefault(result.row, []).append(result)
    return [_together(runs) for runs in rows.values()]


def _together(runs: Sequence[Result]) -> Result:
    def worst(figures: Iterable[float | None]) -> float | None:
        return max((figure for figure in figures if figure is not None), default=None)

    return Result(
        runs[0].row,
        len(runs),
        sum(run.violations for run in runs),
        tuple(example for run in runs for example in run.examples),
        sum(run.events for run in runs),
        sum(run.deliveries for run in runs),
        sum(run.http_5xx for run in runs),
        sum(run.no_answer for run in runs),
        max(run.recovery for run in runs),
        worst(run.p99 for run in runs),
        worst(run.worst for run in runs),
        worst(run.worst_polled for run in runs),
        max(run.fault_seconds for run in runs),
        max(run.gateway_growth for run in runs),
    )


def markdown(results: Sequence[Result]) -> str:
    """The results as a table, one line a row, its seeds together."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(_cells(result) for result in worst_of(results))]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(result: Result) -> tuple[str, ...]:
    counts = (result.violations, result.http_5xx, result.no_answer)
    delays = (result.p99, result.worst, result.worst_polled)
    return (
        f"`{result.row}`",
        str(result.seed),
        f"{result.fault_seconds:.0f} s",
        *map(str, counts),
        f"{result.recovery:.1f} s",
        *("–" if delay is None else f"{delay:.2f} s" for delay in delays),
        f"+{result.gateway_growth / MIB:.0f} MiB",
        str(result.events),
        str(result.deliveries),
    )


def plain(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The results for a program."""
    return [asdict(result) for result in results]


def read(rows: Sequence[dict[str, Any]]) -> list[Result]:
    """The results that `plain` made."""
    return [Result(**{**row, "examples": tuple(row["examples"])}) for row in rows]
