"""A run's outcome as a table for people and as JSON for programs. Pure."""

from collections import Counter
from typing import Any

from bellwire.verify.judge import INVARIANTS
from bellwire.verify.run import Outcome

EXAMPLES = 10
ALARMS = ("order_unacknowledged", "order_acknowledged")


def quantile(values: list[float], share: float) -> float | None:
    """The value that `share` of all are not above; None of none. `values` are sorted."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def delays_ms(outcome: Outcome) -> dict[str, list[float]]:
    """Commit to handler in milliseconds, sorted, by transport; only what came to a terminal that wanted to be there."""
    found: dict[str, list[float]] = {}
    for terminal in outcome.notes.terminals:
        mine = (1000 * (seen.seen_at - seen.committed_at) for seen in terminal.applied if seen.live)
        found.setdefault(terminal.transport, []).extend(mine)
    return {transport: sorted(values) for transport, values in sorted(found.items())}


def document(outcome: Outcome, *, samples: bool) -> dict[str, Any]:
    """The outcome as JSON; `samples` adds every delay: when committed, when seen, by whom."""
    notes = outcome.notes
    counts = Counter(violation.invariant for violation in outcome.violations)
    answered = Counter(
        "accepted" if write.accepted else "refused" if write.answers else "unknown" for write in notes.writes
    )
    return {
        "violations": {invariant: counts[invariant] for invariant in INVARIANTS},
        "examples": [f"{v.invariant}: {v.tenant}: {v.text}" for v in outcome.violations[:EXAMPLES]],
        "delays": {
            transport: {
                "events": len(values),
                "p50": quantile(values, 0.5),
                "p99": quantile(values, 0.99),
                "max": values[-1] if values else None,
            }
            for transport, values in delays_ms(outcome).items()
        },
        "statuses": {str(status): count for status, count in sorted(outcome.statuses.items())},
        "troubles": outcome.troubles,
        "writes": dict(answered),
        "events": sum(len(listed) for listed in notes.listed.values()),
        "alarms": sum(event.type in ALARMS for listed in notes.listed.values() for event in listed),
        "applied": sum(len(terminal.applied) for terminal in notes.terminals),
        "terminals": len(notes.terminals),
        "connections": outcome.telemetry.connections,
        "crashes": outcome.telemetry.crashes,
        "closes": dict(outcome.telemetry.closes),
        "refusals": {str(status): count for status, count in outcome.telemetry.refusals.items()},
        "began": outcome.began_at,
        "ended": outcome.ended_at,
        "samples": [
            [
                round(seen.committed_at, 3),
                round(seen.seen_at, 3),
                terminal.transport,
                f"{terminal.tenant}/{terminal.terminal}",
            ]
            for terminal in (notes.terminals if samples else ())
            for seen in terminal.applied
            if seen.live
        ],
    }


def table(report: dict[str, Any]) -> list[str]:
    """The report as lines for a console."""
    lines = [f"{'invariant':<12}{'violations':>10}   meaning"]
    for invariant, meaning in INVARIANTS.items():
        lines.append(f"{invariant:<12}{report['violations'][invariant]:>10}   {meaning}")
    lines += [f"! {example}" for example in report["examples"]]
    lines += ["", f"{'delay, ms':<12}{'events':>10}{'p50':>9}{'p99':>9}{'max':>9}"]
    for transport, delay in report["delays"].items():
        figures = "".join(_number(delay[name]) for name in ("p50", "p99", "max"))
        lines.append(f"{transport:<12}{delay['events']:>10}{figures}")
    statuses = ", ".join(
        f"{'no answer' if status == '0' else status}: {count}" for status, count in report["statuses"].items()
    )
    writes = ", ".join(f"{count} {word}" for word, count in report["writes"].items())
    lines += ["", f"answers   {statuses}", f"writes    {writes}"]
    lines.append(
        f"events    {report['events']} in the log, {report['applied']} times applied by {report['terminals']} "
        f"terminals over {report['connections']} connections"
    )
    broken = sum(report["violations"].values())
    lines += ["", "KEPT: no violation" if not broken else f"BROKEN: {broken} violations"]
    return lines


def _number(value: float | None) -> str:
    return f"{'-':>9}" if value is None else f"{value:>9.1f}"
