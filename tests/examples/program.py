"""A program of `examples` that runs, and what it prints, line by line."""

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SECONDS = 30.0


class Program:
    """One process; its two outputs are one."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str], folder: Path) -> None:
        self.lines: list[str] = []
        self._new: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            cwd=folder,
            env={**os.environ, "NO_PROXY": "*", "PYTHONUNBUFFERED": "1", **env},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as printed:
            for line in printed:
                self.lines.append(line.rstrip("\n"))
                self._new.put(self.lines[-1])

    def prints(self, text: str) -> str:
        """Wait for the next line that holds a text; those before it are passed over."""
        until = time.monotonic() + SECONDS
        while True:
            try:
                line = self._new.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {text!r} in {self.lines[-20:]}") from None
            if text in line:
                return line

    def ends(self) -> int:
        """Wait for its end; its status."""
        status = self.process.wait(SECONDS)
        self._reader.join()
        return status

    def kill(self) -> None:
        """As a power cut does: with what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.ends()


@contextmanager
def running(command: Sequence[str | Path], env: Mapping[str, str], folder: Path) -> Iterator[Program]:
    """It runs for as long as the block does."""
    program = Program(command, env, folder)
    try:
        yield program
    finally:
        program.kill()
