"""Loyalty accounts in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from api.core.phones import PhoneNumber
from api.db.writes import Attempt, Written, run_write, write_call, writer
from backbone.eventlog.postgres import Database

_CHANGE = write_call("change_points", 10)


async def change_points(
    database: Database,
    attempt: Attempt,
    number: PhoneNumber,
    transaction_type: str,
    change: int,
    reason: str | None,
    data: bytes,
    order_id: str | None = None,
) -> Written:
    """Commit a change of points, for an order where one is named.

    Outcomes `ok`, `not_found`, `insufficient`; `no_order`, `order_cancelled` with how the order stands, `too_many` for
    one order. Raises as `run_write`.
    """
    return await run_write(
        database,
        _CHANGE,
        attempt,
        number.digits,
        number.text,
        transaction_type,
        change,
        reason,
        data.decode(),
        order_id,
    )


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account; `transactions` is a finished JSON array, newest first."""

    customer_id: UUID
    points: int
    transactions: str


TRANSACTIONS_SHOWN = 100

_GET = f"""
    SELECT a.customer_id, a.points,
           (
               SELECT coalesce(json_agg(json_build_object(
                   'transactionType', t.transaction_type, 'pointsChange', t.points_change,
                   'newBalance', t.balance_after, 'reason', t.reason, 'timestamp', rfc3339(t.created_at),
                   'by', {writer("t.made_by")}
               ) ORDER BY t.transaction_id DESC), '[]')::text
               FROM (
                   SELECT * FROM pos_loyalty_transactions l WHERE l.customer_id = a.customer_id
                   ORDER BY l.transaction_id DESC LIMIT $3
               ) t
           ) AS transactions
    FROM (
        SELECT account_of($1, n.name) AS customer_id FROM unnest($2::text[]) WITH ORDINALITY AS n (name, place)
        WHERE account_of($1, n.name) IS NOT NULL ORDER BY n.place LIMIT 1
    ) found JOIN loyalty_accounts a USING (customer_id)
"""  # noqa: S608 - put together from constants


async def get_account(database: Database, tenant: str, names: Sequence[str]) -> StoredAccount | None:
    """Return the account of a number, by the first of its names that there is, with its newest transactions; or None.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_GET, tenant, names, TRANSACTIONS_SHOWN)
    return None if row is None else StoredAccount(row["customer_id"], row["points"], row["transactions"])
