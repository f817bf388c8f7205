"""Whether two devices use one terminal's key, told from its connections. Pure.

A terminal has one connection: the newer one replaces the older. Two devices with one key replace each other for as long
as both come back; one device replaces itself now and then, when its network lost a connection that nobody closed.

Why: docs/decisions/0114-stuck-webhooks-and-shared-keys.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WINDOW_SECONDS = 600.0
EXCHANGES = 4
QUICK_SECONDS = 15.0
"""A device whose network is gone learns it from heartbeats that stay away: that takes longer."""

Device = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Held:
    """A connection that a terminal held, by one clock, in seconds. `device`: its address, and its client's own name.

    `replaced`: it ended because another one of the same terminal began.
    """

    began: float
    ended: float | None
    replaced: bool
    device: Device


def is_shared(connections: Sequence[Held], now: float) -> bool:
    """Whether these connections of one terminal, oldest first, look like those of two devices.

    Counted are exchanges of the last ten minutes: replacements between two devices that each replaced the other, and
    those of a connection that had hardly begun, whoever it was. Four of them are no accident.
    """
    exchanges = [
        (before, after)
        for before, after in pairwise(connections)
        if before.replaced and before.ended is not None and now - before.ended <= WINDOW_SECONDS
    ]
    ways = {(before.device, after.device) for before, after in exchanges}
    return sum(1 for before, after in exchanges if _counts(before, after, ways)) >= EXCHANGES


def _counts(before: Held, after: Held, ways: set[tuple[Device, Device]]) -> bool:
    if before.device != after.device:
        return (after.device, before.device) in ways
    assert before.ended is not None
    return before.ended - before.began < QUICK_SECONDS
