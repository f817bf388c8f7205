"""The installation at a glance, added up from what its pods say of themselves. Pure: moments come in.

Pods say how much there was since they began; here it becomes how much there is a second, over the last ten, and what
there was in the last minute. A pod that was not seen before, or that began anew, starts at what it says then.

Why: docs/decisions/0135-one-word-a-second.md
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SILENT_SECONDS = 2.5
"""A pod writes each second; after so long without a word it is taken for gone."""
RATE_SECONDS = 10.0
MINUTE_SECONDS = 60.0
TOP_SHOPS = 20


@dataclass(frozen=True, slots=True)
class PodRow:
    """One pod as the database has it. `version`, `since` and `sample` are None for a gateway of a release before."""

    kind: str
    pod: str
    version: str | None
    since: str | None
    age_seconds: float
    sample: Mapping[str, Any] | None
    drain_wanted: bool
    lost_at: str | None

    @property
    def state(self) -> str:
        """The word that the console shows."""
        if self.sample is None:
            return "known"
        if self.age_seconds > SILENT_SECONDS:
            return "silent"
        if self.drain_wanted or self.sample.get("draining"):
            return "drained" if self.kind == "gateway" and not _connections(self.sample) else "draining"
        return "waiting" if self.sample.get("missing") else "ready"


def _connections(sample: Mapping[str, Any]) -> int:
    return sum(sample.get("connections", {}).values())


@dataclass(slots=True)
class Tick:
    """The growth of all counters between two looks, `at` by a clock that only rises."""

    at: float
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)
    pods: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)


class Window:
    """The last minute. `look` takes what the pods say now; the figures are of what was taken."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], tuple[str | None, Counter[str]]] = {}
        self._ticks: deque[Tick] = deque()
        self._looked_at: float | None = None
        self._bounds: Sequence[float] = ()

    def look(self, now: float, rows: Sequence[PodRow]) -> None:
        """Take a look at `now` (monotonic)."""
        tick = Tick(now, now - (self._looked_at if self._looked_at is not None else now))
        seen = {}
        for row in rows:
            if row.sample is None:
                continue
            name = (row.kind, row.pod)
            self._bounds = row.sample.get("bounds", self._bounds)
            counts = seen[name] = row.since, _flat(row.sample)
            since, before = self._before.get(name, (None, counts[1]))
            grown = Counter(counts[1])
            if since in (None, row.since):
                grown.subtract(before)
            # A counter that went back is a process that began anew, which is known above: nothing else lowers one.
            tick.pods[name] = grown
            tick.counts.update(grown)
        self._before, self._looked_at = seen, now
        self._ticks.append(tick)
        while self._ticks and now - self._ticks[0].at >= MINUTE_SECONDS:
            self._ticks.popleft()

    def rate(self, name: str, pod: tuple[str, str] | None = None) -> float:
        """How much of it there is a second, of one pod or of all."""
        ticks = self._recent(RATE_SECONDS)
        seconds = sum(tick.seconds for tick in ticks)
        if not seconds:
            return 0.0
        counts = [tick.counts if pod is None else tick.pods.get(pod, Counter()) for tick in ticks]
        return round(sum(count[name] for count in counts) / seconds, 1)

    def minute(self, prefix: str) -> dict[str, int]:
        """How much there was in the last minute of each counter that begins so, without those of which was nothing."""
        found: Counter[str] = Counter()
        for tick in self._ticks:
            found.update({name: count for name, count in tick.counts.items() if name.startswith(prefix)})
        return {name.removeprefix(prefix): count for name, count in sorted(found.items()) if count > 0}

    def delivery(self) -> dict[str, Any]:
        """How long events took to the sockets in the last ten seconds, in milliseconds; null where there were none."""
        counts = [0] * (len(self._bounds) + 1)
        for tick in self._recent(RATE_SECONDS):
            for index in range(len(counts)):
                counts[index] += tick.counts[f"delivery.{index}"]
        return {
            "count": sum(counts),
            "p50": percentile(self._bounds, counts, 0.50),
            "p99": percentile(self._bounds, counts, 0.99),
        }

    def _recent(self, seconds: float) -> list[Tick]:
        if not self._ticks:
            return []
        now = self._ticks[-1].at
        return [tick for tick in self._ticks if now - tick.at < seconds]


def _flat(sample: Mapping[str, Any]) -> Counter[str]:
    """All counters of a sample under one name each."""
    counts: Counter[str] = Counter()
    for name in ("committed", "deliveries"):
        counts[name] = int(sample.get(name, 0))
    for name in ("replayed", "closed"):
        counts.update({f"{name}.{key}": int(value) for key, value in sample.get(name, {}).items()})
    counts.update({f"delivery.{index}": int(count) for index, count in enumerate(sample.get("delivery", ()))})
    return counts


def percentile(bounds: Sequence[float], counts: Sequence[int], part: float) -> float | None:
    """Return the milliseconds within which that part was, as near as the buckets tell; None where there was nothing.

    What is beyond the last bound is told as that bound.

    >>> percentile((0.01, 0.1), (50, 50, 0), 0.5)
    10.0
    """
    wanted = sum(counts) * part
    if not wanted:
        return None
    below, lower = 0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if below + count >= wanted:
            return round(1000 * (lower + (bound - lower) * (wanted - below) / count), 2)
        below, lower = below + count, bound
    return round(1000 * lower, 2)


def pod_document(row: PodRow, window: Window, *, known: bool) -> dict[str, Any]:
    """One pod of a frame; figures are null where it says none, and the last ones where it is silent.

    `known`: the row is of now. Otherwise nobody can say how the pod is.
    """
    sample = row.sample
    name = (row.kind, row.pod)
    document: dict[str, Any] = {
        "kind": row.kind,
        "pod": row.pod,
        "version": row.version,
        "state": row.state if known else "unknown",
        "since": row.since,
        "heardSecondsAgo": round(row.age_seconds, 1),
        "lostAt": row.lost_at,
        "missing": [] if sample is None else sample.get("missing", []),
        "redis": None if sample is None else sample.get("redis"),
        "postgres": None if sample is None else sample.get("postgres"),
    }
    if row.kind == "gateway":
        document["connections"] = None if sample is None else sample.get("connections")
        document["deliveriesPerSecond"] = None if sample is None else window.rate("deliveries", name)
    else:
        document["eventsPerSecond"] = None if sample is None else window.rate("committed", name)
    return document


def top_shops(rows: Sequence[PodRow]) -> list[dict[str, Any]]:
    """The busiest shops of the last minute, by what the pods that are there say."""
    found: Counter[str] = Counter()
    for row in rows:
        if row.sample is not None and row.age_seconds <= SILENT_SECONDS:
            found.update(row.sample.get("shops", {}))
    return [{"tenant": tenant, "eventsPerMinute": count} for tenant, count in found.most_common(TOP_SHOPS)]
