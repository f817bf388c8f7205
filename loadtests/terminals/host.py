"""A process full of terminals: it obeys lines of JSON on stdin, and tells each second on stdout what it counted.

Lines in: first the seats, then `cut`, `vanish`, `settle` and the end of the input. Lines out: `ready`, deltas of the
record, and the last word with how far each terminal ever acked. Does not know locust.
"""

import asyncio
import contextlib
import json
import random
import resource
import ssl
import sys
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from loadtests.core.place import Place
from loadtests.core.record import Record
from loadtests.core.rows import POLLING, SSE, WEBSOCKET
from loadtests.own import Own, memory_bytes
from loadtests.terminals.polling import PollingTerminal
from loadtests.terminals.receiver import Receiver
from loadtests.terminals.seat import Seat, as_delta
from loadtests.terminals.streaming import StreamingTerminal
from loadtests.terminals.websocket import WebSocketTerminal

AT_ONCE = 64
SPARE_DESCRIPTORS = 200
SETTLE_SECONDS = 20.0
# When everything is here, what should not come is given this long to be wrong.
SILENCE_SECONDS = 1.5
LOOK_SECONDS = 0.05

Terminal = WebSocketTerminal | StreamingTerminal | PollingTerminal
Say = Callable[[dict[str, Any]], None]


class TooMany(Exception):
    """The machine gives this process too few descriptors; the text says how many it needs."""


class Host:
    """The terminals of one process, all of the same people: the crowd, or probes."""

    def __init__(self, order: dict[str, Any], say: Say) -> None:
        self._url: str = order["url"]
        self._people: str = order["people"]
        self._part: str = order["part"]
        self._say = say
        self.record = Record()
        self._tls = (
            ssl.create_default_context(cafile=order.get("caFile")) if self._url.startswith("https") else None
        )
        self._slots = asyncio.Semaphore(AT_ONCE)
        places = [Place(*seat) for seat in order["seats"]]
        make_room(len(places) + SPARE_DESCRIPTORS)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls if self._tls is not None else True),
            timeout=aiohttp.ClientTimeout(30),
        )
        self.terminals = [self._terminal(place) for place in places]
        self._receiver = Receiver(
            self._http, self._url, self.record, order.get("webhooks", ()), order.get("listen")
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._own = Own()

    def _terminal(self, place: Place) -> Terminal:
        seat = Seat(place, self._people, self.record)
        match place.door:
            case door if door == WEBSOCKET:
                return WebSocketTerminal(self._url, seat, self._tls, self._slots)
            case door if door == SSE:
                return StreamingTerminal(self._url, seat, self._http, self._slots)
            case door if door == POLLING:
                return PollingTerminal(self._url, seat, self._http, self._slots)
        raise ValueError(place.door)

    async def run(self, lines: asyncio.StreamReader) -> None:
        """Connect all, say so, and obey until the input ends."""
        await self._receiver.open()
        self._tasks = [asyncio.create_task(terminal.run()) for terminal in self.terminals]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        ticking = asyncio.create_task(self._tick())
        entering = asyncio.create_task(self._enter())
        try:
            while line := await lines.readline():
                await self._obey(json.loads(line))
        finally:
            for task in (ticking, entering, *self._tasks):
                task.cancel()
            await asyncio.gather(ticking, entering, *self._tasks, return_exceptions=True)
            await self._receiver.close()
            await self._http.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A terminal that dies of a fault of ours would look like a cluster that loses everything."""
        if not task.cancelled() and (exc := task.exception()) is not None:
            self._say({"failed": f"a terminal died of a fault of the load test: {exc!r}"})

    async def _enter(self) -> None:
        # Several hundred of them: a look costs less than an event of each.
        while not all(terminal.seat.open or terminal.seat.over for terminal in self.terminals):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        self._say({"ready": len(self.terminals), "webhooks": self._receiver.why_not})

    async def _obey(self, order: dict[str, Any]) -> None:
        match order["do"]:
            case "cut":
                for terminal in self._some(order["share"]):
                    terminal.cut()
            case "vanish":
                for terminal in self._some(order["share"]):
                    terminal.vanish()
            case "settle":
                await self._settle(order["owed"])

    def _some(self, share: float) -> list[Terminal]:
        return [terminal for terminal in self.terminals if random.random() < share]

    async def _settle(self, owed: dict[str, str]) -> None:
        """Wait until everything promised is here, then a moment more, and look."""
        until = time.monotonic() + SETTLE_SECONDS

        def late() -> bool:
            return not self._receiver.has(owed) or any(
                not each.seat.has(owed.get(each.seat.place.tenant, "0")) for each in self.terminals
            )

        while late() and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.sleep(SILENCE_SECONDS)
        for terminal in self.terminals:
            terminal.seat.settle(owed.get(terminal.seat.place.tenant, "0"))
        self._receiver.settle(owed)
        self._tell()
        self._say({"settled": True, "said": as_delta([terminal.seat for terminal in self.terminals])})

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += 1.0
            await asyncio.sleep(max(0.0, due - loop.time()))
            second = int(time.time())
            # How late this process is for itself: what it measures of others is so much too high, at times.
            self.record.note(
                f"LOAD late by itself ({self._people})", second, max(0.0, loop.time() - due) * 1000
            )
            now = time.time()
            for terminal in self.terminals:
                terminal.seat.sweep()
                terminal.tick(now)
            self._tell()

    def _tell(self) -> None:
        second = int(time.time())
        self.record.value(f"cpu {self._part}", second, self._own.cores())
        self.record.value(f"memory {self._part}", second, memory_bytes())
        self.record.value(
            f"connections {self._part}", second, sum(terminal.seat.open for terminal in self.terminals)
        )
        self._say({"delta": self.record.take()})


def make_room(descriptors: int) -> None:
    """Take as many descriptors as are needed.

    Raises:
        TooMany: the machine does not give them.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < descriptors:
        most = descriptors if hard == resource.RLIM_INFINITY else hard
        if most < descriptors:
            raise TooMany(
                f"{descriptors} descriptors are needed and {hard} may be had (ulimit -n): fewer --terminals"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def main() -> None:
    """Read the seats from stdin, and run."""
    lines = asyncio.StreamReader(limit=1 << 28)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)

    def say(word: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(word, separators=(",", ":")) + "\n")
        sys.stdout.flush()

    try:
        host = Host(json.loads(await lines.readline()), say)
    except TooMany as exc:
        say({"failed": str(exc)})
        return
    with contextlib.suppress(asyncio.CancelledError):
        await host.run(lines)
