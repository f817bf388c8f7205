"""Server-sent events of the API: an operator's overview and a shop's trace. At its end a stream says why.

A reader that takes nothing is the connection's business (`backbone.runtime.unsent`): the next piece is made when it
has taken the one before.
"""

from collections.abc import AsyncIterator

import orjson
from starlette.responses import StreamingResponse

from backbone.contract.sse import CONTENT_TYPE
from backbone.runtime.routes import Query

HEARTBEAT = b": still here\n\n"
MOST_SECONDS = 3600
SECONDS_QUERY = Query(
    "seconds",
    "The stream ends after so long.",
    {"type": "integer", "minimum": 1, "maximum": MOST_SECONDS},
)
_HEADERS = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}


def event(type_: str, data: object, id_: str | None = None) -> bytes:
    """Return one event with its data as a line of JSON.

    >>> event("frame", {"a": 1})
    b'event: frame\\ndata: {"a":1}\\n\\n'
    """
    return raw_event(type_, orjson.dumps(data), id_)


def raw_event(type_: str, payload: bytes, id_: str | None = None) -> bytes:
    """Return one event whose data is finished JSON."""
    before = b"" if id_ is None else b"id: %b\n" % id_.encode()
    return b"%bevent: %b\ndata: %b\n\n" % (before, type_.encode(), payload)


def close(reason: str) -> bytes:
    """Return the last word: `over` (the time that was asked for), `ended` (the key did), `drains` (come back)."""
    return event("close", {"type": "close", "reason": reason})


def stream_answer(pieces: AsyncIterator[bytes]) -> StreamingResponse:
    """Answer with them, as they come."""
    return StreamingResponse(pieces, media_type=CONTENT_TYPE, headers=_HEADERS)
