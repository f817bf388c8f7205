"""A bound holds for what a day of a shop reads of the tables that grow, however long its history and that of others.

PostgreSQL counts the rows that it reads, of every statement of every pod, those of their background work among them; so
none can be forgotten here. A bound is for what goes through a table page by page, a page each time. It counts the calls
of our functions as well: one that a query asks of each row that it passes goes through them as much.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx

from api.db.migrate import migrate
from api.db.operator_keys import create_operator_key
from infra.local.history import Connection, write_history_of, write_other_shops
from infra.local.pods import Pod
from tests.api.test_documentation import a_day
from tests.conftest import MakeDatabase, StartApiPod, StartGateway
from tests.gateway.till import open_till
from tests.roles.test_pods import the_rest_of_the_day
from tests.shop import Operator, Shop, bearer
from tests.waiting import eventually

ROWS = 14_000
MOST = ROWS // 2
MOST_CALLS = 1_000
READ = """
    SELECT coalesce(parent.relname, t.relname) AS name,
           sum(t.seq_tup_read + coalesce(t.idx_tup_fetch, 0))::bigint AS rows
    FROM pg_stat_user_tables t
    LEFT JOIN pg_inherits i ON i.inhrelid = t.relid LEFT JOIN pg_class parent ON parent.oid = i.inhparent
    GROUP BY 1
"""
CALLED = "SELECT funcname, sum(calls)::bigint AS calls FROM pg_stat_user_functions GROUP BY 1"


async def reads(database: Connection) -> dict[str, int]:
    await database.execute("SELECT pg_stat_force_next_flush()")
    await database.execute("SELECT pg_stat_clear_snapshot()")
    return {row["name"]: row["rows"] for row in await database.fetch(READ)}


@asynccontextmanager
async def nothing_reads_much(
    url: str, start_api_pod: StartApiPod, start_gateway: StartGateway
) -> AsyncIterator[tuple[httpx.AsyncClient, Operator, Pod]]:
    """Pods of a database, and behind them the judgement of what they read."""
    database: Connection = await asyncpg.connect(url)
    try:
        name = await database.fetchval("SELECT current_database()")
        await database.execute(f"ALTER DATABASE \"{name}\" SET track_functions = 'all'")
        before = await reads(database)
        pod = start_api_pod({"BELLWIRE_DATABASE_URL": url})
        gateway = start_gateway({"BELLWIRE_DATABASE_URL": url})
        async with httpx.AsyncClient(base_url=pod.url, timeout=35) as http:
            yield http, Operator(http, await create_operator_key(url)), gateway
        # A session tells what it read at its end, at the latest.
        for each in (pod, gateway):
            await asyncio.to_thread(each.stop, 10)
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        await eventually(lambda: database.fetchval(others), lambda sessions: sessions == 1)
        after = await reads(database)
        read = {name: rows - before.get(name, 0) for name, rows in after.items()}
        assert sum(read.values()) > 100
        assert {name: rows for name, rows in read.items() if rows > MOST} == {}
        called = {row["funcname"]: row["calls"] for row in await database.fetch(CALLED)}
        assert called["step_order"] > 0
        assert {name: calls for name, calls in called.items() if calls > MOST_CALLS} == {}
    finally:
        await database.close()


async def fall_back(url: str, endpoint: str) -> None:
    """Let a webhook's endpoint stand where the log begins, with its next attempt in a day."""
    database: Connection = await asyncpg.connect(url)
    await database.execute(
        "UPDATE webhook_endpoints SET seq = 0, failures = 1, next_attempt_at = now() + interval '1 day', "
        "last_outcome = 'unreachable' WHERE endpoint_id = $1",
        endpoint,
    )
    await database.close()


async def watch(shop: Shop, gateway: Pod, after: str) -> None:
    """An order, and a till that comes, sees it and acks it."""
    placed = await shop.order()
    async with open_till(gateway, shop.slug, shop.terminal_key, f"?after={after}") as till:
        await till.has(1)
        await till.say(type="ack", offset=placed["offset"])
        await eventually(lambda: shop.receipts(placed["orderId"]), lambda found: len(found) == 1)


