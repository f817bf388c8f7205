"""Where an answer to a polling terminal starts, given what it asks for and what the log retains."""

from collections.abc import Mapping
from dataclasses import dataclass

from backbone.contract.lineage import shared_seq
from backbone.contract.offset import BEGINNING, Offset


@dataclass(frozen=True, slots=True)
class Start:
    """Events right behind `position` are next. `reset` says why what lies before cannot be replayed."""

    position: Offset
    reset: str | None = None


def start_at(after: Offset | None, floor: Offset, head: Offset, forks: Mapping[int, int]) -> Start:
    """Decide where to start.

    `floor`, `head` and `forks` (see `backbone.contract.lineage`) are PostgreSQL's own word, read together.
    """
    if after is None:
        return Start(head)
    if after == BEGINNING:
        return Start(floor)
    shared = head.seq if after.epoch == head.epoch else shared_seq(after.epoch, head.epoch, forks)
    if shared is None or (after.epoch == head.epoch and after.seq > shared):
        return Start(head, "unknown_offset")
    if after.seq > shared:
        return Start(max(floor, Offset(head.epoch, shared)), "epoch")
    if after.seq < floor.seq:
        return Start(floor, "retention")
    return Start(Offset(head.epoch, after.seq))
