"""Read the log of record: a range of events, what is retained, and heads.

Statements for PostgreSQL's primary, each above the function that runs it.
"""

from dataclasses import dataclass

from backbone.contract.erasure import NOTHING_ERASED, Erasure
from backbone.contract.event import NO_NAMES, Event
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database, EpochOver, Row


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive events, oldest first, and the head at the moment they were read.

    `floor` is the position right before the first one; later than the position asked for, it means that what lay
    between is gone (retention). Without events it is the head, or the position asked for when that is not earlier.
    """

    floor: Offset
    head: Offset
    events: tuple[Event, ...]


def event_of(row: Row) -> Event:
    """Return the event of a row: `epoch`, `seq`, `type`, `committed_ms`, `payload`, `stations` and `categories`."""
    stations, categories = row["stations"], row["categories"]
    return Event(
        Offset(row["epoch"], row["seq"]),
        row["type"],
        row["committed_ms"],
        row["payload"],
        NO_NAMES if stations is None else frozenset(stations),
        NO_NAMES if categories is None else frozenset(categories),
    )


# One snapshot for head and events: whatever the head counts is committed, so what is not there is gone. A page is
# bounded by its numbers, which have no gaps behind the floor: by a LIMIT alone the whole rest of the log is read and
# sorted for each page, since the planner takes the few rows that it expects of a range in each day's partition.
_READ = """
    SELECT s.epoch AS head_epoch, s.seq AS head_seq, e.seq, e.epoch, e.type, e.committed_ms, e.payload, e.stations,
           e.categories
    FROM tenant_streams s LEFT JOIN LATERAL (
        SELECT l.seq FROM pos_sync_logs l WHERE l.tenant = $1 AND l.seq > $2 AND l.seq <= s.seq ORDER BY l.seq LIMIT 1
    ) f ON true LEFT JOIN LATERAL (
        SELECT l.seq, l.epoch, l.type, (extract(epoch FROM l.committed_at) * 1000)::bigint AS committed_ms, l.payload,
               l.stations, l.categories
        FROM pos_sync_logs l
        WHERE l.tenant = $1 AND l.seq >= f.seq AND l.seq < f.seq + $3 AND l.seq <= s.seq ORDER BY l.seq
    ) e ON true
    WHERE s.tenant = $1
"""


async def read_events(database: Database, tenant: str, after: Offset, limit: int) -> Run:
    """Return up to `limit` (at least 1) events later than `after`.

    Raises:
        Unavailable: PostgreSQL.
        LookupError: there is no such tenant.
    """
    rows = await database.fetch(_READ, tenant, after.seq, limit)
    if not rows:
        raise LookupError("no such tenant")
    head = Offset(rows[0]["head_epoch"], rows[0]["head_seq"])
    events = tuple(event_of(row) for row in rows if row["seq"] is not None)
    if not events:
        return Run(max(after, head), head, ())
    first = events[0].offset
    floor = after if first.seq == after.seq + 1 else Offset(first.epoch, first.seq - 1)
    return Run(floor, head, events)


@dataclass(frozen=True, slots=True)
class Extent:
    """The part of a tenant's log that can be replayed: everything later than `floor`, up to `head`.

    `forks` has every epoch that the database went through, with the last seq that it shares with the one before.
    `erased` says which events may have been overwritten, because a customer was forgotten.
    """

    floor: Offset
    head: Offset
    forks: dict[int, int]
    erased: Erasure = NOTHING_ERASED


# The subselect is one index probe a partition. An empty log starts at its head. A tenant that was not there yet when
# an epoch was entered shares nothing with what was before.
_EXTENT = """
    SELECT s.epoch, s.seq,
           coalesce((SELECT l.seq - 1 FROM pos_sync_logs l WHERE l.tenant = $1 ORDER BY l.seq LIMIT 1), s.seq) AS floor,
           settled_epoch() IS NOT NULL AS settled, lineage.epochs, lineage.forks,
           coalesce(er.times, 0) AS erasures, coalesce(er.seq, 0) AS erased_seq
    FROM tenant_streams s LEFT JOIN erasures er USING (tenant), (
        SELECT array_agg(known.epoch) AS epochs, array_agg(coalesce(f.fork_seq, 0)) AS forks
        FROM (SELECT epoch FROM cluster_epochs UNION SELECT epoch FROM stream_forks WHERE tenant = $1) known
        LEFT JOIN stream_forks f ON f.tenant = $1 AND f.epoch = known.epoch
    ) lineage
    WHERE s.tenant = $1
"""


async def read_extent(database: Database, tenant: str) -> Extent | None:
    """Return what of the tenant's log is retained; None when there is no such tenant.

    Raises:
        Unavailable: PostgreSQL, or its history forked and the new epoch is not entered yet.
    """
    row = await database.fetch_row(_EXTENT, tenant)
    if row is None:
        return None
    if not row["settled"]:
        raise EpochOver("The newest history")
    forks = dict(zip(row["epochs"] or (), row["forks"] or (), strict=True))
    erased = Erasure(row["erasures"], row["erased_seq"])
    return Extent(Offset(row["epoch"], row["floor"]), Offset(row["epoch"], row["seq"]), forks, erased)


_HEADS = "SELECT tenant, epoch, seq FROM tenant_streams WHERE tenant = ANY ($1)"
# A plan that is kept; the one for a list of one is not.
_HEAD = "SELECT tenant, epoch, seq FROM tenant_streams WHERE tenant = $1"


async def read_heads(database: Database, tenants: list[str]) -> dict[str, Offset]:
    """Return the heads of `tenants`, in one statement.

    Raises:
        Unavailable: PostgreSQL.
    """
    alone = len(tenants) == 1
    rows = await database.fetch(_HEAD if alone else _HEADS, tenants[0] if alone else tenants)
    return {row["tenant"]: Offset(row["epoch"], row["seq"]) for row in rows}
