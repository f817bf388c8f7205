"""A network between terminals and the cluster that spoils what it carries: one event dropped, repeated, swapped,
leaked to another shop, late, or an ack that nobody sent. For tests alone.

Everything but WebSockets of terminals passes as it is. Knows RFC 6455 as far as whole text frames.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

EVENT = re.compile(rb'\{"type":"new_order","tenant":"([^"]*)","offset":"([^"]*)"')
DELAY_SECONDS = 0.3
MASK = bytes(4)  # a mask of zeros is a mask


class Line:
    """One terminal's WebSocket through the proxy. `send` is to the terminal, `say` to the cluster."""

    def __init__(self, send: Callable[[bytes], None], say: Callable[[bytes], None]) -> None:
        self.send, self.say = send, say
        self.tenant = b""
        self.events = 0
        self.held: bytes | None = None


class Spoiler:
    """`fault` is what is done: a name of a method below, or None."""

    def __init__(self, host: str, port: int, fault: str | None) -> None:
        self._target = (host, port)
        self._fault = fault
        self._lines: set[Line] = set()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.done = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            there, back = await asyncio.open_connection(*self._target)
            back.write(head)
            up = asyncio.create_task(pump(reader, back))
            try:
                if head.startswith(b"GET /ws/pos/"):
                    await self._carry(there, writer, back)
                else:
                    await pump(there, writer)
            finally:
                up.cancel()
                back.close()
        writer.close()

    async def _carry(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        head = await there.readuntil(b"\r\n\r\n")
        writer.write(head)
        if not head.startswith(b"HTTP/1.1 101"):
            await pump(there, writer)
            return
        line = Line(writer.write, back.write)
        self._lines.add(line)
        try:
            while True:
                whole, payload = await read_frame(there)
                found = EVENT.match(payload)
                if found is None or self._fault is None:
                    line.send(whole)
                    continue
                line.tenant = found[1]
                line.events += 1
                getattr(self, f"_{self._fault}")(line, whole, found[2])
        finally:
            self._lines.discard(line)

    # The faults. Each is done once, where it says nothing else.

    def _drop(self, line: Line, whole: bytes, _: bytes) -> None:
        if self._once(line):
            return
        line.send(whole)

    def _repeat(self, line: Line, whole: bytes, _: bytes) -> None:
        line.send(whole)
        if self._once(line):
            line.send(whole)

    def _swap(self, line: Line, whole: bytes, _: bytes) -> None:
        if line.held is None and self._once(line):
            line.held = whole
            return
        line.send(whole)
        if line.held is not None:
            line.send(line.held)
            line.held = None

    def _leak(self, line: Line, whole: bytes, _: bytes) -> None:
        line.send(whole)
        others = [other for other in self._lines if other.tenant not in (b"", line.tenant)]
        if others and self._once(line):
            others[0].send(whole)

    def _invent_ack(self, line: Line, whole: bytes, offset: bytes) -> None:
        """At every terminal: who never acks is known to the load test alone."""
        line.send(whole)
        self.done += 1
        payload = json.dumps({"type": "ack", "offset": offset.decode()}).encode()
        line.say(bytes([0x81, 0x80 | len(payload)]) + MASK + payload)

    def _delay(self, line: Line, whole: bytes, _: bytes) -> None:
        """Every event."""
        self.done += 1
        asyncio.get_running_loop().call_later(DELAY_SECONDS, line.send, whole)

    def _once(self, line: Line) -> bool:
        """Whether it is time: at the third event of the first line that has so many."""
        if self.done or line.events < 3:
            return False
        self.done += 1
        return True


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Bytes as they come, to the end."""
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    with contextlib.suppress(OSError):
        sink.write_eof()


async def read_frame(source: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """One unmasked frame: as it came, and its payload."""
    head = await source.readexactly(2)
    length = head[1] & 127
    if length >= 126:
        more = await source.readexactly(2 if length == 126 else 8)
        head, length = head + more, int.from_bytes(more)
    payload = await source.readexactly(length)
    return head + payload, payload


@asynccontextmanager
async def spoiled(url: str, fault: str | None) -> AsyncIterator[tuple[str, Spoiler]]:
    """A proxy before `url`, and its address."""
    host, _, port = url.partition("://")[2].partition(":")
    spoiler = Spoiler(host, int(port), fault)
    server = await asyncio.start_server(spoiler.serve, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", spoiler
    finally:
        server.close()
        for task in list(spoiler.tasks):
            task.cancel()
        await asyncio.gather(*spoiler.tasks, return_exceptions=True)
