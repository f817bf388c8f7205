"""Which core is whose: the server that is measured has one for itself, all that puts load on it has the others.

PostgreSQL, Valkey, the publisher and the crowd are load. A machine of one core has nothing to part.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

Words = Sequence[str | Path]


class Placement:
    """Made once, in the first thread, before anything is started: what is started later inherits the load's cores."""

    def __init__(self, cores: Sequence[int], taskset: str | None) -> None:
        self.server_core = cores[0] if len(cores) > 1 and taskset else None
        self._taskset = taskset
        self._load_cores = set(cores[1:])

    @classmethod
    def of_this_machine(cls) -> "Placement":
        return cls(sorted(os.sched_getaffinity(0)), shutil.which("taskset"))

    def move_load(self) -> None:
        """Take this process, and so all its children, off the server's core."""
        if self.server_core is not None:
            os.sched_setaffinity(0, self._load_cores)

    def server(self, *command: str | Path) -> list[str | Path]:
        """The command, on the server's core. `taskset` becomes the program, so that the process id stays."""
        if self.server_core is None:
            return list(command)
        assert self._taskset is not None
        return [self._taskset, "--cpu-list", str(self.server_core), *command]

    def describe(self) -> str:
        if self.server_core is None:
            return "server and load share every core"
        return f"server on core {self.server_core}, load, PostgreSQL and Valkey on {sorted(self._load_cores)}"


NOWHERE = Placement([0], None)
"""Leaves everything where it is."""
