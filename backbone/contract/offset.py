"""The position of an event in its tenant's log, `<epoch>-<seq>`.

The same text is the Redis Stream entry ID, the WebSocket `offset`, the SSE `id` and the polling cursor.
"""

import re
from typing import NamedTuple

from backbone.contract.errors import Problem, Violation

# Both halves stay within a signed 64-bit integer: the column types, and half of what Redis takes in an ID.
_OFFSET = re.compile(r"(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,17})", re.ASCII)


class Offset(NamedTuple):
    """A position; ordered by epoch, then by seq. `seq` 0 is the position before a tenant's first event.

    A tuple, because several are made and compared for each event, and C does both.
    """

    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "Offset":
        """Read `<epoch>-<seq>`.

        Raises:
            Violation: `text` is not an offset.

        >>> Offset.parse("1-42")
        Offset(epoch=1, seq=42)
        >>> Offset.parse("1-42") < Offset.parse("2-1")
        True
        """
        match = _OFFSET.fullmatch(text)
        if match is None:
            raise Violation(Problem.BAD_REQUEST, "an offset has the form <epoch>-<seq>, for example 1-42")
        return cls(int(match[1]), int(match[2]))


BEGINNING = Offset(0, 0)
"""The meaning of `after=0`: everything that is retained."""


LAST_ACKED = Offset(0, -1)
"""The meaning of `after=acked`: from the last ack. Every door looks that up before anything else is decided."""


def parse_after(text: str | None, name: str = "after") -> Offset | None:
    """Read the `after` of a request: None is "from the head", `0` all that is retained, `acked` the last ack, else an
    offset.

    `name` is what the parameter is called where it has another name.

    Raises:
        Violation: `text` is neither.

    >>> parse_after("0") == BEGINNING
    True
    >>> parse_after("1-42")
    Offset(epoch=1, seq=42)
    """
    if text is None:
        return None
    if text == "0":
        return BEGINNING
    if text == "acked":
        return LAST_ACKED
    try:
        return Offset.parse(text)
    except Violation as exc:
        raise Violation.field(
            Problem.BAD_REQUEST, name, "must be 0, acked, or an offset such as 1-42"
        ) from exc
