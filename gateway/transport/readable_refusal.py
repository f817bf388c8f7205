"""Refusals of a handshake that a page can read: the WebSocket is opened, and closed at once with a code and a reason.

A page's `WebSocket` shows nothing of an HTTP answer; so one that offers `bellwire.codes` beside `bellwire.v1` is told
by a Close frame what others are told by a status. Such a connection is nobody's: it is counted as refused, hears
nothing else, and is cut a second later.
"""

import base64
import binascii
from asyncio import Transport
from collections.abc import Collection

from websockets.utils import accept_key

from backbone.contract import frames
from backbone.contract.errors import (
    BellwireError,
    CloseCode,
    Problem,
    Refused,
    TooMany,
    Unavailable,
    Violation,
)
from gateway.core import plain_frames

AT_ONCE = 100
"""Connections that may wait for their end like this; beyond them the answer is HTTP's, which ends at once."""
SECONDS = 1.0
REFUSED_HEADER = "X-Bellwire-Refused"
"""Holds the code, for a balancer in front: to it a 101 looks like any other one."""
_KEY_BYTES = 16
_CODES = {
    400: CloseCode.BAD_MESSAGES,
    401: CloseCode.UNAUTHORIZED,
    403: CloseCode.REVOKED,
    404: CloseCode.NOT_FOUND,
    429: CloseCode.TOO_MANY_MESSAGES,
    503: CloseCode.UNAVAILABLE,
}


class ReadableRefusals:
    """A gateway's; knows how many there are."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._open: set[Transport] = set()

    def admit(self, transport: Transport) -> bool:
        """Count one more, if there is room for it."""
        if len(self._open) >= self._at_once:
            self._open = {known for known in self._open if not known.is_closing()}
        if len(self._open) >= self._at_once:
            return False
        self._open.add(transport)
        return True


def reads_codes(offered: Collection[str]) -> bool:
    """Whether these subprotocols are those of a page that wants to be told by a Close frame."""
    return frames.SUBPROTOCOL in offered and frames.CODES_SUBPROTOCOL in offered


def close_of(error: BellwireError) -> tuple[CloseCode, str] | None:
    """Return the code and the reason that say what the error's answer would; None for what no code stands for.

    The reason is the problem's code, and where it may come back by itself when: `unavailable retry_ms=2000`.
    """
    match error:
        case TooMany():
            problem, retry = error.problem, f" retry_ms={1000 * error.retry_after}"
        case Unavailable():
            problem, retry = Problem.UNAVAILABLE, f" retry_ms={1000 * error.retry_after}"
        case Refused() | Violation():
            problem, retry = error.problem, ""
        case _:
            return None
    code = _CODES.get(problem.status)
    return None if code is None else (code, problem.code + retry)


def opened_and_closed(key: str, code: int, reason: str) -> bytes:
    """Return the whole answer to a handshake with this `Sec-WebSocket-Key`: the 101, and the Close frame."""
    head = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\nSec-WebSocket-Protocol: {frames.SUBPROTOCOL}\r\n"
        f"{REFUSED_HEADER}: {code}\r\n\r\n"
    )
    return head.encode() + plain_frames.close(code, reason)


def is_handshake_key(key: str) -> bool:
    """Whether it is one: sixteen bytes in base64 (RFC 6455, 4.2.1)."""
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False
