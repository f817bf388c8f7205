"""A TCP proxy that spoils what passes: late, silent, one-way, cut. Plain asyncio; knows nothing of what it carries.

    async with chaos_proxy(server_port) as proxy:
        ... connect to proxy.port ...
        proxy.drop_silently()            # both ways; the connections stay open, as with a pulled cable
        proxy.drop_silently("to_server")  # one way only
        proxy.reset()                    # every connection ends with a reset, new ones too
        proxy.pass_on()                  # well again
        proxy.delay = lambda: random.uniform(0, 0.3)

Dropped bytes are gone, and a stream of bytes with a hole is no stream: so connections on which something was
dropped are reset when the network is well again, which is what becomes of them in the end on a real one too.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from typing import Literal

CHUNK_BYTES = 64 * 1024

Direction = Literal["both", "to_server", "to_client"]


class Mood(Enum):
    """The treatment of a direction."""

    PASS = "pass"
    DROP = "drop"


class Link:
    """One connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.spoiled = False
        self._writers = (client, server)

    def reset(self) -> None:
        """End both halves with RST, not with FIN."""
        for writer in self._writers:
            found = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class ChaosProxy:
    """Listens on `port`, a free one, and carries new connections to `target_port`, which may change.

    `delay` gives the seconds that a chunk waits; within one connection nothing overtakes.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.delay: Callable[[], float] = lambda: 0.0
        self.chunks = 0
        self.target_port = target_port
        self._moods: dict[str, Mood] = {"to_server": Mood.PASS, "to_client": Mood.PASS}
        self._refusing = False
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in tuple(self._links):
            link.reset()

    def drop_silently(self, direction: Direction = "both") -> None:
        """Bytes from now on go nowhere, and nobody is told; new connections are taken and stay mute."""
        for name in self._moods:
            if direction in ("both", name):
                self._moods[name] = Mood.DROP

    def reset(self) -> None:
        """Every connection ends with a reset, and so does each new one, until `pass_on`."""
        self._refusing = True
        for link in tuple(self._links):
            link.reset()

    def pass_on(self) -> None:
        """The network is well again; connections that lost something end now."""
        self._refusing = False
        self._moods = dict.fromkeys(self._moods, Mood.PASS)
        for link in tuple(self._links):
            if link.spoiled:
                link.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._carry(reader, writer)
        except OSError:
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        link = Link(writer, there_writer)
        self._links.add(link)
        if self._refusing:
            link.reset()
        try:
            # Either end's end is the end of both.
            pumps = [
                asyncio.create_task(self._pump(reader, there_writer, "to_server", link)),
                asyncio.create_task(self._pump(there_reader, writer, "to_client", link)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            self._links.discard(link)
            there_writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str, link: Link
    ) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            if wait := self.delay():
                await asyncio.sleep(wait)
            if self._moods[direction] is Mood.DROP:
                link.spoiled = True
                continue
            self.chunks += 1
            writer.write(chunk)
            await writer.drain()


@asynccontextmanager
async def chaos_proxy(target_port: int) -> AsyncIterator[ChaosProxy]:
    """A running proxy in front of a port of this machine."""
    proxy = ChaosProxy(target_port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
