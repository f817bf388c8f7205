"""What a run of the checker is told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """How much of what, for how long; everything that is left to chance hangs on `seed`.

    `polling` is a share of the terminals; `joins` terminals come one by one during the run, at the first tenant, for a
    moment each; it has `hot_rate` orders a second on top; `crash` is the chance that a handler dies of an event before
    it applied it.
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
    reconnect_seconds: float = 15.0
    joins: int = 0
    hot_rate: float = 0.0
    crash: float = 0.0
    settle_seconds: float = 60.0
    seed: int = 1

    def slug(self, number: int) -> str:
        """The slug of the run's tenant number `number`."""
        return f"verify-{self.run}-{number}"
