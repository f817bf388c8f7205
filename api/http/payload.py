"""A request's body as bytes: bounded while it comes, and unpacked when it came packed."""

import zlib

from starlette.requests import Request

from api.http.header import header_values
from backbone.contract.errors import Problem, Violation

GZIP = frozenset({"gzip", "x-gzip"})
# Of a stream with zlib's own reading of gzip's header and checksum.
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


async def read_bytes(request: Request, limit: int) -> bytes:
    """Return the whole body, unpacked; `limit` bounds it in bytes, as it comes and unpacked.

    Raises:
        Violation: too large (413), an encoding that is not known (415), broken, or it ended early (400).
    """
    gunzip = _unpacker(request)
    length = header_values(request, b"content-length")
    if length and "".join(length).isdigit() and int("".join(length)) > limit:
        raise _too_large(limit)
    raw = bytearray()
    taken = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Violation(Problem.BAD_REQUEST, "The body ended early")
        chunk = message.get("body", b"")
        taken += len(chunk)
        if taken > limit:
            raise _too_large(limit)
        raw += chunk if gunzip is None else gunzip.feed(chunk, limit - len(raw))
        if len(raw) > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    if gunzip is not None:
        gunzip.finish()
    return bytes(raw)


class _Gunzip:
    """One gzip stream, of one member or several, never unpacked further than asked."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._begun = False

    def feed(self, chunk: bytes, room: int) -> bytes:
        """Return what `chunk` unpacks to, `room` bytes and one more at most."""
        found = bytearray()
        while chunk and len(found) <= room:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP_WINDOW)
            try:
                found += self._member.decompress(chunk, room + 1 - len(found))
            except zlib.error:
                raise _broken() from None
            self._begun = True
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return bytes(found)

    def finish(self) -> None:
        """See that the stream came to its end."""
        if self._begun and not self._member.eof:
            raise _broken()


def _unpacker(request: Request) -> _Gunzip | None:
    given = header_values(request, b"content-encoding")
    if not given:
        return None
    named = ",".join(given).lower()
    encodings = [word for word in (part.strip() for part in named.split(",")) if word not in ("", "identity")]
    if not encodings:
        return None
    if len(encodings) == 1 and encodings[0] in GZIP:
        return _Gunzip()
    raise Violation(Problem.UNKNOWN_ENCODING, "Send the body as it is, or with `Content-Encoding: gzip`")


def _too_large(limit: int) -> Violation:
    return Violation(Problem.TOO_LARGE, f"A body may have {limit} bytes")


def _broken() -> Violation:
    return Violation(Problem.BAD_REQUEST, "The body is not whole gzip")
