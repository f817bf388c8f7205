"""Which of the pods' secrets gift cards and webhook endpoints stand under, by their names."""

from backbone.eventlog.postgres import Database

_FIRST = "SELECT first_secret_id() AS secret_id"


async def first_secret(database: Database) -> bytes | None:
    """Return the name of the secret under which a row stands that names none; None while no pod has told it.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_FIRST)
    assert row is not None
    found: bytes | None = row["secret_id"]
    return found


_TELL = "INSERT INTO first_secret (secret_id) VALUES ($1) ON CONFLICT DO NOTHING"


async def tell_first_secret(database: Database, secret_id: bytes) -> None:
    """Say which secret was the first; whoever says so first is believed. Raises Unavailable."""
    await database.fetch(_TELL, secret_id)


# From one name to the next by the index, however many cards there are. A shop has few endpoints.
_IN_USE = """
    WITH RECURSIVE named AS (
        (SELECT secret_id FROM gift_cards WHERE secret_id IS NOT NULL ORDER BY secret_id LIMIT 1)
        UNION ALL
        SELECT (SELECT c.secret_id FROM gift_cards c WHERE c.secret_id > n.secret_id ORDER BY c.secret_id LIMIT 1)
        FROM named n WHERE n.secret_id IS NOT NULL
    )
    SELECT secret_id, true AS has_cards FROM named WHERE secret_id IS NOT NULL
    UNION SELECT first_secret_id(), true WHERE EXISTS (SELECT FROM gift_cards WHERE secret_id IS NULL)
    UNION SELECT coalesce(secret_id, first_secret_id()), false FROM webhook_endpoints
    UNION SELECT coalesce(previous_secret_id, first_secret_id()), false FROM webhook_endpoints
          WHERE previous_until > clock_timestamp()
"""


async def secrets_in_use(database: Database) -> tuple[set[bytes], set[bytes]]:
    """Return the names of the secrets under which cards stand, and of those under which endpoints do.

    Raises:
        Unavailable: PostgreSQL.
    """
    rows = [row for row in await database.fetch(_IN_USE) if row["secret_id"] is not None]
    cards = {row["secret_id"] for row in rows if row["has_cards"]}
    return cards, {row["secret_id"] for row in rows if not row["has_cards"]}
