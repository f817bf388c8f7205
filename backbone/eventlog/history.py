"""Read the log of record: ranges, heads, and what gateways need to know about their terminals.

Statements for PostgreSQL's primary, each above the function that runs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database, EpochOver


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive events, oldest first, and the head at the moment they were read.

    `floor` is the position right before the first one; later than the position asked for, it means that what lay
    between is gone (retention). Without events it is the head, or the position asked for when that is not earlier.
    """

    floor: Offset
    head: Offset
    events: tuple[Event, ...]


# One snapshot for head and events: whatever the head counts is committed, so what is not there is gone.
_READ = """
    SELECT s.epoch AS head_epoch, s.seq AS head_seq, e.seq, e.epoch, e.type, e.committed_ms, e.payload
    FROM tenant_streams s LEFT JOIN LATERAL (
        SELECT l.seq, l.epoch, l.type, (extract(epoch FROM l.committed_at) * 1000)::bigint AS committed_ms, l.payload
        FROM pos_sync_logs l WHERE l.tenant = $1 AND l.seq > $2 AND l.seq <= s.seq ORDER BY l.seq LIMIT $3
    ) e ON true
    WHERE s.tenant = $1
"""


async def read(database: Database, tenant: str, after: Offset, limit: int) -> Run:
    """Return up to `limit` (at least 1) events later than `after`.

    Raises:
        Unavailable: PostgreSQL.
        LookupError: there is no such tenant.
    """
    rows = await database.fetch(_READ, tenant, after.seq, limit)
    if not rows:
        raise LookupError("no such tenant")
    head = Offset(rows[0]["head_epoch"], rows[0]["head_seq"])
    events = tuple(
        Event(Offset(row["epoch"], row["seq"]), row["type"], row["committed_ms"], row["payload"])
        for row in rows
        if row["seq"] is not None
    )
    if not events:
        return Run(max(after, head), head, ())
    first = events[0].offset
    floor = after if first.seq == after.seq + 1 else Offset(first.epoch, first.seq - 1)
    return Run(floor, head, events)


@dataclass(frozen=True, slots=True)
class Extent:
    """What of a tenant's log can be replayed: everything later than `floor`, up to `head`.

    `forks` has every epoch that the database went through, with the last seq that it shares with the one before.
    """

    floor: Offset
    head: Offset
    forks: dict[int, int]


# The subselect is one index probe a partition. An empty log starts at its head. A tenant that was not there yet when
# an epoch was entered shares nothing with what was before.
_EXTENT = """
    SELECT s.epoch, s.seq,
           coalesce((SELECT l.seq - 1 FROM pos_sync_logs l WHERE l.tenant = $1 ORDER BY l.seq LIMIT 1), s.seq) AS floor,
           settled_epoch() IS NOT NULL AS settled, lineage.epochs, lineage.forks
    FROM tenant_streams s, (
        SELECT array_agg(known.epoch) AS epochs, array_agg(coalesce(f.fork_seq, 0)) AS forks
        FROM (SELECT epoch FROM cluster_epochs UNION SELECT epoch FROM stream_forks WHERE tenant = $1) known
        LEFT JOIN stream_forks f ON f.tenant = $1 AND f.epoch = known.epoch
    ) lineage
    WHERE s.tenant = $1
"""


async def extent(database: Database, tenant: str) -> Extent | None:
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
    return Extent(Offset(row["epoch"], row["floor"]), Offset(row["epoch"], row["seq"]), forks)


_HEADS = "SELECT tenant, epoch, seq FROM tenant_streams WHERE tenant = ANY ($1)"


