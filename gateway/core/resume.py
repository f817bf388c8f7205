"""Where a terminal's stream starts, given what it asks for and what the log can give. Pure."""

from dataclasses import dataclass

from backbone.contract.offset import BEGINNING, Offset
from gateway.core.tenant_log import TenantLog


@dataclass(frozen=True, slots=True)
class Start:
    """The stream starts right behind `position`. `reset` says why history before it cannot be replayed, if so."""

    position: Offset
    resumed: bool
    reset: str | None = None


@dataclass(frozen=True, slots=True)
class Ahead:
    """The terminal knows more than this log does: one of the two is stale, and PostgreSQL knows which."""


def resume(after: Offset | None, log: TenantLog, *, confirmed: bool) -> Start | Ahead:
    """Decide where to start.

    `after` None is "live from the head", `BEGINNING` "everything retained". `confirmed` says that the log has just
    been compared with PostgreSQL; until then an offset later than the head is `Ahead`, not wrong.
    """
    if after is None:
        return Start(log.head, resumed=False)
    if after == BEGINNING:
        return Start(log.floor, resumed=True)
    if not confirmed and after > log.head:
        return Ahead()
    shared = log.shared_seq(after.epoch)
    if shared is None:
        return Start(log.head, resumed=False, reset="unknown_offset")
    if after.seq > shared:
        if after.epoch == log.epoch:
            return Start(log.head, resumed=False, reset="unknown_offset")
        return Start(Offset(log.epoch, max(shared, log.floor.seq)), resumed=False, reset="epoch")
    if after.seq < log.floor.seq:
        return Start(log.floor, resumed=False, reset="retention")
    return Start(Offset(log.epoch, after.seq), resumed=True)
