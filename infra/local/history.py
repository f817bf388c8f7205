"""Years of history, written straight into the tables: what a query must not have to read.

Knows the tables' columns, and one statement for each that takes how many rows. SQL of its number `n` says how a row
is; so tests and benchmarks write the same tables in the shapes that they need.
"""

from typing import TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Tables come before those that name their rows.
_SHOPS = {
    "tenants": """
    INSERT INTO tenants (tenant, name) SELECT {shop}, 'Old ' || n FROM generate_series(1, $1) n
    """,
    "tenant_streams": """
    INSERT INTO tenant_streams (tenant, epoch, seq, order_seq)
    SELECT {shop}, (SELECT max(epoch) FROM cluster_epochs), {events}, {orders} FROM generate_series(1, $1) n
    """,
    "terminals": """
    INSERT INTO terminals (terminal_id, tenant, name, role, changed_at, acked_epoch, acked_seq, acked_at)
    SELECT md5('{tag} till ' || n)::uuid, {shop}, 'counter', 'till', now() - interval '1 day',
           CASE WHEN {acked} > 0 THEN (SELECT max(epoch) FROM cluster_epochs) END, {acked},
           CASE WHEN {acked} > 0 THEN now() END
    FROM generate_series(1, $1) n
    """,
    "api_keys": """
    INSERT INTO api_keys (key_hash, kind, tenant, terminal_id)
    SELECT sha256(('{tag} key ' || n)::bytea), 'term', {shop}, md5('{tag} till ' || n)::uuid
    FROM generate_series(1, $1) n
    """,
    "readings": """
    INSERT INTO readings (reading_id, no, tenant, terminal_id, door, named, tail, epoch, began_seq, from_seq, sent_seq,
                          said_seq, said_at, covered_seq, began_at, ended_at, code)
    SELECT md5('{tag} reading ' || n)::uuid, n, {shop}, md5('{tag} till ' || {till})::uuid, 'websocket', false, false,
           (SELECT max(epoch) FROM cluster_epochs), {began}, {began}, {sent}, {said}, {said_at}, {said},
           {ended_at} - interval '1 hour', {ended_at}, 1000
    FROM generate_series(1, $1) n
    """,
    "terminal_acks": """
    INSERT INTO terminal_acks (terminal_id, acked_seq, tenant, acked_at)
    SELECT md5('{tag} till ' || n)::uuid, 3, {shop}, now() FROM generate_series(1, $1) n
    """,
    "coverage": """
    INSERT INTO coverage (terminal_id, to_seq, reading_id, stretch, from_seq, epoch, acked_at)
    SELECT md5('{tag} till ' || {till})::uuid, {sent}, md5('{tag} reading ' || n)::uuid, 0, {began},
           (SELECT max(epoch) FROM cluster_epochs), {ended_at}
    FROM generate_series(1, $1) n
    """,
}
_DEALINGS = {
    "orders": """
    INSERT INTO orders (order_id, tenant, order_seq, source, order_type, status, customer_name, customer_phone,
                        customer_number, total_cents, event_epoch, event_seq, created_at, updated_at, external_id)
    SELECT md5('{tag} order ' || n)::uuid, {shop}, {number}, 'online', 'pickup', {status}, 'Ada', {phone}, {phone},
           1950, (SELECT max(epoch) FROM cluster_epochs), {event}, {placed_at}, now(), {external}
    FROM generate_series(1, $1) n
    """,
    "order_items": """
    INSERT INTO order_items (order_id, position, name, quantity, unit_price_cents)
    SELECT md5('{tag} order ' || n)::uuid, 1, 'Tea', 1, 1950 FROM generate_series(1, $1) n
    """,
    "order_status_history": """
    INSERT INTO order_status_history (order_id, position, status)
    SELECT md5('{tag} order ' || n)::uuid, 1, 'pending' FROM generate_series(1, $1) n
    """,
    "order_receipts": """
    INSERT INTO order_receipts (order_id, receiver, by)
    SELECT md5('{tag} order ' || n)::uuid, md5('{tag} till ' || n)::uuid, 'list' FROM generate_series(1, $1) n
    """,
    "unseen_orders": """
    INSERT INTO unseen_orders (tenant, event_seq, event_epoch, order_id, placed_at, counts_from, seen_by, seen_at)
    SELECT tenant, event_seq, event_epoch, order_id, created_at, created_at, order_id, now()
    FROM orders WHERE {of_shop} AND status = 'pending' ORDER BY order_id LIMIT $1
    """,
    "pos_sync_logs": """
    INSERT INTO pos_sync_logs (tenant, seq, epoch, type, committed_at, payload)
    SELECT {shop}, {seq}, (SELECT max(epoch) FROM cluster_epochs), 'new_order', {committed_at}, {payload}
    FROM generate_series(1, $1) n
    """,
    "gift_cards": """
    INSERT INTO gift_cards (card_id, tenant, number_hmac, last4, initial_cents, balance_cents, purchased_by)
    SELECT md5('{tag} card ' || n)::uuid, {shop}, sha256(('{tag} card ' || n)::bytea), '0000', 500, 500, 'Ada'
    FROM generate_series(1, $1) n
    """,
    "pos_gift_card_transactions": """
    INSERT INTO pos_gift_card_transactions (tenant, card_id, transaction_type, amount_cents, balance_after_cents,
                                            order_id)
    SELECT {shop}, md5('{tag} card ' || n)::uuid, 'purchase', 500, 500, '{tag} order ' || n
    FROM generate_series(1, $1) n
    """,
    "loyalty_accounts": """
    INSERT INTO loyalty_accounts (customer_id, tenant, phone, number, points)
    SELECT md5('{tag} customer ' || n)::uuid, {shop}, '4917' || 10000000 + n, '+4917' || 10000000 + n, 5
    FROM generate_series(1, $1) n
    """,
    "pos_loyalty_transactions": """
    INSERT INTO pos_loyalty_transactions (tenant, customer_id, transaction_type, points_change, balance_after)
    SELECT {shop}, md5('{tag} customer ' || n)::uuid, 'add', 5, 5 FROM generate_series(1, $1) n
    """,
    "audit_trail": """
    INSERT INTO audit_trail (tenant, kind, action) SELECT {shop}, 'op', 'tenant.read' FROM generate_series(1, $1) n
    """,
    "idempotency_keys": """
    INSERT INTO idempotency_keys (tenant, key, fingerprint, outcome, result)
    SELECT {shop}, '{tag} key ' || n, '\\x00', 'done', '{{}}' FROM generate_series(1, $1) n
    """,
    "webhook_attempts": """
    INSERT INTO webhook_attempts (endpoint_id, tenant, at, message_id, type, outcome, milliseconds, answer)
    SELECT md5('{tag} endpoint ' || n)::uuid, {shop}, now(), '1-1', 'new_order', 'delivered', 5, ''
    FROM generate_series(1, $1) n
    """,
}

