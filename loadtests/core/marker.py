"""The moment an order's POST was sent, carried by the order itself to whichever terminal reads it.

Wall clock, so that several processes, or machines with one time, may share the work.
"""

import re

PATTERN = re.compile(rb"load-test sent-ns=(\d{1,19})")


def stamp(now_ns: int) -> str:
    """A `specialInstructions` that says when the order was sent."""
    return f"load-test sent-ns={now_ns}"


def sent_ns(event: bytes) -> int | None:
    """The stamp in an event's bytes; None when the order is not of a load test."""
    found = PATTERN.search(event)
    return int(found[1]) if found else None
