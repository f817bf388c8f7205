"""When somebody for whom a line has no place would have had a turn.

Those who are turned away stand in a line of their own, behind the real one: each is told the moment at which it would
have been served, so that they come back one after the other, and neither at once nor long after the line is empty.

Knows moments and counts. A moment is in seconds, of any clock that only goes forward.

How fast the line moves is reckoned as a drain reckons, and not measured: a line that has just formed tells too little,
and somebody who comes too early is turned away once more for next to nothing.

Why: docs/decisions/0163-a-place-in-a-line-that-is-not-there.md
"""

from gateway.core.drain import ARRIVAL_SECONDS

LATEST_SECONDS = 5
"""The latest time, however long the line."""


class TurnedAway:
    """Those whom one line had no place for."""

    def __init__(self) -> None:
        self._last = 0.0

    def retry_after(self, now: float, waiting: int) -> int:
        """Promise a moment to one more who is turned away now, behind `waiting` who stand in line.

        Returns:
            Whole seconds from now, at least 1 and at most `LATEST_SECONDS`.
        """
        self._last = max(self._last, now + waiting * ARRIVAL_SECONDS) + ARRIVAL_SECONDS
        # A part of a second less: the line has a place before its last one had a turn.
        return min(max(1, int(self._last - now)), LATEST_SECONDS)
