"""Orders in the database."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import orjson
from asyncpg.pgproto.pgproto import UUID as PgUUID  # noqa: N811 - a UUID in every respect

from api.core.moment import Moment
from api.core.money import cents_text
from api.core.orders import Bill, NewOrder, OrderStatus, phone_members
from api.core.quantity import WHOLE
from api.db.writes import Attempt, Written, run_write, run_writes, write_call, writer
from backbone.contract.names import folded
from backbone.eventlog.postgres import Database, Row

MAX_TOGETHER = 32
_ARGUMENTS = (
    "tenant", "key", "fingerprint", "order_id", "source", "source_key", "order_type", "customer_name",
    "customer_phone", "customer_email", "special_instructions", "total_cents", "total", "names", "quantities",
    "unit_prices", "notes", "quantities_milli", "lines", "more", "stations", "categories", "detail", "weight",
    "external_id", "scheduled_for", "payments", "forms",
)  # fmt: skip
# One statement for each number of orders; a connection prepares those that it needs.
_PLACE = {count: write_call("take_order", len(_ARGUMENTS), count) for count in range(1, MAX_TOGETHER + 1)}
# The same for plain orders, whose other arguments are always the same.
_PLAIN = {
    "names": "%s::text::text[]",
    "quantities": "%s::text::integer[]",
    "unit_prices": "%s::text::bigint[]",
    "notes": "%s::text::text[]",
    "quantities_milli": "NULL",
    "lines": "NULL",
    "more": "NULL",
    "stations": "'{}'",
    "categories": "'{}'",
    "detail": "NULL",
    "external_id": "NULL",
    "scheduled_for": "NULL",
    "payments": "NULL",
    "forms": "ARRAY[%s::text]",
}
_WRITTEN = {number: _PLAIN[name] for number, name in enumerate(_ARGUMENTS) if name in _PLAIN}
_PLACE_PLAIN = {
    count: write_call("take_order", len(_ARGUMENTS), count, _WRITTEN) for count in range(1, MAX_TOGETHER + 1)
}


def new_order_id() -> UUID:
    """Return a random identifier, version 4, in the form that asyncpg takes as it is."""
    entropy = bytearray(os.urandom(16))
    entropy[6] = entropy[6] & 0x0F | 0x40
    entropy[8] = entropy[8] & 0x3F | 0x80
    return PgUUID(bytes(entropy))


@dataclass(frozen=True, slots=True)
class Placing:
    """An order about to be placed. `forms` are its event's data, the fullest first, where its source broadcasts.

    `weight` is about how many bytes it has, where it is bigger than an event may be. `country` is the tenant's, in
    which its customer's number was read.
    """

    attempt: Attempt
    order_id: UUID
    order: NewOrder
    bill: Bill
    forms: Sequence[bytes]
    weight: int | None = None
    country: str | None = None


async def place_orders(database: Database, placings: Sequence[Placing]) -> list[Written]:
    """Commit orders of one tenant together, at most `MAX_TOGETHER`; returns the outcome of each.

    `unknown_source` has the names of the tenant's `sources` in its result, `external_id_taken` the order that has the
    id; neither wrote anything.

    Raises as `run_writes`; OtherCountry and OtherCurrency where something has to be read anew.
    """
    statements, of = _PLACE_PLAIN, _plain_arguments
    for placing in placings:
        if not placing.bill.plain or len(placing.forms) > 1:
            statements, of = _PLACE, _arguments
    arguments: list[Any] = []
    for placing in placings:
        arguments += of(placing)
    return await run_writes(database, statements[len(placings)], len(placings), *arguments)


def _head(placing: Placing) -> tuple[Any, ...]:
    """The first arguments of every order: its id, words and total."""
    order = placing.order
    return (
        placing.order_id,
        order.source,
        folded(order.source),
        order.order_type,
        order.customer_name,
        order.customer_phone,
        order.customer_email,
        order.special_instructions,
        placing.bill.total_cents,
    )


def _plain_arguments(placing: Placing) -> tuple[Any, ...]:
    """The arguments of a plain order: those of `_arguments` that it has, each array as a text."""
    order, bill = placing.order, placing.bill
    names, quantities, prices, notes = [], [], [], []
    for item in order.items:
        names.append(item.name)
        quantities.append(item.quantity // WHOLE)
        prices.append(item.unit_price_cents)
        notes.append(item.notes)
    return placing.attempt.arguments(
        *_head(placing),
        cents_text(bill.total_cents),
        text_array(names),
        # As Python writes a list of whole numbers, but for its brackets.
        f"{{{str(quantities)[1:-1]}}}",
        f"{{{str(prices)[1:-1]}}}",
        text_array(notes),
        placing.weight,
        placing.forms[0].decode(),
        phone=_phone(placing),
    )


def text_array(texts: Sequence[str | None]) -> str:
    """Return the text that PostgreSQL reads these from; an array costs the library some dozen looks at its parts.

    >>> text_array(["a", None, 'b"'])
    '{"a",NULL,"b\\\\""}'
    """
    parts = []
    for text in texts:
        if text is None:
            parts.append("NULL")
        elif '"' in text or "\\" in text:
            parts.append('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
        else:
            parts.append('"' + text + '"')
    return f"{{{','.join(parts)}}}"


def _arguments(placing: Placing) -> tuple[Any, ...]:
    attempt, order, bill = placing.attempt, placing.order, placing.bill
    items = order.items
    detail = order.detail()
    decimals = order.currency.decimals
    more = [item.more(decimals) for item in items]
    # Null where no line of an order has it: a plain order carries nothing of that.
    broken = any(item.quantity % WHOLE for item in items)
    special = broken or any(more)
    return attempt.arguments(
        *_head(placing),
        cents_text(bill.total_cents, decimals),
        [item.name for item in items],
        # Pods of the version before see the whole number above a broken quantity.
        [-(-item.quantity // WHOLE) for item in items],
        [item.unit_price_cents for item in items],
        [item.notes for item in items],
        [item.quantity for item in items] if broken else None,
        bill.lines if special else None,
        [orjson.dumps(said).decode() if said else None for said in more] if any(more) else None,
        [folded(name) for name in order.stations],
        [folded(name) for name in order.categories],
        orjson.dumps(detail).decode() if detail else None,
        placing.weight,
        order.external_id,
        order.scheduled_for,
        _payments(order),
        [form.decode() for form in placing.forms],
        phone=_phone(placing),
    )


def _payments(order: NewOrder) -> str | None:
    if not order.payments:
        return None
    return orjson.dumps(
        [
            {"method": one.method, "cents": one.cents, "status": one.status.value, "reference": one.reference}
            for one in order.payments
        ]
    ).decode()


def _phone(placing: Placing) -> str:
    """The order's number for the database: the country that it was read in (`*`: that does not matter), the number,
    and the members of the answer.
    """
    number = placing.order.number
    country = (placing.country or "") if number is not None and number.depends else "*"
    members = orjson.dumps(phone_members(placing.order)).decode()
    return f"{country}/{'' if number is None else number.text}/{members[1:-1]}"


_CHANGE_STATUS = write_call("step_order", 8)


async def change_status(
    database: Database,
    attempt: Attempt,
    order_id: UUID,
    status: OrderStatus,
    allowed: tuple[OrderStatus, ...],
    reason: str | None,
    ready_at: Moment | None,
) -> Written:
    """Commit a step. Outcomes `ok`, `not_found`, `wrong_step` with who was there first. Raises as `run_write`."""
    return await run_write(
        database,
        _CHANGE_STATUS,
        attempt,
        order_id,
        status.value,
        [step.value for step in allowed],
        reason,
        ready_at,
    )


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order as it stands.

    All from `items` on but for `table_number`, which is a text, is finished JSON.
    """

    order_seq: int
    order_id: UUID
    number: str
    status: str
    source: str
    order_type: str
    customer_name: str | None
    customer_phone: str | None
    customer_number: str | None
    customer_email: str | None
    special_instructions: str | None
    total_cents: int
    currency: str | None
    created_at: str
    updated_at: str
    offset: str | None
    external_id: str | None
    scheduled_for: str | None
    due_at: str
    paid_cents: int
    items: str
    payments: str
    refunds: str
    adjustments: str
    address: str
    table_number: str | None
    guests: str
    courier: str
    metadata: str
    history: str = "[]"
    receipts: str = "[]"


