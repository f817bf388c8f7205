"""How long to stay away: full jitter, and the server's own word where it gave one. Pure."""

from dataclasses import dataclass

FIRST_MS = 2_000
"""A crowd that a dead gateway leaves behind spreads over this."""
LONGEST_MS = 30_000
LONGEST_SLOT_MS = 600_000
LONGEST_RETRY_AFTER_MS = 300_000
"""A proxy's `Retry-After` of a year must not switch a till off."""
STEADY_MS = 5_000
"""A stream that lived so long owes nothing to the streams before it."""


@dataclass(slots=True)
class Backoff:
    """The failures in a row of one thing that is tried again and again.

    `short_lives` are streams in a row that began and did not last: a server may accept everybody, and die of it.
    """

    first_ms: int = FIRST_MS
    failures: int = 0
    short_lives: int = 0

    def steady(self) -> None:
        """It worked: the next failure is the first one."""
        self.failures = 0

    def lived(self, milliseconds: int) -> None:
        """A stream began, and is over. That it began forgives all that was refused before it."""
        if milliseconds >= STEADY_MS:
            self.failures = self.short_lives = 0
            return
        self.failures = self.short_lives
        self.short_lives += 1

    def wait_ms(self, chance: float, slot_ms: int | None = None, retry_after_ms: int | None = None) -> int:
        """Return the milliseconds until the next try; `chance` is in [0, 1).

        A slot (`retry_ms`) is this terminal's own moment and is kept to the millisecond. `Retry-After` is said to a
        whole crowd alike, so jitter comes on top of it. Neither counts as a failure: there was
        nothing to guess.
        """
        if slot_ms is not None:
            return min(slot_ms, LONGEST_SLOT_MS)
        if retry_after_ms is not None:
            return min(retry_after_ms, LONGEST_RETRY_AFTER_MS) + int(chance * self.first_ms)
        ceiling = min(LONGEST_MS, self.first_ms * 2 ** min(self.failures, 10))
        self.failures += 1
        return int(chance * ceiling)
