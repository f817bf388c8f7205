"""The messages beside the events: of a terminal's socket and stream, of webhooks, and what close codes mean.

None is made through these: `backbone.contract.frames` makes them. Tests hold each that is sent to its model.
"""

from typing import Literal
from uuid import UUID

from pydantic import Field

from api.http.documents.values import Moment, Position
from backbone.contract.errors import CloseCode
from backbone.contract.frames import PROTOCOL_VERSION
from backbone.runtime.openapi import Answer


class Hello(Answer):
    """The first message, always."""

    type: Literal["hello"]
    tenant: str
    terminal: UUID
    head: Position = Field(description="The newest offset of the tenant.")
    after: Position = Field(description="Where this stream starts: behind it.")
    resumed: bool
    heartbeat_seconds: int
    protocol: int = Field(description="Of these messages.", examples=[PROTOCOL_VERSION])
    reading: UUID = Field(description="The name of the reading; `POST …/acks` takes it.")
    acked_offset: Position | None = Field(
        description="Where `after=acked` begins with this filter; null: no ack yet."
    )


class CaughtUp(Answer):
    """Replay is over; what follows is live."""

    type: Literal["caught_up"]
    offset: Position


class Heartbeat(Answer):
    """The server is there. A `head` later than the last event, unfiltered and for more than 3 s: reconnect."""

    type: Literal["heartbeat"]
    head: Position


class Pong(Answer):
    """The answer to a `ping`."""

    type: Literal["pong"]
    head: Position


class ResetMessage(Answer):
    """History before `to` cannot be replayed; the stream goes on after `to`."""

    type: Literal["reset"]
    to: Position
    reason: Literal["retention", "epoch", "unknown_offset"]


class ErrorMessage(Answer):
    """A message of the terminal's was not understood; the socket stays open unless it is the fifth in a row."""

    type: Literal["error"]
    code: str = Field(description="A problem's code.", examples=["bad-json"])
    detail: str


class Close(Answer):
    """The last word of a stream of server-sent events: what a socket says by its close code."""

    type: Literal["close"]
    code: int
    reason: str = Field(
        description="`retry_ms=<n>` where the moment to come back is known.", examples=["retry_ms=500"]
    )


class Ack(Answer):
    """A terminal's word that it has stored everything up to `offset`."""

    type: Literal["ack"]
    offset: Position


class Ping(Answer):
    """A terminal asks for a `pong`."""

    type: Literal["ping"]


class WebhookReset(ResetMessage):
    """To a webhook endpoint: events before `to` cannot be delivered."""

    tenant: str
    timestamp: Moment


class WebhookPing(Answer):
    """To a webhook endpoint, when somebody asked for a test. It is no event."""

    type: Literal["ping"]
    tenant: str
    webhook_id: UUID
    timestamp: Moment


CLOSE_CODES = {
    CloseCode.BYE: "The conversation is over.",
    CloseCode.GOING_AWAY: "The pod drains; the reason `retry_ms=<n>` is this socket's own moment to come back.",
    CloseCode.BAD_DATA: "Text that is not UTF-8.",
    CloseCode.TOO_BIG: "A message of more than 4 KiB.",
    CloseCode.INTERNAL: "A fault of the server's.",
    CloseCode.RESTART: "The pod drains (`retry_ms=<n>`), or the key has ended: the next handshake says which.",
    CloseCode.BAD_MESSAGES: "Five bad messages in a row, or a handshake that would be 400: change it first.",
    CloseCode.UNAUTHORIZED: "No valid key.",
    CloseCode.REVOKED: "The key is revoked, its kind or the page's origin is not allowed, or the tenant is off.",
    CloseCode.NOT_FOUND: "No such tenant or path.",
    CloseCode.TOO_SLOW: "The terminal did not keep up: resume by offset.",
    CloseCode.REPLACED: "A newer connection of the same terminal took its place: ask the person.",
    CloseCode.TOO_MANY_MESSAGES: "Too many messages or handshakes.",
    CloseCode.UNAVAILABLE: "The gateway is full or away.",
}
"""The meaning of each code that a socket is closed with, and a stream in its `close`."""
