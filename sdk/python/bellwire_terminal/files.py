"""The files of a till: a cursor, an outbox, dead letters. A crash tears none of them.

A cursor is written beside the old one, flushed, and takes its place in one step. A log is only appended to; what a
crash leaves at its end was never confirmed, and is cut off. Anything else that is hurt is an error that names the file.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any, Protocol

from bellwire_terminal.core.records import Damaged, read_log, read_record, record
from bellwire_terminal.errors import InUse

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LARGEST_CURSOR = 64 * 1024


class Cursor(Protocol):
    """Where the last handled offset is kept. `blocking`: `save` waits for a disk."""

    blocking: bool

    def load(self) -> dict[str, Any] | None:
        """The cursor that was saved last; None where nothing ever was. Raises `Damaged`."""

    def save(self, kept: dict[str, Any]) -> None:
        """Keep it, whole or not at all. Raises OSError."""


class MemoryCursor:
    """A cursor that a restart forgets: the server's last ack is then where it goes on."""

    blocking = False

    def __init__(self) -> None:
        self.kept: dict[str, Any] | None = None

    def load(self) -> dict[str, Any] | None:
        """The cursor that was saved last."""
        return self.kept

    def save(self, kept: dict[str, Any]) -> None:
        """Keep it."""
        self.kept = kept


class FileCursor:
    """A cursor in a file of its own."""

    blocking = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._draft = self.path.with_name(self.path.name + ".draft")

    def load(self) -> dict[str, Any] | None:
        """The cursor that was saved last; None where there is no file.

        Raises:
            Damaged: the file is not what was written. It stays as it is, for a person to look at.
            OSError: it cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                content = file.read(LARGEST_CURSOR)
        except FileNotFoundError:
            return None
        try:
            kept = read_record(content)
        except Damaged as exc:
            raise Damaged(f"{self.path}: {exc}") from None
        texts = isinstance(kept, dict) and all(
            isinstance(kept.get(name), str) for name in ("offset", "tenant")
        )
        if not texts or not isinstance(kept.get("filter"), dict):
            raise Damaged(f"{self.path}: the record is no cursor")
        return dict(kept)

    def save(self, kept: dict[str, Any]) -> None:
        """Keep it: written, flushed, renamed, and the folder flushed."""
        content = record(kept)
        with self._draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._draft.replace(self.path)
        _flush_folder(self.path.parent)


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
            _flush_folder(self.path.parent)

    def rewrite(self, values: list[Any]) -> None:
        """Put these records in the place of all others, in one step."""
        draft = self.path.with_name(self.path.name + ".draft")
        with draft.open("wb") as file:
            for value in values:
                file.write(record(value))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        _flush_folder(self.path.parent)

    def _cut(self, size: int) -> None:
        with self.path.open("r+b") as file:
            file.truncate(size)
            file.flush()
            os.fsync(file.fileno())


class MemoryLog:
    """A log that a restart forgets."""

    torn = 0

    def hold(self) -> None:
        """Nobody else knows of it."""

    def release(self) -> None:
        """Nobody else knows of it."""

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
            # What a crash left at the end would be hurt in the middle; a log that is hurt already loses nothing by it.
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


def _flush_folder(folder: Path) -> None:
    """Make a name that was given or changed survive a power cut, where folders can be flushed."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
