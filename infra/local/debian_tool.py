"""Find a program of the system, or get it from the machine's own Debian packages.

Promise: `find_tool("haproxy", "haproxy")` returns something that runs, or raises `ToolMissing` with one
sentence that says what to type. Looked for in this order: PATH and the sbin folders; what an earlier call
fetched; else the package and the libraries that it lacks are downloaded and unpacked into a private folder.
That needs no root and changes nothing in the system, for root neither: no package is installed, no service
started, stopped or switched off.

Knows apt and dpkg. Does not know what the program is for, and never starts it.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
APT_SECONDS = 300
# In each folder that was fetched: it may be replaced.
FETCHED = ".fetched-by-bellwire"

Progress = Callable[[str], None]


class ToolMissing(Exception):
    """The program is not here and could not be fetched; the text says what to type."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that runs: where it is, and what its environment needs besides ours.

    `env` is empty for a program of the system; a fetched one needs its own libraries found.
    """

    path: Path
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Our environment with the program's needs, ready for `subprocess`."""
        return {**os.environ, **self.env}


def find_tool(
    name: str,
    package: str,
    extra_packages: tuple[str, ...] = (),
    *,
    progress: Progress | None = None,
    tools_dir: Path | None = None,
) -> Tool:
    """Return the program `name`, fetching Debian's `package` (and `extra_packages`) when it is absent.

    Safe to call from several processes at once: the first one fetches, the others wait for it.

    Raises:
        ToolMissing: it is not here and could not be had; the message is one sentence.
    """
    say = progress or (lambda _: None)
    if (found := on_path(name)) is not None:
        return Tool(found)
    folder = tools_dir or private_folder()
    if (fetched := unpacked(folder / package, name)) is not None:
        return fetched
    packages = (package, *extra_packages)
    if shutil.which("apt-get") is None:
        raise ToolMissing(advice(name, packages))
    with locked(folder):
        # Another process may have been quicker while we waited for the lock.
        if (found := on_path(name)) is not None:
            return Tool(found)
        if (fetched := unpacked(folder / package, name)) is not None:
            return fetched
        say(f"fetching {package} into {folder}")
        reason = fetch(packages, folder / package)
        if (fetched := unpacked(folder / package, name)) is not None:
            return fetched
    raise ToolMissing(advice(name, packages, reason))


def on_path(name: str) -> Path | None:
    """The program on PATH or in an sbin folder, which many users' PATH leaves out."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *SBIN)))
    return Path(found) if found else None


def private_folder() -> Path:
    """`.tools/` of the checkout when it is ours to write, else the user's cache."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        folder = checkout / ".tools"
        if os.access(folder if folder.exists() else checkout, os.W_OK):
            return folder
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "bellwire" / "tools"


def unpacked(root: Path, name: str) -> Tool | None:
    """The program in a folder that `fetch` made, with the libraries that came along."""
    for place in ("usr/bin", "usr/sbin", "bin", "sbin", "usr/local/bin"):
        path = root / place / name
        if path.is_file() and os.access(path, os.X_OK):
            return Tool(path, library_path(root))
    return None


def library_path(root: Path) -> dict[str, str]:
    folders = [root / "usr/lib", *root.glob("usr/lib/*-linux-*"), root / "lib", *root.glob("lib/*-linux-*")]
    found = [str(folder) for folder in folders if folder.is_dir() and any(folder.glob("*.so*"))]
    if not found:
        return {}
    if inherited := os.environ.get("LD_LIBRARY_PATH"):
        found.append(inherited)
    return {"LD_LIBRARY_PATH": os.pathsep.join(found)}


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One fetcher at a time; the lock dies with its process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as exc:
        raise ToolMissing(f"The folder {folder} cannot be written ({exc.strerror}).") from exc
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch(packages: tuple[str, ...], target: Path) -> str:
    """Download and unpack without root into `target`, whole or not at all; returns why it failed, or "".

    First with the machine's package lists; where these are missing (fresh containers), with lists of our own.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as scratch:
        work = Path(scratch)
        (work / "archives/partial").mkdir(parents=True)
        (work / "lists/partial").mkdir(parents=True)
        # _apt, apt's sandbox user, could not read a private folder.
        ours = [f"Dir::Cache={work}", "Dir::Cache::archives=archives/", "APT::Sandbox::User="]
        ours.append("Debug::NoLocking=1")
        own_lists = [*ours, f"Dir::State::lists={work}/lists/"]
        done = download(packages, ours, work)
        if done.returncode != 0:
            updated = apt(["update"], own_lists)
            done = download(packages, own_lists, work) if updated.returncode == 0 else updated
        if done.returncode != 0:
            return last_line(done.stderr)
        tree = work / "tree"
        for archive in sorted((work / "archives").glob("*.deb")):
            # Another libc than the running loader's would crash every program it is put before.
            if archive.name.startswith("libc6_"):
                continue
            opened = run(["dpkg-deb", "-x", str(archive), str(tree)], seconds=120)
            if opened.returncode != 0:
                return last_line(opened.stderr)
        for ballast in ("doc", "man", "javascript", "nodejs"):
            shutil.rmtree(tree / "usr/share" / ballast, ignore_errors=True)
        put_in_place(tree, target)
    return ""


def put_in_place(tree: Path, target: Path) -> None:
    """Move what was fetched to where it is looked for. An older fetch of ours gives way, anything else does not.

    Raises:
        ToolMissing: something else is there.
    """
    (tree / FETCHED).touch()
    if target.is_symlink() or (target.exists() and not (target / FETCHED).is_file()):
        raise ToolMissing(f"{target} is in the way and was not fetched by Bellwire; move it away.")
    shutil.rmtree(target, ignore_errors=True)
    tree.rename(target)


def download(packages: tuple[str, ...], options: list[str], work: Path) -> "subprocess.CompletedProcess[str]":
    """The package and everything it needs that this machine lacks; else the named packages alone."""
    resolved = apt(["install", "--yes", "--download-only", "--no-install-recommends", *packages], options)
    if resolved.returncode == 0 and any((work / "archives").glob("*.deb")):
        return resolved
    # Asked to `install`, apt refuses on a machine with a half-installed package, or has nothing to do.
    return apt(["download", *packages], options, cwd=work / "archives")


def apt(
    arguments: list[str], options: list[str] | None = None, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    settings = [word for option in ["DPkg::Lock::Timeout=120", *(options or [])] for word in ("-o", option)]
    return run(["apt-get", "-q", *settings, *arguments], seconds=APT_SECONDS, cwd=cwd)


def run(
    command: list[str], *, seconds: float, cwd: Path | None = None, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run to the end, with `env` over our own; a missing program or a timeout is a failure like any other."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", **(env or {})}
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=seconds,
            stdin=subprocess.DEVNULL, env=env, cwd=cwd,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as exc:
        return subprocess.CompletedProcess(command, 1, "", str(exc))


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def advice(name: str, packages: tuple[str, ...], reason: str = "") -> str:
    why = f" ({reason.rstrip('.')})" if reason else ""
    return (
        f"The program {name} is not on this machine and could not be fetched{why}; "
        f"install it, on Debian or Ubuntu with: sudo apt-get install {' '.join(packages)}"
    )
