"""The messages of a terminal's stream of server-sent events, each as one finished chunk of an HTTP/1.1 body. Pure.

Only events carry an `id:`, so `Last-Event-ID` is an offset always; control messages are the socket's, under their type.

Why: docs/decisions/0050-event-streams.md
"""

import orjson

from backbone.contract.offset import Offset

CONTENT_TYPE = "text/event-stream"
LAST_CHUNK = b"0\r\n\r\n"


def event_chunk(offset: Offset, type_: str, payload: bytes) -> bytes:
    """Return an event: its offset is the `id`, its type the `event`, its one line of JSON the `data`.

    >>> event_chunk(Offset(1, 42), "new_order", b"{}")
    b'24\\r\\nid: 1-42\\nevent: new_order\\ndata: {}\\n\\n\\r\\n'
    """
    return chunk(b"id: %d-%d\nevent: %b\ndata: %b\n\n" % (offset.epoch, offset.seq, type_.encode(), payload))


def control_chunk(payload: bytes) -> bytes:
    """Return a control message; its `type` is the `event` too."""
    return chunk(b"event: %b\ndata: %b\n\n" % (orjson.loads(payload)["type"].encode(), payload))


def heartbeat_chunk(payload: bytes) -> bytes:
    """Return a heartbeat: a comment, which every reader passes over, and the message for those who look."""
    return chunk(b": heartbeat\nevent: heartbeat\ndata: %b\n\n" % payload)


def close_chunk(code: int, reason: str) -> bytes:
    """Return the last word: why the stream ends; `retry:` when it says when to come back."""
    retry = reason.partition("retry_ms=")[2]
    message = orjson.dumps({"type": "close", "code": int(code), "reason": reason})
    wait = b"retry: %b\n" % retry.encode() if retry.isdigit() else b""
    return chunk(b"%bevent: close\ndata: %b\n\n" % (wait, message))


def chunk(body: bytes) -> bytes:
    """Return `body` in the chunked coding (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(body), body)