async def heads(database: Database, tenants: list[str]) -> dict[str, Offset]:
    """Return the heads of `tenants`, in one statement.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(_HEADS, tenants)
    return {row["tenant"]: Offset(row["epoch"], row["seq"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Change:
    """A terminal whose connection may no longer be the one that counts."""

    tenant: str
    terminal: UUID
    connection: UUID | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class Check:
    """The answer to a head check. `moment` is the database's clock: hand it back next time as `since`.

    `heads` has those that differ from what was known. `epoch` is None when the database's history forked and the new
    epoch is not entered yet: then `heads` are of a history that is over.
    """

    moment: datetime
    epoch: int | None
    heads: dict[str, Offset]
    changes: tuple[Change, ...]


# What changed is asked from a little before the last check on: a transaction that was under way then is not missed.
# Who came to the gateway that asks is no news to it: in a storm that would be every one of its terminals, each second.
# Neither is a head that it has. So a check costs what it finds, not what there is. For that, what is recent is taken
# first, by its index (MATERIALIZED), and asked for as a range, which the planner takes for few rows whatever the moment
# is: by its own choice it went through all terminals of all tenants. What is known comes as three strings: joined in C,
# where the driver would make an array of it a value at a time.
_CHECK = """
    WITH known AS (
        SELECT * FROM unnest(
            string_to_array($1, ','), string_to_array($4, ',')::bigint[], string_to_array($5, ',')::bigint[]
        ) AS k (tenant, epoch, seq)
    ), changed AS MATERIALIZED (
        SELECT tenant, terminal_id, connection_id, gateway, revoked_at IS NOT NULL AS revoked FROM terminals
        WHERE changed_at BETWEEN $2::timestamptz - interval '15 seconds' AND 'infinity'
    ), disabled AS MATERIALIZED (
        SELECT tenant FROM tenants WHERE disabled_at BETWEEN $2::timestamptz - interval '15 seconds' AND 'infinity'
    )
    SELECT NULL AS tenant, settled_epoch() AS epoch, NULL::bigint AS seq, NULL::uuid AS terminal_id,
           NULL::uuid AS connection_id, NULL::boolean AS revoked, clock_timestamp() AS moment
    UNION ALL
    SELECT s.tenant, s.epoch, s.seq, NULL, NULL, NULL, NULL
    FROM known JOIN tenant_streams s USING (tenant)
    WHERE (s.epoch, s.seq) <> (known.epoch, known.seq)
    UNION ALL
    SELECT c.tenant, NULL, NULL, c.terminal_id, c.connection_id, c.revoked OR n.disabled_at IS NOT NULL, NULL
    FROM changed c JOIN known USING (tenant) JOIN tenants n USING (tenant)
    WHERE c.gateway IS DISTINCT FROM $3 OR c.revoked OR n.disabled_at IS NOT NULL
    UNION ALL
    SELECT t.tenant, NULL, NULL, t.terminal_id, t.connection_id, true, NULL
    FROM disabled JOIN known USING (tenant) JOIN terminals t USING (tenant)
"""

_CLOCK = "SELECT clock_timestamp() AS moment"


async def check(database: Database, known: Mapping[str, Offset], since: datetime, gateway: str) -> Check:
    """Compare the `known` heads of tenants, and ask for their terminals that changed elsewhere since `since`.

    Raises:
        Unavailable: PostgreSQL.
    """
    epochs, seqs = zip(*known.values(), strict=True) if known else ((), ())
    rows = await database.fetch(
        _CHECK, ",".join(known), since, gateway, ",".join(map(str, epochs)), ",".join(map(str, seqs))
    )
    found: dict[str, Offset] = {}
    changes = []
    moment, epoch = since, None
    for row in rows:
        if row["moment"] is not None:
            moment, epoch = row["moment"], row["epoch"]
        elif row["terminal_id"] is None:
            found[row["tenant"]] = Offset(row["epoch"], row["seq"])
        else:
            changes.append(Change(row["tenant"], row["terminal_id"], row["connection_id"], row["revoked"]))
    return Check(moment, epoch, found, tuple(changes))


async def clock(database: Database) -> datetime:
    """Return the database's time.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_CLOCK)
    assert row is not None
    moment: datetime = row["moment"]
    return moment
