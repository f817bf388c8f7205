"""The acks over HTTP of one terminal: what a stream and a poll cannot carry back by themselves."""

import asyncio
import time
from http import HTTPStatus

import aiohttp

from loadtests.terminals.seat import Seat


class Acks:
    """Each in a task of its own, so that nobody waits for its answer."""

    def __init__(self, url: str, seat: Seat, http: aiohttp.ClientSession) -> None:
        self._url, self._seat, self._http = url, seat, http
        self._under_way: set[asyncio.Task[None]] = set()

    def send(self, now: float) -> None:
        """Send the ack that is due at this moment, a Unix time, if one is."""
        offset = self._seat.ack(now)
        if offset is not None:
            task = asyncio.create_task(self._post(offset))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _post(self, offset: str) -> None:
        """One ack. One that is lost is made good by the next, as of a till."""
        seat = self._seat
        path = f"{self._url}/api/tenant/{seat.place.tenant}/acks"
        body = {"offset": offset, **({} if seat.reading is None else {"reading": seat.reading})}
        begun = time.perf_counter()
        try:
            async with self._http.post(
                path, json=body, headers={"Authorization": f"Bearer {seat.place.key}"}
            ) as answer:
                reason = "" if answer.status == HTTPStatus.NO_CONTENT else str(answer.status)
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            reason = type(exc).__name__
        second = int(time.time())
        row = f"POST acks ({seat.people})"
        if reason:
            seat.record.failed(row, second, reason)
        else:
            seat.record.note(row, second, (time.perf_counter() - begun) * 1000)
