"""A terminal that is pushed to, by the contract: resumes by offset, acks, notices a stream that stands still.

Knows the messages, which are the same at both doors. Subclasses bring the connection.
"""

import asyncio
import random
from typing import Any, Protocol

from bellwire.verify.notes import parse
from bellwire.verify.till import HandlerCrash, Till

OPEN_SECONDS = 5.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.1, 2.0
BEHIND_SECONDS = 3.0
ABRUPT = 0.5
AWAY_SECONDS = 1.0
ACK_EVERY = 5
# A heartbeat is a good moment for the acks that are left; not for all tills of a shop at once.
ACK_AT_HEARTBEAT = 0.2


class Standstill(Exception):
    """Nothing came for too long: the connection is dead, whatever TCP says."""


class Closed(Exception):
    """The server ended the connection; `code` is what it said, `retry_seconds` when it wants us back, if ever."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        said = reason.removeprefix("retry_ms=")
        self.retry_seconds = int(said) / 1000 if said != reason and said.isdigit() else None


class Refused(Exception):
    """The door did not open; the status says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Stream(Protocol):
    """One connection."""

    async def receive(self) -> dict[str, Any]:
        """Return the next message; `Closed`, or an `OSError` when it just broke."""

    async def ack(self, offset: str, reading: str | None) -> bool:
        """Say that all up to there was stored of the reading that `hello` named; whether that was taken."""

    async def close(self, *, abrupt: bool) -> None:
        """Leave, politely or not."""


class PushedTill(Till):
    """A stream, again and again."""

    async def connect(self, query: dict[str, str]) -> Stream:
        """Open a connection.

        Raises:
            Refused: the server said no.
            OSError, TimeoutError, EOFError: there was no answer, or half of one.
        """
        raise NotImplementedError

    async def run(self) -> None:
        """Connect and follow; after any cut come back from the last event applied."""
        wait = FIRST_WAIT_SECONDS
        while True:
            count = len(self.notes.connections)
            pause = None
            try:
                pause = await self._visit()
            except HandlerCrash:
                self._telemetry.closes["handler crashed"] += 1
            except Refused as exc:
                self._telemetry.refusals[exc.status] += 1
            except Closed as exc:
                self._telemetry.closes[str(exc.code)] += 1
                pause = exc.retry_seconds
            except (OSError, TimeoutError, EOFError, Standstill) as exc:
                self._telemetry.closes[type(exc).__name__] += 1
            self._connection.over = True
            if len(self.notes.connections) > count:
                wait = FIRST_WAIT_SECONDS
            await asyncio.sleep(wait * self._chance.random() if pause is None else pause)
            wait = min(LONGEST_WAIT_SECONDS, wait * 2)

    async def _visit(self) -> float:
        """One connection, to the moment at which we leave; returns for how long."""
        asked = self.notes.position
        query = {} if asked is None else {"after": asked}
        if self.notes.types:
            query["types"] = ",".join(sorted(self.notes.types))
        stream = await self.connect(query)
        abrupt = True
        try:
            await self._follow(stream, asked)
            abrupt = self._chance.random() < ABRUPT
        finally:
            await stream.close(abrupt=abrupt)
        self.left()
        self._telemetry.closes["left on purpose"] += 1
        return self._chance.uniform(0, AWAY_SECONDS)

    async def _follow(self, stream: Stream, asked: str | None) -> None:
        loop = asyncio.get_running_loop()
        silence = patience = OPEN_SECONDS
        behind_since, unacked = float("inf"), 0
        leave_at, reading = float("inf"), None
        while loop.time() < leave_at or not self._reconnect_seconds:
            try:
                async with asyncio.timeout(min(patience, BEHIND_SECONDS)):
                    message = await stream.receive()
            except TimeoutError:
                patience -= BEHIND_SECONDS
                if patience <= 0 or loop.time() - behind_since > BEHIND_SECONDS:
                    raise Standstill from None
                continue
            match message["type"]:
                case "hello":
                    silence = patience = 2.5 * message["heartbeatSeconds"]
                    leave_at = loop.time() + time_to_leave(self._chance, self._reconnect_seconds)
                    reading = message.get("reading")
                    self.opened(asked, message["after"], message["tenant"])
                case "heartbeat":
                    if not self._is_behind(message["head"]):
                        behind_since = float("inf")
                    elif behind_since == float("inf"):
                        behind_since = loop.time()
                    if unacked and (self._calm or self._chance.random() < ACK_AT_HEARTBEAT):
                        unacked = 0
                        await self._ack(stream, self.notes.position or "0", reading)
                case "reset":
                    self.reset(message["to"])
                case _ if "data" in message:
                    self.take(message)
                    behind_since = float("inf")
                    unacked += 1
                    if unacked >= ACK_EVERY:
                        unacked = 0
                        await self._ack(stream, message["offset"], reading)
            patience = silence

    async def _ack(self, stream: Stream, offset: str, reading: str | None) -> None:
        if self._mute:
            return
        self.acking(offset)
        if await stream.ack(offset, reading):
            self.acked(offset)

    def _is_behind(self, head: str) -> bool:
        """Whether the server has what we did not get; a filtered terminal cannot tell."""
        position = self.notes.position
        return self.notes.types is None and position is not None and parse(head) > parse(position)


def time_to_leave(chance: random.Random, mean_seconds: float) -> float:
    """For how long to stay."""
    return chance.expovariate(1 / mean_seconds) if mean_seconds else float("inf")
