"""One pod as a child process: started, awaited, and started again when it dies.

Knows `/readyz` and processes. The caller chooses the process: a command to which `--host` and
`--port` are added. A pod that keeps dying at once is given up, or a broken one would burn the machine.
"""

import http.client
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from infra.local.child import Child, Sink, no_sink
from infra.local.failure import CannotStart
from infra.local.waiting import wait_until

Role = Literal["api", "gateway"]

READY_SECONDS = 120.0
# A pod that lived shorter than this died "at once"; so many of these in a row, and it is given up.
SHORT_LIFE_SECONDS = 5.0
SHORT_LIVES = 6
LAST_WORDS = 3
# Well within the second that a killed pod may be away.
PAUSE_SECONDS = 0.1


class Pod:
    """One API or gateway pod on a fixed port. `restarts` counts the times that it was brought back."""

    def __init__(
        self,
        role: Role,
        name: str,
        command: Sequence[str],
        port: int,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        sink: Sink = no_sink,
        on_change: Callable[["Pod"], None] | None = None,
    ) -> None:
        """`on_change` runs, in a thread, after each restart: the pod has another process id."""
        self.role = role
        self.name = name
        self.port = port
        self.restarts = 0
        self.given_up = False
        self._command = [*command, "--host", "127.0.0.1", "--port", str(port)]
        self._env = env
        self._cwd = cwd
        self._sink = sink
        self._on_change = on_change
        self._lock = threading.Lock()
        self._keep = False
        self._short_lives = 0
        self._started_at = 0.0
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} was not started"
        return self._child.pid

    @property
    def pid_if_alive(self) -> int | None:
        """None in the moments between two lives."""
        child = self._child
        return child.pid if child is not None and child.alive else None

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    @property
    def age_seconds(self) -> float:
        """How long ago the process that there is, or was last, began."""
        return time.monotonic() - self._started_at

    def start(self) -> None:
        """Start it; `await_ready` says when it serves."""
        with self._lock:
            self._run()

    def await_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until it says that it is ready. From then on it is brought back whenever it ends.

        Raises:
            CannotStart: it ended, or was not ready in time; its last lines follow the sentence.
        """
        child = self._child
        assert child is not None, f"{self.name} was not started"
        came = wait_until(lambda: not child.alive or self.is_ready(), seconds)
        with self._lock:
            if came and child.alive:
                self._keep = True
                return
        code = child.wait(0)
        how = f"was not ready after {seconds:g} s" if code is None else f"ended with exit code {code}"
        # All of it went to the sink already; the end of it says why.
        raise CannotStart("\n".join([f"{self.name} {how}.", *child.lines[-LAST_WORDS:]]))

    def is_ready(self) -> bool:
        """Whether /readyz says 200 now."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2.0)
        try:
            link.request("GET", "/readyz")
            return link.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()

    def configure(self, **settings: str | None) -> None:
        """Give settings to the process that comes next; None takes one away again."""
        given = {**(self._env if self._env is not None else os.environ), **settings}
        self._env = {name: value for name, value in given.items() if value is not None}

    def send(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP. It comes back by itself after any end."""
        if self._child is not None:
            self._child.send(number)

    def kill(self) -> None:
        """`kill -9`. It comes back by itself."""
        if self._child is not None:
            self._child.kill()

    def stop(self, seconds: float) -> None:
        """Let it finish for at most `seconds`, and do not bring it back."""
        with self._lock:
            self._keep = False
            child = self._child
        if child is not None:
            child.stop(seconds)

    def take_away(self) -> None:
        """`kill -9`, and nobody brings it back until it is started again."""
        with self._lock:
            self._keep = False
            child = self._child
        if child is not None:
            child.kill()

    def _run(self) -> None:
        self._started_at = time.monotonic()
        self._child = Child(
            self.name, self._command, env=self._env, cwd=self._cwd, sink=self._sink, on_exit=self._ended
        )
        self._child.start()

    def _ended(self, child: Child) -> None:
        # One that is told to die (a named fault) is not broken.
        told_to = bool(self._env and self._env.get("BELLWIRE_FAULT"))
        short = time.monotonic() - self._started_at < SHORT_LIFE_SECONDS and not told_to
        self._short_lives = self._short_lives + 1 if short else 0
        time.sleep(PAUSE_SECONDS)
        with self._lock:
            if not self._keep:
                return
            if self._short_lives >= SHORT_LIVES:
                self.given_up = True
                self._sink(self.name, f"ended {SHORT_LIVES} times at once; given up, see its log")
                return
            self._sink(self.name, f"ended with {in_words(child.wait(0))}; starting it again")
            try:
                self._run()
            except CannotStart as exc:
                self.given_up = True
                self._sink(self.name, str(exc))
                return
            self.restarts += 1
        if self._on_change is not None:
            self._on_change(self)


def in_words(code: int | None) -> str:
    """An exit code as Python gives it: negative for a signal."""
    if code is not None and code < 0:
        return f"signal {-code}"
    return f"exit code {code}"
