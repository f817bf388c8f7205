"""A private directory for one run, gone afterwards, swept by the next run if we were killed.

The owner holds a lock on the file `owner` in it. The kernel lets go of the lock when the owner dies, so "is
this stale?" has one honest answer, which a process id (soon reused by another process) has not.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from infra.local.account import Account, ourselves, unprivileged
from infra.local.failure import CannotStart

PREFIX = "bellwire-"
OWNER = "owner"
# Between its making and its lock a directory looks abandoned; nobody takes this long for that.
GRACE_SECONDS = 60.0


class Workdir:
    """A directory `/tmp/bellwire-…`, mode 0700, of `account`, removed by `remove()`."""

    def __init__(self, label: str, account: Account | None = None) -> None:
        account = account or ourselves()
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{label}-"))
        self._lock: TextIO | None = None
        # Locked under another name first, so that nobody ever sees an `owner` without its lock.
        fresh = self.path / f"{OWNER}.new"
        self._lock = fresh.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()
        fresh.rename(self.path / OWNER)
        if account.uid != os.geteuid():
            os.chown(self.path, account.uid, account.gid)

    def remove(self) -> None:
        """Remove it with all that is in it; a second call does nothing."""
        if self._lock is None:
            return
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()
        self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def sweep() -> list[Path]:
    """Remove the directories of owners that died without doing so; returns what was removed."""
    ours = {os.geteuid()}
    if os.geteuid() == 0:
        with contextlib.suppress(CannotStart):
            ours.add(unprivileged().uid)
    swept = []
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            state = path.lstat()
            if state.st_uid in ours and path.is_dir() and not path.is_symlink() and is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True)
                swept.append(path)
        except OSError:
            continue  # Another sweeper was quicker.
    return swept


def is_abandoned(path: Path) -> bool:
    """Whether nobody holds the lock of this directory."""
    try:
        descriptor = os.open(path / OWNER, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return time.time() - path.stat().st_mtime > GRACE_SECONDS
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
