"""Run an ASGI application as a pod: uvicorn, with a drain that begins before any socket is closed.

uvicorn itself closes every socket within 70 ms of SIGTERM, before the application hears of it; so the drain starts in
`shutdown`, ahead of uvicorn's own. After a polite signal the process ends with 0.
"""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import FrameType

import uvicorn
import uvloop
from starlette.types import ASGIApp

from backbone.runtime.http_protocol import HttpProtocol
from backbone.runtime.listening import CannotListen
from backbone.runtime.settings import PodSettings

log = logging.getLogger("bellwire.server")

BACKLOG = 4096
DATE_SECONDS = 1.0
KEEP_ALIVE_SECONDS = (
    75  # longer than the load balancer keeps an idle connection, so that it is the one to close
)
GRACE_SECONDS = 10
# Containers made and not yet given up before the youngest are looked through (700 comes round every few requests), such
# looks before the next older are, and those before all are: a look stops everything, and with the library's 10 one at
# what a crowd of terminals left took 45 ms.
GARBAGE_THRESHOLDS = (5_000, 3, 70)
USEFUL_DESCRIPTORS = 4096


class Server(uvicorn.Server):
    """uvicorn, draining first."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._drain = drain
        self._loop = asyncio.get_running_loop()
        self._leaving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but without raising the signal again at the end: a drained pod ends with 0."""
        originals = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in originals.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        # The second signal cuts the drain short.
        self.force_exit = self.should_exit
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._leaving.set)
        log.info("server.signal", extra={"signal": signal.Signals(number).name, "force": self.force_exit})

    async def main_loop(self) -> None:
        """As uvicorn's, which looks ten times a second whether it is to end; this one is woken for that.

        Those looks were a third of what a gateway without terminals did.
        """
        # Its first tick of ten writes the date of the answers anew.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DATE_SECONDS):
                    await self._leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then let uvicorn close what is left."""
        drain = asyncio.ensure_future(self._drain())
        while not drain.done() and not self.force_exit:
            await asyncio.wait([drain], timeout=0.1)
        drain.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await drain
        await super().shutdown(sockets)


def raise_descriptor_limit(wanted: int = USEFUL_DESCRIPTORS, hint: str = "") -> int:
    """Raise the soft limit of file descriptors to the hard one and return it; warns when that is less than `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return wanted
    if hard < wanted:
        hint = "; ".join(part for part in ("raise it (`ulimit -Hn`, LimitNOFILE=)", hint) if part)
        log.warning("server.few_descriptors", extra={"limit": hard, "wanted": wanted, "hint": hint})
    return hard


def listen(
    host: str,
    port: int,
    *,
    send_buffer_bytes: int | None = None,
    dead_peer_seconds: float | None = None,
    shared: bool = False,
) -> socket.socket:
    """Return a listening socket; what is set on it is inherited by every connection it accepts.

    `shared`: other workers listen on the same port, and the kernel spreads connections over them.

    Raises:
        CannotListen: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if send_buffer_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
        if dead_peer_seconds is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            # Bytes that the peer's kernel does not acknowledge for so long end the connection.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(dead_peer_seconds * 1000))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except (OSError, ValueError) as exc:
        listener.close()
        raise CannotListen(host, port, exc) from exc
    return listener


@dataclass(frozen=True, slots=True)
class Pod:
    """The application to serve, and the way to end it without cutting requests off.

    `http` is the class of its HTTP connections, where the plain one is not meant.
    """

    app: ASGIApp
    drain: Callable[[], Awaitable[None]]
    http: type[asyncio.Protocol] | None = None


def serve_pod(
    make_pod: Callable[[], AbstractAsyncContextManager[Pod]],
    settings: PodSettings,
    *,
    websocket: type[asyncio.Protocol] | None = None,
    websocket_max_bytes: int = 0,
    websocket_deflate: bool = False,
    send_buffer_bytes: int | None = None,
    dead_peer_seconds: float | None = None,
    shared_port: bool = False,
) -> None:
    """Serve a pod until a polite signal, drain it, return.

    `make_pod` is entered in the event loop that serves it, and left when nobody is served any more.

    Raises:
        CannotListen: the address cannot be had.
    """
    listener = listen(
        settings.listen_host,
        settings.listen_port,
        send_buffer_bytes=send_buffer_bytes,
        dead_peer_seconds=dead_peer_seconds,
        shared=shared_port,
    )
    host, port = listener.getsockname()[:2]

    async def serve() -> None:
        async with make_pod() as pod:
            # The objects built until here last as long as the pod: the collector need not look at it again and again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*GARBAGE_THRESHOLDS)
            config = uvicorn.Config(
                pod.app,
                http=pod.http or HttpProtocol,
                ws=websocket or "none",
                ws_max_size=websocket_max_bytes,
                ws_per_message_deflate=websocket_deflate,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
            log.info("server.listening", extra={"pod": settings.pod_name, "address": f"{host}:{port}"})
            await Server(config, pod.drain).serve(sockets=[listener])

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
