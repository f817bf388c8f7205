"""The shops of a run and the keys of their terminals: registered once, kept in a file, used by run after run.

A run goes on from the heads that it finds. The parts that a shop still needs are registered; nothing is twice.
"""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson

from bellwire.verify.client import Client
from bellwire.verify.trouble import Unreachable

AT_ONCE = 16
LEAVE_SECONDS = 10.0
AGAIN_SECONDS = 0.1
AUDITOR = "auditor"


@dataclass(slots=True)
class Terminal:
    """A registered terminal."""

    id: str
    key: str


@dataclass(slots=True)
class Shop:
    """A registered tenant. Its auditor is a terminal that looks and writes, and is never connected."""

    slug: str
    key: str
    terminals: dict[str, Terminal] = field(default_factory=dict)
    # How long its orders wait for an ack before they alarm; not known of one that a release of before opened.
    deadline_seconds: int | None = None

    @property
    def auditor(self) -> str:
        """The auditor's key."""
        return self.terminals[AUDITOR].key


class Taken(Unreachable):
    """The slug is somebody else's."""


class Unknown(Unreachable):
    """The pod that answered is of a release that knows no test tenants."""


class Estate:
    """Shops by number, test tenants all. With a `file` they outlive the run; without one `leave` deletes them."""

    def __init__(
        self, client: Client, operator_key: str, name: str, file: Path | None, deadline_seconds: int = 30
    ) -> None:
        self._client = client
        self._deadline_seconds = deadline_seconds
        self._operator_key = operator_key
        self._name = name
        self._file = file
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._shops: dict[str, Shop] = {}
        self._opened: set[str] = set()
        self._plain: set[str] = set()

    def recall(self) -> None:
        """Read the file, if there is one.

        Raises:
            Unreachable: it is not what a run keeps.
        """
        if self._file is None or not self._file.exists():
            return
        try:
            kept = orjson.loads(self._file.read_bytes())
            self._shops = {slug: _shop(each) for slug, each in kept.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise Unreachable(f"{self._file} is not an estate, which a run before kept") from exc

    async def shop(self, number: int, terminals: Iterable[str], until: float) -> Shop:
        """Return the shop with at least these terminals.

        Raises:
            Unreachable: the cluster refused, or did not answer until `until` (the loop's time).
        """
        slug = f"verify-{self._name}-{number}"
        if slug not in self._shops:
            made = await self._open(slug, until)
            deadline = None if slug in self._plain else self._deadline_seconds
            self._shops[slug] = Shop(slug, made["storefrontKey"], deadline_seconds=deadline)
        shop = self._shops[slug]
        missing = [name for name in (AUDITOR, *terminals) if name not in shop.terminals]
        await asyncio.gather(*(self._add(shop, name, until) for name in missing))
        return shop

    async def _open(self, slug: str, until: float) -> dict[str, str]:
        """Open a test tenant; at a pod of a release that knows none, a tenant like any other."""
        name = f"Verify {slug.rpartition('-')[2]}"
        body: dict[str, object] = {
            "slug": slug, "name": name, "ackDeadlineSeconds": self._deadline_seconds, "test": True,
        }  # fmt: skip
        # From now on it may be there, whether an answer comes or not; one that was there before is somebody else's.
        if self._file is None:
            self._opened.add(slug)
        try:
            try:
                return await self._ask("POST", "/api/tenants", body, until)
            except Unknown:
                self._plain.add(slug)
                del body["test"]
                return await self._ask("POST", "/api/tenants", body, until)
        except Taken:
            self._opened.discard(slug)
            raise

    def keep(self) -> None:
        """Write everything to the file, if there is one."""
        if self._file is None:
            return
        # Whole or not at all: an interrupted run must not cost the next one its keys.
        draft = self._file.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_bytes(orjson.dumps({slug: asdict(shop) for slug, shop in self._shops.items()}))
        os.replace(draft, self._file)

    async def leave(self) -> list[str]:
        """Without a file nothing outlives the run: its shops are test tenants, and are deleted.

        Returns the slugs of those that could not be; bounded by `LEAVE_SECONDS`. Of a shop that a pod of a release
        without test tenants opened, the terminals are taken away, so that no key outlives the run.
        """
        until = asyncio.get_running_loop().time() + LEAVE_SECONDS
        left: list[str] = []

        async def remove(slug: str) -> None:
            if slug in self._plain:
                terminals = self._shops[slug].terminals.values() if slug in self._shops else ()
                paths = [f"/api/tenant/{slug}/terminals/{terminal.id}" for terminal in terminals]
            else:
                paths = [f"/api/tenant/{slug}"]
            if not all(await asyncio.gather(*(self._delete(path, until) for path in paths))):
                left.append(slug)

        await asyncio.gather(*(remove(slug) for slug in sorted(self._opened)))
        return sorted(left)

    async def _delete(self, path: str, until: float) -> bool:
        """Whether it is gone by `until`. A pod of an older release may not know how; the next one that answers may."""
        while asyncio.get_running_loop().time() < until:
            try:
                async with self._slots:
                    answer = await self._client.decided("DELETE", path, self._operator_key, until=until)
            except Unreachable:
                return False
            if answer.status != HTTPStatus.METHOD_NOT_ALLOWED:
                return answer.accepted or answer.status == HTTPStatus.NOT_FOUND
            await asyncio.sleep(AGAIN_SECONDS)
        return False

    async def _add(self, shop: Shop, name: str, until: float) -> None:
        made = await self._ask("POST", f"/api/tenant/{shop.slug}/terminals", {"name": name}, until)
        shop.terminals[name] = Terminal(made["terminalId"], made["key"])

    async def _ask(self, method: str, path: str, body: dict[str, object], until: float) -> dict[str, str]:
        async with self._slots:
            answer = await self._client.decided(method, path, self._operator_key, until=until, json=body)
        if not answer.accepted:
            refused = Taken if answer.status == HTTPStatus.CONFLICT else Unreachable
            if [error["loc"] for error in answer.body.get("errors", ())] == ["test"]:
                refused = Unknown
            raise refused(f"{method} {path}: {answer.status} {answer.body.get('detail', '')}")
        return {name: str(value) for name, value in answer.body.items()}


def _shop(kept: dict[str, Any]) -> Shop:
    terminals = {name: Terminal(**each) for name, each in kept["terminals"].items()}
    return Shop(str(kept["slug"]), str(kept["key"]), terminals, kept.get("deadline_seconds"))
