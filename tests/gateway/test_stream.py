"""The stream itself: live, replayed, filtered, reset; in order and exactly once, whatever the position."""

import asyncio

import asyncpg

from gateway.replay.page_cache import KEEP_SECONDS
from infra.local.counters import read_total
from infra.local.pods import Pod
from tests.conftest import OpenShop, StartGateway
from tests.gateway.till import Till, open_till
from tests.shop import Shop


async def orders(shop: Shop, count: int) -> list[str]:
    """Place orders one by one; returns their offsets."""
    return [(await shop.order(customerName=f"Guest {number}"))["offset"] for number in range(count)]


async def test_hello_comes_first_and_caught_up_second(gateway: Pod, shop: Shop) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        assert till.hello == {
            "type": "hello",
            "tenant": shop.slug,
            "terminal": shop.terminals[0].terminal_id,
            "head": "1-0",
            "after": "1-0",
            "resumed": False,
            "heartbeatSeconds": 1,
            "protocol": 1,
            "reading": till.hello["reading"],
            "ackedOffset": None,
        }
        assert await till.next() == {"type": "caught_up", "offset": "1-0"}


async def test_an_order_placed_is_an_order_shown_on_every_till_of_its_shop_alone(
    gateways: tuple[Pod, Pod], shop: Shop, open_shop: OpenShop
) -> None:
    stranger = await open_shop()
    second = await shop.add_terminal("second")
    async with (
        open_till(gateways[0], shop.slug, shop.terminal_key) as one,
        open_till(gateways[1], shop.slug, second.key) as other,
        open_till(gateways[0], stranger.slug, stranger.terminal_key) as foreign,
    ):
        placed = await orders(shop, 20)
        for till in (one, other):
            await till.has(20)
            assert till.offsets == placed
        await foreign.silent(0.3)


async def test_every_kind_of_event_carries_the_documented_fields(gateway: Pod, shop: Shop) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        order = await shop.order()
        assert (await shop.step(order["orderId"], "preparing")).status_code == 200
        card = await shop.sell_card(
            25, recipientName="Bob", recipientEmail="bob@example.org", expiryDate="2999-12-31"
        )
        assert (await shop.redeem_card(card["cardNumber"], 10.5, orderId=order["orderId"])).status_code == 200
        assert (await shop.change_points("+491701234567", "add", 30, reason="visit")).status_code == 200
        assert (await shop.change_points("+491701234567", "redeem", 10)).status_code == 200
        events = await till.has(6)
    data = [event["data"] for event in events]
    assert [event["type"] for event in events] == [
        "new_order", "order_updated", "gift_card_purchased", "gift_card_redeemed", "loyalty_updated", "loyalty_updated",
    ]  # fmt: skip
    assert {event["tenant"] for event in events} == {shop.slug}
    assert [event["id"] for event in events] == [f"evt_{shop.slug}_1-{number}" for number in range(1, 7)]
    assert set(data[0]) == {
        "orderId", "orderNumber", "status", "orderType", "customerName", "customerPhone", "customerPhoneNumber",
        "customerEmail", "items", "totalAmount", "amountPaid", "amountDue", "dueAt", "stations", "categories",
        "specialInstructions", "orderSource",
    }  # fmt: skip
    assert data[0]["totalAmount"] == 17.05
    assert data[0]["items"][0] == {"name": "Döner", "quantity": 2, "unitPrice": 7.5, "notes": "no onions"}
    assert data[1] == {
        "orderId": order["orderId"],
        "orderNumber": order["orderNumber"],
        "status": "preparing",
        "previousStatus": "pending",
        "by": {
            "kind": "term",
            "terminalId": shop.terminals[0].terminal_id,
            "name": shop.terminals[0].name,
        },
    }
    assert set(data[2]) == {
        "cardNumber", "balance", "purchasedBy", "recipientName", "recipientEmail", "expiryDate",
    }  # fmt: skip
    assert data[2]["cardNumber"][-4:] == card["cardNumber"][-4:]
    assert set(data[2]["cardNumber"][:-4]) == {"*"}
    assert (data[3]["amount"], data[3]["balance"], data[3]["orderId"]) == (10.5, 14.5, order["orderId"])
    assert [(d["pointsChange"], d["newBalance"], d["transactionType"], d["reason"]) for d in data[4:]] == [
        (30, 30, "add", "visit"),
        (-10, 20, "redeem", None),
    ]
    assert {d["customerPhone"] for d in data[4:]} == {"+491701234567"}


