"""A rival that is a program of its own: it has a folder, and is asked and fed over HTTP."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from benchmarks.fanout.placement import Placement
from benchmarks.fanout.servers import Server
from infra.local.child import Child
from infra.local.failure import CannotStart
from infra.local.ports import free_port
from infra.local.workdir import Workdir

READY_SECONDS = 20.0
ANSWER_SECONDS = 30.0


class Daemon(Server):
    """The base of such a rival; `launch` is for its `start`."""

    def __init__(self, placement: Placement) -> None:
        self.port = free_port()
        self._placement = placement
        self._workdir: Workdir | None = None
        self._child: Child | None = None
        self._client: httpx.AsyncClient | None = None

    def make_folder(self, label: str) -> Path:
        """A folder that goes with it; `label` is in its name."""
        self._workdir = Workdir(label)
        return self._workdir.path

    async def launch(
        self, *command: str | Path, folder: Path, sign: str, headers: Mapping[str, str] | None = None
    ) -> str:
        """Run the command in its folder and return what it answers at the path `sign`, as soon as it does.

        Raises:
            CannotStart: it ended, or did not answer in time.
        """
        child = self._child = Child(self.name, self._placement.server(*command), cwd=folder)
        child.start()
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=ANSWER_SECONDS
        )
        deadline = time.monotonic() + READY_SECONDS
        while child.alive and time.monotonic() < deadline:
            try:
                answer = await self._client.get(sign)
                if answer.is_success:
                    return answer.text
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
        raise CannotStart(f"{self.name} did not start.\n{child.tail}")

    async def post(self, path: str, body: str) -> httpx.Response:
        """Feed it.

        Raises:
            httpx.HTTPError: it did not take it.
        """
        assert self._client is not None
        answer = await self._client.post(path, content=body)
        return answer.raise_for_status()

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.aclose()
        if self._child is not None:
            await asyncio.to_thread(self._child.stop)
        if self._workdir is not None:
            self._workdir.remove()

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid
