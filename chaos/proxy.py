"""A network between terminals and the cluster that can be made bad: a TCP proxy in a thread of its own.

Silence, as of a cable that is pulled: bytes and connection attempts simply wait. A half-open connection: one side is
gone and the other was never told. Knows bytes; does not know what they say.
"""

import asyncio
import contextlib
import random
import threading
from collections.abc import Coroutine
from typing import Any

CHUNK_BYTES = 64 * 1024


class Link:
    """One connection through the proxy."""

    def __init__(self) -> None:
        self.dead = False
        self.writers: list[asyncio.StreamWriter] = []

    def reset(self) -> None:
        """Cut it so that both ends hear of it."""
        for writer in self.writers:
            writer.transport.abort()


class Network:
    """Listens on a free port in front of `target_port` of this machine."""

    def __init__(self, target_port: int, seed: int) -> None:
        self._target_port = target_port
        self._chance = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._links: set[Link] = set()
        self._up = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start to listen; everything passes."""
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        """Cut everything and stop."""
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def silence(self) -> None:
        """From now on nothing passes, and nobody is told."""
        self._loop.call_soon_threadsafe(self._up.clear)

    def mend(self, cut: float = 0.0) -> None:
        """Everything passes again; a share `cut` of the connections did not survive."""

        def now() -> None:
            for link in list(self._links):
                if self._chance.random() < cut:
                    link.reset()
            self._up.set()

        self._loop.call_soon_threadsafe(now)

    def abandon(self, share: float) -> None:
        """Leave a share of the connections half-open: for ever silent, and neither end is told."""

        def now() -> None:
            for link in self._links:
                link.dead = link.dead or self._chance.random() < share

        self._loop.call_soon_threadsafe(now)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._up.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for link in list(self._links):
            link.reset()
        self._up.set()
        tasks = asyncio.all_tasks(self._loop) - {asyncio.current_task(self._loop)}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link()
        link.writers.append(writer)
        self._links.add(link)
        try:
            await self._up.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
            link.writers.append(back)
            pumps = [
                asyncio.ensure_future(pump)
                for pump in (self._pump(link, reader, back), self._pump(link, there, writer))
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for task in pumps:
                task.cancel()
        except OSError:
            pass
        finally:
            self._links.discard(link)
            link.reset()

    async def _pump(self, link: Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                await self._up.wait()
                if link.dead:
                    # Not even its end passes: whoever wants to know has to notice the silence.
                    await asyncio.Event().wait()
                sink.write(data)
                await sink.drain()
