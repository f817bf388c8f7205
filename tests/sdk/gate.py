"""A network of a test's own: it lets through, is down, cuts what is open, or shuts a door with a proxy's page."""

import asyncio
import contextlib
import socket
from urllib.parse import urlsplit

PAGE = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"


class Gate:
    """Listens on loopback for one cluster, on one port. `down`: whoever comes is cut at once."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._shut: tuple[str, ...] = ()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        # Bound and never listening: while nobody does, the port is still nobody else's.
        self._place: socket.socket | None = None
        self.down = False
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """Its address."""
        assert self._place is not None
        return f"http://127.0.0.1:{self._place.getsockname()[1]}"

    def shut(self, *paths: str) -> None:
        """Paths that begin like this are answered with a proxy's page, from now on."""
        self._shut = paths

    def cut(self) -> None:
        """Cut every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def open(self) -> None:
        """Listen, on the port that it had."""
        if self._place is None:
            self._place = socket.socket()
            self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._place.bind(("127.0.0.1", 0))
        host, port = self._place.getsockname()
        self._server = await asyncio.start_server(self._serve, host, port, reuse_port=True, backlog=1024)

    def leave(self) -> None:
        """Nothing is there until it is opened again: what is open is cut, and who comes is refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    async def close(self) -> None:
        """Listen no more."""
        self.leave()
        if self._place is not None:
            self._place.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self.down:
                return
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            self.asked.append(path)
            if path.startswith(self._shut) and self._shut:
                writer.write(PAGE)
                await writer.drain()
                return
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            self._writers.add(far_writer)
            try:
                far_writer.write(head)
                await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
            finally:
                self._writers.discard(far_writer)
                far_writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    # One side's end is both sides': a connection of HTTP is of one request here.
    writer.close()
