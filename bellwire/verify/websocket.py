"""A terminal on a WebSocket, by the contract: resumes by offset, acks, notices a stream that stands still."""

import asyncio
import random
from typing import Any
from urllib.parse import urlencode

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from bellwire.verify.notes import parse
from bellwire.verify.till import HandlerCrash, Till

OPEN_SECONDS = 5.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.1, 2.0
BEHIND_SECONDS = 3.0
ABRUPT = 0.5
AWAY_SECONDS = 1.0
ACK_EVERY = 5


class Standstill(Exception):
    """Nothing came for too long: the connection is dead, whatever TCP says."""


class WebSocketTill(Till):
    """A WebSocket, again and again."""

    transport = "websocket"

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
            except InvalidStatus as exc:
                self._telemetry.refusals[exc.response.status_code] += 1
            except ConnectionClosed as exc:
                pause = self._slot_of(exc)
            except (OSError, TimeoutError, InvalidHandshake, EOFError, Standstill) as exc:
                self._telemetry.closes[type(exc).__name__] += 1
            if len(self.notes.connections) > count:
                wait = FIRST_WAIT_SECONDS
            await asyncio.sleep(wait * self._chance.random() if pause is None else pause)
            wait = min(LONGEST_WAIT_SECONDS, wait * 2)

    def _slot_of(self, closed: ConnectionClosed) -> float | None:
        """The seconds after which the server wants us back, if it said so."""
        code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (1006, "")
        self._telemetry.closes[str(code)] += 1
        return int(reason[9:]) / 1000 if reason.startswith("retry_ms=") and reason[9:].isdigit() else None

    async def _visit(self) -> float:
        """One connection, to the moment at which we leave; returns for how long."""
        asked = self.notes.position
        query = {"after": asked, "types": ",".join(sorted(self.notes.types)) if self.notes.types else None}
        query = {name: value for name, value in query.items() if value is not None}
        target = f"{self._url.replace('http', 'ws', 1)}/ws/pos/{self.notes.tenant}"
        socket = await connect(
            f"{target}?{urlencode(query)}" if query else target,
            additional_headers={"Authorization": f"Bearer {self._key}"},
            compression=None,
            proxy=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=None,
            close_timeout=1,
        )
        abrupt = True
        try:
            await self._follow(socket, asked)
            abrupt = self._chance.random() < ABRUPT
        finally:
            if abrupt:
                socket.transport.abort()
            else:
                await socket.close()
        self.left()
        self._telemetry.closes["left on purpose"] += 1
        return self._chance.uniform(0, AWAY_SECONDS)

    async def _follow(self, socket: ClientConnection, asked: str | None) -> None:
        loop = asyncio.get_running_loop()
        silence = patience = OPEN_SECONDS
        behind_since, unacked = float("inf"), 0
        leave_at = float("inf")
        while loop.time() < leave_at or not self._reconnect_seconds:
            try:
                async with asyncio.timeout(min(patience, BEHIND_SECONDS)):
                    message: dict[str, Any] = orjson.loads(await socket.recv())
            except TimeoutError:
                patience -= BEHIND_SECONDS
                if patience <= 0 or loop.time() - behind_since > BEHIND_SECONDS:
                    raise Standstill from None
                continue
            match message["type"]:
                case "hello":
                    silence = patience = 2.5 * message["heartbeatSeconds"]
                    leave_at = loop.time() + time_to_leave(self._chance, self._reconnect_seconds)
                    self.opened(asked, message["after"], message["tenant"])
                case "heartbeat":
                    position = self.notes.position
                    late = self.notes.types is None and position is not None
                    if not late or parse(message["head"]) <= parse(position or "0"):
                        behind_since = float("inf")
                    elif behind_since == float("inf"):
                        behind_since = loop.time()
                case "reset":
                    self.reset(message["to"])
                case _ if "data" in message:
                    self.take(message)
                    behind_since = float("inf")
                    unacked += 1
                    if unacked >= ACK_EVERY:
                        unacked = 0
                        await socket.send(orjson.dumps({"type": "ack", "offset": message["offset"]}).decode())
            patience = silence


def time_to_leave(chance: random.Random, mean_seconds: float) -> float:
    """For how long to stay."""
    return chance.expovariate(1 / mean_seconds) if mean_seconds else float("inf")
