"""The `process_…` metrics of a pod of several processes: sums over the parent and its workers.

Read from /proc when they are asked for. The parent tells the CPU time that a dead worker had used, so the pod's CPU
time does not fall; the pod began when its parent did.

Why: docs/decisions/0084-workers.md
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import Metric, ProcessCollector
from prometheus_client.registry import Collector

CPU_SECONDS = "process_cpu_seconds"
START_SECONDS = "process_start_time_seconds"


class PodProcesses(Collector):
    """Of the pod whose parent is the process `parent`. Where /proc does not tell of children, nothing is told."""

    def __init__(self, parent: int) -> None:
        self._parent = parent

    def collect(self) -> Iterable[Metric]:
        """Return each metric once."""
        try:
            workers = _children(self._parent)
        except OSError:
            return []
        found: dict[str, Metric] = {}
        # The parent last: of a worker that ends meanwhile it knows what that had used.
        for pid in (*workers, self._parent):
            for metric in _metrics_of(pid):
                if metric.name in found and metric.name != START_SECONDS:
                    _add(metric, found[metric.name].samples[0].value)
                found[metric.name] = metric
        if CPU_SECONDS in found:
            _add(found[CPU_SECONDS], _seconds_of_ended_children(self._parent))
        return found.values()


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def _metrics_of(pid: int) -> Iterator[Metric]:
    yield from ProcessCollector(pid=lambda: pid, registry=None).collect()


def _add(metric: Metric, more: float) -> None:
    sample = metric.samples[0]
    metric.samples[0] = sample._replace(value=sample.value + more)


def _seconds_of_ended_children(pid: int) -> float:
    try:
        # Behind the name, which may have spaces and brackets of its own: cutime and cstime, proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
