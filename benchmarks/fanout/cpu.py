"""The CPU and memory of processes so far, from /proc."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads, to the nanosecond where the kernel keeps it so."""
    try:
        threads = [thread.read_text() for thread in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    except OSError:
        threads = []  # A thread ended meanwhile: what it used is in the other file alone.
    if threads:
        return sum(int(thread.split()[0]) for thread in threads) / 1e9
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def kernel_share(pid: int) -> tuple[float, float]:
    """Seconds in user code and seconds in the kernel so far."""
    fields = _stat(pid)
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def family(pid: int) -> list[int]:
    """The process and all that descend from it, as of now."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            children.setdefault(int(_stat(int(folder.name))[1]), []).append(int(folder.name))
        except OSError:
            continue  # It ended while we looked.
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def cpu_seconds_of(pids: Iterable[int]) -> float:
    """The sum over processes; one that has ended counts nothing."""
    return sum(_or_zero(cpu_seconds, pid) for pid in pids)


def rss_bytes_of(pids: Iterable[int]) -> int:
    """The sum over processes; what they share counts in each, so that only differences mean something."""
    return int(sum(_or_zero(rss_bytes, pid) for pid in pids))


def slab_bytes() -> int:
    """The kernel's memory for its own objects: sockets, descriptors, timers, of the whole machine."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("Slab:"):
            return int(line.split()[1]) * 1024
    return 0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, which may have spaces and brackets of its own."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _or_zero(read: Callable[[int], float], pid: int) -> float:
    try:
        return read(pid)
    except OSError:
        return 0.0
