"""Orders are found by what is asked for, and a list goes on with the stream behind its offset without a seam."""

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.core.phones import NoNumber, read_phone
from api.db.order_search import OrderFilter, Statement
from api.http.order_query import read_filter
from backbone.contract.keys import hash_key, key_name
from tests.shop import Operator, Shop, bearer

ZONE = "Pacific/Auckland"
PHONES = ["+49 170 1234567", "0049 (170) 123-4567", "+49 30 99", "ask Ada", None]
SOURCES = ["online", "phone", "walk-in"]
STATUSES = ["pending", "preparing", "ready", "completed", "cancelled"]
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
ORDERS = 60


async def found(shop: Shop, key: str, **query: Any) -> list[dict[str, Any]]:
    """All that a search finds, over its pages."""
    orders: list[dict[str, Any]] = []
    while True:
        answer = await shop.http.get(shop.path("orders"), params=query, headers=bearer(key))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        orders += page["orders"]
        if page["next"] is None:
            return orders
        query["after"] = page["next"]


async def old_shop(operator: Operator, database: Any) -> tuple[Shop, list[dict[str, Any]]]:
    """A shop with orders of some days, two hours apart, and what the test knows of each, newest first."""
    shop = await operator.open_shop()
    await database.execute("UPDATE tenants SET time_zone = $2 WHERE tenant = $1", shop.slug, ZONE)
    await database.execute(
        "UPDATE tenants SET order_sources = $2 WHERE tenant = $1",
        shop.slug, '[{"key": "walk-in", "name": "walk-in", "broadcast": false}]',
    )  # fmt: skip
    chance = random.Random(7)
    notes: list[dict[str, Any]] = []
    for number in range(1, ORDERS + 1):
        note: dict[str, Any] = {
            "orderSource": chance.choice(SOURCES),
            "customerPhone": chance.choice(PHONES),
            "status": chance.choice(STATUSES),
        }
        placed = await shop.order(
            orderSource=note["orderSource"], customerPhone=note["customerPhone"], customerName="x"
        )
        seen = chance.random() < 0.5
        note |= {"orderId": placed["orderId"], "number": number, "at": FIRST + timedelta(hours=2 * number)}
        note["unacked"] = note["orderSource"] == "online" and note["status"] == "pending" and not seen
        await database.execute(
            "UPDATE orders SET status = $2, created_at = $3 WHERE order_id = $1",
            UUID(placed["orderId"]), note["status"], note["at"],
        )  # fmt: skip
        if not note["unacked"]:
            await database.execute("DELETE FROM unseen_orders WHERE order_id = $1", UUID(placed["orderId"]))
        notes.insert(0, note)
    return shop, notes


def fits(note: dict[str, Any], query: dict[str, str]) -> bool:
    """The judge: whether an order is what a query asks for, by the contract's words alone."""

    def begins(text: str, days: int) -> datetime:
        if "T" in text:
            return datetime.fromisoformat(text)
        day = date.fromisoformat(text) + timedelta(days=days)
        return datetime.combine(day, time(), ZoneInfo(ZONE))

    def digits(text: str | None) -> str | None:
        try:
            return None if text is None else read_phone(text, None).digits
        except NoNumber:
            return None

    return (
        note["status"] in query.get("status", note["status"]).split(",")
        and query.get("orderNumber", f"ORD-{note['number']}").upper() == f"ORD-{note['number']}"
        and ("phone" not in query or digits(note["customerPhone"]) == digits(query["phone"]))
        and query.get("source", note["orderSource"]).lower() == note["orderSource"].lower()
        and ("from" not in query or note["at"] >= begins(query["from"], 0))
        and ("to" not in query or note["at"] < begins(query["to"], 1))
        and ("unacked" not in query or note["unacked"])
    )


_MOMENTS = st.integers(0, 2 * ORDERS + 10).map(lambda hours: FIRST + timedelta(hours=hours))
_BOUNDS = _MOMENTS.map(lambda at: at.date().isoformat()) | _MOMENTS.map(
    lambda at: at.astimezone(ZoneInfo("Asia/Kolkata")).isoformat()
)
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "status": st.lists(st.sampled_from(STATUSES), min_size=1, max_size=3, unique=True).map(",".join),
        "orderNumber": st.integers(1, ORDERS + 2).map(lambda number: f"ord-{number}"),
        "phone": st.sampled_from(["+491701234567", "0049 170 1234567", "+493099"]),
        "source": st.sampled_from(["ONLINE", "phone", "walk-in", "nobody's"]),
        "from": _BOUNDS,
        "to": _BOUNDS,
        "unacked": st.just("true"),
        "limit": st.sampled_from(["1", "7", "200"]),
    },
)


