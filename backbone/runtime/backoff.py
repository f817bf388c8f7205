"""How soon a process that ended is started again. Pure."""

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 10.0
LONG_LIFE_SECONDS = 10.0


class Backoff:
    """At once after a long life; after short ones each time twice as late, up to ten seconds."""

    def __init__(self) -> None:
        self._pause = FIRST_SECONDS

    def after(self, lived_seconds: float) -> float:
        """Return how many seconds to wait, now that a process has ended that lived so long."""
        if lived_seconds >= LONG_LIFE_SECONDS:
            self._pause = FIRST_SECONDS
        pause = self._pause
        self._pause = min(LONGEST_SECONDS, 2 * pause)
        return pause
