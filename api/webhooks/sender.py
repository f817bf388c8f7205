"""Carry one message to one endpoint: a POST that follows nothing, reads little, and ends in bounded time.

Why: docs/decisions/0054-webhook-addresses.md
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from api.core.delivery import EXCERPT_BYTES, Attempt, Outcome, excerpt, outcome_of
from api.webhooks.address import CheckedBackend, ForbiddenAddress, Resolve, system_resolve

log = logging.getLogger("bellwire.webhooks")

MOST_OF_AN_ANSWER = 64 * 1024
"""Bytes that are read before the connection is dropped; only the first of them are looked at."""
KEEP_ALIVE_SECONDS = 20.0


class Sender:
    """The way out. No cookies, no proxies, no redirects, no retries of its own."""

    def __init__(
        self,
        permitted: Callable[[str], bool],
        timeout_seconds: float,
        resolve: Resolve = system_resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            # One endpoint must not wait for another's connection; how many there are is the caller's to bound.
            max_connections=None,
            max_keepalive_connections=50,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=CheckedBackend(permitted, resolve),
        )

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Attempt:
        """Make one attempt, and say what became of it. Nothing that an address leads to is raised: a failure counts."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._post(url, headers, body)
        except (TimeoutError, httpcore.TimeoutException):
            return Attempt(Outcome.TIMEOUT)
        except ForbiddenAddress:
            return Attempt(Outcome.FORBIDDEN)
        except (
            httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError, httpx.InvalidURL,
            # A name that the resolver or TLS cannot encode, a port beyond those that there are.
            ValueError, OverflowError,
        ):  # fmt: skip
            return Attempt(Outcome.UNREACHABLE)
        except Exception:
            # A bug of ours or of a library's: loud, and counted, or the endpoint would be tried for ever.
            log.exception("webhook.bug")
            return Attempt(Outcome.UNREACHABLE)

    async def close(self) -> None:
        """Close the connections that wait for their next message."""
        await self._pool.aclose()

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> Attempt:
        parsed = httpx.URL(url)
        target = httpcore.URL(
            scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path
        )
        async with self._pool.stream("POST", target, headers=list(headers.items()), content=body) as response:
            read, start = 0, b""
            async for part in response.aiter_stream():
                read += len(part)
                # One more than is shown, so that what is cut off is known to be.
                start += part[: EXCERPT_BYTES + 1 - len(start)]
                if read > MOST_OF_AN_ANSWER:
                    break
            status, again = response.status, _retry_after(response.headers)
            return Attempt(outcome_of(status), again, status, excerpt(start))


def _retry_after(headers: list[tuple[bytes, bytes]]) -> float | None:
    """The seconds of a Retry-After header, which has a number or a date; None when there is none that can be read."""
    for name, value in headers:
        if name.lower() != b"retry-after":
            continue
        text = value.decode("latin-1").strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    return None
