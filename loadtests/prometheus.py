"""A Prometheus that scrapes the cluster, asked for the same figures as the pods' own pages have: see site.py."""

import time
from typing import Any

import aiohttp

from loadtests.core.record import Record
from loadtests.site import GAUGES, HISTOGRAMS, RATES

LOOK_SECONDS = 15.0
JOBS = 'job=~"bellwire-(api|gateway|haproxy)"'
WINDOW = "1m"


class Prometheus:
    """Looks like a `Site`; `histograms` are the growth of the server's own since the first look."""

    look_seconds = LOOK_SECONDS

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http, self._url = http, url
        self.record = Record()
        self.misses = 0
        self._first: dict[str, dict[float, float]] = {}
        self._last: dict[str, dict[float, float]] = {}

    async def look(self) -> None:
        """Look once at every pod."""
        now = int(time.time())
        for short, metric in GAUGES.items():
            for part, value in await self._by_part(f"sum by (job, instance, pod) ({metric}{{{JOBS}}})"):
                self.record.value(f"{short} {part}", now, value)
        for short, metric in RATES.items():
            query = f"sum by (job, instance, pod) (rate({metric}{{{JOBS}}}[{WINDOW}]))"
            for part, value in await self._by_part(query):
                self.record.value(f"{short} {part}", now, value)
        for short, metric in HISTOGRAMS.items():
            found = {
                float(labels["le"]): value
                for labels, value in await self._ask(f"sum by (le) ({metric}_bucket{{{JOBS}}})")
            }
            if found:
                self._first.setdefault(short, found)
                self._last[short] = found

    @property
    def histograms(self) -> dict[str, dict[float, float]]:
        """Counts up to each edge, since the first look; a pod that began anew takes some away."""
        return {
            short: {edge: max(0.0, count - self._first[short].get(edge, 0.0)) for edge, count in last.items()}
            for short, last in self._last.items()
        }

    async def _by_part(self, query: str) -> list[tuple[str, float]]:
        """Each pod by its name, or, outside Kubernetes, by its job and address."""
        return [
            (
                labels.get("pod")
                or f"{labels.get('job', '').removeprefix('bellwire-')}-{labels.get('instance', '')}",
                value,
            )
            for labels, value in await self._ask(query)
        ]

    async def _ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        try:
            async with self._http.get(f"{self._url}/api/v1/query", params={"query": query}) as answer:
                content: dict[str, Any] = await answer.json(content_type=None)
                found = [(each["metric"], float(each["value"][1])) for each in content["data"]["result"]]
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError, IndexError):
            self.misses += 1
            return []
        return [(labels, value) for labels, value in found if value == value]
