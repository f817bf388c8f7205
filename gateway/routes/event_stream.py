"""`GET /sse/pos/{tenant}`: the terminals' stream as server-sent events, over plain HTTP."""

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from backbone.contract.credentials import bearer_key, refuse_key_in_query
from backbone.contract.errors import BellwireError, Problem, Violation
from backbone.contract.event_filter import PARAMETERS as FILTER_PARAMETERS
from backbone.contract.event_filter import read_filter
from backbone.contract.offset import Offset, parse_after
from backbone.contract.parameters import refuse_unknown_parameters
from backbone.contract.sse import CONTENT_TYPE
from backbone.contract.tickets import PARAMETER
from backbone.runtime.problems import response_of
from backbone.runtime.stream_query import RESUME_WORDS
from gateway.core.encoding import EVENT_STREAM
from gateway.routes.admission import Admission
from gateway.routes.ask import Ask, credential_of
from gateway.routes.refused import note_refused
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


LAST_EVENT_ID = "Last-Event-ID"
PARAMETERS = frozenset({"after", PARAMETER, *FILTER_PARAMETERS, *RESUME_WORDS})


def read_ask(request: Request) -> Ask:
    """Read the parts of a request. `Last-Event-ID` is newer than the `after` of an address that is asked for again.

    Raises:
        Violation: a key in the query string, an unknown or a doubled parameter, two keys, a ticket beside a
            key, or a bad `after`, filter or `Last-Event-ID`.
    """
    parameters = request.query_params.multi_items()
    refuse_key_in_query(parameters)
    refuse_unknown_parameters(parameters, PARAMETERS, Problem.BAD_REQUEST)
    after = parse_after(request.query_params.get("after"))
    last = _last_seen(request)
    if last is not None:
        after = last
    filter_ = read_filter(request.query_params)
    key = bearer_key(request.headers.getlist("authorization"))
    return Ask(
        credential_of(request.query_params.get(PARAMETER), [] if key is None else [key]), after, filter_
    )


def _last_seen(request: Request) -> Offset | None:
    """Read what the terminal had last: the header's word, else the query's, of two there the later one.

    Raises:
        Violation: one of them is no offset, or the header is given twice.
    """
    headers = request.headers.getlist(LAST_EVENT_ID)
    if len(headers) > 1:
        raise Violation.field(Problem.BAD_REQUEST, LAST_EVENT_ID, "is given twice")
    # An empty one is none: so a stream without ids says it (HTML, 9.2.4).
    named = {word: request.query_params[word] for word in RESUME_WORDS if request.query_params.get(word)}
    offsets = [parse_after(text, word) for word, text in named.items()]
    if headers and headers[0]:
        return parse_after(headers[0], LAST_EVENT_ID)
    return max((offset for offset in offsets if offset is not None), default=None)


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
            guest = await self._admission.admit(request, read_ask(request), EVENT_STREAM)
        except BellwireError as exc:
            response = response_of(exc)
            note_refused(scope, EVENT_STREAM.name, exc, response.status_code)
            await response(scope, receive, send)
            return
        socket: EventStreamProtocol = scope["extensions"][EXTENSION]
        try:
            if not socket.closing:
                await send(HEAD)
        except BaseException:
            self._admission.let_go(guest)
            raise
        if socket.closing:
            self._admission.let_go(guest)
            return
        socket.attach(self._admission.seat(guest, socket, EVENT_STREAM))
