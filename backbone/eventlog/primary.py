"""Find the primary among the hosts of a PostgreSQL address: `postgresql://user:password@one:5432,two:5432/name`.

Each host has its share of the time, so that one that swallows packets does not take the others' turn; the host that
served last is asked first. A standby is passed over, whoever its name belongs to.

Why: docs/decisions/0021-several-hosts.md
"""

import asyncio
from typing import Any, TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from asyncpg.exceptions import TargetServerAttributeNotMatched
from pydantic_core import MultiHostUrl

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Primary:
    """The way to the primary of one address. `connect` has the form that `asyncpg.create_pool` asks for."""

    def __init__(self, url: str, connect_seconds: float) -> None:
        self._url = url
        found = [(host["host"], host["port"] or 5432) for host in MultiHostUrl(url).hosts() if host["host"]]
        # One host, or none in the address itself: asyncpg reads it as it stands.
        self._hosts = [(str(host).strip("[]"), port) for host, port in found] if len(found) > 1 else []
        self._seconds = connect_seconds / max(1, len(self._hosts))

    async def connect(self, *_: Any, **options: Any) -> Connection:
        """Connect to the server that takes writes.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: what the last host said; none is the primary.
        """
        if not self._hosts:
            return await self._try(options)
        failure: Exception | None = None
        for host, port in tuple(self._hosts):
            try:
                connection = await self._try({**options, "host": host, "port": port})
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
                failure = exc
                continue
            self._hosts.sort(key=lambda known: known != (host, port))
            return connection
        assert failure is not None
        raise failure

    async def _try(self, options: dict[str, Any]) -> Connection:
        async with asyncio.timeout(self._seconds):
            try:
                return await asyncpg.connect(
                    self._url, **{**options, "target_session_attrs": SessionAttribute.read_write}
                )
            except TargetServerAttributeNotMatched as exc:
                raise ConnectionRefusedError("a standby must not answer as if it were the truth") from exc


async def connect_once(url: str, seconds: float, **options: Any) -> Connection:
    """A single connection to the primary, for a command. Raises as `Primary.connect`."""
    return await Primary(url, seconds).connect(**options)
