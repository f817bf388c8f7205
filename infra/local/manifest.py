"""`.bellwire/demo.json`: what a running demo tells tests, load generators and consoles about itself.

It is there when, and only when, the demo is ready. It holds keys, so only its owner may read it.
"""

import contextlib
import fcntl
import json
import os
import re
import threading
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

FOLDER = ".bellwire"
OURS = re.compile(r"demo(-\d{1,5})?\.json")


class Manifest:
    """The file of one demo. Two demos in one directory have one each: the second's is `demo-<port>.json`."""

    def __init__(self, port: int, folder: Path | None = None) -> None:
        self._folder = folder or Path(FOLDER)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._open = True
        # A lock says whose demo.json it is, and ends with its holder; a file alone would outlive a kill.
        claimed = _claimed(self._folder, "demo.json") or _claimed(self._folder, f"demo-{port}.json")
        if claimed is None:
            raise FileExistsError(f"{self._folder}/demo-{port}.json belongs to another running demo")
        self._claim, self.path = claimed
        # Left by one that was killed: nothing is ready yet.
        self.path.unlink(missing_ok=True)
        clear_up(self._folder)

    @property
    def is_first(self) -> bool:
        """Whether this is the plain `demo.json`."""
        return self.path.name == "demo.json"

    def write(self, document: dict[str, Any]) -> None:
        """Write it whole; a reader sees the old one or the new one. After `remove` this does nothing."""
        with self._lock:
            if not self._open:
                return
            fresh = self.path.with_suffix(".json.new")
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=1)
                file.write("\n")
            fresh.rename(self.path)

    def remove(self) -> None:
        """Remove it; a second call does nothing."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            self.path.unlink(missing_ok=True)
            Path(self._claim.name).unlink(missing_ok=True)
            self._claim.close()


def clear_up(folder: Path) -> None:
    """Remove what demos left in this folder when they were killed; those that live are not disturbed."""
    for lock in folder.glob("demo*.json.lock"):
        name = lock.name.removesuffix(".lock")
        if OURS.fullmatch(name) and (dead := _claimed(folder, name)):
            claim, path = dead
            path.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
            claim.close()


def address_at(port: int, folder: Path | None = None) -> str | None:
    """The address of this folder's demo that runs at this port, or None."""
    folder = folder or Path(FOLDER)
    clear_up(folder)
    for path in folder.glob("demo*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            url: str = json.loads(path.read_text(encoding="utf-8"))["url"]
            if OURS.fullmatch(path.name) and urlsplit(url).port == port:
                return url
    return None


def _claimed(folder: Path, name: str) -> tuple[TextIO, Path] | None:
    """Take the name, unless a living demo holds it."""
    claim = (folder / f"{name}.lock").open("a")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        claim.close()
        return None
    with contextlib.suppress(FileNotFoundError):
        # Its last holder removed it between our opening and our locking it: ours is another file now.
        if os.fstat(claim.fileno()).st_ino == os.stat(claim.name).st_ino:
            return claim, folder / name
    claim.close()
    return _claimed(folder, name)
