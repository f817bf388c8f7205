"""Whether somebody else was at work while we measured: time stolen by the hypervisor, time used by strangers.

A figure that was taken beside a stranger is not wrong, it is worth less; so a turn says it of itself. Time of
the whole machine is from /proc/stat, our own is that of this process and all that descend from it.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fanout.cpu import TICKS, cpu_seconds_of, family

STEAL_LIMIT = 0.02
FOREIGN_LIMIT = 0.10


@dataclass(frozen=True, slots=True)
class Reading:
    """The machine's clocks at one moment, in seconds summed over the cores."""

    at: float
    busy: float
    stolen: float
    ours: float

    @classmethod
    def now(cls) -> "Reading":
        user, nice, system, _, _, irq, softirq, steal = cpu_line(Path("/proc/stat").read_text())
        return cls(
            at=time.monotonic(),
            busy=(user + nice + system + irq + softirq) / TICKS,
            stolen=steal / TICKS,
            ours=cpu_seconds_of(family(os.getpid())),
        )


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Shares of one core, so that 1.0 is a core fully taken, and the load averages before and after."""

    steal: float
    foreign: float
    load_before: float
    load_after: float

    @property
    def disturbed(self) -> bool:
        return self.steal > STEAL_LIMIT or self.foreign > FOREIGN_LIMIT


class Watch:
    """Started with the part that counts, and read when it is over."""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._began = Reading.now()

    def read(self) -> Disturbance:
        return between(self._began, Reading.now(), self._load, os.getloadavg()[0])


def cpu_line(stat: str) -> list[int]:
    """The first eight numbers of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; in ticks."""
    return [int(word) for word in stat.splitlines()[0].split()[1:9]]


def between(first: Reading, last: Reading, load_before: float, load_after: float) -> Disturbance:
    """The CPU that others took between two readings. Clocks of different grain may make it less than nothing: zero."""
    seconds = max(1e-9, last.at - first.at)
    foreign = (last.busy - first.busy) - (last.ours - first.ours)
    return Disturbance(
        steal=(last.stolen - first.stolen) / seconds,
        foreign=max(0.0, foreign / seconds),
        load_before=load_before,
        load_after=load_after,
    )