_STATEMENTS = _SHOPS | _DEALINGS
# Of each row, by its number: a shop of its own, three events, terminals that never acked anything.
_SHAPE = {
    "events": "3",
    "orders": "3",
    "acked": "NULL::bigint",
    "till": "n",
    "began": "0",
    "sent": "3",
    "said": "NULL::bigint",
    "said_at": "NULL::timestamptz",
    "ended_at": "now()",
    "number": "n",
    "status": "(ARRAY['completed', 'cancelled', 'pending'])[1 + n % 3]",
    "phone": "'+4917' || 10000000 + n",
    "event": "n",
    "placed_at": "now() - n * interval '1 second'",
    "external": "NULL",
    "seq": "n",
    "committed_at": "now() + make_interval(days => n * 5 / $1)",
    "payload": "'{}'",
}


async def write_rows(database: Connection, table: str, rows: int, **said: str) -> None:
    """So many rows of one table. `said` is SQL of a row's number `n`: `shop`, `tag`, and what is not as in `_SHAPE`."""
    await database.execute(_STATEMENTS[table].format_map(_SHAPE | said), rows)


async def write_other_shops(database: Connection, rows: int) -> None:
    """So many rows in each table that grows, of as many shops, whose names begin with `old-`."""
    for table in _STATEMENTS:
        await write_rows(database, table, rows, shop="'old-' || n", of_shop="tenant LIKE 'old-%'", tag="old")
    # As it is kept in the long run: an index by block ranges knows those of today only then.
    await database.execute("VACUUM (ANALYZE)")


async def write_history_of(database: Connection, tenant: str, rows: int) -> None:
    """So many orders, events, cards, accounts and their kin of one shop, which has none yet."""
    for table in _DEALINGS:
        await write_rows(
            database, table, rows, shop=f"'{tenant}'", of_shop=f"tenant = '{tenant}'", tag=tenant
        )
    await database.execute(
        "UPDATE tenant_streams SET seq = $2, order_seq = $2 WHERE tenant = $1", tenant, rows
    )
    # As it is kept in the long run: an index by block ranges knows those of today only then.
    await database.execute("VACUUM (ANALYZE)")
