"""The verdict: a run's figures held against its limits, as the report that is written to a file. Pure.

The report is plain JSON: `report.html` is drawn from it, and `compare` reads two of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from loadtests.core.figures import Row, Span, rows_of, values_of
from loadtests.core.histogram import edge_of, percentile
from loadtests.core.knee import knee_of, steps_of
from loadtests.core.limiting import limiting, of_others, uses, within
from loadtests.core.profiles import PROFILES, Course, Size
from loadtests.core.record import FAULTS, Record
from loadtests.core.rows import ORDERS, SENT_LATE
from loadtests.core.thresholds import Thresholds, complaints_of_growth, complaints_of_rows
from loadtests.core.trend import Trend, trend_of

FORMAT = 1
# Where orders leave later than this after their moment, it is the load test that is measured.
GENERATOR_LATE_MS = 50.0
# So much of a machine may go to others before the figures are theirs, too.
DISTURBED = 0.15
GROWING = ("memory ", "descriptors ", "events-behind ")


@dataclass(frozen=True, slots=True)
class Run:
    """A run, and everything that it brought. `server` are the pods' own histograms: counts up to each edge, in seconds.

    `problems` were not tested, `failed` is why nothing was, `unfinished` is what the profile is for and did not happen.
    Times are Unix times; `began` is the course's first moment.
    """

    profile: str
    size: Size
    name: str
    began: float
    ended: float
    record: Record
    server: Mapping[str, Mapping[float, float]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[str] = ()
    failed: str | None = None
    unfinished: Sequence[str] = ()

    @property
    def course(self) -> Course:
        """Its stages and acts."""
        return PROFILES[self.profile].course(self.size)

    @property
    def span(self) -> Span:
        """The measured time: without the warm-up, and without its last, broken second."""
        begin = int(self.began + self.size.warm_up_seconds) + 1
        return Span(begin, max(begin + 1, int(min(self.ended, self.began + self.course.seconds))))


def report_of(run: Run, thresholds: Thresholds) -> dict[str, Any]:
    """The report, with `passed` and every reason why not."""
    span = run.span
    rows, values = rows_of(run.record, span), values_of(run.record, span)
    trends = {
        name: trend
        for name, points in values.items()
        if name.startswith(GROWING) and (trend := trend_of(_second_half(points, span))) is not None
    }
    ramp = _ramp(run, rows, values, thresholds) if run.course.stops_at_knee else None
    offered = _offered(run, rows)
    complaints = _complaints(run, rows, trends, offered, thresholds)
    return {
        "format": FORMAT,
        "profile": run.profile,
        "run": run.name,
        "began": run.began,
        "span": [span.begin, span.end],
        "windowSeconds": span.window_seconds,
        "size": asdict(run.size),
        "settings": dict(run.settings),
        "versions": dict(run.versions),
        "measured": run.failed is None,
        "passed": not complaints,
        "complaints": complaints,
        "problems": [*run.problems, *_doubts(rows), *_disturbances(values)],
        "faults": {kind: run.record.faults.get(kind, 0) for kind in FAULTS},
        "examples": run.record.examples,
        "reasons": run.record.reasons,
        "offered": offered,
        "rows": {name: _row(row, span) for name, row in rows.items()},
        "values": {
            name: [[second, round(value, 4)] for second, value in points] for name, points in values.items()
        },
        "trends": {name: {"text": str(trend), **asdict(trend)} for name, trend in trends.items()},
        "server": {name: _server(buckets) for name, buckets in run.server.items() if any(buckets.values())},
        "limiting": ramp["limiting"] if ramp else limiting(values),
        "uses": [asdict(use) for use in uses(values)],
        "ramp": ramp,
        "stages": _stages(run),
        "acts": [{"at": run.began + act.at, "what": act.what, "share": act.share} for act in run.course.acts],
        "serviceLevelMs": thresholds.service_level_ms,
    }


def _second_half(points: Sequence[tuple[int, float]], span: Span) -> list[tuple[int, float]]:
    """In the first half caches and the gateways' rings fill, which ends by itself."""
    return [point for point in points if point[0] >= span.begin + span.seconds / 2]


def _complaints(
    run: Run,
    rows: Mapping[str, Row],
    trends: dict[str, Trend],
    offered: Mapping[str, float],
    thresholds: Thresholds,
) -> list[str]:
    """Every reason why a run fails, one sentence each."""
    if run.failed is not None:
        return [f"nothing was measured: {run.failed}"]
    found = [_of_fault(run.record, kind) for kind in FAULTS if run.record.faults.get(kind)]
    for name, row in rows.items():
        if row.failures > thresholds.failures * (row.count + row.failures) and not name.startswith("DOOR "):
            found.append(f"{name}: {row.failures} of {row.count + row.failures} failed")
    if not any(rows[name].count for name in ORDERS if name in rows):
        found.append("no order was accepted, so nothing was measured")
    # A ramp is to go beyond what can be had.
    elif not run.course.stops_at_knee and offered["answered"] < thresholds.offered * offered["asked"]:
        found.append(
            f"{offered['answered']:.1f} orders/s were accepted, of {offered['asked']:.1f} that were to be"
        )
    found += complaints_of_rows(dict(rows), run.profile, thresholds)
    found += run.unfinished
    return found + complaints_of_growth(trends, run.profile, thresholds)


