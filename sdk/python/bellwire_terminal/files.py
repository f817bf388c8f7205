"""The logs of a till: an outbox, dead letters. A crash tears none of them.

A log is only appended to; the torn end that a crash leaves was never confirmed, and is cut off. Other damage is an
error that names the file.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from bellwire_terminal.core.records import Damaged, read_log, record
from bellwire_terminal.errors import InUse

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class AppendLog:
    """A log of records in a file. `torn` is how many bytes a crash had left at its end."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.torn = 0
        self._held: int | None = None

    def hold(self) -> None:
        """Keep other processes, and other logs of this one, from the file until `release`; a crash releases it too.

        Raises:
            InUse: somebody else holds it.
            OSError: no file can be made beside it.
        """
        # Beside it: the file itself is replaced when it is compacted.
        handle = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(handle)
        except (BlockingIOError, PermissionError) as exc:
            os.close(handle)
            raise InUse(
                f"{self.path} is in use by another terminal; each needs an outbox of its own"
            ) from exc
        except OSError:
            # A disk without locks: one process a file is then its owner's word alone.
            os.close(handle)
            return
        self._held = handle

    def release(self) -> None:
        """Let others have it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def load(self) -> list[Any]:
        """All records; what is torn at the end is cut off.

        Raises:
            Damaged: a record before the last one is hurt.
            OSError: it cannot be read.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        try:
            log = read_log(content)
        except Damaged as exc:
            raise Damaged(f"{self.path}: {exc}") from None
        self.torn = log.torn
        if log.torn:
            self._cut(len(content) - log.torn)
        return log.values

    def append(self, value: Any) -> None:
        """Add a record, whole or not at all, and flush it.

        Raises:
            OSError: the disk does not take it; the log is as before.
        """
        fresh = not self.path.exists()
        with self.path.open("ab") as file:
            before = file.tell()
            try:
                file.write(record(value))
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    self._cut(before)
                raise
        if fresh:
            flush_folder(self.path.parent)

    def rewrite(self, values: list[Any]) -> None:
        """Put these records in the place of all others, in one step."""
        draft = self.path.with_name(self.path.name + ".draft")
        with draft.open("wb") as file:
            for value in values:
                file.write(record(value))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        flush_folder(self.path.parent)

    def _cut(self, size: int) -> None:
        with self.path.open("r+b") as file:
            file.truncate(size)
            file.flush()
            os.fsync(file.fileno())


class MemoryLog:
    """A log that a restart forgets."""

    torn = 0

    def hold(self) -> None:
        """Lock nothing: no other process can open it."""

    def release(self) -> None:
        """Unlock nothing."""

    def load(self) -> list[Any]:
        """Nothing is there at the start."""
        return []

    def append(self, value: Any) -> None:
        """Nothing is kept."""

    def rewrite(self, values: list[Any]) -> None:
        """Nothing is kept."""


class DeadLetters:
    """Events that a handler could not take: `{event, attempts, error, at}` each, the oldest first."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._log = AppendLog(path)
        self._whole = False

    def entries(self) -> list[dict[str, Any]]:
        """All of them. Raises `Damaged`."""
        return self._log.load()

    def add(self, letter: dict[str, Any]) -> None:
        """Keep one more. Raises OSError."""
        if not self._whole:
            # A torn end would become damage in the middle, so it is cut off first. A damaged log takes the letter too.
            with contextlib.suppress(Damaged):
                self._log.load()
            self._whole = True
        self._log.append(letter)

    def remove(self, offset: str) -> None:
        """Take one away: somebody dealt with it."""
        self._log.rewrite([one for one in self._log.load() if one["event"].get("offset") != offset])


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def flush_folder(folder: Path) -> None:
    """Make a name that was given or changed survive a power cut, where folders can be flushed."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
