"""The test tenants of a run, by the operator's API: opened, filled with terminals, and deleted however the run ends.

Touches no tenant that it has not opened. Every one is a test tenant: in no alert and in no service level.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from loadtests.core.place import Place
from loadtests.core.profiles import Size
from loadtests.core.rows import POLLING, SSE, WEBSOCKET
from loadtests.plan import Shop

AT_ONCE = 16
ATTEMPTS = 6
PAUSE_SECONDS = 0.5
SOURCES = [{"name": "LoadEats", "broadcast": True}]
WATCHED_DEADLINE_SECONDS = 5
# Shops may have no terminal that acks; their alarms would be load that nobody asked for.
DEADLINE_SECONDS = 600


class Unusable(Exception):
    """The cluster cannot be loaded; the text is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Everything that was opened."""

    shops: tuple[Shop, ...]
    watched: Shop
    probes: tuple[Place, ...]
    crowd: tuple[Place, ...]
    clients: tuple[Place, ...]
    webhooks: tuple[str, ...]


class Estate:
    """The tenants of one run. `ledger` is a file with the slugs that are open: where all else is lost, it is not."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, operator_key: str, run: str, ledger: Path
    ) -> None:
        self._http, self._url, self._run, self._ledger = http, url, run, ledger
        self._headers = {"Authorization": f"Bearer {operator_key}"}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._opened: set[str] = set()

    async def knock(self) -> None:
        """See that the cluster is there and knows the key.

        Raises:
            Unusable: it is not, or does not.
        """
        try:
            async with self._http.get(f"{self._url}/api/whoami", headers=self._headers) as answer:
                content = await answer.json(content_type=None)
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            raise Unusable(f"nobody answers at {self._url}: {exc}") from exc
        except ValueError as exc:
            raise Unusable(f"{self._url} answers, and is not Bellwire") from exc
        if status == 401:
            raise Unusable(f"the key is not valid at {self._url}; an operator's key is needed")
        if status != 200 or not isinstance(content, dict) or "kind" not in content:
            raise Unusable(f"{self._url} answers with {status}, and is not Bellwire")
        if content["kind"] != "op":
            raise Unusable(f"this is a key of the kind {content['kind']}; an operator's key is needed")

    async def open(self, size: Size) -> Opened:
        """Open shops and register terminals.

        Raises:
            Unusable: the cluster refused, or did not answer.
        """
        self._ledger.write_text("{}", encoding="utf-8")
        numbers = range(1, size.shops + 1)
        made = await _together(
            [self._shop(f"load-{self._run}-{number}", DEADLINE_SECONDS) for number in numbers]
        )
        watched = await self._shop(f"load-{self._run}-watched", WATCHED_DEADLINE_SECONDS)
        slugs = [shop.slug for shop in made]
        probed = [slugs[number * size.shops // size.probes] for number in range(size.probes)]
        crowd = [(slugs[number % size.shops], *_door(number, size)) for number in range(size.terminals)]
        probes = [(slug, door, acks) for slug in probed for door, acks in PROBES]
        clients = [(probed[number % len(probed)], WEBSOCKET, True) for number in range(size.clients)]
        seats = await _together(
            [self._seat(f"{number}", *each) for number, each in enumerate(probes + crowd + clients)]
        )
        witness = await self._seat("witness", watched.slug, WEBSOCKET, False, WATCHED_DEADLINE_SECONDS)
        return Opened(
            tuple(made),
            watched,
            (*seats[: len(probes)], witness),
            tuple(seats[len(probes) : len(probes) + len(crowd)]),
            tuple(seats[len(probes) + len(crowd) :]),
            tuple(probed[: size.webhooks]),
        )

    async def leave(self) -> list[str]:
        """Delete every tenant that was opened; returns those that could not be."""

        async def delete(slug: str) -> str | None:
            try:
                await self._ask("DELETE", f"/api/tenant/{slug}", None, (204, 404))
            except Unusable:
                return slug
            return None

        left = sorted(filter(None, await asyncio.gather(*(delete(slug) for slug in sorted(self._opened)))))
        if left:
            self._write(left)
        else:
            self._ledger.unlink(missing_ok=True)
        self._opened.clear()
        return left

    def take_over(self) -> bool:
        """The tenants that a run before left open, by its ledger; whether they are of this cluster."""
        kept = json.loads(self._ledger.read_text(encoding="utf-8"))
        self._opened = set(kept.get("tenants", ()))
        return bool(kept.get("url", self._url) == self._url)

    async def _shop(self, slug: str, deadline_seconds: int) -> Shop:
        body = {
            "slug": slug, "name": f"Load test {slug}", "test": True, "ackDeadlineSeconds": deadline_seconds,
            "orderSources": SOURCES,
        }  # fmt: skip
        # From now on it may be there, whether an answer comes or not.
        self._opened.add(slug)
        self._write(sorted(self._opened))
        made = await self._ask("POST", "/api/tenants", body, (201,))
        cashier = await self._ask("POST", f"/api/tenant/{slug}/terminals", {"name": "cashier"}, (201,))
        return Shop(slug, made["storefrontKey"], cashier["key"])

    async def _seat(
        self, name: str, slug: str, door: str, acks: bool, deadline_seconds: float = 0.0
    ) -> Place:
        made = await self._ask("POST", f"/api/tenant/{slug}/terminals", {"name": f"{door}-{name}"}, (201,))
        return Place(slug, made["terminalId"], made["key"], door, acks, deadline_seconds)

    def _write(self, slugs: list[str]) -> None:
        self._ledger.write_text(json.dumps({"url": self._url, "tenants": slugs}), encoding="utf-8")

    async def _ask(self, method: str, path: str, body: Any, wanted: tuple[int, ...]) -> dict[str, str]:
        last = "no answer"
        for attempt in range(ATTEMPTS):
            try:
                async with (
                    self._slots,
                    self._http.request(method, self._url + path, json=body, headers=self._headers) as answer,
                ):
                    content = await answer.json(content_type=None) if answer.content_length != 0 else {}
                    if answer.status in wanted:
                        return content or {}
                    last = f"{answer.status} {(content or {}).get('detail', '')}"
                    if answer.status < 500 and answer.status not in (408, 429):
                        break
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as exc:
                last = repr(exc)
            await asyncio.sleep(PAUSE_SECONDS * (attempt + 1))
        raise Unusable(f"{method} {path}: {last}")


# The probes of a shop: each door once, and one that never acks.
PROBES = ((WEBSOCKET, True), (SSE, True), (POLLING, True), (WEBSOCKET, False))


def _door(number: int, size: Size) -> tuple[str, bool]:
    """Doors by their shares, evenly over the crowd."""
    place = (number * 0.618033988749895) % 1.0
    if place < size.polling:
        return POLLING, True
    return (SSE, True) if place < size.polling + size.streaming else (WEBSOCKET, True)


async def _together(work: list[Any]) -> list[Any]:
    """All of it; the first that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except* Unusable as exc:
        first = exc.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise first