async def test_an_order_of_another_source_makes_no_event(gateway: Pod, shop: Shop) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        answer = await shop.order(orderSource="pos")
        assert answer["offset"] is None
        assert (await shop.step(answer["orderId"], "preparing")).json()["offset"] is None
        await till.silent(0.3)


async def test_after_zero_replays_everything_that_is_retained(gateway: Pod, shop: Shop) -> None:
    placed = await orders(shop, 5)
    async with open_till(gateway, shop.slug, shop.terminal_key, "?after=0") as till:
        assert (till.hello["after"], till.hello["head"], till.hello["resumed"]) == ("1-0", "1-5", True)
        assert await till.until("caught_up") == {"type": "caught_up", "offset": "1-5"}
        assert till.offsets == placed


async def test_a_reconnect_replays_exactly_what_was_missed_and_goes_on_live(
    gateways: tuple[Pod, Pod], shop: Shop
) -> None:
    placed = []
    async with open_till(gateways[0], shop.slug, shop.terminal_key) as till:
        placed += await orders(shop, 3)
        await till.has(3)
        seen = till.offsets
    placed += await orders(shop, 4)
    async with open_till(gateways[1], shop.slug, shop.terminal_key, f"?after={seen[-1]}") as till:
        placed += await orders(shop, 3)
        await till.has(7)
        assert seen + till.offsets == placed


async def test_joining_while_orders_stream_in_neither_loses_nor_repeats(gateway: Pod, shop: Shop) -> None:
    terminals = [await shop.add_terminal(f"till {number}") for number in range(8)]
    storm = asyncio.create_task(orders(shop, 60))

    async def join(key: str, delay: float) -> Till:
        await asyncio.sleep(delay)
        async with open_till(gateway, shop.slug, key, "?after=0") as till:
            await till.has(60)
            return till

    tills = await asyncio.gather(*(join(terminal.key, 0.04 * i) for i, terminal in enumerate(terminals)))
    placed = await storm
    for till in tills:
        assert till.offsets == placed


