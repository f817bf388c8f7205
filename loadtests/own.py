"""The process's own cost: for the report, which shows the load test beside the cluster."""

import os
import time
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


class Own:
    """Looks at this very process."""

    def __init__(self) -> None:
        self._cpu, self._at = time.process_time(), time.monotonic()

    def cores(self) -> float:
        """Cores used since the last look."""
        cpu, at = time.process_time(), time.monotonic()
        used = (cpu - self._cpu) / max(1e-6, at - self._at)
        self._cpu, self._at = cpu, at
        return used


def memory_bytes() -> int:
    """Resident memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
