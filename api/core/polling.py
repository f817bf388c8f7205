"""Where an answer to a polling terminal starts, given what it asks for and what the log retains."""

from collections.abc import Mapping
from dataclasses import dataclass

from backbone.contract.offset import BEGINNING, Offset


@dataclass(frozen=True, slots=True)
class Start:
    """Events right behind `position` are next. `reset` says why what lies before cannot be replayed."""

    position: Offset
    reset: str | None = None


def start_at(after: Offset | None, floor: Offset, head: Offset, forks: Mapping[int, int]) -> Start:
    """Decide where to start.

    `floor`, `head` and `forks` (for each later epoch, the last seq that it shares with the history before it)
    are PostgreSQL's own word, read together.
    """
    if after is None:
        return Start(head)
    if after == BEGINNING:
        return Start(floor)
    shared = _shared_seq(after.epoch, head, forks)
    if shared is None or (after.epoch == head.epoch and after.seq > shared):
        return Start(head, "unknown_offset")
    if after.seq > shared:
        return Start(max(floor, Offset(head.epoch, shared)), "epoch")
    if after.seq < floor.seq:
        return Start(floor, "retention")
    return Start(Offset(head.epoch, after.seq))


def _shared_seq(epoch: int, head: Offset, forks: Mapping[int, int]) -> int | None:
    """The last seq that a history of `epoch` shares with ours; the earliest fork since counts."""
    if epoch == head.epoch:
        return head.seq
    later = [fork for forked, fork in forks.items() if forked > epoch]
    return min(later) if later and 0 < epoch < head.epoch else None
