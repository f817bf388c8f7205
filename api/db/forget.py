"""Forget a customer: business rows become nobody's, old events say the same without saying who.

One transaction. Ledgers are only ever added to and stay: they name an account, and the account is nobody's now.
"""

from dataclasses import dataclass

import asyncpg

from api.core.forget import ERASED, PERSONAL_DETAIL, anonymous_event
from api.core.phones import names_of
from api.db.command_session import command_session


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many of each were made anonymous."""

    orders: int
    accounts: int
    gift_cards: int
    events: int


_COUNTRY = "SELECT country FROM tenants WHERE tenant = $1"

# `$2` are the names of the number, its own digits first. Orders whose number is another one of the world are not meant.
_ORDERS = """
    SELECT order_id, event_seq, customer_email FROM orders
    WHERE tenant = $1 AND customer_phone IS NOT NULL AND (
        order_phone(customer_number, customer_phone) = ($2::text[])[1] OR (
            coalesce(customer_number, '') NOT LIKE '+%' AND (
                order_phone(customer_number, customer_phone) = ANY ($2)
                OR regexp_replace(customer_phone, '^0+|[^0-9]', '', 'g') = ANY (
                    SELECT ltrim(name, '0') FROM unnest($2::text[]) AS name
                )
            )
        )
    )
    FOR UPDATE
"""

_BLANK_ORDERS = """
    UPDATE orders SET customer_name = $2, customer_phone = NULL, customer_email = NULL, special_instructions = NULL,
        detail = (detail::jsonb - $3::text[])::json
    WHERE order_id = ANY ($1)
"""

_BLANK_ITEMS = "UPDATE order_items SET notes = NULL WHERE order_id = ANY ($1)"

_BLANK_PAYMENTS = "UPDATE order_payments SET reference = NULL WHERE order_id = ANY ($1)"

_BLANK_REFUNDS = "UPDATE order_refunds SET reason = NULL WHERE order_id = ANY ($1)"

_BLANK_STEPS = "UPDATE order_step_notes SET reason = NULL WHERE order_id = ANY ($1)"

# The place of the number stays taken by something that is no number.
_BLANK_ACCOUNT = """
    WITH RECURSIVE mine AS (
        SELECT account_of($1, a.phone) AS customer_id FROM loyalty_accounts a
        WHERE a.tenant = $1 AND a.phone = ANY ($2)
          AND (a.phone = ($2::text[])[1] OR coalesce(a.number, '') NOT LIKE '+%')
        UNION
        SELECT a.customer_id FROM mine m JOIN loyalty_accounts a ON a.tenant = $1 AND a.joined_to = m.customer_id
    )
    UPDATE loyalty_accounts a SET phone = 'erased-' || a.customer_id, number = NULL
    FROM mine WHERE a.customer_id = mine.customer_id
    RETURNING a.customer_id::text, a.joined_to IS NULL AS own
"""

_BLANK_CARDS = """
    WITH mine AS MATERIALIZED (
        SELECT card_id FROM gift_cards WHERE tenant = $1 AND lower(recipient_email) = ANY ($2)
        ORDER BY card_id FOR UPDATE
    )
    UPDATE gift_cards c SET purchased_by = $3, recipient_name = NULL, recipient_email = NULL
    FROM mine WHERE c.card_id = mine.card_id
    RETURNING c.card_id
"""

_BLANK_NOTES = """
    UPDATE gift_card_notes n SET reason = NULL, purchased_by = CASE WHEN purchased_by IS NOT NULL THEN $4 END
    FROM pos_gift_card_transactions t
    WHERE n.tenant = $1 AND t.transaction_id = n.transaction_id
      AND (n.card_id = ANY ($2) OR lower(t.order_id) = ANY ($3))
    RETURNING n.event_seq
