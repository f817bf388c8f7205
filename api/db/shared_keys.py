"""The connections from which it is told whether two devices use one terminal's key."""

from collections.abc import Sequence
from uuid import UUID

from api.core.shared_key import EXCHANGES, WINDOW_SECONDS, Held
from backbone.contract.errors import CloseCode
from backbone.eventlog.postgres import Database

STRETCHES_READ = 60
TERMINALS_READ = 1000

# The stretches of one connection are one line; polls replace nobody.
_HELD = """
    SELECT k.terminal_id, c.address, c.agent, c.code, extract(epoch FROM c.began_at)::float8 AS began,
           extract(epoch FROM c.ended_at)::float8 AS ended, extract(epoch FROM clock_timestamp())::float8 AS now
    FROM unnest($1::uuid[]) AS k (terminal_id) CROSS JOIN LATERAL (
        SELECT r.no, r.address, r.agent, max(r.code) AS code, min(r.began_at) AS began_at, max(r.ended_at) AS ended_at
        FROM (
            SELECT * FROM readings WHERE terminal_id = k.terminal_id AND door <> 'polling'
            ORDER BY no DESC, stretch DESC LIMIT $2
        ) r
        GROUP BY r.no, r.address, r.agent
    ) c
    ORDER BY k.terminal_id, c.no
"""


async def held_connections(
    database: Database, terminals: Sequence[UUID]
) -> dict[UUID, tuple[list[Held], float]]:
    """Return the last connections of terminals, oldest first, and the database's clock; without any it is left out.

    Raises:
        Unavailable: PostgreSQL.
    """
    found: dict[UUID, tuple[list[Held], float]] = {}
    for row in await database.fetch(_HELD, terminals, STRETCHES_READ):
        replaced = row["code"] == CloseCode.REPLACED
        held = Held(row["began"], row["ended"], replaced, (row["address"], row["agent"]))
        found.setdefault(row["terminal_id"], ([], row["now"]))[0].append(held)
    return found


# Through an index of its own: of all connections hardly any end so.
_OFTEN_REPLACED = """
    SELECT r.terminal_id FROM readings r JOIN terminals t USING (terminal_id) JOIN tenants n ON n.tenant = t.tenant
    WHERE r.code = 4409 AND r.ended_at > clock_timestamp() - make_interval(secs => $1)
      AND t.revoked_at IS NULL AND n.disabled_at IS NULL AND NOT n.is_test
    GROUP BY r.terminal_id HAVING count(*) >= $2 ORDER BY count(*) DESC LIMIT $3
"""


async def often_replaced(database: Database) -> list[UUID]:
    """Return the terminals whose connections were replaced often lately, those of test tenants left out.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = await database.fetch(_OFTEN_REPLACED, WINDOW_SECONDS, EXCHANGES, TERMINALS_READ)
    return [row["terminal_id"] for row in rows]
