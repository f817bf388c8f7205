"""At most one task of a kind per room, and an owner that notices its end.

Knows rooms and tasks; what a task does, and whether it is due again when it ended, is its maker's business.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.rooms.room import Room

log = logging.getLogger("bellwire.rooms")


class RoomTasks:
    """Runs `body` for a room that has no such task yet; `ended` hears of its end, and whether a bug was it."""

    def __init__(
        self,
        kind: str,
        body: Callable[[Room], Coroutine[Any, Any, None]],
        ended: Callable[[Room, bool], None],
    ) -> None:
        self._kind = kind
        self._body = body
        self._ended = ended
        self._tasks: dict[Room, asyncio.Task[None]] = {}

    def start(self, room: Room) -> None:
        """See to it that the room has its task."""
        if room in self._tasks:
            return
        task = asyncio.create_task(self._body(room), name=f"{self._kind}:{room.tenant}")
        self._tasks[room] = task
        task.add_done_callback(lambda done: self._on_end(room, done))

    async def wait(self, room: Room) -> None:
        """Wait until the room's task has ended, however; without one, not at all."""
        task = self._tasks.get(room)
        if task is not None:
            await asyncio.wait([task])

    async def stop(self) -> None:
        """Cancel every task and wait for its end."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_end(self, room: Room, task: asyncio.Task[None]) -> None:
        del self._tasks[room]
        if task.cancelled():
            return
        bug = task.exception()
        if bug is not None:
            log.error("room.bug", exc_info=bug, extra={"task": self._kind, "tenant": room.tenant})
        self._ended(room, bug is not None)
