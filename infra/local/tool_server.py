"""A server that is one program of the system: found or fetched, started on a port of ours, awaited, stopped.

Prometheus, Alertmanager and the exporters are such. Knows a port and one path that says ready. Does not know what the
server is for.
"""

import http.client
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local.child import Child, Sink, no_sink
from infra.local.debian_tool import Progress, Tool, ToolMissing, find_tool
from infra.local.failure import CannotStart
from infra.local.ports import free_port
from infra.local.waiting import wait_until
from infra.local.workdir import Workdir

READY_SECONDS = 60.0


class ToolServer:
    """One server on 127.0.0.1, with a folder of its own that goes with it. A subclass says how it is called."""

    name = ""
    program = ""
    package = ""
    ready_path = "/metrics"

    def __init__(self, *, port: int | None = None, sink: Sink = no_sink) -> None:
        self.port = port or free_port()
        self._sink = sink
        self._workdir: Workdir | None = None
        self._child: Child | None = None

    def words(self, folder: Path) -> Sequence[str | Path]:
        """The words behind the program's name; the files that it needs are put into its folder."""
        raise NotImplementedError

    def variables(self) -> Mapping[str, str]:
        """Its environment beyond ours: a password is no word of a command."""
        return {}

    @classmethod
    def tool(cls, progress: Progress | None = None) -> Tool:
        """The program, installed or fetched if need be.

        Raises:
            CannotStart: it is not here and cannot be had; the text has the command to type.
        """
        try:
            return find_tool(cls.program, cls.package, progress=progress)
        except ToolMissing as exc:
            raise CannotStart(str(exc)) from exc

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} was not started"
        return self._child.pid

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            CannotStart: its program cannot be had, or it did not answer in time.
        """
        tool = self.tool()
        if self._workdir is None:
            self._workdir = Workdir(self.name)
        folder = self._workdir.path
        env = {**os.environ, **tool.env, **self.variables()}
        child = self._child = Child(
            self.name, [tool.path, *self.words(folder)], env=env, cwd=folder, sink=self._sink
        )
        child.start()
        if not wait_until(lambda: not child.alive or self.is_ready(), READY_SECONDS) or not child.alive:
            self.stop()
            raise CannotStart(f"{self.name} did not start on port {self.port}.\n{child.tail}")

    def stop(self) -> None:
        """Stop it and remove its folder; a second call does nothing."""
        if self._child is not None:
            self._child.stop(seconds=10.0)
        if self._workdir is not None:
            self._workdir.remove()
            self._workdir = None

    def is_ready(self) -> bool:
        """Whether its path says 200 now."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5.0)
        try:
            link.request("GET", self.ready_path)
            return link.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()
