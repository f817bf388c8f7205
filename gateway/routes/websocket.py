"""`GET /ws/pos/{tenant}`: from a handshake to a terminal in its room, or to a problem document before the upgrade.

Most handshakes are plain, and come by `Endpoint.open`, without a router (`gateway.transport.plain_handshake`); the
others, and every refusal, by `Endpoint.connect`.
A page, which cannot read that, may ask for a Close frame instead; see `gateway.transport.readable_refusal`.
"""

from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from backbone.contract import frames
from backbone.contract.credentials import bearer_key, refuse_key_in_query
from backbone.contract.errors import BellwireError, Problem, Refused, Violation
from backbone.contract.event_filter import PARAMETERS as FILTER_PARAMETERS
from backbone.contract.event_filter import read_filter
from backbone.contract.offset import parse_after
from backbone.contract.parameters import refuse_unknown_parameters
from backbone.contract.tickets import PARAMETER
from backbone.runtime.problems import problem_response, response_of
from gateway.core.encoding import DEFLATED_WEBSOCKET, WEBSOCKET
from gateway.routes.admission import Admission
from gateway.routes.ask import Ask, credential_of
from gateway.routes.refused import note_refused
from gateway.transport.event_stream import EventStreamProtocol
from gateway.transport.plain_handshake import PlainHandshake
from gateway.transport.readable_refusal import (
    REFUSED_HEADER,
    SECONDS,
    ReadableRefusals,
    close_of,
    reads_codes,
)
from gateway.transport.websocket import DECIDED, EXTENSION, WebSocketProtocol

PARAMETERS = frozenset({"after", PARAMETER, *FILTER_PARAMETERS})


def read_ask(headers: Headers, query: QueryParams, offered: list[str]) -> Ask:
    """Read the parts of a handshake.

    Raises:
        Violation: a key in the query string, an unknown or a doubled parameter, two keys, a
            ticket beside a key, or a bad `after` or filter.
    """
    refuse_key_in_query(query.multi_items())
    refuse_unknown_parameters(query.multi_items(), PARAMETERS, Problem.BAD_REQUEST)
    after = parse_after(query.get("after"))
    key = bearer_key(headers.getlist("authorization"))
    keys = _offered_keys(offered) if key is None else [key]
    return Ask(credential_of(query.get(PARAMETER), keys), after, read_filter(query))


def _offered_keys(offered: list[str]) -> list[str]:
    keys = [token for token in offered if token.startswith(frames.BEARER_SUBPROTOCOL)]
    if len(keys) > 1:
        raise Violation.field(Problem.BAD_REQUEST, "Sec-WebSocket-Protocol", "holds two keys")
    return [key.removeprefix(frames.BEARER_SUBPROTOCOL) for key in keys]


class Endpoint:
    """The WebSocket door."""

    def __init__(self, admission: Admission, readable_refusals: ReadableRefusals) -> None:
        self._admission = admission
        self._readable_refusals = readable_refusals

    async def upgrade_required(self, _: Request) -> Response:
        """A plain GET of the same path."""
        return problem_response(
            Problem.UPGRADE_REQUIRED, "connect with a WebSocket client", headers={"Upgrade": "websocket"}
        )

    async def open(self, connection: EventStreamProtocol, plain: PlainHandshake) -> None:
        """Decide on a plain handshake, and seat its terminal. `connect` is told what it is refused with.

        Raises:
            BellwireError: it is refused.
        """
        asked = HTTPConnection(
            {
                "type": "websocket",
                "headers": connection.scope["headers"],
                "client": connection.client,
                "query_string": plain.query,
                "path_params": {"tenant": plain.tenant},
            }
        )
        ask = read_ask(asked.headers, asked.query_params, plain.offered)
        guest = await self._admission.admit(asked, ask, WEBSOCKET)
        chosen = frames.SUBPROTOCOL if frames.SUBPROTOCOL in plain.offered else None
        socket = connection.open_socket(plain, chosen)
        if socket is None:
            self._admission.let_go(guest)
            return
        try:
            socket.attach(self._admission.seat(guest, socket, WEBSOCKET))
            socket.uncork()
        except Exception:
            socket.fail()

    async def connect(self, websocket: WebSocket) -> None:
        """Answer one handshake."""
        offered: list[str] = websocket.scope["subprotocols"]
        try:
            if (decided := websocket.scope["state"].get(DECIDED)) is not None:
                raise decided
            ask = read_ask(websocket.headers, websocket.query_params, offered)
            guest = await self._admission.admit(websocket, ask, WEBSOCKET)
        except BellwireError as exc:
            await self._refuse(websocket, exc)
            return
        socket: WebSocketProtocol = websocket.scope["extensions"][EXTENSION]
        try:
            await websocket.accept(subprotocol=frames.SUBPROTOCOL if frames.SUBPROTOCOL in offered else None)
        except BaseException:
            self._admission.let_go(guest)
            raise
        if socket.closing:
            self._admission.let_go(guest)
            return
        encoding = DEFLATED_WEBSOCKET if socket.takes_deflated else WEBSOCKET
        socket.attach(self._admission.seat(guest, socket, encoding))

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at a path of no route, whatever is asked for there."""
        if scope["type"] != "websocket":
            raise HTTPException(Problem.NOT_FOUND.status)
        await self._refuse(WebSocket(scope, receive, send), Refused(Problem.NOT_FOUND, "no such path"))

    async def _refuse(self, websocket: WebSocket, error: BellwireError) -> None:
        response = response_of(error)
        note_refused(websocket.scope, WEBSOCKET.name, error, response.status_code)
        socket: WebSocketProtocol = websocket.scope["extensions"][EXTENSION]
        close = close_of(error) if reads_codes(websocket.scope["subprotocols"]) else None
        if close is None or not self._readable_refusals.admit(socket.transport):
            await websocket.send_denial_response(response)
            return
        mark = (REFUSED_HEADER.encode(), str(int(close[0])).encode())
        await websocket.accept(subprotocol=frames.SUBPROTOCOL, headers=[mark])
        socket.close(*close, patience=SECONDS)
