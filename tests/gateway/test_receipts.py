"""Receipts through real gateways: what a stream was to carry, and no more, over reconnects and doors."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from infra.local.pods import Pod
from tests.gateway.stream_till import open_stream
from tests.gateway.till import open_till
from tests.shop import Shop, bearer


async def has_receipt(shop: Shop, order: dict[str, Any]) -> None:
    """Wait for the one receipt of an order: acks at a socket are written behind."""
    async with asyncio.timeout(20):
        while not await shop.receipts(order["orderId"]):
            await asyncio.sleep(0.1)
    assert [(r["name"], r["by"]) for r in await shop.receipts(order["orderId"])] == [("counter", "stream")]


async def test_who_joins_live_and_acks_has_the_receipt_of_what_came_and_of_nothing_before(
    gateway: Pod, shop: Shop
) -> None:
    missed = await shop.order()
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        seen = await shop.order()
        await till.has(1)
        await till.say(type="ack", offset=seen["offset"])
        await has_receipt(shop, seen)
        assert await shop.receipts(missed["orderId"]) == []


async def test_an_ack_through_a_filter_is_no_receipt_of_what_it_kept_back(gateway: Pod, shop: Shop) -> None:
    query = "?after=0&types=order_updated"
    async with open_till(gateway, shop.slug, shop.terminal_key, query) as till:
        order = await shop.order()
        other = await shop.order()
        await shop.step(other["orderId"], "preparing")
        [event] = await till.has(1)
        await till.say(type="ack", offset=event["offset"])
        async with asyncio.timeout(20):
            while (await terminal_of(shop))["ackedOffset"] != event["offset"]:
                await asyncio.sleep(0.1)
        assert await shop.receipts(order["orderId"]) == []
        status = await shop.http.get(shop.path("status"), headers=bearer(shop.storefront_key))
        assert status.json()["acceptingOrders"] is False
        assert status.json()["oldestUnackedSeconds"] is not None


async def terminal_of(shop: Shop) -> dict[str, Any]:
    listed = await shop.http.get(shop.path("terminals"), headers=bearer(shop.storefront_key))
    found: dict[str, Any] = listed.json()["terminals"][0]
    return found


async def test_a_reading_goes_on_over_gateways_and_doors_from_where_the_terminal_says(
    gateways: tuple[Pod, Pod], shop: Shop
) -> None:
    first, second, third, fourth = [await shop.order() for _ in range(4)]
    after = first["offset"]
    async with open_till(gateways[0], shop.slug, shop.terminal_key, "?after=0") as till:
        await till.has(1)
    # Nothing was acked so far: naming the offset is the terminal's word, and the next ack covers it.
    async with open_stream(gateways[1], shop.slug, shop.terminal_key, f"?after={after}") as stream:
        events = await stream.has(2)
        after = events[1]["offset"]
    page = (await shop.poll(after=after, limit=1)).json()
    assert (await shop.ack(offset=page["offset"], reading=page["reading"])).status_code == 204
    for order in (first, second, third):
        if order is third:
            assert page["offset"] == fourth["offset"]
        await has_receipt(shop, order)
    await has_receipt(shop, fourth)


@pytest.mark.parametrize("named", [True, False])
async def test_an_ack_over_http_is_the_streams_that_it_names_or_the_only_one(
    gateway: Pod, shop: Shop, named: bool
) -> None:
    async with open_stream(gateway, shop.slug, shop.terminal_key, "?after=0") as stream:
        order = await shop.order()
        await stream.has(1)
        more = {"reading": stream.hello["reading"]} if named else {}
        assert (await shop.ack(offset=order["offset"], **more)).status_code == 204
        await has_receipt(shop, order)


async def test_after_acked_brings_what_was_not_acked_at_both_doors(gateway: Pod, shop: Shop) -> None:
    orders = [await shop.order() for _ in range(3)]
    async with open_till(gateway, shop.slug, shop.terminal_key, "?after=acked") as till:
        assert (till.hello["after"], till.hello["ackedOffset"]) == ("1-0", None)
        await till.has(3)
        await till.say(type="ack", offset="1-2")
        await has_receipt(shop, orders[1])
    async with open_stream(gateway, shop.slug, shop.terminal_key, "?after=acked") as stream:
        assert (stream.hello["after"], stream.hello["ackedOffset"]) == ("1-2", "1-2")
        [event] = await stream.has(1)
        assert event["data"]["orderId"] == orders[2]["orderId"]
    # A filter that lets more through than the acked reading's begins at the beginning.
    query = "?after=acked&types=new_order"
    async with open_till(gateway, shop.slug, shop.terminal_key, query) as till:
        assert till.hello["after"] == "1-2"
    assert await shop.receipts(orders[2]["orderId"]) == []


async def test_a_connection_leaves_a_row_that_tells_where_it_was_and_how_far_it_came(
    gateway: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await shop.order()
    async with open_till(
        gateway, shop.slug, shop.terminal_key, "?after=0", user_agent_header="till/1.0"
    ) as till:
        await till.has(1)
        reading = UUID(till.hello["reading"])
    async with asyncio.timeout(20):
        while True:
            row = await database.fetchrow("SELECT * FROM readings WHERE reading_id = $1", reading)
            assert row is not None
            if row["ended_at"] is not None:
                break
            await asyncio.sleep(0.1)
    assert (row["door"], row["gateway"], row["address"], row["agent"]) == (
        "websocket", gateway.name, "127.0.0.1", "till/1.0",
    )  # fmt: skip
    assert (row["began_seq"], row["sent_seq"], row["said_seq"], row["code"]) == (0, 1, None, 1000)
    assert row["terminal_id"] == UUID(shop.terminals[0].terminal_id)


async def test_a_terminal_to_which_nothing_happens_writes_nothing(
    gateway: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        await till.until("caught_up")
        async with asyncio.timeout(20):
            while not (await terminal_of(shop))["online"]:
                await asyncio.sleep(0.1)

        async def version() -> tuple[Any, ...]:
            row = await database.fetchrow(
                """
                SELECT r.xmin::text, r.ctid::text, t.xmin::text, t.ctid::text
                FROM readings r JOIN terminals t USING (terminal_id) WHERE r.reading_id = $1
                """,
                UUID(till.hello["reading"]),
            )
            assert row is not None
            return tuple(row)

        before = await version()
        await till.until("heartbeat")
        await till.until("heartbeat")
        assert await version() == before
        # One that is sent something and acks nothing has it on record.
        await shop.order()
        await till.has(1)
        async with asyncio.timeout(20):
            while await version() == before:
                await asyncio.sleep(0.1)


async def test_a_handshake_that_comes_to_nothing_leaves_no_reading_open(
    gateway: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    terminal = UUID(shop.terminals[0].terminal_id)
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    for _ in range(5):
        _, writer = await asyncio.open_connection(host, int(port))
        head = [
            f"GET /ws/pos/{shop.slug} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            f"Authorization: Bearer {shop.terminal_key}",
        ]  # fmt: skip
        writer.write("\r\n".join([*head, "", ""]).encode())
        await writer.drain()
        writer.transport.abort()
    async with open_till(gateway, shop.slug, shop.terminal_key), asyncio.timeout(20):
        while (
            await database.fetchval(
                "SELECT count(*) FROM readings WHERE terminal_id = $1 AND ended_at IS NULL", terminal
            )
            != 1
        ):
            await asyncio.sleep(0.1)
