"""Does everything add up? One question to the database for each thing that must be so; nothing is changed.

All of them are asked in one snapshot, so that a shop may go on selling meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from api.db.command_session import command_session

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that must be so. `sql` names whatever it is not so for, as (tenant, what)."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Finding:
    """How a rule was kept. `examples` are some of those for which it was not."""

    rule: str
    broken: int
    examples: tuple[str, ...]


RULES = (
    Rule(
        "a gift card's ledger sums to its balance",
        """
        SELECT c.tenant, 'card ' || c.card_id FROM gift_cards c
        LEFT JOIN pos_gift_card_transactions t USING (tenant, card_id)
        GROUP BY c.tenant, c.card_id HAVING coalesce(sum(t.amount_cents), 0) <> c.balance_cents
        """,
    ),
    Rule(
        "each line of a gift card's ledger follows from the one before",
        """
        SELECT tenant, 'card ' || card_id FROM (
            SELECT tenant, card_id, balance_after_cents,
                   sum(amount_cents) OVER (PARTITION BY card_id ORDER BY transaction_id) AS running
            FROM pos_gift_card_transactions
        ) t WHERE running <> balance_after_cents OR running < 0
        """,
    ),
    Rule(
        "a redemption is given back once, to the card that paid",
        """
        SELECT b.tenant, 'card ' || b.card_id || ', line ' || b.transaction_id FROM (
            SELECT *, sum(amount_cents) OVER (PARTITION BY gives_back) AS in_all FROM pos_gift_card_transactions
            WHERE transaction_type = 'refund'
        ) b LEFT JOIN pos_gift_card_transactions r ON r.transaction_id = b.gives_back
        WHERE r.transaction_type IS DISTINCT FROM 'redeem' OR b.tenant <> r.tenant OR b.card_id <> r.card_id
              OR b.order_id IS DISTINCT FROM r.order_id OR b.in_all > -r.amount_cents
        """,
    ),
    Rule(
        # A redemption of before has no name, and its order may have been cancelled then.
        "a cancelled order keeps nothing of a gift card, but of a voided one, or what went back outside",
        """
        SELECT t.tenant, order_number(o.order_seq) || ', card ' || t.card_id FROM pos_gift_card_transactions t
        JOIN orders o ON o.tenant = t.tenant AND o.order_id::text = lower(t.order_id)
        JOIN gift_cards c ON c.card_id = t.card_id
        WHERE t.transaction_type = 'redeem' AND t.redemption_id IS NOT NULL AND o.status = 'cancelled'
              AND c.voided_at IS NULL AND left_of_redemption(t) > 0 AND (order_money(o)).paid > 0
        """,
    ),
    Rule(
        "a gift card's ledger has each top-up, and its end",
        """
        SELECT c.tenant, 'card ' || c.card_id FROM gift_cards c
        LEFT JOIN pos_gift_card_transactions t ON t.card_id = c.card_id AND t.transaction_type IN ('top_up', 'void')
        GROUP BY c.card_id
        HAVING coalesce(sum(t.amount_cents) FILTER (WHERE t.transaction_type = 'top_up'), 0) <> c.topped_up_cents
               OR count(*) FILTER (WHERE t.transaction_type = 'void') <> (c.voided_at IS NOT NULL)::integer
        """,
    ),
    Rule(
        "a loyalty ledger sums to its points",
        """
        SELECT a.tenant, 'customer ' || a.customer_id FROM loyalty_accounts a
        LEFT JOIN pos_loyalty_transactions t USING (tenant, customer_id)
        GROUP BY a.tenant, a.customer_id HAVING coalesce(sum(t.points_change), 0) <> a.points
        """,
    ),
    Rule(
        "each line of a loyalty ledger follows from the one before",
        """
        SELECT tenant, 'customer ' || customer_id FROM (
            SELECT tenant, customer_id, balance_after,
                   sum(points_change) OVER (PARTITION BY customer_id ORDER BY transaction_id) AS running
            FROM pos_loyalty_transactions
        ) t WHERE running <> balance_after OR running < 0
        """,
    ),
    Rule(
        "points that paid for an order came back if it was cancelled, once",
        """
        SELECT r.tenant, order_number(o.order_seq) || ', line ' || r.transaction_id FROM pos_loyalty_transactions r
        JOIN orders o ON o.tenant = r.tenant AND o.order_id = r.order_id
        LEFT JOIN pos_loyalty_transactions b ON b.tenant = r.tenant AND b.order_id = r.order_id
             AND b.gives_back = r.transaction_id
        WHERE r.gives_back IS NULL
        GROUP BY r.tenant, o.order_id, r.transaction_id
        HAVING coalesce(sum(b.points_change), 0)
            <> CASE WHEN o.status = 'cancelled' THEN -r.points_change ELSE 0 END
        """,
    ),
    Rule(
        "an order's items and adjustments sum to its total",
        """
        SELECT o.tenant, order_number(o.order_seq) FROM orders o LEFT JOIN order_items i USING (order_id)
        GROUP BY o.tenant, o.order_id HAVING coalesce(sum(coalesce(i.line_cents, i.quantity * i.unit_price_cents)), 0)
            + coalesce((
                SELECT sum((a ->> 'amount')::numeric * 10::numeric ^ tenant_decimals(o.tenant))
                FROM json_array_elements(o.detail -> 'adjustments') a WHERE NOT (a ->> 'included')::boolean
            ), 0) <> o.total_cents
        """,
    ),
    Rule(
        "a line without modifiers costs its quantity times its price",
        """
        SELECT o.tenant, order_number(o.order_seq) || ', line ' || i.position
        FROM order_items i JOIN orders o USING (order_id)
        WHERE i.line_cents IS NOT NULL AND i.more -> 'modifiers' IS NULL
          AND i.line_cents <> round(coalesce(i.quantity_milli, i.quantity * 1000::bigint) * i.unit_price_cents / 1000.0)
        """,
    ),
    Rule(
        "no more of an order's money goes back than was paid",
        """
        SELECT o.tenant, order_number(o.order_seq) FROM orders o WHERE (order_money(o)).paid < 0
        """,
    ),
    Rule(
        "an order's payments come to no more than its total and what went back",
        """
        SELECT o.tenant, order_number(o.order_seq) FROM orders o JOIN (
            SELECT order_id, sum(amount_cents) AS paid_cents FROM order_payments WHERE status = 'paid' GROUP BY order_id
        ) p USING (order_id), order_money(o) m
        WHERE p.paid_cents > o.total_cents + m.refunded + m.given_back
        """,
    ),
    Rule(
        "each line of an order's refunds follows from the one before",
        """
        SELECT tenant, 'refund ' || refund_id FROM (
            SELECT tenant, refund_id, position, total_after_cents,
                   sum(amount_cents) OVER (PARTITION BY order_id ORDER BY position) AS running,
                   row_number() OVER (PARTITION BY order_id ORDER BY position) AS number
            FROM order_refunds
        ) r WHERE running <> total_after_cents OR number <> position
        """,
    ),
    Rule(
        "an order's history ends with its status",
        """
        SELECT o.tenant, order_number(o.order_seq) FROM orders o LEFT JOIN LATERAL (
            SELECT status FROM order_status_history h WHERE h.order_id = o.order_id ORDER BY position DESC LIMIT 1
        ) h ON true WHERE h.status IS DISTINCT FROM o.status
        """,
    ),
    Rule(
        "a claim is of an order and of a terminal of its tenant",
        """
        SELECT c.tenant, 'claim ' || c.purpose || ' of ' || coalesce(order_number(o.order_seq), c.order_id::text)
        FROM order_claims c
        LEFT JOIN orders o ON o.tenant = c.tenant AND o.order_id = c.order_id
        LEFT JOIN terminals t ON t.tenant = c.tenant AND t.terminal_id = c.terminal_id
        WHERE o.order_id IS NULL OR t.terminal_id IS NULL
        """,
    ),
    Rule(
        "orders are numbered without a hole",
        """
        SELECT s.tenant, 'order_seq ' || s.order_seq || ', orders ' || count(o.order_id)
        FROM tenant_streams s LEFT JOIN orders o USING (tenant)
        GROUP BY s.tenant, s.order_seq
        HAVING count(o.order_id) <> s.order_seq OR coalesce(max(o.order_seq), 0) <> s.order_seq
        """,
    ),
    Rule(
        "the log has no hole and ends at the head",
        """
        SELECT s.tenant, 'head ' || s.seq || ', events ' || min(l.seq) || ' to ' || max(l.seq) || ': ' || count(l.seq)
        FROM tenant_streams s JOIN pos_sync_logs l USING (tenant)
        GROUP BY s.tenant, s.seq
        HAVING max(l.seq) <> s.seq OR count(DISTINCT l.seq) <> max(l.seq) - min(l.seq) + 1
               OR count(*) <> count(DISTINCT l.seq)
        """,
    ),
    Rule(
        "an online order has its event, as far back as the log is retained",
        """
        SELECT o.tenant, order_number(o.order_seq) FROM orders o
        LEFT JOIN LATERAL (
            SELECT min(seq) AS seq FROM pos_sync_logs WHERE tenant = o.tenant
        ) floor ON true
        LEFT JOIN pos_sync_logs l ON l.tenant = o.tenant AND l.seq = o.event_seq AND l.type = 'new_order'
             AND position(convert_to(o.order_id::text, 'UTF8') IN l.payload) > 0
        WHERE (o.source = 'online' AND o.event_seq IS NULL)
           OR (o.event_seq IS NOT NULL AND l.seq IS NULL AND o.event_seq >= floor.seq)
        """,
    ),
    Rule(
        "a new_order event has its order",
        """
        SELECT l.tenant, l.epoch || '-' || l.seq FROM pos_sync_logs l
        LEFT JOIN orders o ON o.tenant = l.tenant AND o.event_seq = l.seq
        WHERE l.type = 'new_order' AND o.order_id IS NULL
        """,
    ),
)


# Of a test tenant that is being taken away, parts are gone already.
_ASKED = """
    SELECT r.* FROM ({}) AS r (tenant, what) LEFT JOIN tenants n USING (tenant) WHERE n.deleted_at IS NULL
"""


async def audit(database_url: str) -> list[Finding]:
    """Ask everything, and return what was found for each rule.

    Raises:
        Unavailable: PostgreSQL.
        DatabaseTrouble: as `command_session`.
    """
    async with (
        command_session(database_url, writes=False) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return [finding_of(rule, await connection.fetch(rule.sql)) for rule in RULES]


def finding_of(rule: Rule, rows: Sequence[asyncpg.Record]) -> Finding:
    """Turn a rule's rows into a finding."""
    return Finding(rule.name, len(rows), tuple(f"{row[0]}: {row[1]}" for row in rows[:EXAMPLES]))
