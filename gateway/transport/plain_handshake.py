"""Read the request for a WebSocket as nearly every terminal sends it, and nothing else. Pure.

Anything odd about a request, be it allowed or a fault, makes it none of these: then the connection goes the long way,
by a parser and the application's routes (`gateway.transport.websocket`), which knows every case. So there is one judge
of what is refused, and how; a request that is read here would have been opened there, with the same answer.

Why: docs/decisions/0138-the-short-way-in.md
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from email.utils import formatdate
from hashlib import sha1
from typing import NamedTuple

_TARGET = re.compile(rb"/ws/pos/([a-z0-9-]{1,100})(?:\?([!\"$-~]{0,2000}))?")
# Sixteen bytes in base64; the last of its letters has four bits that are not used.
_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")
_TOKENS = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:, ?[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")
# A line for each header; spaces around a value belong to nobody.
_NAMES = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9a-z-]+\n)*")
_VALUES = re.compile(rb"(?:(?:[!-~](?:[\t -~]*[!-~])?)?\n)*")
_CONNECTIONS = frozenset({b"Upgrade", b"upgrade", b"keep-alive, Upgrade"})
_NEVER = frozenset({b"content-length", b"transfer-encoding"})
MOST_HEADERS = 60
MOST_BYTES = 4000
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class PlainHandshake(NamedTuple):
    """`query` is without its question mark; `offered` are the subprotocols, in their order."""

    tenant: str
    query: bytes
    offered: list[str]
    key: bytes


def read_plain(
    target: bytes, headers: Sequence[tuple[bytes, bytes]], version: str, *, deflate: bool
) -> PlainHandshake | None:
    """Return what a request asks for, or None when it is anything but plain. Names of headers are in lower case.

    `deflate`: an offer to compress is looked at, and so it is nothing plain.
    """
    found = _TARGET.fullmatch(target)
    fields = dict(headers)
    if (
        found is None
        or version != "1.1"
        # Nothing is said twice, whatever it is.
        or not len(fields) == len(headers) <= MOST_HEADERS
        or fields.get(b"connection") not in _CONNECTIONS
        or fields.get(b"upgrade") != b"websocket"
        or fields.get(b"sec-websocket-version") != b"13"
        or not _NEVER.isdisjoint(fields)
        or (deflate and b"sec-websocket-extensions" in fields)
        or not _are_plain(fields)
    ):
        return None
    key = fields.get(b"sec-websocket-key", b"")
    offered = fields.get(b"sec-websocket-protocol")
    if _KEY.fullmatch(key) is None or (offered is not None and _TOKENS.fullmatch(offered) is None):
        return None
    words = [] if offered is None else offered.decode().replace(" ", "").split(",")
    return PlainHandshake(found[1].decode(), found[2] or b"", words, key)


def _are_plain(fields: dict[bytes, bytes]) -> bool:
    names, values = b"\n".join([*fields, b""]), b"\n".join([*fields.values(), b""])
    return (
        len(names) + len(values) < MOST_BYTES
        and names.count(b"\n") == values.count(b"\n") == len(fields)
        and _NAMES.fullmatch(names) is not None
        and _VALUES.fullmatch(values) is not None
    )


class UpgradeAnswers:
    """The answers that open a WebSocket: a constant, the second's date, and one hash."""

    def __init__(self) -> None:
        self._second = -1
        self._head = b""

    def to(self, key: bytes, subprotocol: str | None, now: float) -> bytes:
        """Return the answer to a handshake with this `Sec-WebSocket-Key`; `now` is in seconds since the epoch."""
        if int(now) != self._second:
            self._second = int(now)
            self._head = (
                f"HTTP/1.1 101 Switching Protocols\r\nDate: {formatdate(self._second, usegmt=True)}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            ).encode()
        chosen = b"" if subprotocol is None else b"\r\nSec-WebSocket-Protocol: " + subprotocol.encode()
        accept = b64encode(sha1(key + _MAGIC).digest())  # noqa: S324 - RFC 6455, 4.2.2; no secret
        return self._head + accept + chosen + b"\r\n\r\n"
