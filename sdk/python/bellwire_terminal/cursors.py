"""The cursor of a till: where it goes on after a restart. A crash does not tear it.

It is written beside the old one, flushed, and takes its place in one step. A damaged one is an error that names the
file.
"""

import os
from pathlib import Path
from typing import Any, Protocol

from bellwire_terminal.core.records import Damaged, read_record, record
from bellwire_terminal.files import flush_folder

LARGEST_CURSOR = 64 * 1024
"""In bytes."""


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
        flush_folder(self.path.parent)
