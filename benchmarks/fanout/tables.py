"""Tables in Markdown, ready for docs/performance.md: medians over the turns, spread, and who stood in the light.

A ratio is the median of the turns' ratios, not the ratio of two medians.
"""

import statistics
from collections.abc import Sequence
from typing import TypeVar

from benchmarks.fanout.contestants import LIMIT, Contestants
from benchmarks.fanout.disturbance import FOREIGN_LIMIT, STEAL_LIMIT, Disturbance
from benchmarks.fanout.gateway import Gateway
from benchmarks.fanout.latency import Wait
from benchmarks.fanout.measure import Phase

Run = TypeVar("Run", Phase, Wait)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def fanout_table(phases: Sequence[Phase]) -> str:
    """CPU first, since that is what the order is about; the cheapest rival is the one to look at."""
    costs = {name: [p.us_per_delivery for p in own] for name, own in _by_server(phases).items()}
    middle = {name: statistics.median(own) for name, own in costs.items()}
    limit, ours = costs.get(LIMIT), costs.get(Gateway.name)
    rows = []
    for name, own in _by_server(phases).items():
        redis = [p.redis_us_per_event for p in own if p.redis_us_per_event is not None]
        rows.append([
            f"**{name}**" if name == Gateway.name else name,
            f"{middle[name]:.2f}",
            f"{min(costs[name]):.2f}–{max(costs[name]):.2f}",
            f"{_times(costs[name], limit):.2f}" if limit else "–",
            f"{_times(ours, costs[name]):.2f}" if ours else "–",
            f"{_median([p.last_p50_ms for p in own]):.1f} / {_median([p.last_p99_ms for p in own]):.1f}",
            f"{_median([p.idle_bytes_per_socket for p in own]) / 1000:.1f}",
            f"{_median([p.kernel_bytes_per_socket for p in own]) / 1000:.1f}",
            f"{_median([p.connects_per_second for p in own]):.0f}",
            f"{_median(redis):.0f}" if redis else "–",
            str(sum(p.broadcasts - p.complete for p in own)),
            f"{sum(p.overrun for p in own)} of {len(own)}",
            _disturbed([p.disturbance for p in own]),
        ])  # fmt: skip
    return markdown(
        ["", "CPU µs a delivery", "spread", "× the C loop", "ours : this", "last socket p50 / p99 ms",
         "kB a socket, own", "kB, kernel, both ends", "connects/s", "Redis µs an event",
         "incomplete", "overrun", "disturbed"],
        rows,
    )  # fmt: skip


def latency_table(waits: Sequence[Wait]) -> str:
    """The crowd's last socket, and the quiet tenant without and with the crowd's load."""
    rows = []
    for name, own in _by_server(waits).items():
        alone = [w.quiet_alone_p99_ms for w in own if w.quiet_alone_p99_ms is not None]
        beside = [w.quiet_beside_p99_ms for w in own if w.quiet_beside_p99_ms is not None]
        p99 = [w.last_p99_ms for w in own]
        rows.append([
            f"**{name}**" if name == Gateway.name else name,
            f"{_median([w.last_p50_ms for w in own]):.1f}",
            f"{_median(p99):.1f}",
            f"{min(p99):.1f}–{max(p99):.1f}",
            f"{_median(alone):.2f}" if alone else "no rooms",
            f"{_median(beside):.2f}" if beside else "–",
            f"{_median(beside) / _median(alone):.1f}" if alone and beside else "–",
            str(sum(w.broadcasts - w.complete for w in own)),
            str(sum(w.quiet_missing for w in own)),
            _disturbed([w.disturbance for w in own]),
        ])  # fmt: skip
    return markdown(
        ["", "last socket p50 ms", "p99 ms", "spread of p99", "quiet tenant p99 ms, alone", "beside the crowd", "×",
         "incomplete", "of the quiet ones", "disturbed"],
        rows,
    )  # fmt: skip


def notes(runs: Sequence[Phase] | Sequence[Wait], contestants: Contestants, placement: str) -> str:
    """The facts without which the figures mean nothing."""
    all_of_them = [run.disturbance for run in runs]
    before, after = all_of_them[0].load_before, all_of_them[-1].load_after
    worst_steal, worst_foreign = max(d.steal for d in all_of_them), max(d.foreign for d in all_of_them)
    versions = ", ".join(f"{name} {version}" for name, version in sorted(contestants.versions.items()))
    turns = len(runs) // len({run.server for run in runs})
    lines = [
        f"{_sockets(runs[0])}, medians of {turns} turns each; {placement}.",
        f"Load average {before:.2f} before the first turn, {after:.2f} after the last.",
        f"Disturbed turns: {_disturbed(all_of_them)}.",
        f"Stolen by the hypervisor: at worst {worst_steal:.1%} of a core (disturbed from {STEAL_LIMIT:.0%}).",
        f"Used by strangers: at worst {worst_foreign:.0%} of a core (disturbed from {FOREIGN_LIMIT:.0%}).",
        f"Versions: {versions}.",
        *(f"Left out: {reason}." for reason in contestants.left_out),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _sockets(run: Phase | Wait) -> str:
    rooms = run.rooms if isinstance(run, Phase) else 1
    return f"{run.sockets:,} sockets" + (
        f" in {rooms:,} rooms, an event for one of them" if rooms > 1 else ""
    )


def _by_server(runs: Sequence[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.server, []).append(run)
    return found


def _times(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """How many times as much, turn by turn: what slows the machine down for a minute slows both of a turn."""
    return _median([mine / other for mine, other in zip(ours, theirs, strict=True)])


def _median(values: Sequence[float]) -> float:
    return float(statistics.median(values))


def _disturbed(turns: Sequence[Disturbance]) -> str:
    return f"{sum(turn.disturbed for turn in turns)} of {len(turns)}"
