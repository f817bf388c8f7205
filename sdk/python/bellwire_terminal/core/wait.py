"""The wait before one thing is tried again, and the word that shortens it. Pure."""

from dataclasses import dataclass

NUDGE_MS = 1_000
"""A network that is back is back for a whole shop: its tills spread over this."""


@dataclass(slots=True)
class Wait:
    """`until` is the moment of the next try, None where none is waited for."""

    until: int | None = None
    _fixed: bool = False
    _nudged: bool = False

    def over(self) -> None:
        """The thing is tried now, or it is done."""
        self.until, self._nudged = None, False

    def begin(self, now: int, milliseconds: int, chance: float, *, fixed: bool = False) -> int:
        """The try failed; returns how long to wait. `fixed`: somebody else said so, and no word shortens it."""
        if self._nudged and not fixed:
            milliseconds = min(milliseconds, int(chance * NUDGE_MS))
        self.until, self._fixed, self._nudged = now + milliseconds, fixed, False
        return milliseconds

    def online(self, now: int, chance: float, *, trying: bool) -> None:
        """There is a network again. A try that is under way may be of before: should it fail, the next comes soon."""
        if self.until is None:
            self._nudged = trying
        elif not self._fixed:
            self.until = min(self.until, now + int(chance * NUDGE_MS))

    def is_over(self, now: int) -> bool:
        """Whether it was long enough."""
        return self.until is not None and now >= self.until
