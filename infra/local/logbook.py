"""The logs of a run: one file a process, kept after the run, never larger than a bound."""

import contextlib
import shutil
import threading
from pathlib import Path
from typing import TextIO

LARGEST_BYTES = 20 * 1024 * 1024


class Logbook:
    """A folder of `<name>.log`; when one is full, it becomes `<name>.log.1` and a new one begins."""

    def __init__(self, folder: Path, largest_bytes: int = LARGEST_BYTES) -> None:
        """Logs of an earlier run in that folder are removed: these are of this run."""
        self.folder = folder
        self._largest_bytes = largest_bytes
        self._lock = threading.Lock()
        self._files: dict[str, TextIO] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.log*"):
            old.unlink(missing_ok=True)

    def write(self, name: str, line: str) -> None:
        """Append one line to the log of `name`. A full disk costs the line, not the cluster."""
        with self._lock, contextlib.suppress(OSError):
            log = self._files.get(name)
            if log is None or log.tell() > self._largest_bytes:
                log = self._files[name] = self._open(name)
            print(line, file=log, flush=True)

    def close(self) -> None:
        with self._lock:
            for log in self._files.values():
                log.close()
            self._files.clear()

    def remove(self) -> None:
        """Remove the folder: the run went well and nobody will ask."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _open(self, name: str) -> TextIO:
        path = self.folder / f"{name}.log"
        if (full := self._files.pop(name, None)) is not None:
            full.close()
            path.rename(path.with_suffix(".log.1"))
        return path.open("w", encoding="utf-8")
