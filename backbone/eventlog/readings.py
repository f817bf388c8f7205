"""Keep what terminals were given and what they said of it: the rows from which every receipt and alarm follows.

A reading is an unbroken stretch of a connection, or a chain of polls with one filter. An ack belongs to one reading and
counts for what that one was to carry. The rules are the database's own functions, called here in one statement for any
number of readings; see migrations/0014_receipts.sql and docs/decisions/0095-receipts-are-coverage.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from backbone.contract.event_filter import EventFilter
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database, Row
from backbone.runtime.client import Client
from backbone.runtime.metrics import ACK_SECONDS


@dataclass(frozen=True, slots=True)
class NewReading:
    """A stream that is about to begin behind `start`. `named`: that is the offset which its terminal named."""

    reading: UUID
    terminal: UUID
    tenant: str
    door: str
    client: Client
    filter: EventFilter
    start: Offset
    named: bool


# With each its terminal's last ack, so that a crowd's handshakes have one statement less.
_BEGIN = """
    WITH begun AS MATERIALIZED (
        SELECT begin_readings($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    )
    SELECT k.reading_id, a.epoch, a.seq
    FROM begun, unnest($1::uuid[], $2::uuid[], $8::text[], $9::text[], $10::text[])
         AS k (reading_id, terminal_id, types, stations, categories)
    CROSS JOIN LATERAL newest_ack(
        k.terminal_id, string_to_array(k.types, ','), string_to_array(k.stations, ','),
        string_to_array(k.categories, ',')
    ) a
    WHERE a.seq IS NOT NULL
"""


async def begin_readings(
    database: Database, gateway: str, readings: Sequence[NewReading]
) -> dict[UUID, Offset]:
    """Store readings of this gateway, in one statement.

    Returns:
        For each, the last ack of an earlier one whose filter let through all that it does, where there is one.

    Raises:
        Unavailable: PostgreSQL.
    """
    filters = [[_listed(names) for names in reading.filter.columns] for reading in readings]
    rows = await database.fetch(
        _BEGIN,
        [reading.reading for reading in readings],
        [reading.terminal for reading in readings],
        [reading.tenant for reading in readings],
        [reading.door for reading in readings],
        gateway,
        [reading.client.address for reading in readings],
        [reading.client.agent for reading in readings],
        [columns[0] for columns in filters],
        [columns[1] for columns in filters],
        [columns[2] for columns in filters],
        [reading.start.epoch for reading in readings],
        [reading.start.seq for reading in readings],
        [reading.named for reading in readings],
    )
    return {row["reading_id"]: Offset(row["epoch"], row["seq"]) for row in rows}


def _listed(names: list[str] | None) -> str | None:
    # Names have no comma; an array of arrays would have to be a rectangle.
    return None if names is None else ",".join(names)


@dataclass(frozen=True, slots=True)
class Progress:
    """The newest state of a reading's stretch; positions are of `epoch`.

    `began` and `sent`: where it began, and up to where events were written to the connection. `said`: up to where it
    was acked, `said_ago` seconds ago. `ended_ago`: so many seconds ago it ended, with the close code `code`.
    """

    reading: UUID
    stretch: int
    epoch: int
    began: int
    sent: int
    said: int | None = None
    said_ago: float | None = None
    ended_ago: float | None = None
    code: int | None = None


_UNKNOWN = """
    SELECT k.reading_id FROM unnest($1::uuid[]) AS k (reading_id)
    WHERE NOT EXISTS (SELECT FROM readings r WHERE r.reading_id = k.reading_id)
"""


async def unknown_readings(database: Database, readings: Sequence[UUID]) -> set[UUID]:
    """Return those of `readings` that the database does not know: a history that is over took them along.

    Raises:
        Unavailable: PostgreSQL.
    """
    return {row["reading_id"] for row in await database.fetch(_UNKNOWN, readings)}


_ADVANCE = "SELECT waited FROM advance_readings($1, $2, $3, $4, $5, $6, $7, $8, $9) AS waited"


async def advance_readings(database: Database, news: Sequence[Progress]) -> None:
    """Store how far readings came and what was acked, in one statement; twice is as good as once, in any order.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(
        _ADVANCE,
        [progress.reading for progress in news],
        [progress.stretch for progress in news],
        [progress.epoch for progress in news],
        [progress.began for progress in news],
        [progress.sent for progress in news],
        [progress.said for progress in news],
        [progress.said_ago for progress in news],
        [progress.ended_ago for progress in news],
        [progress.code for progress in news],
    )
    for row in rows:
        ACK_SECONDS.observe(row["waited"])


_POLL = "SELECT poll_reading($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS reading"


async def poll_reading(
    database: Database,
    tenant: str,
    terminal: UUID,
    new: UUID,
    client: Client,
    filter_: EventFilter,
    start: Offset,
    end: Offset,
    *,
    named: bool,
) -> UUID:
    """Store that a polling terminal is about to be given `(start, end]`; returns the reading that this belongs to.

    `named`: the terminal named `start`. `new` is what the reading is called when there is none to go on from.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(
        _POLL,
        tenant,
        terminal,
        new,
        client.address,
        client.agent,
        *filter_.columns,
        end.epoch,
        start.seq,
        named,
        end.seq,
    )
    assert row is not None
    reading: UUID = row["reading"]
    return reading


_ACK = "SELECT known, waited FROM ack_reading($1, $2, $3, $4, $5)"


async def ack_reading(
    database: Database, tenant: str, terminal: UUID, offset: Offset, reading: UUID | None
) -> bool:
    """Store an ack that came over HTTP; False when `reading` is none of this terminal's.

    Without a reading it is the one's that may have given the offset. An ack later than the head changes nothing.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_ACK, tenant, terminal, reading, offset.epoch, offset.seq)
    assert row is not None
    for waited in row["waited"] or ():
        ACK_SECONDS.observe(waited)
    known: bool = row["known"]
    return known


_SEE = "SELECT unknown, waited FROM see_orders($1, $2, $3)"


async def see_orders(database: Database, tenant: str, terminal: UUID, orders: Sequence[UUID]) -> list[UUID]:
    """Store that a terminal was shown orders by a list; with one that is not the tenant's nothing is, and those are
    returned.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_SEE, tenant, terminal, orders)
    assert row is not None
    for waited in row["waited"] or ():
        ACK_SECONDS.observe(waited)
    return list(row["unknown"] or ())


_LAST_ACKS = """
    SELECT k.place, a.epoch, a.seq
    FROM unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::text[])
         AS k (place, terminal_id, types, stations, categories)
    CROSS JOIN LATERAL newest_ack(
        k.terminal_id, string_to_array(k.types, ','), string_to_array(k.stations, ','),
        string_to_array(k.categories, ',')
    ) a
    WHERE a.seq IS NOT NULL