COLUMNS = """
    o.order_seq, o.order_id, order_number(o.order_seq) AS number, o.status, o.source, o.order_type,
    o.customer_name, o.customer_phone,
    nullif(coalesce(o.customer_number, number_before(o.customer_phone)), '') AS customer_number,
    o.customer_email, o.special_instructions, o.total_cents,
    (SELECT n.currency FROM tenants n WHERE n.tenant = o.tenant) AS currency,
    rfc3339(o.created_at) AS created_at, rfc3339(o.updated_at) AS updated_at,
    o.event_epoch || '-' || o.event_seq AS "offset", o.external_id,
    rfc3339(o.scheduled_for) AS scheduled_for, rfc3339(coalesce(o.due_at, o.created_at)) AS due_at,
    order_paid_cents(o.tenant, o.order_id) AS paid_cents,
    order_payments_json(o.tenant, o.order_id, o.created_at) AS payments,
    order_refunds_json(o.tenant, o.order_id) AS refunds, order_items_json(o.tenant, o.order_id) AS items,
    coalesce(o.detail ->> 'adjustments', '[]') AS adjustments,
    coalesce(o.detail ->> 'deliveryAddress', 'null') AS address,
    o.detail ->> 'tableNumber' AS table_number, coalesce(o.detail ->> 'guests', 'null') AS guests,
    coalesce(o.detail ->> 'courier', 'null') AS courier, coalesce(o.detail ->> 'metadata', 'null') AS metadata
"""


