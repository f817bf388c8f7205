"""The pause before a terminal comes back: what the server says, or one that grows."""

import random
import re

FIRST_SECONDS, MOST_SECONDS = 0.2, 5.0
CUT_SECONDS = 0.5
_RETRY = re.compile(r"retry_ms=(\d+)")


class Pauses:
    """The pauses of one terminal."""

    def __init__(self) -> None:
        self._most = FIRST_SECONDS

    def reset(self) -> None:
        """A connection stood: the next pause is a short one again."""
        self._most = FIRST_SECONDS

    def next(self) -> float:
        """A pause in seconds, drawn from a span that doubles."""
        self._most = min(MOST_SECONDS, self._most * 2)
        return random.uniform(0.0, self._most)

    @staticmethod
    def after_cut() -> float:
        """Of a network that is back: a moment, in seconds, so that those who were cut together do not come together."""
        return random.uniform(0.0, CUT_SECONDS)

    def after_close(self, reason: str) -> float:
        """As long as the server's word at the end says, in seconds; else one that grows."""
        said = _RETRY.search(reason)
        return int(said[1]) / 1000 if said else self.next()

    def after_refusal(self, retry_after: str | None) -> float:
        """As long as the answer says, spread a little; else one that grows."""
        if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
            return int(retry_after) * random.uniform(0.5, 1.5)
        return self.next()
