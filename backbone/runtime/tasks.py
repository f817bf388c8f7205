"""An owner for the tasks that run as long as the pod: notices a death, says so, starts anew."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from prometheus_client import Counter

log = logging.getLogger("bellwire.tasks")

RESTART_SECONDS = 1.0
DEATHS = Counter(
    "bellwire_task_deaths_total", "Background tasks that died of a bug and were started anew.", ["task"]
)


class TaskOwner:
    """Owns tasks that are not meant to end."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, body: Callable[[], Awaitable[None]]) -> None:
        """Run `body` until `stop`; when it ends by itself or dies, it is started anew a second later."""
        self._tasks.append(asyncio.create_task(self._keep(name, body), name=name))

    async def stop(self) -> None:
        """Cancel every task and wait for its end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _keep(self, name: str, body: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await body()
                log.error("task.ended", extra={"task": name})
            except Exception:
                log.exception("task.died", extra={"task": name})
            DEATHS.labels(name).inc()
            await asyncio.sleep(RESTART_SECONDS)
