"""The system's view of processes, for tests that must see them gone."""

from collections.abc import Iterable
from pathlib import Path

from infra.local.waiting import wait_until


def is_running(pid: int) -> bool:
    """Whether the process lives. One that ended and that nobody has asked about yet (a zombie) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """Its living children, and theirs."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(stat.parent.name)
            found += [child, *children(child)]
    return [child for child in found if is_running(child)]


def user_of(pid: int) -> int:
    """The number of the user that it runs as."""
    return Path(f"/proc/{pid}").stat().st_uid


def all_gone(pids: Iterable[int], seconds: float) -> bool:
    """Whether none of them lives any more within that time."""
    watched = list(pids)
    return wait_until(lambda: not any(is_running(pid) for pid in watched), seconds)
