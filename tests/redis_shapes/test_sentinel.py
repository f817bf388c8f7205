"""Redis behind Sentinels: writes and subscriptions follow whoever is the primary."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from backbone.eventlog.keys import stream_key
from backbone.eventlog.stream import Outcome, Stream
from infra.local.valkey import Valkey
from infra.local.valkey_sentinel import Sentinels
from tests.faults.witness import Flow, Witness, judge, orders_to, witnesses
from tests.redis_shapes.conftest import Estate
from tests.redis_shapes.test_feed import event, settings_of
from tests.shop import Shop

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def shops(sentinel_estate: Estate) -> AsyncIterator[list[Shop]]:
    """Two shops, one at each API pod."""
    async with (
        httpx.AsyncClient(base_url=sentinel_estate.apis[0].url, timeout=10) as one,
        httpx.AsyncClient(base_url=sentinel_estate.apis[1].url, timeout=10) as other,
    ):
        yield [await sentinel_estate.open_shop(http) for http in (one, other)]


async def follows(sentinels: Sentinels, before: Valkey) -> Valkey:
    """The server that takes the place of `before`."""
    async with asyncio.timeout(60):
        while (primary := await asyncio.to_thread(lambda: sentinels.primary)) is before:
            await asyncio.sleep(0.1)
    return primary


async def live_again(shops: list[Shop], tills: list[Witness]) -> None:
    """New orders reach the second gateway, which hardly ever looks by itself."""
    async with asyncio.timeout(60):
        for till in tills[len(shops) :]:
            while True:
                # Besides those that flow already.
                await till.shop.order()
                count = len(await till.shop.events())
                try:
                    async with asyncio.timeout(2):
                        await till.has(count)
                    break
                except TimeoutError:
                    continue


async def verdict(flow: Flow, shops: list[Shop], tills: list[Witness]) -> None:
    await live_again(shops, tills)
    print(await judge(flow, tills))


async def test_a_primary_killed_under_orders_costs_none_and_is_followed(
    sentinels: Sentinels, sentinel_estate: Estate, shops: list[Shop]
) -> None:
    first = sentinels.primary
    async with witnesses(sentinel_estate.gateways, shops) as tills:
        async with orders_to(shops) as flow:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(first.kill)
            await follows(sentinels, first)
            # Followed while the old one is still gone.
            await sentinel_estate.follows()
            await live_again(shops, tills)
            # It comes back, and thinks that it is a primary until the Sentinels tell it otherwise.
            await asyncio.to_thread(first.start)
            await asyncio.sleep(1)
        await verdict(flow, shops, tills)


async def test_a_primary_frozen_under_orders_is_left_and_not_believed_when_it_wakes(
    sentinels: Sentinels, sentinel_estate: Estate, shops: list[Shop]
) -> None:
    first = sentinels.primary
    async with witnesses(sentinel_estate.gateways, shops) as tills:
        async with orders_to(shops) as flow:
            first.send(signal.SIGSTOP)
            try:
                await follows(sentinels, first)
                await live_again(shops, tills)
            finally:
                first.send(signal.SIGCONT)
            await asyncio.sleep(1)
        await verdict(flow, shops, tills)


async def test_a_primary_that_wakes_before_anybody_had_asked_is_left_before_the_sentinels_tell_it(
    sentinels: Sentinels,
) -> None:
    stream = Stream(settings_of(sentinels.url))
    first = sentinels.primary
    try:
        assert await stream.publish([("wakes", event(1))]) == {Outcome.OK: 1}
        first.send(signal.SIGSTOP)
        second = await follows(sentinels, first)
        first.send(signal.SIGCONT)
        async with Redis.from_url(first.url) as old, Redis.from_url(second.url) as new:
            seq = 2
            while not await new.exists(stream_key("wakes")) or await new.xlen(stream_key("wakes")) < 2:
                role: Any = await old.role()
                assert role[0] == b"master", "it was left only when it had been told"
                await stream.publish([("wakes", event(seq))])
                seq += 1
                await asyncio.sleep(0.05)
    finally:
        first.send(signal.SIGCONT)
        await stream.close()


async def test_an_orderly_failover_under_orders_costs_none(
    sentinels: Sentinels, sentinel_estate: Estate, shops: list[Shop]
) -> None:
    first = sentinels.primary
    async with witnesses(sentinel_estate.gateways, shops) as tills:
        async with orders_to(shops) as flow:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(sentinels.fail_over)
            await follows(sentinels, first)
            await asyncio.sleep(1)
        await verdict(flow, shops, tills)
