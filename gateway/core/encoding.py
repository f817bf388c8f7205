"""How what a terminal is told becomes bytes: one cursor, one log, three encodings. Pure.

Why: docs/decisions/0050-event-streams.md, docs/decisions/0087-deflate.md
"""

from typing import Protocol

from backbone.contract import frames, sse
from backbone.contract.frames import PING_FRAME, text_frame
from backbone.contract.offset import Offset
from gateway.core.tenant_log import Entry


class Encoding(Protocol):
    """One way to write.

    `name` is the metrics' `transport`. `answers_pings` says whether a living peer can be asked, `acks_over_http`
    whether its acks come by another way than its events went.
    """

    name: str
    answers_pings: bool
    acks_over_http: bool

    def event(self, entry: Entry) -> bytes:
        """An event, built once for all sessions of this encoding."""

    def control(self, payload: bytes) -> bytes:
        """A control message."""

    def heartbeat(self, head: Offset) -> bytes:
        """We are here, and this is the newest offset we know of."""


class WebSocketEncoding:
    """Unmasked text frames."""

    name = "websocket"
    answers_pings = True
    acks_over_http = False

    def event(self, entry: Entry) -> bytes:
        """The frame that the log keeps."""
        return entry.frame

    def control(self, payload: bytes) -> bytes:
        """A text frame."""
        return text_frame(payload)

    def heartbeat(self, head: Offset) -> bytes:
        """A text frame, and a ping."""
        return text_frame(frames.heartbeat(head)) + PING_FRAME


class DeflatedWebSocketEncoding(WebSocketEncoding):
    """Events compressed, once each for all such sockets; the short control messages as they are."""

    def event(self, entry: Entry) -> bytes:
        """The compressed frame of an event, or the plain one where that is shorter."""
        return entry.deflated()


class EventStreamEncoding:
    """Server-sent events in chunks. A dead peer shows by what TCP does not get acknowledged."""

    name = "sse"
    answers_pings = False
    acks_over_http = True

    def event(self, entry: Entry) -> bytes:
        """The chunk of an event with its `id:`."""
        return entry.chunk()

    def control(self, payload: bytes) -> bytes:
        """A chunk without an `id:`."""
        return sse.control_chunk(payload)

    def heartbeat(self, head: Offset) -> bytes:
        """A comment and the message."""
        return sse.heartbeat_chunk(frames.heartbeat(head))


WEBSOCKET: Encoding = WebSocketEncoding()
DEFLATED_WEBSOCKET: Encoding = DeflatedWebSocketEncoding()
EVENT_STREAM: Encoding = EventStreamEncoding()
ENCODINGS = (WEBSOCKET, DEFLATED_WEBSOCKET, EVENT_STREAM)
