"""A connected terminal when the database's history forks under it."""

import asyncio

import asyncpg

from infra.local.pods import Pod
from tests.api.footprint import acked
from tests.fork import fork_last_event
from tests.gateway.till import open_till
from tests.shop import Shop


async def until_acked_beyond(
    database: "asyncpg.Connection[asyncpg.Record]", shop: Shop, before: tuple[int, int] | None
) -> None:
    """Wait until the first terminal's ack on record is another one than `before`."""
    async with asyncio.timeout(15):
        while await acked(database, shop.terminals[0].terminal_id) == before:
            await asyncio.sleep(0.05)


async def test_it_is_reset_to_the_fork_and_its_ack_of_a_lost_event_counts_for_nothing(
    shop: Shop, gateway: Pod, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for _ in range(4):
        await shop.order()
    async with open_till(gateway, shop.slug, shop.terminal_key, "?after=0") as till:
        await till.has(4)
        await fork_last_event(database, shop.slug, 4)
        assert await till.until("reset") == {"type": "reset", "to": "2-3", "reason": "epoch"}
        await till.has(5)
        assert till.offsets == ["1-1", "1-2", "1-3", "1-4", "2-4"]
        await till.say(type="ack", offset="1-4")
        await till.say(type="ack", offset="1-3")
        await until_acked_beyond(database, shop, None)
        assert await acked(database, shop.terminals[0].terminal_id) == (2, 3)
        await till.say(type="ack", offset="2-4")
        await until_acked_beyond(database, shop, (2, 3))
        assert await acked(database, shop.terminals[0].terminal_id) == (2, 4)


async def test_it_may_ack_what_it_held_before_again_under_the_new_offset(
    shop: Shop, gateway: Pod, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for _ in range(2):
        await shop.order()
    async with open_till(gateway, shop.slug, shop.terminal_key, "?after=0") as till:
        await till.has(2)
        await till.say(type="ack", offset="1-2")
        await until_acked_beyond(database, shop, None)
        await fork_last_event(database, shop.slug, 2)
        await till.until("reset")
        await till.has(3)
        # The seq that it had acked already is another event now.
        await till.say(type="ack", offset="2-2")
        await until_acked_beyond(database, shop, (1, 2))
        assert await acked(database, shop.terminals[0].terminal_id) == (2, 2)


async def test_a_terminal_whose_reading_went_with_a_lost_history_comes_back_with_a_new_one(
    shop: Shop, gateway: Pod, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for _ in range(2):
        await shop.order()
    async with open_till(gateway, shop.slug, shop.terminal_key, "?after=0") as till:
        await till.has(2)
        # As if it had been stored behind the fork.
        await database.execute(
            "DELETE FROM readings WHERE reading_id = $1::text::uuid", till.hello["reading"]
        )
        await fork_last_event(database, shop.slug, 2)
        await till.until("reset")
        async with asyncio.timeout(20):
            await till.socket.wait_closed()
        assert till.socket.close_code == 1012
        assert str(till.socket.close_reason).startswith("retry_ms=")
