"""`GET /ws/pos/{tenant}`: from a handshake to a terminal in its room, or to a problem document before the upgrade."""

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from backbone.contract import frames
from backbone.contract.credentials import bearer_key, refuse_key_in_query
from backbone.contract.errors import BellwireError, Problem, Violation
from backbone.contract.event import parse_types
from backbone.contract.offset import parse_after
from backbone.runtime.problems import problem_response, response_of
from gateway import metrics
from gateway.core.encoding import DEFLATED_WEBSOCKET, WEBSOCKET
from gateway.routes.admission import Admission, Ask
from gateway.transport.websocket import EXTENSION, WebSocketProtocol


def read_ask(headers: Headers, query: QueryParams, offered: list[str]) -> Ask:
    """Read the parts of a handshake.

    Raises:
        Violation: a key in the query string, no key at all, or a bad `after` or `types`.
    """
    refuse_key_in_query(query.multi_items())
    after = parse_after(query.get("after"))
    types = parse_types(query.get("types"))
    key = bearer_key(headers.getlist("authorization"))
    if key is not None:
        return Ask(key, after, types)
    for token in offered:
        if token.startswith(frames.BEARER_SUBPROTOCOL):
            return Ask(token.removeprefix(frames.BEARER_SUBPROTOCOL), after, types)
    raise Violation(Problem.UNAUTHORIZED, "send the key as 'Authorization: Bearer …' or as a subprotocol")


class Endpoint:
    """The WebSocket door."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def upgrade_required(self, _: Request) -> Response:
        """A plain GET of the same path."""
        return problem_response(
            Problem.UPGRADE_REQUIRED, "connect with a WebSocket client", headers={"Upgrade": "websocket"}
        )

    async def connect(self, websocket: WebSocket) -> None:
        """Answer one handshake."""
        offered: list[str] = websocket.scope["subprotocols"]
        try:
            ask = read_ask(websocket.headers, websocket.query_params, offered)
            guest = await self._admission.admit(websocket, ask)
        except BellwireError as exc:
            response = response_of(exc)
            metrics.REFUSED.labels(str(response.status_code)).inc()
            await websocket.send_denial_response(response)
            return
        await websocket.accept(subprotocol=frames.SUBPROTOCOL if frames.SUBPROTOCOL in offered else None)
        socket: WebSocketProtocol = websocket.scope["extensions"][EXTENSION]
        if not socket.closing:
            encoding = DEFLATED_WEBSOCKET if socket.takes_deflated else WEBSOCKET
            socket.attach(self._admission.seat(guest, socket, encoding))
