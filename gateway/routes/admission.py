"""From a terminal's request to its place in a room, whichever door it comes to: whose key, where from, and with what.

Knows HTTP's headers and query, and no transport. Each door reads its own `Ask` and answers in its own way.
"""

import asyncio
from dataclasses import dataclass
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from backbone.contract import frames
from backbone.contract.errors import Problem, Refused, Unavailable, Violation
from backbone.contract.keys import KeyKind
from backbone.contract.offset import Offset
from backbone.contract.origin import AllowedOrigins, is_own
from backbone.eventlog.access import Access, Principal
from gateway.core.encoding import Encoding
from gateway.hub import Hub
from gateway.rooms.room import Room
from gateway.rooms.session import Identity, Session
from gateway.settings import GatewaySettings
from gateway.transport.connection import Connection
from gateway.transport.handshake_queue import HandshakeQueue


@dataclass(frozen=True, slots=True)
class Ask:
    """The request of a terminal."""

    key: str
    after: Offset | None
    types: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Guest:
    """A terminal that may come in: who it is, what it asks for, and its room, which knows as much as it does."""

    principal: Principal
    ask: Ask
    room: Room


def origin_allowed(headers: Headers, allowed: AllowedOrigins) -> bool:
    """Whether a browser's page may connect: one of our own origin, or one that is listed. No Origin: no browser."""
    return all(
        allowed.holds(origin) or is_own(origin, headers.get("host", ""))
        for origin in headers.getlist("origin")
    )


class Admission:
    """Lets terminals in, or says why not."""

    def __init__(
        self,
        settings: GatewaySettings,
        allowed_origins: AllowedOrigins,
        hub: Hub,
        access: Access,
        handshakes: HandshakeQueue,
    ) -> None:
        self._settings = settings
        self._allowed_origins = allowed_origins
        self._hub = hub
        self._access = access
        self._handshakes = handshakes

    async def admit(self, connection: HTTPConnection, ask: Ask) -> Guest:
        """Decide on a request, in bounded time.

        Raises:
            Violation: no valid key.
            Refused: the wrong tenant, kind of key or origin.
            Unavailable: this gateway is full, or PostgreSQL is away.
        """
        # Said at the handshake queue already; here for requests that do not stand in line, which are those for streams.
        if self._hub.full or self._handshakes.busy:
            raise Unavailable("room on this gateway", retry_after=2)
        with self._handshakes.under_way():
            try:
                # Bounded as a whole: a handshake that cannot be decided in time is one for later.
                async with asyncio.timeout(2 * self._settings.database_timeout_seconds):
                    return await self._decide(connection, ask)
            except TimeoutError as exc:
                raise Unavailable("the gateway") from exc

    def seat(self, guest: Guest, socket: Connection, encoding: Encoding) -> Session:
        """Put a guest, whose connection is open, into its room; hand the session to the connection at once.

        Nothing waits in here, so the log cannot move between the hello and the first event.
        """
        room = guest.room
        # Opening waited for the peer: decided from where the log stands now, maybe in another epoch.
        start = room.log.start(guest.ask.after)
        assert guest.principal.terminal is not None
        identity = Identity(guest.principal.terminal, uuid4(), guest.principal.key_hash)
        session = Session(identity, self._hub, room, socket, encoding, start.position.seq, guest.ask.types)
        session.say(
            frames.hello(
                room.tenant, str(identity.terminal), room.log.head, start.position, start.resumed,
                self._settings.heartbeat_seconds,
            )
        )  # fmt: skip
        if start.reset is not None:
            session.reset(start.position, start.reset)
        self._hub.enter(session)
        return session

    async def _decide(self, connection: HTTPConnection, ask: Ask) -> Guest:
        principal = await self._identify(connection, ask)
        assert principal.tenant is not None
        try:
            room = await self._hub.room(principal.tenant)
            await self._confirm(room, ask.after)
            return Guest(principal, ask, room)
        except LookupError as exc:
            raise Refused(Problem.NOT_FOUND, "no such tenant") from exc

    async def _identify(self, connection: HTTPConnection, ask: Ask) -> Principal:
        principal = await self._access.find(ask.key)
        if principal is None:
            raise Violation(Problem.UNAUTHORIZED, "the key is not valid")
        if principal.tenant is not None and principal.tenant != connection.path_params["tenant"]:
            raise Refused(Problem.NOT_FOUND, "no such tenant")
        if principal.kind is not KeyKind.TERMINAL:
            raise Refused(Problem.FORBIDDEN, "a terminal's key is needed here")
        if not origin_allowed(connection.headers, self._allowed_origins):
            raise Refused(Problem.ORIGIN, "this origin is not in BELLWIRE_ALLOWED_ORIGINS")
        return principal

    async def _confirm(self, room: Room, after: Offset | None) -> None:
        # A terminal that knows more than we do: PostgreSQL says which of the two is stale.
        if after is not None and after > room.log.head:
            await self._hub.compare(room)
