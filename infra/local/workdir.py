"""A private directory for one run, gone afterwards, removed by the next run if we were killed.

All of them lie in one folder of the user in the temporary folder. A folder that is removed there bears our mark and
has a dead owner; anything else there or beside it, by any name, is somebody's and stays.

The mark is a file `NAME.owner` beside the directory `NAME`: it is written before the directory is made, and then
learns the directory's inode, so that a copy and a namesake do not bear it. Its owner holds a lock on it. The kernel
lets go of the lock when the owner dies, so "is this abandoned?" has one honest answer, which a process id (soon
another process's) has not.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local.account import Account, ourselves
from infra.local.failure import CannotStart

FOLDER = "bellwire-run"
# The first of these names that is ours or free: somebody's own folder of that name is in nobody's way.
FOLDERS = 9
MARK = "Made by Bellwire's local cluster, which removes it: 5c1f6a0e-6f0b-4d0e-9a55-3f4f5a1d7c52"
FOLDER_MARK = ".bellwire-run"
# A folder is made under a name like this and renamed when it bears its mark: a run that is killed in between leaves no
# folder of ours that nobody knows to be ours.
NEW = ".new-"
OLD_SECONDS = 60.0
OWNER = ".owner"
LARGEST_MARK_BYTES = 1024


class Workdir:
    """A directory `/tmp/bellwire-run-UID/…`, mode 0700, of `account`, removed by `remove()`.

    Raises:
        CannotStart: the temporary folder cannot be used.
    """

    def __init__(self, label: str, account: Account | None = None) -> None:
        account = account or ourselves()
        with _folder() as folder:
            self.path = folder / f"{label}-{secrets.token_hex(4)}"
            self._owner = folder / f"{self.path.name}{OWNER}"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._lock: int | None = os.open(self._owner, flags, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            os.write(self._lock, f"{MARK}\n{self.path.name}\n".encode())
            self.path.mkdir(mode=0o700)
            os.write(self._lock, f"{self.path.stat().st_ino}\n".encode())
        if account.uid != os.geteuid():
            # The server's user has to come by; what is in there stays unlisted, and each directory closed.
            folder.chmod(0o711)
            os.chown(self.path, account.uid, account.gid)

    def remove(self) -> None:
        """Remove it with all that is in it; a second call does nothing."""
        if self._lock is None:
            return
        _remove(self.path, self._owner)
        os.close(self._lock)
        self._lock = None
        _leave(self.path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def sweep() -> list[Path]:
    """Remove the directories of owners that died without doing so; returns what was removed."""
    swept = []
    _sweep_unfinished()
    for folder in _candidates():
        with _held(folder, fcntl.LOCK_SH) as ours:
            if ours:
                swept += [path for owner in sorted(folder.glob(f"[!.]*{OWNER}")) if (path := _swept(owner))]
        if ours:
            _leave(folder)
    return swept


def _swept(owner: Path) -> Path | None:
    """Remove the directory that this file marks, if it does mark one whose owner is dead."""
    path = owner.with_name(owner.name.removesuffix(OWNER))
    with _opened(owner) as file:
        if file is None or not _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return None
        match os.pread(file, LARGEST_MARK_BYTES, 0).decode("utf-8", "replace").split("\n"):
            case [mark, name, inode, ""] if (mark, name) == (MARK, path.name):
                state = _directory(path)
                if state is not None and str(state.st_ino) == inode and not _holds_a_mount(path):
                    _remove(path, owner)
                    return path
            case [mark, name, ""] if (mark, name) == (MARK, path.name):
                # Killed before it was noted: nothing can be in it yet.
                with contextlib.suppress(OSError):
                    path.rmdir()
                owner.unlink()
    return None


def _remove(path: Path, owner: Path) -> None:
    """The directory, then its mark; what resists keeps the mark, and the next run tries again."""
    shutil.rmtree(path, ignore_errors=True)
    if not path.exists():
        owner.unlink(missing_ok=True)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """The user's folder, made when there is none; nobody removes it meanwhile."""
    for folder in _candidates():
        for _ in range(3):  # Once more where the last run removed it between our look and our hold.
            if not os.path.lexists(folder):
                try:
                    _make(folder)
                except OSError as exc:
                    # Another run may have been quicker, or have swept what was not finished.
                    if (
                        exc.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT)
                        or not folder.parent.is_dir()
                    ):
                        raise CannotStart(
                            f"The temporary folder {folder.parent} cannot be used ({exc.strerror}); name another with "
                            "TMPDIR."
                        ) from exc
            with _held(folder, fcntl.LOCK_SH) as ours:
                if ours:
                    yield folder
                    return
    raise CannotStart(
        f"{folder} and its namesakes are there and are not Bellwire's; move them away, or name another "
        "temporary folder with TMPDIR."
    )


