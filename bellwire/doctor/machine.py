"""The limits that this machine sets a process, read from the kernel's own files. Judges nothing."""

import os
import resource
from dataclasses import dataclass
from pathlib import Path

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
UNLIMITED = 1 << 60


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """Limits of a process here. None: the kernel has none, or does not tell.

    `descriptors` is the hard limit of open files, `backlog` how many connections may wait to be accepted,
    `memory_bytes` and `cpus` what a container or the machine gives.
    """

    descriptors: int | None
    backlog: int | None
    memory_bytes: int | None
    cpus: float
    compiled_loop: bool


def look_at_machine(library: Path) -> MachineFacts:
    """Look. `library` is where the compiled loop of the fan-out lies, if it was built."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MachineFacts(
        descriptors=None if hard == resource.RLIM_INFINITY else hard,
        backlog=_number(SOMAXCONN),
        memory_bytes=_memory(),
        cpus=_cpus(),
        compiled_loop=library.exists(),
    )


def _number(path: Path) -> int | None:
    try:
        text = path.read_text("ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _memory() -> int:
    limits = [found for path in MEMORY_LIMITS if (found := _number(path)) is not None and found < UNLIMITED]
    return min([*limits, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")])


def _cpus() -> float:
    usable = float(len(os.sched_getaffinity(0)))
    try:
        quota, _, period = CPU_LIMIT.read_text("ascii").strip().partition(" ")
    except OSError:
        return usable
    return min(usable, int(quota) / int(period)) if quota.isdecimal() and period.isdecimal() else usable
