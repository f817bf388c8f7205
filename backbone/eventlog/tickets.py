"""Tickets in the database, as gateways meet them: whom one speaks for, and the one use that it is good for.

PostgreSQL alone says so, whatever Redis does; nothing is remembered, since a ticket is used once. A use deletes its
row: of any number at once, at any gateways, one gets it.
"""

from collections.abc import Sequence

from backbone.contract.keys import KeyKind
from backbone.eventlog.access import VALID_KEY, Principal
from backbone.eventlog.postgres import Database

# A ticket ends with the key that asked for it.
_FIND = f"""
    SELECT w.ticket_hash, k.key_hash, k.tenant, k.terminal_id
    FROM tickets w JOIN api_keys k USING (key_hash) JOIN tenants t USING (tenant)
    JOIN terminals d ON d.terminal_id = k.terminal_id
    WHERE w.ticket_hash = ANY ($1::bytea[]) AND w.expires_at > clock_timestamp() AND {VALID_KEY}
"""  # noqa: S608 - put together from constants


async def find_tickets(database: Database, hashes: Sequence[bytes]) -> dict[bytes, Principal]:
    """Return whom the tickets with these hashes speak for, those of them that are good: as the key that asked would.

    Raises:
        Unavailable: PostgreSQL.
    """
    # The comparison is the index's, on the SHA-256 of 256 random bits: its timing tells nothing about a ticket.
    rows = await database.fetch(_FIND, hashes)
    return {
        row["ticket_hash"]: Principal(KeyKind.TERMINAL, row["tenant"], row["terminal_id"], row["key_hash"])
        for row in rows
    }


# Locked in one order, so that gateways cannot wait for each other in a ring.
_USE = """
    WITH asked AS MATERIALIZED (
        SELECT ticket_hash FROM tickets WHERE ticket_hash = ANY ($1::bytea[]) ORDER BY ticket_hash FOR UPDATE
    )
    DELETE FROM tickets w USING asked WHERE w.ticket_hash = asked.ticket_hash RETURNING w.ticket_hash
"""


async def use_tickets(database: Database, hashes: Sequence[bytes]) -> set[bytes]:
    """Use tickets up, and return those that this statement used: each of them is nobody else's.

    Raises:
        Unavailable: PostgreSQL.
    """
    return {row["ticket_hash"] for row in await database.fetch(_USE, hashes)}
