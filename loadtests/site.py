"""The cluster's own figures during a run: CPU, memory, connections and queues of each part, every few seconds.

From the pods' `/metrics`, and, where the cluster runs on this machine, from `/proc`. A look that
comes to nothing is left out, and counted.
"""

import asyncio
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from loadtests.core.record import Record

LOOK_SECONDS = 2.0
TICKS = os.sysconf("SC_CLK_TCK")
# The part of a pod's page that is kept: the name in the report, and the metric, all of its labels together.
GAUGES = {
    "memory": "process_resident_memory_bytes",
    "descriptors": "process_open_fds",
    "connections": "bellwire_gateway_connections",
    "requests-under-way": "bellwire_api_requests_under_way",
    "handshakes-waiting": "bellwire_gateway_handshakes_waiting",
    "events-behind": "bellwire_gateway_head_check_lag_events",
    "unsent-bytes": "bellwire_unsent_bytes",
    "webhooks-waiting": "bellwire_webhooks_waiting",
}
RATES = {
    "cpu": "process_cpu_seconds_total",
    "pool-wait": "bellwire_postgres_pool_wait_seconds_total",
    "deliveries": "bellwire_gateway_deliveries_total",
    "requests": "bellwire_api_requests_total",
}
HISTOGRAMS = {"ack": "bellwire_ack_seconds", "delivery": "bellwire_gateway_delivery_seconds"}
_LINE = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)$", re.M)
_ANONYMOUS = re.compile(r"^RssAnon:\s+(\d+) kB", re.M)
_EDGE = re.compile(r'le="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the cluster: a pod with its address, or a process of this machine."""

    name: str
    url: str | None = None
    pid: int | None = None


@dataclass(slots=True)
class Page:
    """One look at a pod: sums by metric, and buckets of histograms by their edge."""

    sums: dict[str, float]
    buckets: dict[str, dict[float, float]]


def read_page(text: str) -> Page:
    """A page of Prometheus' text format, its labels added up."""
    sums: dict[str, float] = {}
    buckets: dict[str, dict[float, float]] = {}
    for name, labels, value in _LINE.findall(text):
        number = float(value)
        edge = _EDGE.search(labels) if name.endswith("_bucket") else None
        if edge is not None:
            of = buckets.setdefault(name.removesuffix("_bucket"), {})
            of[float(edge[1])] = of.get(float(edge[1]), 0.0) + number
        elif number == number:
            sums[name] = sums.get(name, 0.0) + number
    return Page(sums, buckets)


class Site:
    """Looks at all parts, again and again, and notes what it sees. `histograms` are the server's own, in all."""

    look_seconds = LOOK_SECONDS

    def __init__(self, http: aiohttp.ClientSession, parts: list[Part], *, local: bool) -> None:
        self._http, self._parts, self._local = http, parts, local
        self.record = Record()
        self.misses = 0
        self._before: dict[str, float] = {}
        self._first: dict[str, Mapping[str, dict[float, float]]] = {}
        self._last: dict[str, Mapping[str, dict[float, float]]] = {}
        self._at = 0.0

    async def look(self) -> None:
        """Look once at every part."""
        now = time.time()
        pages = await asyncio.gather(*(self._page(part) for part in self._parts))
        for part, page in zip(self._parts, pages, strict=True):
            if page is not None:
                self._note(part.name, page, now)
            if part.pid is not None:
                self._note_process(part.name, part.pid, now)
        if self._local:
            self._rate("cpu machine", _machine_seconds(), now)
            self.record.value("cores machine", int(now), os.cpu_count() or 1)

    @property
    def histograms(self) -> dict[str, dict[float, float]]:
        """The server's own histograms, of all pods, of the time that was watched: counts up to each edge."""
        found: dict[str, dict[float, float]] = {}
        for name, last in self._last.items():
            for short, metric in HISTOGRAMS.items():
                before = self._first[name].get(metric, {})
                for edge, count in last.get(metric, {}).items():
                    of = found.setdefault(short, {})
                    of[edge] = of.get(edge, 0.0) + max(0.0, count - before.get(edge, 0.0))
        return found

    async def _page(self, part: Part) -> Page | None:
        if part.url is None:
            return None
        try:
            async with self._http.get(
                f"{part.url}/metrics", timeout=aiohttp.ClientTimeout(LOOK_SECONDS)
            ) as answer:
                if answer.status == 200:
                    return read_page(await answer.text())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            pass
        self.misses += 1
        return None

    def _note(self, part: str, page: Page, now: float) -> None:
        for short, metric in GAUGES.items():
            if metric in page.sums:
                self.record.value(f"{short} {part}", int(now), page.sums[metric])
        for short, metric in RATES.items():
            if metric in page.sums:
                self._rate(f"{short} {part}", page.sums[metric], now)
        self._first.setdefault(part, page.buckets)
        self._last[part] = page.buckets

    def _note_process(self, part: str, pid: int, now: float) -> None:
        try:
            seconds, memory = _tree(pid)
        except (OSError, ValueError, IndexError):
            self.misses += 1
            return
        self._rate(f"cpu {part}", seconds, now)
        self.record.value(f"memory {part}", int(now), memory)

    def _rate(self, name: str, total: float, now: float) -> None:
        """The growth a second since the last look; a counter that fell is a new process's."""
        before, at = self._before.get(name), self._before.get(f"{name} at")
        if before is not None and at is not None and total >= before and now > at:
            self.record.value(name, int(now), (total - before) / (now - at))
        self._before[name], self._before[f"{name} at"] = total, now


def _tree(pid: int) -> tuple[float, int]:
    """CPU seconds and memory of a process and its children; memory that they share is nobody's."""
    seconds, memory = 0.0, 0
    waiting = [pid]
    while waiting:
        each = Path(f"/proc/{waiting.pop()}")
        fields = (each / "stat").read_text().rpartition(")")[2].split()
        seconds += sum(map(int, fields[11:15])) / TICKS
        own = _ANONYMOUS.search((each / "status").read_text())
        memory += int(own[1]) * 1024 if own else 0
        waiting += [int(child) for child in (each / f"task/{each.name}/children").read_text().split()]
    return seconds, memory


def _machine_seconds() -> float:
    """CPU seconds of everything on this machine, since it started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq = fields[:7]
    return (user + nice + system + irq + softirq) / TICKS
