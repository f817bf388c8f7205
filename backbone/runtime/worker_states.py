"""The states that the workers of a pod know of each other: a byte for each, in a file that all of them map.

A worker writes its own byte, the parent writes that of one that has died; everybody reads all of them.
"""

import mmap
from enum import IntEnum
from pathlib import Path


class State(IntEnum):
    """The state that a worker reports."""

    STARTING = 0
    READY = 1
    WAITING = 2
    DRAINING = 3


class WorkerStates:
    """The bytes."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 0)

    @classmethod
    def create(cls, path: Path, workers: int) -> "WorkerStates":
        """Make the file; all workers are starting."""
        path.write_bytes(bytes(workers))
        return cls(path)

    def set_state(self, worker: int, state: State) -> None:
        """Write a worker's byte."""
        self._bytes[worker] = state

    def states(self) -> list[State]:
        """The last state of each worker, in order."""
        return [State(byte) for byte in self._bytes[:]]