@pytest.fixture(scope="module")
async def old(
    operator: Operator, database: "asyncpg.Connection[asyncpg.Record]"
) -> tuple[Shop, list[dict[str, Any]]]:
    """The shop that this file's searches look at, and leave as it is."""
    return await old_shop(operator, database)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=QUERIES)
async def test_a_search_finds_exactly_the_orders_that_are_all_of_what_is_asked_for(
    old: tuple[Shop, list[dict[str, Any]]], query: dict[str, str]
) -> None:
    shop, notes = old
    wanted = [note["orderId"] for note in notes if fits(note, query)]
    assert [order["orderId"] for order in await found(shop, shop.terminal_key, **query)] == wanted


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=QUERIES)
async def test_a_page_that_ends_early_names_where_to_go_on_and_all_of_them_are_the_whole(
    old: tuple[Shop, list[dict[str, Any]]],
    database: "asyncpg.Connection[asyncpg.Record]",
    query: dict[str, str],
) -> None:
    """A page that may look through five orders only."""
    shop, notes = old
    asked, errors = read_filter(query, None)
    assert not errors
    before, seen = 2**62, []
    while True:
        statement = Statement(shop.slug, asked, before, 3, looked_through=5)
        rows = await database.fetch(statement.sql(), *statement.arguments)
        seen += [str(row["order_id"]) for row in rows if row["order_id"] is not None]
        full = len(rows) == 3
        last = rows[-1]["order_seq"] if full else rows[0]["reached"]
        if last is None:
            break
        assert last < before
        before = last
    assert seen == [note["orderId"] for note in notes if fits(note, query)]


