"""Moves the terminals of a balancer that leaves or was reloaded: as a drain does, but those that came by it alone.

Knows who asks by the other end of the check's own connection, so that no one can move what came by another address.
"""

import asyncio

from gateway.core.balancers import Balancers
from gateway.hub import Hub


class Moves:
    """One move at a time for an address; told again while one is under way, it goes on as it is."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._balancers = Balancers()
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def hear(self, address: str, word: str) -> None:
        """Hear what a balancer's check says."""
        if self._balancers.hear(address, word) and address not in self._under_way:
            task = asyncio.create_task(self._hub.move(address), name="balancer-move")
            self._under_way[address] = task
            task.add_done_callback(lambda _: self._under_way.pop(address, None))

    async def stop(self) -> None:
        """Leave the rest to the drain of the pod's end."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
