"""The logs of a run: one file a process, kept after the run, never larger than a bound, for their owner's eyes."""

import contextlib
import os
import re
import threading
from pathlib import Path
from typing import TextIO

LARGEST_BYTES = 20 * 1024 * 1024
# The names of our files, after the processes of a cluster; others in the folder are somebody's.
OURS = re.compile(
    r"(api-\d+|gateway-\d+|postgres|valkey|haproxy|prometheus|alertmanager|redis-exporter|postgres-exporter)\.log(\.1)?"
)


class Logbook:
    """A folder of `<name>.log`; when one is full, it becomes `<name>.log.1` and a new one begins."""

    def __init__(self, folder: Path, largest_bytes: int = LARGEST_BYTES) -> None:
        """Logs of an earlier run in that folder are removed: these are of this run."""
        self.folder = folder
        self._largest_bytes = largest_bytes
        self._lock = threading.Lock()
        self._files: dict[str, TextIO] = {}
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._forget()

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
        """Remove our files, and the folder when nothing else is in it: the run went well and nobody will ask."""
        self.close()
        self._forget()
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _forget(self) -> None:
        for file in self.folder.iterdir():
            if OURS.fullmatch(file.name) and file.is_file() and not file.is_symlink():
                file.unlink(missing_ok=True)

    def _open(self, name: str) -> TextIO:
        path = self.folder / f"{name}.log"
        if (full := self._files.pop(name, None)) is not None:
            full.close()
            path.rename(path.with_suffix(".log.1"))
        # Addresses and slugs of shops are nobody else's business on this machine.
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return open(descriptor, "w", encoding="utf-8")