def _make(folder: Path) -> None:
    """Make the user's folder, whole with its mark, or not at all."""
    new = folder.with_name(f"{folder.name}{NEW}{secrets.token_hex(4)}")
    new.mkdir(mode=0o700)
    try:
        (new / FOLDER_MARK).write_text(f"{MARK}\n{new.stat().st_ino}\n")
        new.rename(folder)
    except OSError:
        _unmake(new)
        raise


def _unmake(new: Path) -> None:
    """Remove a folder that did not come to its name; nothing but its mark can be in it."""
    state = _directory(new)
    if state is not None and state.st_uid == os.geteuid() and os.listdir(new) in ([], [FOLDER_MARK]):
        (new / FOLDER_MARK).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            new.rmdir()


def _sweep_unfinished() -> None:
    """Remove what runs left that were killed while they made the user's folder."""
    pattern = re.compile(re.escape(f"{FOLDER}-{os.geteuid()}") + rf"(-\d)?{re.escape(NEW)}[0-9a-f]{{8}}")
    for new in Path(tempfile.gettempdir()).glob(f"{FOLDER}-{os.geteuid()}*{NEW}*"):
        state = _directory(new)
        old = state is not None and time.time() - state.st_mtime > OLD_SECONDS
        if old and pattern.fullmatch(new.name):
            _unmake(new)


def _candidates() -> list[Path]:
    name = f"{FOLDER}-{os.geteuid()}"
    names = [name, *(f"{name}-{number}" for number in range(2, FOLDERS + 1))]
    return [Path(tempfile.gettempdir()) / name for name in names]


def _leave(folder: Path) -> None:
    """Remove the user's folder when there is nothing in it but its mark."""
    with _held(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as ours:
        if ours and os.listdir(folder) == [FOLDER_MARK]:
            (folder / FOLDER_MARK).unlink()
            with contextlib.suppress(OSError):
                folder.rmdir()


@contextlib.contextmanager
def _held(folder: Path, how: int) -> Iterator[bool]:
    """Whether the folder is ours, and ours alone to write in; it is held until the end."""
    state = _directory(folder)
    if state is None or state.st_uid != os.geteuid() or state.st_mode & 0o022:
        yield False
        return
    words = f"{MARK}\n{state.st_ino}\n".encode()
    with _opened(folder / FOLDER_MARK) as file:
        yield file is not None and _locked(file, how) and os.pread(file, LARGEST_MARK_BYTES, 0) == words


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """A plain file of ours, open; None for anything else. A link is not followed, a pipe not waited for."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        state = os.fstat(file)
        yield file if stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid() else None
    finally:
        os.close(file)


def _locked(file: int, how: int) -> bool:
    """Take the lock of a file that is still there."""
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        return False
    return os.fstat(file).st_nlink == 1


def _directory(path: Path) -> os.stat_result | None:
    """The system's answer about a directory; None when it is none, or a link to one."""
    try:
        state = path.lstat()
    except OSError:
        return None
    return state if stat.S_ISDIR(state.st_mode) else None


def _holds_a_mount(path: Path) -> bool:
    """Whether another file system is mounted in there, whose files are not ours to remove."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return False
    points = [Path(line.split(" ")[4].replace("\\040", " ")) for line in lines]
    return any(point.is_relative_to(path.resolve()) for point in points)
