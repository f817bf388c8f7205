"""The parent of a pod's workers: starts them, starts one that died anew, passes signals on, ends when all have ended.

Serves nothing itself. Its death ends the workers too: each holds the end of a pipe that closes then (`follow_parent`).
Knows processes; what a worker is, the caller decides.
"""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from backbone.runtime.backoff import Backoff
from backbone.runtime.listening import CannotListen

log = logging.getLogger("bellwire.supervisor")


class Supervisor:
    """Workers 0 … `size` - 1. `command` gets a worker's number and the descriptor of its leash."""

    def __init__(
        self,
        size: int,
        command: Callable[[int, int], Sequence[str]],
        environment: Callable[[int], Mapping[str, str]],
        on_death: Callable[[int], None],
    ) -> None:
        self._size = size
        self._command = command
        self._environment = environment
        self._on_death = on_death
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._leash, self._our_end = os.pipe()

    async def run(self) -> int:
        """Keep all workers running until a polite signal; return 0 when all of them ended with 0."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._pass_on, number)
        codes = await asyncio.gather(*(self._keep(worker) for worker in range(self._size)))
        return 0 if not any(codes) else 1

    def _pass_on(self, number: signal.Signals) -> None:
        # A second one goes to the workers too, and cuts their drain short.
        log.info("supervisor.signal", extra={"signal": number.name})
        self._stopping.set()
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)

    async def _keep(self, worker: int) -> int:
        backoff = Backoff()
        while True:
            began = monotonic()
            code = await self._run_once(worker)
            if self._stopping.is_set():
                return code
            self._on_death(worker)
            pause = backoff.after(monotonic() - began)
            log.error("supervisor.worker_died", extra={"worker": worker, "code": code, "again_in": pause})
            try:
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
                return 0
            except TimeoutError:
                continue

    async def _run_once(self, worker: int) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command(worker, self._leash),
            env=self._environment(worker),
            pass_fds=(self._leash,),
            # A terminal's Ctrl-C is for us to pass on, once.
            start_new_session=True,
        )
        self._running[worker] = process
        if self._stopping.is_set():
            process.send_signal(signal.SIGTERM)
        try:
            return await process.wait()
        finally:
            del self._running[worker]


def follow_parent(leash: int) -> None:
    """In a worker: be told to stop, as by SIGTERM, when the parent is gone however it went."""

    def watch() -> None:
        os.read(leash, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="leash", daemon=True).start()


def reserve(host: str, port: int) -> socket.socket:
    """Return a socket that holds a port for workers to share, and takes no connections itself.

    Raises:
        CannotListen: the address cannot be had, or somebody else listens there; workers of another pod would share it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
    except (OSError, ValueError) as exc:
        holder.close()
        raise CannotListen(host, port, exc) from exc
    return holder