def _of_fault(record: Record, kind: str) -> str:
    examples = record.examples.get(kind, ["no example"])
    return f"{kind}: {record.faults[kind]}, for example {examples[0]}"


def _doubts(rows: Mapping[str, Row]) -> list[str]:
    """Why the figures may be the load test's own."""
    late = rows.get(SENT_LATE)
    value = late.percentile(0.99) if late is not None else None
    if value is None or value <= GENERATOR_LATE_MS:
        return []
    return [
        f"orders left up to {value:.0f} ms (p99) after their moment: the load test itself had too little CPU"
    ]


def _disturbances(values: Mapping[str, Any]) -> list[str]:
    """Others at work on the same machine."""
    others = of_others(values)
    if others is None or others.share < DISTURBED:
        return []
    return [f"{others.part} took {others.used:.2f} of {others.of:g} cores: the times say as much about them"]


def _offered(run: Run, rows: Mapping[str, Row]) -> dict[str, float]:
    """Orders a second: asked for by the course within the measured time, and accepted."""
    span, course = run.span, run.course
    asked = 0.0
    for number, stage in enumerate(course.stages):
        begin, end = (run.began + each for each in course.span_of(number))
        asked += stage.rate * max(0.0, min(end, span.end) - max(begin, span.begin))
    answered = sum(rows[name].count for name in ORDERS if name in rows)
    return {"asked": asked / span.seconds, "answered": answered / span.seconds}


def _row(row: Row, span: Span) -> dict[str, Any]:
    buckets = row.buckets
    return {
        "count": row.count,
        "failures": row.failures,
        "size": row.size,
        "perSecond": row.count / span.seconds,
        **{f"p{share * 100:g}": _shown(percentile(buckets, share)) for share in (0.5, 0.9, 0.99, 0.999)},
        "max": _shown(edge_of(max(buckets))) if buckets else None,
        "windows": [
            [
                window.second,
                window.failures,
                window.size,
                {str(bucket): count for bucket, count in sorted(window.buckets.items())},
            ]
            for window in row.windows
        ],
    }


def _shown(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _server(buckets: Mapping[float, float]) -> dict[str, Any]:
    """A histogram of the server's own: its counts, and the edges that its percentiles lie below, in milliseconds."""
    edges = sorted(buckets)
    whole = buckets[edges[-1]]

    def below(share: float) -> float | None:
        edge = next(edge for edge in edges if buckets[edge] >= share * whole)
        return None if edge == float("inf") else edge * 1000

    finite = [edge for edge in edges if edge != float("inf")]
    return {
        "count": whole,
        "below50": below(0.5),
        "below99": below(0.99),
        "buckets": [[edge * 1000, buckets[edge]] for edge in finite],
    }


def _ramp(
    run: Run, rows: Mapping[str, Row], values: Mapping[str, Any], thresholds: Thresholds
) -> dict[str, Any]:
    # The ramp ends within the step after its knee, which tells nothing.
    steps = [step for step in steps_of(rows, run.course, run.began) if step.end <= run.ended + 1]
    knee = knee_of(steps, thresholds.service_level_ms)
    last = knee.beyond or knee.good
    used = limiting(within(values, last.begin, last.end)) if last else "not known"
    return {
        "text": str(knee),
        "limiting": used,
        "knee": asdict(knee),
        "steps": [asdict(step) for step in steps],
    }


def _stages(run: Run) -> list[dict[str, Any]]:
    stages = []
    for number, stage in enumerate(run.course.stages):
        begin, end = run.course.span_of(number)
        stages.append(
            {"name": stage.name, "rate": stage.rate, "begin": run.began + begin, "end": run.began + end}
        )
    return stages


def summary(report: Mapping[str, Any]) -> str:
    """The verdict for a console."""
    lines = []
    for name, row in report["rows"].items():
        if name.startswith(("EVENT ", "DOOR ", "POST orders/create")) and row["p99"] is not None:
            failures = f", {row['failures']} failed" if row["failures"] else ""
            lines.append(
                f"  {name:<52} {row['count']:>8} times  p50 {row['p50']:>7.1f}  p99 {row['p99']:>7.1f} ms{failures}"
            )
    offered = report["offered"]
    lines.append(f"  orders a second: {offered['answered']:.1f} accepted, {offered['asked']:.1f} asked for")
    if report["ramp"]:
        lines.append(f"  knee: {report['ramp']['text']}")
    lines.append(f"  the part that limits: {report['limiting']}")
    lines += [f"  note: {text}" for text in report["problems"]]
    word = "PASSED" if report["passed"] else "FAILED"
    reasons = "".join(f"\n  - {text}" for text in report["complaints"])
    return "\n".join([f"{report['profile']}:", *lines, f"{word}{reasons}"])
