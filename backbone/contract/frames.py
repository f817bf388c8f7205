"""The messages of a terminal's socket: what we say, what we understand, and the WebSocket frame around it.

Server-to-client frames are unmasked (RFC 6455, 5.1), so one frame built once serves every socket.
"""

import zlib
from dataclasses import dataclass

import orjson

from backbone.contract.errors import Problem, Violation
from backbone.contract.offset import Offset

PROTOCOL_VERSION = 1
SUBPROTOCOL = "bellwire.v1"
CODES_SUBPROTOCOL = "bellwire.codes"
"""Offered beside `bellwire.v1` by a page, which cannot read an HTTP refusal; never answered."""
BEARER_SUBPROTOCOL = "bearer."
MAX_INBOUND_BYTES = 4 * 1024


def text_frame(payload: bytes) -> bytes:
    """Return the finished WebSocket text frame around `payload`.

    >>> text_frame(b"{}")
    b'\\x81\\x02{}'
    """
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65536:
        return bytes((0x81, 126)) + length.to_bytes(2) + payload
    return bytes((0x81, 127)) + length.to_bytes(8) + payload


def payload_of(frame: bytes) -> bytes:
    """Return what `text_frame` built a frame around."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


DEFLATE_WINDOW_BITS = 12
"""Of compressed frames. Larger windows gain nothing on events of some kB, and smaller ones of a client exclude it."""
DEFLATE_FROM_BYTES = 256
"""Shorter payloads go as they are: compression would save less than a fifth of what is on the wire with TCP and IP."""


def deflated_frame(payload: bytes) -> bytes:
    """Return the finished compressed text frame around `payload` (RFC 7692, without context takeover).

    One serves every socket that negotiated a window of `DEFLATE_WINDOW_BITS` or more. A payload that is short or does
    not shrink becomes an ordinary text frame, which such a socket takes as well.
    """
    if len(payload) < DEFLATE_FROM_BYTES:
        return text_frame(payload)
    deflater = zlib.compressobj(wbits=-DEFLATE_WINDOW_BITS)
    # The four bytes that end a sync flush are left out; the reader puts them back.
    deflated = (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
    if len(deflated) >= len(payload):
        return text_frame(payload)
    frame = text_frame(deflated)
    return bytes((frame[0] | 0x40,)) + frame[1:]


PING_FRAME = b"\x89\x00"


def hello(
    tenant: str,
    terminal: str,
    head: Offset,
    after: Offset,
    resumed: bool,
    heartbeat_seconds: int,
    reading: str,
    acked: Offset | None,
) -> bytes:
    """First message, always. `after` is where the stream starts, `reading` what an ack over HTTP names.

    `acked` is what `after=acked` means for a stream with this filter.
    """
    return orjson.dumps(
        {
            "type": "hello",
            "tenant": tenant,
            "terminal": terminal,
            "head": str(head),
            "after": str(after),
            "resumed": resumed,
            "heartbeatSeconds": heartbeat_seconds,
            "protocol": PROTOCOL_VERSION,
            "reading": reading,
            "ackedOffset": None if acked is None else str(acked),
        }
    )


def caught_up(offset: Offset) -> bytes:
    """Replay is over; what follows is live."""
    return b'{"type":"caught_up","offset":"%d-%d"}' % (offset.epoch, offset.seq)


def heartbeat(head: Offset) -> bytes:
    """We are here, and this is the newest offset we know of."""
    return b'{"type":"heartbeat","head":"%d-%d"}' % (head.epoch, head.seq)


def pong(head: Offset) -> bytes:
    """The answer to a terminal's ping."""
    return b'{"type":"pong","head":"%d-%d"}' % (head.epoch, head.seq)


def reset(to: Offset, reason: str) -> bytes:
    """History before `to` cannot be replayed; `reason` is `retention`, `epoch` or `unknown_offset`."""
    return orjson.dumps({"type": "reset", "to": str(to), "reason": reason})


def error(code: str, detail: str) -> bytes:
    """A message of the terminal's was not understood."""
    return orjson.dumps({"type": "error", "code": code, "detail": detail})


@dataclass(frozen=True, slots=True)
class Ack:
    """The terminal has received and stored everything up to `offset`."""

    offset: Offset


@dataclass(frozen=True, slots=True)
class Ping:
    """The terminal asks for a `pong`."""


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message of a type that is not known here: of a newer contract, or a word of the terminal's own."""

    type: str


def parse_message(data: bytes) -> Ack | Ping | UnknownMessage:
    """Read what a terminal said.

    Raises:
        Violation: it is not JSON, not an object, has no type, or its offset is not one.

    >>> parse_message(b'{"type":"ack","offset":"1-42"}')
    Ack(offset=Offset(epoch=1, seq=42))
    >>> parse_message(b'{"type":"ping"}')
    Ping()
    >>> parse_message(b'{"type":"accept"}')
    UnknownMessage(type='accept')
    """
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise Violation(Problem.BAD_JSON, "the message is not JSON") from exc
    if not isinstance(message, dict):
        raise Violation(Problem.BAD_REQUEST, "the message is not a JSON object")
    match message.get("type"):
        case "ack":
            offset = message.get("offset")
            if not isinstance(offset, str):
                raise Violation.field(Problem.BAD_REQUEST, "offset", "an ack carries an offset such as 1-42")
            return Ack(Offset.parse(offset))
        case "ping":
            return Ping()
        case str(type_):
            return UnknownMessage(type_)
        case _:
            raise Violation.field(Problem.BAD_REQUEST, "type", "must be a text such as ack or ping")
