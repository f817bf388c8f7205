"""How each door writes what a terminal is told: one cursor, one log, three spellings. Pure."""

from typing import Protocol

from backbone.contract import frames, sse
from backbone.contract.frames import PING_FRAME, text_frame
from backbone.contract.offset import Offset
from gateway.core.tenant_log import Entry


class Encoding(Protocol):
    """A spelling. `name` is the metrics' `transport`; `answers_pings` says whether a living peer can be asked."""

    name: str
    answers_pings: bool

    def event(self, entry: Entry) -> bytes:
        """An event, built once for all terminals at this door."""

    def control(self, payload: bytes) -> bytes:
        """A control message."""

    def heartbeat(self, head: Offset) -> bytes:
        """We are here, and this is the newest offset we know of."""


class WebSocketDoor:
    """Unmasked text frames."""

    name = "websocket"
    answers_pings = True

    def event(self, entry: Entry) -> bytes:
        """The frame that the log keeps."""
        return entry.frame

    def control(self, payload: bytes) -> bytes:
        """A text frame."""
        return text_frame(payload)

    def heartbeat(self, head: Offset) -> bytes:
        """A text frame, and a ping."""
        return text_frame(frames.heartbeat(head)) + PING_FRAME


class DeflatedWebSocketDoor(WebSocketDoor):
    """Events compressed, once each for all such sockets; the short control messages as they are."""

    def event(self, entry: Entry) -> bytes:
        """The compressed frame of an event, or the plain one where that is shorter."""
        return entry.deflated()


class EventStreamDoor:
    """Server-sent events in chunks. A dead peer shows by what TCP does not get acknowledged."""

    name = "sse"
    answers_pings = False

    def event(self, entry: Entry) -> bytes:
        """The chunk of an event with its `id:`."""
        return entry.chunk()

    def control(self, payload: bytes) -> bytes:
        """A chunk without an `id:`."""
        return sse.control_chunk(payload)

    def heartbeat(self, head: Offset) -> bytes:
        """A comment and the message."""
        return sse.heartbeat_chunk(frames.heartbeat(head))


WEBSOCKET: Encoding = WebSocketDoor()
DEFLATED_WEBSOCKET: Encoding = DeflatedWebSocketDoor()
EVENT_STREAM: Encoding = EventStreamDoor()
DOORS = (WEBSOCKET, DEFLATED_WEBSOCKET, EVENT_STREAM)
