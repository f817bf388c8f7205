"""The folder that the workers of a pod share, in memory where there is some; gone with the pod.

Beside a folder NAME lies NAME.owner, on which the parent holds a lock for as long as it lives. A parent that was killed
leaves both; the next one that starts finds the lock free and removes them. Anything else there is somebody's and stays.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - memory, and a folder of our own in it
PREFIX = "bellwire-gateway-"
OWNER = ".owner"


@contextlib.contextmanager
def worker_folder() -> Iterator[Path]:
    """A new folder of this process, and none of those that were killed."""
    # Memory where there is some, or each count would be written to a disk in the end.
    parent = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    sweep(parent)
    folder, lock = _make(parent)
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


def sweep(parent: Path) -> None:
    """Remove the folders of owners that are dead."""
    for owner in parent.glob(f"{PREFIX}*{OWNER}"):
        try:
            lock = os.open(owner, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            state = os.fstat(lock)
            if stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid() and _locked(lock):
                _remove(owner.with_name(owner.name.removesuffix(OWNER)))
        finally:
            os.close(lock)


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        folder = parent / f"{PREFIX}{secrets.token_hex(4)}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        lock = os.open(_owner_of(folder), flags, 0o600)
        # One that sweeps may have come before the lock.
        if _locked(lock):
            folder.mkdir(mode=0o700)
            return folder, lock
        os.close(lock)


def _remove(folder: Path) -> None:
    """The folder, then its mark, which stays with a folder that resists."""
    with contextlib.suppress(OSError):
        state = folder.lstat()
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid():
            return
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        _owner_of(folder).unlink(missing_ok=True)


def _owner_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{OWNER}")


def _locked(file: int) -> bool:
    """Take the lock of a file that is still there; False where somebody has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(file).st_nlink == 1
