"""Wait for something to become true, within a bound."""

import time
from collections.abc import Callable

POLL_SECONDS = 0.03


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Ask `holds` again and again; True as soon as it does, False when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
