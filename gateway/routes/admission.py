"""From a terminal's request to its place in a room, whichever door it comes to: whose key, where from, and with what.

Knows HTTP's headers and query, and no transport. Each door reads its own `Ask` and answers in its own way.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID, uuid4

from starlette.requests import HTTPConnection

from backbone.contract import frames
from backbone.contract.errors import Problem, Refused, Unavailable
from backbone.contract.event_filter import EventFilter
from backbone.contract.keys import key_name
from backbone.contract.offset import BEGINNING, LAST_ACKED, Offset
from backbone.contract.resume import Start
from backbone.eventlog.access import KEYS_A_STATEMENT, STATEMENTS_AT_ONCE
from backbone.eventlog.postgres import Database
from backbone.eventlog.readings import NewReading, Progress, begin_readings, last_acks
from backbone.runtime.batcher import Batcher
from gateway.core.encoding import EVENT_STREAM, WEBSOCKET, Encoding
from gateway.hub import Hub
from gateway.rooms.room import Room
from gateway.rooms.session import Identity, Session
from gateway.routes.ask import Ask
from gateway.routes.doorkeeper import Doorkeeper
from gateway.routes.tickets import Tickets
from gateway.settings import GatewaySettings
from gateway.transport.connection import ABNORMAL, Connection
from gateway.transport.handshake_queue import HandshakeQueue

log = logging.getLogger("bellwire.terminals")

LOOKUPS_APART_SECONDS = 0.01
"""Between two statements for a crowd that comes back."""
_ROUTES = {WEBSOCKET.name: "GET /ws/pos/{tenant}", EVENT_STREAM.name: "GET /sse/pos/{tenant}"}


@dataclass(frozen=True, slots=True)
class Guest:
    """A terminal that may come in: where it starts, in which room, and what the database calls its reading.

    `acked` is the last ack of a reading whose filter let through all that this one does.
    """

    terminal: UUID
    key_hash: bytes
    filter: EventFilter
    room: Room
    start: Start
    reading: UUID
    acked: Offset | None


Q = TypeVar("Q")
A = TypeVar("A")


def _gathered(answer: Callable[[list[Q]], Awaitable[Mapping[Q, A]]]) -> Batcher[Q, A]:
    # At once: those whose keys were found together ask together.
    return Batcher(answer, most=KEYS_A_STATEMENT, at_once=STATEMENTS_AT_ONCE)


class Admission:
    """Lets terminals in, or says why not."""

    def __init__(
        self,
        settings: GatewaySettings,
        doorkeeper: Doorkeeper,
        tickets: Tickets,
        hub: Hub,
        database: Database,
        handshakes: HandshakeQueue,
    ) -> None:
        self._settings = settings
        self._doorkeeper = doorkeeper
        self._tickets = tickets
        self._hub = hub
        self._database = database
        self._handshakes = handshakes
        # A crowd's rows are stored, and its last acks looked up, as its keys are: many in a statement.
        self._acks = _gathered(self._find_acks)
        self._readings = _gathered(self._store_readings)

    async def admit(self, connection: HTTPConnection, ask: Ask, encoding: Encoding) -> Guest:
        """Decide on a request, in bounded time. A guest has to be seated, or told to be gone.

        Raises:
            Violation: no valid key, no good ticket.
            Refused: the wrong tenant, kind of key or origin.
            TooMany: too many handshakes like this one.
            Unavailable: this gateway is full, or PostgreSQL is away.
        """
        # Said at the handshake queue already; here for requests that do not stand in line, which are those for streams.
        if self._hub.full or self._handshakes.busy:
            raise Unavailable("room on this gateway", retry_after=2)
        with self._handshakes.under_way():
            try:
                # Bounded as a whole: a handshake that cannot be decided in time is one for later.
                async with asyncio.timeout(2 * self._settings.database_timeout_seconds):
                    return await self._decide(connection, ask, encoding)
            except TimeoutError as exc:
                raise Unavailable("the gateway") from exc

    def seat(self, guest: Guest, socket: Connection, encoding: Encoding) -> Session:
        """Put a guest, whose connection is open, into its room; hand the session to the connection at once.

        Nothing waits in here, so the log cannot move between the hello and the first event.
        """
        room, start = guest.room, guest.start
        if start.position.epoch != room.log.epoch:
            # Opening waited for the peer, and history forked meanwhile.
            start = room.log.start(start.position)
        identity = Identity(guest.terminal, guest.reading, guest.key_hash)
        session = Session(identity, self._hub, room, socket, encoding, start.position.seq, guest.filter)
        session.say(
            frames.hello(
                room.tenant, str(identity.terminal), room.log.head, start.position, start.resumed,
                self._settings.heartbeat_seconds, str(guest.reading), guest.acked,
            )
        )  # fmt: skip
        if start.reset is not None:
            session.reset(start.position, start.reset)
        self._hub.enter(session)
        if log.isEnabledFor(logging.DEBUG):
            facts = {
                "tenant": room.tenant, "terminal": str(guest.terminal), "connection": str(guest.reading),
                "key_id": key_name(guest.key_hash), "door": encoding.name, "after": str(start.position),
                "resumed": start.resumed, "head": str(room.log.head),
            }  # fmt: skip
            log.debug("terminal.connected", extra=facts)
        return session

    def let_go(self, guest: Guest) -> None:
        """A guest's connection never came to be: its reading is over before it began."""
        at = guest.start.position
        self._hub.write_behind.unused(
            Progress(guest.reading, 0, at.epoch, at.seq, at.seq, ended_ago=0.0, code=ABNORMAL)
        )

    async def _decide(self, connection: HTTPConnection, ask: Ask, encoding: Encoding) -> Guest:
        principal = await self._doorkeeper.identify(connection, ask.credential, _ROUTES[encoding.name])
        tenant, terminal = principal.tenant, principal.terminal
        assert tenant is not None
        assert terminal is not None
        try:
            room = await self._hub.room(tenant)
            after = ask.after
            if after == LAST_ACKED:
                after = await self._acks.ask((terminal, ask.filter)) or BEGINNING
            await self._confirm(room, after)
        except LookupError as exc:
            raise Refused(Problem.NOT_FOUND, "no such tenant") from exc
        # Here, and not when the connection is open: what is stored is where it begins.
        start = room.log.start(after)
        named = ask.after is not None and ask.after == after and start.resumed
        client = self._doorkeeper.client(connection)
        reading = NewReading(
            uuid4(), terminal, tenant, encoding.name, client, ask.filter, start.position,
            named=named and start.position.seq == (after or start.position).seq,
        )  # fmt: skip
        guest = Guest(terminal, principal.key_hash, ask.filter, room, start, reading.reading, None)
        try:
            guest = replace(guest, acked=await self._readings.ask(reading))
            if ask.credential is not None and ask.credential.is_ticket:
                # The last thing: it has its place now, and no refusal uses a ticket up.
                await self._tickets.use(ask.credential.text, reading.reading)
            return guest
        except BaseException:
            # Maybe stored all the same.
            self.let_go(guest)
            raise

    async def _find_acks(
        self, asked: list[tuple[UUID, EventFilter]]
    ) -> Mapping[tuple[UUID, EventFilter], Offset]:
        return await last_acks(self._database, asked)

    async def _store_readings(self, readings: list[NewReading]) -> Mapping[NewReading, Offset]:
        acked = await begin_readings(self._database, self._settings.pod_name, readings)
        return {reading: acked[reading.reading] for reading in readings if reading.reading in acked}

    async def _confirm(self, room: Room, after: Offset | None) -> None:
        # A terminal that knows more than we do: PostgreSQL says which of the two is stale.
        if after is not None and after > room.log.head:
            await self._hub.compare(room)
