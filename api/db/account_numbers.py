"""Loyalty accounts whose numbers are to be read in their shop's country: bit by bit, from any number of pods.

A run that ends in the middle is gone on with by the next one: each account says by which country it was read.

Why: docs/decisions/0113-one-number.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from api.core.phones import number_at_home
from backbone.contract.event import Event
from backbone.contract.offset import Offset
from backbone.eventlog.postgres import Database

ACCOUNTS_A_STEP = 200
_COUNTRY = "SELECT country FROM tenants WHERE tenant = $1"


async def country_of(database: Database, tenant: str) -> str | None:
    """Return the tenant's country, as it is now.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_COUNTRY, tenant)
    return None if row is None else row["country"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account and the digits that it is found by; `number` is how these were read, where that is known."""

    customer_id: UUID
    phone: str
    number: str | None


_DUE = """
    SELECT tenant, country FROM tenants
    WHERE country IS NOT NULL AND country IS DISTINCT FROM accounts_read_in AND deleted_at IS NULL LIMIT 100
"""


async def countries_due(database: Database) -> list[tuple[str, str]]:
    """Return tenants that have accounts to be read, with their countries. Raises Unavailable."""
    return [(row["tenant"], row["country"]) for row in await database.fetch(_DUE)]


_NEXT = f"""
    SELECT customer_id, phone, number FROM loyalty_accounts
    WHERE tenant = $1 AND customer_id > $3 AND joined_to IS NULL AND read_in IS DISTINCT FROM $2
    ORDER BY customer_id LIMIT {ACCOUNTS_A_STEP}
"""  # noqa: S608 - put together from constants


async def next_accounts(database: Database, tenant: str, country: str, after: UUID) -> list[Account]:
    """Return accounts of a tenant that are to be read, behind one of them. Raises Unavailable."""
    rows = await database.fetch(_NEXT, tenant, country, after)
    return [Account(row["customer_id"], row["phone"], row["number"]) for row in rows]


_CAME_UP = f"""
    SELECT r.tenant, n.country, r.customer_id, a.phone, a.number
    FROM accounts_to_read r JOIN tenants n USING (tenant) JOIN loyalty_accounts a USING (customer_id)
    WHERE n.country IS NOT NULL LIMIT {ACCOUNTS_A_STEP}
"""  # noqa: S608 - put together from constants


async def accounts_that_came_up(database: Database) -> dict[tuple[str, str], list[Account]]:
    """Return accounts by bare digits that were made in shops with a country, by both. Raises Unavailable."""
    found: dict[tuple[str, str], list[Account]] = {}
    for row in await database.fetch(_CAME_UP):
        account = Account(row["customer_id"], row["phone"], row["number"])
        found.setdefault((row["tenant"], row["country"]), []).append(account)
    return found


_READ = """
    SELECT e.epoch, e.seq, e.type, e.committed_ms, e.payload FROM read_accounts($1, $2, $3::uuid[], $4::text[]) AS e
"""


async def read_accounts(
    database: Database, tenant: str, country: str, accounts: Sequence[Account]
) -> list[Event]:
    """Give accounts the numbers that their digits are in a country; returns what that committed. Raises Unavailable."""
    numbers = [number_at_home(account.phone, account.number, country) for account in accounts]
    ids = [account.customer_id for account in accounts]
    rows = await database.fetch(_READ, tenant, country, ids, numbers)
    return [
        Event(Offset(row["epoch"], row["seq"]), row["type"], row["committed_ms"], row["payload"])
        for row in rows
    ]


_DONE = "UPDATE tenants SET accounts_read_in = $2 WHERE tenant = $1 AND country = $2"


async def note_read(database: Database, tenant: str, country: str) -> None:
    """Note that all of a tenant's accounts were read in a country. Raises Unavailable."""
    await database.fetch(_DONE, tenant, country)
