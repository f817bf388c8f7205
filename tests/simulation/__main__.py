"""`python -m tests.simulation [seeds] [first]`: run so many seeds, from the first; tell of each that fails its shortest
history. `make simulate` is this.
"""

import sys
import time

from tests.simulation.history import report_of
from tests.simulation.site import Faults


def main(seeds: int = 5000, first: int = 0) -> int:
    """Run them and return how many failed."""
    began = time.monotonic()
    failed = 0
    for seed in range(first, first + seeds):
        report = report_of(seed, Faults())
        if report is not None:
            failed += 1
            print(report, flush=True)
    print(f"{seeds} seeds from {first}, {failed} failed, {time.monotonic() - began:.1f} s")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(*(int(word) for word in sys.argv[1:])) else 0)
