"""The parts that terminals of every transport share: notes, a position, moments at which they leave on purpose."""

import asyncio
import hashlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from bellwire.verify.notes import Connection, Seen, TerminalNotes


class HandlerCrash(Exception):
    """The terminal's handler died of an event; the event is not applied."""


@dataclass(slots=True)
class Telemetry:
    """The counts of all terminals of a run."""

    closes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[int] = field(default_factory=Counter)
    connections: int = 0
    crashes: int = 0


def digest(event: dict[str, Any]) -> str:
    """An event's whole content in 16 characters, whatever the order of its members."""
    return hashlib.blake2b(orjson.dumps(event, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


class Till:
    """A terminal: its key, its notes. Subclasses bring a transport as `run`."""

    transport = ""

    def __init__(
        self,
        url: str,
        tenant: str,
        key: str,
        name: str,
        telemetry: Telemetry,
        chance: random.Random,
        *,
        start: str | None = None,
        types: frozenset[str] | None = None,
        reconnect_seconds: float = 0.0,
        crash: float = 0.0,
        mute: bool = False,
    ) -> None:
        """`start`: the offset to begin behind; None is live from the head. One that is `mute` never acks."""
        self.notes = TerminalNotes(tenant, name, self.transport, types, start)
        self.ready = asyncio.Event()
        self._url = url
        self._key = key
        self._telemetry = telemetry
        self._chance = chance
        self._reconnect_seconds = reconnect_seconds
        self._crash = crash
        self._mute = mute
        self._calm = False
        # Events that were committed before this moment found us away by our own will: their delay says nothing.
        self._here_since = float("inf")
        self._connection = Connection(None, "0", tenant)

    async def run(self) -> None:
        """Be a terminal until cancelled."""
        raise NotImplementedError

    def calm(self) -> None:
        """Stop leaving and crashing: the load is over, what is left is to catch up."""
        self._reconnect_seconds = 0.0
        self._crash = 0.0
        self._calm = True

    def hush(self) -> None:
        """Ack nothing more: an ack on its way when the connection is cut would be neither heard nor lost."""
        self._mute = True

    def acking(self, offset: str) -> None:
        """An ack is about to go out."""
        self.notes.said = offset

    def acked(self, offset: str) -> None:
        """It was taken."""
        self._connection.acked = offset

    def opened(self, asked: str | None, after: str, tenant: str) -> None:
        """A connection stands; what comes belongs to it."""
        self._connection = Connection(asked, after, tenant)
        self.notes.connections.append(self._connection)
        if self.notes.start is None:
            self.notes.start = after
        if self._here_since == float("inf"):
            self._here_since = time.time()
        self._telemetry.connections += 1
        self.ready.set()

    def left(self) -> None:
        """We go on purpose."""
        self._here_since = float("inf")

    def reset(self, to: str) -> None:
        """History was not replayed; the stream goes on behind `to`."""
        self._connection.resets.append(to)

    def take(self, event: dict[str, Any]) -> None:
        """An event arrived: into the raw notes, then through the handler.

        Raises:
            HandlerCrash: by chance; the event is in the raw notes only.
        """
        committed_at = datetime.fromisoformat(event["timestamp"]).timestamp()
        seen = Seen(
            event["offset"],
            event["tenant"],
            event["type"],
            digest(event),
            committed_at,
            time.time(),
            committed_at >= self._here_since,
        )
        self._connection.raw.append(seen)
        if self._crash and self._chance.random() < self._crash:
            self._telemetry.crashes += 1
            raise HandlerCrash
        self.notes.applied.append(seen)
