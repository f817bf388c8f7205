"""Redis as wake-up and cache: put committed events on their tenant's stream and channel, read a stream back.

Knows Redis, in each of its shapes; holds nothing that matters. A failure here is told within
`redis_timeout_seconds`, is never retried, and fails for the tenants of one server alone. The gateways' head check
finds an event that was lost. A pod that has a secret signs what it puts there, and returns nothing that is not signed.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from redis.exceptions import MovedError, ResponseError

from backbone.contract.errors import Unavailable, Violation
from backbone.contract.event import (
    Event,
    NamesUnknown,
    decode_live,
    encode_live,
    encode_live_before,
    names_of,
)
from backbone.contract.offset import Offset
from backbone.eventlog.keys import live_channel, signed_channel, stream_key
from backbone.eventlog.node import Node
from backbone.eventlog.raw_connection import Command, pack
from backbone.eventlog.signing import Misfit, Misfits, signatures_of
from backbone.eventlog.topology import Topology
from backbone.runtime.redis_url import Address
from backbone.runtime.settings import PodSettings

log = logging.getLogger("bellwire.redis")

Announced = tuple[str, Event]
"""A tenant and its event."""


class Outcome(StrEnum):
    """The end of announcing an event."""

    OK = "ok"
    STALE = "stale"
    FAILED = "failed"


class _DoesNotFit(Exception):
    """An entry that is not believed. Without a `misfit` a pod of release 0.1 wrote it, and there is nothing to tell."""

    def __init__(self, misfit: Misfit | None) -> None:
        super().__init__(misfit)
        self.misfit = misfit


class Stream:
    """The tenants' streams and live channels. Owns the pod's `topology`, which the live feed goes by too."""

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings
        # Looked up for each event, and pydantic is not quick at that.
        self._events, self._seconds = settings.stream_events, settings.stream_seconds
        self._signatures = signatures_of(settings)
        self._both = settings.redis_signatures == "both"
        # Of one event: the entry, and a message on each channel that it goes to.
        self._commands = 3 if self._signatures is not None and self._both else 2
        self._misfits = Misfits("stream")
        self.topology = Topology(settings)
        self.topology.on_change(self._end_unneeded)
        self._nodes: dict[Address, Node] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def publish(self, batch: Sequence[Announced]) -> Mapping[Outcome, int]:
        """Put `(tenant, event)` pairs on their streams and channels, in one round trip to each server.

        An entry that is not newer than its stream's last one is refused by Redis (`STALE`); that is wanted (another
        pod was faster, or the epoch is old), leaves a hole that readers see by arithmetic, and is announced all the
        same. A server that is away fails its own events and nobody else's.

        Returns:
            How many events had which outcome; `FAILED` ones may have arrived nevertheless.
        """
        await self.topology.ready()
        until = asyncio.get_running_loop().time() + self._settings.redis_timeout_seconds
        return await self._publish(batch, until, follow=True)

    async def read(self, tenant: str, after: Offset, through: Offset, limit: int) -> tuple[Event, ...]:
        """Return the events from right behind `after`, oldest first, at most `limit` and not past `through`.

        All or nothing: the run starts at `after.seq + 1`, has no hole and nothing that does not fit, or it is empty. A
        trimmed or flushed stream looks like an empty range, so only the first entry's ID tells.

        Raises:
            Unavailable: Redis.
        """
        start = f"({after}" if after.epoch else "-"
        answer = await self._ask(tenant, ("XRANGE", stream_key(tenant), start, str(through), "COUNT", limit))
        try:
            events = tuple(self._event_of(tenant, entry_id, fields) for entry_id, fields in answer)
        except _DoesNotFit as exc:
            if exc.misfit is not None:
                self._misfits.met(exc.misfit, tenant)
            return ()
        contiguous = all(event.offset.seq == after.seq + 1 + index for index, event in enumerate(events))
        return events if contiguous else ()

    async def drop(self, tenant: str) -> None:
        """Forget a tenant's stream; whoever looks for what it held finds it in PostgreSQL.

        Raises:
            Unavailable: Redis.
        """
        await self._ask(tenant, ("DEL", stream_key(tenant)))

    async def ping(self) -> None:
        """Raises Unavailable when a server that has something of ours does not answer."""
        await self.topology.ready()
        servers = self.topology.slot_map.servers
        if not servers:
            raise Unavailable("Redis")
        pings = [self._node(address).run([("PING",)]) for address in servers]
        for answer in await asyncio.gather(*pings, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer

    async def close(self) -> None:
        """Close the connections."""
        await self.topology.close()
        await asyncio.gather(*(node.close() for node in self._nodes.values()), *self._closing)
        self._nodes.clear()

    async def _ask(self, tenant: str, command: Command) -> Any:
        """Run one command about a tenant's stream; where the stream has moved, at its new server."""
        await self.topology.ready()
        [answer] = await self._node_of(tenant).run([command])
        if isinstance(answer, MovedError):
            self._learn(answer, tenant)
            [answer] = await self._node_of(tenant).run([command])
        if isinstance(answer, Exception):
            raise Unavailable("Redis") from answer
        return answer

    async def _publish(
        self, batch: Sequence[Announced], until: float, *, follow: bool
    ) -> Mapping[Outcome, int]:
        self.topology.look_if_old()
        if len(batch) == 1:
            return await self._publish_at(
                self.topology.slot_map.owner(stream_key(batch[0][0])), batch, until, follow
            )
        parts: dict[Address | None, list[Announced]] = {}
        for announced in batch:
            parts.setdefault(self.topology.slot_map.owner(stream_key(announced[0])), []).append(announced)
        work = [self._publish_at(address, part, until, follow) for address, part in parts.items()]
        if len(work) == 1:
            return await work[0]
        outcomes: Counter[Outcome] = Counter()
        for found in await asyncio.gather(*work):
            outcomes.update(found)
        return outcomes

    async def _publish_at(
        self, address: Address | None, part: Sequence[Announced], until: float, follow: bool
    ) -> Mapping[Outcome, int]:
        commands = [self._announcement(tenant, event) for tenant, event in part]
        tenants = {tenant for tenant, _ in part}
        commands += [pack(("EXPIRE", stream_key(tenant), self._seconds)) for tenant in tenants]
        try:
            if address is None:
                self.topology.look_soon()
                raise Unavailable("Redis")
            packed = b"".join(commands)
            answers = await self._node(address).send(packed, self._commands * len(part) + len(tenants), until)
        except Unavailable:
            return Counter({Outcome.FAILED: len(part)})
        if len(part) == 1 and not _any_error(answers):
            return _ONE_OK
        outcomes: Counter[Outcome] = Counter()
        moved = []
        for index, announced in enumerate(part):
            added, *told = answers[self._commands * index : self._commands * (index + 1)]
            # One server, and one slot: what becomes of one message becomes of the other, but for bad luck in between.
            heard = next((answer for answer in told if isinstance(answer, Exception)), None)
            if follow and isinstance(heard, MovedError):
                self._learn(heard, announced[0])
                moved.append(announced)
            else:
                outcomes[_outcome(added, heard)] += 1
        if outcomes[Outcome.FAILED]:
            # READONLY, perhaps: the server is no primary any more.
            self.topology.look_soon()
        if moved:
            outcomes.update(await self._publish(moved, until, follow=False))
        return outcomes

    def _announcement(self, tenant: str, event: Event) -> bytes:
        live = encode_live(event)
        entry: Command = (
            "XADD", stream_key(tenant), "MAXLEN", "~", self._events, str(event.offset),
            "t", event.type, "c", event.committed_ms, "p", event.payload,
        )  # fmt: skip
        names = names_of(event)
        if names is not None:
            entry = (*entry, "n", names)
        if self._signatures is None:
            return pack(entry) + pack(("SPUBLISH", live_channel(tenant), live))
        signatures = self._signatures.sign(tenant, live)
        signed = pack((*entry, "s", signatures)) + pack(
            ("SPUBLISH", signed_channel(tenant), b"%b %b" % (signatures, live))
        )
        if not self._both:
            return signed
        # Pods of release 0.1 hear this one, and take all behind its third word for the payload.
        return signed + pack(("SPUBLISH", live_channel(tenant), encode_live_before(event)))

    def _event_of(self, tenant: str, entry_id: bytes, fields: Any) -> Event:
        """Read an entry; raises _DoesNotFit."""
        # A map or a flat list, as the protocol's version has it.
        values = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
        try:
            words = [entry_id, values[b"t"], values[b"c"], values[b"p"]]
            if b"n" in values:
                words[3:3] = [b"%d:%b" % (len(values[b"n"]), values[b"n"])]
            live = b" ".join(words)
            event = decode_live(live)
        except NamesUnknown as exc:
            # Without its names no filter can judge it. PostgreSQL has them.
            raise _DoesNotFit(None if self._signatures is None else Misfit.UNSIGNED) from exc
        except (KeyError, Violation) as exc:
            raise _DoesNotFit(Misfit.WRONG) from exc
        if self._signatures is not None:
            if b"s" not in values:
                raise _DoesNotFit(Misfit.UNSIGNED)
            if not self._signatures.fits(tenant, live, values[b"s"]):
                raise _DoesNotFit(Misfit.WRONG)
        return event

    def _learn(self, moved: MovedError, tenant: str) -> None:
        owner = self.topology.slot_map.owner(stream_key(tenant))
        host = moved.host or (owner.host if owner is not None else "")
        self.topology.moved(moved.slot_id, Address(host, moved.port))

    def _node_of(self, tenant: str) -> Node:
        self.topology.look_if_old()
        address = self.topology.slot_map.owner(stream_key(tenant))
        if address is None:
            self.topology.look_soon()
            raise Unavailable("Redis")
        return self._node(address)

    def _node(self, address: Address) -> Node:
        node = self._nodes.get(address)
        if node is None:
            url = self.topology.url_of(address)
            node = self._nodes[address] = Node(self._settings, url, str(address), self.topology.look_soon)
        return node

    def _end_unneeded(self) -> None:
        """Another slot map: connections to servers that own nothing any more are closed."""
        for address in self._nodes.keys() - self.topology.slot_map.servers:
            task = asyncio.create_task(self._nodes.pop(address).close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


_ONE_OK: Mapping[Outcome, int] = {Outcome.OK: 1}


def _any_error(answers: Sequence[Any]) -> bool:
    return any([isinstance(answer, Exception) for answer in answers])  # noqa: C419 - a list is the quicker


def _outcome(added: Any, heard: Any) -> Outcome:
    if isinstance(heard, Exception):
        return Outcome.FAILED
    if not isinstance(added, Exception):
        return Outcome.OK
    # The stream has a later entry. Anything else (no memory, no disk, no primary) is a failure, though it was heard.
    late = isinstance(added, ResponseError) and "equal or smaller" in str(added)
    return Outcome.STALE if late else Outcome.FAILED
