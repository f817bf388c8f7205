"""The three silences that mean a dead stream: no hello, no heartbeat, a head that is not reached. Pure."""

from dataclasses import dataclass

HELLO_MS = 10_000
SILENT_HEARTBEATS = 2.5
BEHIND_MS = 3_000
PROBE_MS = 5_000


@dataclass(slots=True)
class Watch:
    """Deadlines of one stream, in the machine's milliseconds; None where nothing is waited for."""

    silent_at: int | None = None
    behind_at: int | None = None
    patience_ms: int = HELLO_MS

    def begin(self, now: int, patience_ms: int = HELLO_MS) -> None:
        """A connection is being made: something has to be heard within `patience_ms`."""
        self.patience_ms = patience_ms
        self.silent_at, self.behind_at = now + patience_ms, None

    def hello(self, heartbeat_seconds: float) -> None:
        """The server says how often it will be heard."""
        self.patience_ms = int(SILENT_HEARTBEATS * heartbeat_seconds * 1000)

    def heard(self, now: int) -> None:
        """Anything came."""
        self.silent_at = now + self.patience_ms

    def probe(self, now: int) -> None:
        """The server was asked whether it is there."""
        self.silent_at = min(self.silent_at or now + PROBE_MS, now + PROBE_MS)

    def progress(self) -> None:
        """An event came: whatever is still missing may be right behind it."""
        self.behind_at = None

    def head(self, now: int, *, reached: bool) -> None:
        """The server named its head, and this terminal has been sent everything up to there, or not."""
        if reached:
            self.behind_at = None
        elif self.behind_at is None:
            self.behind_at = now + BEHIND_MS

    def rest(self) -> None:
        """Nothing is read at the moment, or there is no stream: silence means nothing."""
        self.silent_at = self.behind_at = None
