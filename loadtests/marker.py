"""The moment an order's POST was sent, carried by the order itself to whichever terminal reads it.

Wall clock, so that several locust processes, or machines with one time, may share the work.
"""

import re
import time

PATTERN = re.compile(r"^load-test sent-ns=(\d+)$")


def stamp(now_ns: int | None = None) -> str:
    """A `specialInstructions` that says when the order was sent."""
    return f"load-test sent-ns={time.time_ns() if now_ns is None else now_ns}"


def elapsed_ms(instructions: object, now_ns: int) -> float | None:
    """Milliseconds since the stamp; None when the order is not of a load test."""
    found = PATTERN.match(instructions) if isinstance(instructions, str) else None
    return (now_ns - int(found[1])) / 1e6 if found else None
