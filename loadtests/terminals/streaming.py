"""A terminal on server-sent events, by aiohttp; acks over HTTP."""

import asyncio
import json
import time
from typing import Any

import aiohttp

from loadtests.terminals.acks import Acks
from loadtests.terminals.pauses import Pauses
from loadtests.terminals.seat import CUT, Seat

SILENCE_SECONDS = 60.0


class StreamingTerminal:
    """A terminal that reads, and comes back."""

    def __init__(self, url: str, seat: Seat, http: aiohttp.ClientSession, slots: asyncio.Semaphore) -> None:
        self.seat = seat
        self._url, self._http, self._slots = url, http, slots
        self._headers = {"Authorization": f"Bearer {seat.place.key}"}
        self._answer: aiohttp.ClientResponse | None = None
        self._ours = False
        self._pauses = Pauses()
        self._acks = Acks(url, seat, http)

    async def run(self) -> None:
        """Be a terminal until cancelled, or sent away for good."""
        while not self.seat.over:
            pause = await self._once()
            if not self.seat.over:
                await asyncio.sleep(pause)

    def cut(self) -> None:
        """The network is gone and back."""
        if self._answer is not None:
            self._ours = True
            self._answer.close()

    vanish = cut

    def tick(self, now: float) -> None:
        """Once a second: what is still to be acked."""
        if self.seat.open:
            self._acks.send(now)

    async def _once(self) -> float:
        seat = self.seat
        code, reason = CUT, ""
        self._ours = False
        try:
            async with self._slots:
                seat.asking()
                query = {} if seat.after is None else {"after": seat.after}
                answer = await self._http.get(
                    f"{self._url}/sse/pos/{seat.place.tenant}", params=query, headers=self._headers,
                    timeout=aiohttp.ClientTimeout(None, sock_read=SILENCE_SECONDS),
                )  # fmt: skip
            async with answer:
                if answer.status != 200:
                    seat.refused(answer.status)
                    return self._pauses.after_refusal(answer.headers.get("Retry-After"))
                self._answer = answer
                code, reason = await self._read(answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            reason = repr(exc)
        finally:
            self._answer = None
        if seat.open:
            self._pauses.reset()
        seat.left(code, reason, ours=self._ours)
        if self._ours:
            return self._pauses.after_cut()
        return self._pauses.after_close(reason)

    async def _read(self, answer: aiohttp.ClientResponse) -> tuple[int, str]:
        """Until the stream ends; returns its code and reason."""
        rest = b""
        async for chunk in answer.content.iter_any():
            at_ns = time.time_ns()
            blocks = (rest + chunk).split(b"\n\n")
            rest = blocks.pop()
            for block in blocks:
                lines = block.split(b"\n")
                data = b"\n".join(line[6:] for line in lines if line.startswith(b"data: "))
                if b"event: close" in lines:
                    content: dict[str, Any] = json.loads(data)
                    return int(content["code"]), str(content["reason"])
                if data:
                    self.seat.message(data, at_ns)
            self._acks.send(at_ns / 1e9)
        return CUT, ""
