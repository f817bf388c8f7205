"""How much memory processes hold, watched from beside while something is done to them. Knows /proc."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

LOOK_SECONDS = 0.5
MIB = 1024 * 1024


def resident(pid: int) -> int:
    """The bytes that a process holds in memory; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)


class Watch:
    """Looks twice a second; `growth` is the most that all together held more than at the beginning, in bytes."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)
        self._first = self._total()
        self.growth = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self.growth = max(self.growth, self._total() - self._first)

    def _total(self) -> int:
        return sum(resident(pid) for pid in self._pids())
