"""`GET /sse/pos/{tenant}`: the terminals' stream as server-sent events, over plain HTTP."""

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from backbone.contract.credentials import bearer_key, refuse_key_in_query
from backbone.contract.errors import BellwireError, Problem, Violation
from backbone.contract.event import parse_types
from backbone.contract.offset import parse_after
from backbone.contract.sse import CONTENT_TYPE
from backbone.runtime.problems import response_of
from gateway import metrics
from gateway.core.encoding import EVENT_STREAM
from gateway.routes.admission import Admission, Ask
from gateway.transport.event_stream import EXTENSION, EventStreamProtocol

# A proxy in between must neither keep, change nor gather any of it.
HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"cache-control", b"no-store, no-transform"),
        (b"x-accel-buffering", b"no"),
        (b"connection", b"close"),
    ],
}


def read_ask(request: Request) -> Ask:
    """Read the parts of a request. `Last-Event-ID` is newer than the `after` of an address that is asked for again.

    Raises:
        Violation: a key in the query string, no key at all, or a bad `after`, `types` or `Last-Event-ID`.
    """
    refuse_key_in_query(request.query_params.multi_items())
    after = parse_after(request.query_params.get("after"))
    last = request.headers.get("last-event-id")
    if last:
        after = parse_after(last, "Last-Event-ID")
    types = parse_types(request.query_params.get("types"))
    key = bearer_key(request.headers.getlist("authorization"))
    if key is None:
        raise Violation(Problem.UNAUTHORIZED, "send the key as 'Authorization: Bearer …'")
    return Ask(key, after, types)


class EventStreamEndpoint:
    """The door for server-sent events, an ASGI application."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            if scope["http_version"] == "1.0":
                raise Violation(Problem.BAD_REQUEST, "HTTP/1.1 is needed for a stream")
            guest = await self._admission.admit(request, read_ask(request))
        except BellwireError as exc:
            response = response_of(exc)
            metrics.REFUSED.labels(str(response.status_code)).inc()
            await response(scope, receive, send)
            return
        socket: EventStreamProtocol = scope["extensions"][EXTENSION]
        if socket.closing:
            return
        await send(HEAD)
        if not socket.closing:
            socket.attach(self._admission.seat(guest, socket, EVENT_STREAM))