async def test_more_than_ring_and_stream_hold_is_read_from_the_log_of_record(
    start_gateway: StartGateway, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    pod = start_gateway({"BELLWIRE_RING_EVENTS": "10"})
    await append_events(database, shop.slug, 1300)
    async with open_till(pod, shop.slug, shop.terminal_key, "?after=1-3") as till:
        live = await orders(shop, 3)
        await till.has(1300)
        assert till.offsets == [f"1-{seq}" for seq in range(4, 1304)]
        assert till.offsets[-3:] == live
    assert read_total([pod.url], "bellwire_gateway_replayed_events_total") >= 1290


async def append_events(database: "asyncpg.Connection[asyncpg.Record]", tenant: str, count: int) -> None:
    """Commit events as the writing functions do, without a publish: as if every pod had died right after."""
    await database.execute(
        """
        SELECT append_event(tenant, epoch, seq, 'order_updated', '{}')
        FROM (
            SELECT tenant, epoch, generate_series(seq + 1, seq + $2) AS seq FROM tenant_streams WHERE tenant = $1
        ) s
        """,
        tenant,
        count,
    )
    await database.execute("UPDATE tenant_streams SET seq = seq + $2 WHERE tenant = $1", tenant, count)


async def test_a_commit_that_was_never_published_arrives_all_the_same(
    gateway: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with open_till(gateway, shop.slug, shop.terminal_key) as till:
        async with database.transaction():
            await append_events(database, shop.slug, 3)
        await till.has(3)
        assert till.offsets == ["1-1", "1-2", "1-3"]


async def test_types_filter_and_the_head_is_learned_by_heartbeat(gateway: Pod, shop: Shop) -> None:
    async with open_till(
        gateway, shop.slug, shop.terminal_key, "?after=0&types=order_updated,loyalty_updated"
    ) as till:
        order = await shop.order()
        await shop.step(order["orderId"], "preparing")
        await shop.order()
        while (await till.until("heartbeat"))["head"] != "1-3":
            pass
        assert [event["type"] for event in till.events] == ["order_updated"]
    async with open_till(gateway, shop.slug, shop.terminal_key, "?after=0&types=new_order") as till:
        await till.until("caught_up")
        assert till.offsets == ["1-1", "1-3"]


async def test_an_offset_that_nobody_ever_gave_out_is_reset_to_the_head(gateway: Pod, shop: Shop) -> None:
    placed = await orders(shop, 2)
    async with open_till(gateway, shop.slug, shop.terminal_key, "?after=1-99") as till:
        assert till.hello["resumed"] is False
        assert await till.next() == {"type": "reset", "to": placed[-1], "reason": "unknown_offset"}
        await shop.order()
        await till.has(1)
        assert till.offsets == ["1-3"]
    async with open_till(gateway, shop.slug, shop.terminal_key, "?after=7-1") as till:
        assert (await till.next())["reason"] == "unknown_offset"


async def test_an_offset_that_this_gateway_has_not_heard_of_yet_is_no_reset(
    gateway: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    second = await shop.add_terminal("second")
    async with open_till(gateway, shop.slug, second.key):
        async with database.transaction():
            await append_events(database, shop.slug, 5)
        async with open_till(gateway, shop.slug, shop.terminal_key, "?after=1-4") as till:
            assert till.hello["resumed"] is True
            await till.has(1)
            assert till.offsets == ["1-5"]


async def test_what_is_older_than_retention_is_reset_never_skipped(
    gateway: Pod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await append_events(database, shop.slug, 10)
    await database.execute("DELETE FROM pos_sync_logs WHERE tenant = $1 AND seq <= 6", shop.slug)
    async with open_till(gateway, shop.slug, shop.terminal_key, "?after=1-2") as till:
        assert (till.hello["after"], till.hello["resumed"]) == ("1-6", False)
        assert await till.next() == {"type": "reset", "to": "1-6", "reason": "retention"}
        await till.until("caught_up")
        assert till.offsets == ["1-7", "1-8", "1-9", "1-10"]
    async with open_till(gateway, shop.slug, shop.terminal_key, "?after=0") as till:
        assert (till.hello["after"], till.hello["resumed"]) == ("1-6", True)
        await till.until("caught_up")
        assert till.offsets == ["1-7", "1-8", "1-9", "1-10"]


async def test_history_that_expires_while_a_gateway_holds_the_tenant_is_reset_too(
    start_gateway: StartGateway, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    pod = start_gateway({"BELLWIRE_RING_EVENTS": "2"})
    await append_events(database, shop.slug, 10)
    second = await shop.add_terminal("second")
    async with open_till(pod, shop.slug, second.key, "?after=0") as witness:
        await witness.has(10)
        await database.execute("DELETE FROM pos_sync_logs WHERE tenant = $1 AND seq <= 6", shop.slug)
        # A page that was read a moment ago still serves.
        await asyncio.sleep(KEEP_SECONDS + 0.5)
        async with open_till(pod, shop.slug, shop.terminal_key, "?after=1-2") as till:
            assert await till.next() == {"type": "reset", "to": "1-6", "reason": "retention"}
            await till.until("caught_up")
            assert till.offsets == ["1-7", "1-8", "1-9", "1-10"]
