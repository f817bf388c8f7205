"""A connection that asks the server for a type of its own once in a process, and not once in each connection.

asyncpg asks how an array is made with the first statement that has one. The query is long: its plan takes the server
some 10 ms on a connection that is new, and a pod that starts opens dozens beside a crowd that waits for it. Types that
every server has are the same everywhere (their OIDs are below 10,000), so one answer does for all; those of our schema
are asked for as ever.

Why: docs/decisions/0165-planned-once.md
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import asyncpg

FIRST_OF_A_SERVER = 10_000
"""From here on PostgreSQL gives numbers that differ from version to version and from server to server."""
_known: dict[int, Any] = {}


class _Unasked(NamedTuple):
    """In the place of the statement that was not sent; a name says that it took no other's place."""

    name: str = "unasked"


class KnownTypes(asyncpg.Connection):
    """A connection of asyncpg, for a pool's `connection_class`."""

    async def _introspect_types(
        self,
        typeoids: Collection[int],
        timeout: float | None,  # noqa: ASYNC109 - as asyncpg has it
    ) -> tuple[Sequence[Any], Any]:
        if all(oid in _known for oid in typeoids):
            return [_known[oid] for oid in typeoids], _Unasked()
        types, statement = await super()._introspect_types(typeoids, timeout)  # type: ignore[misc]
        _known.update((kind["oid"], kind) for kind in types if kind["oid"] < FIRST_OF_A_SERVER)
        return types, statement
