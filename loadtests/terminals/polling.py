"""A terminal that polls: long polls from its offset, acks over HTTP."""

import asyncio
import json
import time

import aiohttp

from loadtests.terminals.acks import Acks
from loadtests.terminals.pauses import Pauses
from loadtests.terminals.seat import CUT, Seat

WAIT_SECONDS = 25
LIMIT = 500


class PollingTerminal:
    """A terminal that asks again and again."""

    def __init__(self, url: str, seat: Seat, http: aiohttp.ClientSession, slots: asyncio.Semaphore) -> None:
        self.seat = seat
        self._url, self._http, self._slots = url, http, slots
        self._headers = {"Authorization": f"Bearer {seat.place.key}"}
        self._poll: asyncio.Task[tuple[int, bytes, int, str | None]] | None = None
        self._ours = False
        self._pauses = Pauses()
        self._acks = Acks(url, seat, http)

    async def run(self) -> None:
        """Poll until cancelled, or sent away for good."""
        while not self.seat.over:
            pause = await self._once()
            if pause and not self.seat.over:
                await asyncio.sleep(pause)

    def cut(self) -> None:
        """The network is gone and back."""
        if self._poll is not None:
            self._ours = True
            self._poll.cancel()

    vanish = cut

    def tick(self, now: float) -> None:
        """Once a second: what is still to be acked."""
        if self.seat.open:
            self._acks.send(now)

    async def _once(self) -> float:
        """One poll; returns the pause behind it."""
        seat = self.seat
        if not seat.open:
            async with self._slots:
                seat.asking()
        query = (
            {"wait": 0}
            if seat.after is None
            else {"after": seat.after, "wait": WAIT_SECONDS if seat.live else 0}
        )
        self._ours = False
        self._poll = asyncio.create_task(self._ask({name: str(value) for name, value in query.items()}))
        try:
            status, data, at_ns, retry_after = await self._poll
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            seat.left(CUT, repr(exc), ours=False)
            return self._pauses.next()
        except asyncio.CancelledError:
            if not self._ours:
                raise
            seat.left(CUT, "", ours=True)
            return self._pauses.after_cut()
        finally:
            self._poll = None
        if status != 200:
            if status == 401 or status >= 500:
                # A pod that ends answers who waits so, and a key that has ended too; the next poll says which.
                seat.left(CUT, str(status), ours=False)
            else:
                seat.refused(status)
            return self._pauses.after_refusal(retry_after)
        self._take(data, at_ns)
        return 0.0

    async def _ask(self, query: dict[str, str]) -> tuple[int, bytes, int, str | None]:
        path = f"{self._url}/api/tenant/{self.seat.place.tenant}/events"
        timeout = aiohttp.ClientTimeout(WAIT_SECONDS + 15.0)
        async with self._http.get(path, params=query, headers=self._headers, timeout=timeout) as answer:
            data = await answer.read()
            return answer.status, data, time.time_ns(), answer.headers.get("Retry-After")

    def _take(self, data: bytes, at_ns: int) -> None:
        seat = self.seat
        page = json.loads(data)
        seat.reading = page.get("reading", seat.reading)
        if not seat.open:
            self._pauses.reset()
            seat.greeted(page["offset"] if seat.after is None else seat.after, seat.reading)
        if "reset" in page:
            seat.message(json.dumps({"type": "reset", **page["reset"]}).encode(), at_ns)
        for event in page["events"]:
            # As it stood in the page: members in their order, without spaces.
            seat.message(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode(), at_ns)
        if not page["more"]:
            seat.caught_up()
        self._acks.send(at_ns / 1e9)