async def test_no_search_goes_through_the_table(
    old: tuple[Shop, list[dict[str, Any]]], database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """The plans of every kind of search, among 30,000 orders of others and 6,000 of its own."""
    shop, _ = old
    day = date(2026, 3, 2)
    kinds = [
        OrderFilter(),
        OrderFilter(statuses=("pending",)),
        OrderFilter(statuses=("pending", "ready")),
        OrderFilter(number=5),
        OrderFilter(phone=("491701234567",)),
        OrderFilter(phone=("491701234567", "01701234567")),
        OrderFilter(source="online"),
        OrderFilter(since=day, until=day),
        OrderFilter(until=day),
        OrderFilter(unacked=True),
        OrderFilter(statuses=("pending",), source="nobody", since=day, phone=("4930",)),
    ]
    async with rolled_back(database):
        await database.execute(MANY_TENANTS)
        await database.execute(MANY_ORDERS, shop.slug)
        await database.execute(THEIR_ITEMS)
        await database.execute("ANALYZE orders; ANALYZE order_items; ANALYZE unseen_orders")
        for asked in kinds:
            statement = Statement(shop.slug, asked, 2**62, 51)
            plan = await database.fetch("EXPLAIN (ANALYZE, BUFFERS) " + statement.sql(), *statement.arguments)
            text = "\n".join(row[0] for row in plan)
            assert "Seq Scan on orders" not in text, (asked, text)
            assert "Seq Scan on order_items" not in text, (asked, text)
            buffers = sum(int(hit) for hit in re.findall(r"shared hit=(\d+)", plan_head(text)))
            assert buffers < 20_000, (asked, text)


MANY_TENANTS = "INSERT INTO tenants (tenant, name) SELECT 'many-' || n, 'Many' FROM generate_series(1, 30) n"
MANY_ORDERS = """
    INSERT INTO orders (
        order_id, tenant, order_seq, source, order_type, status, customer_name, customer_phone, total_cents, created_at
    )
    SELECT gen_random_uuid(), t.tenant, 1000 + n, 'walk-in', 'pickup', 'completed', 'x', '+49 40 ' || n, 0,
           '2026-03-20T00:00:00Z'::timestamptz + make_interval(secs => n)
    FROM (SELECT 'many-' || m AS tenant, 1000 AS most FROM generate_series(1, 30) m UNION ALL SELECT $1, 6000) t
    CROSS JOIN LATERAL generate_series(1, t.most) n
"""
THEIR_ITEMS = """
    INSERT INTO order_items (order_id, position, name, quantity, unit_price_cents)
    SELECT order_id, 1, 'x', 1, 0 FROM orders ON CONFLICT DO NOTHING
"""


def plan_head(text: str) -> str:
    """The line of a plan that sums up all that was read."""
    return next(line for line in text.splitlines() if "Buffers:" in line)


@contextlib.asynccontextmanager
async def rolled_back(database: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[None]:
    transaction = database.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def test_a_list_and_the_stream_behind_its_offset_are_the_shop_without_a_seam(shop: Shop) -> None:
    """Writers go on while a reader takes list after list; each, with what the log has behind it, is the end."""
    snapshots: list[dict[str, Any]] = []
    writing = True

    async def write(chance: random.Random) -> None:
        for _ in range(12):
            order = await shop.order(orderSource=chance.choice(["online", "online", "phone"]))
            for status in ("preparing", "ready")[: chance.randrange(3)]:
                assert (await shop.step(order["orderId"], status)).status_code == 200

    async def read() -> None:
        while writing:
            query = {"limit": 200}
            answer = await shop.http.get(shop.path("orders"), params=query, headers=bearer(shop.terminal_key))
            snapshots.append(answer.json())

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(random.Random(seed)) for seed in range(4)))
    writing = False
    await reader
    events = await shop.events()
    end = {
        order["orderId"]: order["status"]
        for order in await found(shop, shop.terminal_key, limit="200")
        if order["orderSource"] == "online"
    }
    assert len({snapshot["offset"] for snapshot in snapshots}) > 5
    for snapshot in snapshots:
        orders = {
            order["orderId"]: order["status"]
            for order in snapshot["orders"]
            if order["orderSource"] == "online"
        }
        _, _, at = snapshot["offset"].partition("-")
        for event in events[int(at) :]:
            data = event["data"]
            if event["type"] == "new_order":
                assert data["orderId"] not in orders, "repeated"
            else:
                assert orders[data["orderId"]] == data["previousStatus"], "missed or repeated"
            orders[data["orderId"]] = data["status"]
        assert orders == end


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"status": ""}, ["status"]),
        ({"status": "pending,"}, ["status"]),
        ({"status": "pending,eaten"}, ["status"]),
        ({"orderNumber": "15"}, ["orderNumber"]),
        ({"orderNumber": "ORD-0"}, ["orderNumber"]),
        ({"orderNumber": "ORD-" + "9" * 19}, ["orderNumber"]),
        ({"phone": "Ada"}, ["phone"]),
        ({"source": " "}, ["source"]),
        ({"source": "\0"}, ["source"]),
        ({"from": "2026-02-30"}, ["from"]),
        ({"from": "yesterday", "to": "2026-03-01T10:00:00"}, ["from", "to"]),
        ({"to": "0001-01-01T00:00:00+14:00"}, ["to"]),
        ({"to": "9999-12-31"}, ["to"]),
        ({"unacked": "false"}, ["unacked"]),
        ({"unacked": "true", "colour": "red"}, ["colour"]),
    ],
)
async def test_what_cannot_be_read_is_named(shop: Shop, query: dict[str, str], wrong: list[str]) -> None:
    answer = await shop.http.get(shop.path("orders"), params=query, headers=bearer(shop.storefront_key))
    assert (answer.status_code, sorted(error["loc"] for error in answer.json()["errors"])) == (422, wrong)


async def test_an_operator_reads_orders_and_each_reading_is_in_the_audit_trail(
    shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    order = await shop.order()
    one = f"orders/{order['orderId']}"
    for path in ("orders?phone=%2B491701234567", one, one + "/journey"):
        for key in (shop.operator_key, shop.storefront_key):
            assert (await shop.http.get(shop.path(path), headers=bearer(key))).status_code == 200
    key_hash = hash_key(shop.operator_key)
    assert key_hash is not None
    rows = await database.fetch(
        "SELECT * FROM audit_trail WHERE tenant = $1 AND action LIKE 'order%' ORDER BY entry_id", shop.slug
    )
    assert [row["action"] for row in rows] == ["orders.searched", "order.read", "order.journey"]
    for row in rows:
        assert (row["kind"], row["key_id"], row["address"]) == (
            "op",
            key_name(key_hash),
            "127.0.0.1",
        )
        assert orjson.loads(row["facts"])["orders"] == [order["orderId"]]
        # The trail outlives a customer who is forgotten.
        assert "1701234567" not in row["facts"]
        assert shop.operator_key not in str(dict(row))
