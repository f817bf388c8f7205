"""Where a terminal's stream starts, given what it asks for and what the log can give. Pure.

One rule for sockets, streams, polling and webhooks, so that an offset means the same on each of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from backbone.contract.lineage import shared_seq
from backbone.contract.offset import BEGINNING, Offset


@dataclass(frozen=True, slots=True)
class Start:
    """The stream starts right behind `position`. `reset` says why history before it cannot be replayed, if so."""

    position: Offset
    resumed: bool
    reset: str | None = None


def resume(
    after: Offset | None,
    *,
    floor: Offset,
    head: Offset,
    forks: Mapping[int, int],
    known_seq: int | None = None,
) -> Start:
    """Decide where to start.

    Args:
        after: the last offset that the terminal has. None is "live from the head", `BEGINNING` "all that is retained".
        floor: everything later than it can be replayed.
        head: the newest event that can be sent now.
        forks: see `backbone.contract.lineage`.
        known_seq: the newest seq of the head's epoch that is known to exist, when that is later than the head.

    >>> where = {"floor": Offset(2, 10), "head": Offset(2, 90), "forks": {1: 0, 2: 40}}
    >>> resume(Offset(2, 50), **where)
    Start(position=Offset(epoch=2, seq=50), resumed=True, reset=None)
    >>> resume(Offset(2, 9), **where)
    Start(position=Offset(epoch=2, seq=10), resumed=False, reset='retention')
    >>> resume(Offset(1, 41), **where)
    Start(position=Offset(epoch=2, seq=40), resumed=False, reset='epoch')
    """
    if after is None:
        return Start(head, resumed=False)
    if after == BEGINNING:
        return Start(floor, resumed=True)
    if after.epoch == head.epoch:
        shared: int | None = head.seq if known_seq is None else known_seq
    else:
        shared = shared_seq(after.epoch, head.epoch, forks)
    if shared is None or (after.epoch == head.epoch and after.seq > shared):
        return Start(head, resumed=False, reset="unknown_offset")
    if after.seq > shared:
        return Start(Offset(head.epoch, max(shared, floor.seq)), resumed=False, reset="epoch")
    if after.seq < floor.seq:
        return Start(floor, resumed=False, reset="retention")
    return Start(Offset(head.epoch, after.seq), resumed=True)
