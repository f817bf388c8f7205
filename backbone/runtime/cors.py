"""Answers that a page of another origin may read: CORS headers in every answer of a pod, and answers to preflights.

Only origins that are listed get them. No request is refused here: a browser withholds an answer without them.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backbone.contract.origin import ANY, AllowedOrigins
from backbone.runtime.single_write import EXTENSION, SingleWrite

METHODS = b"GET, POST, PATCH, DELETE"
REQUEST_HEADERS = b"Authorization, Content-Type, Idempotency-Key, Last-Event-ID, traceparent"
EXPOSED_HEADERS = (
    b"Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Idempotency-Replayed, X-Request-Id"
)
MAX_AGE_SECONDS = b"3600"
_VARY = (b"vary", b"Origin")
# Of an answer, and of the refusal of a handshake.
_HEADS = ("http.response.start", "websocket.http.response.start")


class Cors:
    """An ASGI application around another one; not needed where no origin is listed."""

    def __init__(self, app: ASGIApp, allowed: AllowedOrigins) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or add to the application's answer."""
        headers = cors_headers(scope, self._allowed)
        if len(headers) > 1 and _is_preflight(scope):
            await _allow(headers, send)
            return
        short_way: SingleWrite | None = scope.get("extensions", {}).get(EXTENSION)
        if short_way is not None:
            short_way.headers = headers

        async def send_with_headers(message: Message) -> None:
            if message["type"] in _HEADS:
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def cors_headers(scope: Scope, allowed: AllowedOrigins) -> list[tuple[bytes, bytes]]:
    """Return the headers for an answer to this request.

    `Vary` alone where its origin is not listed, so that no cache gives one page's answer to another one; nothing at all
    where no origin is.
    """
    if not allowed:
        return []
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    if len(origins) != 1 or not allowed.holds(origins[0].decode("latin-1")):
        return [_VARY]
    granted = ANY.encode() if allowed.any else origins[0]
    return [
        (b"access-control-allow-origin", granted),
        (b"access-control-expose-headers", EXPOSED_HEADERS),
        _VARY,
    ]


def _is_preflight(scope: Scope) -> bool:
    return scope.get("method") == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )


async def _allow(headers: list[tuple[bytes, bytes]], send: Send) -> None:
    answer = [
        *headers,
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", REQUEST_HEADERS),
        (b"access-control-max-age", MAX_AGE_SECONDS),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": answer})
    await send({"type": "http.response.body", "body": b""})
