"""`GET /ws/pos/{tenant}`: from a handshake to a terminal in its room, or to a problem document before the upgrade."""

import asyncio
import logging
from dataclasses import dataclass
from uuid import uuid4

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from backbone.contract import frames
from backbone.contract.credentials import bearer_key, refuse_key_in_query
from backbone.contract.errors import BellwireError, Problem, Refused, Unavailable, Violation
from backbone.contract.event import parse_types
from backbone.contract.keys import KeyKind
from backbone.contract.offset import Offset, parse_after
from backbone.eventlog.access import Access, Principal
from backbone.runtime.problems import problem_response, response_of
from gateway import metrics
from gateway.core.resume import Ahead, Start, resume
from gateway.hub import Hub
from gateway.room import Room
from gateway.settings import GatewaySettings
from gateway.terminal import Identity, Terminal
from gateway.wsprotocol import EXTENSION, WebSocketProtocol

log = logging.getLogger("bellwire.endpoint")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a handshake asks for."""

    key: str
    subprotocol: str | None
    after: Offset | None
    types: frozenset[str] | None


def read_ask(headers: Headers, query: QueryParams, offered: list[str]) -> Ask:
    """Read the parts of a handshake.

    Raises:
        Violation: a key in the query string, no key at all, or a bad `after` or `types`.
    """
    refuse_key_in_query(query.multi_items())
    after = parse_after(query.get("after"))
    types = parse_types(query.get("types"))
    subprotocol = frames.SUBPROTOCOL if frames.SUBPROTOCOL in offered else None
    key = bearer_key(headers.getlist("authorization"))
    if key is not None:
        return Ask(key, subprotocol, after, types)
    for token in offered:
        if token.startswith(frames.BEARER_SUBPROTOCOL):
            return Ask(token.removeprefix(frames.BEARER_SUBPROTOCOL), subprotocol, after, types)
    raise Violation(Problem.UNAUTHORIZED, "send the key as 'Authorization: Bearer …' or as a subprotocol")


def origin_allowed(origin: str | None, host: str | None, allowed: tuple[str, ...]) -> bool:
    """Whether a browser's page may connect: one of our own origin, or one that is listed. No Origin: no browser."""
    if origin is None or "*" in allowed or origin in allowed:
        return True
    return host is not None and origin.partition("://")[2] == host


class Endpoint:
    """The WebSocket door."""

    def __init__(self, settings: GatewaySettings, hub: Hub, access: Access) -> None:
        self._settings = settings
        self._hub = hub
        self._access = access
        self._handshakes = 0

    async def upgrade_required(self, _: Request) -> Response:
        """A plain GET of the same path."""
        return problem_response(
            Problem.UPGRADE_REQUIRED, "connect with a WebSocket client", headers={"Upgrade": "websocket"}
        )

    async def connect(self, websocket: WebSocket) -> None:
        """Answer one handshake."""
        self._handshakes += 1
        try:
            # Bounded as a whole: a handshake that cannot be decided in time is one for later.
            async with asyncio.timeout(2 * self._settings.database_timeout_seconds):
                await self._admit(websocket)
        except TimeoutError:
            await self._refuse(websocket, Unavailable("the gateway"))
        except BellwireError as exc:
            await self._refuse(websocket, exc)
        finally:
            self._handshakes -= 1

    async def _admit(self, websocket: WebSocket) -> None:
        if (
            self._hub.sockets >= self._settings.max_sockets
            or self._handshakes > self._settings.max_handshakes
        ):
            raise Unavailable("room on this gateway", retry_after=2)
        ask = read_ask(websocket.headers, websocket.query_params, websocket.scope["subprotocols"])
        principal = await self._identify(websocket, ask)
        assert principal.tenant is not None
        assert principal.terminal is not None
        try:
            room = await self._hub.room(principal.tenant)
            await self._confirm(room, ask.after)
        except LookupError as exc:
            raise Refused(Problem.NOT_FOUND, "no such tenant") from exc
        await websocket.accept(subprotocol=ask.subprotocol)
        # Nothing waits from here on, so the log cannot move between the hello and the first event.
        self._attach(websocket, room, principal, ask)

    async def _identify(self, websocket: WebSocket, ask: Ask) -> Principal:
        principal = await self._access.find(ask.key)
        if principal is None:
            raise Violation(Problem.UNAUTHORIZED, "the key is not valid")
        if principal.tenant is not None and principal.tenant != websocket.path_params["tenant"]:
            raise Refused(Problem.NOT_FOUND, "no such tenant")
        if principal.kind is not KeyKind.TERMINAL:
            raise Refused(Problem.FORBIDDEN, "a terminal's key is needed here")
        headers = websocket.headers
        if not origin_allowed(headers.get("origin"), headers.get("host"), self._settings.allowed_origins):
            raise Refused(Problem.ORIGIN, "this origin is not in BELLWIRE_ALLOWED_ORIGINS")
        return principal

    async def _confirm(self, room: Room, after: Offset | None) -> None:
        # A terminal that knows more than we do: PostgreSQL says which of the two is stale.
        if isinstance(resume(after, room.log, confirmed=False), Ahead):
            await self._hub.compare(room)

    def _attach(self, websocket: WebSocket, room: Room, principal: Principal, ask: Ask) -> None:
        assert principal.terminal is not None
        # The accept waited for the socket: decide anew from where the log stands now, maybe in another epoch.
        start = resume(ask.after, room.log, confirmed=True)
        assert isinstance(start, Start)
        socket: WebSocketProtocol = websocket.scope["extensions"][EXTENSION]
        if socket.closing:
            return
        terminal = Terminal(
            Identity(principal.terminal, uuid4()), room, socket, start.position.seq, ask.types
        )
        terminal.say(
            frames.hello(
                room.tenant, str(principal.terminal), room.log.head, start.position, start.resumed,
                self._settings.heartbeat_seconds,
            )
        )  # fmt: skip
        if start.reset is not None:
            terminal.reset(start.position, start.reset)
        self._hub.enter(terminal)
        socket.attach(terminal)

    async def _refuse(self, websocket: WebSocket, error: BellwireError) -> None:
        response = response_of(error)
        metrics.REFUSED.labels(str(response.status_code)).inc()
        await websocket.send_denial_response(response)