"""

_EVENTS = """
    SELECT seq, committed_at, type, payload FROM pos_sync_logs
    WHERE tenant = $1 AND (
        (type = 'new_order' AND seq = ANY ($2))
        OR (type IN ('gift_card_refunded', 'gift_card_topped_up', 'gift_card_voided') AND seq = ANY ($6))
        OR (type IN ('order_updated', 'order_paid', 'order_refunded')
            AND (convert_from(payload, 'UTF8')::jsonb -> 'data') ?| '{reason,reference}'
            AND convert_from(payload, 'UTF8')::jsonb -> 'data' ->> 'orderId' = ANY ($5))
        OR (type = 'loyalty_updated' AND convert_from(payload, 'UTF8')::jsonb -> 'data' ->> 'customerId' = ANY ($3))
        OR (type = 'gift_card_purchased'
            AND lower(convert_from(payload, 'UTF8')::jsonb -> 'data' ->> 'recipientEmail') = ANY ($4))
    )
"""

# A receiver may answer with what it was sent; whose it was is not looked into.
_BLANK_ANSWERS = "UPDATE webhook_attempts SET answer = '' WHERE tenant = $1 AND answer <> ''"

# Gateways take nothing up to here from Redis any more, whoever puts it back, and let go of what they hold of it.
_TELL = """
    INSERT INTO erasures (tenant, times, seq, erased_at)
    SELECT tenant, 1, seq, clock_timestamp() FROM tenant_streams WHERE tenant = $1
    ON CONFLICT (tenant) DO UPDATE
    SET times = erasures.times + 1, seq = greatest(erasures.seq, excluded.seq), erased_at = excluded.erased_at
"""

# The log is added to: only values may be taken out of an event, by a function of the owner's.
_OVERWRITE = "SELECT erase_event($1, $2, $3, $4)"


async def forget_customer(database_url: str, tenant: str, phone: str) -> Forgotten:
    """Make everything that a tenant knows of a customer anonymous. Twice is as good as once.

    Raises:
        NoNumber: `phone` is no phone number.
        Unavailable: PostgreSQL.
        DatabaseTrouble: as `command_session`.
    """
    async with command_session(database_url) as connection, connection.transaction():
        return await _forget(connection, tenant, phone)


async def _forget(connection: "asyncpg.Connection[asyncpg.Record]", tenant: str, phone: str) -> Forgotten:
    names = names_of(phone, await connection.fetchval(_COUNTRY, tenant))
    orders = await connection.fetch(_ORDERS, tenant, names)
    ids = [row["order_id"] for row in orders]
    emails = [row["customer_email"].lower() for row in orders if row["customer_email"]]
    await connection.execute(_BLANK_ORDERS, ids, ERASED, PERSONAL_DETAIL)
    await connection.execute(_BLANK_ITEMS, ids)
    await connection.execute(_BLANK_PAYMENTS, ids)
    await connection.execute(_BLANK_REFUNDS, ids)
    await connection.execute(_BLANK_STEPS, ids)
    # Orders, then cards by their id, then accounts: everybody locks in this order.
    cards = await connection.fetch(_BLANK_CARDS, tenant, emails, ERASED)
    blanked = await connection.fetch(_BLANK_ACCOUNT, tenant, names)
    accounts = [row["customer_id"] for row in blanked]
    named = [str(order) for order in ids]
    notes = await connection.fetch(_BLANK_NOTES, tenant, [row["card_id"] for row in cards], named, ERASED)
    positions = [row["event_seq"] for row in orders if row["event_seq"] is not None]
    noted = [row["event_seq"] for row in notes]
    events = await connection.fetch(_EVENTS, tenant, positions, accounts, emails, named, noted)
    for event in events:
        payload = anonymous_event(event["type"], event["payload"])
        await connection.execute(_OVERWRITE, tenant, event["seq"], event["committed_at"], payload)
    await connection.execute(_BLANK_ANSWERS, tenant)
    # Told last: the moment must be near the commit, for head checks look back a few seconds only.
    await connection.execute(_TELL, tenant)
    return Forgotten(len(orders), sum(row["own"] for row in blanked), len(cards), len(events))
