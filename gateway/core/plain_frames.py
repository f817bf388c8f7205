"""The frames that terminals really send, read without a parser: whole, small, masked, valid, not compressed. Pure.

Anything else (a fragment, a piece of a frame, a Close frame, bytes that break the protocol) is not looked
at here at all: `take` says so, and the library's parser takes over from that very byte on.

Why: docs/decisions/0070-fan-out.md
"""

from typing import NamedTuple

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
"""A first byte: the frame is the last of its message, no reserved bit is set."""
_HEADER_BYTES = 6
_LONGEST = 125


class Plain(NamedTuple):
    """One frame. `end` is where the next one begins."""

    kind: int
    payload: bytes
    end: int


def take(data: bytes, start: int) -> Plain | None:
    """Return the frame that begins at `start`, or None when it is none of ours."""
    begin = start + _HEADER_BYTES
    if len(data) < begin or data[start] not in (TEXT, PING, PONG):
        return None
    length = data[start + 1] - 0x80
    end = begin + length
    if not 0 <= length <= _LONGEST or len(data) < end:
        return None
    # A pong to our own ping has none, and comes from everybody with every heartbeat.
    payload = unmask(data[begin:end], data[start + 2 : begin]) if length else b""
    if data[start] == TEXT and not _is_utf8(payload):
        return None
    return Plain(data[start], payload, end)


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def unmask(payload: bytes, mask: bytes) -> bytes:
    """Take a client's mask off."""
    length = len(payload)
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big")


def close(code: int, reason: str) -> bytes:
    """A Close frame; `reason` has at most 123 bytes."""
    payload = code.to_bytes(2) + reason.encode()
    return bytes((CLOSE, len(payload))) + payload


def pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return bytes((PONG, len(payload))) + payload