"""


async def last_acks(
    database: Database, asked: Sequence[tuple[UUID, EventFilter]]
) -> dict[tuple[UUID, EventFilter], Offset]:
    """Return, for terminals and filters, the last ack of a reading whose filter let through all that this one does.

    Those that have none are left out.

    Raises:
        Unavailable: PostgreSQL.
    """
    filters = [[_listed(names) for names in filter_.columns] for _, filter_ in asked]
    rows = await database.fetch(
        _LAST_ACKS,
        list(range(len(asked))),
        [terminal for terminal, _ in asked],
        [columns[0] for columns in filters],
        [columns[1] for columns in filters],
        [columns[2] for columns in filters],
    )
    return {asked[row["place"]]: Offset(row["epoch"], row["seq"]) for row in rows}


_NEWEST_ACK = "SELECT epoch, seq FROM newest_ack($1)"


async def newest_ack(database: Database, terminal: UUID) -> Offset | None:
    """Return the terminal's newest ack of any reading; None when there is none.

    Raises:
        Unavailable: PostgreSQL.
    """
    return _offset_of(await database.fetch_row(_NEWEST_ACK, terminal))


def _offset_of(row: Row | None) -> Offset | None:
    return None if row is None or row["seq"] is None else Offset(row["epoch"], row["seq"])
