"""The doors from the best to the one that always opens: down when one is shut, up again after a while. Pure."""

from dataclasses import dataclass, field

FAILURES_A_DOOR = 3
CLIMB_MS = 60_000
LONGEST_CLIMB_MS = 960_000
# These say that this door is no way in, whoever says them: no such method, no upgrade, no such thing at all.
NO_WAY_IN = frozenset({405, 406, 426, 501, 505})
# These say nothing of a door: too slow, too early, too many, and the server's own faults.
PASSING = frozenset({408, 425, 429})


def is_shut(status: int, problem: str | None) -> bool:
    """Whether an HTTP answer means that something on the way lets this door not through.

    A refusal in Bellwire's own words (`problem` is its code) is about the key or the load, not about the door.
    """
    if status in NO_WAY_IN:
        return True
    return problem is None and status < 500 and status not in PASSING


@dataclass(slots=True)
class Ladder:
    """The door that a terminal stands at. `climb_at` is when it tries the one above, None where there is none."""

    doors: tuple[str, ...]
    at: int = 0
    failures: int = 0
    climb_ms: int = field(default_factory=lambda: CLIMB_MS)
    climb_at: int | None = None
    climbing: bool = False

    @property
    def door(self) -> str:
        """Where it stands."""
        return self.doors[self.at]

    def opened(self, now: int) -> None:
        """A stream began here."""
        if self.climbing or self.at == 0:
            self.climb_ms = CLIMB_MS
        self.climbing, self.failures = False, 0
        self.climb_at = now + self.climb_ms if self.at > 0 else None

    def climb(self) -> None:
        """Try the door above; the one that works is remembered."""
        self.at -= 1
        self.climbing, self.climb_at, self.failures = True, None, 0

    def failed(self, *, shut: bool, counts: bool) -> None:
        """No stream began: because the door is `shut`, or in a way that `counts` against it."""
        self.climb_at = None
        if self.climbing:
            # Back to where it worked, and longer until the next attempt.
            self.climbing = False
            self.at += 1
            self.climb_ms = min(self.climb_ms * 2, LONGEST_CLIMB_MS)
            return
        self.failures += 1 if counts else 0
        if shut or self.failures >= FAILURES_A_DOOR:
            self.failures = 0
            self.at = (self.at + 1) % len(self.doors)