async def test_no_route_and_no_background_work_reads_the_history_of_others(
    new_database: MakeDatabase, start_api_pod: StartApiPod, start_gateway: StartGateway
) -> None:
    url = await new_database()
    await migrate(url)
    database: Connection = await asyncpg.connect(url)
    await write_other_shops(database, ROWS)
    await database.close()
    async with nothing_reads_much(url, start_api_pod, start_gateway) as (http, operator, gateway):
        await a_day(http, operator)
        await the_rest_of_the_day(http, operator)
        await watch(await operator.open_shop(), gateway, "0")


async def test_no_route_reads_the_whole_history_of_its_own_shop(
    new_database: MakeDatabase, start_api_pod: StartApiPod, start_gateway: StartGateway
) -> None:
    url = await new_database()
    await migrate(url)
    pod = start_api_pod({"BELLWIRE_DATABASE_URL": url})
    async with httpx.AsyncClient(base_url=pod.url, timeout=35) as http:
        opened = await Operator(http, await create_operator_key(url)).open_shop()
    await asyncio.to_thread(pod.stop, 10)
    database: Connection = await asyncpg.connect(url)
    await write_history_of(database, opened.slug, ROWS)
    epoch, known, past = await database.fetchrow(  # type: ignore[misc]
        "SELECT max(event_epoch), max(order_id::text), max(order_id::text) FILTER (WHERE status = 'completed') "
        "FROM orders WHERE tenant = $1",
        opened.slug,
    )
    await database.close()
    async with nothing_reads_much(url, start_api_pod, start_gateway) as (http, operator, gateway):
        shop = opened.at(http)
        await watch(shop, gateway, f"{epoch}-{ROWS}")
        order = await shop.order(externalId="W-1")
        for status in ("preparing", "ready", "completed"):
            assert (await shop.step(order["orderId"], status)).is_success
        assert (await shop.step(known, "cancelled")).status_code in (200, 409)
        card = await shop.sell_card()
        assert (await shop.redeem_card(card["cardNumber"], 5)).is_success
        assert (await shop.change_points("+491710000007", "add", 5)).is_success
        assert (await shop.pay_order(order["orderId"], 5)).is_success
        assert (await shop.refund_order(order["orderId"], 1)).is_success
        assert (await shop.claim(order["orderId"])).is_success
        await shop.poll(after=f"{epoch}-1")
        await shop.poll(after="acked")
        away = {"url": "http://127.0.0.1:9/"}
        hook = await http.post(shop.path("webhooks"), json=away, headers=bearer(shop.storefront_key))
        # As one that was out of order for long; it is looked at, and not delivered to.
        await fall_back(url, hook.json()["id"])
        stuck = await http.get(
            shop.path(f"webhooks/{hook.json()['id']}"), headers=bearer(shop.storefront_key)
        )
        assert stuck.json()["lag"] >= ROWS
        for query in (
            {}, {"unacked": "true"}, {"status": "pending,preparing"}, {"status": "cancelled"},
            {"phone": "+491710000007"}, {"orderNumber": "ORD-12"}, {"externalId": "W-1"}, {"source": "phone"},
            {"from": "2020-01-01", "to": "2020-01-02"}, {"station": "grill"},
        ):  # fmt: skip
            answer = await http.get(shop.path("orders"), params=query, headers=bearer(shop.storefront_key))
            assert answer.status_code == 200, answer.text
        for path in (
            "status", "terminals", "webhooks", "daily-reports", "keys", "pairings", "audit",
            f"orders/{known}", f"orders/{known}/journey", f"orders/{past}/journey",
        ):  # fmt: skip
            answer = await http.get(shop.path(path), headers=bearer(operator.key))
            assert answer.status_code == 200, (path, answer.text)
        answer = await http.get(f"/api/{shop.slug}/loyalty/+491710000007", headers=bearer(shop.terminal_key))
        assert answer.status_code == 200, answer.text
