"""The way from pods to Valkey, in a thread of its own, so that rows can spoil it from where they stand.

One wire for the API pods and one for the gateways. Knows what `tcp` can do to bytes; not what they say.
"""

import asyncio
import random
import threading
from collections.abc import Callable

from chaos.tcp import ChaosProxy, Direction

CALL_SECONDS = 10.0


class Wire:
    """Carries connections from `port` to the port that it leads to."""

    def __init__(self, target_port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._proxy = ChaosProxy(target_port)

    @property
    def port(self) -> int:
        return self._proxy.port

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start to carry."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._proxy.start(), self._loop).result(CALL_SECONDS)

    def stop(self) -> None:
        """Cut everything and stop."""
        asyncio.run_coroutine_threadsafe(self._proxy.stop(), self._loop).result(CALL_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()

    def silence(self, direction: Direction = "both") -> None:
        """Bytes that are sent are lost, and nobody is told."""
        self._do(lambda: self._proxy.drop_silently(direction))

    def reset(self) -> None:
        """Every connection ends with a reset, and so does each new one."""
        self._do(self._proxy.reset)

    def mend(self) -> None:
        """Well again; connections that lost something end."""
        self._do(self._proxy.pass_on)

    def lead_to(self, port: int) -> None:
        """Another server from now on; who was connected comes again."""

        def now() -> None:
            self._proxy.target_port = port
            self._proxy.reset()
            self._proxy.pass_on()

        self._do(now)

    def delay(self, most_seconds: float, chance: random.Random) -> None:
        """Each chunk waits for up to so long; 0 ends it."""

        def now() -> None:
            self._proxy.delay = lambda: chance.uniform(0, most_seconds)

        self._do(now)

    def _do(self, work: Callable[[], None]) -> None:
        done = threading.Event()

        def now() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(now)
        if not done.wait(CALL_SECONDS):
            raise TimeoutError("the wire does not answer")
