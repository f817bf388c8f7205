"""How much stands under each of the pods' secrets, for `bellwire audit`: what may go is what has nothing under it."""

from dataclasses import dataclass

from api.db.command_session import command_session


@dataclass(frozen=True, slots=True)
class Use:
    """The rows under one of the pods' secrets, by its name; None is the first secret, where no pod has told it.

    `with_balance`: so many of the cards have money on them and have not expired.
    """

    secret_id: bytes | None
    cards: int
    with_balance: int
    endpoints: int


_USES = """
    SELECT secret_id, sum(cards)::bigint AS cards, sum(with_balance)::bigint AS with_balance,
           sum(endpoints)::bigint AS endpoints
    FROM (
        SELECT coalesce(c.secret_id, first_secret_id()) AS secret_id, count(*) AS cards,
               count(*) FILTER (WHERE c.balance_cents > 0 AND coalesce(c.expiry_date >= current_date, true))
               AS with_balance, 0 AS endpoints
        FROM gift_cards c GROUP BY 1
        UNION ALL
        SELECT coalesce(e.secret_id, first_secret_id()), 0, 0, count(*) FROM webhook_endpoints e GROUP BY 1
        UNION ALL
        SELECT coalesce(e.previous_secret_id, first_secret_id()), 0, 0, count(*) FROM webhook_endpoints e
        WHERE e.previous_until > clock_timestamp()
          AND coalesce(e.previous_secret_id, first_secret_id())
              IS DISTINCT FROM coalesce(e.secret_id, first_secret_id())
        GROUP BY 1
    ) u GROUP BY secret_id ORDER BY secret_id
"""


async def count_uses(database_url: str) -> list[Use]:
    """Count what stands under which secret. Raises as `api.db.audit.audit`."""
    async with command_session(database_url, writes=False) as connection:
        return [Use(**dict(row)) for row in await connection.fetch(_USES)]
