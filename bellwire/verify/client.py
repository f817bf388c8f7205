"""The checker's HTTP client: one attempt is one request, a write is repeated until it is decided.

Counts every status. Knows no retry but "the same request with the same key". Its client is aiohttp: hundreds of
terminals beside a cluster on the same machine leave no CPU for a slower one.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from bellwire.verify.notes import Answer
from bellwire.verify.trouble import Unreachable

ATTEMPT_SECONDS = 10.0
CONNECTIONS = 300
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.05, 1.0
# "Still running" and "too many": ask again. 5xx and silence: nobody knows, ask again.
UNDECIDED = frozenset({408, 409, 425, 429})
STILL_RUNNING = b"still-running"
NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as it came."""

    status: int
    content: bytes

    def json(self) -> Any:
        """The body, or an empty object when there is none."""
        return orjson.loads(self.content) if self.content else {}


class Client:
    """Requests with a key. `statuses` counts answers (0: none), `troubles` has the moment of each 5xx or silence."""

    def __init__(self, url: str, chance: random.Random) -> None:
        # No proxy of the environment (the default): the figures are to be the cluster's.
        self._client = aiohttp.ClientSession(
            url,
            timeout=aiohttp.ClientTimeout(ATTEMPT_SECONDS),
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        )
        self._chance = chance
        self.statuses: Counter[int] = Counter()
        self.troubles: list[tuple[float, int]] = []

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def once(self, method: str, path: str, key: str, **more: Any) -> Reply | None:
        """One attempt; None when no answer came."""
        headers = {"Authorization": f"Bearer {key}", **more.pop("headers", {})}
        try:
            async with self._client.request(method, path, headers=headers, **more) as response:
                reply = Reply(response.status, await response.read())
        except (aiohttp.ClientError, OSError, TimeoutError):
            self._count(NO_ANSWER)
            return None
        self._count(reply.status)
        return reply

    async def decided(
        self,
        method: str,
        path: str,
        key: str,
        *,
        until: float,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> Answer:
        """Repeat the same request until it is decided.

        Raises:
            Unreachable: it was not by `until` (the loop's time).
        """
        wait = FIRST_WAIT_SECONDS
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        while True:
            response = await self.once(method, path, key, headers=headers, **more)
            if response is not None and not self._undecided(response):
                return Answer(response.status, response.json())
            if asyncio.get_running_loop().time() + wait > until:
                last = "no answer" if response is None else str(response.status)
                raise Unreachable(f"{method} {path}: {last}")
            await asyncio.sleep(wait * self._chance.uniform(0.5, 1.5))
            wait = min(LONGEST_WAIT_SECONDS, wait * 2)

    @staticmethod
    def _undecided(response: Reply) -> bool:
        if response.status == 409:
            # 409 is also the business's no; only "still running" is to be asked again.
            return STILL_RUNNING in response.content
        return response.status >= 500 or response.status in UNDECIDED

    def _count(self, status: int) -> None:
        self.statuses[status] += 1
        if status == NO_ANSWER or status >= 500:
            self.troubles.append((time.time(), status))


async def ack_by_http(client: Client, path: str, key: str, offset: str, reading: str | None) -> bool:
    """One ack of a terminal without a socket; whether it was taken. A release that gave no reading knows none."""
    body = {"offset": offset} if reading is None else {"offset": offset, "reading": reading}
    reply = await client.once("POST", path, key, json=body)
    return reply is not None and reply.status == HTTPStatus.NO_CONTENT
