"""A terminal that polls: long polls from its offset, acks over HTTP."""

import asyncio
import random
from typing import Any

from bellwire.verify.client import Client, ack_by_http
from bellwire.verify.till import HandlerCrash, Till

WAIT_SECONDS = 5
PAUSE_SECONDS = 0.2


class PollingTill(Till):
    """Polls through a door of its own, so that its statuses are not mistaken for those of writes."""

    transport = "polling"

    def __init__(self, client: Client, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._client = client

    async def run(self) -> None:
        """Poll for ever."""
        path = f"/api/tenant/{self.notes.tenant}"
        while True:
            asked = self.notes.position
            query = {"wait": 0} if asked is None else {"after": asked, "wait": WAIT_SECONDS}
            response = await self._client.once("GET", f"{path}/events", self._key, params=query)
            if response is None or response.status != 200:
                await asyncio.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
                continue
            answer = response.json()
            try:
                self._receive(asked, answer)
            except HandlerCrash:
                continue
            if answer["events"]:
                offset = answer["events"][-1]["offset"]
                await self._ack(f"{path}/acks", offset, answer.get("reading"))

    async def _ack(self, path: str, offset: str, reading: str | None) -> None:
        if self._mute:
            return
        self.acking(offset)
        if await ack_by_http(self._client, path, self._key, offset, reading):
            self.acked(offset)

    def _receive(self, asked: str | None, answer: dict[str, Any]) -> None:
        if not answer["events"] and "reset" not in answer and asked is not None:
            return
        self.opened(asked, answer["offset"] if asked is None else asked, self.notes.tenant)
        if "reset" in answer:
            self.reset(answer["reset"]["to"])
        for event in answer["events"]:
            self.take(event)
