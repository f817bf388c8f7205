"""The settings of a run of the checker."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Load:
    """How much of what, for how long; everything that is left to chance hangs on `seed`.

    `polling` and `streaming` (server-sent events) are shares of the terminals. `estate` is a file that keeps the shops
    and their keys for further runs; its name is then part of the slugs instead of `run`. `joins` terminals come one by
    one during the run, at the first tenant, for a moment each; it has `hot_rate` orders a second on top; `crash` is the
    chance that a handler dies of an event before it applied it. `until_signal`: the load ends at SIGUSR1, whenever that
    is within `most_seconds`, and `seconds` is only what the joins are spread over.
    """

    url: str
    operator_key: str
    run: str
    terminal_url: str
    seconds: float = 30.0
    tenants: int = 5
    terminals: int = 4
    rate: float = 10.0
    polling: float = 0.1
    streaming: float = 0.0
    reconnect_seconds: float = 15.0
    joins: int = 0
    hot_rate: float = 0.0
    crash: float = 0.0
    settle_seconds: float = 60.0
    seed: int = 1
    estate: Path | None = None
    until_signal: bool = False
    most_seconds: float = 600.0

    @property
    def name(self) -> str:
        """The beginning of all the shops' slugs."""
        return self.run if self.estate is None else self.estate.stem
