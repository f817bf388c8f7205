"""The HTTP protocol with a short way out for an answer that is whole: its head and body in one write.

The way by ASGI messages stays, for answers that stream, for peers that do not read, and for everything else.

Why: docs/decisions/0077-cost-of-an-order.md
"""

from collections.abc import Sequence
from typing import Any, cast

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from backbone.runtime.http_protocol import HttpProtocol

EXTENSION = "bellwire.single_write"


class SingleWrite:
    """The short way out of one request."""

    __slots__ = ("_cycle", "headers")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        """More of them, for whatever the answer is."""

    def write(self, response: Response) -> bool:
        """Send an answer whose head says how long it is; False when it has to go the long way."""
        cycle = self._cycle
        if cycle.flow.write_paused or cycle.disconnected or cycle.response_started or not cycle.keep_alive:
            return False
        lines = [STATUS_LINE[response.status_code]]
        for headers in (cycle.default_headers, response.raw_headers, self.headers):
            for name, value in headers:
                if name == b"connection":
                    return False
                lines.append(b"%b: %b\r\n" % (name, value))
        lines.append(b"\r\n")
        lines.append(bytes(response.body))
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(b"".join(lines))
        cycle.message_event.set()
        cycle.on_response()
        return True

    @property
    def is_taken(self) -> bool:
        """Whether the reader has taken the answer, but for what a connection may keep."""
        return not self._cycle.flow.write_paused

    async def taken(self) -> None:
        """Wait until the reader has taken the answer, but for what a connection may keep; or is gone."""
        if not self.is_taken:
            await self._cycle.flow.drain()


class SingleWriteProtocol(HttpProtocol):
    """One HTTP connection, whose requests carry the short way out in their scope."""

    def on_headers_complete(self) -> None:
        """A request's head is here."""
        super().on_headers_complete()
        # Not for an upgrade, which has no answer of this kind.
        if self.cycle is not None and self.cycle.scope is self.scope:
            cast("dict[str, Any]", self.scope)["extensions"] = {EXTENSION: SingleWrite(self.cycle)}