def steps_of(order: str) -> str:
    """Return the SQL of an order's steps, oldest first, as finished JSON; `order` is the name of its row."""
    return f"""
        SELECT coalesce(json_agg(json_build_object(
                   'status', h.status, 'at', rfc3339(h.changed_at), 'by', {writer("h.made_by")},
                   'reason', n.reason, 'readyAt', rfc3339(n.ready_at)
               ) ORDER BY h.position), '[]')::text
        FROM order_status_history h LEFT JOIN order_step_notes n USING (order_id, position)
        WHERE h.order_id = {order}.order_id
    """  # noqa: S608 - put together from constants


_GET = f"""
    SELECT {COLUMNS},
           ({steps_of("o")}) AS history,
           (
               SELECT coalesce(json_agg(json_strip_nulls(json_build_object(
                          'terminalId', r.terminal_id, 'webhookId', r.webhook_id, 'name', r.name,
                          'ackedAt', rfc3339(r.acked_at), 'by', r.by
                      )) ORDER BY r.acked_at), '[]')::text
               FROM receipts_of(o) r
           ) AS receipts
    FROM orders o WHERE o.tenant = $1 AND o.order_id = $2
"""  # noqa: S608 - put together from constants


async def get_order(database: Database, tenant: str, order_id: UUID) -> StoredOrder | None:
    """Return an order with its history and receipts.

    Raises:
        Unavailable: PostgreSQL.
    """
    row = await database.fetch_row(_GET, tenant, order_id)
    return None if row is None else order_of(row)


_FIELDS = frozenset(field.name for field in fields(StoredOrder))


def order_of(row: Row) -> StoredOrder:
    """A row with an order's columns, and maybe others, as the order."""
    return StoredOrder(**{name: value for name, value in row.items() if name in _FIELDS})
